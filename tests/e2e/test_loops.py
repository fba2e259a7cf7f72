# SPDX-License-Identifier: Apache-2.0
"""Mail that would go round: a next hop that is this server, a host that greets with its name, servers that send to each
other for ever. And what only looks like it: several servers on one machine, a content filter with the machine's name."""
import re

import pytest

import wire
from network import Network
from peer import Peers
from service import DOMAIN, free_port, wait_until

RELAY = "host 127.0.0.0/8 { accept; relay yes }"
SHORT = "timeout { connect 2s; greeting 3s; command 3s; data 3s; final 3s; idle 1s }"
BOB = f"bob@{DOMAIN}"


def conf(*routes):
    return "\n".join((SHORT, RELAY, *routes))


def send(service, to, text=b""):
    assert service.send(BOB, [to], text + wire.message(f"for {to}"))[0] == 250


def test_a_route_that_leads_to_this_server(serve):
    service = serve.stopped()
    wide = free_port()
    with Peers() as peers:
        spare = peers.add()
        service.extra = conf(
            f"listener wide {{ address 0.0.0.0:{wide} }}",
            f"route one {{ match one.example; via 127.0.0.1:{service.port} }}",
            f"route two {{ match two.example; via 127.0.0.3:{wide} }}",
            f"route both {{ match both.example; via 127.0.0.1:{service.port} 127.0.0.1:{spare.port} }}")
        service.write_conf()
        service.start()
        for name, listener in (("one", "in"), ("two", "wide")):
            send(service, f"x@{name}.example")
            event = service.wait_event("fail", to=f"x@{name}.example")
            assert event["dsn"] == "5.4.6" and f"of route {name} is this server itself" in event["reply"], event
            event = service.wait_event("next_hop_own", route=name)
            assert event["listener"] == listener, event
            assert re.fullmatch(r"route \S+ims\.conf:\d+, listener \S+ims\.conf:\d+", event["rule"]), event
        send(service, "x@both.example")
        assert service.wait_event("deliver", to="x@both.example")["route"] == "both"
        assert len(spare.messages) == 1
        # Nobody has connected to the listeners but this test.
        assert all(e["client"] == "127.0.0.1" and e["helo"] == "client.example" for e in service.events("receive")
                   if e["from"] == BOB)
        assert b"5.4.6" in service.wait_mail("bob", 2)[0]


def test_servers_of_one_machine_send_to_each_other(serve):
    """Both have the machine's name; each has its port."""
    one, two = serve.stopped(), serve.stopped()
    for service, other, mine, its in ((one, two, "one", "two"), (two, one, "two", "one")):
        service.extra = conf(f"domain {mine}.example {{ users any; deliver maildir {service.folder}/mail/%d/%n }}",
                             f"route there {{ match {its}.example; via 127.0.0.1:{other.port}; tls off }}")
        service.write_conf()
    for service in (one, two):
        service.start()
    send(one, "x@two.example")
    send(two, "y@one.example")
    assert two.wait_mail("x", domain="two.example") and one.wait_mail("y", domain="one.example")


def test_two_servers_that_send_to_each_other_for_ever(serve):
    one, two = serve.stopped(limit="own-hops 3"), serve.stopped(limit="own-hops 3")
    for service, other in ((one, two), (two, one)):
        service.extra = conf(f"route there {{ match round.example; via 127.0.0.1:{other.port}; tls off }}")
        service.write_conf()
    for service in (one, two):
        service.start()
    send(one, "x@round.example", b"Message-ID: <round@client.example>\r\n")
    # It comes to one, two, one, two (which has the fields of three before it); then it is over.
    event = one.wait_event("mail_loop", to="x@round.example")
    assert (event["count"], event["rule"], event["msgid"]) == (4, "own-hops", "<round@client.example>"), event
    refusal = one.events("refuse", stage="content")[0]
    assert refusal["dsn"] == "5.4.6" and f"say by mx.{DOMAIN}" in refusal["reply"], refusal
    assert two.wait_event("fail", to="x@round.example")["dsn"] == "5.4.6"
    assert b"5.4.6" in wait_until(lambda: one.mailbox("bob") or two.mailbox("bob"), 30, "the report")[0]
    assert not two.events("mail_loop")


@pytest.fixture
def net():
    with Network() as made:
        yield made


def test_a_host_that_greets_with_our_name(net, serve):
    """Behind a NAT our own address is another one: the name tells. A content filter may have it, on a port of its own."""
    service = serve.stopped()
    ours = {"EHLO": f"250 mx.{DOMAIN}"}
    with net.peers() as peers:
        mirror = peers.add(ours, host=net.there, port=service.port)
        content_filter = peers.add(ours, host=net.there)
        service.extra = conf(
            f"route nat {{ match nat.example; via {net.there}:{mirror.port}; tls off }}",
            f"route filter {{ match filter.example; via {net.there}:{content_filter.port}; tls off }}")
        service.write_conf()
        service.start()
        send(service, "x@nat.example")
        event = service.wait_event("fail", to="x@nat.example")
        assert event["dsn"] == "5.4.6" and "the name of this server" in event["reply"], event
        assert service.wait_event("next_hop_own", route="nat")["host"].endswith(f"[{net.there}]:{mirror.port}")
        assert "MAIL" not in mirror.steps and not mirror.messages, mirror.steps
        send(service, "x@filter.example")
        service.wait_event("deliver", to="x@filter.example")
        assert len(content_filter.messages) == 1
