# SPDX-License-Identifier: Apache-2.0
"""Mail that is fetched by ATRN when a window opens: from another service of ours, and from a
scripted one that does at each step what the test wants."""
import socket
import threading

import pytest

import wire
from service import DOMAIN, free_port, wait_until

ANN = f"ann@{DOMAIN}"
TIMES = "timeout { connect 5s; greeting 5s; command 5s; data 5s; final 5s; idle 1s }\n"


class Provider(threading.Thread):
    """Grants ATRN as the script says, then is the client: mail() is called with a wire.Client.
    `script` has replies of EHLO, AUTH and ATRN, or "close"."""

    def __init__(self, mail=None, script=None, port=0):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", port))
        self.port = self.listener.getsockname()[1]
        self.mail, self.script = mail, script or {}
        self.commands, self.replies, self.over = [], [], threading.Event()
        self.start()

    def run(self):
        try:
            with self.listener, self.listener.accept()[0] as sock:
                sock.settimeout(60)
                self.talk(wire.Client.__new__(wire.Client), sock)
        except OSError as problem:
            self.replies.append(problem)
        self.over.set()

    def talk(self, client, sock):
        client.socket, client.buffer = sock, b""
        client.send(b"220 provider.example ESMTP\r\n")
        while True:
            line = client.line().decode()
            self.commands.append(line)
            verb = line.split(" ")[0].upper()
            usual = {"EHLO": "250-provider.example\r\n250-AUTH PLAIN\r\n250 ATRN", "AUTH": "235 2.7.0 ok",
                     "ATRN": "250 2.0.0 turning", "QUIT": "221 bye"}
            reply = self.script.get(verb, usual.get(verb, "502 what"))
            if reply == "close":
                return
            client.send(reply.encode() + b"\r\n")
            if verb == "ATRN" and reply.startswith("250"):
                client.greeting = client.reply()
                if self.mail:
                    self.replies.append(self.mail(client))
                return
            if verb == "QUIT":
                return


def fetching(serve, port, words="tls off", extra="", domains="two.example three.example", **options):
    """A service whose window opens as soon as something waits."""
    office = serve.stopped(**options)
    secrets = office.folder / "secrets"
    secrets.mkdir()
    (secrets / "isp").write_text("secret-1\n")
    (secrets / "isp").chmod(0o600)
    office.domain = "}\ndomain two.example three.example { users any; deliver maildir " + f"{office.folder}/mail/%d/%n"
    office.extra = (f"{TIMES}secrets {secrets}\nhost 127.0.0.0/8 {{ accept; relay yes }}\n"
                    f"route default {{ via 127.0.0.1:{free_port()}; {words}; login {ANN}; secret isp }}\n"
                    "dial isp { route default; queued-messages 1; window 60s; "
                    f"atrn 127.0.0.1:{port} {domains} }}\n{extra}")
    office.write_conf()
    office.start()
    return office


def open_window(office):
    assert office.send(f"bob@{DOMAIN}", "x@far.example", wire.message())[0] == 250
    office.wait_event("dial_open")


CLEAR = "tls off; login-cleartext yes"


@pytest.mark.parametrize("tls", [False, True])
def test_mail_comes_from_another_service(serve, authority, tls):
    port = free_port()
    listener = f"tls require; {authority.words(authority.main)}" if tls else ""
    provider = serve(extra=f"listener fetch {{ address 127.0.0.1:{port}; role odmr; {listener} }}\n"
                     "host 127.0.0.1 { accept; auth cleartext; relay yes }\n"
                     f"domain two.example {{ deliver hold-for-etrn; atrn-user {ANN} }}\n"
                     f"domain three.example {{ deliver hold-for-etrn; atrn-user {ANN} }}\n")
    for number in range(20):
        assert provider.send("a@client.example", f"u{number}@two.example", wire.message())[0] == 250
    assert provider.send("a@client.example", ["ann@three.example", "ann@two.example"],
                         wire.message(body=b"x" * 78 + b"\r\n" + b"long line\r\n" * 100000))[0] == 250
    wait_until(lambda: len([m for m in provider.queue() if m["recipients"][0]["state"] == "deferred"]) == 21, 30, "held mail")
    office = fetching(serve, port, f"tls require; ca {authority.file}" if tls else CLEAR)
    open_window(office)
    for number in range(20):
        office.wait_mail(f"u{number}", domain="two.example")
    text = office.wait_mail("ann", domain="three.example")[0]
    assert text.count(b"long line") == 100000
    assert (b"with ESMTPS" in text) == tls
    provider.wait_empty()
    told = wait_until(lambda: len(office.events("fetch")) == 2 and office.events("fetch"), 20, "the answers")
    assert [e["domain"] for e in told] == ["two.example", "three.example"] and told[0]["reply"].startswith("250 ")
    assert (told[0]["tls"] != "-") == tls
    assert provider.wait_event("atrn_end")["reason"] in ("closed here", "closed by client")
    row = office.wait_event("receive", to="u0@two.example")
    assert row["client"] == "127.0.0.1"
    for seen in office.wait_event("connect", listener="(atrn)"), office.wait_event("receive", to="u0@two.example"):
        assert (seen["tls"] != "-") == tls


def test_what_the_visitor_may(serve):
    """It is a client like any other from outside: it may not relay, and hears of bad recipients."""
    def mail(client):
        assert client.greeting[0] == 220
        offer = client.expect(250, b"EHLO provider.example")
        assert "STARTTLS" not in offer and "AUTH" not in offer
        one = client.mail("a@client.example", "ann@two.example", wire.message())
        client.command(b"MAIL FROM:<a@client.example>")
        two = client.command(b"RCPT TO:<x@elsewhere.example>")
        client.command(b"RSET")
        return one[0], two[0], client.command(b"QUIT")[0]
    provider = Provider(mail)
    office = fetching(serve, provider.port, CLEAR)
    text = office.conf.read_text()
    office.conf.write_text(text.replace("host 127.0.0.0/8 { accept; relay yes }", f"host 127.0.0.0/8 {{ accept }}\nrelay {{ from 127.0.0.2 }}"))
    office.reload()
    with office.client(source="127.0.0.2") as client:
        assert client.mail(f"bob@{DOMAIN}", "x@far.example", wire.message())[0] == 250
    assert provider.over.wait(60)
    assert provider.replies == [(250, 550, 221)]
    office.wait_mail("ann", domain="two.example")
    assert [c.split(" ")[0] for c in provider.commands] == ["EHLO", "AUTH", "ATRN"]
    assert provider.commands[2] == "ATRN two.example,three.example"


@pytest.mark.parametrize("script, event, reply", [
    ({"ATRN": "453 no mail"}, "fetch", "453"), ({"ATRN": "450 not you"}, "fetch_fail", "450"),
    ({"ATRN": "451 later"}, "fetch_fail", "451"), ({"ATRN": "502 what"}, "fetch_fail", "502"),
    ({"ATRN": "530 who"}, "fetch_fail", "530"), ({"ATRN": "close"}, "fetch_fail", "lost connection while sending ATRN"),
    ({"AUTH": "535 no"}, "fetch_fail", "535"), ({"EHLO": "554 no"}, "fetch_fail", "")])
def test_other_answers(serve, script, event, reply):
    provider = Provider(script=script)
    office = fetching(serve, provider.port, CLEAR)
    open_window(office)
    told = wait_until(lambda: len(office.events(event)) == 2 and office.events(event), 30, "the answers")
    assert [e["domain"] for e in told] == ["two.example", "three.example"]
    assert reply in told[0]["reply"]
    assert not office.events("connect", listener="(atrn)")


@pytest.mark.parametrize("said", [b"", b"EHLO p.example\r\n", b"EHLO p.example\r\nMAIL FROM:<a@b.example>\r\n",
                                  b"EHLO p.example\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<ann@two.example>\r\nDATA\r\nSubject: x\r\n"])
def test_the_visitor_goes_away(serve, said):
    def mail(client):
        client.send(said)
    provider = Provider(mail)
    office = fetching(serve, provider.port, CLEAR)
    open_window(office)
    assert provider.over.wait(60)
    office.wait_event("disconnect", count=0, reason="closed by client")
    assert not office.mailbox("ann", "two.example")


def test_who_is_refused_hears_it(serve):
    provider = Provider(lambda client: client.greeting)
    office = fetching(serve, provider.port, CLEAR)
    text = office.conf.read_text()
    office.conf.write_text(text.replace("host 127.0.0.0/8 { accept; relay yes }", "host 127.0.0.1 reject\nrelay { from 127.0.0.2 }"))
    office.reload()
    with office.client(source="127.0.0.2") as client:
        assert client.mail(f"bob@{DOMAIN}", "x@far.example", wire.message())[0] == 250
    assert provider.over.wait(60)
    assert provider.replies[0][0] == 554


def test_it_stops_in_the_middle(serve):
    stopped = []

    def mail(client):
        client.expect(250, b"EHLO provider.example")
        client.expect(250, b"MAIL FROM:<a@client.example>")
        stop = threading.Thread(target=lambda: office.stop() or stopped.append(True))
        stop.start()
        codes = client.command(b"RSET")[0], client.reply()[0], client.is_closed(30)
        stop.join()
        return codes
    provider = Provider(mail)
    office = fetching(serve, provider.port, CLEAR)
    open_window(office)
    assert provider.over.wait(90) and stopped and provider.replies == [(250, 421, True)]
