# SPDX-License-Identifier: Apache-2.0
"""Those who log in, as they are in the field: mail programs over TLS, and devices that know one
old dialogue and nothing else. (Without TLS: test_auth.py.)"""
import subprocess
import textwrap

import pytest

import certs
import wire
from service import DOMAIN, free_port
from test_auth import ANN, CLEAR, QUICK, SECRET, b64, no_credentials, plain
from test_clients import need, nodejs

BOB = f"bob@{DOMAIN}"
NAME = f"mx.{DOMAIN}"
TEXT = "From: ann@us.example\nTo: bob@us.example\nSubject: {name}\n\nhello from {name}\n.dot\n"


class Door:
    def __init__(self, service, port):
        self.service, self.submission, self.smtps = service, service.port, port

    def mail(self, name, user="bob"):
        assert f"hello from {name}" in self.service.wait_mail(user)[0].decode()
        assert b"ESMTPSA (TLSv1." in self.service.mailbox(user)[0]
        assert self.service.wait_event("receive")["user"] == ANN
        no_credentials(self.service, SECRET)


@pytest.fixture
def door(serve, authority):
    """Port 587 and port 465, as RFC 8314 wants them."""
    port = free_port()
    words = authority.words(authority.main)
    service = serve.stopped(extra=QUICK + (
        f"listener smtps {{ address 127.0.0.1:{port}; role submission; tls implicit; {words} }}\n"))
    service.listener = f"tls require; {words}"
    service.write_conf()
    service.conf.write_text(service.conf.read_text().replace("role mx", "role submission"))
    return Door(service.start(), port)


def run(command, text=None, **more):
    done = subprocess.run([str(part) for part in command], input=text, capture_output=True, text=True,
                          timeout=60, check=False, **more)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("mechanism", ["plain", "login", "scram-sha-256"])
@pytest.mark.parametrize("starttls", ["on", "off"])
def test_msmtp(door, authority, mechanism, starttls):
    need("msmtp")
    run(["msmtp", "--file=/dev/null", "--host=localhost",
         f"--port={door.submission if starttls == 'on' else door.smtps}", "--tls=on",
         f"--tls-starttls={starttls}", "--tls-certcheck=off", f"--auth={mechanism}", f"--user={ANN}",
         f"--passwordeval=echo {SECRET}", f"--from={ANN}", BOB], TEXT.format(name="msmtp"))
    door.mail("msmtp")
    door.service.wait_event("auth", user=ANN, mechanism=mechanism.upper())


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_curl(door, authority, mechanism):
    need("curl")
    run(["curl", "-sS", "--crlf", "--ssl-reqd", "--cacert", authority.file, "--connect-to",
         f"{NAME}::127.0.0.1:", f"smtps://{NAME}:{door.smtps}/client.example", "--user", f"{ANN}:{SECRET}",
         "--login-options", f"AUTH={mechanism}", "--mail-from", ANN, "--mail-rcpt", BOB, "-T", "-"],
        TEXT.format(name="curl"))
    door.mail("curl")


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_swaks(door, mechanism):
    need("swaks")
    run(["swaks", "--server", "127.0.0.1", "--port", door.submission, "--tls", "--auth", mechanism,
         "--auth-user", ANN, "--auth-password", SECRET, "--from", ANN, "--to", BOB,
         "--body", "hello from swaks"])
    door.mail("swaks")


@pytest.mark.parametrize("secure", ["true", "false"])
def test_nodemailer(door, authority, tmp_path, secure):
    env = nodejs() | {"NODE_EXTRA_CA_CERTS": str(authority.file)}
    script = tmp_path / "send.js"
    script.write_text(textwrap.dedent("""\
        const [port, secure, name, user, pass, to] = process.argv.slice(2);
        require("nodemailer").createTransport({host: "127.0.0.1", port: Number(port),
            secure: secure === "true", requireTLS: true, name: "client.example",
            tls: {servername: name}, auth: {user, pass}})
          .sendMail({from: user, to, subject: "node", text: "hello from nodemailer\\n"})
          .then(() => process.exit(0), (e) => { console.error(e); process.exit(1); });"""))
    run(["node", script, door.smtps if secure == "true" else door.submission, secure, NAME, ANN, SECRET,
         BOB], env=env)
    door.mail("nodemailer")


def test_thunderbird(door, authority):
    """Its dialogue, line by line, with the address literal that it greets with."""
    with wire.Client(door.submission) as client:
        client.expect(250, b"EHLO [192.168.1.20]")
        certs.starttls(client, authority.context())
        text = client.expect(250, b"EHLO [192.168.1.20]")
        assert any(line.startswith("AUTH ") and "PLAIN" in line for line in text.splitlines())
        client.expect(235, b"AUTH PLAIN " + plain(ANN, SECRET))
        body = wire.message(sender=ANN, body="hello from Thunderbird ä\r\n".encode(), extra=(
            b"Message-ID: <7e1bb2cd-5d5f-4d3e-9a01-0a6ed7dd4dd1@us.example>\r\nMIME-Version: 1.0\r\n"
            b"User-Agent: Mozilla Thunderbird\r\nContent-Language: en-US\r\n"
            b"Content-Type: text/plain; charset=UTF-8; format=flowed\r\n"
            b"Content-Transfer-Encoding: 8bit\r\n"))
        client.expect(250, f"MAIL FROM:<{ANN}> BODY=8BITMIME SIZE={len(body)}".encode())
        client.expect(250, f"RCPT TO:<{BOB}>".encode())
        client.expect(354, b"DATA")
        client.send(wire.dotted(body))
        assert client.reply()[0] == 250
        client.expect(221, b"QUIT")
    door.mail("Thunderbird")


# -- devices -----------------------------------------------------------------------------------

# what it says first, and the code of what it gets for it; then name and password
PRINTERS = [
    [(b"AUTH LOGIN", 334), (b64(ANN), 334), (b64(SECRET), 235)],
    [(b"AUTH LOGIN " + b64(ANN), 334), (b64(SECRET), 235)],
    [(b"auth login", 334), (b64(ANN), 334), (b64(SECRET), 235)],
    [(b"auth login " + b64(ANN), 334), (b64(SECRET), 235)],
    [(b"Auth Login", 334), (b64("ann"), 334), (b64(SECRET), 235)],
    [(b"AUTH LOGIN ", 334), (b64(ANN), 334), (b64(SECRET), 235)],
    [(b"AUTH PLAIN", 334), (plain(ANN, SECRET), 235)],
    [(b"auth plain " + plain(ANN, SECRET), 235)],
]


@pytest.fixture
def office(serve):
    """Where devices without TLS may log in."""
    return serve(listener="auth require", extra=CLEAR + QUICK)


@pytest.mark.parametrize("dialogue", PRINTERS)
@pytest.mark.parametrize("ehlo", [b"EHLO printer", b"ehlo PRINTER-3F.local"])
def test_printer(office, dialogue, ehlo):
    with office.client(hello=False) as client:
        text = client.expect(250, ehlo)
        # Old devices look for LOGIN in the list, wherever it stands.
        assert [line for line in text.splitlines() if line.startswith("AUTH ") and "LOGIN" in line.split()]
        for line, code in dialogue:
            got = client.command(line)
            assert got[0] == code, (line, got)
        client.expect(250, f"mail from:<{ANN}>".encode())
        client.expect(250, f"rcpt to:<{BOB}>".encode())
        client.expect(354, b"data")
        client.send(b"Subject: Scan\r\n\r\nhello from printer\r\n.\r\n")
        assert client.reply()[0] == 250
        client.expect(221, b"quit")
    arrivals = office.wait_mail("bob")
    assert b"hello from printer" in arrivals[0] and b" with ESMTPA\n" in arrivals[0].replace(b"\r\n", b"\n")
    no_credentials(office, SECRET)


def test_a_printer_that_does_not_read(office):
    """It sends its whole script at once, without waiting; AUTH ends what may be sent ahead
    (RFC 4954 4), yet the lines are there and are taken one by one."""
    with office.client(hello=False) as client:
        client.send(b"\r\n".join([b"EHLO printer", b"AUTH LOGIN", b64(ANN), b64(SECRET),
                                  f"MAIL FROM:<{ANN}>".encode(), f"RCPT TO:<{BOB}>".encode(), b""]))
        assert [client.reply()[0] for _ in range(6)] == [250, 334, 334, 235, 250, 250]


def test_a_printer_with_last_years_password_is_answered_each_time(office):
    for _ in range(3):
        with office.client() as client:
            client.expect(334, b"AUTH LOGIN")
            client.expect(334, b64(ANN))
            client.expect(535, b64("of-last-year"))
            client.expect(530, f"MAIL FROM:<{ANN}>".encode())
            client.expect(221, b"QUIT")
    no_credentials(office, "of-last-year")
