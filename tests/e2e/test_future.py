# SPDX-License-Identifier: Apache-2.0
"""Mail that its sender wants to be sent later (FUTURERELEASE, RFC 4865): only of users who have
logged in, kept through a crash, and no older than the time when it was let go."""
import datetime
import re
import time

import pytest

import wire
from peer import Peers
from service import free_port, wait_until
from submit import ANN, log_in, logged_in, send, submission


@pytest.fixture
def peers():
    with Peers() as made:
        yield made


def at(seconds):
    """RFC 3339, so far ahead."""
    when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def seconds_of(text):
    return datetime.datetime.fromisoformat(text).timestamp()


def test_offered_to_users_alone(serve, peers):
    service, port = submission(serve, peers.add().port, "submission { future-release 2d }\n")
    with wire.Client(service.port, source="127.0.0.5") as client:
        assert "FUTURERELEASE" not in client.command(b"EHLO client.example")[1]
        client.expect(555, b"MAIL FROM:<a@client.example> HOLDFOR=10")
    with wire.Client(port) as client:
        assert "FUTURERELEASE" not in client.command(b"EHLO client.example")[1]
        said = log_in(client)
        latest = re.search(r"FUTURERELEASE 172800 (\S+Z)$", said, re.M)
        assert abs(seconds_of(latest[1]) - time.time() - 172800) < 10
        for parameter in ("HOLDFOR=172801", "HOLDFOR=x", f"HOLDUNTIL={at(-60)}", f"HOLDUNTIL={at(200000)}",
                          f"HOLDFOR=1 HOLDUNTIL={at(60)}", "HOLDUNTIL=tomorrow", "HOLDFOR=0", "HOLDFOR=060",
                          "HOLDFOR=60 BY=59;R", f"HOLDUNTIL={at(60)} BY=10;N"):
            client.expect(501, f"MAIL FROM:<{ANN}> {parameter}".encode())


def test_can_be_off(serve, peers):
    _, port = submission(serve, peers.add().port, "submission { future-release 0s }\n")
    with wire.Client(port) as client:
        client.command(b"EHLO client.example")
        assert "FUTURERELEASE" not in log_in(client)
        client.expect(555, f"MAIL FROM:<{ANN}> HOLDFOR=10".encode())


def test_held_through_a_crash_and_sent_in_time(serve, peers):
    peer = peers.add()
    service, port = submission(serve, peer.port)
    service.crashes = True
    begun = time.time()
    with logged_in(port) as client:
        send(client, "for@there.example", " HOLDFOR=8")
        send(client, "until@there.example", f" HOLDUNTIL={at(8)}")
        send(client, "now@there.example", "")
    wait_until(lambda: peer.messages, 20, "the one that is not held")
    assert [rcpts for _, rcpts, _ in peer.messages] == [["now@there.example"]]
    held = service.queue("state=held")
    assert len(held) == 2
    for message in held:
        assert abs(seconds_of(message["until"]) - begun - 8) < 3
        assert message["reason"] == "its sender wants it to be sent then"
    assert service.wait_event("hold")["until"]
    service.kill_all()
    service.start()
    assert len(service.queue("state=held")) == 2
    wait_until(lambda: len(peer.messages) == 3, 30, "all at the peer")
    assert time.time() - begun >= 7
    service.wait_empty()
    assert len(service.events("release")) == 2


def test_an_administrator_lets_it_go_or_drops_it(serve, peers):
    peer = peers.add()
    service, port = submission(serve, peer.port)
    with logged_in(port) as client:
        send(client, "first@there.example", " HOLDFOR=3600")
        send(client, "second@there.example", " HOLDFOR=3600")
    wait_until(lambda: len(service.queue("state=held")) == 2, 20, "both held")
    ids = {m["recipients"][0]["address"].split("@")[0]: m["id"] for m in service.queue()}
    service.ctl("release", ids["first"])
    wait_until(lambda: peer.messages, 20, "the first at the peer")
    service.ctl("drop", ids["second"], "--yes")
    service.wait_empty()
    assert [rcpts for _, rcpts, _ in peer.messages] == [["first@there.example"]]


def test_its_age_counts_from_its_release(serve):
    """Tried once at least, although it lay longer than mail may wait."""
    service, port = submission(serve, free_port(), "retry { expire { normal 3s }; warn { normal 0s } }\n", retry="1s")
    begun = time.time()
    with logged_in(port) as client:
        send(client, "x@there.example", " HOLDFOR=5")
    shown = service.ctl_json("explain", "msg", service.queue()[0]["id"])[0]
    assert abs(seconds_of(shown["expires"]) - begun - 8) < 2
    service.wait_event("expire", 30)
    assert time.time() - begun >= 7
    assert service.events("defer")
    text = service.wait_mail("ann")[0].decode()
    assert "x@there.example" in text and "\nArrival-Date: " in text.replace("\r", "")
    assert re.search(r"^Future-Release-Request: until;\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\r?$", text, re.M)
