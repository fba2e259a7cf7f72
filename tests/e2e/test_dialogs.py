# SPDX-License-Identifier: Apache-2.0
"""The scripts of tests/dialog (format: README.md there) against the live service. The unit
test runs the same files on the pure machine; here sockets, spool and mailbox take part."""
import re

import pytest

import wire
from service import DOMAIN, ROOT, wait_until

FOLDER = ROOT / "tests/dialog"
SCRIPTS = sorted(FOLDER.glob("*.smtp"))
# Of the canned policy that the scripts count on these cannot be configured yet.
CANNED = re.compile(r"<[^<>]*refused\.example>|<later")
# What else the service rightly decides in another way than the canned policy: its users,
# local parts that name another host, VRFY and EXPN of users that are not there.
OTHERWISE = {"path-quoted", "path-routes", "path-syntax", "percent-signs", "vrfy-on",
             "expn-on", "etrn-on", "extra-not-offered"}
# option: words of `limit`, smallest value that the configuration takes
LIMITS = {"size_max": ("message-size", 64 << 10), "recipients_max": ("recipients", 100),
          "errors_max": ("errors", 1), "messages_max": ("messages-per-connection", 0),
          "bare_newlines": ("bare-newline", None)}


def unescaped(text):
    """Bytes that a C: or B: line stands for."""
    text = re.sub(r"\\\{(\d+):((?:[^}\\]|\\.)*)\}", lambda m: m.group(2) * int(m.group(1)), text)
    simple = {"r": b"\r", "n": b"\n", "t": b"\t", "0": b"\0", "\\": b"\\", "c": b""}
    out = b""
    for part in re.split(r"(\\x[0-9A-Fa-f]{2}|\\.)", text):
        if part.startswith("\\x") and len(part) == 4:
            out += bytes([int(part[2:], 16)])
        elif part.startswith("\\") and len(part) == 2:
            out += simple[part[1]]
        else:
            out += part.encode()
    return out


def steps_of(script):
    """(kind, text) of each line that is not a comment; kind is one of ! C S B T."""
    for line in script.read_text(encoding="utf-8").split("\n"):
        if line and not line.startswith("#"):
            yield line[0], line[2:].removeprefix(" ") if line[0] != "!" else line[1:].strip()


def options_for(script, authority):
    """Settings of the service for the `!` lines; skips what cannot be set."""
    made = {"limit": "", "extra": ""}
    text = script.read_text(encoding="utf-8")
    if CANNED.search(text) or script.stem in OTHERWISE:
        pytest.skip("counts on a policy of the unit test")
    wanted = {"size_max": "1000000"}
    wanted.update(step.split(None, 1) for kind, step in steps_of(script) if kind == "!")
    for name, value in wanted.items():
        if name == "pure":
            pytest.skip("counts on a policy of the unit test")
        elif name == "extra":
            if value != "REQUIRETLS":
                pytest.skip("what the service offers depends on the client")
        elif name == "tls":
            pair = authority.main if value != "broken" else ("/nowhere/c", "/nowhere/k")
            word = value if value != "broken" else "offer"
            made["listener"] = f"tls {word}; {authority.words(pair)}"
        elif name == "vrfy":
            made["extra"] += f"vrfy {value}\n"
        else:
            word, least = LIMITS[name]
            if least is not None and int(value) < least:
                pytest.skip(f"{word} is at least {least} in a configuration")
            made["limit"] += f"{word} {value}; "
    if "foreign.example" not in text:
        # Whatever domain such a script writes to, it may.
        made["extra"] += "host 127.0.0.0/8 { accept; relay yes }\n"
    if "<unknown" in text:
        made["users"] = sorted(set(re.findall(rf"<(?!unknown)(\w+)@{DOMAIN}>", text)) | {"ann"})
    return made


class Dialog:
    def __init__(self, service, client, authority):
        self.service, self.client, self.pending = service, client, b""
        self.authority = authority

    def flush(self):
        if self.pending:
            try:
                self.client.send(self.pending)
            except OSError:
                pass  # the server has had enough; the S: lines say if that is right
            self.pending = b""

    def reply(self):
        lines = []
        while True:
            lines.append(self.client.line().decode("utf-8", "replace"))
            if lines[-1][3:4] != "-":
                return "\n".join(lines)

    def step(self, kind, text):
        if kind == "C":
            self.pending += unescaped(text) + (b"" if text.endswith("\\c") else b"\r\n")
        elif kind == "S" and text.strip() == "(close)":
            self.flush()
            assert self.client.is_closed(5), "the server should have closed"
        elif kind == "S":
            self.flush()
            got = self.reply()
            assert any(re.fullmatch(p, got, re.S) for p in patterns(text)), f"{got!r}, not {text!r}"
        elif kind == "T":
            self.flush()
            assert self.client.buffer == b""
            self.client.socket = self.authority.context().wrap_socket(
                self.client.socket, server_hostname=f"mx.{DOMAIN}")
        elif kind == "B":
            self.flush()
            wanted = unescaped(text).replace(b"\r\n", b"\n")
            wait_until(lambda: self.delivered(wanted), 15, f"a message that ends with {wanted!r}")

    def delivered(self, wanted):
        return any(path.read_bytes().replace(b"\r\n", b"\n").endswith(wanted)
                   for path in (self.service.folder / "mail").glob("*/*/new/*"))


def patterns(text):
    """The live service names the id of a message: 2.6.0 instead of the canned 2.0.0."""
    for one in {text, re.sub(r"^250 2\.0\.0", "250 2.6.0", text)}:
        yield ".*".join(re.escape(part) for part in one.split("*"))


def test_there_are_scripts():
    assert len(SCRIPTS) > 10


@pytest.mark.parametrize("script", SCRIPTS, ids=[s.stem for s in SCRIPTS])
def test_dialog(serve, script, authority):
    options = options_for(script, authority)
    steps = [step for step in steps_of(script) if step[0] != "!"]
    any_user = "users" not in options
    service = serve.stopped(**options)
    if any_user:
        service.conf.write_text(service.conf.read_text().replace("users people", "users any"))
    service.start()
    with wire.Client(service.port, timeout=10, greet=False) as client:
        dialog = Dialog(service, client, authority)
        if steps[0][0] != "S" or not steps[0][1].startswith(("220", "4", "5")):
            dialog.step("S", "220 *")
        for kind, text in steps:
            dialog.step(kind, text)
        dialog.flush()
        client.socket.settimeout(0.3)
        try:
            rest = client.buffer + client.socket.recv(65536)
        except OSError:
            rest = client.buffer
        assert rest == b"", f"a reply that no line wants: {rest!r}"
