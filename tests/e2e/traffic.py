# SPDX-License-Identifier: Apache-2.0
"""Many messages from several threads, with an account of what was acknowledged, and the
reckoning afterwards: acknowledged mail is in a mailbox or in the queue, none is invented."""
import hashlib
import re
import threading
import time

import wire

TOKEN = re.compile(rb"^X-Token: (\S+)\r?$", re.M)


def make(token, size):
    """A message whose header names the token and the checksum of its body."""
    line = (token.encode() + b" ") * (72 // (len(token) + 1)) + b"\r\n"
    body = line * max(1, size // len(line))
    total = hashlib.sha256(body).hexdigest().encode()
    return wire.message(f"traffic {token}", body,
                        extra=b"X-Token: " + token.encode() + b"\r\nX-Sum: " + total + b"\r\n")


def token_of(text):
    """The token of a delivered message after checking its body, or None."""
    head, _, body = text.replace(b"\r\n", b"\n").partition(b"\n\n")
    token = TOKEN.search(head)
    total = re.search(rb"^X-Sum: (\S+)$", head, re.M)
    if not token or not total:
        return None
    if hashlib.sha256(body.replace(b"\n", b"\r\n")).hexdigest().encode() != total.group(1):
        return None
    return token.group(1).decode()


class Traffic:
    """`threads` senders, each with `count` messages, `per_session` of them a connection. A
    message that was not acknowledged is sent again under a new token, as a client would."""

    def __init__(self, port, threads=4, count=500, size=3000, per_session=5,
                 recipient="ann@us.example", deadline_s=240):
        self.port, self.count, self.size = port, count, size
        self.per_session, self.recipient = per_session, recipient
        self.deadline = time.monotonic() + deadline_s
        self.sent, self.acknowledged, self.failures = set(), set(), []
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self._run, args=(i,), daemon=True)
                        for i in range(threads)]

    def start(self):
        for thread in self.threads:
            thread.start()
        return self

    def finish(self):
        for thread in self.threads:
            thread.join(max(1, self.deadline - time.monotonic() + 30))
            assert not thread.is_alive(), "a sender hangs"

    def is_running(self):
        return any(thread.is_alive() for thread in self.threads)

    def _run(self, index):
        done = attempt = 0
        while done < self.count and time.monotonic() < self.deadline:
            try:
                with wire.Client(self.port, timeout=30) as client:
                    client.expect(250, b"EHLO client.example")
                    for _ in range(min(self.per_session, self.count - done)):
                        attempt += 1
                        self._one(client, f"t{index}.{attempt}")
                        done += 1
                    client.send(b"QUIT\r\n")
            except (OSError, AssertionError) as error:
                with self.lock:
                    self.failures.append(repr(error))
                time.sleep(0.05)

    def _one(self, client, token):
        with self.lock:
            self.sent.add(token)
        got = client.mail("load@client.example", self.recipient, make(token, self.size))
        if got[0] != 250:
            raise AssertionError(f"{got}")
        with self.lock:
            self.acknowledged.add(token)


def reckon(service, traffic, users=("ann",)):
    """Fails unless each acknowledged message is in a mailbox or still in the queue. Gives
    the number of copies beyond the first."""
    copies = {}
    for user in users:
        for text in service.mailbox(user):
            token = token_of(text)
            assert token, f"a damaged message was delivered: {text[:400]!r}"
            assert token in traffic.sent, f"{token} was never sent"
            copies[token] = copies.get(token, 0) + 1
    kept = set()
    for row in service.queue():
        token = token_of(service.ctl("msg", "export", row["id"]).encode())
        assert token in traffic.sent, f"{row} was never sent"
        kept.add(token)
    lost = traffic.acknowledged - set(copies) - kept
    assert not lost, f"{len(lost)} acknowledged messages are nowhere: {sorted(lost)[:10]}"
    return sum(copies.values()) - len(copies)


class Prober:
    """Asks for a greeting again and again; knows the longest time without one."""

    def __init__(self, port):
        self.port, self.longest_s, self.stopping = port, 0.0, False
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping = True
        self.thread.join(30)

    def _run(self):
        last = time.monotonic()
        while not self.stopping:
            try:
                with wire.Client(self.port, timeout=5) as client:
                    if client.greeting[0] == 220:
                        last = time.monotonic()
            except (OSError, AssertionError):
                pass
            self.longest_s = max(self.longest_s, time.monotonic() - last)
            time.sleep(0.03)
