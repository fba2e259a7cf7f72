# SPDX-License-Identifier: Apache-2.0
"""kill -9 and kill -SEGV of each role in turn, under traffic. Every message that got 250 is
in a mailbox or in the queue, none is invented, and the service answers throughout."""
import os
import re
import signal
import time

import pytest

import traffic
from service import ROLES, is_alive, wait_until

GAP_MAX_S = 8  # without a greeting; starting a process again under sanitizers takes a while


def kill_one(service, role, signo):
    """Kills one process of the role; waits until another has its place."""
    before = service.pids()
    pid = before[role][0]
    os.kill(pid, signo)
    wait_until(lambda: not is_alive(pid), 10, f"the death of {role} {pid}")

    def replaced():
        try:
            now = service.pids()
        except (AssertionError, KeyError, IndexError, ValueError):
            return False  # the console itself may be the one that died
        found = now.get(role, [])  # 0 stands for one between two lives
        return len(found) == len(before[role]) and pid not in found and min(found) > 0
    wait_until(replaced, 30, f"a new {role}")


@pytest.mark.parametrize("signo", [signal.SIGKILL, signal.SIGSEGV], ids=["KILL", "SEGV"])
def test_every_role_in_turn_under_traffic(serve, signo):
    service = serve(limit="connections { in 500; per-host 500 }")
    service.crashes = True
    load = traffic.Traffic(service.port, threads=4, count=500).start()
    with traffic.Prober(service.port) as prober:
        for _ in range(2):
            for role in ROLES:
                kill_one(service, role, signo)
                time.sleep(0.5)
        assert load.is_running() or len(load.acknowledged) == 2000
        load.finish()
    assert len(load.acknowledged) == 2000, load.failures[-5:]
    service.wait_empty(120)
    copies = traffic.reckon(service, load)
    print(f"{len(load.sent)} sent, {copies} copies beyond the first, "
          f"longest gap {prober.longest_s:.2f} s, {len(load.failures)} sessions lost")
    assert copies <= 200, f"{copies} copies: jobs are done again that were done"
    assert prober.longest_s < GAP_MAX_S
    check_events(service, signo)


def check_events(service, signo):
    crashes = service.events("crash_contained")
    for role in ROLES:
        of_role = [e for e in crashes if e["process"].startswith(role)]
        assert len(of_role) >= 2, (role, crashes)
        for event in of_role:
            assert int(event["number"]) == 4037 and event["severity"].lower() == "error"
            assert int(event["code"]) == signo and "pid" in event and "restarts" in event
            if signo == signal.SIGSEGV:
                assert int(event["flags"]) <= 0, event  # SI_USER: somebody's kill(2)
                assert re.fullmatch(r"0x[0-9a-f]+", event["address"]), event
    if signo == signal.SIGSEGV:
        receive = [e for e in crashes if e["process"].startswith("receive")]
        assert any(e.get("sid") and e.get("client") == "127.0.0.1" for e in receive), receive


def test_a_kill_from_outside_blames_nobody(serve):
    """Two deaths of receive by kill -9 with a client connected: the client is not shunned."""
    service = serve()
    service.crashes = True
    for _ in range(3):
        with service.client() as client:
            for pid in service.pids()["receive"]:
                os.kill(pid, signal.SIGKILL)
            assert client.is_closed(10)
        wait_until(service.greets, 20, "the greeting")
    assert not service.events("shun")


def test_master_killed(serve):
    """Its children leave; started again, the service has all that it acknowledged."""
    service = serve()
    load = traffic.Traffic(service.port, threads=3, count=300, deadline_s=120).start()
    time.sleep(2)
    family = [pid for pids in service.pids().values() for pid in pids]
    os.kill(service.process.pid, signal.SIGKILL)
    service.process.wait(10)
    wait_until(lambda: not any(is_alive(pid) for pid in family), 30, "the end of the children")
    service.start()
    load.finish()
    service.wait_empty(120)
    traffic.reckon(service, load)


def test_whole_family_killed_at_once(serve):
    """As when the power fails, but for the disk's own cache."""
    service = serve()
    for _ in range(3):
        load = traffic.Traffic(service.port, threads=3, count=1000, deadline_s=6).start()
        time.sleep(3)
        service.kill_all()
        load.finish()
        service.start()
        service.wait_empty(120)
        found = traffic.reckon(service, load)
        assert found >= 0
        for path in (service.folder / "mail/us.example/ann/new").iterdir():
            path.unlink()
    assert " 0 faults" in service.ctl("spool", "verify")
