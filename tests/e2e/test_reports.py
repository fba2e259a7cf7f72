# SPDX-License-Identifier: Apache-2.0
"""Delivery reports: who gets which, and what stands in them (docs/reports.md)."""
import email.utils
import os
import signal
import time

import pytest

import wire
from peer import Peers
from report import Report, reports, send
from service import is_alive, wait_until

SHORT = "timeout { connect 1s; greeting 2s; command 2s; data 2s; final 2s; idle 1s }"
RELAY = "host 127.0.0.0/8 { accept; relay yes }"
DSN = ("PIPELINING", "8BITMIME", "DSN", "ENHANCEDSTATUSCODES", "SMTPUTF8")
PLAIN = ("PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES", "SMTPUTF8")
BOB, SMALL = "bob@us.example", b"Hello.\r\n.dot\r\n"
BIG = b"A line of a text that is over 64 KiB when all of it is there.\r\n" * 1200


def fate(_session, argument):
    """What becomes of a recipient stands in its address."""
    if "never" in argument:
        return "550 5.1.1 nobody of that name"
    return "450 4.2.2 mailbox full" if "later" in argument else None


@pytest.fixture
def peers():
    with Peers() as made:
        made.dsn = made.add({"RCPT": fate}, extensions=DSN)
        made.plain = made.add({"RCPT": fate}, extensions=PLAIN)
        yield made


def extra(peers, *more):
    return "\n".join((SHORT, RELAY, f"route d {{ match dsn.example; via 127.0.0.1:{peers.dsn.port} }}",
                      "route l { match .dsn.example; via 127.0.0.1:%d }" % peers.dsn.port,
                      f"route p {{ match plain.example; via 127.0.0.1:{peers.plain.port} }}", *more))


def seconds_of(date):
    return email.utils.parsedate_to_datetime(date).timestamp()


@pytest.mark.parametrize("ret, body, whole", [("", SMALL, True), ("", BIG, False), ("RET=FULL", SMALL, True),
                                              ("RET=FULL", BIG, True), ("RET=HDRS", SMALL, False)],
                         ids=["small", "big", "full", "full-big", "headers"])
def test_failure(serve, peers, ret, body, whole):
    service = serve(extra=extra(peers), retry="1h")
    text = wire.message("where is it", body, extra=b"Message-ID: <1@client.example>\r\n")
    queued = send(service, BOB, [("never@dsn.example", "ORCPT=rfc822;n+2Bx@first.example"),
                                 "good@dsn.example"], text, f"{ret} ENVID=EE+3D7")
    (report,) = reports(service, "bob")
    assert report.kind == "delivery-status" and report.addresses == ["never@dsn.example"]
    assert report.message["original-envelope-id"] == "EE=7" and report.mail["to"] == BOB
    assert "where is it" in report.mail["subject"]
    assert report.mail["in-reply-to"] == "<1@client.example>" == report.mail["references"]
    one = report.recipients[0]
    assert one["original-recipient"] == "rfc822; n+x@first.example"
    assert one["final-recipient"] == "rfc822; never@dsn.example"
    assert (one["action"], one["status"]) == ("failed", "5.1.1")
    assert one["diagnostic-code"] == "smtp; 550 5.1.1 nobody of that name"
    assert one["remote-mta"].startswith("dns; 127.0.0.1")
    assert abs(seconds_of(one["last-attempt-date"]) - time.time()) < 60
    assert abs(seconds_of(report.message["arrival-date"]) - time.time()) < 60
    assert "nobody of that name" in report.human and "never@dsn.example" in report.human
    assert "good@dsn.example" not in report.human
    kind = report.original.get_content_type()
    assert kind == ("message/rfc822" if whole else "text/rfc822-headers")
    original, text = report.original_text, text.replace(b"\r\n", b"\n")
    assert original.startswith(b"Received: ") and queued.encode() in original
    assert original.endswith(text if whole else text.partition(b"\n\n")[0] + b"\n"), original[-200:]
    assert service.wait_event("dsn_sent")["id"] == queued
    assert peers.dsn.messages[0][1] == ["good@dsn.example"]
    service.wait_empty()


def test_delay_and_expiry(serve, peers):
    """Late is told once; when the time is over the recipient has failed with 4.4.7."""
    service = serve(retry="1s", extra=extra(peers, "retry { warn { normal 2s } expire { normal 5s } }"))
    start = time.time()
    wanted = {"plain": "", "delay": "NOTIFY=DELAY", "failure": "NOTIFY=FAILURE", "silent": "NOTIFY=NEVER",
              "success": "NOTIFY=SUCCESS", "both": "NOTIFY=DELAY,FAILURE"}
    for name, parameters in wanted.items():
        send(service, BOB, f"later-{name}@dsn.example", wire.message(name), rcpt=parameters)
    wait_until(lambda: len(service.events("expire")) == len(wanted), 30, "expiries")
    service.wait_empty()
    assert 5 <= time.time() - start <= 15
    found = {}
    for report in reports(service, "bob", 6):
        (one,) = report.recipients
        name = one["final-recipient"].split("-", 1)[1].partition("@")[0]
        found.setdefault(name, []).append((one["action"], one["status"]))
        if one["action"] == "delayed":
            assert 3 <= seconds_of(one["will-retry-until"]) - start <= 7
            assert report.original.get_content_type() == "text/rfc822-headers"
            assert "Delayed" in report.mail["subject"]
        assert one["diagnostic-code"] == "smtp; 450 4.2.2 mailbox full"
    late, over = ("delayed", "4.2.2"), ("failed", "4.4.7")
    assert {name: sorted(rows) for name, rows in found.items()} == {
        "plain": [late, over], "delay": [late], "failure": [over], "both": [late, over]}


def test_success(serve, peers):
    """A mailbox here: delivered. A server that knows DSN tells it itself; another: relayed."""
    service = serve(extra=extra(peers), users=("ann", "bob", "carl"))
    ask = "NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;o@first.example"
    send(service, BOB, [("ann@us.example", ask), ("x@dsn.example", ask), ("y@plain.example", ask),
                        "carl@us.example", ("z@plain.example", "NOTIFY=NEVER")],
         wire.message("it", SMALL), "RET=HDRS ENVID=E7")
    wait_until(lambda: len(service.events("deliver", **{"from": BOB})) == 5, 20, "five deliveries")
    service.wait_empty()
    found = {address: report for report in reports(service, "bob", 2) for address in report.addresses}
    assert sorted(found) == ["ann@us.example", "y@plain.example"]
    for address, action in (("ann@us.example", "delivered"), ("y@plain.example", "relayed")):
        one = found[address].of(address)
        assert one["action"] == action and one["status"].startswith("2.")
        assert one["original-recipient"] == "rfc822; o@first.example"
        assert found[address].message["original-envelope-id"] == "E7"
        assert found[address].original.get_content_type() == "text/rfc822-headers"
        assert SMALL.strip() not in found[address].original_text
    (mail,) = [c for c in peers.dsn.commands if c.startswith("MAIL")]
    (rcpt,) = [c for c in peers.dsn.commands if c.startswith("RCPT")]
    assert " RET=HDRS" in mail and " ENVID=E7" in mail
    assert " NOTIFY=SUCCESS,FAILURE" in rcpt and " ORCPT=rfc822;o@first.example" in rcpt
    for command in peers.plain.commands:
        assert not any(word in command for word in ("RET=", "ENVID=", "NOTIFY=", "ORCPT="))


def test_never_is_never(serve, peers):
    service = serve(extra=extra(peers))
    send(service, BOB, ["never@dsn.example", "ann@us.example"], wire.message(), rcpt="NOTIFY=NEVER")
    send(service, BOB, "never2@dsn.example", wire.message(), rcpt="NOTIFY=SUCCESS,DELAY")
    wait_until(lambda: len(service.events("fail")) == 2, 15, "two failures")
    service.wait_empty()
    assert not service.events("dsn_sent") and not service.mailbox("bob")


def test_utf8_addresses(serve, peers):
    """A message with SMTPUTF8 gets a report in UTF-8; a host without it is no way for one."""
    blind = peers.add(extensions=("PIPELINING", "8BITMIME"))
    service = serve(extra=extra(peers, f"route b {{ match blind.example; via 127.0.0.1:{blind.port} }}"),
                    users=("ann", "bob", "jürgen"))
    text = wire.message("Grüße", "Schöne Grüße\r\n".encode())
    send(service, "jürgen@us.example", ["never-ö@dsn.example", "ä@blind.example", "gut-ü@dsn.example"],
         text, "SMTPUTF8 BODY=8BITMIME")
    found = {a: r for r in reports(service, "jürgen", 2) for a in r.addresses}
    assert sorted(found) == ["never-ö@dsn.example", "ä@blind.example"]
    for address, status in (("never-ö@dsn.example", "5.1.1"), ("ä@blind.example", "5.6.7")):
        report = found[address]
        assert report.kind == "global-delivery-status"
        assert report.of(address)["final-recipient"] == f"utf-8; {address}"
        assert report.of(address)["status"] == status
        assert report.original.get_content_type() == "message/global"
        assert "Schöne Grüße".encode() in report.original_text and "Grüße" in report.mail["subject"]
        assert report.mail["to"] == "jürgen@us.example"
    assert peers.dsn.messages[0][1] == ["gut-ü@dsn.example"] and not blind.messages


def test_hostile_replies_are_made_safe(serve, peers):
    """What a host says stands in the report in one line, without anything that acts."""
    bad = peers.add({"RCPT": "550 5.1.1 \x1b[31mred\x07 \u202egnol \xff and so on " + "x" * 400})
    service = serve(extra=extra(peers, f"route b {{ match bad.example; via 127.0.0.1:{bad.port} }}"))
    send(service, BOB, "x@bad.example", wire.message("a\x1b[2Jb"))
    (report,) = reports(service, "bob")
    assert report.of("x@bad.example")["status"] == "5.1.1"
    made = report.raw.partition(report.original_text)[0]
    assert not [c for c in made if (c < 32 and c not in (9, 10)) or c > 126]
    assert max(map(len, report.raw.split(b"\n"))) <= 998


def test_postmaster_copies(serve, peers):
    """notify: copies of the header only, whatever NOTIFY says, and when nobody else is told."""
    service = serve(extra=extra(peers, "notify address-unknown"))
    body = b"Secret words.\r\n"
    send(service, BOB, "never1@dsn.example", wire.message("one", body))
    send(service, BOB, "never2@dsn.example", wire.message("two", body), "RET=FULL", "NOTIFY=NEVER")
    send(service, "", "never3@dsn.example", wire.message("three", body))
    send(service, "ann@us.example", "never4@dsn.example", wire.message("four", body))
    # A report that fails itself: that of the first failure cannot be given to its sender.
    send(service, "never-sender@dsn.example", "never5@dsn.example", wire.message("five", body))
    service.wait_empty()
    (to_bob,) = reports(service, "bob")
    assert to_bob.addresses == ["never1@dsn.example"] and b"Secret" in to_bob.original_text
    found = {}
    for report in reports(service, "ann", 6):
        (address,) = report.addresses
        assert address not in found
        found[address] = report
    assert sorted(found) == ["never-sender@dsn.example"] + [f"never{n}@dsn.example" for n in range(1, 6)]
    for address, report in found.items():
        is_copy = address != "never4@dsn.example"  # the postmaster's own mail
        assert report.mail["subject"].startswith("Copy: ") is is_copy
        assert (b"Secret" in report.raw) is not is_copy, address
    assert len(service.events("dsn_sent")) == 8  # six here, one for bob, one nobody took


def test_nothing_comes_of_a_copy_that_fails(serve, peers):
    service = serve.stopped(extra=extra(peers, "notify all"))
    service.conf.write_text(service.conf.read_text(encoding="utf-8").replace(
        "postmaster ann@us.example", "postmaster never-pm@dsn.example"), encoding="utf-8")
    service.start()
    send(service, "", "never@dsn.example", wire.message())
    service.wait_event("fail", to="never-pm@dsn.example")
    service.wait_empty()
    assert len(service.events("dsn_sent")) == 1 and len(service.events("fail")) == 2


def test_thousands_fail_in_few_reports(serve, peers):
    service = serve(extra=extra(peers), limit="recipients 5000; recipients-per-transaction 1000")
    names = [f"never{n}@dsn.example" for n in range(2500)]
    send(service, BOB, names, wire.message("to many", SMALL))
    service.wait_empty()
    found = reports(service, "bob", 5)
    assert len(found) <= 6, [len(r.recipients) for r in found]
    assert sorted(a for r in found for a in r.addresses) == sorted(names)
    assert all(len(r.recipients) <= 500 and len(r.raw) <= 262_144 for r in found)
    assert all(one["status"] == "5.1.1" for r in found for one in r.recipients)


def test_long_addresses_are_all_named(serve, peers):
    """What does not fit in one report stands in the next."""
    service = serve(extra=extra(peers), limit="recipients-per-transaction 1000")
    domain = ".".join(c * 55 for c in "abc") + ".dsn.example"
    names = [f"never{n:03}{'x' * 56}@{domain}" for n in range(450)]
    send(service, BOB, [(name, f"ORCPT=rfc822;{name}") for name in names], wire.message("long", BIG))
    service.wait_empty()
    found = reports(service, "bob", 2)
    assert sorted(a for r in found for a in r.addresses) == sorted(names)
    assert all(len(r.raw) <= 262_144 and max(map(len, r.raw.split(b"\n"))) <= 998 for r in found)
    assert not [r for r in found if "x-ims-recipients-not-named" in r.message]


@pytest.mark.parametrize("notify", ["", "notify all"], ids=["sender", "both"])
def test_many_failures_at_once_are_all_told(serve, peers, notify):
    """More reports than are written at one time wait; none is given up. Two of one failure
    do not wait for each other either."""
    service = serve(extra=extra(peers, notify))
    (pid,) = service.pids()["bounce"]
    os.kill(pid, signal.SIGSTOP)
    with service.client() as client:
        for number in range(200):
            assert client.mail(BOB, [f"never{number}@dsn.example"], wire.message(str(number)))[0] == 250
    wait_until(lambda: len(peers.dsn.steps) >= 400, 30, "answers of the host")
    os.kill(pid, signal.SIGCONT)
    service.wait_empty(30)
    wanted = sorted(f"never{n}@dsn.example" for n in range(200))
    for user in ("bob", "ann") if notify else ("bob",):
        assert sorted(a for r in reports(service, user) for a in r.addresses) == wanted
    assert not service.events("report_error")


def kill(service, role):
    """Kills the role's process and waits until it is gone. False: there is none just now."""
    pid = (service.pids().get(role) or [0])[0]
    if pid <= 0:
        return False
    os.kill(pid, signal.SIGKILL)
    return wait_until(lambda: not is_alive(pid), 10, f"the death of {role}")


@pytest.mark.parametrize("role", ["spool", "bounce"])
def test_report_and_outcome_stand_together(serve, peers, role):
    """Whenever the process is killed: each failure has one report, neither none nor two."""
    service = serve(extra=extra(peers), retry="1s")
    service.crashes = True
    sent = []
    for number in range(5):
        for n in range(25):
            text = wire.message(f"{number}.{n}", extra=f"Message-ID: <{number}.{n}@c.example>\r\n".encode())
            try:
                with service.client() as client:
                    got = client.mail(BOB, [f"never{number}.{n}@dsn.example"], text)
            except OSError:
                continue
            if got[0] == 250:
                sent.append(f"<{number}.{n}@c.example>")
            else:
                time.sleep(0.05)  # its successor is not there yet
        wait_until(lambda: kill(service, role), 20, "somebody to kill")
    assert len(sent) >= 25

    def told():
        """{Message-ID of the original: ids of the reports about it}; each must be whole."""
        ids = {}
        for text in service.mailbox("bob"):
            report = Report(text)
            ids.setdefault(report.mail["in-reply-to"], set()).add(report.id)
        return ids
    wait_until(lambda: set(sent) <= set(told()), 60, "a report about each")
    service.wait_empty()
    assert not {k: v for k, v in told().items() if len(v) > 1}, "reported twice"
    assert len(service.events("crash_contained")) == 5
