# SPDX-License-Identifier: Apache-2.0
"""Bad networks between the service and the next host: packets that are lost, late, too long or go nowhere, connections
that are reset. Mail arrives, or waits with a true reason, in time; nothing is lost, and nothing comes twice but where
the host may have had it, which is told."""
import re
import time

import pytest

import wire
from network import Network, payload
from service import wait_until

RELAY = "host 127.0.0.0/8 { accept; relay yes }"
BOB = "bob@us.example"
SHORT = "timeout { connect 2s; greeting 3s; command 3s; data 3s; final 3s; idle 1s }"
LONG = "timeout { connect 20s; greeting 20s; command 20s; data 20s; final 20s; idle 1s }"
BIG = b"0123456789" * 90 + b"\r\n"


@pytest.fixture
def net():
    with Network() as made:
        yield made


def setting(net, peer, timeouts=SHORT):
    return "\n".join((timeouts, RELAY, f"route r {{ match c.example; via {net.there}:{peer.port} }}"))


def first(service, to, seconds=30):
    def look():
        return [e for e in service.events(to=to) if e["event"] in ("deliver", "defer", "fail", "expire")]
    return wait_until(look, seconds, f"an outcome of {to}")[0]


def copies(peer):
    found = {}
    for _, recipients, _ in peer.messages:
        for to in recipients:
            found[to] = found.get(to, 0) + 1
    return found


def test_packets_are_lost(net, serve):
    with net.peers() as peers:
        peer = peers.add(host=net.there)
        net.link.loss, net.link.delay_s = 0.15, 0.01
        service = serve(retry="2s; in-doubt 2s", extra=setting(net, peer, LONG))
        names = [f"u{n}@c.example" for n in range(20)]
        for to in names:
            assert service.send(BOB, [to], wire.message(to, BIG * 20))[0] == 250
        service.wait_empty(120)
        assert net.link.lost > 50
        doubts = len(service.events("in_doubt"))
        found = copies(peer)
        assert sorted(found) == sorted(names) and sum(found.values()) <= len(names) + doubts, (found, doubts)
        for event in service.events("defer"):
            assert re.search(r"timed out|lost connection|Connection", event["reply"]), event


def test_a_slow_line_is_no_timeout(net, serve):
    """The whole text takes longer than any of the timeouts; but something of it moves."""
    with net.peers() as peers:
        peer = peers.add(host=net.there)
        net.link.rate, net.link.delay_s, net.link.queue = 60_000, 0.05, 64 * 1024
        service = serve(retry="1h", extra=setting(net, peer))
        begun = time.monotonic()
        assert service.send(BOB, ["x@c.example"], wire.message("slow", BIG * 600))[0] == 250
        assert first(service, "x@c.example", 90)["event"] == "deliver"
        assert time.monotonic() - begun > 8 and copies(peer) == {"x@c.example": 1}
        assert not service.events("in_doubt")


def test_nobody_answers_at_all(net, serve):
    with net.peers() as peers:
        peer = peers.add(host=net.there)
        net.link.blackhole = True
        service = serve(retry="2s", extra=setting(net, peer))
        assert service.send(BOB, ["x@c.example"], wire.message())[0] == 250
        event = first(service, "x@c.example")
        assert event["event"] == "defer" and event["dsn"] == "4.4.1" and event["step"] == "connecting"
        assert "Connection timed out" in event["reply"] and 1500 <= event["delay"] <= 8000, event
        net.link.blackhole = False
        service.wait_event("deliver", 30, to="x@c.example")
        service.wait_empty()
        assert copies(peer) == {"x@c.example": 1}


@pytest.mark.parametrize("step, words", [("greeting", "waiting for the greeting"), ("MAIL", "sending MAIL FROM"),
                                         ("DATA", "sending DATA")])
def test_the_line_goes_dead(net, serve, step, words):
    """What the host says at that step does not come any more; before the dot that is no doubt."""
    def dead(_session, _argument):
        net.link.blackhole = True
    with net.peers() as peers:
        peer = peers.add({step: dead}, host=net.there, extensions=("8BITMIME",))  # one command at a time
        service = serve(retry="2s", extra=setting(net, peer))
        assert service.send(BOB, ["x@c.example"], wire.message())[0] == 250
        event = first(service, "x@c.example")
        assert event["event"] == "defer" and event["dsn"] == "4.4.2" and event["step"] == words, event
        assert event["reply"] == f"timed out while {words}" and event["delay"] <= 12_000
        peer.script.clear()
        net.link.blackhole = False
        service.wait_event("deliver", 60, to="x@c.example")
        service.wait_empty()
        assert copies(peer) == {"x@c.example": 1} and not service.events("in_doubt")


def test_the_line_goes_dead_behind_the_dot(net, serve):
    def dead(_session, _argument):
        net.link.blackhole = True
    with net.peers() as peers:
        peer = peers.add({"dot": dead}, host=net.there)
        service = serve(retry="1s; in-doubt 2s", extra=setting(net, peer))
        assert service.send(BOB, ["x@c.example"], wire.message())[0] == 250
        event = first(service, "x@c.example")
        assert event["event"] == "defer" and "the host may have the message" in event["reply"]
        service.wait_event("in_doubt", to="x@c.example")
        peer.script.clear()
        net.link.blackhole = False
        service.wait_event("deliver", 60, to="x@c.example")
        service.wait_empty()
        assert copies(peer) == {"x@c.example": 2} and len(service.events("in_doubt")) == 1


def test_long_packets_vanish(net, serve):
    """A filter that drops what says "too long": the dialogue works, the text does not."""
    with net.peers() as peers:
        peer = peers.add(host=net.there)
        net.link.mtu = 600
        service = serve(retry="2s", extra=setting(net, peer))
        assert service.send(BOB, ["x@c.example"], wire.message("big", BIG * 4000))[0] == 250
        event = first(service, "x@c.example", 40)
        assert event["event"] == "defer" and event["step"] == "sending the text of the message", event
        assert net.link.too_long > 0 and not service.events("in_doubt")
        net.link.mtu = None
        service.wait_event("deliver", 90, to="x@c.example")
        service.wait_empty()
        assert copies(peer) == {"x@c.example": 1}


def cut_once(mark):
    left = [1]

    def cut(packet):
        hit = left[0] > 0 and mark in payload(packet)
        left[0] -= hit
        return hit
    return cut


def test_a_reset_in_the_text(net, serve):
    with net.peers() as peers:
        peer = peers.add(host=net.there)
        net.link.cut = cut_once(b"CUT HERE")
        service = serve(retry="1s", extra=setting(net, peer))
        body = BIG * 2000 + b"CUT HERE\r\n" + BIG * 6000
        assert service.send(BOB, ["x@c.example"], wire.message("big", body))[0] == 250
        event = first(service, "x@c.example")
        assert event["event"] == "defer" and event["dsn"] == "4.4.2", event
        assert event["reply"].startswith("lost connection while sending the text of the message"), event
        service.wait_event("deliver", 60, to="x@c.example")
        service.wait_empty()
        assert net.link.resets == 1 and copies(peer) == {"x@c.example": 1} and not service.events("in_doubt")


def test_a_reset_instead_of_the_answer(net, serve):
    with net.peers() as peers:
        peer = peers.add(host=net.there)
        net.link.cut = cut_once(b"250 2.0.0 taken")
        service = serve(retry="1s; in-doubt 1s", extra=setting(net, peer))
        assert service.send(BOB, ["x@c.example"], wire.message())[0] == 250
        event = first(service, "x@c.example")
        assert event["event"] == "defer" and "the host may have the message" in event["reply"], event
        service.wait_event("deliver", 30, to="x@c.example")
        service.wait_empty()
        assert copies(peer) == {"x@c.example": 2} and service.events("in_doubt")[0]["count"] == 1
