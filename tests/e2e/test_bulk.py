# SPDX-License-Identifier: Apache-2.0
"""Mail that was sent to many, or by a program: nobody gets word of a delay who did not ask for it,
everybody of a failure; and reports never go in a circle."""
import pytest

import wire
from peer import Peers
from service import DOMAIN, wait_until
from submit import ANN, logged_in, send, submission

LATER = "451 4.3.0 later"
SOON = "retry { warn { urgent 1s; normal 1s; non-urgent 1s } }\n"


@pytest.fixture
def peers():
    with Peers() as made:
        yield made


@pytest.mark.parametrize("header, rcpt, told", [
    ("", "", True),
    ("List-Id: <l.example>\r\n", "", False),
    ("Precedence: bulk\r\n", "", False),
    ("Precedence: list\r\n", "", False),
    ("Precedence: junk\r\n", "", False),
    ("Auto-Submitted: auto-generated\r\n", "", False),
    ("Auto-Submitted: no\r\n", "", True),
    ("List-Id: <l.example>\r\n", " NOTIFY=DELAY", True),
    ("", " NOTIFY=FAILURE", False),
])
def test_who_is_told_of_a_delay(serve, peers, header, rcpt, told):
    peer = peers.add({"MAIL": [LATER, LATER, None]})
    service, port = submission(serve, peer.port, SOON, retry="2s")
    with logged_in(port) as client:
        send(client, "x@there.example", header=header, rcpt=rcpt)
    wait_until(lambda: peer.messages, 40, "the message at the peer")
    service.wait_empty()
    mails = service.mailbox("ann")
    assert len(mails) == told
    assert all("Action: delayed" in m.decode() for m in mails)


def test_a_failure_is_told(serve, peers):
    peer = peers.add({"RCPT": "550 5.1.1 nobody"})
    service, port = submission(serve, peer.port)
    with logged_in(port) as client:
        send(client, "x@there.example", header="Precedence: bulk\r\nList-Id: <l.example>\r\n")
    assert "Status: 5.1.1" in service.wait_mail("ann")[0].decode()


def deliver_null(service, to, header=b""):
    with wire.Client(service.port, source="127.0.0.5") as client:
        client.expect(250, b"EHLO client.example")
        assert client.mail("", [to], wire.message(extra=header))[0] == 250


def test_the_null_sender_is_told_nothing(serve, peers):
    """Neither of a delay nor of a failure; without `notify` the failure is in the log alone."""
    peer = peers.add({"RCPT": [LATER, LATER, "550 5.1.1 nobody"]})
    service, _ = submission(serve, peer.port, SOON, retry="2s")
    deliver_null(service, "x@there.example")
    service.wait_event("fail", 40)
    service.wait_empty()
    assert not service.events("dsn_sent") and not service.mailbox("ann")


def test_a_report_that_fails_is_the_postmasters(serve, peers):
    """The sender's host refuses the report: the postmaster has a copy of both, and that is all."""
    peer = peers.add({"RCPT": "550 5.1.1 nobody"})
    service, _ = submission(serve, peer.port, "notify all\n")
    with wire.Client(service.port, source="127.0.0.5") as client:
        client.expect(250, b"EHLO client.example")
        assert client.mail("eve@there.example", ["x@there.example"], wire.message())[0] == 250
    wait_until(lambda: len(service.events("fail")) == 2, 40, "the message and its report refused")
    service.wait_empty()
    copies = [m.decode() for m in service.wait_mail("ann", 2)]
    assert all("Subject: Copy: " in m for m in copies)
    failed = {line for m in copies for line in m.splitlines() if line.startswith("Final-Recipient")}
    assert failed == {f"Final-Recipient: rfc822; {who}@there.example" for who in ("x", "eve")}
    assert len(service.events("dsn_sent")) == 3  # the report, and two copies
    assert [e["to"] for e in service.events("dsn_sent") if "postmaster" in e["reason"]] == [ANN, ANN]


def test_a_copy_that_fails_is_told_to_nobody(serve, peers):
    peer = peers.add({"RCPT": "550 5.1.1 nobody"})
    service, _ = submission(serve, peer.port, "notify all\n")
    conf = service.conf.read_text().replace(f"postmaster ann@{DOMAIN}", "postmaster pm@there.example")
    service.conf.write_text(conf)
    service.reload()
    deliver_null(service, "x@there.example")
    wait_until(lambda: len(service.events("fail")) == 2, 40, "the report and its copy refused")
    service.wait_empty()
    assert len(service.events("dsn_sent")) == 1
