# SPDX-License-Identifier: Apache-2.0
"""The table tests/golden/policy/matrix.txt on a running service, for what test_submission.py
leaves out: TLS, users who have logged in, and logins in vain. The verdicts are read from the
table; nothing here says what is right."""
import email
import re
import socket

import pytest

import certs
import wire
from service import DOMAIN, free_port, wait_until
from test_auth import login
from test_submission import MATRIX, RULES, SENDERS, wanted

ROLES = ("mx", "submission", "relay")
EXEMPT = "127.0.0.5"
# who logs in with what, for a sender
USERS = {"owner": lambda sender: ("eve" if sender == "elsewhere" else "ann", "secret-1"),
         "another": lambda sender: ("bob", "secret-1"),
         "failed": lambda sender: ("ann", "wrong-9")}


def matrix():
    """{(role, homed, match, tls, notify, identity, sender): cell} of the whole table."""
    cells, section, grid = {}, None, None
    for line in MATRIX.read_text().splitlines():
        head = re.fullmatch(r"listener (\w+), homed (\w+), match (\w+)", line)
        caption = re.match(r"  (plain|TLS), notify (on|off) ", line)
        if head:
            section = head.groups()
        elif caption:
            grid = caption.groups()
        elif section and line.startswith("    "):
            words = re.split(r"\s{2,}", line.strip())
            for sender, cell in zip(SENDERS, words[1:], strict=True):
                cells[(*section, *grid, words[0], sender)] = cell
    return cells


CELLS = matrix()
SETTINGS = sorted({(key[1], key[2], key[4]) for key in CELLS})


def sample(settings):
    """Of one setting all that somebody logs in for, and of the rest what TLS is for."""
    homed, match, notify = settings
    return {key: cell for key, cell in CELLS.items() if (key[1], key[2], key[4]) == settings
            and (key[5] in USERS or key[3] == "TLS")
            # each of the two ways to connect stands in every second cell
            and (hash_of(key) % 2 == 0 or key[5] in ("owner", "another"))}


def hash_of(key):
    """The same in every run."""
    return sum(ord(c) for word in key for c in word)


def test_the_table_is_whole():
    assert len(CELLS) == 3 * 2 * 2 * 2 * 2 * 5 * 5
    assert {key[5] for key in CELLS} == {"unauthenticated", "exempt", *USERS}
    assert sum(len(sample(settings)) for settings in SETTINGS) >= 600
    told = [cell for settings in SETTINGS for cell in sample(settings).values()]
    assert {wanted(cell)[1] for cell in told} == {"", "MAIL", "RCPT"}


class Live:
    """A listener for each role, TLS and logins offered on each."""

    def __init__(self, serve, authority):
        self.authority = authority
        self.tls = authority.words(authority.main)
        self.ports = {role: free_port() for role in ROLES[1:]}
        self.service = serve.stopped(listener=f"auth offer; tls offer; {self.tls}", users=("ann", "bob"))
        self.ports["mx"] = self.service.port
        self.service.extra = self.text("required", "required", "on")
        self.service.write_conf()
        self.service.ctl("user", "add", f"eve@{DOMAIN}", "--home", f"other.{DOMAIN}",
                         "--password-stdin", stdin="secret-1\n")
        self.service.start()

    def text(self, homed, match, notify):
        notify = {"on": "postmaster", "off": "none"}[notify]
        return (f"submission {{\n\thomed {homed}\n\tmatch {match}\n\tnotify {notify}\n}}\n"
                f"host {EXEMPT} {{ accept; auth exempt; relay yes }}\n"
                "host 127.0.0.0/8 { accept; auth cleartext }\nrelay { authenticated }\n"
                "auth { delay 0s; failures 0 }\nroute default { via 127.0.0.1:9; tls off }\n"
                + "".join(f"listener {role} {{ address 127.0.0.1:{self.ports[role]}; role {role}; "
                          f"auth offer; tls offer; {self.tls} }}\n" for role in ROLES[1:]))

    def change(self, *settings):
        self.service.extra = self.text(*settings)
        self.service.write_conf()
        self.service.reload()
        for port in self.ports.values():
            socket.create_connection(("127.0.0.1", port), 5).close()

    def ask(self, port, tls, identity, sender, helo):
        """The first answer that is not 250: (code, stage), or (250, "")."""
        address = SENDERS[sender]
        source = EXEMPT if identity == "exempt" else "127.0.0.1"
        with wire.Client(port, source=source) as client:
            client.expect(250, b"EHLO " + helo.encode())
            if tls:
                certs.starttls(client, self.authority.context())
                client.expect(250, b"EHLO " + helo.encode())
            if identity in USERS:
                user, password = USERS[identity](sender)
                code = login(client, f"{user}@{DOMAIN}", password)[0]
                assert code == (535 if identity == "failed" else 235)
            for stage, line in (("MAIL", f"MAIL FROM:<{address}>"), ("RCPT", "RCPT TO:<bob@there.example>")):
                code, _ = client.command(line.encode())
                if code != 250:
                    return code, stage
        return 250, ""

    def pids(self):
        """Without dns, which is a fresh one after each reload."""
        return {role: pids for role, pids in self.service.pids().items() if role != "dns"}


@pytest.fixture
def live(serve, authority):
    return Live(serve, authority)


def told_of(service):
    return len(service.events("notify"))


def test_the_table_holds_with_logins_and_tls(live):
    service = live.service
    before = live.pids()
    number, notices = 0, set()
    for settings in SETTINGS:
        live.change(*settings)
        refused = {}
        for key, cell in sample(settings).items():
            number += 1
            helo = f"c{number}.example"
            code, stage, rule, told = wanted(cell)
            got = live.ask(live.ports[key[0]], key[3] == "TLS", key[5], key[6], helo)
            assert got == (code, stage), (key, cell, got)
            if code != 250:
                refused[helo] = (key, rule)
            if told:
                notices.add((EXEMPT if key[5] == "exempt" else "127.0.0.1", rule))
        check_events(service, refused)
    assert number >= 600
    # One message for each client and class, however many refusals there were.
    assert len(notices) == 3, notices
    wait_until(lambda: told_of(service) >= len(notices), 20, "the notices")
    service.wait_mail("ann", len(notices))
    service.wait_empty()
    assert told_of(service) == len(service.mailbox("ann")) == len(notices)
    assert {email.message_from_bytes(mail)["Auto-Submitted"] for mail in service.mailbox("ann")} \
        == {"auto-generated"}
    assert live.pids() == before


def check_events(service, refused):
    """Every refusal is in the log with the rule that the table names."""
    wait_until(lambda: refused.keys() <= {e.get("helo") for e in service.events("refuse")}, 15,
               "every refusal in the log")
    lines = service.conf.read_text().splitlines()
    for event in service.events("refuse"):
        if event.get("helo") not in refused:
            continue
        key, rule = refused[event["helo"]]
        path, _, line = event["rule"].rpartition(":")
        got = lines[int(line) - 1].split()[0] if path == str(service.conf) else event["rule"]
        assert got == rule, (key, event)
        user = USERS[key[5]](key[6])[0] + "@" + DOMAIN if key[5] in ("owner", "another") else "-"
        assert (event["user"], event["from"]) == (user, SENDERS[key[6]]), (key, event)
