# SPDX-License-Identifier: Apache-2.0
"""Submission rules and sender filters on a running service: what of the table
tests/golden/policy/matrix.txt needs no login and no TLS, and `imsctl explain` beside it."""
import pathlib
import re
import socket

import pytest

import wire
from service import DOMAIN, free_port, wait_until

MATRIX = pathlib.Path(__file__).resolve().parents[1] / "golden" / "policy" / "matrix.txt"
SENDERS = {"here": "ann@us.example", "elsewhere": "eve@us.example", "unknown": "nobody@us.example",
           "null": "", "foreign": "x@far.example"}
SOURCES = {"unauthenticated": "127.0.0.1", "exempt": "127.0.0.5"}
# line of the configuration in the matrix: how the line of ours begins that says the same
RULES = {"3": "homed", "4": "match", "8": "listener"}


def matrix():
    """{(role, homed, match, notify, identity, sender): cell} of the plain ones."""
    cells, section, grid = {}, None, None
    for line in MATRIX.read_text().splitlines():
        head = re.fullmatch(r"listener (\w+), homed (\w+), match (\w+)", line)
        caption = re.match(r"  (plain|TLS), notify (on|off) ", line)
        if head:
            section = head.groups()
        elif caption:
            grid = caption.groups()
        elif grid and grid[0] == "plain" and line.startswith("    "):
            words = re.split(r"\s{2,}", line.strip())
            if words[0] in SOURCES:
                for sender, cell in zip(SENDERS, words[1:], strict=True):
                    cells[(*section, grid[1], words[0], sender)] = cell
    return cells


CELLS = matrix()


def test_the_table_was_read():
    assert len(CELLS) == 3 * 2 * 2 * 2 * 2 * 5


def ask(port, source, helo, sender):
    """The first answer that is not 250: (code, stage), or (250, "")."""
    with wire.Client(port, source=source) as client:
        client.expect(250, b"EHLO " + helo.encode())
        for stage, line in (("MAIL", f"MAIL FROM:<{sender}>"), ("RCPT", "RCPT TO:<bob@there.example>")):
            code, _ = client.command(line.encode())
            if code != 250:
                return code, stage
    return 250, ""


class Table:
    """A service with a listener for each role, whose rules change with reloads."""

    def __init__(self, serve):
        self.ports = {"submission": free_port(), "relay": free_port()}
        self.service = serve(extra=self.text("required", "required", "on"))
        self.ports["mx"] = self.service.port
        self.service.ctl("user", "add", f"eve@{DOMAIN}", "--home", f"other.{DOMAIN}",
                         "--password-stdin", stdin="secret-1\n")

    def text(self, homed, match, notify):
        notify = {"on": "postmaster", "off": "none"}[notify]
        return (f"submission {{\n\thomed {homed}\n\tmatch {match}\n\tnotify {notify}\n}}\n"
                "host 127.0.0.5 { accept; auth exempt; relay yes }\n"
                "route default { via 127.0.0.1:9; tls off }\n"
                + "".join(f"listener {role} {{ address 127.0.0.1:{port}; role {role} }}\n"
                          for role, port in self.ports.items() if role != "mx"))

    def change(self, *settings):
        service = self.service
        service.extra = self.text(*settings)
        service.write_conf()
        service.reload()
        for port in self.ports.values():
            socket.create_connection(("127.0.0.1", port), 5).close()

    def pids(self):
        """Without dns, which is a fresh one after each reload."""
        return {role: pids for role, pids in self.service.pids().items() if role != "dns"}

    def rule_word(self, rule):
        """First word of the line that the rule names; a built-in rule is its own name."""
        path, _, line = rule.rpartition(":")
        if path != str(self.service.conf):
            return rule
        return self.service.conf.read_text().splitlines()[int(line) - 1].split()[0]


def wanted(cell):
    """(code, stage, word of the rule, whether the postmaster is told) of a cell."""
    match = re.fullmatch(r"(\d+)(?: (\w+) (.*?))?( \*)?", cell)
    code, stage, rule, told = match.groups()
    rule = RULES[rule[1:]] if rule and rule.startswith(":") else rule or ""
    return int(code), stage or "", rule, bool(told)


def test_the_table_holds_on_the_service(serve):
    table = Table(serve)
    service = table.service
    before = table.pids()
    number = 0
    for settings in sorted({key[1:4] for key in CELLS}):
        table.change(*settings)
        refused = {}
        for key, cell in CELLS.items():
            if key[1:4] != settings:
                continue
            number += 1
            code, stage, rule, _ = wanted(cell)
            helo = f"c{number}.example"
            got = ask(table.ports[key[0]], SOURCES[key[4]], helo, SENDERS[key[5]])
            assert got == (code, stage), (key, cell, got)
            if code != 250:
                refused[helo] = (key, rule)
        wait_until(lambda names=refused: names.keys() <= {e.get("helo") for e in service.events("refuse")},
                   15, "every refusal in the log")
        for event in service.events("refuse"):
            if event.get("helo") in refused:
                key, rule = refused[event["helo"]]
                assert table.rule_word(event["rule"]) == rule, (key, event)
                assert (event["user"], event["from"]) == ("-", SENDERS[key[5]]), (key, event)
    # one for each client, and for the class there is without a login
    service.wait_mail("ann", 2)
    service.wait_empty()
    assert len(service.mailbox("ann")) == len(service.events("notify")) == 2
    assert table.pids() == before


def test_explain_says_the_same(serve):
    table = Table(serve)
    names = {"mx": "in"}
    for key, cell in CELLS.items():
        if key[1:4] != ("required", "required", "on") or key[4] != "exempt":
            continue
        code, stage, rule, told = wanted(cell)
        found, = table.service.ctl_json(
            "explain", "rcpt", "--client", SOURCES[key[4]], "--helo", "h", "--from", SENDERS[key[5]],
            "--to", "bob@there.example", "--listener", names.get(key[0], key[0]))
        stages = {"": "content", "MAIL": "sender", "RCPT": "recipient"}
        assert found["stages"][-1]["stage"] == stages[stage], (key, found)
        assert found["verdict"] == ("accept" if code == 250 else "refuse") and found["told"] == told
        if code != 250:
            assert (found["code"], found["dsn"]) == (code, "5.7.1"), (key, found)
            assert table.rule_word(found["rule"]) == rule, (key, found)


def explained(service, *arguments):
    return service.ctl_json("explain", "rcpt", *arguments)[0]


def test_explain_with_and_without_a_login(serve):
    table = Table(serve)
    service = table.service
    service.process.terminate()
    service.process.wait(30)  # it needs no service
    service.process = None
    client = ("--client", "127.0.0.1", "--to", f"bob@{DOMAIN}", "--listener", "submission")
    assert explained(service, *client)["code"] == 530
    own = explained(service, *client, "--user", f"ann@{DOMAIN}", "--from", f"ann+x@{DOMAIN}")
    assert own["verdict"] == "accept" and own["sender_owner"] == f"ann@{DOMAIN}"
    assert own["sender_home"] == f"mx.{DOMAIN}" and own["recipient_exists"] == "yes"
    other = explained(service, *client, "--user", f"bob@{DOMAIN}", "--from", f"ann@{DOMAIN}")
    assert other["code"] == 550 and table.rule_word(other["rule"]) == "match"
    nobody = explained(service, "--client", "127.0.0.1", "--to", f"nobody@{DOMAIN}")
    assert (nobody["code"], nobody["dsn"], nobody["recipient_exists"]) == (550, "5.1.1", "no")
    text = service.ctl("explain", "rcpt", "--client", "127.0.0.5", "--from", "<x@far.example>",
                       "--to", f"<bob@{DOMAIN}>", "--helo", "a\x1b[2Jb")
    assert "\x1b" not in text and "exempt from authentication by a host rule" in text
    assert re.search(r"^verdict +refuse 550 5\.7\.1 .*the postmaster is told$", text, re.M), text
    (service.folder / "state" / "directory.db").unlink()
    assert explained(service, "--client", "127.0.0.1", "--to", f"bob@{DOMAIN}")["code"] == 451


def test_explain_client(serve):
    service = Table(serve).service
    relays, = service.ctl_json("explain", "client", "127.0.0.5")
    assert [s["stage"] for s in relays["stages"]] == ["connect", "session", "reputation", "relay"]
    assert relays["verdict"] == "accept" and relays["host_rule"]
    stranger, = service.ctl_json("explain", "client", "192.0.2.77")
    assert (stranger["code"], stranger["rule"], stranger["right"]) == (550, "relay denied", "")
    assert "login" not in service.ctl("explain", "client", "2001:db8::1", "--listener", "submission")


@pytest.mark.parametrize("arguments,status", [
    ((), 64), (("rcpt",), 64), (("client",), 64), (("client", "x"), 64), (("client", "1.2.3.4", "y"), 64),
    (("rcpt", "--client", "1.2.3.4"), 64), (("rcpt", "--client", "x", "--to", "a@b.example"), 64),
    (("rcpt", "--client", "1.2.3.4", "--to", "a b"), 65), (("rcpt", "--client", "1.2.3.4", "--to", ""), 65),
    (("rcpt", "--client", "1.2.3.4", "--to", "a@b.example", "--from", "@"), 65),
    (("rcpt", "--client", "1.2.3.4", "--to", "a@b.example", "--listener", "none"), 65),
])
def test_explain_wants_good_words(serve, arguments, status):
    serve.stopped().ctl("explain", *arguments, status=status)


def test_filtered_senders(serve):
    service = serve(extra="filter senders { x@spam.example @.turf.example }\n"
                          "filter senders {\n\taction quarantine\n\t@held.example\n}\n")
    lines = service.conf.read_text().splitlines()
    for sender, code in (("x@spam.example", 550), ("X@Spam.Example", 550), ("y@spam.example", 250),
                         ("y@a.b.turf.example", 550), ("y@turf.example", 250), ("", 250)):
        with service.client() as client:
            client.expect(code, f"MAIL FROM:<{sender}>".encode())
    path, line = service.wait_event("refuse", stage="sender")["rule"].rsplit(":", 1)
    assert path == str(service.conf) and lines[int(line) - 1].startswith("filter senders")
    assert service.send("y@held.example", f"bob@{DOMAIN}", wire.message())[0] == 250
    row = wait_until(service.queue, 10, "a held message")[0]
    assert row["state"] == "held" and row["sender"] == "y@held.example"
    held = service.wait_event("hold", id=row["id"])
    path, line = held["reason"].removeprefix("the sender is filtered: ").rsplit(":", 1)
    assert held["from"] == "y@held.example" and lines[int(line) - 1].strip() == "@held.example"
    assert not service.mailbox("bob")
    service.ctl("release", row["id"], "--yes")
    service.wait_mail("bob")
    service.wait_empty()
    assert explained(service, "--client", "127.0.0.1", "--from", "y@held.example", "--to",
                     f"bob@{DOMAIN}")["verdict"] == "hold"


def test_a_file_of_senders_is_read_again(serve):
    service = serve.stopped(extra="")
    names = service.folder / "senders.txt"
    service.extra = f"filter senders {{ file {names} }}\n"
    names.write_text("# 100,000 of them\n" + "".join(f"u{n}@s{n}.example\n" for n in range(100_000)))
    service.write_conf()
    service.start()
    with service.client() as client:
        client.expect(550, b"MAIL FROM:<u99999@s99999.example>")
        client.expect(250, b"MAIL FROM:<u99999@s99998.example>")
    assert service.wait_event("refuse")["rule"] == f"{names}:100001"
    names.write_text("@s99998.example\n")
    service.reload()
    with service.client() as client:
        client.expect(550, b"MAIL FROM:<u99999@s99998.example>")
        client.expect(250, b"MAIL FROM:<u99999@s99999.example>")
    names.write_text("no sender\n")  # a wrong one changes nothing
    service.reload()
    with service.client() as client:
        client.expect(550, b"MAIL FROM:<u99999@s99998.example>")


# Beside tests/unit/lib/policy/open_relay.c, on the wire.
@pytest.mark.parametrize("recipient", [
    b"x@there.example", b"@us.example:x@there.example", b"x%there.example@us.example",
    b"x%there.example@any.example", b"there.example!x@us.example", b"there.example!x@any.example",
    b'"x@there.example"@us.example', b'"x@there.example"@any.example', b"x@[127.0.0.1]",
    b'"x%there.example"@any.example', b"@us.example,@any.example:x%there.example@us.example",
    b"x@mx.us.example", b"postmaster%there.example@us.example", b"x@there.example@us.example",
    b"IMCEASMTP-x+40there+2Eexample@us.example", b"x%there.example", b"there.example!x"])
def test_open_relay_forms(service, recipient):
    with service.client() as client:
        client.expect(250, b"MAIL FROM:<a@client.example>")
        client.expect(5, b"RCPT TO:<" + recipient + b">")
        client.expect(250, b"RCPT TO:<bob@us.example>")
