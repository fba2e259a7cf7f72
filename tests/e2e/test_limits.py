# SPDX-License-Identifier: Apache-2.0
"""Limits, and clients that are slow, silent or too many, beside honest ones."""
import socket
import threading
import time

import wire
from service import DOMAIN, wait_until

TO = f"ann@{DOMAIN}"


def greeting(port, source=None):
    with wire.Client(port, source=source) as client:
        return client.greeting


def test_connections_of_one_host(serve):
    service = serve(limit="connections { in 100; per-host 5 }")
    time.sleep(0.5)  # the harness's own connection has been counted out
    held = [service.client() for _ in range(5)]
    code, text = greeting(service.port)
    assert code == 421 and text.startswith("4."), (code, text)
    assert greeting(service.port, "127.0.0.9")[0] == 220  # others are not concerned
    held.pop().close()
    wait_until(lambda: greeting(service.port)[0] == 220, 5, "room for one more")
    for client in held:
        client.expect(250, b"NOOP")
        client.close()


def test_connections_of_all_hosts(serve):
    service = serve(limit="connections { in 10; per-host 4 }")
    held = [wire.Client(service.port, source=f"127.0.0.{10 + i // 3}") for i in range(10)]
    assert all(client.greeting[0] == 220 for client in held)
    assert greeting(service.port, "127.0.0.99")[0] == 421
    for client in held:
        client.close()
    wait_until(lambda: greeting(service.port, "127.0.0.99")[0] == 220, 5, "room again")


def test_connections_of_a_listener(serve):
    service = serve(listener="connections 3")
    held = [service.client() for _ in range(3)]
    assert greeting(service.port)[0] == 421
    for client in held:
        client.close()


def test_recipients(serve):
    service = serve(limit="recipients 100")
    with service.client() as client:
        client.expect(250, b"MAIL FROM:<a@client.example>")
        for number in range(100):
            client.expect(250, b"RCPT TO:<u%d@any.example>" % number)
        code, text = client.command(b"RCPT TO:<one.more@any.example>")
        assert code == 452 and text.startswith("4.5.3"), (code, text)
        client.expect(354, b"DATA")
        client.send(wire.dotted(wire.message()))
        assert client.reply()[0] == 250
    service.wait_mail("u99", domain="any.example")
    assert not service.mailbox("one.more", "any.example")


def test_size_announced_and_found(serve):
    service = serve(limit="message-size 64K")
    with service.client() as client:
        code, text = client.command(b"MAIL FROM:<a@client.example> SIZE=65537")
        assert code == 552 and text.startswith("5.3.4"), (code, text)
        client.expect(250, b"MAIL FROM:<a@client.example> SIZE=1000")
        client.expect(250, b"RSET")
        code, text = client.mail("a@client.example", TO, wire.message(body=b"x" * 70 + b"\r\n") +
                                 (b"y" * 70 + b"\r\n") * 1000)
        assert code == 552 and text.startswith("5.3.4"), (code, text)
        assert client.mail("a@client.example", TO, wire.message())[0] == 250
        client.expect(250, b"MAIL FROM:<a@client.example>")
        client.expect(250, b"RCPT TO:<" + TO.encode() + b">")
        client.send(b"BDAT 70000\r\n" + b"z" * 70000)
        assert client.reply()[0] == 552
    service.wait_mail("ann")
    assert len(service.mailbox("ann")) == 1


def test_long_lines(service):
    with service.client() as client:
        code, _ = client.command(b"NOOP " + b"x" * 5000)
        assert code == 500, code
        client.expect(250, b"NOOP")
        code, _ = client.command(b"MAIL FROM:<" + b"l" * 70 + b"@client.example>")
        assert code in (250, 501, 553), code
        client.expect(250, b"RSET")
        code, _ = client.command(b"MAIL FROM:<a@" + b"d" * 300 + b".example>")
        assert code in (501, 553), code
        assert client.mail("a@client.example", TO, wire.message(body=b"x" * 200000 + b"\r\n"))[0] in (250, 554, 500)
        client.expect(250, b"NOOP")


def test_endless_line_is_ended(service):
    """A line without an end takes no more memory than its limit."""
    with service.client() as client:
        try:
            for _ in range(200):
                client.send(b"x" * 65536)
        except OSError:
            return
        client.send(b"\r\n")
        assert client.reply()[0] in (500, 421)


def test_errors_end_a_session(serve):
    service = serve(limit="errors 10")
    with service.client() as client:
        codes = []
        try:
            for _ in range(12):
                codes.append(client.command(b"WHAT")[0])
        except OSError:
            pass
        assert codes[0] == 502 and codes[-1] == 421 and len(codes) <= 11, codes


def test_messages_per_connection(serve):
    service = serve(limit="messages-per-connection 2")
    with service.client() as client:
        for _ in range(2):
            assert client.mail("a@client.example", TO, wire.message())[0] == 250
        assert client.command(b"MAIL FROM:<a@client.example>")[0] == 421
        assert client.is_closed()


def test_silent_clients_are_let_go(serve):
    service = serve(limit="command-timeout 2s; data-timeout 3s")
    with service.client() as silent, service.client() as in_data:
        assert in_data.envelope("a@client.example", TO)[0] == 354
        in_data.send(b"Subject: half\r\n")
        start = time.monotonic()
        code, text = silent.reply()
        assert code == 421 and text.startswith("4.4.2"), (code, text)
        assert 1.5 < time.monotonic() - start < 6
        assert silent.is_closed()
        assert in_data.reply()[0] == 421
        assert in_data.is_closed()
    assert service.wait_event("timeout")["client"] == "127.0.0.1"
    assert not service.mailbox("ann")


def test_a_dripping_command_does_not_hold_a_session_for_ever(serve):
    """The time is for the whole command, not for each byte of it."""
    service = serve(limit="command-timeout 2s")
    with service.client() as client:
        end = time.monotonic() + 8
        try:
            while time.monotonic() < end:
                client.send(b"x")
                time.sleep(0.2)
        except OSError:
            pass
        assert client.is_closed(2)
        assert time.monotonic() < end + 1


def test_one_byte_a_segment(service):
    text = b"EHLO c.example\r\nMAIL FROM:<a@client.example>\r\nRCPT TO:<ann@us.example>\r\nDATA\r\n"
    with wire.Client(service.port) as client:
        for byte in text:
            client.send(bytes([byte]))
        assert [client.reply()[0] for _ in range(4)] == [250, 250, 250, 354]
        for byte in wire.dotted(wire.message("drip", b"..x\r\n.\x00y\r\n"[:5])) + b"QUIT\r\n":
            client.send(bytes([byte]))
        assert [client.reply()[0] for _ in range(2)] == [250, 221]
    service.wait_mail("ann")


def test_a_client_that_does_not_read(serve):
    """Replies that nobody takes must not fill memory: reading stops, then the time is up."""
    service = serve(limit="command-timeout 3s")
    with service.client(timeout=5) as client:
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        try:
            for _ in range(2000):
                client.send(b"EHLO x\r\n" * 1000)
        except OSError:
            pass
        assert service.send("a@client.example", TO, wire.message())[0] == 250
    service.wait_mail("ann")


def test_flood_beside_honest_clients(serve):
    """Hundreds of connections that come and go or hang; an honest client hardly notices."""
    service = serve(limit="connections { in 200; per-host 100 }; command-timeout 5s")
    stop = threading.Event()

    def flood(source):
        held = []
        while not stop.is_set():
            try:
                held.append(socket.create_connection(("127.0.0.1", service.port), 2, (source, 0)))
                held[-1].send(b"EHLO flood\r\nNOOP\r\nGARBAGE \xff\x00\r\n")
            except OSError:
                time.sleep(0.02)
            if len(held) > 150:
                held.pop(0).close()
        for one in held:
            one.close()

    flooders = [threading.Thread(target=flood, args=("127.0.0.66",), daemon=True) for _ in range(3)]
    for thread in flooders:
        thread.start()
    try:
        worst = 0.0
        for number in range(30):
            start = time.monotonic()
            assert service.send("a@client.example", TO, wire.message(str(number)))[0] == 250
            worst = max(worst, time.monotonic() - start)
        assert worst < 5, f"an honest client waited {worst:.1f} s"
    finally:
        stop.set()
        for thread in flooders:
            thread.join(20)
    service.wait_mail("ann", 30)
