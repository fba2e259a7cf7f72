# SPDX-License-Identifier: Apache-2.0
"""Which host is asked next, and how often (RFC 5321 5.1): each address once in an attempt, what one host cannot do
another may, hosts that move, names that cannot be asked. And a host that goes away behind the final dot: what it may
have is not sent to another one, is sent again late, and few times."""
import errno

import pytest

import wire
from dnsserver import DnsServer
from peer import Peers
from service import free_port, wait_until

SHORT = "timeout { connect 1s; greeting 1s; command 2s; data 2s; final 2s; idle 1s }"
RELAY = "host 127.0.0.0/8 { accept; relay yes }"
BOB = "bob@us.example"


def on_one_port(peers, scripts):
    """Hosts on 127.0.0.1, .2, … of one port."""
    for attempt in range(20):
        port = free_port()
        try:
            return port, [peers.add(script, host=f"127.0.0.{n}", port=port) for n, script in enumerate(scripts, 1)]
        except OSError:
            assert attempt < 19
    raise AssertionError


def by_mx(dns, port):
    return "\n".join((SHORT, RELAY, f"resolver {{ server 127.0.0.1:{dns.port}; timeout 1s }}",
                      f"route default {{ mx; port {port} }}"))


def outcomes(service, to):
    return [e for e in service.events(to=to) if e["event"] in ("deliver", "defer", "fail", "expire")]


def outcome(service, to, seconds=30):
    return wait_until(lambda: outcomes(service, to), seconds, f"an outcome of {to}")[0]


def hosts(*names):
    return {"MX": [(10 * n, f"{name}.hosts.example") for n, name in enumerate(names, 1)]}


# zone entry of the domain, what becomes of the mail, beginning of its status, connections to the hosts 1 to 4:
# 1 is busy (421), 2 takes mail, 3 puts recipients off (450), 4 refuses recipients (550)
CASES = {
    "busy-then-good": (hosts("h1", "h2"), "deliver", "2.", (1, 1, 0, 0)),
    "later-then-good": (hosts("h3", "h2"), "deliver", "2.", (0, 1, 1, 0)),
    "later-then-never": (hosts("h3", "h4"), "fail", "5.1.1", (0, 0, 1, 1)),
    "never-then-good": (hosts("h4", "h2"), "fail", "5.1.1", (0, 0, 0, 1)),
    "busy-and-later": (hosts("h1", "h3"), "defer", "4.2.1", (1, 0, 1, 0)),
    "later-and-busy": (hosts("h3", "h1"), "defer", "4.2.1", (1, 0, 1, 0)),
    "two-names": (hosts("h1", "same1"), "defer", "4.3.2", (1, 0, 0, 0)),
    "two-names-and-good": (hosts("h1", "same1", "h2"), "deliver", "2.", (1, 1, 0, 0)),
    "twice-at-one-name": (hosts("twice"), "defer", "4.3.2", (1, 0, 0, 0)),
    "one-cannot-be-asked": (hosts("fails", "h2"), "deliver", "2.", (0, 1, 0, 0)),
    "one-does-not-answer": (hosts("silent", "h2"), "deliver", "2.", (0, 1, 0, 0)),
    "one-has-half-an-answer": (hosts("half", "h1"), "deliver", "2.", (0, 1, 0, 0)),
    "one-is-lame": (hosts("refused", "h2"), "deliver", "2.", (0, 1, 0, 0)),
    "aliases": (hosts("a1"), "deliver", "2.", (0, 1, 0, 0)),
    "none-can-be-asked": (hosts("fails", "refused"), "defer", "4.4.3", (0, 0, 0, 0)),
    "many": ({"MX": [(5, "h1.hosts.example"), (6, "h2.hosts.example")]
              + [(100 + n, f"n{n}.hosts.example") for n in range(98)], "do": "truncate"}, "deliver", "2.", (1, 1, 0, 0)),
}
ZONE = {
    **{f"h{n}.hosts.example": {"A": [f"127.0.0.{n}"]} for n in (1, 2, 3, 4)},
    "same1.hosts.example": {"A": ["127.0.0.1"]}, "twice.hosts.example": {"A": ["127.0.0.1", "127.0.0.1"]},
    "half.hosts.example": {"A": ["127.0.0.2"], "AAAA": ["::"]},
    "fails.hosts.example": "servfail", "silent.hosts.example": "drop", "refused.hosts.example": "refused",
    "a1.hosts.example": {"CNAME": ["a2.hosts.example"]}, "a2.hosts.example": {"CNAME": ["a3.hosts.example"]},
    "a3.hosts.example": {"CNAME": ["h2.hosts.example"]},
    **{f"n{n}.hosts.example": {"A": ["127.0.0.9"]} for n in range(98)},
}
SCRIPTS = ({"greeting": "421 4.3.2 busy"}, None, {"RCPT": "450 4.2.1 not now"}, {"RCPT": "550 5.1.1 nobody"})


def test_each_cell(serve):
    with Peers() as peers:
        port, all_peers = on_one_port(peers, SCRIPTS)
        zone = {**ZONE, **{f"{name}.example": row[0] for name, row in CASES.items()}}
        with DnsServer(zone) as dns:
            service = serve(extra=by_mx(dns, port), retry="1h", limit="messages-per-connection 0")
            wrong = []
            for name, (_, wanted, status, connections) in CASES.items():
                before = [p.sessions for p in all_peers]
                assert service.send(BOB, [f"x@{name}.example"], wire.message(name))[0] == 250
                event = outcome(service, f"x@{name}.example")
                made = tuple(p.sessions - b for p, b in zip(all_peers, before))
                if event["event"] != wanted or not event["dsn"].startswith(status) or made != connections:
                    wrong.append((name, event["event"], event["dsn"], event.get("reply"), made))
            assert not wrong, wrong
            assert not dns.errors


# AAAA and A of a host whose addresses are ::1 and 127.0.0.1 (busy), 127.0.0.2 (good), 2001:db8::25 (nowhere); and the
# families that are asked, in order. Addresses of one family come in any order.
FAMILIES = {
    "v6-first": ({"AAAA": ["::1"], "A": ["127.0.0.2"]}, ("64",)),
    "in-turns": ({"AAAA": ["::1", "2001:db8::25"], "A": ["127.0.0.2"]}, ("64",)),
    "both-in-turns": ({"AAAA": ["::1", "2001:db8::25"], "A": ["127.0.0.1", "127.0.0.2"]}, ("64", "6464")),
    "v4-only": ({"A": ["127.0.0.1", "127.0.0.2"]}, ("4", "44")),
    "v6-nowhere": ({"AAAA": ["2001:db8::25"], "A": ["127.0.0.2"]}, ("64",)),
}


def test_families_take_turns(serve):
    with Peers() as peers:
        for attempt in range(20):
            port = free_port()
            try:
                _, _, good = (peers.add(script, host=host, port=port) for host, script in (
                    ("::1", SCRIPTS[0]), ("127.0.0.1", SCRIPTS[0]), ("127.0.0.2", None)))
                break
            except OSError as error:
                if error.errno == errno.EADDRNOTAVAIL:
                    pytest.skip("no IPv6 here")
                assert attempt < 19
        zone = {f"{name}.example": {"MX": [(10, f"mx.{name}.example")]} for name in FAMILIES}
        zone.update({f"mx.{name}.example": row[0] for name, row in FAMILIES.items()})
        with DnsServer(zone) as dns:
            service = serve(extra=by_mx(dns, port), retry="1h")
            for name, (_, wanted) in FAMILIES.items():
                assert service.send(BOB, [f"x@{name}.example"], wire.message(name))[0] == 250
                event = outcome(service, f"x@{name}.example")
                assert event["event"] == "deliver" and f"[127.0.0.2]:{port}" in event["host"], (name, event)
                asked = [e["host"].partition("[")[2].partition("]")[0]
                         for e in service.events("attempt", to=f"x@{name}.example")]
                assert "".join("6" if ":" in a else "4" for a in asked) in wanted, (name, asked)
            assert len(good.messages) == len(FAMILIES)


def test_hosts_that_move_between_attempts(serve):
    """TTL 0 and short ones: each attempt asks again. The host of a smart route, and that of a domain."""
    with Peers() as peers:
        port, (first, second) = on_one_port(peers, ({"greeting": "421 4.3.2 busy"}, None))
        zone = {"relay.hosts.example": {"A": ["127.0.0.1"], "ttl": 0}, "mx.hosts.example": {"A": ["127.0.0.1"], "ttl": 0},
                "moving.example": {"MX": [(10, "mx.hosts.example")], "ttl": 1}}
        with DnsServer(zone) as dns:
            service = serve(retry="2s", extra=by_mx(dns, port)
                            + f"\nroute smart {{ match smart.example; via relay.hosts.example:{port} }}")
            for domain in ("smart.example", "moving.example"):
                assert service.send(BOB, [f"x@{domain}"], wire.message(domain))[0] == 250
                assert outcome(service, f"x@{domain}")["event"] == "defer"
            assert first.sessions >= 2 and second.sessions == 0
            zone["relay.hosts.example"]["A"] = zone["mx.hosts.example"]["A"] = ["127.0.0.2"]
            wait_until(lambda: len(second.messages) == 2, 40, "both messages at the new address")
            service.wait_empty()
            assert sorted(r for m in second.messages for r in m[1]) == ["x@moving.example", "x@smart.example"]
            assert not dns.errors


# -- behind the final dot ------------------------------------------------------------------------

class Taker:
    """Takes each text, and then does not say so `times` times."""

    def __init__(self, how, times):
        self.how, self.left, self.copies = how, times, 0

    def __call__(self, _session, _argument):
        self.copies += 1
        if self.left == 0:
            return None
        self.left -= 1
        return self.how


@pytest.mark.parametrize("how", ("close", "reset", "silence", "garbage", "empty"))
def test_in_doubt_is_sent_again_late_and_nowhere_else(serve, how):
    with Peers() as peers:
        taker = Taker(how, 2)
        first, second = peers.add({"dot": taker}), peers.add()
        service = serve(retry="1s; in-doubt 3s", extra="\n".join((
            SHORT, RELAY,
            f"route r {{ match c.example; via 127.0.0.1:{first.port} 127.0.0.1:{second.port} }}")))
        assert service.send(BOB, ["x@c.example"], wire.message())[0] == 250
        assert outcome(service, "x@c.example")["event"] == "defer"
        told = service.wait_event("in_doubt", to="x@c.example")
        assert told["count"] == 1 and int(told["number"]) == 3091
        assert "the host may have the message" in told["reply"]
        (rcpt,) = service.queue()[0]["recipients"]
        assert rcpt["doubts"] == 1 and "the host may have the message" in rcpt["reply"]
        assert " doubts=1 " in service.ctl("msg", "show", told["id"])
        # Over a restart the count is kept: twice as long after the second time.
        service.stop()
        service.start()
        wait_until(lambda: len(service.events("in_doubt")) == 2, 20, "the second time")
        service.wait_event("deliver", 30, to="x@c.example")
        service.wait_empty()
        assert taker.copies == 3 and not second.messages
        defers = service.events("defer", to="x@c.example")
        times = [e["delay"] for e in defers] + [service.events("deliver", to="x@c.example")[0]["delay"]]
        assert times[1] - times[0] >= 3000 and times[2] - times[1] >= 6000, times
        assert service.events("in_doubt")[1]["count"] == 2
        assert not service.mailbox("bob")


def test_copies_stay_few_until_it_expires(serve):
    """A host that never answers the dot gets it after 1, 2, 4 … seconds; then the sender is told the truth."""
    with Peers() as peers:
        taker = Taker("close", 1000)
        peer = peers.add({"dot": taker})
        ages = "; ".join(f"{word} {{ urgent {age}; normal {age}; non-urgent {age} }}"
                         for word, age in (("expire", "12s"), ("warn", "0s")))
        service = serve(retry=f"1s; in-doubt 1s; {ages}", extra="\n".join((
            SHORT, RELAY,
            f"route r {{ match c.example; via 127.0.0.1:{peer.port} }}")))
        assert service.send(BOB, ["x@c.example"], wire.message())[0] == 250
        service.wait_event("expire", 40, to="x@c.example")
        (report,) = service.wait_mail("bob")
        assert b"the host may have the message" in report.replace(b"\r\n ", b" ").replace(b"\r\n", b" ").replace(b"\n", b" ")
        assert 4 <= taker.copies <= 6, taker.copies


def test_lost_before_the_dot_goes_to_the_next_at_once(serve):
    """At every earlier cut nobody can have it: the next host gets it, once, without a wait."""
    with Peers() as peers:
        steps = ("greeting", "MAIL", "RCPT", "DATA")
        firsts = [peers.add({step: "close"}) for step in steps]
        second = peers.add()
        service = serve(retry="1h", extra="\n".join((SHORT, RELAY, *(
            f"route r{n} {{ match c{n}.example; via 127.0.0.1:{peer.port} 127.0.0.1:{second.port} }}"
            for n, peer in enumerate(firsts)))))
        for number in range(len(steps)):
            assert service.send(BOB, [f"x@c{number}.example"], wire.message())[0] == 250
            assert outcome(service, f"x@c{number}.example")["event"] == "deliver"
        assert sorted(r for m in second.messages for r in m[1]) == [f"x@c{n}.example" for n in range(len(steps))]
        assert not service.events("in_doubt")


def test_large_text_lost_in_the_middle_is_no_doubt(serve):
    with Peers() as peers:
        first, second = peers.add({"body": "close"}), peers.add()
        service = serve(retry="1h", extra="\n".join((
            SHORT, RELAY, f"route r {{ match c.example; via 127.0.0.1:{first.port} 127.0.0.1:{second.port} }}")))
        assert service.send(BOB, ["x@c.example"], wire.message("large", (b"x" * 900 + b"\r\n") * 8_000))[0] == 250
        assert outcome(service, "x@c.example", 60)["event"] == "deliver"
        assert len(second.messages) == 1 and not service.events("in_doubt")
