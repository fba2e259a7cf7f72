# SPDX-License-Identifier: Apache-2.0
"""Reload, drain, transfer modes: what happens to open sessions and to mail."""
import signal
import subprocess

import pytest

import wire
from service import DOMAIN, free_port, wait_until

TO = f"ann@{DOMAIN}"


def test_reload_keeps_an_open_session(service):
    with service.client() as client:
        client.expect(250, b"MAIL FROM:<a@client.example>")
        client.expect(250, b"RCPT TO:<" + TO.encode() + b">")
        generation = service.status()["config_generation"]
        service.extra = (f"domain new.example {{ users any; deliver maildir "
                         f"{service.folder}/mail/%d/%n }}\n")
        service.write_conf()
        service.reload()
        service.wait_event("reload")
        wait_until(lambda: service.status()["config_generation"] > generation, 10, "a generation")
        client.expect(354, b"DATA")
        client.send(wire.dotted(wire.message()))
        assert client.reply()[0] == 250
        client.expect(250, b"MAIL FROM:<a@client.example>")
    service.wait_mail("ann")
    assert service.send("a@client.example", "x@new.example", wire.message())[0] == 250
    service.wait_mail("x", domain="new.example")


def test_a_bad_file_changes_nothing(service):
    good = service.conf.read_text()
    service.conf.write_text(good + "listner x { address 127.0.0.1:1 }\n")
    service.reload()
    error = service.wait_event("config_error")
    assert "listner" in str(error["reason"]), error
    assert service.send("a@client.example", TO, wire.message())[0] == 250
    told = service.ctl("check", status=78) + service.ctl("reload", status=78)
    assert "listner" in told or told == ""
    service.conf.write_text(good)
    service.ctl("reload")
    service.wait_event("reload")


def test_listeners_come_and_go(service):
    port = free_port()
    service.extra = f"listener more {{ address 127.0.0.1:{port} }}\n"
    service.write_conf()
    service.reload()
    client = wait_until(lambda: _try(port), 10, "the new listener")
    client.expect(250, b"EHLO client.example")
    service.extra = ""
    service.write_conf()
    service.reload()
    wait_until(lambda: not _try(port), 10, "the end of the listener")
    client.expect(250, b"NOOP")  # its session goes on
    client.close()


def _try(port):
    try:
        return wire.Client(port, timeout=2)
    except OSError:
        return None


def test_a_listener_that_is_taken_is_told_at_the_start(serve):
    """Q146157: the old service started without its port and said nothing."""
    first = serve()
    second = serve.stopped(extra=f"listener taken {{ address 127.0.0.1:{first.port} }}\n")
    with pytest.raises(AssertionError, match=r"imsd ended with 69(.|\n)*bind_fail"):
        second.start()


def test_drain_lets_a_transaction_end(service):
    with service.client() as client, service.client() as idle:
        assert client.envelope("a@client.example", TO)[0] == 354
        client.send(b"Subject: late\r\n\r\nfirst half\r\n")
        service.process.send_signal(signal.SIGTERM)
        wait_until(lambda: not _try(service.port), 10, "the end of accepting")
        client.send(b"second half\r\n.\r\n")
        assert client.reply()[0] == 250
        assert idle.is_closed(10)
    assert service.process.wait(30) == 0
    service.process = None
    assert len(service.mailbox("ann")) + len(service.queue()) == 1
    assert service.events("service_stop")
    service.start()
    got = service.wait_mail("ann")[0]
    assert b"first half" in got and b"second half" in got


def test_transfer_in_keeps_and_delivers_nothing(serve):
    service = serve(transfer="in")
    for number in range(5):
        assert service.send("a@client.example", TO, wire.message(str(number)))[0] == 250
    rows = service.queue()
    assert len(rows) == 5 and {row["state"] for row in rows} == {"active"}
    assert not service.mailbox("ann")
    service.transfer = "both"
    service.write_conf()
    service.reload()
    service.wait_mail("ann", 5)
    service.wait_empty()


@pytest.mark.parametrize("mode", ["out", "drain"])
def test_transfer_out_refuses_new_mail_and_delivers(serve, mode):
    service = serve(transfer="in")
    assert service.send("a@client.example", TO, wire.message())[0] == 250
    service.transfer = mode
    service.write_conf()
    service.reload()
    service.wait_mail("ann")

    def refused():
        try:
            with service.client() as client:
                return client.command(b"MAIL FROM:<a@client.example>")[0] in (421, 450, 451)
        except (OSError, AssertionError):
            return True  # not even a greeting is as clear
    wait_until(refused, 5, "a refusal that asks to come again")


def test_start_is_refused_with_a_sentence(serve):
    """Exit 78 and the place of the mistake; --check says the same without starting."""
    service = serve.stopped()
    service.conf.write_text(service.conf.read_text() + "spool { path }\n")
    line = len(service.conf.read_text().splitlines())
    for more in (["--foreground"], ["--check"]):
        command = service.command()[:3] + more
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 78, done
        assert f"ims.conf:{line}:" in done.stderr + done.stdout
