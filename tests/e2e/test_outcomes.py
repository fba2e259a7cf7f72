# SPDX-License-Identifier: Apache-2.0
"""What every host said to every recipient at every attempt can be read afterwards, by `msg show` while the message
is here and by `track` always, also over a restart."""
import re

import wire
from peer import Peers
from service import wait_until

SHORT = "timeout { connect 1s; greeting 1s; command 1s; data 1s; final 1s; idle 1s }"
RELAY = "host 127.0.0.0/8 { accept; relay yes }"
BOB = "bob@us.example"


def later(number):
    def rcpt(_session, argument):
        return f"45{number} 4.2.{number} not now, says {number}" if "later" in argument else None
    return rcpt


def attempts(service, ident):
    """[(recipient, host, step, what was said)] of `msg show`."""
    shown = service.ctl("msg", "show", ident)
    row = re.compile(r"^attempt +\S+Z (\S+) ?(\S+\]:\d+|)(.*?): (.*)$", re.M)
    return [(to, host, step.strip(), said) for to, host, step, said in row.findall(shown)]


def route(*peers):
    return "route r { match c.example; via " + " ".join(f"127.0.0.1:{p.port}" for p in peers) + " }"


def test_each_answer_of_each_host_is_kept(serve):
    with Peers() as peers:
        first, second, third = peers.add({"RCPT": later(0)}), peers.add({"EHLO": "421 busy"}), peers.add({"RCPT": later(1)})
        service = serve(extra="\n".join((SHORT, RELAY, route(first, second, third))), retry="1h")
        assert service.send(BOB, ["a@c.example", "later@c.example"], wire.message())[0] == 250
        defer = service.wait_event("defer", to="later@c.example")
        assert defer["step"] == "sending RCPT TO" and defer["reply"] == "451 4.2.1 not now, says 1"
        assert service.wait_event("deliver", to="a@c.example")["step"] == "waiting for the answer to the message"

        def look():
            found = attempts(service, defer["id"])
            return found if len(found) >= 4 else None
        wanted = [("later@c.example", first, "sending RCPT TO", "450 4.2.0 not now, says 0 4.2.0"),
                  ("all", second, "sending EHLO", "421 busy 4.3.2"),
                  ("a@c.example", first, "waiting for the answer to the message", "250 2.0.0 taken 2.0.0"),
                  ("later@c.example", third, "sending RCPT TO", "451 4.2.1 not now, says 1 4.2.1")]
        wanted = sorted((to, f"127.0.0.1[127.0.0.1]:{peer.port}", step, said) for to, peer, step, said in wanted)
        assert sorted(wait_until(look, 10, "four answers")) == wanted
        # Stopped, and started again: nothing is forgotten, and the next attempt comes behind.
        service.stop()
        assert sorted(attempts(service, defer["id"])) == wanted
        service.start()
        service.ctl("retry", defer["id"])
        wait_until(lambda: len(service.events("defer", to="later@c.example")) == 2, 15, "a second attempt")
        found = wait_until(lambda: len(attempts(service, defer["id"])) >= 7 and attempts(service, defer["id"]), 10, "its answers")
        assert sorted(found[:4]) == wanted and sorted(found[4:]) == sorted(w for w in wanted if not w[0].startswith("a@"))
        # Gone from the queue, it is told by the log.
        for peer in (first, second, third):
            peer.script.clear()
        service.ctl("retry", defer["id"])
        service.wait_event("deliver", to="later@c.example")
        service.wait_empty()
        told = service.ctl_json("track", "--id", defer["id"])
        assert len([e for e in told if e["event"] == "answer"]) == 2
        assert [e["step"] for e in told if e["event"] == "answer"] == ["sending RCPT TO"] * 2
        assert [e["to"] for e in told if e["event"] == "deliver"] == ["a@c.example", "later@c.example"]


def test_a_connection_that_is_used_again_is_told(serve):
    with Peers() as peers:
        peer = peers.add()
        service = serve(extra="\n".join((SHORT, RELAY, route(peer))), limit="connections { per-destination 1 }")
        for number in range(3):
            assert service.send(BOB, [f"u{number}@c.example"], wire.message())[0] == 250
            service.wait_event("deliver", to=f"u{number}@c.example")
        told = [service.wait_event("attempt", to=f"u{n}@c.example")["reason"] for n in range(3)]
        assert told == ["connected", "used again", "used again"] and peer.sessions == 1


def test_a_hostile_answer_stays_one_row(serve):
    with Peers() as peers:
        first, second = peers.add({"RCPT": "450 \x1b[2Jnot\x07 \xe2\x80\xaenow\" it"}), peers.add({"greeting": "421 no"})
        service = serve(extra="\n".join((SHORT, RELAY, route(first, second))), retry="1h")
        assert service.send(BOB, ["x@c.example"], wire.message())[0] == 250
        ident = service.wait_event("defer")["id"]
        wait_until(lambda: len(attempts(service, ident)) == 3, 10, "three rows")
        shown = service.ctl("msg", "show", ident)
        assert "\x1b" not in shown and "\x07" not in shown and "\u202e" not in shown
