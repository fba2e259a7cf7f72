# SPDX-License-Identifier: Apache-2.0
"""Certificates of clients, and logging in by one (EXTERNAL)."""
import smtplib
import ssl
import subprocess

import pytest

import certs
from service import DOMAIN, wait_until
from test_auth import ANN, OUT, QUICK, b64, mechanisms

BOB = f"bob@{DOMAIN}"
EMPTY = b"="


class People:
    """Certificates of clients, by an authority of their own."""

    def __init__(self, folder):
        self.authority = certs.Authority(folder / "people")
        self.foreign = certs.Authority(folder / "foreign")

    def make(self, stem, name="", subject="/O=Us/CN=Somebody", days=30, by=None, usage="clientAuth"):
        by = by or self.authority
        cert, key, request, extra = (by.folder / f"{stem}.{end}" for end in ("pem", "key", "csr", "ext"))
        extra.write_text(f"extendedKeyUsage={usage}\n" + (f"subjectAltName={name}\n" if name else ""))
        certs.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                      subject, "-utf8", "-keyout", key, "-out", request)
        certs.openssl("x509", "-req", "-in", request, "-CA", by.file, "-CAkey", by.folder / "ca.key",
                      "-CAcreateserial", "-extfile", extra, "-out", cert, "-days", days)
        return cert, key

    def between(self, stem):
        """An authority below the first one."""
        made = certs.Authority(self.authority.folder.parent / stem)
        request, extra = made.folder / "ca.csr", made.folder / "ca.ext"
        extra.write_text("basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n")
        certs.openssl("req", "-new", "-key", made.folder / "ca.key", "-subj", f"/CN={stem}", "-out", request)
        certs.openssl("x509", "-req", "-in", request, "-CA", self.authority.file, "-CAkey",
                      self.authority.folder / "ca.key", "-CAcreateserial", "-extfile", extra, "-out", made.file,
                      "-days", 30)
        return made

    def revoked(self, *lost, by=None):
        """Path of a list that revokes these certificates."""
        by = by or self.authority
        folder = by.folder
        (folder / "index.txt").write_text("")
        (folder / "crlnumber").write_text("01\n")
        conf = folder / "ca.cnf"
        conf.write_text(f"[ca]\ndefault_ca=x\n[x]\ndatabase={folder}/index.txt\ncrlnumber={folder}/crlnumber\n"
                        "default_md=sha256\ndefault_crl_days=30\n")
        options = ("-config", conf, "-cert", by.file, "-keyfile", folder / "ca.key")
        for cert in lost:
            certs.openssl("ca", *options, "-revoke", cert)
        certs.openssl("ca", *options, "-gencrl", "-out", folder / "crl.pem")
        return folder / "crl.pem"


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    return People(tmp_path_factory.mktemp("clients"))


@pytest.fixture
def start(tls_service, people):
    def make(how="ask", more="", extra=QUICK + OUT, words="offer"):
        return tls_service(words, more=f"auth offer; client-certificate {how}; client-ca "
                           f"{people.authority.file}; {more}", extra=extra)
    return make


def connected(service, authority, pair=None, newest=None):
    context = authority.context(newest=newest)
    if pair:
        context.load_cert_chain(*pair)
    client = service.client()
    certs.starttls(client, context)
    client.expect(250, b"EHLO client.example")
    return client


def external(client, authzid=""):
    return client.command(b"AUTH EXTERNAL " + (b64(authzid) or EMPTY))


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_good_certificate(start, people, authority, newest):
    pair = people.make("ann", f"email:{ANN}", subject="/O=U\x01s/CN=Ann \xc3")
    service = start(extra=QUICK + OUT + "relay { authenticated }\n")
    for authzid in ("", ANN, ANN.upper()):
        with connected(service, authority, pair, newest) as client:
            assert mechanisms(client)[0][0] == "EXTERNAL"
            assert external(client, authzid) == (235, "2.7.0 You are logged in")
            client.expect(250, f"MAIL FROM:<{ANN}>".encode())
            client.expect(250, b"RCPT TO:<x@other.example>")
    with connected(service, authority, pair, newest) as client:
        client.expect(334, b"AUTH EXTERNAL")
        client.expect(235, b"")
    event = service.wait_event("auth", user=ANN, mechanism="EXTERNAL")
    shown = subprocess.run(["openssl", "x509", "-in", pair[0], "-noout", "-fingerprint", "-sha256"],
                           capture_output=True, text=True, check=True).stdout
    assert event["certificate"].endswith(
        " sha256:" + shown.split("=")[1].strip().replace(":", "").lower())
    assert event["certificate"].startswith("CN=Ann ") and event["certificate"].isascii()
    assert all(" " <= c < "\x7f" for c in event["certificate"])


def test_the_address_may_be_the_common_name(start, people, authority):
    service = start()
    with connected(service, authority, people.make("cn", subject=f"/CN={ANN}")) as client:
        assert external(client)[0] == 235
    # The alternative name stands before it, and one without an address is no login.
    both = people.make("both", f"DNS:x.example,email:{BOB}", subject=f"/CN={ANN}")
    with connected(service, authority, both) as client:
        assert external(client, ANN)[0] == 535
        assert external(client)[0] == 235
    service.wait_event("auth", user=BOB)
    with connected(service, authority, people.make("none", "DNS:x.example")) as client:
        assert "EXTERNAL" not in mechanisms(client)[0]
        client.expect(504, b"AUTH EXTERNAL =")


@pytest.mark.parametrize("what,options,fault", [
    ("none", None, None),
    ("expired", {"days": -1}, "certificate has expired"),
    ("foreign", {"by": "foreign"}, "unable to get local issuer certificate"),
    ("server", {"usage": "serverAuth"}, "unsuitable certificate purpose")])
def test_certificates_that_are_not_good(start, people, authority, what, options, fault):
    pair = None
    if options is not None:
        by = getattr(people, options.pop("by", "authority"))
        pair = people.make(what, f"email:{ANN}", by=by, **options)
        options["by"] = by.folder.name
    service = start("ask")
    with connected(service, authority, pair) as client:  # as without one
        assert "EXTERNAL" not in mechanisms(client)[0]
        client.expect(504, b"AUTH EXTERNAL =")
        assert client.mail("a@client.example", ANN, b"Subject: x\r\n\r\nHello.\r\n")[0] == 250
        client.expect(221, b"QUIT")
    event = service.wait_event("disconnect", reason="quit")
    assert event.get("certificate") == (f"not good: {fault}" if fault else None)
    required = start("require")
    with pytest.raises(OSError):
        connected(required, authority, pair)
    assert "certificate" in required.wait_event("tls_fail", stage="handshake")["error"]


def test_required(start, people, authority):
    service = start("require", extra=QUICK)
    with connected(service, authority, people.make("req", f"email:{ANN}")) as client:
        assert external(client)[0] == 235


def test_unknown_users_and_others(start, people, authority):
    service = start()
    pair = people.make("nobody", f"email:nobody@{DOMAIN}")
    with connected(service, authority, pair) as client:
        assert external(client) == (535, "5.7.8 The certificate is not one of a user")
    service.wait_event("auth_fail", mechanism="EXTERNAL", user=f"nobody@{DOMAIN}", reason="unknown user")
    with connected(service, authority, people.make("elsewhere", "email:ann@elsewhere.example")) as client:
        assert external(client)[0] == 535
    with connected(service, authority, people.make("ann2", f"email:{ANN}")) as client:
        assert external(client, BOB)[0] == 535
        client.expect(501, b"AUTH EXTERNAL ?")
        client.expect(250, f"MAIL FROM:<{ANN}>".encode())
    service.wait_event("auth_fail", mechanism="EXTERNAL", reason="it belongs to another user")
    assert not service.events("auth")


def test_revoked(start, people, authority):
    good, bad = people.make("kept", f"email:{ANN}"), people.make("lost", f"email:{ANN}")
    crl = people.revoked(bad[0])
    service = start("require", more=f"client-crl {crl}", extra=QUICK)
    with connected(service, authority, good) as client:
        assert external(client)[0] == 235
    with pytest.raises(OSError):
        connected(service, authority, bad)
    service.wait_event("tls_fail")


@pytest.mark.parametrize("lists, good", [
    # of the authority between, which signs clients; and of the one above it
    ("between", True), ("between above", True), ("between above-lost", False), ("between-lost", False),
    ("above", False),  # nothing is known of who is revoked by the one between
])
def test_revoked_along_the_chain(start, people, authority, tmp_path, lists, good):
    between = people.between(f"between-{lists.replace(' ', '-')}")
    pair = people.make("below", f"email:{ANN}", by=between)
    chain = tmp_path / "chain.pem"
    chain.write_text(pair[0].read_text() + between.file.read_text())
    whole = tmp_path / "lists.pem"
    made = {"between": lambda: people.revoked(by=between), "between-lost": lambda: people.revoked(pair[0], by=between),
            "above": lambda: people.revoked(), "above-lost": lambda: people.revoked(between.file)}
    whole.write_text("".join(made[name]().read_text() for name in lists.split()))
    service = start("require", more=f"client-crl {whole}", extra=QUICK)
    if good:
        with connected(service, authority, (chain, pair[1])) as client:
            assert external(client)[0] == 235
    else:
        with pytest.raises(OSError):
            connected(service, authority, (chain, pair[1]))
        error = service.wait_event("tls_fail")["error"]
        assert error == ("certificate revoked" if "lost" in lists else "unable to get certificate CRL"), error


def test_a_new_authority_is_taken(start, people, authority, tmp_path):
    path = tmp_path / "ca.pem"
    path.write_bytes(people.authority.file.read_bytes())
    service = start("ask")
    text = service.conf.read_text().replace(str(people.authority.file), str(path))
    service.conf.write_text(text)
    service.reload()
    pair = people.make("other", f"email:{ANN}", by=people.foreign)
    path.write_bytes(people.foreign.file.read_bytes())
    service.reload()

    def offered():
        with connected(service, authority, pair) as client:
            return "EXTERNAL" in mechanisms(client)[0]
    wait_until(offered, 15, "the new authority")
    path.write_text("no certificate\n")
    service.reload()
    event = service.wait_event("certificate_error")
    assert event["path"] == str(path)
    assert offered()  # what was in use stays


def test_not_where_certificates_are_off(tls_service, people, authority):
    service = tls_service(more="auth offer")
    with connected(service, authority, people.make("off", f"email:{ANN}")) as client:
        assert "EXTERNAL" not in mechanisms(client)[0]


def test_smtplib(start, people, authority):
    service = start()
    context = authority.context()
    context.check_hostname = False
    context.load_cert_chain(*people.make("lib", f"email:{ANN}"))
    with smtplib.SMTP("127.0.0.1", service.port, timeout=20) as client:
        client.starttls(context=context)
        client.ehlo()
        assert client.auth("EXTERNAL", lambda challenge=None: "", initial_response_ok=False)[0] == 235
        client.sendmail(ANN, [BOB], "Subject: hello\r\n\r\nHello.\r\n")
    service.wait_mail("bob")


def test_s_client(start, people, authority):
    service = start("require")
    cert, key = people.make("tool", f"email:{ANN}")
    done = subprocess.run(
        ["openssl", "s_client", "-quiet", "-connect", f"127.0.0.1:{service.port}", "-starttls", "smtp", "-crlf",
         "-cert", cert, "-key", key, "-CAfile", authority.file], input="EHLO c.example\nAUTH EXTERNAL =\nQUIT\n",
        capture_output=True, text=True, timeout=60, check=False)
    assert "235 2.7.0" in done.stdout or service.wait_event("auth", mechanism="EXTERNAL"), done.stdout
