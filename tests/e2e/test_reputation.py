# SPDX-License-Identifier: Apache-2.0
"""What the DNS says of clients: their names, the lists that have them; and a DNS that does
not answer, which costs nobody his mail."""
import os
import signal
import time

import pytest

import proxied
import wire
from dnsserver import DnsServer
from service import DOMAIN, wait_until

LISTED, BOTH, GOOD, OTHER, BLOCKED, V6 = (
    "198.51.100.1", "198.51.100.2", "198.51.100.3", "198.51.100.4", "198.51.100.5", "2001:db8::1")
NIBBLES = "1" + ".0" * 23 + ".8.b.d.0.1.0.0.2"
# The resolver library knows that nobody has names in the networks of documentation.
SIX, SIX_NIBBLES = "2001:2::1", "1" + ".0" * 23 + ".2.0.0.0.1.0.0.2"


def zone():
    return {
        "1.100.51.198.bl.example": {"A": ["127.0.0.2"]},
        "2.100.51.198.bl.example": {"A": ["127.0.0.4"]},
        "2.100.51.198.wl.example": {"A": ["127.0.5.1"]},
        "3.100.51.198.wl.example": {"A": ["127.0.5.1"]},
        "4.100.51.198.bl.example": {"A": ["127.0.0.99"]},
        "5.100.51.198.bl.example": {"A": ["127.255.255.254"]},
        "6.100.51.198.bl.example": "drop",
        "7.100.51.198.bl.example": "servfail",
        "8.100.51.198.bl.example": {"A": ["203.0.113.80"]},
        "9.100.51.198.soft.example": {"A": ["127.0.0.2"]},
        NIBBLES + ".bl.example": {"A": ["127.0.0.3"]},
        # names: verified, one that lies, one that is no name, one whose name cannot be asked
        "10.0.18.198.in-addr.arpa": {"PTR": ["mail.far.example"]},
        "mail.far.example": {"A": ["198.18.0.10"]},
        "11.0.18.198.in-addr.arpa": {"PTR": ["mail.far.example"]},
        "12.0.18.198.in-addr.arpa": {"PTR": ["evil\r\nx: y"]},
        "13.0.18.198.in-addr.arpa": {"PTR": ["broken.far.example"]},
        "broken.far.example": "servfail",
        "3.2.1.10.in-addr.arpa": {"PTR": ["lan.far.example"]},
        "lan.far.example": {"A": ["10.1.2.3"]},
        SIX_NIBBLES + ".ip6.arpa": {"PTR": ["six.far.example"]},
        "six.far.example": {"AAAA": [SIX]},
    }


LISTS = ("dnsbl bl.example { answer 127.0.0.2-11; reply \"see https://bl.example/\" }\n"
         "dnsbl wl.example { score -4 }\n"
         "dnsbl soft.example { score 3 }\n"
         "check { defer-score 3 }\n")


@pytest.fixture
def dns():
    with DnsServer(zone()) as server:
        yield server
        assert not server.errors, server.errors


def started(serve, dns, more="", listener=""):
    return serve(listener=f"{proxied.LISTENER}; {listener}",
                 extra=f"resolver {{ server 127.0.0.1:{dns.port}; timeout 1s }}\n{more}")


def through(service, client):
    return wire.Client(service.port, source=proxied.HERE, first=proxied.v1(client))


def rcpt(service, client, to=f"bob@{DOMAIN}", helo=b"c.example"):
    with through(service, client) as talk:
        talk.expect(250, b"EHLO " + helo)
        talk.expect(250, b"MAIL FROM:<a@c.example>")
        return talk.command(b"RCPT TO:<" + to.encode() + b">")


def test_lists(serve, dns):
    service = started(serve, dns, LISTS)
    lines = (service.folder / "ims.conf").read_text().splitlines()
    code, text = rcpt(service, LISTED)
    assert code == 550 and text == \
        "5.7.1 Your address is listed by bl.example: see https://bl.example/"
    event = service.wait_event("refuse", client=LISTED)
    assert (event["stage"], event["score"], event["lists"]) == ("reputation", 5, "bl.example")
    path, line = event["rule"].rsplit(":", 1)
    assert path.endswith("ims.conf") and lines[int(line) - 1].startswith("dnsbl bl.example")
    assert rcpt(service, V6)[0] == 550
    # Others, whom the list has with a meaning that is not wanted, or does not have; and those
    # whom another list speaks for.
    for client in (OTHER, BOTH, GOOD, "198.51.100.99", "2001:db8::2"):
        assert rcpt(service, client)[0] == 250, client
    code, text = rcpt(service, "198.51.100.9")
    assert code == 451 and text.startswith("4.7.1")
    assert rcpt(service, LISTED, f"postmaster@{DOMAIN}")[0] == 250
    assert rcpt(service, LISTED, "nobody@other.example")[0] == 550


def test_answers_that_are_no_listings_are_told_and_count_nothing(serve, dns):
    service = started(serve, dns, LISTS)
    for client in (BLOCKED, "198.51.100.8"):
        assert rcpt(service, client)[0] == 250
    # Each process tells its first, in whatever order they are written.
    wait_until(lambda: any("127.255.255.254" in event["error"]
                           for event in service.events("list_fault", domain="bl.example")), 15, "the first fault")
    receivers = len(service.pids()["receive"])
    assert len(service.events("list_fault")) <= receivers, "once an hour"


def test_list_that_does_not_answer_lists_nobody(serve, dns):
    service = started(serve, dns, LISTS)
    begin = time.monotonic()
    assert rcpt(service, "198.51.100.6")[0] == 250
    assert time.monotonic() - begin < 8
    assert rcpt(service, "198.51.100.7")[0] == 250


def test_who_is_exempt_is_not_asked_about(serve, dns):
    service = started(serve, dns, LISTS + "host 198.51.100.1 accept\nrelay { from 2001:db8::/32 }\n")
    for client in (LISTED, V6, "127.0.0.5", "10.1.2.3"):
        assert rcpt(service, client)[0] == 250, client
    assert not [name for name, _ in dns.asked if name.endswith("bl.example")]


def test_mail_is_taken_while_dns_is_dead(serve, dns):
    service = started(serve, dns, LISTS)
    service.crashes = True
    pid = service.pids()["dns"][0]
    os.kill(pid, signal.SIGSTOP)  # it is there, and says nothing
    try:
        with through(service, LISTED) as talk:
            talk.expect(250, b"EHLO c.example")
            talk.expect(250, b"MAIL FROM:<a@c.example>")
            talk.send(f"RCPT TO:<bob@{DOMAIN}>\r\n".encode())
            time.sleep(0.3)
            os.kill(pid, signal.SIGKILL)
            assert talk.reply()[0] == 250
            talk.expect(354, b"DATA")
            talk.send(wire.dotted(wire.message()))
            assert talk.reply()[0] == 250
    finally:
        try:
            os.kill(pid, signal.SIGCONT)
        except ProcessLookupError:
            pass
    service.wait_mail("bob")
    wait_until(lambda: rcpt(service, LISTED)[0] == 550, 20, "the successor of dns")


def test_dns_that_is_stuck_is_waited_for_five_seconds(serve, dns):
    service = started(serve, dns, LISTS)
    pid = service.pids()["dns"][0]
    os.kill(pid, signal.SIGSTOP)
    begin = time.monotonic()
    try:
        assert rcpt(service, LISTED)[0] == 250
    finally:
        os.kill(pid, signal.SIGCONT)
    assert 4 < time.monotonic() - begin < 8


# client, ptr of the event, name in the Received field
NAMES = [
    ("198.18.0.10", "mail.far.example", b"(mail.far.example [198.18.0.10])"),
    ("198.18.0.11", "unverified mail.far.example", b"([198.18.0.11])"),
    ("198.18.0.12", "none", b"([198.18.0.12])"),
    ("198.18.0.13", "unknown", b"([198.18.0.13])"),
    ("198.18.0.14", "none", b"([198.18.0.14])"),
    (SIX, "six.far.example", b"(six.far.example [IPv6:2001:2::1])"),
    ("10.1.2.3", "lan.far.example", b"(lan.far.example [10.1.2.3])"),
]


@pytest.mark.parametrize("client,ptr,trace", NAMES)
def test_names(serve, dns, client, ptr, trace):
    service = started(serve, dns)
    with through(service, client) as talk:
        service.wait_event("connect", client=client)
        talk.expect(250, b"EHLO c.example")
        assert talk.mail("a@c.example", f"bob@{DOMAIN}", wire.message())[0] == 250
    assert service.wait_event("connect", client=client)["ptr"] == ptr
    assert b"from c.example " + trace in service.wait_mail("bob")[0]


def test_names_and_helo_can_count(serve, dns):
    service = started(serve, dns, "check { client { missing reject; unverified 2 }\n"
                                  "helo { own reject; literal 3; invalid 3; unresolved 3 } }\n")
    code, text = rcpt(service, "198.18.0.14")
    assert code == 550 and text.startswith("5.7.25")
    assert rcpt(service, "198.18.0.13")[0] == 250, "what cannot be found out is no fault"
    assert rcpt(service, "198.18.0.11")[0] == 550
    assert rcpt(service, "198.18.0.10")[0] == 250
    assert rcpt(service, "198.18.0.10", helo=b"mail.far.example")[0] == 250
    assert rcpt(service, "198.18.0.10", helo=f"mx.{DOMAIN}".encode())[0] == 550
    assert rcpt(service, "198.18.0.11", helo=b"[198.18.0.11]")[0] == 250
    assert rcpt(service, "198.18.0.11", helo=b"[198.18.0.12]")[0] == 550
    assert rcpt(service, "198.18.0.11", helo=b"no name")[0] == 550


def test_list_of_good_ones_spares_the_wait(serve, dns):
    service = started(serve, dns, LISTS, listener="pregreet 4s")
    begin = time.monotonic()
    with through(service, GOOD) as talk:
        assert talk.greeting[0] == 220 and time.monotonic() - begin < 3
    with through(service, OTHER) as talk:
        assert time.monotonic() - begin > 4


def test_explain(serve, dns):
    service = started(serve, dns, LISTS + "check { helo { own 3 } }\n")
    row = service.ctl_json("explain", "rcpt", "--client", LISTED, "--helo", f"mx.{DOMAIN}",
                           "--to", f"bob@{DOMAIN}")[0]
    assert row["stranger"] is True and row["score"] == 3
    assert row["client_name"] == "not asked"
    assert row["lists"] == [{"list": "bl.example", "score": 5}, {"list": "wl.example", "score": -4},
                            {"list": "soft.example", "score": 3}]
    assert (row["code"], row["dsn"]) == (451, "4.7.1")
    text = service.ctl("explain", "client", LISTED)
    assert "bl.example" in text and "not asked" in text
    assert not dns.asked
