# SPDX-License-Identifier: Apache-2.0
"""By which own address mail leaves: pools by weight, the same address for the same sender, addresses
that the machine does not have, families, and the messages of a warm-up, also over a restart."""
import datetime
import os
import signal

import pytest

import wire
from peer import Peers
from service import wait_until
from test_relay import RELAY, SHORT


@pytest.fixture
def peers():
    with Peers() as made:
        yield made


def egress(name, address, words=""):
    return f"egress {name} {{ address {address}; {words} }}"


def conf(peer, pool, *blocks):
    return "\n".join((SHORT, RELAY, *blocks,
                      f"route default {{ via {peer}; egress {pool} }}"))


def send(service, sender, number):
    code, text = service.send(sender, [f"x{number}@far.example"], wire.message(f"n {number}"))
    assert code == 250, text


def taken(peer, count, seconds=30):
    wait_until(lambda: len(peer.messages) >= count, seconds, f"{count} messages")
    assert len(peer.messages) == count


def today(days=0):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)).date().isoformat()


def warm(first, start=None):
    return f"warm-up {{ start {start or today()}; first {first}/30d; double-every 366d }}"


def test_pool(serve, peers):
    """Both are used, each with its name, and every sender keeps to one."""
    peer = peers.add()
    service = serve(extra=conf(f"127.0.0.1:{peer.port}", "a b", egress("a", "127.0.0.41", "helo a.us.example; weight 2"),
                               egress("b", "127.0.0.42", "helo b.us.example")))
    senders = [f"s{i}@client.example" for i in range(12)]
    for _ in range(3):
        for number, sender in enumerate(senders):
            send(service, sender, number)
    taken(peer, 36)
    assert set(peer.clients) == {"127.0.0.41", "127.0.0.42"}
    names = {line.split()[1] for line in peer.commands if line.upper().startswith("EHLO")}
    assert names == {"a.us.example", "b.us.example"}
    by = {}
    for event in service.events("attempt"):
        assert event["egress"] in ("a[127.0.0.41]", "b[127.0.0.42]"), event
        sender = next(e["from"] for e in service.events("receive", id=event["id"]))
        by.setdefault(sender, set()).add(event["egress"])
    assert all(len(used) == 1 for used in by.values()), by
    shown = service.ctl_json("explain", "route", "x@far.example")[0]["egress"]
    assert shown == "a weight 2 [127.0.0.41] as a.us.example; b weight 1 [127.0.0.42] as b.us.example"
    assert "egress       a weight 2 [127.0.0.41]" in service.ctl("explain", "route", "x@far.example")


def test_address_is_missing(serve, peers):
    """One that the machine does not have is left out and told of; the other carries."""
    peer = peers.add()
    service = serve(extra=conf(f"127.0.0.1:{peer.port}", "gone here", egress("gone", "192.0.2.77", "weight 100"),
                               egress("here", "127.0.0.42")))
    for number in range(8):
        send(service, f"s{number}@client.example", number)
    taken(peer, 8)
    assert set(peer.clients) == {"127.0.0.42"}
    told = service.wait_event("egress_out", egress="gone")
    assert told["own"] == "192.0.2.77" and told["error"] == "Cannot assign requested address"
    assert not service.events("defer")


def test_nobody_carries(serve, peers):
    peer = peers.add()
    service = serve(extra=conf(f"127.0.0.1:{peer.port}", "gone", egress("gone", "192.0.2.77")), retry="1h")
    send(service, "ann@us.example", 1)
    event = service.wait_event("defer")
    assert event["dsn"] == "4.3.5" and "none of the addresses" in event["reply"]
    # The address comes back, as another one by a reload: the mail goes.
    service.extra = conf(f"127.0.0.1:{peer.port}", "gone", egress("gone", "127.0.0.43"))
    service.write_conf()
    service.reload()
    service.ctl("retry", "--yes", "all")
    taken(peer, 1)
    assert peer.clients == ["127.0.0.43"]


def test_family(serve, peers):
    """A host of the other family is passed over, and the log says so."""
    peer = peers.add()
    service = serve(extra=conf(f"[::1]:{peer.port} 127.0.0.1:{peer.port}", "a", egress("a", "127.0.0.41")))
    send(service, "ann@us.example", 1)
    taken(peer, 1)
    first = service.events("attempt")[0]
    assert first["reply"] == f"egress a has no IPv6 address: ::1[::1]:{peer.port} is passed over"


def test_warm_up(serve, peers):
    """So many and no more: over the death of a process, a restart, and with another to carry on."""
    peer = peers.add()
    target = f"127.0.0.1:{peer.port}"
    alone = conf(target, "new", egress("new", "127.0.0.41", warm(4)))
    service = serve(extra=alone, retry="1h")
    shown = service.ctl_json("explain", "route", "x@far.example")[0]["egress"]
    assert shown.startswith("new weight 1 [127.0.0.41], warming up: 4 messages until "), shown
    send(service, "ann@us.example", 1)
    taken(peer, 1)
    service.crashes = True
    for pid in service.pids()["deliver"]:
        os.kill(pid, signal.SIGKILL)
    send(service, "ann@us.example", 2)
    send(service, "ann@us.example", 3)
    taken(peer, 3)
    service.stop()
    service.start()
    for number in (4, 5):
        send(service, "ann@us.example", number)
    event = service.wait_event("defer", to="x5@far.example")
    assert event["dsn"] == "4.4.5", event
    assert "have sent what their warm-up allows; they may send more at " in event["reply"]
    taken(peer, 4)
    assert not service.events("host_down")
    # A second one takes what the first may not.
    service.extra = conf(target, "new old", egress("new", "127.0.0.41", warm(4)), egress("old", "127.0.0.42"))
    service.write_conf()
    service.reload()
    service.ctl("retry", "--yes", "all")
    taken(peer, 5)
    assert peer.clients[-1] == "127.0.0.42"


def test_warm_up_has_not_begun(serve, peers):
    peer = peers.add()
    service = serve(extra=conf(f"127.0.0.1:{peer.port}", "later now", egress("later", "127.0.0.41", "weight 100; " + warm(9, today(3))),
                               egress("now", "127.0.0.42")))
    for number in range(4):
        send(service, f"s{number}@client.example", number)
    taken(peer, 4)
    assert set(peer.clients) == {"127.0.0.42"}
    assert f"nothing until {today(3)}T00:00:00.000Z" in service.ctl("explain", "route", "x@far.example")
