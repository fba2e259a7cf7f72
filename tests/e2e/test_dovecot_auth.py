# SPDX-License-Identifier: Apache-2.0
"""Users and passwords as Dovecot knows them, asked by its own sockets; the real Dovecot."""
import base64
import os
import pathlib
import re
import signal
import socket
import time

import pytest

import field
import wire
from ask import GOOD, LATER, UNKNOWN, auth, rcpt
from service import DOMAIN, children, free_port, wait_until
from test_auth import CLEAR, QUICK, login, no_credentials

WORD = "secret-1"
MAIL = wire.message("to dovecot's users")
CONF = """protocols =
listen = 127.0.0.1
base_dir = {folder}/run/base
state_dir = {folder}/run/state
ssl = no
log_path = /dev/stderr
default_login_user = dovenull
default_internal_user = dovecot
default_internal_group = dovecot
first_valid_uid = 1
auth_failure_delay = 0
auth_username_format = {format}
auth_username_chars = abcdefghijklmnopqrstuvwxyz0123456789.-_@+'" =
passdb {{
  driver = passwd-file
  args = {folder}/etc/people
}}
passdb {{
  driver = passwd-file
  args = {folder}/etc/closed
}}
userdb {{
  driver = passwd-file
  args = {folder}/etc/people
}}
service auth {{
  unix_listener {folder}/run/ims-auth {{
    mode = 0666
  }}
  unix_listener {folder}/run/ims-userdb {{
    mode = 0777
  }}
  inet_listener {{
    address = 127.0.0.1
    port = {port}
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
"""


def takes(path):
    """Whether somebody listens there."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


class Dovecot(field.Field):
    def __init__(self, style="%Lu"):
        super().__init__("dovecot")
        self.auth, self.userdb = self.folder / "run" / "ims-auth", self.folder / "run" / "ims-userdb"
        self.file("dovecot/dovecot.conf", CONF.format(folder=self.folder, port=self.port, format=style))
        domain = "" if style == "%Ln" else "@dc.example"
        self.file("people", f"ann{domain}:{{PLAIN}}{WORD}:5506:5506::{self.folder}/mail/ann::\n")
        self.file("closed", "")

    def run(self):
        return self.start("/usr/sbin/dovecot", "-F", "-c", "/etc/dovecot/dovecot.conf",
                          ready=lambda: takes(self.auth) and takes(self.userdb))

    def below(self, pid):
        for child in children(pid):
            yield child
            yield from self.below(child)

    def signal(self, number):
        """To every process of it."""
        for pid in list(self.below(self.process.pid)):
            os.kill(pid, number)

    def kill(self):
        for pid in children(self.process.pid):
            os.kill(pid, signal.SIGKILL)
        self.process.wait(10)
        for path in (self.auth, self.userdb):
            path.unlink(missing_ok=True)


@pytest.fixture
def dovecot():
    with Dovecot() as made:
        yield made.run()


@pytest.fixture
def run(serve):
    def start(auth=None, userdb=None, more="timeout 2s; cache 0s", **options):
        service = serve.stopped(listener="auth offer", **options)
        words = (f"auth {auth}; " if auth else "") + (f"userdb {userdb}" if userdb else "")
        service.extra = f"""{CLEAR}{QUICK}auth {{ mechanisms PLAIN LOGIN }}
directory dc {{ dovecot {{ {words} }}; {more} }}
domain dc.example {{ users dc; deliver maildir {service.folder}/mail/%d/%n }}
"""
        service.write_conf()
        return service.start()
    return start


def works(service):
    assert rcpt(service, "ann@dc.example") == GOOD
    assert rcpt(service, "nobody@dc.example") == UNKNOWN
    assert auth(service, "ann@dc.example") == 235
    assert auth(service, "ann@dc.example", "wrong") == 535
    assert auth(service, "nobody@dc.example") == 535


def test_users_and_passwords(run, dovecot):
    service = run(dovecot.auth, dovecot.userdb)
    works(service)
    assert rcpt(service, "Ann@DC.example") == GOOD and rcpt(service, "ann+x@dc.example") == GOOD
    assert service.send("a@client.example", ["ann@dc.example"], MAIL)[0] == 250
    service.wait_mail("ann", 1, "dc.example")
    with service.client() as client:
        client.expect(334, b"AUTH LOGIN " + base64.b64encode(b"ann@dc.example"))
        client.expect(235, base64.b64encode(WORD.encode()))
    for user, word in (("ann@dc.example", WORD + "\t"), ("ann@dc.example", "\t\n\1x"),
                       ("a'b \"c@dc.example", "x"), ("ann@dc.example", "x" * 500)):
        assert auth(service, user, word) == 535
    no_credentials(service, WORD)


def test_by_tcp_and_names_without_a_domain(run):
    """Dovecot says `ann`; here it is the address that was asked for."""
    port = free_port()
    with Dovecot("%Ln") as dovecot:
        dovecot.run()
        service = run(f"127.0.0.1:{dovecot.port}", dovecot.userdb, more="cache 0s }\n"
                      "submission { homed required; match required }\n"
                      "route default { via 127.0.0.1:9; tls off }\n"
                      f"listener sub {{ address 127.0.0.1:{port}; role submission; auth require")
        works(service)
        with wire.Client(port) as client:
            client.expect(250, b"EHLO client.example")
            assert login(client, "ann@dc.example", WORD)[0] == 235
            client.expect(250, b"MAIL FROM:<ann@dc.example>")
            client.expect(250, b"RCPT TO:<x@far.example>")


def test_users_alone_and_passwords_alone(run, dovecot, serve):
    service = run(None, dovecot.userdb)
    assert rcpt(service, "ann@dc.example") == GOOD and rcpt(service, "nobody@dc.example") == UNKNOWN
    assert auth(service, "ann@dc.example") == 535
    service.stop()
    # A list of ours, and passwords of Dovecot's.
    service = serve.stopped(users=("ann", "eve"), listener="auth offer")
    service.ctl("user", "add", "ann@dc.example", "--password-stdin", stdin="another\n")
    service.ctl("user", "add", "own@dc.example", "--password-stdin", stdin=WORD + "\n")
    service.extra = f"{CLEAR}{QUICK}auth {{ mechanisms PLAIN LOGIN }}\n"
    service.write_conf()
    text = service.conf.read_text().replace("state/directory.db }", "state/directory.db; "
                                            f"dovecot {{ auth {dovecot.auth} }}; cache 0s }}")
    service.conf.write_text(text + f"domain dc.example {{ users people; deliver maildir {service.folder}/mail/%d/%n }}\n")
    service.start()
    assert rcpt(service, "ann@dc.example") == GOOD and rcpt(service, "nobody@dc.example") == UNKNOWN
    assert auth(service, "ann@dc.example") == 235
    assert auth(service, "ann@dc.example", "another") == 535
    assert auth(service, "own@dc.example") == 535  # in the list, but not Dovecot's
    no_credentials(service, WORD)


def test_it_dies_and_comes_back(run, dovecot):
    service = run(dovecot.auth, dovecot.userdb)
    works(service)
    dovecot.kill()
    assert rcpt(service, "ann@dc.example") == LATER and auth(service, "ann@dc.example") == 454
    assert rcpt(service, f"ann@{DOMAIN}") == GOOD and auth(service, f"ann@{DOMAIN}") == 235
    dovecot.run()
    wait_until(lambda: rcpt(service, "ann@dc.example") == GOOD
               and auth(service, "ann@dc.example") == 235, 20, "Dovecot is asked again")
    works(service)
    no_credentials(service, WORD)


def test_its_auth_process_dies(run, dovecot):
    """Dovecot makes a new one; nobody has to come again but who was asking just then."""
    service = run(dovecot.auth, dovecot.userdb)
    works(service)
    for pid in list(dovecot.below(dovecot.process.pid)):
        if pathlib.Path(f"/proc/{pid}/comm").read_text().strip() == "auth":
            os.kill(pid, signal.SIGKILL)
    wait_until(lambda: rcpt(service, "ann@dc.example") == GOOD
               and auth(service, "ann@dc.example") == 235, 20, "Dovecot is asked again")


def test_it_hangs(run, dovecot):
    service = run(dovecot.auth, dovecot.userdb)
    works(service)
    dovecot.signal(signal.SIGSTOP)
    with service.client() as one, service.client() as other:
        one.expect(250, b"MAIL FROM:<a@client.example>")
        one.send(b"RCPT TO:<ann@dc.example>\r\n")
        other.send(b"AUTH PLAIN " + base64.b64encode(f"\0ann@dc.example\0{WORD}".encode()) + b"\r\n")
        began = time.monotonic()
        for _ in range(5):
            assert rcpt(service, f"bob@{DOMAIN}") == GOOD
            assert auth(service, f"ann@{DOMAIN}") == 235
        assert time.monotonic() - began < 2
        assert one.reply()[0] == 451 and other.reply()[0] == 454
        assert 1 < time.monotonic() - began < 5
    dovecot.signal(signal.SIGCONT)
    wait_until(lambda: rcpt(service, "ann@dc.example") == GOOD
               and auth(service, "ann@dc.example") == 235, 20, "Dovecot is asked again")


def test_it_cannot_tell(run):
    """What Dovecot's own database is for it is a temporary failure, never a wrong password."""
    with Dovecot() as dovecot:
        conf = dovecot.folder / "etc" / "dovecot" / "dovecot.conf"
        where = dovecot.folder / "etc" / "dict.conf"
        conf.write_text(re.sub(r"passwd-file\n  args = \S+", f"dict\n  args = {where}", conf.read_text()))
        where.write_text(f"uri = redis:host=127.0.0.1:port={free_port()}\n"
                         + "".join(f"key {db} {{\n  key = {db}/%u\n  format = json\n}}\n{db}_objects = {db}\n"
                                   for db in ("passdb", "userdb")))
        service = run(dovecot.run().auth, dovecot.userdb)
        assert auth(service, "ann@dc.example") == 454
        assert rcpt(service, "ann@dc.example") == LATER
        service.wait_event("directory_error")
