# SPDX-License-Identifier: Apache-2.0
"""Next hops of the test: SMTP and LMTP servers that do at each step what a script says.

    with Peers() as peers:
        good = peers.add()
        bad = peers.add({"EHLO": "close"})
        bad.port, good.messages, bad.steps

Steps: connect (before the greeting), greeting, EHLO (LHLO), HELO, MAIL, RCPT, DATA, body (after
the first octets of the text), dot (after all of it), RSET, QUIT. What is done there:

    None         what a server does
    "close"      ends the connection            "reset"    with RST
    "silence"    says nothing any more          "garbage"  octets that are no reply
    "empty"      an empty line                  "flood"    continuation lines without end
    "long"       a reply of 70,000 octets with the code that belongs there
    "550 text"   this reply                     callable   f(session, argument) -> one of these

A list is used up one by one, by connection; its last entry repeats. All peers share one
thread. `extensions` are those of the answer to EHLO.

With `tls`, an ssl.SSLContext, it offers STARTTLS (which is a step, too), or with `implicit`
speaks TLS from the first octet; then `secured` has (version, name asked for, client's
certificate) of each session. Steps and commands have what was said before and after.

With `auth`, (user, password), it offers AUTH with the mechanisms of `offers`: under TLS, and with
`auth_clear` without, too. `logins` has (mechanism, whether it was good). The step AUTH stands for
the first answer; with XOAUTH2 and OAUTHBEARER the password is a token. With SCRAM, "signature": "wrong" in the script makes it show a
false one, and "signature": "e=text" that error. It takes names and passwords prepared (RFC 4013); it cannot know the value of a binding,
but `bindings` has what clients said of theirs: their header, and the value."""
import asyncio
import base64
import hashlib
import hmac
import socket
import ssl
import struct
import threading
import unicodedata

GOOD = {"greeting": "220 peer.example ESMTP", "HELO": "250 peer.example", "MAIL": "250 2.1.0 ok",
        "RCPT": "250 2.1.5 ok", "STARTTLS": "220 2.0.0 go on", "DATA": "354 go on", "dot": "250 2.0.0 taken", "RSET": "250 2.0.0 ok",
        "QUIT": "221 2.0.0 bye"}


class Session:
    def __init__(self, peer, number):
        self.peer, self.number = peer, number
        self.sender, self.recipients, self.steps = None, [], []
        self.secure = self.known = False


class Peer:
    def __init__(self, script, extensions, lmtp, tls=None, implicit=False):
        self.script, self.extensions, self.lmtp = dict(script or {}), list(extensions), lmtp
        self.messages = []  # (sender, [recipients], text) of what was taken
        self.steps = []     # of all connections, in order
        self.commands = []  # lines as they came
        self.sessions = 0
        self.clients = []   # address from which each session came
        self.port = self.path = None
        self.delay_s = 0    # before each reply
        self.tls, self.implicit = tls, implicit
        self.secured = []
        self.asked_name = None
        self.auth, self.offers, self.auth_clear, self.auth_tls = None, "", False, True
        self.logins, self.bindings = [], []
        if tls:
            tls.sni_callback = self._note_name

    def _note_name(self, _socket, name, _context):
        self.asked_name = name

    def wanted(self, step, session, argument=""):
        what = self.script.get(step)
        if isinstance(what, list):
            what = what[min(session.number, len(what) - 1)]
        return what(session, argument) if callable(what) else what


class Peers:
    def __init__(self):
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._servers = []
        self._tasks = set()

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _end(self):
        for server in self._servers:
            server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def add(self, script=None, extensions=("PIPELINING", "8BITMIME", "SIZE 50000000", "DSN",
                                           "ENHANCEDSTATUSCODES", "SMTPUTF8"), lmtp=False, path=None,
            host="127.0.0.1", port=0, tls=None, implicit=False, auth=None,
            offers="LOGIN PLAIN SCRAM-SHA-256", auth_clear=False, auth_tls=True):
        peer = Peer(script, extensions, lmtp, tls, implicit)
        peer.auth, peer.offers, peer.auth_clear, peer.auth_tls = auth, offers, auth_clear, auth_tls
        asyncio.run_coroutine_threadsafe(self._open(peer, path, host, port), self._loop).result(10)
        return peer

    async def _open(self, peer, path, host, port):
        def serve(reader, writer):
            task = asyncio.ensure_future(self._session(peer, reader, writer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if path:
            server = await asyncio.start_unix_server(serve, path, limit=1 << 20)
            peer.path = path
        else:
            server = await asyncio.start_server(serve, host, port, limit=1 << 20, backlog=200,
                                                ssl=peer.tls if peer.implicit else None)
            peer.port = server.sockets[0].getsockname()[1]
        self._servers.append(server)

    # -- one connection ---------------------------------------------------------------------

    async def _session(self, peer, reader, writer):
        session = Session(peer, peer.sessions)
        peer.sessions += 1
        peer.clients.append((writer.get_extra_info("peername") or ("",))[0])
        try:
            if peer.implicit:
                self._secured(session, writer)
            await self._dialogue(session, reader, writer)
        except (ConnectionError, ssl.SSLError, asyncio.IncompleteReadError, ValueError, EndOfSession):
            pass
        finally:
            writer.close()

    @staticmethod
    def _secured(session, writer):
        tls = writer.get_extra_info("ssl_object")
        session.secure = True
        session.peer.secured.append((tls.version(), session.peer.asked_name, tls.getpeercert()))

    async def _starttls(self, session, writer):
        if not await self._do(session, "STARTTLS", writer):
            return
        await writer.start_tls(session.peer.tls)
        self._secured(session, writer)

    async def _do(self, session, step, writer, argument="", good=None):
        """True: the step went as it should; raises when the session is over."""
        peer = session.peer
        peer.steps.append(step)
        what = peer.wanted(step, session, argument)
        good = good or GOOD.get(step, "")
        if peer.delay_s:
            await asyncio.sleep(peer.delay_s)
        if what is None:
            what = good
        if what == "close":
            raise EndOfSession
        if what == "reset":
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                                       struct.pack("ii", 1, 0))
            writer.transport.abort()
            raise EndOfSession
        if what == "silence":
            await asyncio.sleep(3600)
        if what == "flood":
            while True:
                writer.write(b"250-and so on\r\n" * 1000)
                await writer.drain()
        if what == "long":
            code = good[:3]
            what = "\r\n".join([f"{code}-" + "x" * 990] * 70) + f"\r\n{code} at last"
        if what == "garbage":
            writer.write(b"\xff\xfe\0GET / HTTP/1.0\x07\r\n")
            await writer.drain()
            return False
        if what == "empty":
            what = ""
        if good or what:
            writer.write(what.encode() + b"\r\n")
            await writer.drain()
        return what[:1] == GOOD.get(step, "2")[0]

    async def _dialogue(self, session, reader, writer):
        peer = session.peer
        await self._step_silent(session, "connect", writer)
        await self._do(session, "greeting", writer)
        while True:
            line = await reader.readline()
            if not line:
                return
            peer.commands.append(line.decode("utf-8", "replace").rstrip("\r\n"))
            verb, _, argument = peer.commands[-1].partition(" ")
            await self._command(session, verb.upper(), argument, reader, writer)

    async def _step_silent(self, session, step, writer):
        """A step that has no reply of its own: only what is out of order is done."""
        what = session.peer.wanted(step, session)
        if what is not None:
            await self._do(session, step, writer)
            raise EndOfSession

    async def _command(self, session, verb, argument, reader, writer):
        peer = session.peer
        if verb in ("EHLO", "LHLO"):
            offers = ["STARTTLS"] if peer.tls and not session.secure else []
            if peer.auth and (peer.auth_tls if session.secure else peer.auth_clear):
                offers.append("AUTH " + peer.offers)
            lines = ["peer.example", *peer.extensions, *offers]
            good = "\r\n".join(["250-" + text for text in lines[:-1]] + ["250 " + lines[-1]])
            await self._do(session, "EHLO", writer, argument, good)
        elif verb == "AUTH" and peer.auth:
            await self._auth(session, argument, reader, writer)
        elif verb == "MAIL" and peer.auth and not session.known:
            peer.steps.append("MAIL")
            writer.write(b"530 5.7.0 log in first\r\n")
        elif verb == "MAIL":
            session.sender, session.recipients = None, []
            if await self._do(session, "MAIL", writer, argument):
                session.sender = argument.partition("<")[2].partition(">")[0]
        elif verb == "RCPT" and session.sender is None:
            writer.write(b"503 5.5.1 MAIL first\r\n")
        elif verb == "RCPT":
            if await self._do(session, "RCPT", writer, argument):
                session.recipients.append(argument.partition("<")[2].partition(">")[0])
        elif verb == "DATA":
            if not session.recipients:
                peer.steps.append("DATA")
                writer.write(b"503 5.5.1 no recipients\r\n")
            elif await self._do(session, "DATA", writer):
                await self._text(session, reader, writer)
        elif verb == "RSET":
            session.sender, session.recipients = None, []
            await self._do(session, "RSET", writer)
        elif verb == "STARTTLS" and peer.tls:
            await self._starttls(session, writer)
        elif verb == "QUIT":
            await self._do(session, "QUIT", writer)
            raise EndOfSession
        elif verb == "HELO":
            await self._do(session, "HELO", writer, argument)
        else:
            writer.write(b"502 5.5.1 what?\r\n")

    # -- logging in -----------------------------------------------------------------------------

    async def _auth(self, session, argument, reader, writer):
        peer = session.peer
        mechanism, _, first = argument.partition(" ")
        peer.steps.append("AUTH")
        if peer.wanted("AUTH", session) is not None:
            peer.steps.pop()
            await self._do(session, "AUTH", writer, argument)
            return

        async def ask(challenge):
            writer.write(b"334 " + base64.b64encode(challenge) + b"\r\n")
            await writer.drain()
            line = await reader.readline()
            return base64.b64decode(line.strip(), validate=True)

        first = base64.b64decode(first, validate=True) if first else None
        if mechanism == "PLAIN":
            said = await ask(b"") if first is None else first
            good = said == b"\0" + "\0".join(peer.auth).encode()
        elif mechanism == "LOGIN":
            name, password = await ask(b"Username:"), await ask(b"Password:")
            good = (name.decode(), password.decode()) == peer.auth
        elif mechanism == "XOAUTH2":
            good = first == b"user=%s\1auth=Bearer %s\1\1" % tuple(text.encode() for text in peer.auth)
            if not good:
                assert await ask(b'{"status":"400","schemes":"Bearer"}') == b""
        elif mechanism == "OAUTHBEARER":
            good = first == b"n,a=%s,\1auth=Bearer %s\1\1" % tuple(text.encode() for text in peer.auth)
            if not good:
                assert await ask(b'{"status":"invalid_token"}') == b"\1"
        elif mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"):
            good = await self._scram(peer, session, mechanism, await ask(b"") if first is None else first, ask)
        else:
            writer.write(b"504 5.5.4 no such mechanism\r\n")
            return
        peer.logins.append((mechanism, good))
        session.known = good
        writer.write(b"235 2.7.0 welcome\r\n" if good else b"535 5.7.8 wrong name or password\r\n")

    @staticmethod
    async def _scram(peer, session, mechanism, first, ask):
        def sign(key, text):
            return hmac.new(key, text, hashlib.sha256).digest()
        user, password = (unicodedata.normalize("NFKC", text).encode() for text in peer.auth)
        flag, _, bare = first.partition(b",,")
        name, nonce = bare.split(b",r=")
        user = user.replace(b"=", b"=3D").replace(b",", b"=2C")
        flags = (b"p=tls-exporter",) if mechanism.endswith("-PLUS") else (b"n", b"y")
        if flag not in flags or name != b"n=" + user:
            return False
        nonce += b"peer"
        challenge = b"r=" + nonce + b",s=" + base64.b64encode(b"salt of peer") + b",i=4096"
        last = await ask(challenge)
        head, _, proof = last.partition(b",p=")
        salted = hashlib.pbkdf2_hmac("sha256", password, b"salt of peer", 4096)
        text = b",".join((bare, challenge, head))
        key = sign(salted, b"Client Key")
        want = bytes(a ^ b for a, b in zip(key, sign(hashlib.sha256(key).digest(), text)))
        binding, _, both = head.removeprefix(b"c=").partition(b",r=")
        binding = base64.b64decode(binding, validate=True)
        peer.bindings.append((flag.decode(), binding.removeprefix(flag + b",,")))
        if not binding.startswith(flag + b",,") or both != nonce or base64.b64decode(proof, validate=True) != want:
            return False
        server = sign(sign(salted, b"Server Key"), text)
        what = peer.wanted("signature", session)
        if what == "wrong":
            server = server[::-1]
        elif what:
            return await ask(what.encode()) == b""
        return await ask(b"v=" + base64.b64encode(server)) == b""

    async def _text(self, session, reader, writer):
        peer = session.peer
        text = bytearray()  # long texts are not copied with each line
        while not text.endswith(b"\r\n.\r\n") and text != b".\r\n":
            piece = await reader.readline()
            if not piece:
                return
            if not text:
                await self._step_silent(session, "body", writer)
            text += piece
        text = bytes(text[:-3])
        text = (b"\r\n" + text).replace(b"\r\n..", b"\r\n.")[2:]
        if not peer.lmtp:
            if await self._do(session, "dot", writer):
                peer.messages.append((session.sender, list(session.recipients), text))
        else:
            for recipient in session.recipients:
                if await self._do(session, "dot", writer, recipient):
                    peer.messages.append((session.sender, [recipient], text))
        session.sender, session.recipients = None, []


class EndOfSession(Exception):
    """The script ends the session here."""
