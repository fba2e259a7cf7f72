# SPDX-License-Identifier: Apache-2.0
"""Logging in to smart hosts: each mechanism after TLS, and what happens to the mail where the
login does not come about."""
import ssl

import pytest

from peer import Peers
from dnsserver import DnsServer
from test_tls_out import MX, RELAY, SHORT, context, outcome, send

ACCOUNT = ("ann@us.example", "open, sesame=1")
EVERY = "PLAIN LOGIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS"


@pytest.fixture
def peers():
    with Peers() as made:
        yield made


@pytest.fixture
def dns():
    with DnsServer({MX: {"A": ["127.0.0.1"]}}) as made:
        yield made


@pytest.fixture
def far(authority):
    class Far:
        good = authority.make("login-good", MX)
        ca = authority.file
    return Far


@pytest.fixture
def secret(tmp_path):
    """Writes the file that holds the password."""
    folder = tmp_path / "secrets"
    folder.mkdir()

    def write(text):
        path = folder / "isp"
        path.write_text(text)
        path.chmod(0o600)
    write.folder = folder
    return write


def conf(secret, dns, *routes):
    return "\n".join((SHORT, RELAY, f"secrets {secret.folder}",
                      f"resolver {{ server 127.0.0.1:{dns.port}; timeout 1s }}", *routes))


def login(ca, words=""):
    return f"tls verify; ca {ca}; login {ACCOUNT[0]}; secret isp; {words}"


def no_secret_anywhere(service, *texts):
    for event in service.events():
        for value in event.values():
            for text in texts:
                assert text not in str(value), event


def test_mechanisms(serve, peers, dns, far, secret):
    """The strongest of those that the host offers and the route allows; only after TLS."""
    secret(ACCOUNT[1] + "\n")
    rows = {  # offered, words of the route: what is used
        "scram": ("LOGIN PLAIN SCRAM-SHA-256", "", "SCRAM-SHA-256"),
        "plain": ("LOGIN PLAIN CRAM-MD5", "", "PLAIN"),
        "login": ("LOGIN", "", "LOGIN"),
        "only": ("LOGIN PLAIN SCRAM-SHA-256", "mechanisms LOGIN", "LOGIN"),
        "plus": ("PLAIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS", "", "SCRAM-SHA-256-PLUS"),
        "less": ("PLAIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS", "mechanisms SCRAM-SHA-256 PLAIN", "SCRAM-SHA-256"),
        "older": ("PLAIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS", "", "SCRAM-SHA-256"),
    }
    old = context(far.good)
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    made = {name: peers.add(tls=old if name == "older" else context(far.good), auth=ACCOUNT, offers=row[0])
            for name, row in rows.items()}
    service = serve(extra=conf(secret, dns, *(
        f"route {n} {{ match {n}.example; via {MX}:{made[n].port}; {login(far.ca, row[1])} }}"
        for n, row in rows.items())), retry="1h")
    send(service, *(f"x@{name}.example" for name in rows))
    for name, (_, _, mechanism) in rows.items():
        event = outcome(service, f"x@{name}.example")
        assert event["event"] == "deliver" and event["tls"].endswith(" verified"), (name, event)
        peer = made[name]
        assert peer.logins == [(mechanism, True)] and len(peer.messages) == 1, name
        tls = peer.commands.index("STARTTLS")
        assert all(not c.startswith("AUTH") for c in peer.commands[:tls]), name
        assert [c.split()[0] for c in peer.commands if c.split()[:1] in (["AUTH"], ["MAIL"])] == ["AUTH", "MAIL"]
    # RFC 5802 6: "y" only where it could have been bound and was not offered
    flags = {name: peer.bindings[0][0] for name, peer in made.items() if peer.bindings}
    assert flags == {"scram": "y", "plus": "p=tls-exporter", "less": "n", "older": "n"}
    assert len(made["plus"].bindings[0][1]) == 32 and made["scram"].bindings[0][1] == b""
    no_secret_anywhere(service, ACCOUNT[1])
    assert ACCOUNT[1] not in service.ctl("config")


def test_no_login(serve, peers, dns, far, secret):
    """The mail waits, and nothing of it is sent."""
    secret(ACCOUNT[1])
    tls = context(far.good)
    rows = {
        "none": (peers.add(tls=tls), "4.7.0", "does not offer to log in"),
        "other": (peers.add(tls=tls, auth=ACCOUNT, offers="NTLM"), "4.7.0", "it offers NTLM"),
        "early": (peers.add(tls=tls, auth=ACCOUNT, offers="PLAIN", auth_clear=True, auth_tls=False), "4.7.0",
                  "does not offer to log in"),
        "later": (peers.add({"AUTH": "454 4.7.0 busy"}, tls=tls, auth=ACCOUNT), "4.7.0", "puts off the login"),
        "weak": (peers.add({"AUTH": "534 5.7.9 too weak"}, tls=tls, auth=ACCOUNT), "4.7.9", "534"),
        "gone": (peers.add({"AUTH": "close"}, tls=tls, auth=ACCOUNT), "4.4.2", "while logging in"),
        "garbage": (peers.add({"AUTH": "garbage"}, tls=tls, auth=ACCOUNT), "4.5.0", "while logging in"),
        "lies": (peers.add({"signature": "wrong"}, tls=tls, auth=ACCOUNT), "4.7.8", "does not know the password"),
        # nothing weaker after what was to show whether somebody stands between
        "false": (peers.add({"signature": "wrong"}, tls=tls, auth=ACCOUNT, offers=EVERY), "4.7.8",
                  "does not know the password"),
        "between": (peers.add({"signature": "e=channel-bindings-dont-match"}, tls=tls, auth=ACCOUNT, offers=EVERY),
                    "4.7.8", "the host sees another TLS connection"),
        "boast": (peers.add({"AUTH": "504 5.5.4 what"}, tls=tls, auth=ACCOUNT, offers=EVERY), "4.5.4",
                  "by SCRAM-SHA-256-PLUS, which it offers: 504"),
        "clear": (peers.add(auth=ACCOUNT, offers="PLAIN", auth_clear=True), "4.7.4", "does not offer STARTTLS"),
    }
    service = serve(extra=conf(secret, dns, *(
        f"route {n} {{ match {n}.example; via {MX}:{row[0].port}; {login(far.ca)} }}"
        for n, row in rows.items())), retry="1h")
    send(service, *(f"x@{name}.example" for name in rows))
    for name, (peer, dsn, words) in rows.items():
        event = outcome(service, f"x@{name}.example")
        assert event["event"] == "defer" and event["dsn"] == dsn and words in event["reply"], (name, event)
        assert "MAIL" not in peer.steps and not peer.messages, name
    for name in ("false", "between", "boast"):
        assert {c.split()[1] for c in rows[name][0].commands if c.startswith("AUTH")} == {"SCRAM-SHA-256-PLUS"}, name
    assert not any(c.startswith("AUTH") for c in rows["early"][0].commands + rows["clear"][0].commands)
    no_secret_anywhere(service, ACCOUNT[1])


def test_cleartext(serve, peers, dns, secret):
    """Only where the route says so."""
    secret(ACCOUNT[1])
    peer = peers.add(auth=ACCOUNT, offers="PLAIN", auth_clear=True)
    words = f"via {MX}:{peer.port}; login {ACCOUNT[0]}; secret isp; tls may"
    service = serve(extra=conf(secret, dns, f"route default {{ {words} }}"), retry="1h")
    send(service, "one@far.example")
    event = outcome(service, "one@far.example")
    assert event["event"] == "defer" and event["dsn"] == "4.7.4", event
    service.extra = conf(secret, dns, f"route default {{ {words}; login-cleartext yes }}")
    service.write_conf()
    service.ctl("reload")
    send(service, "two@far.example")
    assert outcome(service, "two@far.example")["event"] == "deliver"
    assert peer.logins == [("PLAIN", True)]


def test_secret_of_another_day(serve, peers, dns, far, secret):
    """No file, then a wrong one, then the right one: each with a reload."""
    peer = peers.add(tls=context(far.good), auth=ACCOUNT)
    service = serve(extra=conf(secret, dns, f"route default {{ via {MX}:{peer.port}; {login(far.ca)} }}"),
                    retry="1h")
    error = service.wait_event("secret_error")
    assert error["route"] == "default" and error["path"] == str(secret.folder / "isp")
    send(service, "none@far.example")
    event = outcome(service, "none@far.example")
    assert event["event"] == "defer" and event["dsn"] == "4.3.5" and peer.sessions == 0, event
    service.ctl("drop", "all", "--yes")  # or it would be tried with each of them
    secret("not this")
    service.ctl("reload")
    for to in ("wrong@far.example", "again@far.example"):
        send(service, to)
        event = outcome(service, to)
        assert event["event"] == "defer" and event["dsn"] == "4.7.8", event
        assert event["reply"].startswith(f"route 'default': {MX} refuses the login of {ACCOUNT[0]}: 535"), event
    service.wait_event("login_fail")
    told = service.events("login_fail")
    assert 1 <= len(told) <= 2 and told[0]["user"] == ACCOUNT[0] and told[0]["route"] == "default", told
    assert not peer.messages
    secret(ACCOUNT[1])
    service.ctl("reload")
    send(service, "right@far.example")
    assert outcome(service, "right@far.example")["event"] == "deliver"
    assert len(peer.messages) == 1
    no_secret_anywhere(service, "not this", ACCOUNT[1])
