# SPDX-License-Identifier: Apache-2.0
"""The clock of the machine jumps while mail waits: nothing is lost, nothing waits for ever, no host is stormed."""
import struct

import wire
from peer import Peers
from service import wait_until

SHORT = "timeout { connect 1s; greeting 1s; command 1s; data 1s; final 1s; idle 1s }"
RELAY = "host 127.0.0.0/8 { accept; relay yes }"
BOB = "bob@us.example"
HOUR, DAY = 3_600_000, 86_400_000


class Clock:
    def __init__(self, folder):
        folder.chmod(0o755)
        self.path = folder / "clock"
        self.set(0)
        self.path.chmod(0o644)

    def set(self, ms):
        if not self.path.exists():
            self.path.write_bytes(bytes(8))
        with open(self.path, "r+b") as file:  # in place: it is mapped
            file.write(struct.pack("=q", ms))


def started(serve, tmp_path, peer, retry):
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    clock = Clock(tmp_path)
    service = serve(retry=retry, env={"IMS_FAULT": f"clock={clock.path}"}, extra="\n".join((
        SHORT, RELAY, f"route r {{ match c.example; via 127.0.0.1:{peer.port} }}")))
    assert service.send(BOB, ["x@c.example"], wire.message())[0] == 250
    return clock, service


def defers(service):
    return service.events("defer", to="x@c.example")


def test_a_day_forward_and_back(serve, tmp_path):
    with Peers() as peers:
        peer = peers.add({"RCPT": "450 4.2.1 not now"})
        clock, service = started(serve, tmp_path, peer, "1h")
        wait_until(lambda: len(defers(service)) == 1, 15, "the first attempt")
        # Forward: it is due, once, and not too old yet.
        clock.set(DAY)
        wait_until(lambda: len(defers(service)) == 2, 15, "an attempt a day later")
        assert defers(service)[1]["delay"] >= DAY and defers(service)[1]["next"] > defers(service)[0]["next"]
        # Back: it would wait for a day and an hour.
        clock.set(0)
        back = service.wait_event("clock_back")
        assert abs(back["count"] - DAY // 1000) <= 5 and int(back["number"]) == 3092
        wait_until(lambda: len(defers(service)) == 3, 15, "an attempt at once")
        assert defers(service)[2]["next"] < defers(service)[1]["next"]
        # And no more than these: nothing is tried again and again.
        wait_until(lambda: service.queue()[0]["recipients"][0]["attempts"] == 3, 10, "three attempts")
        peer.script.clear()
        clock.set(-DAY)  # also before it arrived
        service.wait_event("deliver", 15, to="x@c.example")
        service.wait_empty()
        assert len(peer.messages) == 1 and len(defers(service)) == 3
        assert len(service.events("clock_back")) == 2 and not service.events("expire")


def test_far_forward_is_one_more_attempt_and_then_a_report(serve, tmp_path):
    with Peers() as peers:
        peer = peers.add({"RCPT": "450 4.2.1 not now"})
        clock, service = started(serve, tmp_path, peer, "1h")
        wait_until(lambda: len(defers(service)) == 1, 15, "the first attempt")
        clock.set(30 * DAY)
        service.wait_event("expire", 15, to="x@c.example")
        assert peer.steps.count("RCPT") == 2 and len(service.wait_mail("bob")) == 1
        service.wait_empty()


def test_mail_is_taken_and_delivered_with_any_clock(serve, tmp_path):
    with Peers() as peers:
        peer = peers.add()
        clock, service = started(serve, tmp_path, peer, "1s")
        service.wait_event("deliver", to="x@c.example")
        for number, wrong in enumerate((-30 * DAY, 30 * DAY, -HOUR, 0)):
            clock.set(wrong)
            assert service.send(BOB, [f"y{number}@c.example"], wire.message())[0] == 250
            service.wait_event("deliver", 15, to=f"y{number}@c.example")
        assert len(peer.messages) == 5 and not service.events("expire")
