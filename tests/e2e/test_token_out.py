# SPDX-License-Identifier: Apache-2.0
"""Logging in to smart hosts by tokens: they are fetched, kept fresh, and never shown."""
import pytest

from dnsserver import DnsServer
from peer import Peers
from service import wait_until
from test_login_out import no_secret_anywhere
from test_tls_out import MX, RELAY, SHORT, context, outcome, send
from tokens import TokenServer

USER = "scanner@us.example"
LONG = "eyJ0eXAi." + "x" * 2500 + ".~+/="  # about what Microsoft gives out


@pytest.fixture
def peers():
    with Peers() as made:
        yield made


@pytest.fixture
def dns():
    with DnsServer({MX: {"A": ["127.0.0.1"]}}) as made:
        yield made


@pytest.fixture
def token_server(authority):
    made = []

    def start(*plan):
        made.append(TokenServer(authority, *plan))
        return made[-1]
    yield start
    for server in made:
        server.close()


@pytest.fixture
def world(serve, peers, dns, token_server, authority, tmp_path):
    """world(tokens, good token): a service whose default route logs in by tokens of `tokens`."""
    def make(plan, token, offers="PLAIN LOGIN XOAUTH2", grant="", tls=True, words="", retry="1h", start=True):
        class World:
            pass
        w = World()
        w.folder = tmp_path / "secrets"
        w.folder.mkdir(exist_ok=True)
        for name, text in (("client", "client secret&1"), ("refresh", "first-refresh")):
            (w.folder / name).write_text(text)
            (w.folder / name).chmod(0o600)
        w.tokens = token_server(*plan)
        w.far = authority.make("token-good", MX)
        w.peer = peers.add(tls=context(w.far) if tls else None, auth=(USER, token), offers=offers)
        w.extra = "\n".join((
            SHORT, RELAY, f"secrets {w.folder}", f"resolver {{ server 127.0.0.1:{dns.port}; timeout 1s }}",
            f"oauth m365 {{ token-url {w.tokens.url}; client app-1; secret client; scope https://x.example/.default; "
            f"ca {authority.file}; {grant} }}",
            f"route default {{ via {MX}:{w.peer.port}; tls verify; ca {authority.file}; login {USER}; oauth m365; {words} }}"))
        w.service = serve(extra=w.extra, retry=retry) if start else serve.stopped(extra=w.extra, retry=retry)
        return w
    return make


def token(text, life=3600, **more):
    return {"access_token": text, "token_type": "Bearer", "expires_in": life, **more}


def test_mechanisms(world):
    """Octet by octet as the providers want it; and the token server is asked as its pages say."""
    for offers, mechanism in (("PLAIN LOGIN XOAUTH2", "XOAUTH2"), ("XOAUTH2 OAUTHBEARER", "OAUTHBEARER")):
        w = world([token(LONG)], LONG, offers)
        send(w.service, "x@far.example")
        event = outcome(w.service, "x@far.example")
        assert event["event"] == "deliver" and event["tls"].endswith(" verified"), event
        assert w.peer.logins == [(mechanism, True)] and len(w.peer.messages) == 1
        assert w.tokens.forms == [(None, {
            "grant_type": "client_credentials", "scope": "https://x.example/.default", "client_id": "app-1",
            "client_secret": "client secret&1"})]
        told = [e for e in w.service.events() if e["event"] == "token"]
        assert [e["oauth"] for e in told] == ["m365"]
        no_secret_anywhere(w.service, LONG, "client secret&1")
        assert LONG not in w.service.ctl("config", "--effective")


def test_the_end_of_a_token(world):
    """Another one is there before the first has ended."""
    w = world([token("one", 3), token("two")], "two")
    wait_until(lambda: len(w.tokens.forms) == 2, 20, "a second token")
    wait_until(lambda: len([e for e in w.service.events() if e["event"] == "token"]) == 2, 10, "it is known")
    send(w.service, "x@far.example")
    assert outcome(w.service, "x@far.example")["event"] == "deliver"
    assert w.peer.logins == [("XOAUTH2", True)]


def test_a_refused_token(world):
    """One more is asked for, and the mail waits meanwhile."""
    w = world([token("old"), token("new")], "new")
    send(w.service, "x@far.example")
    event = outcome(w.service, "x@far.example")
    assert event["event"] == "defer" and event["dsn"] == "4.7.8" and "refuses the login" in event["reply"], event
    wait_until(lambda: len(w.tokens.forms) == 2, 20, "another token")
    wait_until(lambda: len([e for e in w.service.events() if e["event"] == "token"]) == 2, 10, "it is known")
    send(w.service, "y@far.example")
    assert outcome(w.service, "y@far.example")["event"] == "deliver"
    assert w.peer.logins == [("XOAUTH2", False), ("XOAUTH2", True)]
    assert [e["user"] for e in w.service.events() if e["event"] == "login_fail"] == [USER]


def test_a_rotated_refresh_token(world):
    """The new one is used from then on, also by the next process; until the secret changes."""
    grant = "grant refresh-token; refresh refresh"
    w = world([token("token-one", 2, refresh_token="second-refresh"), token("token-two")], "token-two", grant=grant)
    wait_until(lambda: len(w.tokens.forms) == 2, 20, "a second token")
    assert [form["refresh_token"] for _, form in w.tokens.forms] == ["first-refresh", "second-refresh"]
    kept = w.service.folder / "state" / "http" / "m365.refresh"
    assert kept.stat().st_mode & 0o777 == 0o600
    w.service.stop()
    w.service.start()
    wait_until(lambda: len(w.tokens.forms) == 3, 20, "a token after the restart")
    assert w.tokens.forms[2][1]["refresh_token"] == "second-refresh"
    send(w.service, "x@far.example")
    assert outcome(w.service, "x@far.example")["event"] == "deliver"
    (w.folder / "refresh").write_text("of another day")
    w.service.ctl("reload")
    wait_until(lambda: w.tokens.forms[-1][1]["refresh_token"] == "of another day", 20, "the new secret in use")
    no_secret_anywhere(w.service, "first-refresh", "second-refresh", "of another day", "token-two")


def test_no_token(world):
    """Mail waits, and is told why; it goes when there is one."""
    error = {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret."}
    w = world([error, 503, "down", token("good")], "good", retry="2s 2s 2s 2s 2s 2s")
    send(w.service, "x@far.example")
    event = wait_until(lambda: [e for e in w.service.events() if e["event"] == "defer"], 30, "the mail waits")[0]
    assert event["dsn"] == "4.7.0" and event["reply"].startswith("there is no token to log in with (oauth m365): "), event
    failed = [e for e in w.service.events() if e["event"] == "token_fail"]
    assert [(e["oauth"], e["error"]) for e in failed] == \
        [("m365", "invalid_client: AADSTS7000215: Invalid client secret.")]
    wait_until(lambda: w.peer.messages, 40, "the mail at the smart host")
    assert w.peer.logins == [("XOAUTH2", True)]


def test_not_without_tls(world):
    """Nothing of it is said in the clear."""
    w = world([token("good")], "good", tls=False)
    w.peer.auth_clear = True
    send(w.service, "x@far.example")
    event = outcome(w.service, "x@far.example")
    assert event["event"] == "defer" and event["dsn"] == "4.7.4", event
    assert not any(c.startswith("AUTH") for c in w.peer.commands) and not w.peer.messages


def test_a_secret_that_is_not_there(world):
    """It is told, the mail waits, and the reload that follows it mends it."""
    w = world([token("good")], "good", start=False)
    (w.folder / "client").unlink()
    w.service.start()
    send(w.service, "x@far.example")
    event = outcome(w.service, "x@far.example")
    assert event["event"] == "defer" and "its secret cannot be read" in event["reply"], event
    assert not w.tokens.forms
    (w.folder / "client").write_text("back")
    (w.folder / "client").chmod(0o600)
    w.service.ctl("reload")
    wait_until(lambda: w.tokens.forms, 20, "the token server is asked")
    wait_until(lambda: [e for e in w.service.events() if e["event"] == "token"], 10, "a token")
    send(w.service, "y@far.example")
    assert outcome(w.service, "y@far.example")["event"] == "deliver"
