# SPDX-License-Identifier: Apache-2.0
"""Greylisting: the first time is put off, who comes again is let in and then known; what was
seen outlives the death of a process, and a restart."""
import os
import signal
import time

import wire
from service import DOMAIN, is_alive, wait_until

GREY = "greylist { on; delay 2s; known 3 }\n"
SENDER = "a@client.example"
ANN = f"ann@{DOMAIN}"


def rcpt(service, to=ANN, sender=SENDER, source=None):
    with service.client(source=source) as client:
        client.expect(250, f"MAIL FROM:<{sender}>".encode())
        return client.command(f"RCPT TO:<{to}>".encode())


def kill(service, role):
    service.crashes = True
    for pid in service.pids()[role]:
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not is_alive(pid), 10, f"the death of {role}")

    def back():
        try:
            return all(p > 0 for p in service.pids()[role])
        except (AssertionError, KeyError, ValueError):
            return False
    wait_until(back, 30, f"a new {role}")


def test_who_comes_again_is_let_in(serve):
    service = serve(extra=GREY)
    code, text = rcpt(service)
    assert code == 451 and text.startswith("4.7.1") and "2 seconds" in text, text
    event = service.wait_event("refuse", to=ANN)
    line = [n for n, words in enumerate(service.conf.read_text().splitlines(), 1)
            if words.startswith("greylist")]
    assert event["rule"] == f"{service.conf}:{line[0]}" and event["stage"] == "recipient"
    assert rcpt(service)[0] == 451  # too early
    time.sleep(2.1)
    assert rcpt(service)[0] == 250
    assert service.wait_event("grey_pass", to=ANN)["delay"] >= 2000
    assert rcpt(service)[0] == 250
    assert rcpt(service, sender="other@client.example")[0] == 451
    assert rcpt(service, sender="")[0] == 451  # the null sender is one like others
    assert rcpt(service, to=f"nobody@{DOMAIN}")[0] == 550  # what is refused is not put off


def test_a_network_that_came_again_is_known(serve):
    service = serve(extra=GREY)
    senders = [f"{n}@client.example" for n in range(3)]
    for sender in senders:
        assert rcpt(service, sender=sender)[0] == 451
    time.sleep(2.1)
    for sender in senders:
        assert rcpt(service, sender=sender)[0] == 250
    assert rcpt(service, sender="fresh@client.example")[0] == 250
    assert rcpt(service, sender="fresh@client.example", source="127.0.9.1")[0] == 451
    assert rcpt(service, sender="fresh@client.example", source="127.0.0.9")[0] == 250  # its /24


def test_who_may_send_is_not_asked(serve):
    service = serve(extra=GREY.replace("known 3", "except 127.0.7.0/24") +
                    "host 127.0.5.5 accept auth exempt\nrelay { from 127.0.6.0/24 }\n")
    assert rcpt(service)[0] == 451
    for source in ("127.0.5.5", "127.0.6.1", "127.0.7.1"):
        assert rcpt(service, source=source)[0] == 250, source


def test_off_by_default_and_on_by_a_reload(serve):
    service = serve()
    assert rcpt(service)[0] == 250
    service.extra = "greylist on\n"
    service.write_conf()
    service.reload()
    code, text = rcpt(service)
    assert code == 451 and "300 seconds" in text, text


def test_deaths_forget_nothing(serve):
    service = serve(extra=GREY.replace("2s", "4s"))
    began = time.monotonic()
    assert rcpt(service)[0] == 451
    kill(service, "receive")
    kill(service, "directory")
    while time.monotonic() < began + 5:
        time.sleep(0.1)
    assert rcpt(service)[0] == 250


def test_a_restart_forgets_nothing(serve):
    service = serve(extra=GREY)
    assert rcpt(service)[0] == 451
    service.stop()
    record = service.folder / "state" / "counts" / "tally"
    assert record.stat().st_mode & 0o777 == 0o600
    time.sleep(2)
    service.start()
    assert rcpt(service)[0] == 250
    service.stop()
    # A damaged file costs the memory, and is told.
    record.write_bytes(record.read_bytes()[:-3] + b"xyz")
    service.start()
    assert "damaged" in service.wait_event("directory_error")["error"]
    assert rcpt(service)[0] == 451


def test_a_directory_that_is_down_puts_nobody_off_longer(serve):
    service = serve(extra=GREY)
    assert rcpt(service, to="x@any.example")[0] == 451
    time.sleep(2.1)
    service.crashes = True
    os.kill(service.pids()["directory"][0], signal.SIGSTOP)
    stopped = service.pids()["directory"][0]
    try:
        assert rcpt(service, to="x@any.example")[0] == 250
        assert service_is_asked_in_time(service)
    finally:
        os.kill(stopped, signal.SIGCONT)


def service_is_asked_in_time(service):
    began = time.monotonic()
    assert rcpt(service, to="x@any.example")[0] == 250
    return time.monotonic() - began < 2


def test_explain_shows_the_wait(serve):
    service = serve(extra=GREY.replace("2s", "1h"))
    ask = ("explain", "rcpt", "--client", "127.0.0.1", "--from", SENDER, "--to", ANN)
    assert "greylist     not seen yet" in service.ctl(*ask)
    assert rcpt(service)[0] == 451
    assert "greylist     waits" in service.ctl(*ask)
    assert service.ctl_json(*ask)[0]["greylist"]["state"] == "waits"
    assert wire.message()
