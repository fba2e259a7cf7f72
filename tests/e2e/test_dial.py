# SPDX-License-Identifier: Apache-2.0
"""Lines that are up for some time only: windows, and the programs before and after them."""
import datetime
import os
import stat

import pytest

import wire
from peer import Peers
from service import wait_until

RELAY = ("timeout { connect 1s; greeting 1s; command 1s; data 1s; final 1s; idle 1s }\n"
         "host 127.0.0.0/8 { accept; relay yes }\n")
FAR = "x@far.example"


@pytest.fixture
def peers():
    with Peers() as made:
        yield made


def dial(port, words):
    return (f"{RELAY}route line {{ match far.example; via 127.0.0.1:{port}; tls off }}\n"
            f"route default {{ via 127.0.0.1:{port}; tls off }}\n"
            f"dial isp {{ route line; {words} }}\n")


def send(service, to=FAR):
    assert service.send("bob@us.example", to, wire.message())[0] == 250


def waits(service, count=1):
    def deferred():
        rows = [r for m in service.queue() for r in m["recipients"] if r["state"] == "deferred"]
        return rows if len(rows) == count else None
    return wait_until(deferred, 20, f"{count} that wait")


def program(service, name, text):
    """A program that any account can run; what it notes is in the folder `notes`."""
    path = service.folder / name
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    notes = service.folder / "notes"
    notes.mkdir(exist_ok=True)
    notes.chmod(0o777)
    return path


def configure(service, peer, words):
    service.extra = dial(peer.port, words)
    service.write_conf()
    service.start()


def test_mail_of_the_route_waits_and_others_do_not(serve, peers):
    peer = peers.add()
    # Twelve hours from now, whatever the zone.
    later = (datetime.datetime.now() + datetime.timedelta(hours=12)).strftime("%H:%M")
    service = serve(extra=dial(peer.port, f"daily {later}"))
    send(service)
    send(service, "y@near.example")
    wait_until(lambda: peer.messages, 20, "the other message")
    row = waits(service)[0]
    assert "dial isp" in row["reply"]
    assert len(peer.messages) == 1
    text = service.ctl("explain", "msg", service.queue()[0]["id"])
    assert "dial isp" in text


def test_what_has_waited_long_enough_opens_a_window(serve, peers):
    peer = peers.add()
    service = serve(extra=dial(peer.port, "queued-for 3s; window 4s"))
    send(service)
    waits(service)
    assert not peer.messages
    wait_until(lambda: peer.messages, 20, "the message")
    # In the window mail flows.
    send(service, "z@far.example")
    wait_until(lambda: len(peer.messages) == 2, 3, "the second in the same window")
    opened = service.events("dial_open")
    assert [(e["dial"], e["reason"]) for e in opened] == [("isp", "queued-for")]
    wait_until(lambda: service.events("dial_close"), 20, "the end of the window")
    send(service)
    waits(service)
    assert len(peer.messages) == 2
    wait_until(lambda: len(peer.messages) == 3, 20, "the next window")


def test_so_many_messages_open_a_window(serve, peers):
    peer = peers.add()
    service = serve(extra=dial(peer.port, "queued-messages 3; window 2s"))
    send(service)
    send(service)
    waits(service, 2)
    assert not service.events("dial_open")
    send(service)
    wait_until(lambda: len(peer.messages) == 3, 20, "all three")
    service.wait_empty()
    assert service.events("dial_open")[0]["reason"] == "queued-messages"


def test_programs_before_and_after(serve, peers):
    peer = peers.add()
    service = serve.stopped(extra=RELAY)
    up = program(service, "up", f'id -u > "{service.folder}/notes/up"; echo "line $1 is up; $IMS_DIAL"; echo "$*" >> "{service.folder}/notes/up"')
    down = program(service, "down", f'date > "{service.folder}/notes/down"')
    configure(service, peer, f'queued-for 2s; window 2s; before {up} "a b; rm -rf /" $HOME; after {down}')
    send(service)
    wait_until(lambda: peer.messages, 20, "the message")
    uid, words = (service.folder / "notes/up").read_text().splitlines()
    assert words == "a b; rm -rf / $HOME"
    if os.geteuid() == 0:
        assert uid != "0"
    wait_until(lambda: (service.folder / "notes/down").exists(), 20, "the program behind the window")
    told = wait_until(lambda: len(service.events("program")) == 2 and service.events("program"), 10, "both ends")
    assert told[0]["path"] == str(up) and "isp" in told[0]["reply"]
    assert [e["dial"] for name in ("dial_open", "dial_close") for e in service.events(name)][:2] == ["isp", "isp"]


def test_a_program_that_fails_keeps_the_window_closed(serve, peers):
    peer = peers.add()
    service = serve.stopped(extra=RELAY)
    up = program(service, "up", 'echo "no carrier" >&2; exit 3')
    configure(service, peer, f"queued-for 2s; window 2s; before {up}")
    send(service)
    told = wait_until(lambda: service.events("program_fail"), 20, "the failure")[0]
    assert told["code"] == 3 and told["reply"] == "no carrier" and told["path"] == str(up)
    assert not service.events("dial_open") and not peer.messages
    waits(service)


def test_a_program_that_hangs_is_killed_with_its_children(serve, peers):
    peer = peers.add()
    service = serve.stopped(extra=RELAY)
    up = program(service, "up", f'sleep 300 & echo $! > "{service.folder}/notes/child"; sleep 300')
    configure(service, peer, f"queued-for 2s; window 2s; timeout 2s; before {up}")
    send(service)
    told = wait_until(lambda: service.events("program_fail"), 20, "the failure")[0]
    assert "killed" in told["error"]
    child = int((service.folder / "notes/child").read_text())

    def gone():
        try:
            with open(f"/proc/{child}/stat", encoding="utf-8") as file:
                return file.read().rsplit(")", 1)[1].split()[0] == "Z"
        except OSError:
            return True
    wait_until(gone, 10, "the end of what it had started")


def test_a_program_that_talks_without_end_is_cut(serve, peers):
    peer = peers.add()
    service = serve.stopped(extra=RELAY)
    up = program(service, "up", "yes 0123456789 | head -c 300000; printf '\\033[2J'")
    configure(service, peer, f"queued-for 2s; window 2s; before {up}")
    send(service)
    wait_until(lambda: peer.messages, 20, "the message")
    assert len(service.wait_event("program")["reply"]) <= 2000


def test_a_program_that_is_not_there(serve, peers):
    peer = peers.add()
    service = serve(extra=dial(peer.port, "queued-for 2s; before /nowhere/up"))
    send(service)
    told = wait_until(lambda: service.events("program_fail"), 20, "the failure")[0]
    assert "executed" in told["error"]
    assert not peer.messages


def test_the_line_goes_down_with_the_service(serve, peers):
    peer = peers.add()
    service = serve.stopped(extra=RELAY)
    down = program(service, "down", f'sleep 1; date > "{service.folder}/notes/down"')
    configure(service, peer, f"queued-for 2s; window 1h; after {down}")
    send(service)
    wait_until(lambda: peer.messages, 20, "the message")
    service.stop()
    assert (service.folder / "notes/down").exists()
    assert stat.S_ISREG((service.folder / "notes/down").stat().st_mode)


def test_the_clock_opens_a_window(serve, peers):
    """The next minute, or the one after it."""
    peer = peers.add()
    service = serve(extra=dial(peer.port, "every 1m; window 5s"))
    send(service)
    waits(service)
    wait_until(lambda: peer.messages, 75, "the message")
    assert service.wait_event("dial_open")["reason"] == "schedule"


def test_mail_is_fetched_from_another_service(serve, peers):
    """Two services: one holds the mail of us.example, the other asks for it when its window opens."""
    office = serve.stopped(extra=RELAY)
    provider = serve(extra=RELAY + "domain two.example three.example { deliver hold-for-etrn office; etrn-from 127.0.0.1 }\n"
                     f"route office {{ via 127.0.0.1:{office.port}; tls off }}\n")
    for user in ("ann", "bob"):
        assert provider.send("a@client.example", f"{user}@two.example", wire.message())[0] == 250
    office.domain = "}\ndomain two.example { users any; deliver maildir " + f"{office.folder}/mail/%d/%n"
    office.extra = (RELAY + f"route default {{ via 127.0.0.1:{provider.port}; tls off }}\n"
                    f"dial isp {{ route default; queued-messages 1; window 20s; "
                    f"etrn 127.0.0.1:{provider.port} two.example three.example four.example }}\n")
    office.write_conf()
    office.start()
    wait_until(lambda: len(provider.queue()) == 2, 20, "two that wait")
    assert not office.mailbox("ann", "two.example")
    send(office)  # reason enough for a window
    office.wait_mail("ann", domain="two.example")
    office.wait_mail("bob", domain="two.example")
    told = wait_until(lambda: len(office.events("fetch")) == 2 and office.events("fetch"), 20, "the answers")
    assert [e["domain"] for e in told] == ["two.example", "three.example"]
    assert "2 pending" in told[0]["reply"]
    failed = office.events("fetch_fail")
    assert [(e["domain"], e["dsn"]) for e in failed] == [("four.example", "4.7.1")]


def test_a_host_that_cannot_be_asked(serve, peers):
    peer = peers.add()
    from service import free_port
    service = serve(extra=dial(peer.port, f"queued-messages 1; etrn 127.0.0.1:{free_port()} a.example b.example"))
    send(service)
    wait_until(lambda: peer.messages, 20, "the message")
    told = wait_until(lambda: len(service.events("fetch_fail")) == 2 and service.events("fetch_fail"), 20, "the failure")
    assert [e["domain"] for e in told] == ["a.example", "b.example"]
    assert told[0]["dsn"].startswith("4.4.")
