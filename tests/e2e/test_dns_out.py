# SPDX-License-Identifier: Apache-2.0
"""Mail for other domains by the DNS: what each answer means, what lies and silence cost, and
that a dead resolver process loses nothing. All mail hosts have one port on 127.0.0.1, .2, …"""
import os
import signal

import pytest

import wire
from dnsserver import DnsServer
from peer import Peers
from service import DOMAIN, free_port, is_alive, wait_until

SHORT = "timeout { connect 1s; greeting 1s; command 2s; data 2s; final 2s; idle 1s }"
RELAY = "host 127.0.0.0/8 { accept; relay yes }"
NOBODY = "127.0.0.9"  # where nobody listens on that port
HOSTS = {"mx1.hosts.example": {"A": ["127.0.0.1"]}, "mx2.hosts.example": {"A": ["127.0.0.2"]},
         "mx3.hosts.example": {"A": ["127.0.0.3"]}, "dead.hosts.example": {"A": [NOBODY]},
         "bare.hosts.example": {"TXT": ["no address"]},
         "alias.hosts.example": {"CNAME": ["mx2.hosts.example"]},
         "none.hosts.example": {"A": ["0.0.0.0"], "AAAA": ["::"]}}
MANY = [(50 + n, f"h{n}.many.example") for n in range(150)]

# domain: (its zone entry, outcome, beginning of the status code, number of the host that has it)
ANSWERS = {
    "order.example": ({"MX": [(20, "mx2.hosts.example"), (10, "mx1.hosts.example")]}, "deliver", "2.", 1),
    "second.example": ({"MX": [(10, "dead.hosts.example"), (20, "mx2.hosts.example")]}, "deliver", "2.", 2),
    "refusing.example": ({"MX": [(10, "mx3.hosts.example"), (20, "mx2.hosts.example")]}, "deliver", "2.", 2),
    "noaddress.example": ({"MX": [(10, "bare.hosts.example"), (20, "mx2.hosts.example")]},
                          "deliver", "2.", 2),
    "lost.example": ({"MX": [(10, "gone.hosts.example"), (20, "mx2.hosts.example")]}, "deliver", "2.", 2),
    "implicit.example": ({"A": ["127.0.0.2"]}, "deliver", "2.", 2),
    "addresses.example": ({"A": [NOBODY, "127.0.0.2"]}, "deliver", "2.", 2),
    "c1.example": ({"CNAME": ["c2.example"]}, "deliver", "2.", 1),
    "c2.example": ({"CNAME": ["c3.example"]}, "deliver", "2.", 1),
    "c3.example": ({"CNAME": ["order.example"]}, "deliver", "2.", 1),
    "calias.example": ({"MX": [(10, "alias.hosts.example")]}, "deliver", "2.", 2),
    "many.example": ({"MX": MANY + [(10, "mx1.hosts.example")], "do": "truncate"}, "deliver", "2.", 1),
    "truncated.example": ({"MX": [(10, "mx2.hosts.example")], "do": "truncate"}, "deliver", "2.", 2),
    "late.example": ({"MX": [(10, "mx2.hosts.example")], "do": "delay:700"}, "deliver", "2.", 2),
    "null.example": ({"MX": [(0, "")]}, "fail", "5.1.10", None),
    "gone.example": ("nxdomain", "fail", "5.1.2", None),
    "deadend.example": ({"CNAME": ["gone.example"]}, "fail", "5.1.2", None),
    "nothing.example": ({"TXT": ["no MX and no address"]}, "fail", "5.4.4", None),
    "bare.example": ({"MX": [(10, "bare.hosts.example")]}, "fail", "5.4.4", None),
    "none.example": ({"MX": [(10, "none.hosts.example")]}, "fail", "5.4.4", None),
    "badname.example": ({"MX": [(10, "a b.hosts.example")]}, "fail", "5.4.4", None),
    "nullandmore.example": ({"MX": [(0, ""), (10, "mx2.hosts.example")]}, "deliver", "2.", 2),
    "self.example": ({"MX": [(10, f"mx.{DOMAIN}")]}, "fail", "5.4.6", None),
    "backup.example": ({"MX": [(10, "dead.hosts.example"), (20, f"mx.{DOMAIN}"),
                               (30, "mx2.hosts.example")]}, "defer", "4.4.1", None),
    "nobody.example": ({"MX": [(10, "dead.hosts.example")]}, "defer", "4.4.1", None),
    "servfail.example": ("servfail", "defer", "4.4.3", None),
    "refused.example": ("refused", "defer", "4.4.3", None),
    "garbage.example": ("garbage", "defer", "4.4.3", None),
    "drop.example": ("drop", "defer", "4.4.3", None),
    "circle.example": ("circle", "defer", "4.4.3", None),
    "hostfail.example": ({"MX": [(10, "servfail.hosts.example")]}, "defer", "4.4.3", None),
}
MX2 = {"MX": [(10, "mx2.hosts.example")]}
# What must never bring mail anywhere while it lasts, but does not fail it either.
LIES = {f"{how}.lie.example": {**MX2, "do": how} for how in
        ("cut", "other-id", "other-name", "compress", "garbage", "servfail", "drop")}


def zone():
    made = dict(HOSTS)
    made.update({name: row[0] for name, row in ANSWERS.items()})
    made.update({name: {"A": [NOBODY]} for _, name in MANY})
    made.update({"servfail.hosts.example": "servfail"})
    return made


class Mx:
    """A DNS server, three mail hosts on one port (the third refuses all connections with
    554), and the configuration that sends mail there."""

    def __init__(self, peers, zone_entries):
        for attempt in range(20):
            port = free_port()
            try:
                self.peers = [peers.add({"greeting": "554 no"} if n == 3 else None,
                                        host=f"127.0.0.{n}", port=port) for n in (1, 2, 3)]
                break
            except OSError:
                assert attempt < 19
        self.port = port
        self.dns = DnsServer(zone_entries)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.dns.close()
        assert not self.dns.errors, self.dns.errors

    def conf(self, timeout="1s"):
        return "\n".join((SHORT, RELAY, f"resolver {{ server 127.0.0.1:{self.dns.port}; timeout {timeout} }}",
                          f"route default {{ mx; port {self.port} }}"))

    def taken(self, number):
        """Recipients that host `number` has taken, in order."""
        return [r for m in self.peers[number - 1].messages for r in m[1]]


@pytest.fixture
def mx():
    with Peers() as peers, Mx(peers, zone()) as made:
        yield made


def outcome(service, to, seconds=20):
    def look():
        return [e for e in service.events(to=to) if e["event"] in ("deliver", "defer", "fail", "expire")]
    return wait_until(look, seconds, f"an outcome of {to}")[0]


def send(service, domains, sender="bob@us.example"):
    with service.client() as client:
        for domain in domains:
            code, text = client.mail(sender, [f"x@{domain}"], wire.message(domain))
            assert code == 250, (domain, text)


def test_what_each_answer_means(serve, mx):
    service = serve(extra=mx.conf(), retry="1h")
    send(service, ANSWERS)
    wrong = []
    for domain, (_, wanted, status, host) in ANSWERS.items():
        event = outcome(service, f"x@{domain}")
        found = [n for n in (1, 2, 3) if f"x@{domain}" in mx.taken(n)]
        if event["event"] != wanted or not event["dsn"].startswith(status) \
                or found != ([host] if host else []):
            wrong.append((domain, event, found))
    assert not wrong, wrong
    failed = [d for d, row in ANSWERS.items() if row[1] == "fail"]
    texts = service.wait_mail("bob", len(failed))
    for domain in failed:
        (text,) = [t for t in texts if f"x@{domain}".encode() in t]
        assert f"Status: {ANSWERS[domain][2]}".encode() in text, text
    (text,) = [t for t in texts if b"x@null.example" in t]
    assert b"accepts no mail" in text.replace(b"\r\n", b" ").replace(b"\n", b" ")
    assert not service.events("expire") and len(texts) == len(failed)


def test_equal_preferences_are_shared_out(serve, mx):
    mx.dns.zone["*.shuffle.example"] = {"MX": [(10, "mx1.hosts.example"), (10, "mx2.hosts.example")]}
    service = serve(extra=mx.conf())
    send(service, [f"d{n}.shuffle.example" for n in range(32)])
    wait_until(lambda: len(mx.taken(1)) + len(mx.taken(2)) == 32, 20, "32 messages")
    assert len(mx.taken(1)) >= 4 and len(mx.taken(2)) >= 4


def test_one_domain_is_not_asked_for_again_and_again(serve, mx):
    service = serve(extra=mx.conf())
    send(service, ["order.example"] * 60)
    wait_until(lambda: len(mx.taken(1)) == 60, 20, "60 messages")
    assert mx.dns.asked["order.example", "MX"] <= 2
    assert mx.dns.asked["mx1.hosts.example", "A"] <= 2


def test_a_domain_whose_host_has_our_address_loops(serve, mx):
    service = serve.stopped()
    service.extra = mx.conf() + f"\nroute own {{ match loop.example; mx; port {service.port} }}"
    mx.dns.zone["loop.example"] = {"MX": [(10, "mx1.hosts.example")]}
    service.write_conf()
    service.start()
    send(service, ["loop.example"])
    assert outcome(service, "x@loop.example")["event"] == "fail"
    assert service.wait_event("fail")["dsn"] == "5.4.6"
    assert b"5.4.6" in service.wait_mail("bob")[0]


def test_an_address_literal_needs_no_dns(serve, mx):
    service = serve(extra=mx.conf())
    send(service, ["[127.0.0.2]"])
    wait_until(lambda: mx.taken(2) == ["x@[127.0.0.2]"], 15, "the message")
    assert not mx.dns.asked


def test_lies_bring_mail_nowhere_and_truth_brings_it(serve, mx):
    """While the answers are useless the mail waits; once they are good it arrives, once."""
    mx.dns.zone.update(LIES)
    service = serve(extra=mx.conf(), retry="2s")
    send(service, LIES)
    for domain in LIES:
        event = outcome(service, f"x@{domain}", 30)
        assert event["event"] == "defer" and event["dsn"] == "4.4.3", (domain, event)
    assert not mx.taken(1) and not mx.taken(2) and not service.events("fail")
    for domain in LIES:
        mx.dns.zone[domain] = MX2
    wait_until(lambda: len(mx.taken(2)) == len(LIES), 30, "all messages")
    service.wait_empty()
    assert sorted(mx.taken(2)) == sorted(f"x@{domain}" for domain in LIES)


def test_a_server_that_is_away_and_comes_back(serve, mx):
    """Nothing answers for a while; then all mail goes, although some waited for long."""
    everything, mx.dns.zone = mx.dns.zone, {"*.example": "drop"}
    service = serve(extra=mx.conf(), retry="1s")
    domains = ("order.example", "second.example", "implicit.example")
    send(service, domains)
    for domain in domains:
        assert outcome(service, f"x@{domain}")["dsn"] == "4.4.3"
    wait_until(lambda: len(service.events("defer")) >= 9, 30, "third attempts")
    mx.dns.zone = everything
    service.wait_empty(40)
    assert sorted(mx.taken(1) + mx.taken(2)) == sorted(f"x@{d}" for d in domains)


def test_the_second_server_answers_when_the_first_is_silent(serve, mx):
    with DnsServer({"*.example": "drop"}) as silent:
        service = serve(retry="2s", extra=mx.conf().replace(
            "server ", f"server 127.0.0.1:{silent.port} "))
        send(service, ["order.example", "second.example"])
        wait_until(lambda: len(mx.taken(1) + mx.taken(2)) == 2, 40, "both messages")
        assert not service.events("fail")


def test_other_servers_by_reload(serve, mx):
    with DnsServer({"*.example": "servfail"}) as broken:
        right = mx.conf()
        service = serve(retry="2s", extra=right.replace(f":{mx.dns.port};", f":{broken.port};"))
        send(service, ["order.example"])
        assert outcome(service, "x@order.example")["dsn"] == "4.4.3"
        service.extra = right
        service.write_conf()
        service.reload()
        wait_until(lambda: mx.taken(1) == ["x@order.example"], 30, "the message")


@pytest.mark.parametrize("signo", [signal.SIGKILL, signal.SIGSEGV], ids=["KILL", "SEGV"])
def test_dns_dies_while_it_asks(serve, mx, signo):
    """Its successor is asked again; no recipient is put off, none has the mail twice."""
    mx.dns.zone["*.slow.example"] = {**MX2, "do": "delay:1500"}
    service = serve(extra=mx.conf("5s"), retry="1h")
    service.crashes = True
    domains = [f"d{n}.slow.example" for n in range(20)]
    send(service, domains)
    for _ in range(2):
        wait_until(lambda: sum(mx.dns.asked.values()) >= 20, 15, "the questions")
        mx.dns.asked.clear()
        (pid,) = service.pids()["dns"]
        os.kill(pid, signo)
        wait_until(lambda p=pid: not is_alive(p), 10, "its death")
    wait_until(lambda: len(mx.taken(2)) == 20, 40, "20 messages")
    service.wait_empty()
    assert sorted(mx.taken(2)) == sorted(f"x@{d}" for d in domains)
    assert not service.events("defer") and not service.events("fail")
    crashes = service.events("crash_contained")
    assert len(crashes) == 2 and all(e["process"] == "dns" for e in crashes), crashes
    assert all(int(e["number"]) == 4037 and int(e["code"]) == signo for e in crashes)
