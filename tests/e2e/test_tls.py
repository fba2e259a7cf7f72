# SPDX-License-Identifier: Apache-2.0
"""TLS of incoming connections: STARTTLS and implicit, certificates, profiles, and clients
that do it wrong."""
import os
import socket
import ssl
import subprocess
import time
import warnings

import pytest

import certs
import wire
from service import DOMAIN, free_port, wait_until

NAME = f"mx.{DOMAIN}"
TEXT = wire.message()


def sends(client, service, text=TEXT, user="ann"):
    client.expect(250, b"EHLO client.example")
    before = len(service.mailbox(user))
    assert client.mail("a@client.example", f"{user}@{DOMAIN}", text)[0] == 250
    return service.wait_mail(user, before + 1)[-1]


def test_starttls(tls_service, authority):
    service = tls_service()
    with service.client() as client:
        assert "STARTTLS" in client.expect(250, b"EHLO client.example")
        certs.starttls(client, authority.context())
        # RFC 3207 4.2: nothing of before counts
        client.expect(503, b"MAIL FROM:<a@client.example>")
        assert "STARTTLS" not in client.expect(250, b"EHLO client.example")
        client.expect(503, b"STARTTLS")
        mail = sends(client, service)
        assert b" with ESMTPS (TLSv1.3 TLS_" in mail.split(b"\r\n\r\n")[0].replace(b"\n", b"\r\n") \
            or b" with ESMTPS (TLSv1.3 TLS_" in mail
        client.expect(221, b"QUIT")
    event = service.wait_event("receive")
    assert event["tls"].startswith("TLSv1.3 TLS_")
    assert service.wait_event("disconnect", reason="quit")["tls"].startswith("TLSv1.3")
    certificate = service.wait_event("certificate")
    assert certificate["host"] == NAME and certificate["expires"].endswith("Z")


def test_clear_text_goes_on(tls_service):
    service = tls_service()
    with service.client(hello=False) as client:
        mail = sends(client, service)
    assert b" with ESMTP\n" in mail.replace(b"\r\n", b"\n")
    assert service.wait_event("receive")["tls"] == "-"


def test_big_message_and_pipelining(tls_service, authority):
    service = tls_service(users=["ann"])
    body = b"".join(b"%06d 0123456789 0123456789 0123456789 0123456789\r\n" % n for n in range(50000))
    with service.client() as client:
        certs.starttls(client, authority.context())
        mail = sends(client, service, wire.message(body=body))
        assert mail.replace(b"\r\n", b"\n").endswith(body.replace(b"\r\n", b"\n"))
        client.send(b"RSET\r\n" * 3000)
        assert {client.reply()[0] for _ in range(3000)} == {250}


def test_implicit(serve, authority):
    port = free_port()
    words = authority.words(authority.main)
    service = serve.stopped(extra=f"listener smtps {{ address 127.0.0.1:{port}; tls implicit; {words} }}"
                            ).start()
    with certs.Implicit(port, authority.context()) as client:
        assert client.greeting[0] == 220
        assert "STARTTLS" not in client.expect(250, b"EHLO client.example")
        assert b"ESMTPS (" in sends(client, service)
    event = service.wait_event("connect", listener="smtps")
    assert event["tls"].startswith("TLSv1.3")
    # who speaks no TLS is no session
    with socket.create_connection(("127.0.0.1", port), timeout=10) as raw:
        raw.sendall(b"EHLO client.example\r\n")
        heard = b"".join(iter(lambda: raw.recv(4096), b""))
        assert not heard.startswith(b"2")
    assert service.wait_event("tls_fail", listener="smtps", stage="handshake")["error"]


@pytest.mark.parametrize("profile,version,works", [
    ("modern", "TLSv1", False), ("modern", "TLSv1_1", False), ("modern", "TLSv1_2", True),
    ("modern", "TLSv1_3", True), ("strict", "TLSv1_2", False), ("strict", "TLSv1_3", True),
    ("legacy", "TLSv1", True), ("legacy", "TLSv1_1", True), ("legacy", "TLSv1_2", True)])
def test_profiles(tls_service, authority, profile, version, works):
    service = tls_service(more=f"tls-profile {profile}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context = authority.context(newest=ssl.TLSVersion[version])
    with service.client() as client:
        if works:
            certs.starttls(client, context)
            client.expect(250, b"EHLO client.example")
        else:
            with pytest.raises(OSError):
                certs.starttls(client, context)
            event = service.wait_event("tls_fail")
            assert "protocol" in event["error"] and event["client"] == "127.0.0.1"


def test_no_renegotiation_no_resumption(tls_service, authority):
    service = tls_service()
    context = authority.context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    session = None
    for _ in range(2):
        with service.client() as client:
            client.expect(220, b"STARTTLS")
            client.socket = context.wrap_socket(client.socket, server_hostname=NAME, session=session)
            session = client.socket.session
            assert not client.socket.session_reused and not session.has_ticket
    with subprocess.Popen(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{service.port}", "-starttls", "smtp",
             "-tls1_2"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as tool:
        time.sleep(1)
        tool.stdin.write(b"R\n")  # a line of its own: renegotiate
        tool.stdin.flush()
        time.sleep(1)
        heard = tool.communicate(timeout=30)[0].decode().lower()
    assert "renegotiating" in heard and "no renegotiation" in heard, heard


# -- who does it wrong ---------------------------------------------------------------------

def test_injection(tls_service, authority):
    """CVE-2011-0411: clear text behind STARTTLS, in the same segment or a later one."""
    service = tls_service()
    for behind in (b"RSET\r\n", b"MAIL FROM:<evil@client.example>\r\nRCPT TO:<ann@us.example>\r\n", b"X"):
        for pause in (0, 0.2):
            with service.client() as client:
                if pause:
                    client.send(b"STARTTLS\r\n")
                    time.sleep(pause)
                    client.send(behind)
                else:
                    client.send(b"STARTTLS\r\n" + behind)
                assert client.reply()[0] == 220
                client.socket.settimeout(10)
                rest = b""
                try:
                    for piece in iter(lambda: client.socket.recv(4096), b""):
                        rest += piece
                except ConnectionError:
                    pass
                except TimeoutError:
                    # the machine has one byte and waits for the record that it begins
                    assert behind == b"X" and pause
                assert b"250" not in rest
    assert len(service.events("tls_fail")) >= 5
    assert service.mailbox("ann") == []


def test_garbage_and_ends_in_handshake(tls_service, authority):
    service = tls_service()
    pids = service.pids()
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
    for garbage in (os.urandom(300), b"\x16\x03\x01\xff\xff" + b"A" * 400, hello + b"\0" * 600,
                    b"\x15\x03\x01\x00\x02\x02\x28", b"\x80\x2e\x01\x03\x01" + b"B" * 60, b""):
        with service.client() as client:
            client.expect(220, b"STARTTLS")
            client.send(garbage)
            client.socket.shutdown(socket.SHUT_WR)
            assert client.is_closed(10), garbage[:8]
    with service.client() as client:
        client.expect(220, b"STARTTLS")
        client.send(hello)
    # a client that finds the certificate wrong says so, in TLS 1.3 when all is done for us
    strict = ssl.create_default_context()
    with service.client() as client, pytest.raises(ssl.SSLCertVerificationError):
        certs.starttls(client, strict)
    wait_until(lambda: [e for e in service.events("tls_fail") if "unknown ca" in e["error"]], 10, "alert")
    assert len(service.events("tls_fail")) >= 7
    with service.client() as client:
        certs.starttls(client, authority.context())
        client.expect(250, b"EHLO client.example")
    assert service.pids() == pids


def test_many_failures_are_told_as_a_few(tls_service):
    service = tls_service()
    for _ in range(120):
        with service.client() as client:
            client.expect(220, b"STARTTLS")
            client.send(b"no TLS at all\r\n")
            assert client.is_closed(10)
    workers = len(service.pids()["receive"])
    assert 1 <= len(service.events("tls_fail")) <= 20 * workers


def test_slow_handshake(tls_service):
    """30 s from beginning to end, whatever drips in."""
    service = tls_service()
    with service.client() as client:
        client.expect(220, b"STARTTLS")
        began = time.monotonic()
        client.socket.settimeout(1)
        closed = False
        for byte in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x01" * 40):
            try:
                client.send(bytes([byte]))
                closed = client.socket.recv(100) == b""
            except TimeoutError:
                continue
            except OSError:
                closed = True
            if closed:
                break
        assert closed and 25 < time.monotonic() - began < 40
    assert service.wait_event("tls_fail", error="timeout")


def test_stop_with_handshakes_and_sessions(tls_service, authority):
    service = tls_service()
    with service.client() as waiting, service.client() as idle:
        waiting.expect(220, b"STARTTLS")
        certs.starttls(idle, authority.context())
        began = time.monotonic()
        service.stop()
        assert time.monotonic() - began < 15
        assert idle.reply()[0] == 421


# -- rules ---------------------------------------------------------------------------------

def test_require(tls_service, authority):
    service = tls_service("require")
    with service.client() as client:
        for line in (b"RCPT TO:<ann@us.example>", b"VRFY ann", b"RSET", b"HELP", b"AUTH PLAIN AAAA", b"XYZZY"):
            assert client.expect(530, line).startswith("5.7.0")
        client.expect(250, b"NOOP")
        assert client.expect(530, b"MAIL FROM:<a@client.example>").startswith("5.7.0")
        certs.starttls(client, authority.context())
        sends(client, service)
    event = service.wait_event("refuse", code=530)
    assert event["rule"].startswith(f"{service.conf}:") and event["stage"] == "sender"


def test_host_rule_requires(tls_service, authority):
    service = tls_service(extra="host 127.0.0.0/8 accept tls require")
    with service.client() as client:
        client.expect(530, b"MAIL FROM:<a@client.example>")
        certs.starttls(client, authority.context())
        sends(client, service)
    assert service.wait_event("refuse", code=530)["rule"].startswith(f"{service.conf}:")


# -- real clients --------------------------------------------------------------------------

def run(arguments, **options):
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False, **options)
    assert done.returncode == 0, (arguments, done.stdout, done.stderr)
    return done.stdout + done.stderr


def test_real_clients(serve, authority, tmp_path):
    port = free_port()
    words = authority.words(authority.main)
    service = serve.stopped(listener=f"tls require; {words}", extra=(
        f"listener smtps {{ address 127.0.0.1:{port}; tls implicit; {words} }}")).start()
    letter = tmp_path / "letter"
    letter.write_bytes(TEXT)
    to = f"ann@{DOMAIN}"
    out = run(["openssl", "s_client", "-connect", f"127.0.0.1:{service.port}", "-starttls", "smtp",
               "-CAfile", str(authority.file), "-verify_return_error", "-verify_hostname", NAME, "-crlf"],
              input="QUIT\n")
    assert "Verify return code: 0 (ok)" in out
    run(["swaks", "--server", "127.0.0.1", "--port", str(service.port), "--tls", "--to", to,
         "--from", "a@client.example"])
    run(["swaks", "--server", "127.0.0.1", "--port", str(port), "--tls-on-connect", "--to", to,
         "--from", "a@client.example"])
    for url in (f"smtp://{NAME}:{service.port}", f"smtps://{NAME}:{port}"):
        run(["curl", "-sS", "--ssl-reqd", "--cacert", str(authority.file), "--connect-to",
             f"{NAME}::127.0.0.1:", url, "--mail-from", "a@client.example", "--mail-rcpt", to,
             "--upload-file", str(letter)])
    run(["msmtp", "-C", "/dev/null", "--host=127.0.0.1", f"--port={service.port}", "--tls=on",
         "--tls-starttls=on", "--tls-certcheck=off", "--from=a@client.example", to], input=TEXT.decode())
    assert len(service.wait_mail("ann", 5)) == 5
    assert all(b"ESMTPS (TLSv1." in mail for mail in service.mailbox("ann"))
