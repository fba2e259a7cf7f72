# SPDX-License-Identifier: Apache-2.0
"""kill -9 and kill -SEGV of each role in turn while mail pours out: whatever got 250 is with
the next host, or its sender has been told; nothing is invented, and what is there twice was in
flight. And messages that kill deliver or bounce by themselves: parked, the rest flows."""
import re
import signal
import time

import pytest

import report
import traffic
import wire
from dnsserver import DnsServer
from peer import Peers
from service import wait_until
from test_kill import kill_one

SHORT = "timeout { connect 2s; greeting 5s; command 5s; data 5s; final 5s; idle 1s }"
RELAY = "host 127.0.0.0/8 { accept; relay yes }"
ROLES = ("spool", "deliver", "bounce", "dns", "receive", "mailbox")
BOB = "bob@us.example"
IN_FLIGHT = 60  # of one kill: connections of two destinations, and the mailbox's jobs


def fate(_session, argument):
    return "550 5.1.1 nobody of that name" if "@bad.example" in argument else None


class Outgoing(traffic.Traffic):
    """Each message has a recipient by a route, one by the DNS, and one that is refused."""

    def _one(self, client, token):
        with self.lock:
            self.sent.add(token)
        to = [f"{token}@{domain}" for domain in ("good.example", "mx.example", "bad.example")]
        got = client.mail(BOB, to, traffic.make(token, self.size))
        if got[0] != 250:
            raise AssertionError(f"{got}")
        with self.lock:
            self.acknowledged.add(token)


def copies(peer, domain, load):
    """{token: how often the host has taken the message for that domain}; texts are whole."""
    found = {}
    for sender, recipients, text in list(peer.messages):
        for recipient in recipients:
            token, _, at = recipient.partition("@")
            if at != domain:
                continue
            assert sender == BOB and traffic.token_of(text) == token, (recipient, text[:300])
            assert token in load.sent, f"{token} was never sent"
            found[token] = found.get(token, 0) + 1
    return found


def told(service, load):
    """{token: ids of the reports about its refused recipient}"""
    found = {}
    for text in service.mailbox("bob"):
        one = report.Report(text)
        for address in one.addresses:
            token, _, domain = address.partition("@")
            assert domain == "bad.example" and token in load.sent, address
            assert one.of(address)["status"] == "5.1.1"
            found.setdefault(token, set()).add(one.id)
    return found


@pytest.mark.parametrize("signo", [signal.SIGKILL, signal.SIGSEGV], ids=["KILL", "SEGV"])
def test_every_role_in_turn_while_mail_leaves(serve, signo):
    with Peers() as peers, DnsServer({"mx.example": {"MX": [(10, "h.mx.example")]},
                                      "h.mx.example": {"A": ["127.0.0.1"]}}) as dns:
        peer = peers.add({"RCPT": fate})
        peer.delay_s = 0.01
        service = serve(retry="1s", extra="\n".join((
            SHORT, RELAY, f"resolver {{ server 127.0.0.1:{dns.port}; timeout 2s }}",
            f"route r {{ match good.example bad.example; via 127.0.0.1:{peer.port} }}",
            f"route default {{ mx; port {peer.port} }}")))
        service.crashes = True
        load = Outgoing(service.port, threads=3, count=100_000, deadline_s=90).start()
        for role in ROLES + ROLES:
            kill_one(service, role, signo)
            time.sleep(0.3)
        load.count = 0  # enough
        load.finish()
        assert len(load.acknowledged) >= 300, load.failures[-5:]
        service.wait_empty(60)
        extra = 0
        for domain in ("good.example", "mx.example"):
            found = copies(peer, domain, load)
            lost = load.acknowledged - set(found)
            assert not lost, f"{len(lost)} for {domain} are nowhere: {sorted(lost)[:5]}"
            extra += sum(found.values()) - len(found)
        reports = told(service, load)
        lost = load.acknowledged - set(reports)
        assert not lost, f"{len(lost)} failures were never told: {sorted(lost)[:5]}"
        assert all(len(ids) == 1 for ids in reports.values()), "reported twice"
        assert not copies(peer, "bad.example", load)
        print(f"{extra} copies beyond the first, {len(load.failures)} sessions lost, "
              f"{len(load.acknowledged)} messages")
        assert extra <= IN_FLIGHT * 2 * len(ROLES)
        assert not service.events("expire") and not service.events("poison")
        check_crashes(service, signo)
        assert " 0 faults" in service.ctl("spool", "verify")


def check_crashes(service, signo):
    for role in ROLES:
        of_role = [e for e in service.events("crash_contained") if e["process"].startswith(role)]
        assert len(of_role) == 2, (role, of_role)
        for event in of_role:
            assert int(event["number"]) == 4037 and int(event["code"]) == signo
            if signo == signal.SIGSEGV:
                assert int(event["flags"]) <= 0  # SI_USER: somebody's kill(2)
                assert re.fullmatch(r"0x[0-9a-f]+", event["address"])


def parked(service, sender, role):
    """The message of that sender is poison after three deaths of the role; its id."""
    poison = service.wait_event("poison", 60)
    rows = service.queue("state=poison")
    assert [(row["id"], row["sender"]) for row in rows] == [(poison["id"], sender)]
    crashes = service.events("crash_contained", id=poison["id"])
    assert len(crashes) == 3 and len(service.events("crash_contained")) == 3
    for event in crashes:
        assert event["process"].startswith(role) and int(event["code"]) == signal.SIGSEGV
        assert int(event["flags"]) > 0  # by the kernel
    return poison["id"]


def release(service, number):
    """Without the fault it goes on where it was."""
    service.stop()
    service.env = {}
    service.start()
    service.ctl("release", number, "--yes")
    service.wait_empty()


def test_a_message_that_kills_deliver_is_parked(serve):
    with Peers() as peers:
        peer = peers.add()
        service = serve(env={"IMS_FAULT": "deliver.job=crashme@"}, extra="\n".join(
            (SHORT, RELAY, f"route r {{ match .example; via 127.0.0.1:{peer.port} }}")))
        service.crashes = True
        assert service.send("crashme@us.example", "x@good.example", wire.message("bad"))[0] == 250
        for number in range(40):
            assert service.send(BOB, f"g{number}@good.example", wire.message(str(number)))[0] == 250
        number = parked(service, "crashme@us.example", "deliver")
        wait_until(lambda: len({m[1][0] for m in peer.messages}) == 40, 30, "the others")
        assert "x@good.example" not in [r for m in peer.messages for r in m[1]]
        release(service, number)
        assert [m[0] for m in peer.messages if m[1] == ["x@good.example"]] == ["crashme@us.example"]


def test_a_message_that_kills_bounce_is_parked(serve):
    """Its recipient stays open: the failure is told when the message is released."""
    with Peers() as peers:
        peer = peers.add({"RCPT": fate})
        service = serve(env={"IMS_FAULT": "bounce.job=crashme@"}, users=("ann", "bob", "crashme"),
                        extra="\n".join((SHORT, RELAY,
                                         f"route r {{ match .example; via 127.0.0.1:{peer.port} }}")))
        service.crashes = True
        assert service.send("crashme@us.example", "x@bad.example", wire.message("bad"))[0] == 250
        for number in range(20):
            assert service.send(BOB, f"g{number}@bad.example", wire.message(str(number)))[0] == 250
        number = parked(service, "crashme@us.example", "bounce")
        found = report.reports(service, "bob", 20, seconds=60)
        assert sorted(a for r in found for a in r.addresses) == sorted(f"g{n}@bad.example" for n in range(20))
        assert not service.mailbox("crashme") and not service.events("fail", to="x@bad.example")
        release(service, number)
        (one,) = report.reports(service, "crashme")
        assert one.addresses == ["x@bad.example"]
