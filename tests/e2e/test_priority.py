# SPDX-License-Identifier: Apache-2.0
"""Priorities of messages: MT-PRIORITY (RFC 6710) and header fields, who may use them, what they
change in the queue, and what the next host is told."""
import re

import pytest

import wire
from peer import Peers
from service import DOMAIN, wait_until
from submit import log_in, logged_in, send, submission

CLASSES = {"normal": 0, "urgent": 1, "non-urgent": 2}


@pytest.fixture
def peers():
    with Peers() as made:
        yield made


def test_offered_to_those_who_submit(serve, peers):
    service, port = submission(serve, peers.add().port)
    with wire.Client(service.port) as client:
        assert "MT-PRIORITY" not in client.command(b"EHLO client.example")[1]
        client.expect(555, b"MAIL FROM:<a@client.example> MT-PRIORITY=3")
    with wire.Client(port) as client:
        assert "MT-PRIORITY MIXER" in client.command(b"EHLO client.example")[1]
        assert "MT-PRIORITY MIXER" in log_in(client)
        client.expect(501, f"MAIL FROM:<ann@{DOMAIN}> MT-PRIORITY=10".encode())
    with wire.Client(service.port, source="127.0.0.5") as client:
        assert "MT-PRIORITY MIXER" in client.command(b"EHLO client.example")[1]


@pytest.mark.parametrize("parameters, header, mark, word", [
    (" MT-PRIORITY=9", "", "MT-PRIORITY=9", "urgent"),
    (" MT-PRIORITY=-4", "Priority: urgent\r\n", "MT-PRIORITY=-4", "non-urgent"),
    (" MT-PRIORITY=-1", "Priority: urgent\r\n", "MT-PRIORITY=-1", "normal"),
    (" MT-PRIORITY=2", "", "MT-PRIORITY=2", "urgent"),
    ("", "Priority: urgent\r\n", "MT-PRIORITY=4", "urgent"),
    ("", "X-Priority: 5\r\n", "MT-PRIORITY=-4", "non-urgent"),
    ("", "Importance: high\r\n", "MT-PRIORITY=4", "urgent"),
    ("", "Precedence: bulk\r\n", "MT-PRIORITY=-4", "non-urgent"),
    ("", "", "", "normal"),
])
def test_kept_and_passed_on(serve, peers, parameters, header, mark, word):
    peer = peers.add({"MAIL": ["451 4.3.0 later", None]}, extensions=["MT-PRIORITY"])
    service, port = submission(serve, peer.port, retry="2s")
    with logged_in(port) as client:
        assert "Sender OK" in send(client, "x@there.example", parameters, header)[0]
    wait_until(lambda: service.queue() and service.queue()[0]["recipients"][0]["attempts"], 20,
               "one attempt")
    assert service.queue()[0]["priority"] == CLASSES[word]
    wait_until(lambda: peer.messages, 30, "the message at the peer")
    mails = [c for c in peer.commands if c.startswith("MAIL")]
    assert len(mails) == 2 and all(("MT-PRIORITY" in c) == bool(mark) and mark in c for c in mails)
    trace = peer.messages[0][2].decode().replace("\r\n\t", " ").split("\r\n")[0]
    said = re.search(r" priority (-?\d);", trace)  # RFC 6710 4.1
    assert (said and said[1]) == (parameters.partition("=")[2] or None), trace


def test_not_said_where_it_is_not_offered(serve, peers):
    peer = peers.add()
    _, port = submission(serve, peer.port)
    with logged_in(port) as client:
        send(client, "x@there.example", " MT-PRIORITY=9")
    wait_until(lambda: peer.messages, 20, "the message at the peer")
    assert not any("MT-PRIORITY" in c for c in peer.commands)


def test_a_stranger_does_not_push_to_the_front(serve, peers):
    """His header says nothing, and where he may relay by a rule it does."""
    peer = peers.add({"MAIL": "451 4.3.0 later"}, extensions=["MT-PRIORITY"])
    service, _ = submission(serve, peer.port, retry="1h",
                            more=f"domain far.{DOMAIN} {{ users any; deliver route default }}\n")
    for source, to in (("127.0.0.1", f"x@far.{DOMAIN}"), ("127.0.0.5", "y@there.example")):
        with wire.Client(service.port, source=source) as client:
            client.expect(250, b"EHLO client.example")
            text = wire.message(extra=b"Priority: urgent\r\n")
            assert client.mail("a@client.example", [to], text)[0] == 250
    wait_until(lambda: len(service.queue()) == 2, 20, "both in the queue")
    assert {m["recipients"][0]["address"]: m["priority"] for m in service.queue()} == {
        f"x@far.{DOMAIN}": CLASSES["normal"], "y@there.example": CLASSES["urgent"]}


def test_urgent_mail_overtakes_a_full_line(serve, peers):
    peer = peers.add()
    peer.delay_s = 0.02
    service, port = submission(serve, peer.port, "limit { connections { per-destination 1 } }\n")
    service.ctl("suspend", "route", "default", "--yes")
    with logged_in(port) as client:
        for number in range(80):
            send(client, f"n{number}@there.example")
        send(client, "urgent@there.example", header="Priority: urgent\r\n")
    service.ctl("resume", "route", "default", "--yes")
    wait_until(lambda: len(peer.messages) == 81, 60, "all mail at the peer")
    order = [rcpts[0] for _, rcpts, _ in peer.messages]
    assert order.index("urgent@there.example") < 40, order
