# SPDX-License-Identifier: Apache-2.0
"""Proxies, lists, greylist, rates, aliases, logins and TLS on one service: what each of them
does to the others, while processes die, and to many sessions at once."""
import os
import pathlib
import signal
import ssl
import threading
import time

import pytest

import certs
import proxied
import wire
from dnsserver import DnsServer
from service import DOMAIN, free_port, is_alive, wait_until
from test_auth import ANN, SECRET, login

LISTED, CLEAN, OTHER, SLOW = "198.51.100.1", "203.0.113.1", "203.0.114.1", "203.0.115.1"
BOB, EVE, STAFF = f"bob@{DOMAIN}", f"eve@{DOMAIN}", f"staff@{DOMAIN}"
TRUSTED = "127.0.0.8"
ZONE = {"1.100.51.198.bl.example": {"A": ["127.0.0.2"]}, "1.115.0.203.bl.example": "drop"}
GREY = "greylist { on; delay 2s; except 127.0.0.0/8 }\n"


class World:
    def __init__(self, serve, authority, dns):
        self.serve, self.authority, self.dns = serve, authority, dns
        self.ports = {name: free_port() for name in ("submission", "smtps", "waits")}

    def start(self, more=GREY):
        words = self.authority.words(self.authority.main)
        through = f"{proxied.LISTENER}; xclient {TRUSTED}; xclient-login yes"
        both = f"tls offer; {words}; auth offer; {through}; vrfy on; expn on"
        service = self.serve.stopped(listener=both)
        aliases = service.folder / "aliases"
        aliases.write_text(f"staff: ann, bob\nboss: ann\nfar: x@far.example\npart@{DOMAIN}: bob\n")
        aliases.chmod(0o644)
        service.domain = f"aliases {aliases}; catch-all {ANN}"
        service.extra = (
            f"resolver {{ server 127.0.0.1:{self.dns.port}; timeout 1s }}\n"
            "dnsbl bl.example { }\nauth { delay 0s; failures 0 }\n"
            "submission { homed required; match required }\n"
            "route default { via 127.0.0.1:9; tls off }\n"
            f"listener sub {{ address 127.0.0.1:{self.ports['submission']}; role submission; {both} }}\n"
            f"listener smtps {{ address 127.0.0.1:{self.ports['smtps']}; tls implicit; {words}; "
            f"auth offer; pregreet 1s; {through} }}\n"
            f"listener waits {{ address 127.0.0.1:{self.ports['waits']}; pregreet 1s; {both} }}\n{more}")
        service.write_conf()
        service.ctl("user", "add", EVE, "--home", f"other.{DOMAIN}", "--password-stdin", stdin=SECRET + "\n")
        self.ports["in"] = service.port
        self.service = service.start()
        return self.service

    def through(self, client, port="in", hello=True, more=b"", **options):
        """A client that a proxy names."""
        talk = wire.Client(self.ports[port], source=proxied.HERE, first=proxied.v1(client) + more, **options)
        if hello:
            talk.expect(250, b"EHLO c.example")
        return talk

    def implicit(self, client):
        talk = wire.Client(self.ports["smtps"], source=proxied.HERE, first=proxied.v1(client), greet=False)
        talk.socket = self.authority.context().wrap_socket(talk.socket, server_hostname=f"mx.{DOMAIN}")
        talk.greeting = talk.reply()
        talk.expect(250, b"EHLO c.example")
        return talk

    def asked(self, client):
        name = ".".join(reversed(client.split("."))) + ".bl.example"
        return [key for key in self.dns.asked if key[0] == name]


@pytest.fixture
def world(serve, authority):
    with DnsServer(dict(ZONE)) as dns:
        yield World(serve, authority, dns)
        assert not dns.errors, dns.errors


def rcpts(talk, *recipients, sender="a@c.example"):
    """Codes of RCPT in a transaction, which is forgotten then."""
    talk.expect(250, f"MAIL FROM:<{sender}>".encode())
    codes = [talk.command(f"RCPT TO:<{to}>".encode())[0] for to in recipients]
    talk.expect(250, b"RSET")
    return codes


def kill(service, role):
    service.crashes = True
    for pid in service.pids()[role]:
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not is_alive(pid), 10, f"the death of {role}")


def test_lists_come_before_the_greylist_and_spare_the_postmaster(world):
    service = world.start()
    with world.through(LISTED) as talk:
        assert rcpts(talk, BOB, STAFF, f"postmaster@{DOMAIN}", BOB) == [550, 550, 250, 550]
        certs.starttls(talk, world.authority.context())
        talk.expect(250, b"EHLO c.example")
        assert rcpts(talk, BOB, f"postmaster@{DOMAIN}") == [550, 250]
    assert service.wait_event("refuse", client=LISTED)
    assert {e["stage"] for e in service.events("refuse", client=LISTED)} == {"reputation"}
    with world.through(CLEAN) as talk:
        assert rcpts(talk, BOB, f"postmaster@{DOMAIN}", "x@far.example") == [451, 250, 550]
    for to, there in ((BOB, True), (f"postmaster@{DOMAIN}", False)):
        explained = service.ctl("explain", "rcpt", "--client", CLEAN, "--from", "a@c.example", "--to", to)
        assert ("greylist" in explained) == there, explained
    time.sleep(2.1)
    # What the list refused has not waited.
    service.extra = service.extra.replace("dnsbl bl.example { }\n", "")
    service.write_conf()
    service.reload()
    with world.through(LISTED) as talk:
        assert rcpts(talk, BOB) == [451]
    with world.through(CLEAN) as talk:
        assert rcpts(talk, BOB) == [250]


def test_an_alias_waits_and_counts_as_what_was_named(world):
    service = world.start(GREY + "rate clients { recipients 3/1h }\n")
    with world.through(CLEAN) as talk:
        assert rcpts(talk, STAFF, f"boss@{DOMAIN}") == [451, 451]
        time.sleep(2.1)
        # Waiting has cost nothing; staff counts once, though it stands for two and is named thrice.
        assert rcpts(talk, STAFF, STAFF, STAFF, BOB) == [250, 250, 250, 451]
        assert rcpts(talk, f"boss@{DOMAIN}") == [250]
        assert talk.mail("a@c.example", [STAFF], wire.message())[0] == 250
        assert rcpts(talk, STAFF) == [450]
    with world.through(OTHER) as talk:  # the limit is that client's, not the proxy's
        assert rcpts(talk, STAFF) == [451]
    service.wait_mail("ann")
    service.wait_mail("bob")
    service.wait_empty()
    assert len(service.mailbox("ann")) == len(service.mailbox("bob")) == 1
    assert service.wait_event("alias", to=STAFF)["recipients"] == 2


def test_vrfy_and_expn_know_aliases(world):
    service = world.start()
    with world.through(CLEAN) as talk:
        code, text = talk.command(b"EXPN " + STAFF.encode())
        assert code == 250 and ANN in text and BOB in text, text
        assert talk.command(b"VRFY " + STAFF.encode()) == (250, f"2.1.5 <{STAFF}>")
        assert talk.command(f"EXPN far@{DOMAIN}".encode()) == (250, "2.1.5 <x@far.example>")
        assert talk.command(f"EXPN bob@{DOMAIN}".encode())[1] == f"2.1.5 <{BOB}>"
        # The catch-all takes it, so nobody is guessing.
        assert talk.command(f"VRFY nobody@{DOMAIN}".encode())[0] == 250
    assert not service.events("refuse", stage="verify")


def test_who_has_logged_in_is_no_stranger(world):
    service = world.start(GREY + "rate users { of user; recipients 3/1h }\n")
    for port in ("submission", "in"):
        with world.through(LISTED, port) as talk:
            certs.starttls(talk, world.authority.context())
            talk.expect(250, b"EHLO c.example")
            if port == "in":
                assert rcpts(talk, BOB) == [550]
            assert login(talk, ANN, SECRET)[0] == 235
            assert rcpts(talk, BOB, sender=ANN) == [250]
            assert talk.command(f"MAIL FROM:<{BOB}>".encode())[0] == 550  # match
        if port == "submission":
            assert not world.asked(LISTED)
    # The third is the last, wherever he comes from.
    with world.implicit(CLEAN) as talk:
        assert login(talk, ANN, SECRET)[0] == 235
        assert rcpts(talk, BOB, f"boss@{DOMAIN}", sender=ANN) == [250, 450]
    assert service.wait_event("refuse", code=450)["user"] == ANN


def test_login_by_xclient_meets_the_rules_of_submission(world):
    service = world.start()
    with wire.Client(world.ports["submission"], source=TRUSTED) as talk:
        certs.starttls(talk, world.authority.context())
        talk.expect(250, b"EHLO filter.example")
        talk.expect(220, f"XCLIENT ADDR={LISTED} LOGIN={ANN}".encode())
        talk.expect(250, b"EHLO c.example")
        assert rcpts(talk, BOB, "x@far.example", sender=ANN) == [250, 250]
        assert talk.command(f"MAIL FROM:<{BOB}>".encode())[0] == 550
        talk.expect(220, f"XCLIENT LOGIN={EVE}".encode())
        talk.expect(250, b"EHLO c.example")
        assert talk.command(f"MAIL FROM:<{EVE}>".encode())[0] == 550
        assert service.wait_event("refuse", user=EVE)["client"] == LISTED
        talk.expect(220, f"XCLIENT ADDR={CLEAN}".encode())
        talk.expect(250, b"EHLO c.example")
        assert talk.command(f"MAIL FROM:<{ANN}>".encode())[0] == 530
        talk.expect(501, b"XCLIENT ADDR=[UNAVAILABLE]")
    # On the other listener the same client is a stranger like any.
    with wire.Client(service.port, source=TRUSTED) as talk:
        talk.expect(250, b"EHLO filter.example")
        for client, code in ((LISTED, 550), (CLEAN, 451), (LISTED, 550)):
            talk.expect(220, f"XCLIENT ADDR={client} HELO=c.example".encode())
            assert rcpts(talk, BOB) == [code], client


def test_the_wait_for_the_greeting_behind_a_proxy(world):
    service = world.start()
    begin = time.monotonic()
    with world.through(CLEAN, "waits") as talk:
        assert 0.9 < time.monotonic() - begin < 5
        certs.starttls(talk, world.authority.context())
        talk.expect(250, b"EHLO c.example")
        assert rcpts(talk, STAFF) == [451]
    with world.through(CLEAN, "waits", hello=False, more=b"EHLO c.example\r\n") as talk:
        assert talk.greeting[0] == 554
    # Where TLS comes first its beginning is no early word.
    with world.implicit(LISTED) as talk:
        assert rcpts(talk, BOB) == [550]
    assert service.wait_event("connect", client=LISTED)["proxy"] == proxied.HERE
    # What is no TLS behind a good header, and a client that goes while it waits.
    with wire.Client(world.ports["smtps"], source=proxied.HERE,
                     first=proxied.v1(CLEAN) + b"EHLO c.example\r\n", greet=False) as talk:
        assert talk.is_closed()
    world.through(OTHER, "waits", hello=False, greet=False).close()
    with world.through(OTHER) as talk:
        assert rcpts(talk, STAFF) == [451]


def test_processes_die_while_they_are_waited_for(world):
    service = world.start("")
    receive = service.pids()["receive"]
    open_ones = [world.through(SLOW) for _ in range(4)]
    for talk in open_ones:
        talk.expect(250, b"MAIL FROM:<a@c.example>")
        talk.send(f"RCPT TO:<{STAFF}>\r\n".encode())  # waits for a list that says nothing
    open_ones.pop().close()
    kill(service, "directory")
    kill(service, "dns")
    for talk in open_ones:
        assert talk.reply()[0] in (250, 451)
    wait_until(lambda: all(p > 0 for row in ("dns", "directory") for p in service.pids().get(row, [0])),
               30, "their successors")

    def good():
        with world.through(LISTED) as talk:
            if rcpts(talk, BOB) != [550]:
                return False
        with world.through(CLEAN) as talk:
            return rcpts(talk, STAFF) == [250]
    wait_until(good, 20, "lists and aliases again")
    for talk in open_ones:
        talk.expect(250, b"RSET")
        assert rcpts(talk, BOB) == [250]  # the lists have had their time
        talk.close()
    assert service.pids()["receive"] == receive


def test_a_reload_while_all_wait(world):
    service = world.start("")
    receive = service.pids()["receive"]
    dns = service.pids()["dns"][0]
    os.kill(dns, signal.SIGSTOP)
    try:
        at_rcpt = world.through(LISTED)
        at_rcpt.expect(250, b"MAIL FROM:<a@c.example>")
        at_rcpt.send(f"RCPT TO:<{BOB}>\r\n".encode())
        before = wire.Client(world.ports["waits"], source=proxied.HERE, first=proxied.v1(OTHER), greet=False)
        silent = wire.Client(world.ports["in"], source=proxied.HERE, first=b"PROX", greet=False)
        service.extra = service.extra.replace("dnsbl bl.example", "dnsbl none.example { }\ndnsbl bl.example")
        service.write_conf()
        service.reload()
    finally:
        os.kill(dns, signal.SIGCONT)
    assert at_rcpt.reply()[0] == 550  # by the list of the new configuration, at its new place
    assert service.wait_event("refuse", client=LISTED)["lists"] == "bl.example"
    assert before.reply()[0] == 220
    silent.send(proxied.v1(CLEAN)[4:])
    assert silent.reply()[0] == 220
    for talk in (at_rcpt, before, silent):
        talk.expect(221, b"QUIT")
        talk.close()
    assert service.pids()["receive"] == receive


def test_a_stop_while_all_wait(world):
    service = world.start("")
    at_rcpt = world.through(SLOW)
    at_rcpt.expect(250, b"MAIL FROM:<a@c.example>")
    at_rcpt.send(f"RCPT TO:<{BOB}>\r\n".encode())
    others = [world.through(OTHER, "waits", hello=False, greet=False),
              wire.Client(world.ports["in"], source=proxied.HERE, first=b"PROX", greet=False)]
    service.process.terminate()
    for talk in others:
        assert talk.is_closed()
        talk.close()
    # A command under way has its answer; nothing more is waited for.
    assert at_rcpt.reply()[0] == 250
    assert at_rcpt.reply()[0] == 421
    assert at_rcpt.is_closed()
    at_rcpt.close()
    service.stop()


def descriptors(pids):
    return [len(os.listdir(f"/proc/{pid}/fd")) for pid in pids]


def all_closed(pids, before):
    """No process has more descriptors than before; fewer are right, where something of its start was open then."""
    return all(now <= then for now, then in zip(descriptors(pids), before))


def resident_kb(pids):
    return sum(int(line.split()[1]) for pid in pids
               for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
               if line.startswith("VmRSS:"))


def one(world, number):
    """A session of one of five kinds; whether it went as it should."""
    client, kind = f"203.0.113.{number % 200 + 1}", number % 5
    if kind == 0:
        with world.implicit(client) as talk:
            return login(talk, ANN, SECRET)[0] == 235 and rcpts(talk, STAFF, sender=ANN) == [250]
    if kind == 1:
        with world.through(LISTED) as talk:
            return rcpts(talk, BOB, f"postmaster@{DOMAIN}") == [550, 250]
    if kind == 2:
        with world.through(client, "waits") as talk:
            return rcpts(talk, STAFF, f"postmaster@{DOMAIN}") == [451, 250]
    if kind == 3:
        with wire.Client(world.ports["in"], source=TRUSTED) as talk:
            talk.expect(250, b"EHLO filter.example")
            talk.expect(220, f"XCLIENT ADDR={client} HELO=c.example".encode())
            return rcpts(talk, BOB) == [451]
    world.through(client, "waits", hello=False, greet=False).close()
    return True


def many(world, count):
    failed = []

    def work(first):
        for number in range(first, count, 20):
            try:
                if not one(world, number):
                    failed.append(number)
            except (OSError, AssertionError, ssl.SSLError) as problem:
                failed.append((number, repr(problem)))
    threads = [threading.Thread(target=work, args=(first,)) for first in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed, failed


def test_many_at_once_leave_nothing_behind(world):
    service = world.start(GREY.replace("2s", "5m") + "limit { connections { per-host 100 } }\n"
                          "rate clients { connections 1000/1h; recipients 1000/1h }\n")
    before = service.pids()
    receive = before["receive"]
    open_before = descriptors(receive)
    many(world, 200)
    wait_until(lambda: all_closed(receive, open_before), 15, "no session left")
    first_kb = resident_kb(receive)
    many(world, 100)
    wait_until(lambda: all_closed(receive, open_before), 15, "no session left")
    # What a sanitizer keeps of what was freed grows; a session that stayed would be more.
    assert resident_kb(receive) - first_kb < 60 * 1024
    assert service.pids() == before
