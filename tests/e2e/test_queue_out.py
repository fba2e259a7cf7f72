# SPDX-License-Identifier: Apache-2.0
"""What an administrator does with mail that waits for other hosts, and what he is told."""
import json
import subprocess
import time

import pytest

import wire
from peer import Peers
from service import BUILD, DOMAIN, free_port, wait_until

SHORT = "timeout { connect 1s; greeting 1s; command 1s; data 1s; final 1s; idle 1s }"
RELAY = "host 127.0.0.0/8 { accept; relay yes }"


def hub(port, more=""):
    return f"{SHORT}\n{RELAY}\nroute hub {{ match .hub.example hub.example; via 127.0.0.1:{port} }}\n{more}"


@pytest.fixture
def peers():
    with Peers() as made:
        yield made


@pytest.fixture
def down(serve):
    """A service whose route `hub` leads to a port where nobody listens, with mail for it."""
    service = serve(extra=hub(free_port()), retry="1h")
    for number, domain in enumerate(("a.hub.example", "b.hub.example", "b.hub.example")):
        send(service, f"x{number}@{domain}", f"s{number}@client.example")
    wait_deferred(service, 3)
    return service


def send(service, to, sender="bob@us.example"):
    code, text = service.send(sender, to, wire.message(f"for {to}"))
    assert code == 250, text
    return text


def wait_deferred(service, count):
    wait_until(lambda: sum(r["state"] == "deferred" for m in service.queue() for r in m["recipients"])
               >= count, 30, f"{count} deferred recipients")


def taken(peer):
    return sorted(rcpt for _, rcpts, _ in peer.messages for rcpt in rcpts)


def summary(service, *terms):
    return {row["key"]: row for row in service.ctl_json("queue", "summary", *terms)}


# -- retry, reroute ---------------------------------------------------------------------------

def test_retry_is_not_put_off_by_a_host_that_did_not_answer(down, peers):
    port = int(down.ctl_json("explain", "route", "x@hub.example")[0]["destination"].rsplit(":", 1)[1])
    peer = peers.add()
    down.extra = hub(peer.port)
    down.write_conf()
    down.reload()
    assert port != peer.port
    assert "3 messages" in down.ctl("retry", "route", "hub", "--yes")
    wait_until(lambda: len(taken(peer)) == 3, 20, "all mail at the peer")
    down.wait_empty()
    assert len(down.events("retry")) == 3


def test_reroute_takes_the_route_of_today(down, peers):
    peer = peers.add()
    other = "route other { match b.hub.example; via 127.0.0.1:%d }" % peer.port
    down.extra += "\n" + other
    down.write_conf()
    down.reload()
    assert "2 messages" in down.ctl("reroute", "route", "other", "--yes", "--reason", "moved")
    wait_until(lambda: taken(peer) == ["x1@b.hub.example", "x2@b.hub.example"], 20, "mail elsewhere")
    assert down.wait_event("reroute")["reason"] == "moved"
    assert [r["address"] for m in down.queue() for r in m["recipients"]] == ["x0@a.hub.example"]


# -- bounce ------------------------------------------------------------------------------------

def test_bounce_tells_the_sender_why(down):
    send(down, "y@a.hub.example", f"ann@{DOMAIN}")
    wait_deferred(down, 4)
    assert "1 message" in down.ctl("bounce", "sender", f"ann@{DOMAIN}", "--dry-run")
    assert len(down.queue()) == 4
    down.ctl("bounce", "sender", f"ann@{DOMAIN}", status=75)  # nobody says yes
    assert "1 message" in down.ctl("bounce", "sender", f"ann@{DOMAIN}", "--yes", "--reason", "host is gone")
    report = down.wait_mail("ann")[0].decode()
    assert "Returned by the administrator: host is gone" in report
    assert "Status: 5.0.0" in report and "y@a.hub.example" in report
    assert down.wait_event("bounce")["reason"] == "host is gone"
    assert down.wait_event("fail")["to"] == "y@a.hub.example"
    assert len(down.queue()) == 3


def test_bounce_of_a_domain_leaves_the_others(down, peers):
    with down.client() as client:
        assert client.mail(f"ann@{DOMAIN}", ["p@a.hub.example", "q@b.hub.example"],
                           wire.message())[0] == 250
    wait_deferred(down, 5)
    assert "3 messages" in down.ctl("bounce", "domain", "b.hub.example", "--yes")
    report = down.wait_mail("ann")[0].decode()
    assert "q@b.hub.example" in report and "Final-Recipient: rfc822; p@" not in report
    left = {r["address"]: r["state"] for m in down.queue() for r in m["recipients"]}
    assert left["p@a.hub.example"] == "deferred" and left["x0@a.hub.example"] == "deferred"
    assert left.get("q@b.hub.example", "failed") == "failed"


def test_bounce_of_held_mail_and_of_what_is_not_there(down):
    down.ctl("hold", "all", "--yes")
    ids = [m["id"] for m in down.queue()]
    down.ctl("bounce", ids[0], "--yes")
    wait_until(lambda: ids[0] not in [m["id"] for m in down.queue()], 10, "its end")
    down.ctl("bounce", ids[0], "--yes", status=65)
    down.ctl("bounce", "nonsense", "--yes", status=64)


def test_bounce_of_much(serve):
    service = serve(extra=hub(free_port()), retry="1h", transfer="in")
    with service.client() as client:
        for number in range(300):
            assert client.mail(f"ann@{DOMAIN}", [f"n{number}@hub.example"], wire.message())[0] == 250
    service.transfer = "both"
    assert "300 messages" in service.ctl("bounce", "all", "--yes")
    wait_until(lambda: len(service.queue(f"from=ann@{DOMAIN}")) == 0, 30, "the end of all")
    service.write_conf()
    service.reload()
    service.wait_mail("ann", 300, seconds=60)


def test_bounce_of_what_is_under_way_waits(serve, peers):
    peer = peers.add({"dot": "silence"})
    service = serve(extra=hub(peer.port).replace("final 1s", "final 4s"), retry="1h")
    send(service, "x@hub.example")
    wait_until(lambda: "dot" in peer.steps, 20, "a delivery that hangs")
    begun = time.monotonic()
    assert "1 message" in service.ctl("bounce", "all", "--yes")
    assert time.monotonic() - begun > 1
    assert service.wait_event("fail")["to"] == "x@hub.example"


# -- hold for a time ------------------------------------------------------------------------------

def test_a_hold_ends_by_itself(serve):
    service = serve(transfer="in")
    send(service, f"ann@{DOMAIN}", "a@client.example")
    service.ctl("hold", "all", "--yes", "--for", "3s", "--reason", "a moment")
    row = service.queue()[0]
    assert row["state"] == "held" and row["until"].endswith("Z") and row["reason"] == "a moment"
    assert row["until"] in service.ctl("queue", "list")
    assert service.wait_event("hold")["until"] == row["until"]
    explained = service.ctl_json("explain", "msg", row["id"])[0]
    assert explained["recipients"][0]["why"] == f"held until {row['until']}: a moment"
    service.transfer = "both"
    service.write_conf()
    service.reload()
    assert not service.mailbox("ann")
    service.wait_mail("ann")
    assert service.wait_event("release")["reason"] == "the hold is over"
    service.wait_empty()


@pytest.mark.parametrize("words", [("hold", "all", "--for", "soon"), ("hold", "all", "--for", "0"),
                                   ("retry", "all", "--for", "1h"), ("bounce", "all", "--for=1h"),
                                   ("suspend", "all"), ("suspend", "sender", "a@b"), ("resume",),
                                   ("suspend", "domain", "a", "b"), ("explain",), ("explain", "msg", "x"),
                                   ("explain", "route"), ("explain", "route", "")])
def test_words_that_make_no_sense(serve, words):
    serve.stopped().ctl(*words, "--yes", status=64)


def test_the_control_socket_refuses_the_same(service):
    def ask(**request):
        import socket
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(service.folder / "run" / "control.sock"))
            sock.sendall(json.dumps({"verb": "act", **request}).encode() + b"\n")
            return json.loads(sock.makefile().read().splitlines()[-1])
    assert ask(action="hold", selector="all", **{"for": "soon"})["status"] == 64
    assert ask(action="retry", selector="all", **{"for": "1h"})["status"] == 64
    assert ask(action="suspend", selector="all")["status"] == 64
    assert ask(action="suspend", selector="route nothing")["status"] == 65
    assert ask(action="resume", selector="domain x.example")["status"] == 65
    assert ask(action="suspend", selector="domain x.example", dry_run=True) == {
        "done": True, "status": 0, "count": 0, "text": ""}


# -- suspend, resume ---------------------------------------------------------------------------------

@pytest.mark.parametrize("what", [("domain", "A.Hub.Example"), ("route", "hub")])
def test_a_suspended_way_is_not_tried(serve, peers, what):
    peer = peers.add()
    service = serve(extra=hub(peer.port), retry="1s")
    service.ctl("suspend", *what, "--reason", "moving house")
    event = service.wait_event("suspend")
    assert event["reason"] == "moving house" and event["until"] == ""
    for number in range(5):
        send(service, f"x{number}@a.hub.example")
    send(service, f"ann@{DOMAIN}")
    service.wait_mail("ann")
    time.sleep(2.5)
    assert not peer.messages and not service.events("defer")
    row = summary(service)["route:hub"]
    assert row["messages"] == 5 and row["suspended"]["reason"] == "moving house"
    assert row["suspended"]["kind"] == what[0] and row["next"] == ""
    listed = service.ctl_json("suspend")[0]
    assert listed["name"] == what[1].lower() and listed["until"] == ""
    assert "moving house" in service.ctl("suspend") and "moving house" in service.ctl("queue", "summary")
    why = service.ctl_json("explain", "msg", service.queue()[0]["id"])[0]["recipients"][0]["why"]
    assert why.startswith(f"suspended: {what[0]} {what[1].lower()}")
    assert service.ctl_json("explain", "route", "z@a.hub.example")[0]["suspended"]["kind"] == what[0]
    service.ctl("resume", *what)
    wait_until(lambda: len(taken(peer)) == 5, 20, "all mail at the peer")
    service.wait_event("resume")
    service.wait_empty()
    service.ctl("resume", *what, status=65)
    assert service.ctl("suspend") == ""


def test_a_suspension_is_for_its_domain_alone(serve, peers):
    peer = peers.add()
    service = serve(extra=hub(peer.port))
    service.ctl("suspend", "domain", "a.hub.example")
    with service.client() as client:
        assert client.mail(f"bob@{DOMAIN}", ["x@a.hub.example", "x@b.hub.example", f"ann@{DOMAIN}"],
                           wire.message())[0] == 250
    wait_until(lambda: taken(peer) == ["x@b.hub.example"], 20, "the other recipient")
    service.wait_mail("ann")
    service.ctl("resume", "domain", "a.hub.example")
    wait_until(lambda: taken(peer) == ["x@a.hub.example", "x@b.hub.example"], 20, "both")
    service.wait_empty()


def test_local_mail_can_be_suspended_too(service):
    service.ctl("suspend", "route", "mailbox")
    send(service, f"ann@{DOMAIN}", "a@client.example")
    time.sleep(1)
    assert not service.mailbox("ann")
    service.ctl("resume", "route", "mailbox")
    service.wait_mail("ann")


def test_a_suspension_ends_by_itself(serve, peers):
    peer = peers.add()
    service = serve(extra=hub(peer.port))
    service.ctl("suspend", "route", "hub", "--for", "3s")
    until = service.ctl_json("suspend")[0]["until"]
    assert until and service.wait_event("suspend")["until"] == until
    send(service, "x@hub.example")
    wait_until(lambda: taken(peer) == ["x@hub.example"], 20, "its time to be over")
    assert service.wait_event("resume")["reason"] == "its time is over"
    assert service.ctl("suspend") == ""


def test_a_suspension_outlives_the_service(serve, peers):
    peer = peers.add()
    service = serve(extra=hub(peer.port))
    service.ctl("suspend", "route", "hub")
    service.stop()
    service.ctl("suspend", "domain", "c.hub.example", "--for", "1h", "--reason", "offline")
    service.ctl("suspend", "route", "nothing", status=65)
    service.ctl("resume", "domain", "d.hub.example", status=65)
    service.start()
    assert [(s["kind"], s["name"]) for s in service.ctl_json("suspend")] == [
        ("domain", "c.hub.example"), ("route", "hub")]
    send(service, "x@a.hub.example")
    send(service, "x@c.hub.example")
    time.sleep(1)
    assert not peer.messages
    service.stop()
    service.ctl("resume", "route", "hub")
    service.start()
    wait_until(lambda: taken(peer) == ["x@a.hub.example"], 20, "mail that is free")
    assert len(service.queue()) == 1
    service.ctl("spool", "verify")


def test_what_stands_in_line_is_taken_out(serve, peers):
    peer = peers.add({"dot": "silence"})
    service = serve(extra=hub(peer.port).replace("final 1s", "final 3s"), retry="1s",
                    limit="connections { per-destination 1 }")
    for number in range(12):
        send(service, f"x{number}@hub.example")
    wait_until(lambda: "dot" in peer.steps, 20, "a delivery that hangs")
    service.ctl("suspend", "domain", "hub.example")
    time.sleep(5)
    before = len(peer.commands)
    time.sleep(2)
    assert len(peer.commands) == before  # nothing new was begun
    assert len(service.queue()) == 12


# -- on a stopped service --------------------------------------------------------------------------------

def test_verbs_on_the_spool_itself(down):
    down.stop()
    down.ctl("bounce", "all", "--yes", status=69)
    assert "3 messages" in down.ctl("bounce", "all", "--dry-run")
    assert "2 messages" in down.ctl("reroute", "domain", "b.hub.example", "--yes")
    assert "3 messages" in down.ctl("hold", "route", "hub", "--yes", "--for", "1h")
    assert all(row["until"] for row in down.queue("state=held"))
    assert "0 messages" in down.ctl("hold", "route", "mailbox", "--yes")
    assert json.loads(down.ctl("release", "all", "--yes", "--json"))["count"] == 3


# -- telling -----------------------------------------------------------------------------------------------

def test_queue_summary(down):
    send(down, "far@nowhere.example")
    down.wait_event("defer", to="far@nowhere.example")
    rows = summary(down)
    row = rows["route:hub"]
    assert row["route"] == "hub" and row["destination"].startswith("127.0.0.1:")
    assert (row["messages"], row["recipients"], row["deferred"]) == (3, 3, 3)
    assert row["oldest"].endswith("Z") and row["next"].endswith("Z") and row["suspended"] is None
    assert "refused" in row["reply"].lower() or "not tried" in row["reply"].lower(), row
    assert rows["none"]["route"] == "-" and "No route" in rows["none"]["reply"]
    assert set(summary(down, "to=@b.hub.example")) == {"route:hub"}
    assert summary(down, "to=@b.hub.example")["route:hub"]["messages"] == 2
    assert set(summary(down, "route=-")) == {"none"}
    assert summary(down, "from=s0@client.example")["route:hub"]["messages"] == 1
    assert summary(down, "older=1h") == {}
    assert [m["sender"] for m in down.queue("route=-")] == ["bob@us.example"]
    text = down.ctl("queue", "summary")
    assert "hub 127.0.0.1:" in text and "No route" in text


def test_queue_summary_shows_those_with_most(serve):
    """Fifty lines, in the order of all."""
    service = serve(extra=f"{RELAY}\nroute default {{ mx }}\n", transfer="in")
    with service.client() as client:
        for most in range(4):
            to = [f"u{most}@d{n}.far.example" for n in range(63) if n % 4 >= most]
            assert client.mail("bob@us.example", to, wire.message())[0] == 250
    rows = service.ctl_json("queue", "summary")
    lines = service.ctl("queue", "summary").splitlines()
    assert [row["recipients"] for row in rows] == [4] * 15 + [3] * 16 + [2] * 16 + [1] * 16
    assert [line.split()[1] for line in lines[1:51]] == [str(row["recipients"]) for row in rows[:50]]
    for line, row in zip(lines[1:51], rows):
        assert line.endswith(" " + row["destination"]), (line, row)
    assert lines[51] == "and 13 more destinations (--json shows all)"


def test_explain_route(serve):
    service = serve(extra=f"{RELAY}\nroute default {{ mx; port 2525 }}\nroute hub {{ match .hub.example "
                          "hub.example; via [::1]:26 relay.example }\n"
                          f"domain lists.example {{ users any; deliver lmtp 127.0.0.1:24 }}\n"
                          "domain out.example { users any; deliver route hub }")
    def told(address):
        return service.ctl_json("explain", "route", address)[0]
    rows = [("x@far.example", "mx", "default", "mx:far.example:2525", "far.example:2525",
             "no other route matches"),
            ("x@Sub.Hub.example", "via", "hub", "route:hub", "[::1]:26 relay.example:25",
             "matches .hub.example"),
            ("x@hub.example", "via", "hub", "route:hub", None, "matches hub.example"),
            ("x@out.example", "via", "hub", "route:hub", None, "domain out.example delivers by route hub"),
            (f"ann@{DOMAIN}", "mailbox", "mailbox", "mailbox", "mailbox",
             f"domain {DOMAIN} delivers to maildirs"),
            ("x@lists.example", "lmtp", "lmtp", "lmtp:127.0.0.1:24", "127.0.0.1:24",
             "domain lists.example delivers by lmtp"),
            ("postmaster", "mailbox", "mailbox", "mailbox", None, "mail for postmaster goes to ann@")]
    for address, kind, route, key, destination, rule in rows:
        row = told(address)
        assert (row["kind"], row["route"], row["key"]) == (kind, route, key), row
        assert destination in (None, row["destination"]), row
        assert rule in row["rule"] and f"{service.conf}:" in row["rule"], row
        assert row["expire_s"]["normal"] > 0 and row["retry_s"] == [1, 2, 5] and row["queue"] is None
        text = service.ctl("explain", "route", address)
        assert rule in text and key in text
    assert told("x@far.example")["port"] == 2525
    assert "the DNS names for far.example" in service.ctl("explain", "route", "x@far.example")
    assert "if unknown" in service.ctl("explain", "route", f"postmaster@{DOMAIN}")


def test_explain_route_tells_what_waits(down):
    row = down.ctl_json("explain", "route", "new@c.hub.example")[0]
    assert row["queue"]["messages"] == 3 and row["queue"]["deferred"] == 3
    assert row["queue"]["next"].endswith("Z")
    assert "queue        3 messages" in down.ctl("explain", "route", "new@c.hub.example")
    none = down.ctl_json("explain", "route", "x@nowhere.example")[0]
    assert none["kind"] == "none" and none["queue"] is None and none["place"] == ""


def test_explain_msg(down):
    row = down.queue()[0]
    told = down.ctl_json("explain", "msg", row["id"])[0]
    rcpt = told["recipients"][0]
    assert told["sender"] == "s0@client.example" and told["state"] == "deferred"
    assert told["expires"] > told["warning"] > told["arrived"]
    assert rcpt["key"] == "route:hub" and f"{down.conf}:" in rcpt["rule"]
    assert rcpt["state"] == "deferred" and rcpt["why"].startswith("waits for its time until 2")
    assert rcpt["reply"] in rcpt["why"] and rcpt["reply"]
    text = down.ctl("explain", "msg", row["id"])
    assert "waits for its time" in text and "route:hub" in text and row["id"] in text
    down.ctl("hold", row["id"], "--reason", "wait")
    assert down.ctl_json("explain", "msg", row["id"])[0]["recipients"][0]["why"] == "held: wait"
    down.ctl("release", row["id"])
    down.stop()
    assert down.ctl_json("explain", "msg", row["id"])[0]["recipients"][0]["why"]
    down.ctl("explain", "msg", "0123456789abcdef", status=65)


def test_track_shows_every_attempt(serve, peers):
    first, second = peers.add({"RCPT": "451 4.7.1 come back"}), peers.add()
    service = serve(extra=hub(first.port), retry="1h")
    send(service, "x@hub.example")
    service.wait_event("defer")
    time.sleep(2)  # the connection to the first one is given up
    service.extra = hub(second.port)
    service.write_conf()
    service.reload()
    service.ctl("retry", "all", "--yes")
    service.wait_event("deliver")
    def attempts():
        return [e for e in service.ctl_json("track", "--to", "x@hub.example") if e["event"] == "attempt"]
    rows = wait_until(lambda: len(attempts()) >= 2 and attempts(), 20, "two attempts")
    assert str(first.port) in rows[0]["host"] and str(second.port) in rows[-1]["host"], rows
    for row in rows:
        assert row["tls"] and "delay" in row, row
    outcomes = [e for e in service.ctl_json("track", "--to", "x@hub.example")
                if e["event"] in ("defer", "deliver")]
    assert [e["reply"][:3] for e in outcomes] == ["451", "250"], outcomes
    assert all("delay" in e and "host" in e for e in outcomes)
    text = service.ctl("track", "--to", "x@hub.example")
    assert text.count(" attempt ") >= 2 and "tls=" in text and "come back" in text
    assert text.index("defer") < text.index("retry") < text.index("deliver ")


def test_help_names_the_verbs():
    text = subprocess.run([str(BUILD / "imsctl"), "--help"], capture_output=True, text=True, check=True).stdout
    for verb in ("retry", "hold", "release", "bounce", "drop", "suspend", "resume", "reroute", "explain",
                 "queue", "track", "route R", "--for"):
        assert verb in text
