# SPDX-License-Identifier: Apache-2.0
"""Transfer modes that change while mail is on its way, and sessions are open."""
import pytest

import wire
from peer import Peers
from service import DOMAIN, wait_until

TO = f"ann@{DOMAIN}"


def mode(service, name):
    service.transfer = name
    service.write_conf()
    service.reload()


@pytest.fixture
def peers():
    with Peers() as made:
        yield made


@pytest.mark.parametrize("name", ["out", "drain"])
def test_an_open_session_is_refused_after_the_change(serve, name):
    service = serve()
    with service.client() as client:
        client.command(b"EHLO c.example")
        assert client.envelope("a@client.example", TO)[0] == 354
        mode(service, name)
        client.send(b"Subject: begun\r\n\r\ntext\r\n.\r\n")
        assert client.reply()[0] == 250  # what was begun comes to its end
        assert client.command(b"MAIL FROM:<a@client.example>")[0] == 421
        assert client.is_closed(10)
    service.wait_mail("ann")


def test_drain_says_when_nothing_is_left(serve, peers):
    peer = peers.add({"MAIL": ["451 later", None]})
    service = serve(extra=f"route default {{ via 127.0.0.1:{peer.port}; tls off }}\n"
                    "host 127.0.0.0/8 { accept; relay yes }\ntimeout { idle 1s }\n", retry="3s", transfer="in")
    assert service.send("a@client.example", "x@far.example", wire.message())[0] == 250
    mode(service, "drain")
    wait_until(lambda: service.events("defer"), 20, "a deferral")
    assert not service.events("drained")
    wait_until(lambda: peer.messages, 20, "the message")
    told = wait_until(lambda: service.events("drained"), 20, "the word that nothing is left")
    assert told[0]["count"] == 0
    mode(service, "both")
    assert service.send("a@client.example", TO, wire.message())[0] == 250
    service.wait_mail("ann")
    assert len(service.events("drained")) == 1


def test_in_keeps_what_waits_for_a_host(serve, peers):
    peer = peers.add({"MAIL": ["451 later", None]})
    service = serve(extra=f"route default {{ via 127.0.0.1:{peer.port}; tls off }}\n"
                    "host 127.0.0.0/8 { accept; relay yes }\ntimeout { idle 1s }\n", retry="2s")
    assert service.send("a@client.example", "x@far.example", wire.message())[0] == 250
    wait_until(lambda: service.events("defer"), 20, "a deferral")
    mode(service, "in")
    sessions = peer.sessions
    assert service.send("a@client.example", TO, wire.message())[0] == 250
    wait_until(lambda: len(service.queue()) == 2, 10, "both in the queue")
    with pytest.raises(AssertionError):
        wait_until(lambda: peer.sessions > sessions, 4, "a try")
    mode(service, "both")
    wait_until(lambda: peer.messages, 20, "the message")
    service.wait_mail("ann")
