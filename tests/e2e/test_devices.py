# SPDX-License-Identifier: Apache-2.0
"""Old devices (scanners, printers) and their messages: what they say goes in, and what a provider takes
comes out."""
import base64
import email
import email.policy

import pytest

import wire
from peer import Peers
from service import free_port, wait_until
from test_token_out import LONG, dns, token, token_server, world  # noqa: F401 (fixtures)

MAILBOX = "scanner@us.example"


@pytest.fixture
def peers():
    with Peers() as made:
        yield made


class Office:
    """A service with a listener for devices, and their smart host."""

    def __init__(self, serve, peers, words="repair yes", more=f"map-sender {MAILBOX}", route="tls off", role="relay"):
        self.port, self.peer = free_port(), peers.add()
        self.service = serve(retry="1h", extra=(
            f"listener devices {{ address 127.0.0.1:{self.port}; role {role}; {words} }}\n"
            f"host 127.0.0.7 accept auth exempt relay yes\n{more}\n"
            f"route default {{ via 127.0.0.1:{self.peer.port}; {route} }}\n"))

    def scan(self, *lines, sender="<scan@printer.local>", source="127.0.0.7"):
        """What the firmware of a printer does."""
        with wire.Client(self.port, source=source) as client:
            for line in (b"HELO printer", f"MAIL FROM:{sender}".encode(), b"RCPT TO:<boss@far.example>"):
                assert client.command(line)[0] == 250
            assert client.command(b"DATA")[0] == 354
            code, text = client.command(b"\r\n".join(line.encode() for line in lines) + b"\r\n.")
            assert code == 250, text
        return text.split()[-1]

    def arrived(self, count=1):
        wait_until(lambda: len(self.peer.messages) >= count, 20, "the message at the provider")
        sender, recipients, text = self.peer.messages[count - 1]
        assert recipients == ["boss@far.example"]
        return sender, email.message_from_bytes(text, policy=email.policy.default)


def is_clean(message):
    """As RFC 5322 3.6 wants it: each of these once, with a value."""
    for name in ("From", "Date", "Message-ID"):
        assert len(message.get_all(name)) == 1 and message[name], name
    assert not message.defects, message.defects
    return True


def test_a_printer(serve, peers):
    """Bare HELO, no Date, no Message-ID, an empty From."""
    office = Office(serve, peers)
    queued = office.scan("From:", "To: boss@far.example", "Subject: Scan from the 3rd floor", "", "see attachment")
    sender, message = office.arrived()
    assert sender == MAILBOX and is_clean(message)
    assert message["From"] == MAILBOX and message["Subject"] == "Scan from the 3rd floor"
    assert message["Message-ID"] == f"<{queued}@mx.us.example>"
    assert message.get_content().split() == ["see", "attachment"]
    events = office.service.events()
    told = [e for e in events if e["event"] == "repair"]
    assert [(e["from"], e["sender"], e["repaired"]) for e in told] == \
        [("scan@printer.local", MAILBOX, "date message-id from")]
    received = [e for e in events if e["event"] == "receive"]
    assert received[0]["msgid"] == f"<{queued}@mx.us.example>" and received[0]["from"] == MAILBOX


def test_names_and_what_is_no_header(serve, peers):
    office = Office(serve, peers, more=f"map-sender {MAILBOX} {{ from @printer.local }}")
    office.scan("From: \"Ricoh, 2nd floor\" <ricoh@printer.local>", "Sender: root@printer.local", "", "one")
    sender, message = office.arrived()
    assert sender == MAILBOX and is_clean(message)
    assert message["From"] == f"\"Ricoh, 2nd floor\" <{MAILBOX}>" and message["Sender"] == MAILBOX
    office.scan("This is the text, and there is no header.", sender="<ann@us.example>")
    sender, message = office.arrived(2)
    assert sender == "ann@us.example" and is_clean(message) and message["From"] == "ann@us.example"
    assert message.get_content().startswith("This is the text, and there is no header.")


def test_nothing_is_touched_where_nothing_is_said(serve, peers):
    office = Office(serve, peers, words="", more="")
    office.scan("From:", "", "x")
    sender, message = office.arrived()
    assert sender == "scan@printer.local" and message["Date"] is None and message["Message-ID"] is None


def test_submission_adds_date_and_id(serve, peers):
    """By default, and nothing else."""
    office = Office(serve, peers, words="", more="submission { homed off }", role="submission")
    office.scan("From: a@b.example", "", "x")
    sender, message = office.arrived()
    assert sender == "scan@printer.local" and is_clean(message) and message["To"] is None


def test_a_reload_in_the_middle(serve, peers):
    """The map of today counts for who comes today; a message under way is finished."""
    office = Office(serve, peers)
    with wire.Client(office.port, source="127.0.0.7") as client:
        for line in (b"EHLO printer", b"MAIL FROM:<scan@printer.local>", b"RCPT TO:<boss@far.example>"):
            assert client.command(line)[0] == 250
        assert client.command(b"DATA")[0] == 354
        client.send(b"Subject: x\r\nFrom: a@prin")
        office.service.extra = office.service.extra.replace(f"map-sender {MAILBOX}", "map-sender new@us.example")
        office.service.write_conf()
        office.service.reload()
        assert client.command(b"ter.local\r\n\r\nbody\r\n.")[0] == 250
    sender, message = office.arrived()
    assert sender == MAILBOX and is_clean(message)
    office.scan("", "x")
    assert office.arrived(2)[0] == "new@us.example"


def test_a_printer_and_microsoft_365(world):  # noqa: F811
    """The whole way: bare HELO, AUTH LOGIN in the clear, no Date, no Message-ID, an empty From; at the other end
    TLS, XOAUTH2 octet by octet, and the mailbox in the envelope and in From."""
    port = free_port()
    w = world([token(LONG)], LONG, start=False)
    w.service.extra += (
        f"listener devices {{ address 127.0.0.1:{port}; role relay; auth offer; repair yes }}\n"
        "host 127.0.0.9 accept auth cleartext\nrelay { authenticated }\n"
        f"map-sender {MAILBOX}\n")
    w.service.write_conf()
    w.service.start()
    with wire.Client(port, source="127.0.0.9") as client:
        assert client.command(b"HELO printer")[0] == 250
        assert client.command(b"MAIL FROM:<>")[0] in (250, 530)
        assert client.command(b"RSET")[0] == 250
        for line in (b"AUTH LOGIN", base64.b64encode(b"ann@us.example")):
            assert client.command(line)[0] == 334
        assert client.command(base64.b64encode(b"secret-1"))[0] == 235
        for line in (b"MAIL FROM:<MFP-3@printer.local>", b"RCPT TO:<boss@far.example>"):
            assert client.command(line)[0] == 250
        assert client.command(b"DATA")[0] == 354
        code, text = client.command(b"From:\r\nSubject: Scan\r\nTo: boss@far.example\r\n\r\nsee there\r\n.")
        assert code == 250, text
    wait_until(lambda: w.peer.messages, 20, "the message at the provider")
    sender, recipients, text = w.peer.messages[0]
    assert (sender, recipients) == (MAILBOX, ["boss@far.example"])
    assert w.peer.logins == [("XOAUTH2", True)] and w.peer.secured
    message = email.message_from_bytes(text, policy=email.policy.default)
    assert is_clean(message) and message["From"] == MAILBOX and message["Subject"] == "Scan"


def test_rules_look_at_what_the_device_said(serve, peers):
    """Also behind MAIL: recipients count for the device's own domain, and a refusal names the device."""
    office = Office(serve, peers, more=f"map-sender {MAILBOX}\n"
                                       "rate domains { of sender-domain; recipients 1/1h; action reject }")
    service = office.service
    for device in ("scan@printer.local", "ups@cellar.local"):  # their mailbox is one, their domains are two
        office.scan("", "x", sender=f"<{device}>")
    with wire.Client(office.port, source="127.0.0.7") as client:
        for line in (b"HELO printer", b"MAIL FROM:<fax@printer.local>"):
            assert client.command(line)[0] == 250
        code, text = client.command(b"RCPT TO:<boss@far.example>")
        assert code == 550, text
    refused = service.wait_event("refuse", to="boss@far.example")
    assert (refused["from"], refused["dsn"]) == ("fax@printer.local", "5.7.1"), refused
    with wire.Client(office.port, source="127.0.0.8") as client:  # no right to relay
        for line in (b"HELO printer", b"MAIL FROM:<tv@hall.local>"):
            assert client.command(line)[0] == 250
        assert client.command(b"RCPT TO:<boss@far.example>")[0] == 550
    service.wait_event("refuse", **{"from": "tv@hall.local"})
    # Of a message that was taken it is the sender that goes on.
    assert {e["from"] for e in service.events("receive")} == {MAILBOX}
