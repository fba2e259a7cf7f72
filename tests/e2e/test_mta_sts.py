# SPDX-License-Identifier: Apache-2.0
"""MTA-STS (RFC 8461): what other domains' policies do with mail to them, and what becomes of a
promise when its web server, its record or our own processes go away."""
import os
import signal

import pytest

from certs import Authority
from dnsserver import DnsServer
from peer import Peers
from policyserver import PolicyServer, policy
from service import free_port, is_alive, wait_until
from test_tls_out import RELAY, SHORT, context, outcome, send

NONE, VERIFIED = "none", "verified"


class World:
    """Domains NAME.example, each with a host mx.NAME.example of its own on one port."""

    def __init__(self, authority, peers, strangers):
        self.authority, self.peers, self.strangers = authority, peers, strangers
        self.dns, self.web, self.port = DnsServer({}), PolicyServer(authority), free_port()
        self.hosts = {}

    def host(self, name, cert, script=None):
        """A mail host with that name and a certificate: good, wrong, old, strange, or None."""
        address = f"127.0.{2 + len(self.hosts) // 200}.{1 + len(self.hosts) % 200}"
        pair = None
        if cert == "strange":
            pair = self.strangers.make(name, name)
        elif cert:
            pair = self.authority.make(name, "wrong.example" if cert == "wrong" else name,
                                       days=0 if cert == "old" else 90)
        self.hosts[name] = self.peers.add(script, tls=context(pair) if pair else None, host=address,
                                          port=self.port)
        self.dns.zone[name] = {"A": [address]}
        return self.hosts[name]

    def domain(self, name, cert, page, *mx):
        mx = mx or (f"mx.{name}",)
        for host in mx:
            if host not in self.hosts:
                self.host(host, cert)
        self.dns.zone[name] = {"MX": [(10 * n, host) for n, host in enumerate(mx)]}
        if page:
            self.web.add(self.dns.zone, name, page)

    def conf(self, *more):
        ca = self.authority.file
        return "\n".join((SHORT, RELAY, f"resolver {{ server 127.0.0.1:{self.dns.port}; timeout 1s }}",
                          f"http {{ ca {ca}; private-hosts yes }}", f"route default {{ mx; port {self.port}; ca {ca} }}", *more))

    def taken(self, host):
        return len(self.hosts[host].messages)


@pytest.fixture
def world(authority, tmp_path):
    with Peers() as peers:
        made = World(authority, peers, Authority(tmp_path / "strangers"))
        yield made
        made.web.close()
        made.dns.close()
        assert not made.dns.errors, made.dns.errors


# domain: its host's certificate, its policy; what happens, how, words of the reply, the failure told
ROWS = {
    "enforce": ("good", policy("enforce", "mx.enforce.example"), "deliver", VERIFIED, "", None),
    "star": ("good", policy("enforce", "*.star.example"), "deliver", VERIFIED, "", None),
    "unlisted": ("good", policy("enforce", "mx.other.example"), "defer", "-",
                 "the policy of unlisted.example (MTA-STS) does not list mx.unlisted.example",
                 "validation-failure"),
    "wrong": ("wrong", policy("enforce", "mx.wrong.example"), "defer", "-",
              "its certificate was to name mx.wrong.example, as the policy of wrong.example (MTA-STS) demands",
              "certificate-host-mismatch"),
    "old": ("old", policy("enforce", "mx.old.example"), "defer", "-", "certificate has expired",
            "certificate-expired"),
    "strange": ("strange", policy("enforce", "mx.strange.example"), "defer", "-", "TLS with mx.strange.example",
                "certificate-not-trusted"),
    "clear": (None, policy("enforce", "mx.clear.example"), "defer", "-", "does not offer STARTTLS",
              "starttls-not-supported"),
    "testing": ("good", policy("testing", "mx.testing.example"), "deliver", VERIFIED, "", None),
    "testing-wrong": ("wrong", policy("testing", "mx.testing-wrong.example"), "deliver", NONE, "",
                      "certificate-host-mismatch"),
    "testing-unlisted": ("good", policy("testing", "mx.other.example"), "deliver", NONE, "",
                         "validation-failure"),
    "testing-clear": (None, policy("testing", "mx.testing-clear.example"), "deliver", "-", "",
                      "starttls-not-supported"),
    "none": ("wrong", policy("none"), "deliver", NONE, "", None),
    "without": ("wrong", None, "deliver", NONE, "", None),
    "missing": (None, (404, "", "text/plain"), "deliver", "-", "", "sts-policy-fetch-error"),
    "moved": (None, (301, "https://mta-sts.enforce.example/.well-known/mta-sts.txt", "text/plain"), "deliver",
              "-", "", "sts-policy-fetch-error"),
    "html": (None, (200, policy("enforce", "mx.html.example"), "text/html"), "deliver", "-", "",
             "sts-policy-invalid"),
    "junk": (None, "mode: enforce\n", "deliver", "-", "", "sts-policy-invalid"),
    "huge": (None, policy("enforce", "mx.huge.example") + "x: y\n" * 20000, "deliver", "-", "",
             "sts-policy-fetch-error"),
    "site": (None, policy("enforce", "mx.site.example"), "deliver", "-", "", "sts-webpki-invalid"),
}


def test_policies(serve, world, tmp_path):
    world.web.pairs["site.example"] = world.strangers.make("site", "mta-sts.site.example")
    for name, (cert, page, *_) in ROWS.items():
        world.domain(f"{name}.example", cert, page)
    service = serve(extra=world.conf(), retry="1h")
    send(service, *(f"x@{name}.example" for name in ROWS))
    for name, (cert, page, want, how, says, failure) in ROWS.items():
        event = outcome(service, f"x@{name}.example")
        assert event["event"] == want and says in event["reply"], (name, event)
        assert event["tls"].split()[-1] == how, (name, event)
        assert world.taken(f"mx.{name}.example") == (want == "deliver"), name
        if want == "defer":
            assert event["dsn"] in ("4.7.4", "4.7.5"), (name, event)
        if failure: # by another process than the outcome, so perhaps a moment later
            service.wait_event("tls_policy_fail", domain=f"{name}.example")
        told = [e for e in service.events("tls_policy_fail") if e["domain"] == f"{name}.example"]
        assert [e["reason"] for e in told] == ([failure] if failure else []), (name, told)
        assert all(e["policy"] == "sts" for e in told)
        assert world.web.asked.get(f"{name}.example", 0) == (page is not None and name != "site"), name
    modes = {e["domain"]: e["reason"] for e in service.events("sts_policy")}
    assert modes["enforce.example"] == "enforce" and modes["none.example"] == "none"
    assert {e["domain"].split(".")[0] for e in service.events("sts_error")} == \
        {"missing", "moved", "html", "junk", "huge", "site"}


def test_next_host(serve, world):
    """A host that the policy does not list, or that shows something else, makes room for the next."""
    world.host("bad.next.example", "wrong")
    world.host("good.next.example", "good")
    world.host("other.example", "good")
    world.domain("next.example", None, policy("enforce", "*.next.example"), "other.example",
                 "bad.next.example", "good.next.example")
    service = serve(extra=world.conf(), retry="1h")
    send(service, "x@next.example")
    event = outcome(service, "x@next.example")
    assert event["event"] == "deliver" and event["tls"].endswith(" verified"), event
    assert world.taken("good.next.example") == 1
    assert world.taken("bad.next.example") == world.taken("other.example") == 0


def restarted(service):
    service.stop()
    service.start()


def test_promise_is_kept(serve, world):
    """Nothing takes a promise away before its time: not the web server, not the DNS, no restart."""
    world.domain("kept.example", "good", policy("enforce", "mx.kept.example"))
    service = serve(extra=world.conf(), retry="1h")
    send(service, "one@kept.example")
    assert outcome(service, "one@kept.example")["tls"].endswith(" verified")
    wait_until(lambda: "QUIT" in world.hosts["mx.kept.example"].steps, 10, "the idle connection is closed")
    world.web.close()
    del world.dns.zone["_mta-sts.kept.example"]
    (http,) = service.pids()["http"]
    service.crashes = True
    os.kill(http, signal.SIGKILL)
    wait_until(lambda: not is_alive(http), 10, "the process is gone")
    send(service, "two@kept.example")
    assert outcome(service, "two@kept.example")["tls"].endswith(" verified")
    # somebody in between answers for the domain from now on
    world.host("thief.example", None)
    world.dns.zone["kept.example"] = {"MX": [(10, "thief.example")]}
    restarted(service)
    send(service, "three@kept.example")
    event = outcome(service, "three@kept.example")
    assert event["event"] == "defer" and "does not list thief.example" in event["reply"], event
    assert world.taken("thief.example") == 0


def test_another_id(serve, world):
    world.domain("moving.example", "good", policy("enforce", "mx.moving.example"))
    service = serve(extra=world.conf(), retry="1h")
    send(service, "one@moving.example")
    assert outcome(service, "one@moving.example")["event"] == "deliver"
    # the same id: it is not read again
    world.host("new.moving.example", "good")
    world.dns.zone["moving.example"] = {"MX": [(10, "new.moving.example")]}
    world.web.pages["moving.example"] = policy("enforce", "new.moving.example")
    restarted(service)
    send(service, "two@moving.example")
    assert outcome(service, "two@moving.example")["event"] == "defer"
    assert world.web.asked["moving.example"] == 1
    world.dns.zone["_mta-sts.moving.example"] = {"TXT": ["v=STSv1; id=2;"]}
    restarted(service)
    send(service, "three@moving.example")
    assert outcome(service, "three@moving.example")["event"] == "deliver"
    assert world.web.asked["moving.example"] == 2
    assert world.taken("new.moving.example") == 1


def test_other_words_do_not_ask(serve, world):
    world.domain("may.example", "wrong", policy("enforce", "mx.may.example"))
    service = serve(extra=world.conf().replace("mx; port", "mx; tls may; port"), retry="1h")
    send(service, "x@may.example")
    assert outcome(service, "x@may.example")["event"] == "deliver"
    assert world.web.asked == {}
    assert ("_mta-sts.may.example", "TXT") not in world.dns.asked


def test_exceptions(serve, world):
    """An administrator's word stands before the domain's, until its last day has passed."""
    for name in ("old.example", "sub.own.example", "over.example"):
        world.domain(name, "wrong", policy("enforce", f"mx.{name}"))
    service = serve(extra=world.conf(
        "tls-policy old.example own.example { may; until 2999-12-31; reason \"they know\" }",
        "tls-policy over.example { may; until 2020-01-31; reason \"long ago\" }"), retry="1h")
    send(service, "x@old.example", "x@sub.own.example", "x@over.example")
    assert outcome(service, "x@old.example")["event"] == "deliver"
    assert outcome(service, "x@sub.own.example")["event"] == "deliver"
    event = outcome(service, "x@over.example")
    assert event["event"] == "defer" and "hostname mismatch" in event["reply"], event
    (told,) = service.events("tls_policy_over")
    assert (told["domain"], told["until"], told["reason"]) == ("over.example", "2020-01-31", "long ago")
