# SPDX-License-Identifier: Apache-2.0
"""On-Demand Mail Relay (RFC 2645): a listener of the role odmr, and customers who fetch their mail."""
import os
import signal
import threading

import pytest

import wire
from odmr import Customer
from service import DOMAIN, free_port, wait_until

ANN, BOB = f"ann@{DOMAIN}", f"bob@{DOMAIN}"


class Provider:
    """A service with held domains, and mail for them."""

    def __init__(self, serve, listener="", more="", retry="1s", **options):
        self.port = free_port()
        words = (f"listener fetch {{ address 127.0.0.1:{self.port}; role odmr; {listener} }}\n"
                 "host 127.0.0.1 { accept; auth cleartext; relay yes }\n"
                 "timeout { greeting 5s; command 5s; data 5s; final 5s }\n"
                 f"domain one.example uno.example {{ deliver hold-for-etrn; atrn-user {ANN} }}\n"
                 f"domain two.example {{ deliver hold-for-etrn; atrn-user {BOB} {ANN} }}\n"
                 f"domain three.example {{ deliver hold-for-etrn; atrn-user {BOB} }}\n"
                 "domain never.example { deliver hold-for-etrn; etrn-from 192.0.2.1 }\n")
        self.service = serve(extra=words + more, retry=retry, **options)

    def send(self, *recipients, subject="hello", **options):
        for recipient in recipients:
            assert self.service.send("a@client.example", recipient, wire.message(subject), **options)[0] == 250

    def waiting(self, count):
        def held():
            rows = [r for m in self.service.queue() for r in m["recipients"]
                    if r["state"] == "deferred" and "ETRN" in r.get("reply", "")]
            return len(rows) == count
        return wait_until(held, 20, f"{count} that wait")

    def customer(self, user=ANN, **options):
        return Customer(self.port, user, **options)

    def fetch(self, argument="", script=None, user=ANN, **options):
        """A whole visit; (customer, how it ended)."""
        with self.customer(user, **options) as customer:
            assert customer.atrn(argument)[0] == 250
            return customer, customer.serve(script)


@pytest.fixture
def provider(serve):
    return lambda **options: Provider(serve, **options)


def to(customer):
    return sorted(r for _, recipients, _ in customer.messages for r in recipients)


def test_mail_is_fetched(provider):
    home = provider()
    home.send("x@one.example", "y@UNO.example", "z@two.example", "x@three.example", "x@never.example")
    home.waiting(5)
    customer, end = home.fetch()
    assert (to(customer), end) == (["x@one.example", "y@UNO.example", "z@two.example"], "QUIT")
    assert b"Subject: hello" in customer.messages[0][2]
    home.waiting(2)
    told = home.service.wait_event("atrn")
    assert (told["user"], told["domain"], told["code"], told["recipients"]) == (ANN, "-", 250, 3)
    over = home.service.wait_event("atrn_end")
    assert over["size"] > 500 and over["reason"] in ("closed here", "closed by client")
    row = home.service.wait_event("deliver", to="x@one.example")
    assert row["host"].startswith("127.0.0.1[127.0.0.1]:") and row["tls"] == "-"
    # Nobody else's, and nothing twice.
    with home.customer() as customer:
        assert customer.atrn()[0] == 453
        assert customer.command(b"NOOP")[0] == 250
        assert customer.command(b"QUIT")[0] == 221


def test_only_the_domains_that_are_named(provider):
    home = provider()
    home.send("x@one.example", "y@uno.example", "z@two.example")
    home.waiting(3)
    assert to(home.fetch("UNO.example,two.example,uno.example")[0]) == ["y@uno.example", "z@two.example"]
    assert to(home.fetch("one.example")[0]) == ["x@one.example"]
    home.service.wait_empty()


def test_what_is_refused(provider):
    home = provider()
    home.send("x@one.example", "x@three.example", "x@never.example")
    home.waiting(3)
    with Customer(home.port, user=None) as stranger:
        assert "ATRN" in stranger.offer.split("\n") and "SIZE" not in stranger.offer
        assert stranger.atrn()[0] == 530
        assert stranger.atrn("one.example")[0] == 530
        for command in (b"MAIL FROM:<a@b.example>", b"RCPT TO:<x@one.example>", b"DATA", b"VRFY x", b"ETRN one.example"):
            code, text = stranger.command(command)
            assert code == 502 and "ATRN" in text, (command, code, text)
    with home.customer() as customer:
        for argument, code in (("three.example", 450), ("one.example,three.example", 450), ("never.example", 450),
                               ("nowhere.example", 450), (f"{DOMAIN}", 450), ("one.example,", 501), (",", 501),
                               ("one.example uno.example", 501), ("@one.example", 501)):
            assert customer.atrn(argument)[0] == code, argument
        assert customer.atrn("uno.example")[0] == 453
    with home.service.client() as client:
        assert "ATRN" not in client.expect(250, b"EHLO client.example")
        assert client.command(b"ATRN one.example")[0] == 502
    home.waiting(3)


def test_who_may_fetch_nothing(provider):
    home = provider(users=("ann", "bob", "eve"))
    with home.customer(f"eve@{DOMAIN}") as eve:
        assert eve.atrn()[0] == 450
    assert home.service.wait_event("refuse")["stage"] == "atrn"


def test_it_goes_through_tls(provider, authority):
    home = provider(listener=f"tls require; {authority.words(authority.main)}")
    home.send("x@one.example")
    home.waiting(1)
    with Customer(home.port, user=None) as plain:
        assert plain.command(b"AUTH PLAIN =")[0] == 530
    customer, end = home.fetch(context=authority.context())
    assert (to(customer), end) == (["x@one.example"], "QUIT")
    assert home.service.wait_event("deliver")["tls"].startswith("TLSv1.3 ")


def test_a_large_message(provider):
    home = provider()
    body = b"".join(b"%07d .........................................................\r\n" % n for n in range(60000))
    assert home.service.send("a@client.example", "x@one.example", wire.message(body=body))[0] == 250
    home.waiting(1)
    customer, end = home.fetch()
    assert end == "QUIT" and customer.messages[0][2].endswith(body)


def test_many_messages_on_one_connection(provider):
    home = provider()
    with home.service.client() as client:
        for number in range(300):
            assert client.mail("a@client.example", f"x{number}@one.example", wire.message())[0] == 250
    home.waiting(300)
    customer, end = home.fetch()
    assert (len(customer.messages), end) == (300, "QUIT")
    assert len(home.service.events("connect")) <= 4 and customer.commands.count("QUIT") == 1
    home.service.wait_empty()


def test_two_customers_and_one_twice(provider):
    home = provider()
    home.send("x@one.example", "x@three.example")
    home.waiting(2)
    with home.customer() as ann, home.customer(BOB) as bob, home.customer() as again:
        assert ann.atrn("one.example")[0] == 250
        assert again.atrn()[0] == 451
        assert again.atrn("two.example")[0] == 453
        assert bob.atrn("three.example")[0] == 250
        assert bob.serve() == ann.serve() == "QUIT"
        assert (to(ann), to(bob)) == (["x@one.example"], ["x@three.example"])
        wait_until(lambda: again.atrn()[0] == 453, 20, "the end of the other connection")


@pytest.mark.parametrize("step", ["greeting", "EHLO", "MAIL", "RCPT", "DATA", "body", "dot"])
def test_the_customer_goes_away(provider, step):
    home = provider()
    home.send("x@one.example", "y@one.example")
    home.waiting(2)
    customer, end = home.fetch(script={step: "close"})
    assert end == step and not customer.messages
    home.service.wait_event("atrn_end")
    if step in ("body", "dot"):
        # It may have the message: that one is in no hurry, until it is asked for again.
        home.service.wait_event("in_doubt", to="x@one.example")
    else:
        # What failed is tried again by the schedule, and then put off as held: nobody dials.
        home.waiting(2)
    customer, end = home.fetch()
    assert (to(customer), end) == (["x@one.example", "y@one.example"], "QUIT")
    assert not home.service.events("fail") and not home.service.events("expire")


@pytest.mark.parametrize("step, reply, left", [
    ("greeting", "554 no", 1), ("EHLO", "502 no", 1), ("MAIL", "450 later", 1), ("RCPT", "451 later", 1),
    ("DATA", "451 later", 1), ("dot", "452 later", 1), ("greeting", "hello", 1), ("RCPT", "550 5.1.1 nobody", 0),
    ("dot", "554 5.6.0 no", 0), ("EHLO", "421 no", 1), ("dot", "421 no", 1), ("greeting", "silence", 1),
    ("RCPT", "silence", 1)])
def test_the_customer_does_not_take_it(provider, step, reply, left):
    home = provider()
    home.send("x@one.example")
    home.waiting(1)
    customer, _ = home.fetch(script={step: reply})
    assert not customer.messages
    home.waiting(left)
    if not left:
        home.service.wait_event("fail")


@pytest.mark.parametrize("role", ["receive", "deliver", "spool"])
def test_a_process_dies_in_the_middle(provider, role):
    home = provider()
    home.service.crashes = True
    home.send("x@one.example", "y@one.example")
    home.waiting(2)
    before = home.service.pids()[role]

    def kill():
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        return "silence"
    with home.customer() as customer:
        assert customer.atrn()[0] == 250
        end = customer.serve({"DATA": kill})
        assert end in ("DATA", "lost") and not customer.messages
    wait_until(lambda: len(home.service.pids().get(role, [])) == len(before) and
               not set(home.service.pids()[role]) & set(before), 20, f"another {role}")
    home.waiting(2)

    def fetched():
        with home.customer() as customer:
            return customer.atrn()[0] == 250 and customer.serve() == "QUIT" and to(customer)
    assert wait_until(fetched, 20, "the mail") == ["x@one.example", "y@one.example"]
    home.service.wait_empty()


def test_it_stops_in_the_middle(provider):
    home = provider()
    home.send("x@one.example", "y@one.example")
    home.waiting(2)
    with home.customer() as customer:
        assert customer.atrn()[0] == 250
        stop = threading.Thread(target=home.service.stop)
        starts = [stop.start]
        customer.serve({"MAIL": lambda: starts and starts.pop()()})
        stop.join()
        taken = len(customer.messages)
    home.service.start()
    home.waiting(2 - taken)


def test_modes_and_suspended_domains(provider):
    home = provider()
    home.send("x@one.example", "x@two.example")
    home.waiting(2)
    home.service.ctl("suspend", "domain", "one.example", "--yes")
    assert to(home.fetch()[0]) == ["x@two.example"]
    with home.customer() as customer:
        assert customer.atrn()[0] == 453
    home.service.ctl("resume", "domain", "one.example", "--yes")
    text = home.service.conf.read_text()
    home.service.conf.write_text(text.replace("transfer both", "transfer in"))
    home.service.reload()
    with home.customer() as customer:
        assert customer.atrn()[0] == 451
    # The other way round mail leaves, and so do customers get theirs.
    home.service.conf.write_text(text.replace("transfer both", "transfer out"))
    home.service.reload()
    assert to(home.fetch()[0]) == ["x@one.example"]


def test_what_comes_meanwhile(provider):
    home = provider()
    home.send("x@one.example")
    home.waiting(1)
    late = [lambda: home.send("late@one.example")]
    customer, end = home.fetch(script={"dot": lambda: late and late.pop()()})
    assert (to(customer), end) == (["late@one.example", "x@one.example"], "QUIT")


def test_one_message_for_several_domains(provider):
    home = provider()
    home.send(["x@one.example", "y@two.example", "z@three.example", f"ann@{DOMAIN}"])
    home.waiting(3)
    customer, _ = home.fetch()
    assert [sorted(r) for _, r, _ in customer.messages] == [["x@one.example", "y@two.example"]]
    customer, _ = home.fetch(user=BOB)
    assert to(customer) == ["z@three.example"]
    home.service.wait_empty()
