# SPDX-License-Identifier: Apache-2.0
"""Q178091: "Clients can only submit if homed on this server" is set, one host is exempt from
authentication, and mail from it fails the check. The report to the administrator is about a
sender who has no credentials; writing it ended the service. Byte by byte, and beside it."""
import email
import email.policy
import time

import pytest

import wire
from service import DOMAIN, wait_until

EXEMPT = "127.0.0.5"
CONF = f"host {EXEMPT} {{ accept; auth exempt }}\nsubmission {{ homed required; notify postmaster }}\n"
HOMED = b"550 5.7.1 That sender is no user of this server; send with the address of a user here"


@pytest.fixture
def homed(serve):
    return serve(extra=CONF)


def line_of(service, text):
    """Number of the configuration's line that begins with the text."""
    for number, line in enumerate(service.conf.read_text().splitlines(), 1):
        if line.startswith(text):
            return number
    raise AssertionError(text)


def test_byte_by_byte(homed):
    before = homed.pids()
    with homed.client(hello=False, source=EXEMPT) as client:
        client.send(b"EHLO printer\r\n")
        assert client.reply()[0] == 250
        client.send(b"MAIL FROM:<mallory@elsewhere.example>\r\n")
        assert client.line() == HOMED
        # The session is as it was, and serves who may send.
        client.send(b"MAIL FROM:<bob@us.example>\r\n")
        assert client.line() == b"250 2.1.0 Sender OK"
        client.send(b"RCPT TO:<ann@us.example>\r\n")
        assert client.line() == b"250 2.1.5 Recipient OK"
        client.send(b"QUIT\r\n")
        assert client.line().startswith(b"221 ")
    rule = f"{homed.conf}:{line_of(homed, 'submission')}"
    refused = homed.wait_event("refuse", stage="sender")
    assert (refused["client"], refused["user"], refused["from"], refused["code"], refused["dsn"],
            refused["rule"], refused["helo"]) == (
                EXEMPT, "-", "mallory@elsewhere.example", 550, "5.7.1", rule, "printer")
    told = homed.wait_event("notify")
    assert (told["client"], told["user"], told["from"], told["to"], told["rule"], told["reason"],
            told["count"]) == (EXEMPT, "-", "mallory@elsewhere.example", f"ann@{DOMAIN}", rule,
                               "homed", 1)
    mail = homed.wait_mail("ann")
    assert len(mail) == 1
    check_notice(mail[0], rule)
    homed.wait_empty()
    assert homed.pids() == before
    assert not homed.events("dsn_sent") and not homed.events("crash_contained")


def check_notice(octets, rule):
    message = email.message_from_bytes(octets, policy=email.policy.default)
    assert message["Return-Path"] == "<>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["From"] == f"Mail Delivery System <MAILER-DAEMON@mx.{DOMAIN}>"
    assert message["To"] == f"ann@{DOMAIN}"
    assert message["Subject"] == f"Refused: mail from <mallory@elsewhere.example> by {EXEMPT}"
    assert not message.defects and message["Date"] and message["Message-ID"]
    text = " ".join(message.get_content().split())
    for part in (f"Client: {EXEMPT}", "It called itself: printer", "User: - (nobody had logged in)",
                 "Sender: <mallory@elsewhere.example>", "Setting: submission { homed required }",
                 f"Rule: {rule}", "The client was told: 550 5.7.1 That sender is no user",
                 "This happened once", "What to do: if this sender is to send here"):
        assert part in text, (part, text)


# sender, the first words of the answer
SENDERS = [
    (b"bob@us.example", b"250"),
    (b"BOB+list@US.EXAMPLE", b"250"),
    (b"nobody@us.example", b"550 5.7.1 That sender is no user"),
    (b"eve@us.example", b"550 5.7.1 That sender is at home on another server"),
    (b"x@other.example", b"550 5.7.1 That sender is no user"),
    (b"x@any.example", b"250"),
    (b"x%any.example@other.example", b"550 5.7.1"),
    (b"", b"250"),  # a report of a server that is exempt here
]


@pytest.mark.parametrize("notify", ["none", "postmaster"])
def test_senders(serve, notify):
    service = serve(extra=CONF.replace("notify postmaster", f"notify {notify}"))
    service.ctl("user", "add", f"eve@{DOMAIN}", "--home", "other.example", "--password-stdin",
                stdin="secret-1\n")
    before = service.pids()
    for sender, answer in SENDERS:
        with service.client(source=EXEMPT) as client:
            client.send(b"MAIL FROM:<" + sender + b">\r\n")
            assert client.line().startswith(answer), sender
        with service.client() as client:  # who has no right here brings mail as always
            client.expect(250, b"MAIL FROM:<" + sender + b">")
    if notify == "postmaster":
        service.wait_mail("ann")
    service.wait_empty()
    # one message an hour, whatever comes after the first
    assert len(service.mailbox("ann")) == (1 if notify == "postmaster" else 0)
    assert len(service.events("refuse")) == 4
    assert service.pids() == before


def test_servers_are_home_too(serve):
    service = serve(extra=CONF.replace("homed required", "homed required; servers other.example"))
    service.ctl("user", "add", f"eve@{DOMAIN}", "--home", "OTHER.example", "--password-stdin",
                stdin="secret-1\n")
    with service.client(source=EXEMPT) as client:
        client.expect(250, b"MAIL FROM:<eve@us.example>")


def test_a_directory_that_cannot_answer_is_no_answer(homed):
    homed.crashes = True
    database = homed.folder / "state" / "directory.db"
    with homed.client(source=EXEMPT) as client:
        client.expect(250, b"MAIL FROM:<bob@us.example>")
        client.expect(250, b"RSET")
        for name in ("directory.db-wal", "directory.db-shm"):
            (homed.folder / "state" / name).unlink(missing_ok=True)
        database.write_bytes(b"this is no database" * 500)

        def answer():
            client.send(b"MAIL FROM:<bob@us.example>\r\n")
            line = client.line()
            if line.startswith(b"250"):
                client.expect(250, b"RSET")
            return line if line.startswith(b"451 4.3.0") else None
        wait_until(answer, 20, "an answer that says: later")
        client.send(b"MAIL FROM:<x@other.example>\r\n")  # for which nobody is asked
        assert client.line().startswith(b"550 5.7.1")
    assert not homed.mailbox("ann") or len(homed.mailbox("ann")) == 1


def test_clients_are_told_of_apart(homed):
    other = "127.0.0.6"
    homed.conf.write_text(homed.conf.read_text() + f"host {other} {{ accept; auth exempt }}\n")
    homed.reload()
    for source in (EXEMPT, other, EXEMPT):
        with homed.client(source=source) as client:
            client.expect(550, b"MAIL FROM:<x@other.example>")
    homed.wait_mail("ann", 2)
    time.sleep(1.5)  # a third one would come with the next tick
    homed.wait_empty()
    assert {event["client"] for event in homed.events("notify")} == {EXEMPT, other}
    assert len(homed.mailbox("ann")) == 2


def test_hostile_words_stay_words(homed):
    with homed.client(hello=False, source=EXEMPT) as client:
        client.expect(250, b"EHLO x)(\"'<>%s%n")
        client.expect(550, b'MAIL FROM:<"a\\"> <b"@other.example>')
    octets = homed.wait_mail("ann")[0]
    message = email.message_from_bytes(octets, policy=email.policy.default)
    assert not message.is_multipart() and message["To"] == f"ann@{DOMAIN}"
    assert "%s%n" in message.get_content()
    assert max(map(len, octets.split(b"\n"))) <= 999


def test_many_refusals_cost_one_message(homed):
    before = homed.pids()
    with homed.client(source=EXEMPT) as client:
        for number in range(600):
            client.send(b"MAIL FROM:<x%d@other.example>\r\n" % number)
            assert client.line() == HOMED
    homed.wait_mail("ann")
    homed.wait_empty()
    assert len(homed.mailbox("ann")) == 1
    wait_until(lambda: len(homed.events("refuse")) == 600, 15, "600 refusals in the log")
    assert homed.pids() == before


def test_a_message_that_cannot_be_written_costs_nobody_else(serve):
    """What the old service died of: here the writer dies, three times, and that is all."""
    service = serve(extra=CONF, env={"IMS_FAULT": "bounce.notice=mallory"})
    service.crashes = True
    others = {role: pids for role, pids in service.pids().items() if role != "bounce"}
    with service.client(source=EXEMPT) as client:
        client.expect(550, b"MAIL FROM:<mallory@elsewhere.example>")
        client.expect(250, b"MAIL FROM:<bob@us.example>")
    wait_until(lambda: len(service.events("crash_contained")) == 3, 60, "three deaths of bounce")
    time.sleep(2.5)
    deaths = service.events("crash_contained")
    assert len(deaths) == 3 and {death["number"] for death in deaths} == {4037}
    assert all(death["process"] == "bounce" for death in deaths), deaths
    assert service.send("a@client.example", f"bob@{DOMAIN}", wire.message())[0] == 250
    service.wait_mail("bob")
    service.wait_empty()
    assert not service.events("notify") and not service.mailbox("ann")
    assert {role: pids for role, pids in service.pids().items() if role != "bounce"} == others
