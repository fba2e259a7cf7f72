# SPDX-License-Identifier: Apache-2.0
"""Times that a sender sets (DELIVERBY, RFC 2852): returned or told in time, passed on with what is
left, and told of where the next host does not know them."""
import re
import time

import pytest

import wire
from peer import Peers
from service import DOMAIN, free_port, wait_until
from submit import ANN, logged_in, send, submission

LATER = "451 4.3.0 later"


@pytest.fixture
def peers():
    with Peers() as made:
        yield made


def by_of(peer):
    """What MAIL said behind BY, in order."""
    return [m[1] for m in (re.search(r" BY=(\S+)", c) for c in peer.commands) if m]


def report(service, count=1):
    return service.wait_mail("ann", count)[-1].decode()


def test_offered_with_its_least_time(serve, peers):
    service, _ = submission(serve, peers.add().port, limit="deliver-by 1m")
    with wire.Client(service.port) as client:
        assert re.search(r"^DELIVERBY 60$", client.command(b"EHLO client.example")[1], re.M)
        client.expect(555, b"MAIL FROM:<a@client.example> BY=59;R")
        client.expect(501, b"MAIL FROM:<a@client.example> BY=0;R")
        client.expect(501, b"MAIL FROM:<a@client.example> BY=60")
        client.expect(250, b"MAIL FROM:<a@client.example> BY=1;N")


def test_any_time_without_a_least_one(service):
    with wire.Client(service.port) as client:
        assert re.search(r"^DELIVERBY$", client.command(b"EHLO client.example")[1], re.M)
        client.expect(250, b"MAIL FROM:<a@client.example> BY=1;R")


def test_passed_on_with_what_is_left(serve, peers):
    peer = peers.add({"MAIL": [LATER, None]}, extensions=["DELIVERBY", "DSN"])
    service, port = submission(serve, peer.port, retry="3s")
    with logged_in(port) as client:
        send(client, "x@there.example", " BY=600;R")
    wait_until(lambda: peer.messages, 30, "the message at the peer")
    first, second = (int(by.split(";")[0]) for by in by_of(peer))
    assert all(by.endswith(";R") for by in by_of(peer))
    assert 590 <= first <= 600 and first - 10 <= second <= first - 2
    service.wait_empty()
    assert not service.mailbox("ann")


def test_returned_when_its_time_is_over(serve, peers):
    peer = peers.add({"MAIL": LATER}, extensions=["DELIVERBY"])
    service, port = submission(serve, peer.port, retry="2s")
    begun = time.time()
    with logged_in(port) as client:
        send(client, "x@there.example", " BY=5;R")
    text = report(service)
    assert 4 <= time.time() - begun <= 25
    assert "Status: 5.4.7" in text and "Action: failed" in text and "Deliver-By-Date: " in text
    assert "later" in text  # what the host said last
    assert service.wait_event("expire")["dsn"] == "5.4.7"
    service.wait_empty()


def test_returned_without_an_attempt_when_it_is_too_late(serve, peers):
    """It waited: its route was suspended."""
    peer = peers.add(extensions=["DELIVERBY"])
    service, port = submission(serve, peer.port)
    service.ctl("suspend", "route", "default", "--yes")
    with logged_in(port) as client:
        send(client, "x@there.example", " BY=2;R")
    time.sleep(3)
    service.ctl("resume", "route", "default", "--yes")
    assert "Status: 5.4.7" in report(service)
    assert not any(c.startswith("MAIL") for c in peer.commands)


def test_returned_where_the_next_host_cannot_keep_it(serve, peers):
    for number, extensions in enumerate((["DSN"], ["DELIVERBY 3600"])):
        peer = peers.add(extensions=extensions)
        service, port = submission(serve, peer.port)
        with logged_in(port) as client:
            send(client, "x@there.example", " BY=600;R")
        text = report(service)
        assert "Status: 5.4.7" in text, number
        assert "DELIVERBY" in text if number == 0 else "more time" in text
        assert not peer.messages
        service.stop()


def test_told_in_time_and_tried_on(serve, peers):
    peer = peers.add({"MAIL": [LATER, LATER, LATER, LATER, None]}, extensions=["DELIVERBY"])
    service, port = submission(serve, peer.port, retry="3s")
    begun = time.time()
    with logged_in(port) as client:
        send(client, "x@there.example", " BY=4;N")
    text = report(service)
    assert time.time() - begun >= 3.5
    assert "Action: delayed" in text and "Deliver-By-Date: " in text
    wait_until(lambda: peer.messages, 60, "the message at the peer")
    assert int(by_of(peer)[-1].split(";")[0]) < 0 and by_of(peer)[-1].endswith(";N")
    service.wait_empty()
    assert len(service.mailbox("ann")) == 1  # told once


@pytest.mark.parametrize("extensions, by, told", [
    ([], " BY=600;N", True), (["DELIVERBY"], " BY=600;N", False),
    (["DELIVERBY", "DSN"], " BY=600;NT", True), (["DELIVERBY"], " BY=600;RT", True),
])
def test_word_of_a_hop(serve, peers, extensions, by, told):
    peer = peers.add(extensions=extensions)
    service, port = submission(serve, peer.port)
    with logged_in(port) as client:
        send(client, "x@there.example", by)
    wait_until(lambda: peer.messages, 20, "the message at the peer")
    if told:
        text = report(service)
        assert "Action: relayed" in text and "x@there.example" in text
    service.wait_empty()
    assert len(service.mailbox("ann")) == told
    assert [b.endswith("T") for b in by_of(peer)] == ([by.endswith("T")] if extensions else [])


def test_a_mailbox_here_is_in_time(serve, peers):
    service, _ = submission(serve, free_port())
    with wire.Client(service.port) as client:
        client.expect(250, b"EHLO client.example")
        client.expect(250, b"MAIL FROM:<a@client.example> BY=60;R")
        client.expect(250, f"RCPT TO:<bob@{DOMAIN}>".encode())
        client.expect(354, b"DATA")
        client.expect(250, wire.dotted(wire.message())[:-2])
    service.wait_mail("bob")
    service.wait_empty()


def test_survives_a_crash(serve, peers):
    peer = peers.add({"MAIL": LATER}, extensions=["DELIVERBY"])
    service, port = submission(serve, peer.port, retry="1h")
    service.crashes = True
    with logged_in(port) as client:
        send(client, "x@there.example", " BY=8;R", sender=ANN)
    service.wait_event("defer")
    service.kill_all()
    service.start()
    assert "Status: 5.4.7" in report(service)
