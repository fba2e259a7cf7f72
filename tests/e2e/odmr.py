# SPDX-License-Identifier: Apache-2.0
"""A customer of On-Demand Mail Relay (RFC 2645): logs in, says ATRN, and is the server from there
on. What it does at each step is a script, as in peer.py: greeting, EHLO, HELO, MAIL, RCPT, DATA,
dot, RSET, QUIT, and "body" after the first line of the text; a reply, "close", "silence", or a
function that is called and may return one of these."""
import base64

import wire

GOOD = {"greeting": "220 home.example ESMTP", "HELO": "250 home.example", "MAIL": "250 2.1.0 ok",
        "RCPT": "250 2.1.5 ok", "DATA": "354 go on", "dot": "250 2.0.0 taken", "RSET": "250 2.0.0 ok",
        "QUIT": "221 2.0.0 bye", "EHLO": "250 home.example"}


class Over(Exception):
    """The script ends the session."""


class Customer(wire.Client):
    def __init__(self, port, user="ann@us.example", secret="secret-1", context=None, **options):
        super().__init__(port, **options)
        self.messages, self.commands = [], []  # (sender, [recipients], text) of what was taken
        self.sender, self.recipients, self.extensions = None, [], ["8BITMIME", "DSN"]
        self.offer = self.expect(250, b"EHLO home.example")
        if context:
            self.expect(220, b"STARTTLS")
            self.socket = context.wrap_socket(self.socket, server_hostname="mx.us.example")
            self.offer = self.expect(250, b"EHLO home.example")
        if user:
            word = base64.b64encode(f"\0{user}\0{secret}".encode())
            self.expect(235, b"AUTH PLAIN " + word)

    def atrn(self, argument=""):
        return self.command(f"ATRN {argument}".strip().encode())

    def step(self, name, script):
        what = script.get(name)
        if callable(what):
            what = what() or None
        if what == "close":
            self.close()
            raise Over(name)
        if what == "silence":
            assert self.is_closed(60), "the other side has patience without end"
            raise Over(name)
        reply = what or GOOD[name]
        if name == "EHLO" and not what:
            for word in self.extensions:
                self.send(f"250-{word}\r\n".encode())
        self.send(reply.encode() + b"\r\n")
        return reply[0] in "23"

    def text(self, script):
        lines = []
        while (line := self.line()) != b".":
            lines.append(line[1:] if line.startswith(b".") else line)
            if len(lines) == 1 and "body" in script:
                self.step("body", script)
        return b"".join(line + b"\r\n" for line in lines)

    def take(self, script):
        verb, _, argument = self.line().decode("utf-8", "replace").partition(" ")
        self.commands.append(f"{verb} {argument}".strip())
        good = self.step(verb.upper(), script)
        address = argument[argument.find("<") + 1:argument.find(">")]
        if verb == "MAIL" and good:
            self.sender, self.recipients = address, []
        elif verb == "RCPT" and good:
            self.recipients.append(address)
        elif verb == "DATA" and good:
            text = self.text(script)
            if self.step("dot", script):
                self.messages.append((self.sender, self.recipients, text))
        return verb != "QUIT"

    def serve(self, script=None):
        """The turned session, to its end; which step the script ended it at, or "QUIT", or "lost"."""
        script = script or {}
        try:
            self.step("greeting", script)
            while self.take(script):
                pass
        except Over as end:
            return end.args[0]
        except OSError:
            return "lost"
        return "QUIT"
