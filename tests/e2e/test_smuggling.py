# SPDX-License-Identifier: Apache-2.0
"""Published smuggling sequences: none of them may end the data, whatever stands around
them. Inbound: one message in, at most one message kept, never with a second envelope."""
import time

import pytest

import wire
from service import DOMAIN

TO = f"ann@{DOMAIN}"
SECOND = (b"MAIL FROM:<evil@client.example>\r\nRCPT TO:<bob@us.example>\r\nDATA\r\n"
          b"Subject: smuggled\r\n\r\nsmuggled\r\n")
# Ends of data that some server of the field takes for <CR><LF>.<CR><LF>.
ENDS = [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r.\r\n", b"\r\n.\r", b"\n.\r", b"\r.\n",
        b"\r\n\x00.\r\n", b"\r\n.\x00\r\n", b"\r\r\n.\r\r\n", b"\r\n.\r\r\n", b"\r\r\n.\r\n"[:-1],
        b"\n\n.\r\n", b"\r\n\x0b.\r\n", b"\x0c\n.\x0c\n", b"\r\n. \r\n", b"\r\n .\r\n",
        b"\xc2\x85.\xc2\x85", b"\xe2\x80\xa8.\xe2\x80\xa8"]


def attack(client, end):
    assert client.envelope("a@client.example", TO)[0] == 354
    client.send(b"Subject: outer\r\n\r\nouter" + end + SECOND + b"\r\n.\r\n")
    return client.reply()


def nothing_smuggled(service):
    assert not service.mailbox("bob")
    assert not service.events("receive", **{"from": "evil@client.example"})


@pytest.mark.parametrize("end", ENDS, ids=[repr(e)[2:-1] for e in ENDS])
def test_no_other_end_of_data(service, end):
    with service.client() as client:
        code, text = attack(client, end)
        client.expect(250, b"NOOP")  # one reply for the data: what follows is the NOOP's
    if code == 250:
        got = service.wait_mail("ann")[0]
        assert b"smuggled" in got  # part of the one message
    else:
        assert code in (550, 554, 501, 500), (code, text)
        time.sleep(0.3)
        assert not service.mailbox("ann")
    nothing_smuggled(service)


@pytest.mark.parametrize("end", ENDS[:8], ids=[repr(e)[2:-1] for e in ENDS[:8]])
def test_bare_line_ends_are_refused_by_default(service, end):
    with service.client() as client:
        code, text = attack(client, end)
    assert code in (550, 554) and text.startswith("5."), (code, text)


@pytest.mark.parametrize("end", ENDS, ids=[repr(e)[2:-1] for e in ENDS])
def test_fixed_line_ends_do_not_end_data_either(serve, end):
    service = serve(limit="bare-newline fix")
    with service.client() as client:
        code, _ = attack(client, end)
        client.expect(250, b"NOOP")
    if code == 250:
        got = service.wait_mail("ann")[0].replace(b"\r\n", b"\n")
        assert b"\r" not in got, got
        assert b"smuggled" in got
    nothing_smuggled(service)


@pytest.mark.parametrize("line", [b"NOOP\nMAIL FROM:<evil@client.example>\r\n",
                                  b"NOOP\rMAIL FROM:<evil@client.example>\r\n",
                                  b"MAIL FROM:<a@client.example>\nRCPT TO:<bob@us.example>\r\n"])
def test_bare_line_ends_in_commands(service, line):
    with service.client() as client:
        client.send(line)
        code, _ = client.reply()
        assert code == 500, code
        assert client.is_closed()  # what follows is not looked at


def test_pipelined_after_data_is_a_new_transaction_only_after_the_real_end(service):
    """CVE-2023-51764 and its kin: the proper end works, pipelined."""
    with service.client() as client:
        client.send(b"MAIL FROM:<a@client.example>\r\nRCPT TO:<ann@us.example>\r\nDATA\r\n")
        assert [client.reply()[0] for _ in range(3)] == [250, 250, 354]
        client.send(wire.dotted(wire.message("one")) + b"MAIL FROM:<b@client.example>\r\n"
                    b"RCPT TO:<bob@us.example>\r\nDATA\r\n")
        assert [client.reply()[0] for _ in range(4)] == [250, 250, 250, 354]
        client.send(wire.dotted(wire.message("two")))
        assert client.reply()[0] == 250
    service.wait_mail("ann")
    service.wait_mail("bob")


def test_bdat_counts_octets_whatever_they_are(service):
    """RFC 3030: the chunk is as long as it says; commands inside it are text."""
    inner = b"Subject: x\r\n\r\n\r\n.\r\nMAIL FROM:<evil@client.example>\r\nQUIT\r\n"
    with service.client() as client:
        client.expect(250, b"MAIL FROM:<a@client.example>")
        client.expect(250, b"RCPT TO:<" + TO.encode() + b">")
        client.send(b"BDAT %d LAST\r\n" % len(inner) + inner)
        assert client.reply()[0] == 250
        client.expect(250, b"NOOP")
    assert b"evil@client.example" in service.wait_mail("ann")[0]
    nothing_smuggled(service)
