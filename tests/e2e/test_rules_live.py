# SPDX-License-Identifier: Apache-2.0
"""Rules that change under open sessions, tables with nothing, one and very many entries in them,
and a directory that dies between two commands."""
import os
import signal

import pytest

import wire
from service import DOMAIN, wait_until

EXEMPT = "127.0.0.5"
MANY = 100_000
HOMED = "submission {{ homed {homed}; match {match}; notify none }}\n"
BASE = f"host {EXEMPT} {{ accept; auth exempt }}\n"


def change(service, extra, seconds=15):
    service.extra = extra
    service.write_conf()
    service.reload(seconds)


def answer(client, sender):
    code, _ = client.command(f"MAIL FROM:<{sender}>".encode())
    client.expect(250, b"RSET")
    return code


def test_rules_are_switched_off_and_on_under_a_session(serve):
    service = serve(extra=BASE + HOMED.format(homed="required", match="off"))
    before = {role: pids for role, pids in service.pids().items() if role != "dns"}
    with service.client(source=EXEMPT) as client, service.client() as other:
        for homed in ("required", "off", "required", "off"):
            change(service, BASE + HOMED.format(homed=homed, match="off"))
            want = 550 if homed == "required" else 250
            wait_until(lambda w=want: answer(client, "x@far.example") == w, 10, f"homed {homed}")
            assert answer(client, f"bob@{DOMAIN}") == 250
            assert answer(other, "x@far.example") == 250  # who brings mail is not asked
        # One transaction is begun under the old rules and ended under the new ones.
        client.expect(250, b"MAIL FROM:<x@far.example>")
        change(service, BASE + HOMED.format(homed="required", match="off"))
        wait_until(lambda: refused(service), 10, "the rules in every worker")
        client.expect(250, f"RCPT TO:<bob@{DOMAIN}>".encode())
        code, _ = client.command(b"DATA")
        assert code in (354, 550)
    assert {role: pids for role, pids in service.pids().items() if role != "dns"} == before


def refused(service):
    codes = set()
    for _ in range(6):
        with service.client(source=EXEMPT) as client:
            codes.add(answer(client, "y@far.example"))
    return codes == {550}


def test_a_wrong_configuration_leaves_the_rules_as_they_are(serve):
    good = BASE + HOMED.format(homed="required", match="off")
    service = serve(extra=good)
    with service.client(source=EXEMPT) as client:
        assert answer(client, "x@far.example") == 550
        change(service, BASE + HOMED.format(homed="perhaps", match="off"))
        assert service.events("config_error")
        assert answer(client, "x@far.example") == 550


# name, entries of the file of senders, host rules
TABLES = [("nothing", 0, 0), ("one", 1, 1), ("many", MANY, MANY)]


@pytest.mark.parametrize("name,senders,hosts", TABLES)
def test_tables(serve, name, senders, hosts):
    service = serve()
    names = service.folder / "senders.txt"
    names.write_text("# turf\n" + "".join(f"u{n}@s{n}.example\n" for n in range(senders)))
    rules = [f"host 127.{1 + (n >> 16)}.{n >> 8 & 255}.{n & 255} reject\n" for n in range(hosts)]
    last = hosts - 1
    source = f"127.{1 + (last >> 16)}.{last >> 8 & 255}.{last & 255}" if hosts else "127.1.0.0"
    full = f"filter senders {{ file {names} }}\n" + "".join(rules)
    # From none to all and back, under the service. Ten processes read it, and with
    # a sanitizer ten times as long: bench/run tables measures it.
    for filtered in (True, False) if senders == MANY else (True, False, True):
        change(service, full if filtered else "", 120)
        with service.client() as client:
            wait_until(lambda c=client, f=filtered: answer(c, "u0@s0.example") ==
                       (550 if f and senders else 250), 30, f"{name}: {filtered}")
        with service.client() as client:
            assert answer(client, f"u{senders}@s{senders}.example") == 250
            if senders:
                assert answer(client, f"u{senders - 1}@s{senders - 1}.example") == (550 if filtered else 250)
        with wire.Client(service.port, source=source) as client:
            assert client.greeting[0] == (554 if filtered and hosts else 220)


def test_relay_lists_with_nothing_and_one(serve):
    service = serve(extra="relay { from 127.0.0.7 }\nroute default { via 127.0.0.1:9; tls off }\n")

    def relays(source):
        with service.client(source=source) as client:
            client.expect(250, b"MAIL FROM:<a@client.example>")
            return client.command(b"RCPT TO:<x@far.example>")[0]
    assert (relays("127.0.0.7"), relays("127.0.0.8")) == (250, 550)
    change(service, "relay { listed }\nroute default { via 127.0.0.1:9; tls off }\n")
    wait_until(lambda: relays("127.0.0.7") == 550, 10, "the empty list")


def test_directory_dies_between_commands(serve):
    """What waits for an answer gets 451; the session goes on, and so does the next command."""
    service = serve(extra=BASE + HOMED.format(homed="required", match="off"))
    service.crashes = True
    for line in (f"MAIL FROM:<bob@{DOMAIN}>", f"RCPT TO:<bob@{DOMAIN}>"):
        with service.client(source=EXEMPT) as client:
            if line.startswith("RCPT"):
                client.expect(250, b"MAIL FROM:<>")
            os.kill(service.pids()["directory"][0], signal.SIGKILL)
            code, text = client.command(line.encode())
            assert code == 250 or (code == 451 and text.startswith("4.3.0")), (line, code, text)

            def again(client=client, line=line):
                return client.command(line.encode())[0] in (250, 503)
            wait_until(again, 20, f"a good answer to {line}")
            client.expect(250, b"NOOP")
        wait_until(lambda: service.status() and len(service.pids().get("directory", [])) == 1, 10,
                   "a new directory")
    # A whole message afterwards.
    assert service.send("a@client.example", f"bob@{DOMAIN}", wire.message())[0] == 250
    service.wait_mail("bob")
