# SPDX-License-Identifier: Apache-2.0
"""Web servers of others that never come to an end: each question ends in its time or at its limit, is told, and
costs the mail of others nothing; the process that asks lives."""
import time

import pytest

from certs import Authority
from peer import Peers
from service import wait_until
from tarpit import WAYS, Tarpit
from test_mta_sts import World
from test_tls_out import outcome, send
from test_tlsrpt import ON, asks, at_begin_of_minute, mails
from test_token_out import LONG, dns, peers, token, token_server, world as token_world  # noqa: F401 (fixtures)


# What the event says; how the library puts it into words where headers have no end is its own affair.
SAID = {"silent": "Timeout", "drip": "Timeout", "deaf": "Timeout", "headers": "", "body": "the answer is too long",
        "loop": "the server says 302"}


@pytest.fixture
def pits(authority):
    made = []

    def start(way, name, port=0):
        made.append(Tarpit(authority, way, name, port))
        return made[-1]
    yield start
    for pit in made:
        pit.close()


@pytest.fixture
def world(authority, tmp_path):
    with Peers() as peers:
        made = World(authority, peers, Authority(tmp_path / "strangers"))
        yield made
        made.web.close()
        made.dns.close()


def test_policies_of_mta_sts(serve, world, pits):
    """Without a policy of before, mail goes on when the question has ended; a good server is asked meanwhile."""
    made = {way: pits(way, f"mta-sts.{way}.example", 443) for way in WAYS}
    for way, pit in made.items():
        world.domain(f"{way}.example", "good", None)
        world.dns.zone[f"_mta-sts.{way}.example"] = {"TXT": ["v=STSv1; id=1;"]}
        world.dns.zone[f"mta-sts.{way}.example"] = {"A": [pit.address]}
    service = serve(extra=world.conf(), retry="1h")
    before, began = service.pids()["http"], time.monotonic()
    send(service, *(f"x@{way}.example" for way in made))
    for way in made:
        error = service.wait_event("sts_error", 60, domain=f"{way}.example")["error"]
        assert SAID[way] in error, (way, error)
        assert outcome(service, f"x@{way}.example")["event"] == "deliver", way
    assert time.monotonic() - began < 120
    assert made["loop"].asked == 1  # nobody follows
    assert service.pids()["http"] == before


@pytest.mark.parametrize("way", ["silent", "headers", "loop"])
def test_tokens(token_world, dns, pits, way):  # noqa: F811
    w = token_world([token(LONG)], LONG, start=False)
    pit = pits(way, "tokens.example")
    dns.zone[pit.name] = {"A": [pit.address]}
    w.service.extra = w.extra.replace(w.tokens.url, f"https://{pit.name}:{pit.port}/token")
    w.service.write_conf()
    w.service.start()
    before = w.service.pids()["http"]
    send(w.service, "x@far.example")
    event = w.service.wait_event("defer", 60, to="x@far.example")
    assert event["dsn"] == "4.7.0" and "there is no token to log in with (oauth m365)" in event["reply"], event
    assert w.service.wait_event("token_fail", 60, oauth="m365")["error"]
    wait_until(lambda: pit.asked, 10, "the question")
    assert not w.peer.messages and w.service.pids()["http"] == before
    # The administrator names another server, and all is well.
    w.service.extra = w.extra
    w.service.write_conf()
    w.service.reload()
    w.service.wait_event("token", 60, oauth="m365")
    w.service.ctl("retry", "all", "--yes")
    assert w.service.wait_event("deliver", 60, to="x@far.example")


def test_reports_on_encryption(serve, world, pits):
    """A server that hangs holds up its own report, not that of others."""
    world.domain("home.example", None, None)  # where reports by mail go
    for way in ("headers", "loop", "silent"):
        pit = pits(way, f"collect.{way}.example")
        world.domain(f"{way}.example", "good", None)
        world.dns.zone[pit.name] = {"A": [pit.address]}
        asks(world, f"{way}.example", f"https://{pit.name}:{pit.port}/in")
    world.domain("good.example", "good", None)
    asks(world, "good.example", "mailto:reports@home.example")
    service = serve(extra=world.conf(ON), retry="1h")
    before = service.pids()["http"]
    at_begin_of_minute(30)
    for way in ("headers", "loop", "silent", "good"):
        send(service, f"x@{way}.example")
        assert outcome(service, f"x@{way}.example")["event"] == "deliver", way
    wait_until(lambda: mails(world), 60, "the report by mail")
    for way in ("headers", "loop"):  # after all tries
        assert service.wait_event("tls_report_error", 60, domain=f"{way}.example")["error"], way
    assert {e["domain"] for e in service.events("tls_report")} == {"good.example"}
    assert service.pids()["http"] == before
