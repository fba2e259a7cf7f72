# SPDX-License-Identifier: Apache-2.0
"""Faults of our own (test builds have places that die): poison, shunned clients, a spool
that dies while it commits."""
import pytest

import wire
from service import BUILD, DOMAIN, wait_until

TO = f"ann@{DOMAIN}"


def test_a_message_that_kills_mailbox_is_parked(serve):
    service = serve(env={"IMS_FAULT": "mailbox.job=crashme@"})
    service.crashes = True
    assert service.send("crashme@client.example", TO, wire.message("bad"))[0] == 250
    for number in range(10):
        assert service.send("good@client.example", f"bob@{DOMAIN}", wire.message(str(number)))[0] == 250
    poison = service.wait_event("poison", 60)
    service.wait_mail("bob", 10, seconds=60)
    rows = service.queue("state=poison")
    assert [row["sender"] for row in rows] == ["crashme@client.example"]
    assert rows[0]["id"] == poison["id"]
    crashes = service.events("crash_contained", id=poison["id"])
    assert len(crashes) == 3, crashes
    for event in crashes:
        assert int(event["code"]) == 11 and int(event["flags"]) > 0  # by the kernel
        assert event["address"].startswith("0x")
    assert not service.mailbox("ann")
    assert service.status()["queue"]["states"]["poison"] == 1
    # Without the fault it is released by hand and arrives.
    service.stop()
    service.env = {}
    service.start()
    assert service.queue("state=poison")
    service.ctl("release", poison["id"], "--yes")
    service.wait_mail("ann")
    service.wait_empty()


def die_once(service, source):
    with service.client(source=source) as client:
        client.send(b"MAIL FROM:<crashme@client.example>\r\n")
        assert client.is_closed(20)
    wait_until(service.greets, 20, "the greeting of a new receive")


def test_a_client_at_two_deaths_is_refused(serve):
    service = serve(env={"IMS_FAULT": "receive.mail=crashme@"})
    service.crashes = True
    for _ in range(2):
        die_once(service, "127.0.0.2")
    shun = service.wait_event("shun")
    assert shun["client"] == "127.0.0.2"
    try:
        with wire.Client(service.port, source="127.0.0.2") as client:
            assert client.greeting[0] in (421, 554), client.greeting
    except OSError:
        pass  # closed without a word is fine too
    for event in service.events("crash_contained"):
        assert event["process"].startswith("receive") and event["client"] == "127.0.0.2"
        assert event["sid"] and int(event["code"]) == 11
    assert service.send("a@client.example", TO, wire.message(), source="127.0.0.3")[0] == 250
    service.wait_mail("ann")


def test_spool_dies_while_it_commits(serve):
    """No 250 for what was not durable; the client is asked to come again, others go on."""
    service = serve(env={"IMS_FAULT": "spool.commit=crashme@"})
    service.crashes = True
    try:
        code, text = service.send("crashme@client.example", TO, wire.message())
        assert 400 <= code < 500, (code, text)
    except OSError:
        pass
    wait_until(lambda: service.events("crash_contained"), 15, "the event")

    def goes_on():
        try:
            return service.send("a@client.example", TO, wire.message("after"))[0] == 250
        except OSError:
            return False
    wait_until(goes_on, 30, "the next 250")
    got = service.wait_mail("ann")
    assert all(b"crashme@" not in text for text in got)


def test_a_release_has_no_such_places():
    release = BUILD.parent / "build" / "imsd"
    if not release.exists():
        pytest.skip("no release build here")
    assert b"IMS_FAULT" not in release.read_bytes()
