# SPDX-License-Identifier: Apache-2.0
"""Logging in from one service to another: each mechanism, letters of all kinds, and somebody
who stands between them with a certificate that is good."""
import socket
import ssl
import threading

import pytest

from dnsserver import DnsServer
from service import free_port, wait_until
from test_auth import OUT, QUICK
from test_login_out import no_secret_anywhere
from test_tls_out import RELAY, SHORT, context, outcome, send

HOST = "mx.us.example"
# NFD, a soft hyphen, a blank that is none, a Roman nine: RFC 4013 makes "päss IX" of it.
TYPED, MEANT = "pa\u0308s\u00ads\u00a0\u2168", "p\u00e4ss IX"
USERS = {"ann": "open, sesame=1", "eve": MEANT, "zo\u00eb": "secret-3"}


@pytest.fixture
def dns():
    with DnsServer({HOST: {"A": ["127.0.0.1"]}}) as made:
        yield made


@pytest.fixture
def far(serve, authority):
    """The smart host: TLS from the first octet, and nobody sends without a login."""
    port = free_port()
    service = serve(users=(), extra=QUICK + OUT + "relay { authenticated }\n" + f"""listener secure {{
        address 127.0.0.1:{port}; tls implicit; {authority.words(authority.main)}; auth require }}\n""")
    service.secure = port
    for name, password in USERS.items():
        service.ctl("user", "add", f"{name}@us.example", "--password-stdin", stdin=password + "\n")
    return service


@pytest.fixture
def near(serve, dns, authority, tmp_path):
    """The one that logs in: routes {name: (port, user, password, words)}."""
    folder = tmp_path / "secrets"
    folder.mkdir()

    def start(routes):
        blocks = []
        for name, (port, user, password, words) in routes.items():
            (folder / name).write_text(password)
            (folder / name).chmod(0o600)
            blocks.append(f"route {name} {{ match {name}.example; via {HOST}:{port}; tls verify; ca {authority.file}; "
                          f"tls-start implicit; login {user}@us.example; secret {name}; {words} }}")
        return serve(extra="\n".join((SHORT, RELAY, f"secrets {folder}",
                                      f"resolver {{ server 127.0.0.1:{dns.port}; timeout 1s }}", *blocks)), retry="1h")
    return start


class Between:
    """Takes TLS connections with its own certificate and opens others to `port`; each way, the
    octets `cut` are left out."""

    def __init__(self, pair, authority, port, cut=b""):
        self.mine, self.theirs, self.target, self.cut = context(pair), authority.context(), port, cut
        self.theirs.check_hostname = False
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.connections = 0
        threading.Thread(target=self._run, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.close()

    def _run(self):
        while True:
            try:
                near = self.mine.wrap_socket(self.server.accept()[0], server_side=True)
                far = self.theirs.wrap_socket(socket.create_connection(("127.0.0.1", self.target)))
            except ssl.SSLError:
                continue
            except OSError:
                return
            self.connections += 1
            for pair in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=pair, daemon=True).start()

    def _pump(self, source, sink):
        try:
            while piece := source.recv(65536):
                sink.sendall(piece.replace(self.cut, b"") if self.cut else piece)
        except OSError:
            pass
        for one in (source, sink):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def test_mechanisms_and_letters(far, near):
    rows = {  # user, password, words: what is used
        "plus": ("ann", USERS["ann"], "", "SCRAM-SHA-256-PLUS"),
        "scram": ("ann", USERS["ann"], "mechanisms SCRAM-SHA-256", "SCRAM-SHA-256"),
        "plain": ("ann", USERS["ann"], "mechanisms PLAIN", "PLAIN"),
        "typed": ("eve", TYPED, "", "SCRAM-SHA-256-PLUS"),
        "typedscram": ("eve", TYPED, "mechanisms SCRAM-SHA-256", "SCRAM-SHA-256"),
        "typedplain": ("eve", TYPED, "mechanisms PLAIN", "PLAIN"),
        "typedlogin": ("eve", TYPED, "mechanisms LOGIN", "LOGIN"),
        "name": ("zo\u00eb", USERS["zo\u00eb"], "", "SCRAM-SHA-256-PLUS"),
    }
    service = near({name: (far.secure, *row[:3]) for name, row in rows.items()})
    for name, (user, password, _, mechanism) in rows.items():
        before = len(far.events("auth"))
        send(service, f"x@{name}.example")
        event = outcome(service, f"x@{name}.example")
        assert event["event"] == "deliver", (name, event)
        told = wait_until(lambda: far.events("auth")[before:], 10, "the login")
        assert [(e["mechanism"], e["user"]) for e in told] == [(mechanism, f"{user}@us.example")], name
        no_secret_anywhere(service, password)
    assert not far.events("auth_fail")


def test_wrong_password(far, near):
    """One try, and nothing weaker after it."""
    service = near({"wrong": (far.secure, "ann", "not this", "")})
    send(service, "x@wrong.example")
    event = outcome(service, "x@wrong.example")
    assert event["event"] == "defer" and event["dsn"] == "4.7.8", event
    assert "refuses the login of ann@us.example by SCRAM-SHA-256-PLUS, which it offers: 535" in event["reply"], event
    told = wait_until(lambda: far.events("auth_fail"), 10, "the failure")
    assert [e["mechanism"] for e in told] == ["SCRAM-SHA-256-PLUS"]


def test_somebody_between(far, near, authority):
    """Whoever has a certificate that is good for the name sees everything that PLAIN says, and
    can pass SCRAM on; with the connection in the signature nothing of that helps."""
    pair = authority.make("between", HOST)
    with Between(pair, authority, far.secure) as passing, \
            Between(pair, authority, far.secure, b"SCRAM-SHA-256-PLUS ") as cutting:
        service = near({"passing": (passing.port, "ann", USERS["ann"], ""),
                        "cutting": (cutting.port, "ann", USERS["ann"], ""),
                        "careless": (passing.port, "ann", USERS["ann"], "mechanisms SCRAM-SHA-256")})
        send(service, "x@passing.example", "x@cutting.example", "x@careless.example")
        assert outcome(service, "x@careless.example")["event"] == "deliver"  # so the way is open
        for name in ("passing", "cutting"):
            event = outcome(service, f"x@{name}.example")
            assert event["event"] == "defer" and event["dsn"] == "4.7.8", (name, event)
            assert "login of ann@us.example" in event["reply"], (name, event)
        assert passing.connections and cutting.connections
    assert {e["mechanism"] for e in far.events("auth_fail")} == {"SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"}
    assert len(far.events("auth")) == 1
