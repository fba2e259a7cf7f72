# SPDX-License-Identifier: Apache-2.0
"""The tests by which the lists of open relays (abuse.net, ORDB) tried servers, live: a stranger
sends every classic form of a recipient under every sender that was tried, and no text leaves
and none is kept. Beside tests/unit/lib/policy/open_relay.c, which tries more forms in less time;
here the parser, the policy and the queue stand behind each other. Ours is us.example."""
import itertools

import pytest

import wire
from service import DOMAIN

US, THEM = DOMAIN, "there.example"
OUT = "route default { via 127.0.0.1:9; tls off }\n"

# Whose name the spammer uses.
SENDERS = [
    "",                              # a report, as it says
    f"spamtest@{THEM}",
    f"ann@{US}",                     # one of ours
    f"postmaster@{US}",
    f"spamtest@{US}",
    f"spamtest@mx.{US}",
    "spamtest@[127.0.0.1]",
    f"victim@{THEM}",                # the recipient himself
    f"spamtest%{US}@{THEM}",
    f'"ann@{US}"@{THEM}',
]
# Where it is to go: each means victim@there.example to somebody.
RECIPIENTS = [
    f"victim@{THEM}",
    f"victim%{THEM}@{US}",
    f"victim%{THEM}@mx.{US}",
    f"victim%{THEM}@[127.0.0.1]",
    f"victim%{THEM}",
    f'"victim@{THEM}"@{US}',
    f'"victim%{THEM}"@{US}',
    f'"victim@{THEM}"',
    f'"victim%{THEM}"',
    f'"victim"%{THEM}@{US}',
    f"victim@{THEM}@{US}",
    f"victim@{THEM}@[127.0.0.1]",
    f'"victim@{THEM}"@[127.0.0.1]',
    f"@{US}:victim@{THEM}",
    f"@mx.{US}:victim@{THEM}",
    f"@[127.0.0.1]:victim@{THEM}",
    f"@{US},@any.example:victim@{THEM}",
    f"@{US}:victim%{THEM}@{US}",
    f"{THEM}!victim",
    f"{THEM}!victim@{US}",
    f"{THEM}!victim@[127.0.0.1]",
    f"{US}!{THEM}!victim",
    "victim@[127.0.0.1]",
    f"victim@{US}.{THEM}",
    f"victim@{THEM}.",
    f" victim@{THEM}",
    f"victim@{THEM} ",
    f"victim @{THEM}",
    f"victim@ {THEM}",
    f"victim@{THEM}\t",
    f"victim@{THEM}#{US}",
    f"victim@{THEM}?{US}",
    f"victim@{THEM}/@{US}",
    f"victim\\@{THEM}@{US}",
    f"victim@{THEM},ann@{US}",
    f"IMCEASMTP-victim+40{THEM.replace('.', '+2E')}@{US}",
]
# Lines that are no path at all, for servers that are forgiving.
LINES = [
    f"RCPT TO:victim@{THEM}",
    f"RCPT TO: victim@{THEM}",
    f"RCPT TO:<victim@{THEM}",
    f"RCPT TO:victim@{THEM}>",
    f"RCPT TO:<<victim@{THEM}>>",
    f"RCPT TO:<ann@{US}><victim@{THEM}>",
    f"RCPT TO:<ann@{US}> <victim@{THEM}>",
    f"RCPT TO:(ann@{US})<victim@{THEM}>",
    f"RCPT TO:\"Ann\" <victim@{THEM}>",
    f"RCPT TO <victim@{THEM}>",
    f"RCPT  TO:<victim@{THEM}>",
    f"rcpt to:<victim@{THEM}>",
]


def never(client, line, what):
    """The line is refused for good; the session goes on."""
    code, text = client.command(line.encode())
    assert 500 <= code < 560, (what, line, code, text)


@pytest.fixture
def target(serve):
    """With a way out, so that nothing but the rules keeps mail in."""
    return serve(extra=OUT)


def nothing_left(service):
    assert service.queue() == []
    assert not service.events("receive") and not service.events("relay")


def test_every_form_under_every_sender(target):
    before = target.pids()
    for sender, recipient in itertools.product(SENDERS, RECIPIENTS):
        with target.client() as client:
            client.expect(250, f"MAIL FROM:<{sender}>".encode())
            never(client, f"RCPT TO:<{recipient}>", sender)
            never(client, "DATA", sender)
    nothing_left(target)
    assert target.pids() == before


def test_lines_that_are_no_path(target):
    for line, quoted in itertools.product(LINES, (True, False)):
        with target.client() as client:
            client.expect(250, f"MAIL FROM:<spamtest@{THEM}>".encode())
            if quoted:
                client.expect(250, f"RCPT TO:<ann@{US}>".encode())
            never(client, line, quoted)
    nothing_left(target)


def test_a_right_recipient_does_not_open_the_door(target):
    """The text goes to whom it was accepted for, and to nobody who stands in it or was refused."""
    with target.client() as client:
        client.expect(250, f"MAIL FROM:<spamtest@{THEM}>".encode())
        never(client, f"RCPT TO:<victim@{THEM}>", "before")
        client.expect(250, f"RCPT TO:<ann@{US}>".encode())
        never(client, f"RCPT TO:<victim%{THEM}@{US}>", "after")
        client.expect(354, b"DATA")
        text = wire.message(extra=f"To: <victim@{THEM}>\r\nBcc: <victim@{THEM}>\r\n"
                                  f"Resent-To: <victim@{THEM}>\r\n".encode())
        client.send(wire.dotted(text))
        assert client.reply()[0] == 250
    target.wait_mail("ann")
    target.wait_empty()
    assert len(target.mailbox("ann")) == 1 and not target.events("dsn_sent")


def test_one_that_may_relay_still_gets_no_detour(serve):
    """A client with the right names the host itself; ours take nobody else's names apart."""
    service = serve(extra=OUT + "host 127.0.0.0/8 { accept; relay yes }\n")
    with service.client() as client:
        client.expect(250, f"MAIL FROM:<ann@{US}>".encode())
        client.expect(250, f"RCPT TO:<victim@{THEM}>".encode())
        for recipient in (f"victim%{THEM}@{US}", f'"victim@{THEM}"@{US}', f"{THEM}!victim@{US}"):
            never(client, f"RCPT TO:<{recipient}>", "relay")
