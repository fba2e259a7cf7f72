# SPDX-License-Identifier: Apache-2.0
"""Which way mail takes: by domain, sender and user, and what administrators are told of it."""
import base64
import time

import pytest

import wire
from peer import Peers
from test_clock import Clock
from service import DOMAIN, wait_until

SHORT = "timeout { connect 1s; greeting 1s; command 1s; data 1s; final 1s; idle 1s }"
RELAY = "host 127.0.0.0/8 { accept; relay yes; auth cleartext }"


@pytest.fixture
def peers():
    with Peers() as made:
        yield made


def conf(*routes):
    return "\n".join((SHORT, RELAY, *routes))


def send(service, to, sender, user=None):
    with service.client() as client:
        if user:
            plain = base64.b64encode(f"\0{user}\0secret-1".encode())
            client.expect(235, b"AUTH PLAIN " + plain)
        code, text = client.mail(sender, [to], wire.message(f"for {to}"))
    assert code == 250, text


def taken(peer):
    return sorted(rcpt for _, rcpts, _ in peer.messages for rcpt in rcpts)


# -- by sender and user -----------------------------------------------------------------------

def test_smart_host_of_the_sender_and_of_the_user(serve, peers):
    made = {name: peers.add() for name in ("branch", "hosted", "one", "news", "null", "rest")}
    port = {name: peer.port for name, peer in made.items()}
    service = serve(listener="auth offer", extra=conf(
        f"route branch {{ match .branch.example; via 127.0.0.1:{port['branch']} }}",
        f"route one {{ sender i@customer.example; via 127.0.0.1:{port['one']} }}",
        f"route hosted {{ sender @customer.example; via 127.0.0.1:{port['hosted']} }}",
        f"route news {{ user bob@{DOMAIN}; via 127.0.0.1:{port['news']} }}",
        f"route null {{ sender <>; via 127.0.0.1:{port['null']} }}",
        f"route default {{ via 127.0.0.1:{port['rest']} }}"))
    rows = (  # recipient, sender, user: route
        ("a@s.branch.example", "i@customer.example", None, "branch"),
        ("b@there.example", "i@customer.example", None, "one"),
        ("c@there.example", "k@Customer.example", None, "hosted"),
        ("d@there.example", "i@customer.example", f"bob@{DOMAIN}", "news"),
        ("e@there.example", "i@customer.example", f"ann@{DOMAIN}", "one"),
        ("f@there.example", "", None, "null"),
        ("g@there.example", "i@other.example", None, "rest"),
    )
    for to, sender, user, _ in rows:
        send(service, to, sender, user)
    for to, sender, user, name in rows:
        wait_until(lambda: to in taken(made[name]), 20, f"{to} by {name}")
        event = service.wait_event("deliver", to=to)
        assert event["route"] == ("default" if name == "rest" else name)
        told = service.ctl_json("explain", "route", to, "--from", sender or "<>", *(["--user", user] if user else []))[0]
        assert told["route"] == event["route"], told
        assert (told["for_user"] != "", told["match"] == "*") == (name == "news", name not in ("branch", "rest")), told
    assert sum(len(peer.messages) for peer in made.values()) == len(rows)
    assert "matches * for sender @customer.example (" in service.ctl(
        "explain", "route", "x@there.example", "--from", "q@customer.example")
    assert f"matches * for user bob@{DOMAIN} (" in service.ctl(
        "explain", "route", "x@there.example", "--user", f"BOB@{DOMAIN}")


def test_one_domain_two_ways_by_mx_of_different_senders(serve, peers):
    """Their mail must not meet in one line: what the routes want of TLS may differ."""
    peer = peers.add()
    service = serve(extra=conf(
        f"route strict {{ mx; port {peer.port}; sender @strict.example; tls require }}",
        f"route default {{ mx; port {peer.port}; tls off }}"), retry="1h")
    send(service, "x@[127.0.0.1]", "i@strict.example")
    send(service, "y@[127.0.0.1]", "i@other.example")
    assert service.wait_event("deliver", to="y@[127.0.0.1]")["route"] == "default"
    assert service.wait_event("defer", to="x@[127.0.0.1]")["route"] == "strict"
    assert taken(peer) == ["y@[127.0.0.1]"]
    assert {row["key"] for row in service.ctl_json("queue", "summary")} == {f"mx:[127.0.0.1]:{peer.port}/strict"}


def test_waiting_mail_follows_a_new_route_of_its_sender(serve, peers):
    old, new = peers.add({"connect": "close"}), peers.add()
    default = f"route default {{ via 127.0.0.1:{old.port} }}"
    service = serve(extra=conf(default), retry="1h")
    send(service, "x@there.example", "i@moved.example")
    send(service, "y@there.example", "i@other.example")
    for to in ("x@there.example", "y@there.example"):
        service.wait_event("defer", to=to)
    service.extra = conf(default, f"route moved {{ sender @moved.example; via 127.0.0.1:{new.port} }}")
    service.write_conf()
    service.reload()
    rows = {row["route"]: row for row in service.ctl_json("queue", "summary")}
    assert (rows["moved"]["recipients"], rows["default"]["recipients"]) == (1, 1)
    assert "1 message" in service.ctl("reroute", "route", "moved", "--yes")
    wait_until(lambda: taken(new) == ["x@there.example"], 20, "mail by the new route")
    service.wait_event("deliver", to="x@there.example")
    assert [r["address"] for m in service.queue() for r in m["recipients"]] == ["y@there.example"]


# -- many domains -------------------------------------------------------------------------------

def test_hundred_thousand_domains(serve, peers):
    first, second = peers.add(), peers.add()
    service = serve.stopped(extra="")
    path = service.folder / "domains"
    path.write_text("".join(f"d{n}.example\n" for n in range(100_000)))
    service.extra = conf(f"route list {{ match-file {path}; via 127.0.0.1:{first.port} }}",
                         f"route default {{ via 127.0.0.1:{second.port} }}")
    service.write_conf()
    service.start()
    for to in ("x@d0.example", "x@D99999.example", "x@d100000.example"):
        send(service, to, "i@other.example")
    wait_until(lambda: len(taken(first)) == 2 and len(taken(second)) == 1, 30, "all mail")
    assert taken(second) == ["x@d100000.example"]
    path.write_text("d100000.example\n")
    service.reload()
    send(service, "y@d100000.example", "i@other.example")
    wait_until(lambda: "y@d100000.example" in taken(first), 30, "mail by the new list")
    # What is wrong in it stays out, and the service goes on with what it has.
    path.write_text("d100000.example\nno..name\n")
    service.reload()
    assert service.wait_event("config_error", path=f"{path}:2:1")["reason"].startswith("'no..name' is not a domain")
    send(service, "z@d100000.example", "i@other.example")
    wait_until(lambda: "z@d100000.example" in taken(first), 30, "mail by the old list")


# -- several hosts --------------------------------------------------------------------------------

def test_mail_is_spread_by_weights(serve, peers):
    one, two, spare = peers.add(), peers.add(), peers.add()
    service = serve(extra=conf(f"route farm {{ match farm.example; via 127.0.0.1:{one.port} weight 3 "
                               f"127.0.0.1:{two.port} weight 1 127.0.0.1:{spare.port} }}"))
    count = 160
    with service.client() as client:
        for number in range(count):
            assert client.mail("i@other.example", [f"x{number}@farm.example"], wire.message())[0] == 250
    wait_until(lambda: len(one.messages) + len(two.messages) == count, 60, "all mail")
    assert not spare.messages
    assert 15 <= len(two.messages) <= 70, len(two.messages)  # 40, and five times the deviation
    assert one.sessions + two.sessions < count / 2  # connections are used again
    row = service.ctl_json("explain", "route", "x@farm.example")[0]
    assert row["destination"] == (f"127.0.0.1:{one.port} weight 3 127.0.0.1:{two.port} weight 1 "
                                  f"127.0.0.1:{spare.port}")


def test_a_dead_host_leaves_and_returns(serve, peers):
    """Its timeout is waited for by two messages, and not by all."""
    main, backup = peers.add({"greeting": "silence"}), peers.add()
    service = serve(limit="connections { per-destination 1 }", extra=conf(
        f"route pair {{ match pair.example; via 127.0.0.1:{main.port} 127.0.0.1:{backup.port}; probe 3s }}"))
    for number in range(2):
        send(service, f"x{number}@pair.example", "i@other.example")
        service.wait_event("deliver", to=f"x{number}@pair.example")
        time.sleep(1.5)  # until its connection has gone
    down = service.wait_event("host_down", route="pair", host=f"127.0.0.1:{main.port}")
    assert int(down["count"]) == 2
    asked = main.sessions
    for number in range(2, 8):
        send(service, f"x{number}@pair.example", "i@other.example")
        service.wait_event("deliver", to=f"x{number}@pair.example")
    assert main.sessions <= asked + 1  # perhaps a probe
    main.script.clear()
    seen = len(main.messages)

    def again():
        send(service, "y@pair.example", "i@other.example")
        time.sleep(1.5)
        return len(main.messages) > seen
    wait_until(again, 40, "mail at the first host again")
    service.wait_event("host_up", route="pair", host=f"127.0.0.1:{main.port}")


def test_a_destination_that_answers_again_is_told(serve, peers):
    peer = peers.add({"connect": "close"})
    service = serve(retry="1s", extra=conf(f"route hub {{ match hub.example; via 127.0.0.1:{peer.port} }}"))
    for number in range(3):
        send(service, f"x{number}@hub.example", "i@other.example")
    service.wait_event("host_down", route="hub", host="route:hub")
    assert not service.events("host_up")
    peer.script.clear()
    service.ctl("retry", "route", "hub", "--yes")
    service.wait_event("host_up", route="hub", host="route:hub")
    wait_until(lambda: len(taken(peer)) == 3, 30, "all mail")
    assert len(service.events("host_up")) == 1


# -- by cost --------------------------------------------------------------------------------------

def test_a_dearer_route_stands_in_for_dead_hosts(serve, peers, tmp_path):
    """Three attempts find out that the cheap one is dead; then nothing waits for it. It is asked again when its time has
    come, by one message, and takes the mail when it answers."""
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    clock = Clock(tmp_path)
    cheap, dear, dearest = peers.add({"connect": "close"}), peers.add({"connect": "close"}), peers.add()
    service = serve(retry="1s", env={"IMS_FAULT": f"clock={clock.path}"}, extra=conf(
        f"route dearest {{ match there.example; via 127.0.0.1:{dearest.port}; cost 9; tls off }}",
        f"route dear {{ match there.example; via 127.0.0.1:{dear.port}; cost 5; tls off }}",
        f"route cheap {{ match there.example; via 127.0.0.1:{cheap.port}; tls off }}",
        "route default { via 127.0.0.1:9 }"))
    told = service.ctl_json("explain", "route", "x@there.example")[0]
    assert told["route"] == "cheap" and [(r["route"], r["cost"]) for r in told["dearer"]] == [("dear", 5), ("dearest", 9)]
    assert "if dead      route dear (" in service.ctl("explain", "route", "x@there.example")
    assert service.ctl_json("explain", "route", "x@else.example")[0]["dearer"] == []
    send(service, "x@there.example", "i@other.example")
    event = service.wait_event("deliver", 60, to="x@there.example")
    # Three times by each of those that are dead; their events say so.
    assert event["route"] == "dearest" and event["attempt"] == 7, event
    assert [e["route"] for e in service.events("defer", to="x@there.example")] == ["cheap"] * 3 + ["dear"] * 3
    over = service.events("route_over")
    assert [(e["route"], e["cheaper"], e["host"]) for e in over] == [("dear", "cheap", "route:cheap")], over
    for number in range(3):
        to = f"x{number}@there.example"
        send(service, to, "i@other.example")
        event = service.wait_event("deliver", to=to)
        assert (event["route"], event["attempt"]) == ("dearest", 1), event
    # The time is over: one message asks each of them, and goes on at once.
    clock.set(70_000)
    send(service, "y@there.example", "i@other.example")
    event = service.wait_event("deliver", 30, to="y@there.example")
    assert (event["route"], event["attempt"]) == ("dearest", 3), event
    cheap.script.clear()
    clock.set(1_000_000)
    send(service, "z@there.example", "i@other.example")
    event = service.wait_event("deliver", to="z@there.example")
    assert (event["route"], event["attempt"]) == ("cheap", 1), event
    assert service.wait_event("route_back", host="route:cheap")["route"] == "cheap"
    service.wait_empty()
    assert len(service.events("route_over")) == 1


def test_what_the_cheap_route_says_for_good_holds(serve, peers):
    cheap, dear = peers.add({"RCPT": lambda _, argument: "450 4.2.1 later" if "later" in argument else "550 5.1.1 nobody"}), \
        peers.add()
    service = serve(retry="1h", extra=conf(
        f"route cheap {{ match there.example; via 127.0.0.1:{cheap.port}; tls off }}",
        f"route dear {{ match there.example; via 127.0.0.1:{dear.port}; cost 5; tls off }}"))
    for number in range(4):
        send(service, f"never{number}@there.example", "i@other.example")
        assert service.wait_event("fail", to=f"never{number}@there.example")["route"] == "cheap"
        send(service, f"later{number}@there.example", "i@other.example")
        assert service.wait_event("defer", to=f"later{number}@there.example")["route"] == "cheap"
    assert dear.sessions == 0 and not service.events("route_over")


# -- another domain on the wire -------------------------------------------------------------------

def test_recipients_get_another_domain_on_the_way(serve, peers):
    refuse = lambda _, argument: "550 5.1.1 nobody" if argument.startswith("TO:<no@") else None
    peer = peers.add({"RCPT": refuse})
    service = serve(extra=conf(f"route moved {{ match .old.example; via 127.0.0.1:{peer.port}; "
                               "recipient-domain new.example }}".replace("}}", "}")))
    with service.client() as client:
        assert client.mail(f"ann@{DOMAIN}", ["x+y@a.old.example", "no@a.old.example"], wire.message())[0] == 250
    service.wait_event("deliver", to="x+y@a.old.example")
    service.wait_event("fail", to="no@a.old.example")
    assert taken(peer) == ["x+y@new.example"]
    sent = next(c for c in peer.commands if c.startswith("RCPT TO:<x"))
    assert "ORCPT=rfc822;x+2By@a.old.example" in sent, sent
    report = service.wait_mail("ann")[0].decode()
    assert "Final-Recipient: rfc822; no@a.old.example" in report and "new.example" not in report.split("550")[0]


# -- nothing leads there --------------------------------------------------------------------------

def test_a_route_without_its_secret_waits_for_it(serve, peers):
    peer = peers.add(auth=(f"ann@{DOMAIN}", "open, sesame=1"), auth_clear=True)
    other = peers.add()
    service = serve.stopped(retry="1h")
    secrets = service.folder / "secrets"
    secrets.mkdir()
    service.extra = conf(
        f"secrets {secrets}",
        f"route isp {{ match isp.example; via 127.0.0.1:{peer.port}; tls off; login ann@{DOMAIN}; secret isp; "
        "login-cleartext yes }",
        f"route other {{ match other.example; via 127.0.0.1:{other.port} }}")
    service.write_conf()
    service.start()
    assert "No such file" in service.wait_event("route_disabled", route="isp")["error"]
    told = service.ctl_json("explain", "route", "x@isp.example")[0]
    assert (told["login"], told["secret"], told["match"]) == (f"ann@{DOMAIN}", "isp", "isp.example")
    assert f"login        ann@{DOMAIN}, password of secret isp, also without TLS" in service.ctl(
        "explain", "route", "x@isp.example")
    send(service, "x@isp.example", f"ann@{DOMAIN}")
    send(service, "y@nowhere.example", f"ann@{DOMAIN}")
    send(service, "z@other.example", f"ann@{DOMAIN}")
    service.wait_event("deliver", to="z@other.example")
    for to, words in (("x@isp.example", f"{secrets}/isp: No such file"), ("y@nowhere.example", "No route leads")):
        service.wait_event("defer", to=to)
        rcpt = next(r for m in service.queue() for r in m["recipients"] if r["address"] == to)
        assert (rcpt["state"], rcpt["attempts"]) == ("unreachable", 0), rcpt
        assert words in rcpt["reply"], rcpt
    assert "unreachable" in service.ctl("queue", "list") and "not tried" in service.ctl("queue", "list")
    assert not peer.sessions
    # It outlives processes and the service: nobody but master knows of the file.
    before = len(service.events("route_disabled"))
    service.stop()
    service.start()
    wait_until(lambda: len(service.events("route_disabled")) == before + 1, 15, "the event once more")
    service.ctl("retry", "route", "isp", "--yes")
    time.sleep(1)
    assert not peer.sessions
    path = secrets / "isp"
    path.write_text("open, sesame=1\n")
    path.chmod(0o600)
    service.reload()
    service.wait_event("route_enabled", route="isp")
    service.wait_event("deliver", to="x@isp.example", seconds=30)
    assert taken(peer) == ["x@isp.example"]
    # What was good once stays in use.
    path.unlink()
    service.reload()
    send(service, "q@isp.example", f"ann@{DOMAIN}")
    service.wait_event("deliver", to="q@isp.example")
    assert len(service.events("route_disabled")) == before + 1
