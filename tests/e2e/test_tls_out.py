# SPDX-License-Identifier: Apache-2.0
"""Encryption on the way out: each word of `route { tls }` against hosts that offer TLS, do not,
or get it wrong; and DANE with a zone that is really signed."""
import hashlib
import ssl

import pytest

import wire
from dnssec import Signer
from dnsserver import DnsServer
from peer import Peers
from service import free_port, wait_until

SHORT = "timeout { connect 2s; greeting 2s; tls 2s; command 3s; data 3s; final 3s; idle 1s }"
RELAY = "host 127.0.0.0/8 { accept; relay yes }"
MX = "mx.far.example"


def context(pair, *chain, verify=None):
    cert, key = pair
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if chain:
        whole = cert.with_suffix(".chain")
        whole.write_text("".join(path.read_text() for path in (cert, *chain)))
        cert = whole
    made.load_cert_chain(cert, key)
    if verify:
        made.verify_mode = ssl.CERT_REQUIRED
        made.load_verify_locations(verify)
    return made


def outcomes(service, to):
    return [e for e in service.events(to=to) if e["event"] in ("deliver", "defer", "fail", "expire")]


def outcome(service, to, seconds=25):
    return wait_until(lambda: outcomes(service, to), seconds, f"an outcome of {to}")[0]


def send(service, *recipients, text=None):
    with service.client() as client:
        for to in recipients:
            assert client.mail("bob@us.example", [to], text or wire.message(to))[0] == 250


def attempts(service, to):
    return [e for e in service.events(to=to) if e["event"] == "attempt"]


@pytest.fixture
def peers():
    with Peers() as made:
        yield made


@pytest.fixture(scope="module")
def far(authority):
    """Certificates of the other hosts."""
    class Far:
        good = authority.make("far-good", MX)
        wrong = authority.make("far-wrong", "wrong.example")
        old = authority.make("far-old", MX, days=0)  # for a second
        domain = authority.make("far-domain", "far.example")
        mine = authority.make("far-mine", "mx.us.example")
        ca = authority.file
    return Far


ZONE = {MX: {"A": ["127.0.0.1"]}, "far.example": {"MX": [(10, MX)]}}


@pytest.fixture
def dns():
    with DnsServer(dict(ZONE)) as made:
        yield made
    assert not made.errors, made.errors


def conf(dns, *routes):
    return "\n".join((SHORT, RELAY, f"resolver {{ server 127.0.0.1:{dns.port}; timeout 1s }}", *routes))


# --- what each word does ------------------------------------------------------------------

# tls words, what the host does: the outcome, how it was encrypted, words of the reply
NONE, VERIFIED, DANE = "none", "verified", "dane"
ROWS = {
    "off": ("tls off", "good", {}, "deliver", "-", ""),
    "may": ("tls may", "good", {}, "deliver", NONE, ""),
    "may-wrong": ("tls may", "wrong", {}, "deliver", NONE, ""),
    "may-old": ("tls may", "old", {}, "deliver", NONE, ""),
    "may-not-offered": ("tls may", None, {}, "deliver", "-", ""),
    "may-refused": ("tls may", "good", {"STARTTLS": "454 4.7.0 not now"}, "deliver", "-", ""),
    "may-garbage": ("tls may", "good", {"STARTTLS": "garbage"}, "deliver", "-", ""),
    "may-closed": ("tls may", "good", {"STARTTLS": "close"}, "deliver", "-", ""),
    "may-silent": ("tls may", "good", {"STARTTLS": ["silence", None]}, "deliver", "-", ""),
    "require": ("tls require", "wrong", {}, "deliver", NONE, ""),
    "require-not-offered": ("tls require", None, {}, "defer", "-", "does not offer STARTTLS"),
    "require-refused": ("tls require", "good", {"STARTTLS": "454 4.7.0 not now"}, "defer", "-",
                        "offers STARTTLS and refuses it: 454"),
    "require-closed": ("tls require", "good", {"STARTTLS": "close"}, "defer", "-", "sending STARTTLS"),
    "require-421": ("tls require", "good", {"STARTTLS": "421 4.3.2 down"}, "defer", "-", "421"),
    "require-injected": ("tls require", "good", {"STARTTLS": "220 go\r\n250 PIPELINING"}, "defer", "-",
                         "clear text came behind the answer"),
    "require-helo": ("tls require", "good", {"EHLO": "502 what?"}, "defer", "-", "does not know EHLO"),
    "verify": ("tls verify; ca CA", "good", {}, "deliver", VERIFIED, ""),
    "verify-wrong": ("tls verify; ca CA", "wrong", {}, "defer", "-", "hostname mismatch"),
    "verify-old": ("tls verify; ca CA", "old", {}, "defer", "-", "certificate has expired"),
    "verify-others": ("tls verify", "good", {}, "defer", "-", "issuer"),
    "verify-not-offered": ("tls verify; ca CA", None, {}, "defer", "-", "does not offer STARTTLS"),
    "strict": ("tls require; tls-profile strict", "good", {}, "deliver", NONE, ""),
}


def test_words(serve, peers, dns, far):
    routes, hosts = [], {}
    for name, (words, cert, script, *_) in ROWS.items():
        hosts[name] = peers.add(script, tls=context(getattr(far, cert)) if cert else None)
        words = words.replace("CA", str(far.ca))
        routes.append(f"route r-{name} {{ match {name}.example; via {MX}:{hosts[name].port}; {words} }}")
    service = serve(extra=conf(dns, *routes), retry="1h")
    send(service, *(f"x@{name}.example" for name in ROWS))
    for name, (words, cert, script, want, how, says) in ROWS.items():
        event = outcome(service, f"x@{name}.example")
        assert event["event"] == want, (name, event)
        assert says in event["reply"], (name, event)
        assert event.get("tls", "?").split()[-1] == how, (name, event)
        peer = hosts[name]
        assert len(peer.messages) == (want == "deliver"), name
        assert bool(peer.secured) == (how != "-"), name
        if want == "defer":
            assert event["dsn"] in ("4.7.4", "4.7.5", "4.4.2", "4.3.2"), (name, event)
            assert not any(c.startswith("MAIL") for c in peer.commands), name
            if name != "require-421":
                assert MX in event["reply"] or "sending STARTTLS" in event["reply"], (name, event)
        if how != "-":
            assert peer.secured[0][0] == "TLSv1.3" and peer.secured[0][1] == MX, name
            assert [c for c in peer.commands if c.startswith("EHLO")] == ["EHLO mx.us.example"] * 2, name
        told = attempts(service, f"x@{name}.example")
        assert told and told[-1]["tls"] == event["tls"], (name, told)


def test_clear_is_remembered(serve, peers, dns, far):
    """The host is asked for TLS once; for a while its mail goes in the clear at once."""
    peer = peers.add({"STARTTLS": "454 4.7.0 never"}, tls=context(far.good))
    service = serve(extra=conf(dns, f"route default {{ via {MX}:{peer.port} }}"))
    send(service, "one@far.example")
    assert outcome(service, "one@far.example")["event"] == "deliver"
    told = attempts(service, "one@far.example")
    assert ["STARTTLS" in e["reason"] for e in told] == [True, False], told
    wait_until(lambda: peer.steps.count("QUIT") == 2, 10, "the idle connection is closed")
    send(service, "two@far.example")
    assert outcome(service, "two@far.example")["event"] == "deliver"
    # one a worker at most: workers do not tell each other
    assert peer.steps.count("STARTTLS") == 1
    assert len(attempts(service, "two@far.example")) == 1


def test_implicit(serve, peers, dns, far):
    good = peers.add(tls=context(far.good), implicit=True)
    clear = peers.add()
    ca = far.ca
    service = serve(extra=conf(dns,
        f"route a {{ match a.example; via {MX}:{good.port}; tls verify; ca {ca}; tls-start implicit }}",
        f"route b {{ match b.example; via {MX}:{clear.port}; tls may; tls-start implicit }}"), retry="1h")
    send(service, "x@a.example", "x@b.example")
    event = outcome(service, "x@a.example")
    assert event["event"] == "deliver" and event["tls"].endswith(" verified"), event
    assert good.secured[0][1] == MX and "STARTTLS" not in good.steps
    event = outcome(service, "x@b.example")
    assert event["event"] == "defer" and event["dsn"] == "4.7.5", event
    assert f"TLS with {MX} failed" in event["reply"]
    assert not clear.messages and "MAIL" not in clear.steps


def test_verify_by_mx(serve, peers, dns, far):
    """The recipient's domain, or a host below it: not whatever an unsigned answer names."""
    port = free_port()
    peer = peers.add(tls=context(far.good), host="127.0.0.1", port=port)
    other = peers.add(tls=context(far.domain), host="127.0.0.2", port=port)
    dns.zone.update({"elsewhere.example": {"MX": [(10, MX)]}, "second.example": {"A": ["127.0.0.2"]},
                     "hosted.far.example": {"MX": [(10, "second.example")]}})
    service = serve(extra=conf(dns, f"route default {{ mx; port {port}; tls verify; ca {far.ca} }}"), retry="1h")
    send(service, "x@far.example", "x@elsewhere.example", "x@hosted.far.example")
    assert outcome(service, "x@far.example")["tls"].endswith(" verified")
    event = outcome(service, "x@elsewhere.example")
    assert event["event"] == "defer" and "hostname mismatch" in event["reply"], event
    assert "its certificate was to name elsewhere.example" in event["reply"]
    assert outcome(service, "x@hosted.far.example")["event"] == "defer"
    assert len(peer.messages) == 1 and not other.messages


def test_own_certificate(serve, peers, dns, far):
    """Shown to a host that asks for it; read again when the file changes."""
    peer = peers.add(tls=context(far.good, verify=far.ca))
    cert, key = far.mine
    words = f"route default {{ via {MX}:{peer.port}; tls require; "
    service = serve(extra=conf(dns, words + "}"), retry="1h")
    send(service, "without@far.example")
    assert outcome(service, "without@far.example")["event"] == "defer"
    service.extra = conf(dns, words + f"certificate {cert}; key {key} }}")
    service.write_conf()
    service.ctl("reload")
    send(service, "with@far.example")
    assert outcome(service, "with@far.example")["event"] == "deliver"
    names = dict(peer.secured[-1][2]["subjectAltName"])
    assert names == {"DNS": "mx.us.example"}
    assert any(e["event"] == "certificate" and e.get("route") == "default" for e in service.events())


def test_missing_authorities(serve, peers, dns, far):
    """A file that is not there: mail of that route waits, the service runs."""
    peer = peers.add(tls=context(far.good))
    ca = far.ca.with_name("later.pem")
    service = serve(extra=conf(dns, f"route default {{ via {MX}:{peer.port}; tls verify; ca {ca} }}"), retry="1h")
    errors = [e for e in service.events() if e["event"] == "certificate_error"]
    assert errors and errors[0]["route"] == "default" and errors[0]["path"] == str(ca)
    send(service, "x@far.example")
    event = outcome(service, "x@far.example")
    assert event["event"] == "defer" and event["dsn"] == "4.3.5", event
    ca.write_bytes(far.ca.read_bytes())
    service.ctl("reload")
    send(service, "y@far.example")
    assert outcome(service, "y@far.example")["event"] == "deliver"


def test_reload_changes_what_connections_may_carry(serve, peers, dns, far):
    """A connection in the clear is not used for mail that has to be encrypted by now."""
    peer = peers.add(tls=context(far.good))
    words = f"route default {{ via {MX}:{peer.port}; tls "
    service = serve(extra=conf(dns, words + "off }").replace("idle 1s", "idle 1m"))
    send(service, "one@far.example")
    assert outcome(service, "one@far.example")["tls"] == "-"
    service.extra = conf(dns, words + "require }").replace("idle 1s", "idle 1m")
    service.write_conf()
    service.ctl("reload")
    send(service, "two@far.example", "three@far.example")
    assert outcome(service, "two@far.example")["tls"].endswith(" none")
    assert outcome(service, "three@far.example")["tls"].endswith(" none")
    # The third may find the second's connection busy, but never takes the first one's.
    assert len(peer.messages) == 3 and peer.sessions in (2, 3)


def test_large_text_and_dead_peers(serve, peers, dns, far):
    """Megabytes through TLS, by DATA and by BDAT; a host that goes away in the middle."""
    text = wire.message("large", (b"0123456789abcdef" * 60 + b"\r\n") * 1600)
    whole = peers.add(tls=context(far.good))
    dying = peers.add({"body": ["reset", None]}, tls=context(far.good))
    service = serve(extra=conf(dns, f"route a {{ match a.example; via {MX}:{whole.port}; tls require }}",
                               f"route b {{ match b.example; via {MX}:{dying.port}; tls require }}"),
                    retry="1s; in-doubt 1s")  # the whole text may be on its way when the host dies
    send(service, "x@a.example", "x@b.example", text=text)
    event = outcome(service, "x@a.example")
    assert event["event"] == "deliver", event
    assert whole.messages[0][2].endswith(text[-5000:]) and len(whole.messages[0][2]) > len(text)
    wait_until(lambda: dying.messages, 20, "the second attempt")
    assert len(dying.messages) == 1 and dying.messages[0][2].endswith(text[-5000:])


def test_explain_tells(serve, dns):
    service = serve(extra=conf(dns, "route default { mx; tls require; tls-start starttls }",
                               "route s { match s.example; via h.example:465 }"))
    text = service.ctl("explain", "route", "x@far.example")
    assert "tls" in text and "require" in text and "STARTTLS" in text
    text = service.ctl("explain", "route", "x@s.example")
    assert "from the first octet" in text


# --- DANE ----------------------------------------------------------------------------------

def tlsa(usage, cert, selector=0, matching=1):
    der = ssl.PEM_cert_to_DER_cert(cert.read_text().split("-----END")[0] + "-----END CERTIFICATE-----\n")
    return bytes([usage, selector, matching]) + hashlib.sha256(der).digest()


class Dane:
    """Hosts N.safe.example on 127.0.0.N, all on one port; domains dN.safe.example lead there."""

    def __init__(self, folder, peers):
        self.zone, self.peers, self.port = {}, peers, free_port()
        self.signer = Signer("safe.example", self.zone, folder)
        self.count, self.hosts = 0, {}

    def add(self, name, tls, records, bogus=()):
        self.count += 1
        address = f"127.0.1.{self.count}"
        host = f"{name}.safe.example"
        self.hosts[name] = self.peers.add(tls=tls, host=address, port=self.port)
        self.zone[host] = {"A": [address]}
        if records == "servfail":
            self.zone[f"_{self.port}._tcp.{host}"] = {"TLSA": [b"\3\1\1x"], "do": "servfail"}
        elif records is not None:
            self.zone[f"_{self.port}._tcp.{host}"] = {"TLSA": records, "bogus": set(bogus)}
        self.zone[f"{name}d.safe.example"] = {"MX": [(10, host)]}


# name: certificate, TLSA records, what happens, how, words
DANE_ROWS = {
    "ee": ("good", "3 good", "deliver", DANE, ""),
    "ee-old": ("old", "3 old", "deliver", DANE, ""),
    "ee-name": ("wrong", "3 wrong", "deliver", DANE, ""),
    "ee-other": ("good", "3 wrong", "defer", "-", "no matching DANE TLSA records"),
    "ee-two": ("good", "3 wrong,3 good", "deliver", DANE, ""),
    "ta": ("own", "2 CA", "deliver", DANE, ""),
    "ta-name": ("wrong", "2 CA", "defer", "-", "hostname mismatch"),
    "ta-other": ("own", "2 wrong", "defer", "-", "no matching DANE TLSA records"),
    "pkix": ("wrong", "0 good,1 good", "deliver", NONE, ""),
    "pkix-clear": (None, "1 good", "defer", "-", "does not offer STARTTLS"),
    "clear": (None, "3 good", "defer", "-", "does not offer STARTTLS"),
    "absent": ("wrong", None, "deliver", NONE, ""),
    "absent-clear": (None, None, "deliver", "-", ""),
    "bogus": ("good", "3 good bogus", "defer", "-", "TLSA"),
    "servfail": ("good", "servfail", "defer", "-", "TLSA"),
}


def test_dane(serve, peers, tmp_path, far, authority):
    dane = Dane(tmp_path, peers)
    for name, (cert, records, *_) in DANE_ROWS.items():
        own = authority.make(f"dane-{name}", f"{name}.safe.example")
        pair = own if cert == "own" else getattr(far, cert) if cert else None
        made = records
        if records and records != "servfail":
            made = []
            for word in records.removesuffix(" bogus").split(","):
                usage, what = word.split()
                made.append(tlsa(int(usage), far.ca if what == "CA" else getattr(far, what)[0]))
        dane.add(name, context(pair, far.ca) if pair else None, made,
                 bogus={"TLSA"} if records and records.endswith("bogus") else ())
    # an alias: the records stand where it leads, and at its own name
    dane.zone["alias.safe.example"] = {"CNAME": ["ee.safe.example"]}
    dane.zone["aliasd.safe.example"] = {"MX": [(10, "alias.safe.example")]}
    dane.zone["own.safe.example"] = {"CNAME": ["absent.safe.example"]}
    dane.zone[f"_{dane.port}._tcp.own.safe.example"] = {"TLSA": [tlsa(3, far.wrong[0])]}
    dane.zone["ownd.safe.example"] = {"MX": [(10, "own.safe.example")]}
    # nothing of an unsigned zone is believed, nor through one
    dane.zone["open.example"] = {"MX": [(10, "ee-other.safe.example")]}
    dane.zone["host.open.example"] = {"A": ["127.0.1.4"]}
    dane.zone[f"_{dane.port}._tcp.host.open.example"] = {"TLSA": [tlsa(3, far.wrong[0])]}
    dane.zone["tod.safe.example"] = {"MX": [(10, "host.open.example")]}
    # addresses and MX that are bogus lead nowhere; the next host takes it
    dane.zone["mxbogusd.safe.example"] = {"MX": [(10, "ee.safe.example")], "bogus": {"MX"}}
    dane.zone["backupd.safe.example"] = {"MX": [(10, "bogus.safe.example"), (20, "ee.safe.example")]}
    rows = {f"{name}d.safe.example": row[2:] for name, row in DANE_ROWS.items()}
    rows.update({"aliasd.safe.example": ("deliver", DANE, ""), "ownd.safe.example": ("deliver", DANE, ""),
                 "open.example": ("deliver", NONE, ""), "tod.safe.example": ("deliver", NONE, ""),
                 "mxbogusd.safe.example": ("defer", None, "bogus"),
                 "backupd.safe.example": ("deliver", DANE, "")})
    with DnsServer(dane.zone, signer=dane.signer) as dns:
        service = serve(extra="\n".join((SHORT, RELAY,
            f"resolver {{ server 127.0.0.1:{dns.port}; timeout 2s; trust-anchor {dane.signer.anchor} }}",
            f"route default {{ mx; port {dane.port}; tls dane }}")), retry="1h")
        send(service, *(f"x@{domain}" for domain in rows))
        for domain, (want, how, says) in rows.items():
            event = outcome(service, f"x@{domain}", 40)
            assert event["event"] == want, (domain, event)
            assert says in event["reply"], (domain, event)
            assert how is None or event.get("tls", "?").split()[-1] == how, (domain, event)
            if want == "defer":
                assert event["dsn"] in ("4.7.4", "4.7.5", "4.4.3"), (domain, event)
        assert not dns.errors, dns.errors
    hosts = dane.hosts
    assert hosts["ee"].secured[0][1] == "ee.safe.example"
    for name, (_, _, want, _, _) in DANE_ROWS.items():
        if want == "defer" and name != "ee-other":
            assert not hosts[name].messages, name
    for name in ("bogus", "servfail"):
        assert hosts[name].sessions == 0, name


def test_dane_needs_a_trust_anchor(serve, peers, tmp_path, far):
    """Without one nothing is secure, and the route works as `tls may`."""
    dane = Dane(tmp_path, peers)
    dane.add("ee", context(far.good), [tlsa(3, far.wrong[0])])
    with DnsServer(dane.zone, signer=dane.signer) as dns:
        service = serve(extra=conf(dns, f"route default {{ mx; port {dane.port}; tls dane }}"), retry="1h")
        send(service, "x@eed.safe.example")
        event = outcome(service, "x@eed.safe.example")
        assert event["event"] == "deliver" and event["tls"].endswith(" none"), event
        assert not dns.errors, dns.errors
