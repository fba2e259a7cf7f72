# SPDX-License-Identifier: Apache-2.0
"""Who the client is when another speaks for it: PROXY protocol and XCLIENT. And who does
not wait for the greeting."""
import time

import pytest

import proxied
import wire
from service import DOMAIN, free_port

FAR = "198.51.100.7"


def through(service, first, **options):
    return wire.Client(service.port, source=proxied.HERE, first=first, **options)


@pytest.fixture
def behind(serve):
    return serve(listener=proxied.LISTENER,
                 extra="host 198.51.100.66 reject\nlimit { connections { per-host 3 } }\n")


@pytest.mark.parametrize("first,client", [
    (proxied.v1(FAR), FAR),
    (proxied.v1("2001:db8::7"), "2001:db8::7"),
    (proxied.v2(FAR), FAR),
    (proxied.v2("2001:db8::7", more=b"\x04\0\3abc"), "2001:db8::7"),
    (proxied.local(), proxied.HERE),
    (b"PROXY UNKNOWN\r\n", proxied.HERE),
])
def test_client_is_whom_the_proxy_names(behind, first, client):
    with through(behind, first) as talk:
        literal = f"[IPv6:{client}]" if ":" in client else f"[{client}]"
        assert literal in talk.expect(250, b"EHLO c.example")
        assert talk.mail("a@c.example", f"ann@{DOMAIN}", wire.message())[0] == 250
        talk.expect(221, b"QUIT")
    assert literal.encode() in behind.wait_mail("ann")[0].split(b"\r\n\r\n")[0]
    event = behind.wait_event("connect", client=client)
    assert event.get("proxy", proxied.HERE) == proxied.HERE
    assert ("proxy" in event) == (client != proxied.HERE)


def test_header_may_come_in_pieces_and_commands_behind_it(behind):
    header = proxied.v2(FAR) + b"EHLO c.example\r\n"
    with through(behind, header[:5], greet=False) as talk:
        for i in range(5, len(header)):
            talk.send(header[i:i + 1])
            time.sleep(0.005)
        assert talk.reply()[0] == 220
        assert f"[{FAR}]" in talk.reply()[1]


@pytest.mark.parametrize("first", [
    b"EHLO c.example\r\n", b"PROXY TCP4 nonsense\r\n", b"PROXY " + b"x" * 200, b"\r\n\r\n\0\r\nQUIX",
    proxied.v2(FAR, command=0x31), b"\x16\x03\x01\x02\x00",
])
def test_bad_header_ends_the_connection_without_a_word(behind, first):
    with through(behind, first, greet=False) as talk:
        try:
            assert talk.socket.recv(100) == b""
        except ConnectionError:
            pass  # it was closed with bytes unread
    event = behind.wait_event("refuse", stage="proxy")
    assert event["client"] == proxied.HERE and event["rule"] == "proxy header"


def test_silent_proxy_is_not_waited_for_long(behind):
    begin = time.monotonic()
    with through(behind, b"PROX", greet=False) as talk:
        assert talk.is_closed(10)
    assert 4 < time.monotonic() - begin < 9
    assert "in time" in behind.wait_event("refuse", stage="proxy")["reply"]


def test_rules_and_limits_are_those_of_the_client(behind):
    with through(behind, proxied.v1("198.51.100.66")) as talk:
        assert talk.greeting[0] == 554
    assert behind.wait_event("refuse", stage="connect")["client"] == "198.51.100.66"
    open_ones = [through(behind, proxied.v1(FAR)) for _ in range(3)]
    try:
        with through(behind, proxied.v1(FAR)) as talk:
            assert talk.greeting[0] == 421
        # The proxy itself is no client: others get through it.
        for last in range(1, 8):
            with through(behind, proxied.v1(f"203.0.113.{last}")) as talk:
                assert talk.greeting[0] == 220
    finally:
        for talk in open_ones:
            talk.close()


def test_header_from_anybody_else_is_a_bad_command(behind):
    with wire.Client(behind.port, source="127.0.0.10", first=proxied.v1(FAR)) as talk:
        assert talk.greeting[0] == 220
        assert talk.reply()[0] in (500, 502)


def test_header_stands_before_tls(serve, authority):
    port = free_port()
    service = serve(extra=f"listener tls {{ address 127.0.0.1:{port}; tls implicit; "
                          f"{authority.words(authority.main)}; {proxied.LISTENER} }}\n")
    for first in (proxied.v1(FAR), proxied.v2("2001:db8::7")):
        with wire.Client(port, source=proxied.HERE, first=first, greet=False) as talk:
            talk.socket = authority.context().wrap_socket(talk.socket, server_hostname=f"mx.{DOMAIN}")
            assert talk.reply()[0] == 220
            assert "[" in talk.expect(250, b"EHLO c.example")
    for client in (FAR, "2001:db8::7"):
        assert service.wait_event("connect", client=client)["tls"] != "-"


# -- XCLIENT ---------------------------------------------------------------------------------

TRUSTED = "127.0.0.8"


@pytest.fixture
def trusting(serve):
    return serve(listener=f"xclient {TRUSTED}; xclient-login yes",
                 extra="host 198.51.100.66 reject\nhost 198.51.100.77 accept relay yes\n")


def test_xclient_begins_anew_as_another(trusting):
    with trusting.client(source=TRUSTED) as talk:
        assert "XCLIENT NAME ADDR PORT PROTO HELO DESTADDR DESTPORT LOGIN" in \
            talk.expect(250, b"EHLO filter.example")
        talk.expect(250, b"MAIL FROM:<a@c.example>")
        talk.expect(503, b"XCLIENT ADDR=198.51.100.7")
        talk.expect(250, b"RSET")
        talk.expect(220, b"XCLIENT ADDR=198.51.100.7 PORT=1234 NAME=far.example")
        talk.expect(503, b"MAIL FROM:<a@c.example>")
        assert "[198.51.100.7]" in talk.expect(250, b"EHLO c.example")
        assert talk.mail("a@c.example", f"ann@{DOMAIN}", wire.message())[0] == 250
        assert talk.mail("a@c.example", "x@other.example", wire.message())[0] == 550
        talk.expect(250, b"RSET")
        talk.expect(220, b"XCLIENT ADDR=198.51.100.77 HELO=said.example NAME=[UNAVAILABLE]")
        talk.expect(250, b"MAIL FROM:<a@c.example>")
        talk.expect(250, b"RCPT TO:<x@other.example>")
        talk.expect(250, b"RSET")
        talk.expect(220, b"XCLIENT ADDR=IPV6:2001:db8::7 LOGIN=ann@us.example")
        talk.expect(250, b"EHLO c.example")
        talk.expect(503, b"AUTH PLAIN AGEAYg==")
        talk.expect(501, b"XCLIENT COLOUR=red")
        talk.expect(501, b"XCLIENT ADDR=nowhere")
        talk.expect(554, b"XCLIENT ADDR=198.51.100.66")
        assert talk.is_closed()
    head = trusting.wait_mail("ann")[0].split(b"\r\n\r\n")[0]
    assert b"from c.example (far.example [198.51.100.7])" in head, head
    assert trusting.wait_event("connect", client="198.51.100.7")["ptr"] == "far.example"
    assert trusting.wait_event("connect", client="198.51.100.77")["ptr"] == "none"
    assert trusting.wait_event("auth", mechanism="XCLIENT")["user"] == "ann@us.example"
    assert trusting.events("connect", client="198.51.100.77")[0]["proxy"] == TRUSTED


def test_xclient_is_for_listed_networks_only(trusting, service):
    with trusting.client() as talk:
        assert "XCLIENT" not in talk.expect(250, b"EHLO c.example")
        assert talk.expect(550, b"XCLIENT ADDR=198.51.100.77").startswith("5.7.0")
    with service.client() as talk:
        assert "XCLIENT" not in talk.expect(250, b"EHLO c.example")
        talk.expect(502, b"XCLIENT ADDR=198.51.100.77")


def test_login_by_xclient_wants_its_word(serve):
    service = serve(listener=f"xclient {TRUSTED}")
    with service.client(source=TRUSTED) as talk:
        assert "LOGIN" not in talk.expect(250, b"EHLO c.example")
        talk.expect(501, b"XCLIENT LOGIN=ann@us.example")
        talk.expect(250, b"NOOP")


def test_who_came_through_a_proxy_is_not_trusted_for_it(serve):
    service = serve(listener=f"{proxied.LISTENER}; xclient {proxied.HERE}")
    with through(service, proxied.v1(FAR)) as talk:
        assert "XCLIENT" not in talk.expect(250, b"EHLO c.example")
        talk.expect(550, b"XCLIENT ADDR=198.51.100.77")


# -- the wait for the greeting ------------------------------------------------------------------

def test_stranger_waits_and_who_speaks_first_is_refused(serve):
    service = serve(listener=f"{proxied.LISTENER}; pregreet 1s",
                    extra="host 198.51.100.8 accept\n")
    begin = time.monotonic()
    with through(service, proxied.v1(FAR)) as talk:
        assert talk.greeting[0] == 220 and time.monotonic() - begin >= 0.9
        talk.expect(250, b"EHLO c.example")
    with through(service, proxied.v1(FAR) + b"EHLO c.example\r\n") as talk:
        assert talk.greeting[0] == 554 and talk.greeting[1].startswith("5.5.1")
        assert talk.is_closed()
    event = service.wait_event("refuse", client=FAR)
    assert event["stage"] == "connect" and event["code"] == 554
    for known in ("198.51.100.8", "192.168.1.1"):
        begin = time.monotonic()
        with through(service, proxied.v1(known)) as talk:
            assert talk.greeting[0] == 220 and time.monotonic() - begin < 0.8


def test_early_talker_may_be_a_matter_of_points(serve):
    service = serve(listener=f"{proxied.LISTENER}; pregreet 1s",
                    extra="check { early-talker 5 }\n")
    with through(service, proxied.v1(FAR) + b"EHLO c.example\r\nMAIL FROM:<a@c.example>\r\n") as talk:
        assert talk.greeting[0] == 220
        assert talk.reply()[0] == 250 and talk.reply()[0] == 250
        talk.expect(550, f"RCPT TO:<bob@{DOMAIN}>".encode())
        talk.expect(250, f"RCPT TO:<postmaster@{DOMAIN}>".encode())
    event = service.wait_event("refuse", client=FAR)
    assert (event["stage"], event["score"]) == ("reputation", 5)
