# SPDX-License-Identifier: Apache-2.0
"""Mail that waits for the server of its domain: hold-for-etrn, and ETRN, which lets it go."""
import pytest

import wire
from peer import Peers
from service import wait_until

RELAY = "timeout { connect 1s; greeting 1s; command 1s; data 1s; final 1s; idle 1s }"


@pytest.fixture
def peers():
    with Peers() as made:
        yield made


def held(port, who="etrn-from 127.0.0.1"):
    return (f"{RELAY}\ndomain held.example {{ deliver hold-for-etrn; {who} }}\n"
            "domain sub.held.example two.example { deliver hold-for-etrn up; etrn-from 192.0.2.1 127.0.0.1 }\n"
            f"route default {{ via 127.0.0.1:{port}; tls off }}\nroute up {{ via 127.0.0.1:{port}; tls off }}\n")


def waiting(service, count):
    def deferred():
        rows = [r for m in service.queue() for r in m["recipients"] if r["state"] == "deferred"]
        return rows if len(rows) == count else None
    return wait_until(deferred, 20, f"{count} that wait")


def etrn(service, argument):
    with service.client() as client:
        assert client.command(b"EHLO down.example")[0] == 250
        return client.command(b"ETRN " + argument.encode())


def test_mail_waits_until_it_is_asked_for(serve, peers):
    peer = peers.add()
    service = serve(extra=held(peer.port), retry="1s")
    for number in range(3):
        assert service.send("a@client.example", f"x{number}@held.example", wire.message())[0] == 250
    assert service.send("a@client.example", "y@two.example", wire.message())[0] == 250
    rows = waiting(service, 4)
    assert "ETRN" in rows[0]["reply"]
    service.stop()
    service.start()
    assert not peer.messages
    code, text = etrn(service, "held.example")
    assert code == 253 and "3" in str(text), (code, text)
    wait_until(lambda: len(peer.messages) == 3, 20, "three messages")
    assert etrn(service, "HELD.example")[0] == 251
    waiting(service, 1)
    # What comes in the window goes at once.
    assert service.send("a@client.example", "late@held.example", wire.message())[0] == 250
    wait_until(lambda: len(peer.messages) == 4, 20, "the fourth")
    assert etrn(service, "@two.example")[0] == 253
    wait_until(lambda: len(peer.messages) == 5, 20, "the last")
    service.wait_empty()
    events = service.events("etrn")
    assert [(e["domain"], e["code"]) for e in events] == [
        ("held.example", 253), ("HELD.example", 251), ("@two.example", 253)]


def test_a_domain_that_is_held_no_more(serve, peers):
    peer = peers.add()
    service = serve(extra=held(peer.port))
    assert service.send("a@client.example", "x@held.example", wire.message())[0] == 250
    waiting(service, 1)
    text = service.conf.read_text()
    service.conf.write_text(text.replace("domain held.example { deliver hold-for-etrn; etrn-from 127.0.0.1 }\n",
                                         "domain held.example { deliver route default }\n"))
    assert service.conf.read_text() != text
    service.reload()
    wait_until(lambda: peer.messages, 20, "the message")
    service.wait_empty()


def test_who_may_not_ask(serve, peers):
    peer = peers.add()
    service = serve(extra=held(peer.port, "etrn-from 192.0.2.1"))
    assert service.send("a@client.example", "x@held.example", wire.message())[0] == 250
    waiting(service, 1)
    for argument, code in (("held.example", 459), ("us.example", 459), ("nobody.example", 459),
                           ("", 501), ("@", 501), ("#up", 251), ("#nothing", 459)):
        assert etrn(service, argument)[0] == code, argument
    waiting(service, 1)
    assert not peer.messages


def test_a_user_may_ask(serve, peers):
    peer = peers.add()
    words = "host 127.0.0.1 { accept; auth cleartext }\n"
    service = serve(extra=held(peer.port, "etrn-user ann@us.example").replace("two.example { deliver hold-for-etrn up; etrn-from 192.0.2.1 127.0.0.1",
                    "two.example { deliver hold-for-etrn up; etrn-from 192.0.2.1") + words, listener="auth offer")
    assert service.send("a@client.example", "x@held.example", wire.message())[0] == 250
    waiting(service, 1)
    with service.client() as client:
        _, text = client.command(b"EHLO down.example")
        assert "ETRN" not in str(text)
        assert client.command(b"ETRN held.example")[0] == 502
        assert client.command(b"AUTH PLAIN AGFubkB1cy5leGFtcGxlAHNlY3JldC0x")[0] == 235
        _, text = client.command(b"EHLO down.example")
        assert "ETRN" in str(text)
        assert client.command(b"ETRN held.example")[0] == 253
    wait_until(lambda: peer.messages, 20, "the message")
    assert service.events("etrn")[0]["user"] == "ann@us.example"


def test_mail_is_returned_when_nobody_comes(serve, peers):
    peer = peers.add()
    service = serve(extra=held(peer.port) + "retry { warn { normal 0s } expire { normal 3s } }\n")
    assert service.send("bob@us.example", "x@held.example", wire.message())[0] == 250
    report = service.wait_mail("bob")[0]
    assert b"ETRN" in report and b"Action: failed" in report
    service.wait_empty()
    assert not peer.messages
