# SPDX-License-Identifier: Apache-2.0
"""Web servers that never come to an end, each in its own way."""
import random
import socket
import ssl
import threading

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"


def silent(_conn, _name, stop):
    stop.wait()


def drip(conn, _name, stop):
    """An answer that comes octet by octet, and never to its end."""
    conn.sendall(HEAD + b"X-Long: ")
    while not stop.wait(0.2):
        conn.sendall(b"x")


def headers(conn, _name, stop):
    conn.sendall(HEAD)
    while not stop.is_set():
        conn.sendall(b"X-More: " + b"x" * 1000 + b"\r\n")


def body(conn, _name, stop):
    conn.sendall(HEAD + b"Connection: close\r\n\r\n")
    while not stop.is_set():
        conn.sendall(b"version: STSv1\r\n" * 100)


def loop(conn, name, _stop):
    """To itself, for ever, for who follows."""
    conn.sendall(f"HTTP/1.1 302 Found\r\nLocation: https://{name}/.well-known/mta-sts.txt\r\n"
                 "Content-Length: 0\r\nConnection: close\r\n\r\n".encode())


def deaf(_conn, _name, _stop):
    """Takes the connection and no more: not even TLS."""


WAYS = {way.__name__: way for way in (silent, drip, headers, body, loop, deaf)}


class Tarpit:
    """One of WAYS at `address`, under the certificate of `name`; `port` 0: any. `asked` counts connections."""

    def __init__(self, authority, way, name, port=0):
        self.way, self.name, self.asked, self.stop = WAYS[way], name, 0, threading.Event()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*authority.make(f"tarpit-{name}", name))
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for attempt in range(50):
            self.address = f"127.{random.randint(10, 250)}.{random.randint(0, 255)}.{random.randint(1, 254)}"
            try:
                self.listener.bind((self.address, port))
                break
            except OSError:
                assert attempt < 49
        self.listener.listen(16)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            try:
                conn = self.listener.accept()[0]
            except OSError:
                return
            self.asked += 1
            threading.Thread(target=self._serve, args=(conn,), daemon=True).start()

    def _serve(self, conn):
        with conn:
            try:
                if self.way is deaf:
                    self.stop.wait()
                    return
                with self.context.wrap_socket(conn, server_side=True) as secure:
                    secure.recv(4096)
                    self.way(secure, self.name, self.stop)
            except OSError:
                pass  # the other side has had enough: that is what is tested

    def close(self):
        self.stop.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
