# SPDX-License-Identifier: Apache-2.0
"""A plain SMTP client on a socket, for tests that need every byte in hand."""
import socket


class Closed(OSError):
    """The server ended the connection."""


def dotted(text):
    """Message text with CRLF line ends, dots doubled, and the final dot (RFC 5321 4.5.2)."""
    if text and not text.endswith(b"\r\n"):
        text += b"\r\n"
    if text.startswith(b"."):
        text = b"." + text
    return text.replace(b"\r\n.", b"\r\n..") + b".\r\n"


def message(subject="hello", body=b"Hello.\r\n", sender="a@client.example", extra=b""):
    return (b"From: <" + sender.encode() + b">\r\nSubject: " + subject.encode()
            + b"\r\nDate: Sun, 22 Nov 2026 00:00:00 +0000\r\n" + extra + b"\r\n" + body)


class Client:
    def __init__(self, port, host="127.0.0.1", source=None, timeout=20, greet=True, first=b""):
        self.buffer = b""
        self.greeting = (0, "")
        self.socket = socket.create_connection(
            (host, port), timeout=timeout, source_address=(source, 0) if source else None)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            if first:
                self.socket.sendall(first)
            if greet:
                self.greeting = self.reply()
        except OSError:
            self.socket.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def line(self):
        while b"\n" not in self.buffer:
            piece = self.socket.recv(65536)
            if not piece:
                raise Closed(f"closed after {self.buffer!r}")
            self.buffer += piece
        line, self.buffer = self.buffer.split(b"\n", 1)
        assert line.endswith(b"\r"), f"reply line does not end with CR LF: {line!r}"
        return line[:-1]

    def reply(self):
        """(code, all text lines joined by newlines) of one reply."""
        lines = []
        while True:
            line = self.line()
            assert len(line) <= 510 and line[:3].isdigit(), line
            lines.append(line[4:].decode("utf-8", "replace"))
            if line[3:4] != b"-":
                return int(line[:3]), "\n".join(lines)

    def command(self, line):
        self.send(line + b"\r\n")
        return self.reply()

    def expect(self, code, line):
        """Sends a command; the reply's code must be `code` or start with it ("2", 250)."""
        got = self.command(line)
        assert str(got[0]).startswith(str(code)), f"{line!r}: wanted {code}, got {got}"
        return got[1]

    def envelope(self, sender, recipients, parameters=b""):
        """MAIL, RCPT, DATA; the reply to DATA or the first refusal."""
        got = self.command(b"MAIL FROM:<" + sender.encode() + b">" + parameters)
        if got[0] != 250:
            return got
        for recipient in [recipients] if isinstance(recipients, str) else recipients:
            got = self.command(b"RCPT TO:<" + recipient.encode() + b">")
            if got[0] != 250:
                return got
        return self.command(b"DATA")

    def mail(self, sender, recipients, text, parameters=b""):
        """A whole transaction; the last reply."""
        got = self.envelope(sender, recipients, parameters)
        if got[0] != 354:
            return got
        self.send(dotted(text))
        return self.reply()

    def is_closed(self, seconds=5):
        """True if the server ends the connection (after whatever it still says)."""
        self.socket.settimeout(seconds)
        try:
            while True:
                if not self.socket.recv(65536):
                    return True
        except ConnectionError:
            return True
        except TimeoutError:
            return False
