# SPDX-License-Identifier: Apache-2.0
"""One message all the way, and what the tool tells of it."""
import os
import pathlib

import pytest

import wire
from service import DOMAIN, wait_until


def test_message_reaches_the_mailbox_byte_by_byte(service):
    text = wire.message("exact", b"one\r\n.dot\r\n..two\r\n.\x20\r\n\r\ntab\tend\r\n",
                        extra=b"Message-ID: <exact@client.example>\r\n")
    code, reply = service.send("a@client.example", f"ann@{DOMAIN}", text)
    assert code == 250 and reply.startswith("2."), reply
    got = service.wait_mail("ann")[0]
    head, _, rest = got.replace(b"\r\n", b"\n").partition(b"From: <a@client.example>")
    assert b"From: <a@client.example>" + rest == text.replace(b"\r\n", b"\n")
    assert head.startswith(b"Return-Path: <a@client.example>\nDelivered-To: ann@us.example\n")
    assert b"\nReceived: from client.example (" in head and b"[127.0.0.1]" in head
    assert b"by mx.us.example" in head


def test_track_tells_the_story(service):
    text = wire.message("story", extra=b"Message-ID: <story@client.example>\r\n")
    service.send("a@client.example", f"ann@{DOMAIN}", text)
    service.wait_mail("ann")

    def told():
        rows = service.ctl_json("track", "--message-id", "<story@client.example>")
        return rows if rows and rows[-1]["event"] == "deliver" else None
    story = wait_until(told, 15, "the story in the index")
    assert story[0]["event"] == "receive", story
    assert story[0]["from"] == "a@client.example" and story[0]["client"] == "127.0.0.1"
    assert {event["id"] for event in story} == {story[0]["id"]}
    for query in (("--from", "a@client.example"), ("--to", f"ann@{DOMAIN}"),
                  ("--id", story[0]["id"]), ("--since", "1h")):
        assert service.ctl_json("track", *query), query
    assert not service.ctl_json("track", "--from", "nobody@nowhere.example")
    plain = service.ctl("track", "--to", f"ann@{DOMAIN}")
    assert "receive" in plain and "deliver" in plain


def test_log_line_has_the_fixed_keys(service):
    service.send("a@client.example", f"ann@{DOMAIN}", wire.message())
    service.wait_mail("ann")
    event = service.wait_event("receive")
    for key in ("ts", "event", "number", "severity", "role", "sid", "id", "client", "helo",
                "from", "size"):
        assert key in event, event
    assert event["number"] == 2002 and event["role"].startswith("receive")
    assert event["ts"].endswith("Z") and event["ts"][10] == "T" and event["ts"][19] == "."
    delivered = service.wait_event("deliver")
    assert delivered["to"] == f"ann@{DOMAIN}" and delivered["id"] == event["id"]
    assert service.events("service_start")


def test_maildir_has_its_three_folders_and_names_are_unique(service):
    for number in range(20):
        service.send("a@client.example", f"ann@{DOMAIN}", wire.message(f"n{number}"))
    assert len(service.wait_mail("ann", 20)) == 20
    folder = service.folder / "mail" / DOMAIN / "ann"
    assert {"tmp", "new", "cur"} <= {path.name for path in folder.iterdir()}
    assert not list((folder / "tmp").iterdir())


def test_several_messages_on_one_connection(service):
    with service.client() as client:
        for number in range(5):
            assert client.mail("a@client.example", f"ann@{DOMAIN}", wire.message(str(number)))[0] == 250
        client.expect(221, b"QUIT")
        assert client.is_closed()
    service.wait_mail("ann", 5)


def test_both_families_of_addresses(serve):
    service = serve()
    with open(service.conf, "a", encoding="utf-8") as conf:
        conf.write(f"listener six {{ address [::1]:{service.port} }}\n")
    try:
        service.reload()
        client = wire.Client(service.port, host="::1")
    except OSError:
        pytest.skip("no IPv6 loopback here")
    with client:
        client.expect(250, b"EHLO [IPv6:::1]")
        assert client.mail("a@[IPv6:::1]", f"ann@{DOMAIN}", wire.message())[0] == 250
    assert service.wait_event("receive")["client"] == "::1"


def test_null_sender(service):
    assert service.send("", f"ann@{DOMAIN}", wire.message())[0] == 250
    assert service.wait_mail("ann")[0].startswith(b"Return-Path: <>")


def test_acknowledged_mail_survives_a_restart(serve):
    service = serve(transfer="in")
    for number in range(10):
        assert service.send("a@client.example", f"ann@{DOMAIN}", wire.message(str(number)))[0] == 250
    service.stop()
    assert len(service.queue()) == 10  # imsctl reads the spool of a stopped service
    service.transfer = "both"
    service.write_conf()
    service.start()
    service.wait_mail("ann", 10)
    service.wait_empty()


def test_a_folder_that_its_users_cannot_enter(serve):
    """Roles open what they need before they give up root."""
    service = serve(mode=0o700)
    assert service.send("a@client.example", f"ann@{DOMAIN}", wire.message())[0] == 250
    service.wait_mail("ann")
    service.ctl("status")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_as_root_roles_do_not_keep_root(service):
    def keeps_nothing(pid):
        text = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
        caps = [line for line in text.splitlines() if line.startswith("CapEff")][0]
        return int(caps.split()[1], 16) == 0 and "NoNewPrivs:\t1" in text

    # One that is a moment behind receive, which greets already, may still be setting up.
    for role, pids in service.pids().items():
        for pid in pids:
            if role != "master":
                wait_until(lambda pid=pid: keeps_nothing(pid), 10, f"{role} gives up its rights")


def test_it_runs_as_an_ordinary_user(serve):
    """Started without root on a high port: same way, one user."""
    if os.geteuid() == 0:
        pytest.skip("this is the ordinary way when the tests are not run by root")
    service = serve()
    assert service.send("a@client.example", f"ann@{DOMAIN}", wire.message())[0] == 250
    service.wait_mail("ann")


def test_second_sigterm_stops_now(serve):
    service = serve()
    with service.client() as client:
        assert client.envelope("a@client.example", f"ann@{DOMAIN}")[0] == 354
        service.process.terminate()
        wait_until(lambda: not _accepts(service) or None, 10, "the end of accepting")
        if service.process.poll() is None:
            service.process.terminate()
        assert service.process.wait(10) == 0
    service.process = None


def _accepts(service):
    try:
        with wire.Client(service.port, timeout=2) as client:
            return client.greeting[0] == 220
    except OSError:
        return False
