# SPDX-License-Identifier: Apache-2.0
"""What administrators are told of the way to an address: by the configuration alone, by the queue
and the log of a stopped service, and by one that runs."""
import os
import re
import signal

import pytest

import wire
from certs import Authority
from peer import Peers
from policyserver import policy
from service import wait_until
from test_mta_sts import World
from test_tls_out import send

SHORT = "timeout { connect 1s; greeting 1s; command 1s; data 1s; final 1s; idle 1s }"
RELAY = "host 127.0.0.0/8 { accept; relay yes }"


@pytest.fixture
def peers():
    with Peers() as made:
        yield made


def conf(*lines):
    return "\n".join((SHORT, RELAY, *lines))


def told(service, address):
    """The object; and the lines of the text by their names."""
    lines = {}
    for line in service.ctl("explain", "route", address).splitlines():
        name, _, text = line[:12].strip(), line[12], line[13:]
        lines.setdefault(name, []).append(text)
    return service.ctl_json("explain", "route", address)[0], lines


def place_of(service, words):
    """FILE:LINE of the configuration where that line begins."""
    for number, line in enumerate(service.conf.read_text().splitlines(), 1):
        if line.startswith(words):
            return f"{service.conf}:{number}"
    raise AssertionError(words)


# -- limits: which block counts, and what follows of it --------------------------------------------

BLOCKS = ("limit { connections { per-destination 9; out 40 }; recipients-per-transaction 30 }",
          "pacing partner { match partner.example .partner.example; connections 2; recipients 5 }",
          "pacing hosted { mx .hosting.example; rate 600/1m; connection-rate 7/1s; messages-per-connection 50 }",
          "pacing default { connections 15 }",
          "route named { match named.example; via mail.hosting.example relay.other.example }",
          "route strange { match strange.example; via relay.other.example }",
          "route school { match school.example; via aspmx.l.google.com }",
          "route default { mx }")
PACED = {  # address: block, by, connections, recipients, sure
    "x@partner.example": ("partner", "domain", 2, 5, True),
    "x@sub.partner.example": ("partner", "domain", 2, 5, True),
    "x@named.example": ("hosted", "host", 40, 30, True),
    "x@strange.example": ("default", "", 15, 30, True),
    "x@other.example": ("default", "", 15, 30, False),
    "x@school.example": ("google", "host", None, None, True),
    "x@gmail.com": ("default", "", 15, 30, False),
}


def test_limits_and_the_block_that_says_so(serve):
    service = serve.stopped(extra=conf(*BLOCKS))
    for address, (block, by, connections, recipients, sure) in PACED.items():
        row, lines = told(service, address)
        pacing = row["pacing"]
        assert (pacing["block"], pacing["by"], pacing["sure"]) == (block, by, sure), row
        if connections:
            assert (row["connections"], row["recipients_per_transaction"]) == (connections, recipients)
            assert pacing["place"] == place_of(service, f"pacing {block}")
        else:
            assert pacing["place"].startswith("pacing-profile 2026-11"), pacing
        assert f"pacing {block} ({pacing['place']})" in lines["pacing"][0]
        assert lines["limits"][0].startswith(f"{row['connections']} connections at one time, ")
    row, lines = told(service, "x@named.example")
    assert row["pacing"]["rate"] == {"count": 600, "every_ms": 60_000}
    assert row["pacing"]["connection_rate"] == {"count": 7, "every_ms": 1000}
    assert row["pacing"]["messages_per_connection"] == 50
    assert lines["limits"][0].endswith("600 messages in 1m, 7 new connections in 1s, 50 messages over one connection")
    assert "pacing" not in told(service, "ann@us.example")[1]
    assert told(service, "ann@us.example")[0]["pacing"] is None


# -- the exception that counts ----------------------------------------------------------------------

def test_the_block_tls_policy_that_counts(serve):
    service = serve.stopped(extra=conf(
        'tls-policy old.example { may; until 2999-01-31; reason "they know" }',
        "tls-policy sub.old.example { verify }",
        "tls-policy over.example { off; until 2020-01-31 }",
        "route listed { match listed.old.example; via 127.0.0.1; tls require }",
        "route default { mx; tls require }"))
    row, lines = told(service, "x@mail.old.example")
    place = place_of(service, "tls-policy old.example")
    assert row["tls_policy"] == {"domains": ["old.example"], "place": place, "until": "2999-01-31", "reason": "they know"}
    assert row["tls"].startswith("may: ") and lines["tls"] == [row["tls"]]
    assert lines["tls by"] == [f"tls-policy old.example ({place}), its last day is 2999-01-31: they know"]
    assert told(service, "x@sub.old.example")[0]["tls"].startswith("verify: ")
    for address in ("x@over.example", "x@other.example", "x@listed.old.example"):
        row, lines = told(service, address)
        assert row["tls_policy"] is None and row["tls"].startswith("require: ") and "tls by" not in lines, row


# -- what became of the last mail -------------------------------------------------------------------

def test_the_last_outcomes_of_a_destination(serve, peers):
    say = {"x3@a.example": "451 4.2.0 later", "x4@a.example": "550 5.1.1 nobody"}
    peer = peers.add({"RCPT": lambda _, argument: next((text for to, text in say.items() if to in argument), None)})
    other = peers.add()
    service = serve(retry="1h", extra=conf(
        f"route hub {{ match a.example b.example; via 127.0.0.1:{peer.port} }}",
        f"route other {{ match c.example; via 127.0.0.1:{other.port} }}"))
    for to in ("x0@a.example", "x1@a.example", "x2@b.example", "y@c.example", "x3@a.example", "x4@a.example",
               "x5@b.example"):
        assert service.send("i@there.example", [to], wire.message())[0] == 250
        wait_until(lambda: [e for e in service.events() if e.get("to") == to
                            and e["event"] in ("deliver", "defer", "fail")], 20, f"what becomes of {to}")
    for running in (True, False):
        if not running:
            service.stop()
        row, lines = told(service, "q@b.example")
        got = [(o["to"], o["event"]) for o in row["outcomes"]]
        assert got == [("x5@b.example", "deliver"), ("x4@a.example", "fail"), ("x3@a.example", "defer"),
                       ("x2@b.example", "deliver"), ("x1@a.example", "deliver")], row["outcomes"]
        assert row["outcomes"][2]["reply"].endswith("later") and row["outcomes"][2]["dsn"] == "4.2.0"
        assert str(peer.port) in row["outcomes"][2]["host"]
        assert len(lines["attempt"]) == 5 and "x1@a.example" in lines["attempt"][0]  # the newest last
        assert [o["to"] for o in told(service, "q@c.example")[0]["outcomes"]] == ["y@c.example"]
    (service.folder / "ims.log").unlink()
    assert not told(service, "q@c.example")[0]["outcomes"]


# -- what a running service knows -------------------------------------------------------------------

@pytest.fixture
def world(authority, tmp_path):
    with Peers() as made:
        one = World(authority, made, Authority(tmp_path / "strangers"))
        yield one
        one.web.close()
        one.dns.close()


def test_hosts_of_the_dns_and_the_policy_of_the_domain(serve, world):
    world.domain("strict.example", "good", policy("enforce", "mx.strict.example"), "mx.strict.example", "mx2.strict.example")
    world.domain("plain.example", "good", None)
    service = serve(extra=world.conf("pacing big { mx .plain.example; connections 2 }",
                                     "tls-policy clear.example { off }", "route gone { match gone.example; mx; tls may }"))
    row, lines = told(service, "x@strict.example")
    assert lines["mta-sts"] == ["not known: the domain is asked with its first message"]
    lookup = row["live"]["lookups"][0]
    assert (lookup["lookup"], lookup["mx"], lookup["result"], lookup["port"]) == ("strict.example", True, "hosts", world.port)
    assert [(h["preference"], h["host"], h["tlsa"]) for h in lookup["hosts"]] == [
        (0, "mx.strict.example", "none"), (10, "mx2.strict.example", "none")]
    assert lookup["hosts"][0]["addresses"] == world.dns.zone["mx.strict.example"]["A"]
    assert all(host["tls"] == "encrypted if it offers that" for host in lookup["hosts"])
    assert row["live"]["destination"]["destination"] is False  # it has had no mail
    send(service, "x@strict.example")
    service.wait_event("deliver", to="x@strict.example")
    row, lines = told(service, "x@strict.example")
    sts = row["live"]["sts"]
    assert (sts["sts"], sts["mode"], sts["mx"]) == (True, "enforce", ["mx.strict.example"])
    assert lines["mta-sts"] == [f"enforce, read at {sts['fetched']}, counts until {sts['until']}; hosts: mx.strict.example"]
    first, second = row["live"]["lookups"][0]["hosts"]
    assert first["tls"] == "encrypted, with a good certificate for mx.strict.example"
    assert second["tls"] == "not used: the policy of the domain (MTA-STS) does not list it"
    assert lines["host"] == [f"{h['preference']} {h['host']} [{h['addresses'][0]}] port {world.port}: {h['tls']}"
                             for h in (first, second)]
    assert row["live"]["destination"]["destination"] and lines["in line"] == ["0 messages, 0 under way"]
    # The names that the DNS tells decide about the block.
    row, lines = told(service, "x@plain.example")
    assert (row["pacing"]["block"], row["pacing"]["by"], row["pacing"]["sure"]) == ("big", "host", True), row["pacing"]
    row, _ = told(service, "x@nowhere.example")
    assert row["live"]["lookups"][0]["result"] == "never" and row["pacing"]["sure"] is False
    assert told(service, "x@gone.example")[0]["live"].get("sts") is None  # nobody asks a policy for it
    # The route that runs is not the one of the file.
    service.extra = service.extra.replace("match gone.example", "match plain.example")
    service.write_conf()
    assert "service" not in told(service, "x@strict.example")[1]
    service.extra += f"\nroute away {{ match strict.example; via 127.0.0.1:{world.port} }}"
    service.write_conf()
    assert "another configuration" in told(service, "x@strict.example")[1]["service"][0]
    service.stop()
    row, lines = told(service, "x@plain.example")
    assert row["live"] is None and lines["service"][0].startswith("does not run") and "host" not in lines


def test_hosts_that_are_passed_over_and_a_destination_left_alone(serve, peers):
    dead, good, gone = peers.add({"connect": "close"}), peers.add(), peers.add({"connect": "close"})
    service = serve(retry="1s", limit="connections { per-destination 1 }", extra=conf(
        f"route pair {{ match pair.example; via 127.0.0.1:{dead.port} 127.0.0.1:{good.port}; probe 10m }}",
        f"route gone {{ match gone.example; via 127.0.0.1:{gone.port} }}"))
    for number in range(4):
        service.send("i@there.example", [f"x{number}@pair.example"], wire.message())
        service.wait_event("deliver", to=f"x{number}@pair.example")
        wait_until(lambda: not told(service, "x@pair.example")[0]["live"]["destination"]["used"], 10, "no connection")
        if service.events("host_down", route="pair"):
            break
    row, lines = told(service, "x@pair.example")
    hop = row["live"]["hops"][0]
    assert (hop["hop"], hop["port"], hop["down"]) == ("127.0.0.1", dead.port, True) and len(row["live"]["hops"]) == 1
    # The time is made of two clocks: it differs by milliseconds each time.
    assert re.fullmatch(rf"127.0.0.1:{dead.port} is passed over, {hop['failures']} failures in a row, "
                        rf"until {hop['until'][:10]}T[0-9:.]+Z \(deliver\[{hop['process']}\]\)", lines["out of reach"][0])
    for number in range(3):
        service.send("i@there.example", [f"x{number}@gone.example"], wire.message())
    service.wait_event("host_down", 30, route="gone")
    row, lines = told(service, "x@gone.example")
    destination = row["live"]["destination"]
    assert destination["failures"] >= 3 and destination["left_alone_until"]
    assert f"left alone until {destination['left_alone_until']}: " in lines["out of reach"][0]


def test_how_fast_it_goes_and_why(serve, peers):
    full = peers.add({"greeting": "421 4.7.0 too many connections from your address"})
    service = serve(retry="1h", extra=conf("pacing default { connections 8 }",
                                           f"route hub {{ match hub.example; via 127.0.0.1:{full.port} }}"))
    service.send("i@there.example", ["x@hub.example"], wire.message())
    service.wait_event("pace", host="route:hub")
    row, lines = told(service, "x@hub.example")
    destination = row["live"]["destination"]
    assert row["connections"] == 8 == destination["connections_max"] > destination["connections"]
    assert destination["reason"] and "too many connections" in destination["reply"]
    assert lines["pace"][0].startswith(f"{destination['used']} of {destination['connections']} connections used (8 at best)")
    service.ctl("suspend", "domain", "hub.example", "--for", "1h", "--yes")
    row, lines = told(service, "x@hub.example")
    assert row["suspended"]["until"] and lines["suspended"][0].startswith("domain hub.example until ")


def test_a_process_that_does_not_answer_is_left_out(serve, peers):
    """dns has just died: the rest is told."""
    service = serve(extra=conf("resolver { server 127.0.0.1:9; timeout 1s }", "route default { mx }"))
    service.crashes = True
    [dns] = service.pids()["dns"]
    os.kill(dns, signal.SIGKILL)
    row, _ = told(service, "x@far.example")
    assert row["route"] == "default" and row["live"]["destination"]["destination"] is False
