# SPDX-License-Identifier: Apache-2.0
"""Logging in over TLS: offered only there, tied to the connection, forgotten when TLS begins."""
import base64
import smtplib
import ssl
import subprocess

import pytest

import certs
import wire
from service import DOMAIN, wait_until
from test_auth import ANN, CLEAR, OUT, QUICK, SECRET, Scram, login, mechanisms, no_credentials, plain

PLUS = ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN", "LOGIN"]


@pytest.fixture
def offering(tls_service):
    return tls_service(more="auth offer", extra=QUICK + OUT + "relay { authenticated }\n")


def test_offered_once_tls_is_on(offering, authority):
    with offering.client() as client:
        assert mechanisms(client) == []
        assert login(client, ANN, SECRET) == (
            538, "5.7.11 Encryption is required to log in; use STARTTLS first")
        certs.starttls(client, authority.context())
        client.expect(503, b"AUTH PLAIN " + plain(ANN, SECRET))  # EHLO first
        assert mechanisms(client) == [PLUS]
        assert login(client, ANN, SECRET)[0] == 235
        client.expect(250, b"MAIL FROM:<ann@us.example>")
        client.expect(250, f"RCPT TO:<bob@{DOMAIN}>".encode())
        client.expect(250, b"RCPT TO:<x@other.example>")
        client.expect(354, b"DATA")
        client.expect(250, wire.dotted(wire.message(sender=ANN))[:-2])
    assert b" with ESMTPSA (TLSv1.3 TLS_" in offering.wait_mail("bob")[0]
    assert offering.wait_event("receive")["user"] == ANN
    no_credentials(offering, SECRET)


def test_where_tls_is_required_it_comes_before(tls_service, authority):
    service = tls_service("require", more="auth require", extra=QUICK)
    with service.client() as client:
        client.expect(530, b"AUTH PLAIN " + plain(ANN, SECRET))
        certs.starttls(client, authority.context())
        client.expect(250, b"EHLO client.example")
        client.expect(530, b"MAIL FROM:<ann@us.example>")
        assert login(client, ANN, SECRET)[0] == 235
        client.expect(250, b"MAIL FROM:<ann@us.example>")


def test_a_login_in_the_clear_is_forgotten_when_tls_begins(tls_service, authority):
    service = tls_service(more="auth offer", extra=CLEAR + QUICK + OUT + "relay { authenticated }\n")
    with service.client() as client:
        assert login(client, ANN, SECRET)[0] == 235
        certs.starttls(client, authority.context())
        client.expect(250, b"EHLO client.example")
        client.expect(250, b"MAIL FROM:<ann@us.example>")
        client.expect(550, b"RCPT TO:<x@other.example>")
        client.expect(250, b"RSET")
        assert login(client, ANN, SECRET)[0] == 235
        client.expect(250, b"MAIL FROM:<ann@us.example>")
        client.expect(250, b"RCPT TO:<x@other.example>")


def test_smtplib(offering, authority):
    with smtplib.SMTP("127.0.0.1", offering.port, timeout=20) as client:
        context = authority.context()
        context.check_hostname = False
        client.starttls(context=context)
        client.login(ANN, SECRET)
        client.sendmail(ANN, [f"bob@{DOMAIN}"], "Subject: hello\r\n\r\nHello.\r\n")
    offering.wait_mail("bob")


def gsasl(service, authority, mechanism, password, *more):
    return subprocess.run(
        ["gsasl", "--smtp", "--connect", f"localhost:{service.port}", "--mechanism", mechanism,
         "--authentication-id", ANN, "--authorization-id", "", "--password", password, "--starttls",
         f"--x509-ca-file={authority.file}", *more], input="QUIT\r\n", capture_output=True, text=True,
        timeout=60, check=False)


def test_channel_binding(tls_service, authority):
    """GNU SASL's client on GnuTLS has to come to the same octets as OpenSSL here."""
    pair = authority.make("localhost", "localhost")
    service = tls_service("offer", pair, more="auth offer", extra=QUICK)
    done = gsasl(service, authority, "SCRAM-SHA-256-PLUS", SECRET)
    wait_until(lambda: service.events("auth", user=ANN, mechanism="SCRAM-SHA-256-PLUS"), 10,
               done.stdout + done.stderr)
    gsasl(service, authority, "SCRAM-SHA-256-PLUS", "wrong-9")
    service.wait_event("auth_fail", user=ANN, mechanism="SCRAM-SHA-256-PLUS", reason="wrong password")
    no_credentials(service, SECRET, "wrong-9")


def test_somebody_in_between_took_plus_away(offering, authority):
    """A client that could bind and was told that we could not says so, and that is a lie."""
    with offering.client() as client:
        certs.starttls(client, authority.context())
        client.expect(250, b"EHLO client.example")
        scram = Scram(ANN, SECRET)
        first = b"y,," + scram.bare.encode()
        assert client.command(b"AUTH SCRAM-SHA-256 " + base64.b64encode(first))[0] == 535
        assert Scram(ANN, SECRET).run(client)[0] == 235  # one that cannot bind may say so


def test_old_tls_has_no_channel_binding(offering, authority):
    with offering.client() as client:
        certs.starttls(client, authority.context(newest=ssl.TLSVersion.TLSv1_2))
        assert mechanisms(client) == [PLUS[1:]]
        client.expect(504, b"AUTH SCRAM-SHA-256-PLUS")
        assert Scram(ANN, SECRET).run(client)[0] == 235
