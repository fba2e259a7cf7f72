# SPDX-License-Identifier: Apache-2.0
"""Passwords compared by PAM, beside a list of users or without one. The services lie in a folder
of the test; modules are those that every system has."""
import base64
import os
import pathlib
import signal
import subprocess
import time

import pytest

import ask
from ask import GOOD, UNKNOWN, rcpt
from service import DOMAIN, children, is_alive, wait_until
from test_auth import CLEAR, QUICK, Scram, no_credentials

SECRET, WORD = "secret-1", "pam-word-5"
# The module gets the password on its standard input, with a NUL behind it.
CHECK = """#!/bin/sh
word=$(head -c 100 | tr -d '\\000')
echo "$PAM_USER $PAM_SERVICE $PAM_TTY" >> "$1"
case "$PAM_USER" in
hang) sleep 600 ;;
die) kill -SEGV $PPID; exit 1 ;;
esac
[ "$word" = "%s" ]
""" % WORD


@pytest.fixture
def run(serve):
    """A service in which people is the list and PAM compares; `alone`: without the list."""
    def start(auth="", words="", alone=False, users=("ann", "hang", "die"), more=""):
        service = serve.stopped(listener="auth offer", users=users)
        here = service.folder
        script = here / "check.sh"
        script.write_text(CHECK)
        script.chmod(0o755)
        (here / "pam").mkdir()
        (here / "pam" / "ims").write_text(
            auth or f"auth sufficient pam_exec.so expose_authtok quiet {script} {here}/asked.txt\n"
                    "auth required pam_deny.so\n"
                    "account required pam_permit.so\n")
        checks = f"pam ims {{ folder {here}/pam; {words} }}; timeout 2s; cache 0s"
        service.extra = CLEAR + QUICK + "auth { mechanisms PLAIN LOGIN }\n" + more
        if alone:
            service.extra += (f"directory alone {{ {checks} }}\n"
                              f"domain alone.example {{ users alone; deliver maildir {here}/mail/%d/%n }}\n")
        service.write_conf()
        if not alone:
            service.conf.write_text(service.conf.read_text().replace(
                "state/directory.db }", "state/directory.db; " + checks + " }"))
        return service.start()
    return start


def auth(service, user, word=WORD):
    return ask.auth(service, user, word)


def helper(service):
    """Pid of the helper of the running directory role."""
    for pid in children(service.pids()["directory"][0]):
        if pathlib.Path(f"/proc/{pid}/comm").read_text().strip() == "imsd: pam":
            return pid
    return None


def test_beside_a_list(run):
    service = run()
    assert auth(service, f"ann@{DOMAIN}") == 235
    assert auth(service, "Ann") == 235  # the only domain with users in a directory
    # Neither the list's own password nor any other.
    assert auth(service, f"ann@{DOMAIN}", SECRET) == 535
    assert auth(service, f"ann@{DOMAIN}", WORD + "x") == 535
    # Not in the list, whatever PAM says.
    assert auth(service, f"bob@{DOMAIN}") == 535
    assert rcpt(service, f"ann@{DOMAIN}") == GOOD and rcpt(service, f"bob@{DOMAIN}") == UNKNOWN
    asked = (service.folder / "asked.txt").read_text().splitlines()
    assert asked[0] == "ann ims smtp" and len(asked) == 5
    with service.client() as client:
        client.expect(334, b"AUTH LOGIN " + wire_base64(f"ann@{DOMAIN}"))
        client.expect(235, wire_base64(WORD))
    no_credentials(service, WORD, SECRET)


def wire_base64(text):
    return base64.b64encode(text.encode())


def test_keys_of_the_list_do_not_count(run):
    """SCRAM would ask the list alone: so nobody logs in by it."""
    service = run()
    service.conf.write_text(service.conf.read_text().replace("mechanisms PLAIN", "mechanisms SCRAM-SHA-256 PLAIN"))
    service.reload()
    for word in (SECRET, WORD):
        with service.client() as client:
            assert Scram(f"ann@{DOMAIN}", word).run(client)[0] == 535
    assert auth(service, f"ann@{DOMAIN}") == 235


def test_without_a_list(run):
    """Every address is good, and PAM has the last word."""
    service = run(alone=True, words="names whole")
    assert rcpt(service, "anybody@alone.example") == GOOD
    assert "accept" in service.ctl("explain", "rcpt", "--client", "127.0.0.1", "--from", "a@client.example",
                                   "--to", "anybody@alone.example")
    assert auth(service, "x@alone.example") == 235
    assert auth(service, "x@alone.example", "wrong") == 535
    assert (service.folder / "asked.txt").read_text().splitlines()[0] == "x@alone.example ims smtp"
    assert auth(service, f"ann@{DOMAIN}", SECRET) == 235  # the other domain's, by its own list


@pytest.mark.parametrize("auth_line, account, want", [
    ("pam_permit.so", "pam_permit.so", 235),
    ("pam_deny.so", "pam_permit.so", 535),
    ("pam_permit.so", "pam_deny.so", 535),
    ("pam_no_such_module.so", "pam_permit.so", 454),
])
def test_modules(run, auth_line, account, want):
    service = run(auth=f"auth required {auth_line}\naccount required {account}\n")
    assert auth(service, f"ann@{DOMAIN}") == want
    if want == 454:
        assert "pam" in service.wait_event("directory_error")["error"]


def test_a_list_of_names(run, tmp_path):
    """pam_listfile: who stands in a file may not."""
    names = tmp_path / "closed"
    names.write_text("bob\n")
    names.chmod(0o600)
    service = run(auth=f"auth required pam_listfile.so onerr=fail item=user sense=deny file={names}\n"
                       "account required pam_permit.so\n", users=("ann", "bob"))
    assert auth(service, f"ann@{DOMAIN}") == 235 and auth(service, f"bob@{DOMAIN}") == 535


def test_one_that_hangs(run):
    service = run()
    with service.client() as waiting:
        waiting.send(b"AUTH PLAIN " + wire_base64(f"\0hang@{DOMAIN}\0{WORD}") + b"\r\n")
        began = time.monotonic()
        for _ in range(5):
            assert rcpt(service, f"ann@{DOMAIN}") == GOOD
            assert auth(service, f"ann@{DOMAIN}") == 235
        assert time.monotonic() - began < 2
        assert len(children(helper(service))) == 1
        assert waiting.reply()[0] == 454
        assert 1 < time.monotonic() - began < 5
    # Nothing is left of it, not even what the module has started.
    wait_until(lambda: not children(helper(service)), 5, "the end of the hung child")
    done = subprocess.run(["pgrep", "-f", str(service.folder / "check.sh")], capture_output=True, check=False)
    assert done.returncode == 1, done.stdout  # pam_exec gives it a session of its own
    wait_until(lambda: auth(service, f"ann@{DOMAIN}") == 235, 10, "PAM is asked again")


def test_one_that_crashes(run):
    service = run()
    assert auth(service, f"die@{DOMAIN}") == 454
    assert "signal 11" in service.wait_event("directory_error")["error"]
    assert auth(service, f"ann@{DOMAIN}") == 235  # nobody else sees anything of it
    assert not service.events("crash_contained")


def test_the_helper_is_killed(run):
    """The role leaves, and a fresh one has a fresh helper."""
    service = run()
    old, role = helper(service), service.pids()["directory"][0]
    os.kill(old, signal.SIGKILL)
    wait_until(lambda: service.pids().get("directory", [role])[0] != role, 15, "a fresh role")
    wait_until(lambda: auth(service, f"ann@{DOMAIN}") == 235, 15, "PAM is asked again")
    assert helper(service) != old


def test_the_helper_goes_with_the_role(run):
    service = run()
    old = helper(service)
    # Another service: another helper.
    (service.folder / "pam" / "other").write_text("auth required pam_deny.so\naccount required pam_deny.so\n")
    service.conf.write_text(service.conf.read_text().replace("pam ims", "pam other"))
    service.reload()
    wait_until(lambda: not is_alive(old), 15, "the old helper's end")
    wait_until(lambda: auth(service, f"ann@{DOMAIN}") == 535, 15, "the other service")
    now = helper(service)
    service.stop()
    wait_until(lambda: not is_alive(now), 5, "the helper's end")
