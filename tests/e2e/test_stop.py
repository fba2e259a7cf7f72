# SPDX-License-Identifier: Apache-2.0
"""The service is stopped (SIGTERM) while clients are connected: who is silent goes at once, who is
in the middle of a text has a few seconds, and what is under way is kept or refused, never lost."""
import os
import signal
import time

from service import DOMAIN, PATIENCE

SLACK = 3 * PATIENCE  # seconds for the processes to end, on a machine with other work


def open_to(service, *lines):
    client = service.client()
    for code, line in lines:
        client.expect(code, line)
    return client


HELLO = (250, b"EHLO client.example")
MAIL = (250, b"MAIL FROM:<a@client.example>")
RCPT = (250, f"RCPT TO:<bob@{DOMAIN}>".encode())
DATA = (354, b"DATA")
GONE = b"421 4.3.2 The service is shutting down, try again later\r\n"


def rest(client, seconds=30):
    """What the service says until it closes."""
    client.socket.settimeout(seconds)
    said = client.buffer
    while True:
        try:
            piece = client.socket.recv(65536)
        except ConnectionResetError:
            return said
        if not piece:
            return said
        said += piece


def stopped(service, begun):
    service.process.wait(60)
    assert service.process.returncode == 0
    return time.monotonic() - begun


def test_silent_clients_go_at_once(serve):
    service = serve()
    clients = [open_to(service), open_to(service, HELLO), open_to(service, HELLO, MAIL),
               open_to(service, HELLO, MAIL, RCPT), open_to(service, HELLO, MAIL, RCPT, (250, b"RSET"))]
    begun = time.monotonic()
    os.kill(service.process.pid, signal.SIGTERM)
    for client in clients:
        assert rest(client) == GONE
        client.close()
    assert stopped(service, begun) < SLACK
    assert not service.events("timeout")


def test_a_text_that_comes_is_taken(serve):
    """It comes slowly, for longer than silence is borne."""
    service = serve()
    client = open_to(service, HELLO, MAIL, RCPT, DATA)
    os.kill(service.process.pid, signal.SIGTERM)
    for piece in (b"Subject: slow\r\n", b"\r\n", b"one\r\n", b"two\r\n"):
        client.socket.sendall(piece)
        time.sleep(2)
    client.socket.sendall(b".\r\n")
    said = rest(client)
    assert said.startswith(b"250 2.0.0 ") and said.endswith(GONE), said
    service.process.wait(60)
    service.start()
    assert b"two" in service.wait_mail("bob")[0]


def test_a_text_that_stops_is_given_up(serve):
    service = serve()
    data = open_to(service, HELLO, MAIL, RCPT, DATA)
    chunk = open_to(service, HELLO, MAIL, RCPT)
    chunk.socket.sendall(b"BDAT 3\r\nx\r\n")
    half = open_to(service, HELLO, MAIL)
    half.socket.sendall(b"RCPT TO:<b")
    data.socket.sendall(b"Subject: cut\r\n")
    begun = time.monotonic()
    os.kill(service.process.pid, signal.SIGTERM)
    for client in (data, chunk, half):
        assert rest(client).endswith(GONE)
        client.close()
    took = stopped(service, begun)
    assert 2 < took < 5 + 2 * SLACK, took
    assert not service.events("receive") and not service.events("timeout")
