# SPDX-License-Identifier: Apache-2.0
"""Messages of unusual size, shape and content."""
import hashlib
import os
import random

import pytest

import wire
from service import DOMAIN, wait_until

TO = f"ann@{DOMAIN}"


def lines_of(size, seed=1):
    """About `size` bytes of text lines that compress badly and begin with dots at times."""
    made = random.Random(seed)
    block = b"".join((b"." if i % 7 == 0 else b"") + made.randbytes(36).hex().encode() + b"\r\n"
                     for i in range(1000))
    return (block * (size // len(block) + 1))[:size // 2 * 2]


def body_of(text):
    return text.replace(b"\r\n", b"\n").split(b"\n\n", 1)[1]


@pytest.mark.parametrize("size", [1 << 10, 8 << 10, (8 << 10) + 1, 64 << 10, 256 << 10,
                                  (256 << 10) + 1, 1 << 20, 40 << 20])
def test_size(service, size):
    body = lines_of(size)
    code, text = service.send("a@client.example", TO, wire.message(body=body), timeout=120)
    assert code == 250, (code, text)
    got = body_of(service.wait_mail("ann", seconds=90)[0])
    want = body.replace(b"\r\n", b"\n").rstrip(b"\n")
    assert hashlib.sha256(got.rstrip(b"\n")).digest() == hashlib.sha256(want).digest()


def test_several_big_ones_at_once(service):
    """More than fits into the window: senders wait, nothing is lost, others go on."""
    body = lines_of(12 << 20)
    clients = [service.client(timeout=120) for _ in range(4)]
    for client in clients:
        assert client.envelope("a@client.example", TO)[0] == 354
    data = wire.dotted(wire.message(body=body))
    for at in range(0, len(data), 1 << 18):
        for client in clients:
            client.send(data[at:at + (1 << 18)])
    for client in clients:
        assert client.reply()[0] == 250
        client.close()
    got = service.wait_mail("ann", 4, seconds=120)
    assert len({hashlib.sha256(body_of(text)).digest() for text in got}) == 1


def test_a_thousand_recipients(service):
    with service.client(timeout=60) as client:
        client.expect(250, b"MAIL FROM:<a@client.example>")
        client.send(b"".join(b"RCPT TO:<u%d@any.example>\r\n" % i for i in range(1000)))
        assert all(client.reply()[0] == 250 for _ in range(1000))
        client.expect(354, b"DATA")
        client.send(wire.dotted(wire.message()))
        assert client.reply()[0] == 250
    wait_until(lambda: len(list((service.folder / "mail/any.example").glob("*/new/*"))) == 1000,
               90, "1000 copies")
    service.wait_empty()
    assert len(service.events("receive")) == 1


def test_bdat_in_pieces(service):
    text = wire.message(body=lines_of(300000))
    pieces = [text[i:i + 37001] for i in range(0, len(text), 37001)]
    with service.client() as client:
        client.expect(250, b"MAIL FROM:<a@client.example> BODY=8BITMIME")
        client.expect(250, b"RCPT TO:<" + TO.encode() + b">")
        for piece in pieces:
            client.send(b"BDAT %d\r\n" % len(piece) + piece)
            assert client.reply()[0] == 250
        client.expect(250, b"BDAT 0 LAST")
    assert body_of(service.wait_mail("ann")[0]) == body_of(text)


def test_bdat_left_half_way(service):
    with service.client() as client:
        client.expect(250, b"MAIL FROM:<a@client.example>")
        client.expect(250, b"RCPT TO:<" + TO.encode() + b">")
        client.send(b"BDAT 1000 LAST\r\n" + b"x" * 500)
    assert service.send("a@client.example", TO, wire.message("whole"))[0] == 250
    assert b"whole" in service.wait_mail("ann")[0]
    assert len(service.mailbox("ann")) == 1 and not service.queue()


def test_connection_lost_before_the_dot(service):
    with service.client() as client:
        assert client.envelope("a@client.example", TO)[0] == 354
        client.send(b"Subject: never\r\n\r\nhalf a message\r\n")
    with service.client() as client:
        assert client.envelope("a@client.example", TO)[0] == 354
        client.send(b"x" * 78 + b"\r\n" + (b"y" * 78 + b"\r\n") * 20000)  # big, streamed
    assert service.send("a@client.example", TO, wire.message("whole"))[0] == 250
    service.wait_mail("ann")
    service.wait_empty()
    assert len(service.mailbox("ann")) == 1


def test_utf8(service):
    service.ctl("user", "add", f"jürgen@{DOMAIN}", "--password-stdin", stdin="secret\n")
    with service.client() as client:
        client.expect(250, "MAIL FROM:<søren@client.example> SMTPUTF8 BODY=8BITMIME".encode())
        client.expect(250, f"RCPT TO:<jürgen@{DOMAIN}>".encode())
        client.expect(354, b"DATA")
        text = "From: <søren@client.example>\r\nSubject: grüße\r\n\r\nπ ≈ 3\r\n".encode()
        client.send(wire.dotted(text))
        assert client.reply()[0] == 250
    got = service.wait_mail("jürgen")[0].replace(b"\r\n", b"\n")
    assert got.endswith(text.replace(b"\r\n", b"\n"))
    assert "Return-Path: <søren@client.example>".encode() in got
    assert b"UTF8SMTP" in got or b"SMTPUTF8" in got or b"with UTF8" in got
    event = service.wait_event("receive")
    assert event["from"] == "søren@client.example"


def test_utf8_address_without_smtputf8(service):
    with service.client() as client:
        code, _ = client.command("MAIL FROM:<søren@client.example>".encode())
        assert code in (501, 550, 553), code


def test_nul_and_8_bit(service):
    body = bytes(b for b in range(1, 256) if b not in (10, 13)) + b"\r\n"
    with service.client() as client:
        code, _ = client.mail("a@client.example", TO, wire.message(body=body), b" BODY=8BITMIME")
        assert code == 250
        code, text = client.mail("a@client.example", TO, wire.message(body=b"nul\x00here\r\n"))
        client.expect(250, b"NOOP")
    got = service.wait_mail("ann")[0]
    assert body[:-2] in got
    assert code in (250, 550, 554), (code, text)


def test_one_body_for_many_names_and_two_domains(service):
    for user in ("ann", "bob"):
        assert not service.mailbox(user)
    with service.client() as client:
        got = client.mail("a@client.example", [TO, f"bob@{DOMAIN}", "x@any.example"], wire.message())
        assert got[0] == 250
    for user, domain in (("ann", DOMAIN), ("bob", DOMAIN), ("x", "any.example")):
        text = service.wait_mail(user, domain=domain)[0]
        assert f"Delivered-To: {user}@{domain}".encode() in text
        assert text.count(b"Delivered-To:") == 1


def test_random_bytes(service):
    """Rubbish from many seeds, before and inside a session: answers or an end, no crash."""
    for seed in range(60):
        made = random.Random(seed)
        rubbish = made.randbytes(made.randrange(1, 20000))
        if seed % 3 == 0:
            rubbish = rubbish.replace(b"\n", b"\r\n")
        if seed % 5 == 0:
            words = [b"EHLO x\r\n", b"MAIL FROM:<a@b.example>\r\n", b"RCPT TO:<ann@us.example>\r\n",
                     b"BDAT 99999999999999999999\r\n", b"BDAT 10\r\n", b"DATA\r\n", b"\r\n.\r\n"]
            rubbish = b"".join(made.choice(words) + made.randbytes(made.randrange(40))
                               for _ in range(60))
        with wire.Client(service.port, timeout=5) as client:
            try:
                client.send(rubbish)
                client.socket.shutdown(1)
            except OSError:
                pass
            assert client.is_closed(10), f"seed {seed} hangs"
    assert service.send("a@client.example", TO, wire.message("after"))[0] == 250
    service.wait_mail("ann")
    assert os.path.exists(service.log)


def test_a_mailbox_that_cannot_be_written_is_deferred_and_retried(service):
    block = service.folder / "mail" / DOMAIN
    block.write_text("in the way\n")
    assert service.send("a@client.example", TO, wire.message())[0] == 250
    event = service.wait_event("defer")
    assert event["to"] == TO and event["dsn"].startswith("4.") and event["reply"]
    row = service.queue("state=deferred")[0]["recipients"][0]
    assert row["state"] == "deferred" and row["attempts"] >= 1 and row["next"] and row["reply"]
    block.unlink()
    service.wait_mail("ann")
    service.wait_empty()
    assert int(service.wait_event("deliver")["attempt"]) >= 2
