# SPDX-License-Identifier: Apache-2.0
"""Logging in with tokens: what is good, what is not, an issuer that is down or lies, and real
clients."""
import base64
import json
import smtplib
import subprocess
import time

import pytest

import certs
from issuer import Issuer, Key, b64url
from service import DOMAIN, wait_until
from test_auth import ANN, CLEAR, OUT, b64, mechanisms, no_credentials

CALM = "delay 0s; failures 0"
BOB = f"bob@{DOMAIN}"


@pytest.fixture
def issuer(authority, tmp_path):
    made = Issuer(authority, tmp_path / "issuer")
    yield made
    made.stop()


@pytest.fixture
def start(tls_service, issuer):
    """A service that trusts the issuer; more words of its block, and of the auth block."""
    def make(*more, jwks=True, auth=CALM, extra=OUT, **options):
        text = f"auth {{ {auth}\n{issuer.block(*more, jwks=jwks)} }}\n" + extra
        return tls_service(more="auth offer", extra=text, **options)
    return make


def xoauth2(user, token):
    return b64(f"user={user}\1auth=Bearer {token}\1\1")


def oauthbearer(user, token):
    who = f"a={user}" if user else ""
    return b64(f"n,{who},\1host=mx.us.example\1port=25\1auth=Bearer {token}\1\1")


def secured(service, authority):
    client = service.client()
    certs.starttls(client, authority.context())
    client.expect(250, b"EHLO client.example")
    return client


def login(client, message, mechanism=b"XOAUTH2"):
    """(code, text) of the end; what is said in between must be RFC 7628's."""
    code, text = client.command(b"AUTH " + mechanism + b" " + message)
    if code != 334:
        return code, text
    fault = json.loads(base64.b64decode(text))
    assert fault["status"] == ("401" if mechanism == b"XOAUTH2" else "invalid_token")
    return client.command(b"" if mechanism == b"XOAUTH2" else b64("\1"))


def code_of(service, authority, token, user=ANN):
    with secured(service, authority) as client:
        return login(client, xoauth2(user, token))[0]


def test_offered_under_tls_where_an_issuer_is_there(start, tls_service, authority):
    service = start(extra=CLEAR)
    with service.client() as client:
        assert not {"XOAUTH2", "OAUTHBEARER"} & set(mechanisms(client)[0])
        client.expect(504, b"AUTH XOAUTH2")
    with secured(service, authority) as client:
        assert {"XOAUTH2", "OAUTHBEARER"} < set(mechanisms(client)[0])
    with secured(tls_service(more="auth offer"), authority) as client:
        assert "XOAUTH2" not in mechanisms(client)[0]


def test_good_tokens(start, issuer, authority):
    issuer.keys.append(issuer.other)
    service = start()
    for key in (issuer.main, issuer.other, issuer.main):
        token = issuer.token(ANN.upper(), key=key)
        with secured(service, authority) as client:
            assert login(client, xoauth2(ANN, token)) == (235, "2.7.0 You are logged in")
            client.expect(250, f"MAIL FROM:<{ANN}>".encode())
        with secured(service, authority) as client:
            assert login(client, oauthbearer("", token), b"OAUTHBEARER")[0] == 235
        with secured(service, authority) as client:  # without an initial response
            client.expect(334, b"AUTH OAUTHBEARER")
            client.expect(235, oauthbearer(ANN, token))
        no_credentials(service, token)
    for mechanism in ("XOAUTH2", "OAUTHBEARER"):
        assert service.wait_event("auth", user=ANN, mechanism=mechanism)
    assert issuer.asked["/keys"] == 1


def test_a_long_token(start, issuer, authority):
    """Microsoft's are longer than any other command line, and come with it."""
    service = start()
    with secured(service, authority) as client:
        assert login(client, xoauth2(ANN, issuer.token(ANN, groups=["x" * 30] * 120)))[0] == 235
    with secured(service, authority) as client:
        assert client.command(b"AUTH XOAUTH2 " + b"A" * 12300)[0] == 500
        client.expect(250, b"NOOP")


def alg_none(issuer):
    return b64url({"alg": "none"}) + "." + b64url(issuer.claims(ANN)) + "."


def hs256(issuer):
    import hashlib
    import hmac
    text = b64url({"alg": "HS256", "kid": "main"}) + "." + b64url(issuer.claims(ANN))
    secret = issuer.keys[0].public()["n"].encode()
    return text + "." + b64url(hmac.new(secret, text.encode(), hashlib.sha256).digest())


def changed(issuer):
    head, _, sig = issuer.token(BOB).split(".")
    return ".".join((head, b64url(issuer.claims(ANN)), sig))


NOW = int(time.time())
BAD = [
    (changed, "the token's signature is wrong"),
    (alg_none, "the token is not understood"),
    (lambda i: alg_none(i) + "AA", "the token has a signature that is not taken"),
    (hs256, "the token has a signature that is not taken"),
    (lambda i: i.token(ANN, head={"alg": "ES256"}), "the token has an unknown key"),
    (lambda i: i.token(ANN, head={"kid": "nobody"}), "the token has an unknown key"),
    (lambda i: i.token(ANN, head={"crit": ["x"], "x": 1}), "the token has a signature that is not taken"),
    (lambda i: i.token(ANN, exp=NOW - 3600), "the token has expired"),
    (lambda i: i.token(ANN, exp=None), "the token has no end"),
    (lambda i: i.token(ANN, nbf=NOW + 86400), "the token is not valid yet"),
    (lambda i: i.token(ANN, aud="another"), "the token is for another audience"),
    (lambda i: i.token(ANN, aud=None), "the token is for another audience"),
    (lambda i: i.token(ANN, iss="https://evil.example"), "the token has another issuer"),
    (lambda i: i.token(BOB), "it belongs to another user"),
    (lambda i: i.token(None), "the token names no user"),
    (lambda i: i.token(ANN, email_verified=False), "the token's address is not verified"),
    (lambda i: "opaque-token", "the token is not understood"),
]


def test_bad_tokens(start, issuer, authority):
    service = start()
    for number, (make, reason) in enumerate(BAD):
        token = make(issuer)
        for mechanism, message in ((b"XOAUTH2", xoauth2), (b"OAUTHBEARER", oauthbearer)):
            with secured(service, authority) as client:
                got = login(client, message(ANN, token), mechanism)
                assert got == (535, "5.7.8 The token is not good here"), (number, got)
                client.expect(250, b"NOOP")
        wait_until(lambda: len(service.events("auth_fail", reason=reason)) >= 2, 10, f"{number} {reason}")
        if len(token) > 40:
            no_credentials(service, token)
    assert not service.events("auth")
    with secured(service, authority) as client:
        assert login(client, oauthbearer("", issuer.token(f"nobody@{DOMAIN}")), b"OAUTHBEARER")[0] == 535
    service.wait_event("auth_fail", reason="unknown user")
    for text in (b"", b"user=x", b"n,,\1\1", f"user={ANN}\1auth=Basic YQ==\1\1".encode()):
        with secured(service, authority) as client:
            client.expect(334, b"AUTH XOAUTH2")
            assert client.command(b64(text))[0] == 535


def test_scope_audiences_and_claims(start, issuer, authority):
    service = start("scope smtp", "user upn")
    good = {"aud": ["x", "mail.us.example"], "upn": ANN, "email": None}
    assert code_of(service, authority, issuer.token("", scope="openid smtp", **good)) == 235
    assert code_of(service, authority, issuer.token("", scp=["smtp"], **good)) == 235
    assert code_of(service, authority, issuer.token("", scope="smtpx", **good)) == 535
    service.wait_event("auth_fail", reason="the token has another scope")
    assert code_of(service, authority, issuer.token(ANN, scope="smtp")) == 535  # email is no claim here


def test_keys_that_change(start, issuer, authority):
    service = start()
    assert code_of(service, authority, issuer.token(ANN)) == 235
    fresh = Key(issuer.folder, "fresh", "ES256")
    issuer.keys = [fresh]
    assert code_of(service, authority, issuer.token(ANN, key=fresh)) == 235
    assert issuer.asked["/keys"] == 2
    for number in range(3):  # not more than once a minute
        assert code_of(service, authority, issuer.token(ANN, key=fresh, head={"kid": f"k{number}"})) == 535
    assert issuer.asked["/keys"] == 2
    assert code_of(service, authority, issuer.token(ANN, jti="2")) == 535  # the key before is gone


@pytest.mark.parametrize("mode", ["error", "garbage", "huge", "redirect", "slow"])
def test_an_issuer_in_trouble(start, issuer, authority, mode):
    issuer.mode = mode
    service = start()
    began = time.monotonic()
    assert code_of(service, authority, issuer.token(ANN)) == 454
    assert time.monotonic() - began < 12
    assert "/elsewhere" not in issuer.asked
    service.wait_event("token_error", path=f"{issuer.url}/keys")
    service.wait_event("auth_fail", code=454, reason="the issuer's keys cannot be had now")
    issuer.mode = "good"
    wait_until(lambda: code_of(service, authority, issuer.token(ANN)) == 235, 20, "the keys")
    issuer.mode = mode  # what is there is good for a while
    assert code_of(service, authority, issuer.token(ANN, jti="3")) == 235
    assert code_of(service, authority, issuer.token(ANN, key=issuer.other)) == 454


def test_a_certificate_that_nobody_trusts(start, issuer, authority, tmp_path):
    issuer.ca = certs.Authority(tmp_path / "foreign").file
    service = start()
    assert code_of(service, authority, issuer.token(ANN)) == 454
    assert "certificate" in service.wait_event("token_error")["error"]


def asking(issuer, tmp_path, mode=0o600):
    folder = tmp_path / "secrets"
    folder.mkdir(exist_ok=True)
    (folder / "corp").write_text("pass word\n")
    (folder / "corp").chmod(mode)
    return (f"introspection {issuer.url}/ask", "client ims+1", "secret corp"), f"secrets {folder}\n" + OUT


def test_introspection(start, issuer, authority, tmp_path):
    words, extra = asking(issuer, tmp_path)
    service = start(*words, jwks=False, extra=extra)
    issuer.active["opaque-1"] = {"active": True, **issuer.claims(ANN)}
    issuer.active["opaque-2"] = {"active": True, **issuer.claims(ANN, aud="another")}
    issuer.active["opaque-3"] = {"active": True, **issuer.claims(ANN, exp=5)}
    assert [code_of(service, authority, t) for t in ("opaque-1", "opaque-1", "opaque-1")] == [235] * 3
    assert issuer.asked["/ask"] == 1  # it is remembered
    assert issuer.forms[0][0] == "Basic " + base64.b64encode(b"ims%2B1:pass%20word").decode()
    assert issuer.forms[0][1]["token"] == ["opaque-1"]
    for token in ("opaque-2", "opaque-3", "opaque-4"):
        assert code_of(service, authority, token) == 535
    service.wait_event("auth_fail", reason="the issuer says that the token is not valid")
    assert code_of(service, authority, issuer.token(ANN)) == 535  # it does not know this one either
    issuer.mode = "garbage"
    assert code_of(service, authority, "opaque-5") == 454
    service.wait_event("token_error", error="this is not an answer about a token")
    no_credentials(service, "pass word", "opaque-1")


@pytest.mark.parametrize("mode", [0o644, 0o640])
def test_a_secret_that_others_may_read(start, issuer, authority, tmp_path, mode):
    words, extra = asking(issuer, tmp_path, mode)
    service = start(*words, extra=extra)
    assert service.wait_event("secret_error")["path"].endswith("/secrets/corp")
    assert code_of(service, authority, "opaque-1") == 454
    assert code_of(service, authority, issuer.token(ANN)) == 235  # keys need none
    (tmp_path / "secrets" / "corp").chmod(0o600)
    issuer.active["opaque-1"] = {"active": True, **issuer.claims(ANN)}
    service.reload()
    wait_until(lambda: code_of(service, authority, "opaque-1") == 235, 20, "the secret")


def test_keys_of_a_file(tls_service, issuer, authority, tmp_path):
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"keys": [issuer.main.public()]}))
    block = f"oauth corp {{ issuer {issuer.url}; audience mail.us.example; jwks {path} }}"
    service = tls_service(more="auth offer", extra=f"auth {{ {CALM}\n{block} }}\n" + OUT)
    assert code_of(service, authority, issuer.token(ANN)) == 235
    assert code_of(service, authority, issuer.token(ANN, key=issuer.other)) == 535
    path.write_text(json.dumps({"keys": [issuer.other.public()]}))
    service.reload()
    wait_until(lambda: code_of(service, authority, issuer.token(ANN, key=issuer.other)) == 235, 20,
               "the new keys")


def test_failures_count(start, issuer, authority):
    service = start(auth="delay 0s; failures 3; ban 1h")
    same = issuer.token(ANN, exp=5)
    for _ in range(6):  # the same one again is no guess
        assert code_of(service, authority, same) == 535
    for number in range(2):  # who hangs up has guessed, too
        with secured(service, authority) as client:
            client.expect(334, b"AUTH XOAUTH2 " + xoauth2(ANN, issuer.token(ANN, exp=5, jti=str(number))))
    wait_until(lambda: code_of(service, authority, issuer.token(ANN)) == 454, 10, "the ban")


# -- real clients -----------------------------------------------------------------------


def test_smtplib(start, issuer, authority):
    service = start()
    context = authority.context()
    context.check_hostname = False
    for token, code in ((issuer.token(ANN), 235), (issuer.token(ANN, exp=5), 535)):
        with smtplib.SMTP("127.0.0.1", service.port, timeout=20) as client:
            client.starttls(context=context)
            client.ehlo()

            def answer(challenge=None):
                return "" if challenge else f"user={ANN}\1auth=Bearer {token}\1\1"
            try:
                got = client.auth("XOAUTH2", answer)[0]
            except smtplib.SMTPAuthenticationError as refusal:
                got = refusal.smtp_code
            assert got == code


@pytest.mark.parametrize("mechanism", ["XOAUTH2", "OAUTHBEARER"])
def test_curl(tls_service, issuer, authority, tmp_path, mechanism):
    service = tls_service("offer", authority.make("localhost", "localhost"), more="auth offer",
                          extra=f"auth {{ {CALM}; mechanisms {mechanism} PLAIN\n{issuer.block()} }}\n")
    mail = tmp_path / "mail"
    mail.write_bytes(b"Subject: hello\r\n\r\nHello.\r\n")

    def send(token):
        return subprocess.run(
            ["curl", "-sS", "--cacert", authority.file, "--ssl-reqd", "--url", f"smtp://localhost:{service.port}/c.example",
             "--user", f"{ANN}:", "--oauth2-bearer", token, "--mail-from", ANN, "--mail-rcpt", BOB, "--upload-file", mail],
            capture_output=True, text=True, timeout=60, check=False)

    done = send(issuer.token(ANN))
    assert done.returncode == 0, done.stderr
    service.wait_event("auth", mechanism=mechanism, user=ANN)
    service.wait_mail("bob")
    assert send(issuer.token(ANN, exp=5)).returncode == 67  # login denied
    service.wait_event("auth_fail", mechanism=mechanism, reason="the token has expired")


@pytest.mark.parametrize("mechanism", ["xoauth2", "oauthbearer"])
def test_msmtp(tls_service, issuer, authority, mechanism):
    service = tls_service("offer", authority.make("localhost", "localhost"), more="auth offer",
                          extra=f"auth {{ {CALM}\n{issuer.block()} }}\n")

    def send(token):
        return subprocess.run(
            ["msmtp", "--file=/dev/null", "--host=localhost", f"--port={service.port}", f"--auth={mechanism}",
             f"--user={ANN}", f"--passwordeval=echo {token}", f"--from={ANN}", "--tls=on",
             f"--tls-trust-file={authority.file}", BOB], input="Subject: hello\n\nHello.\n",
            capture_output=True, text=True, timeout=60, check=False)

    done = send(issuer.token(ANN))
    assert done.returncode == 0, done.stderr
    service.wait_mail("bob")
    assert send(issuer.token(ANN, exp=5)).returncode != 0
    service.wait_event("auth_fail", mechanism=mechanism.upper(), reason="the token has expired")
