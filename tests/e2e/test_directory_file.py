# SPDX-License-Identifier: Apache-2.0
"""Users in a text file."""
import os
import subprocess

import pytest

import wire
from service import DOMAIN, wait_until
from test_auth import CLEAR, OFFER, OUT, QUICK, login, mechanisms
from test_ldap import auth, rcpt

ANN = f"ann@{DOMAIN}"


def hashed(password):
    return subprocess.run(["openssl", "passwd", "-6", password], capture_output=True, text=True,
                          check=True).stdout.strip()


@pytest.fixture
def staff(serve):
    service = serve.stopped(users=(), listener=OFFER, extra=CLEAR + QUICK + OUT)
    service.users_file = service.folder / "users"
    text = service.conf.read_text().replace("users people;", "users staff;")
    service.conf.write_text(text + f"directory staff {{ file {service.users_file}; cache 0s }}\n")
    return service


def write(service, *lines):
    other = service.folder / "users.new"
    other.write_text("".join(line + "\n" for line in lines))
    other.chmod(0o644)
    os.replace(other, service.users_file)


def test_users_of_a_file(staff):
    write(staff, f"# staff\n{ANN}:{hashed('secret-1')}",
          f"Bob@{DOMAIN}:{{SHA512-CRYPT}}{hashed('secret-2')}:far.{DOMAIN}", "nonsense",
          f"eve@{DOMAIN}:{hashed('secret-3')}:1000:1000::/var/mail/eve:", f"out@{DOMAIN}:*")
    staff.start()
    assert staff.send("x@client.example", f"ANN+x@{DOMAIN}", wire.message())[0] == 250
    assert b"Hello." in staff.wait_mail("ann")[0]
    assert "line 4" in staff.wait_event("directory_notice")["error"]
    assert rcpt(staff, f"nobody@{DOMAIN}")[0] == 550
    for user, password, want in ((ANN, "secret-1", 235), (ANN, "secret-2", 535), ("bob", "secret-2", 235),
                                 (f"eve@{DOMAIN}", "secret-3", 235), (f"out@{DOMAIN}", "*", 535),
                                 (f"nobody@{DOMAIN}", "secret-1", 535)):
        assert auth(staff, user, password) == want, user
    with staff.client() as client:
        assert mechanisms(client) == [["PLAIN", "LOGIN"]]
    told = staff.ctl("explain", "rcpt", "--client", "127.0.0.1", "--from", "x@client.example", "--to",
                     f"nobody@{DOMAIN}", status=None)
    assert "550" in told, told
    # Another file in its place is read by itself; a password that was changed counts.
    write(staff, f"{ANN}:{hashed('secret-9')}", f"new@{DOMAIN}:")
    wait_until(lambda: rcpt(staff, f"new@{DOMAIN}")[0] == 250, 10, "the new user")
    assert rcpt(staff, f"bob@{DOMAIN}")[0] == 550
    assert auth(staff, ANN, "secret-1") == 535
    assert auth(staff, ANN, "secret-9") == 235
    # Gone: told, and what was read stays in use.
    staff.users_file.unlink()
    wait_until(lambda: rcpt(staff, ANN)[0] == 250 and any(
        "stays in use" in event["error"] for event in staff.events("directory_notice")), 10, "a notice")
    write(staff, f"late@{DOMAIN}:")
    wait_until(lambda: rcpt(staff, f"late@{DOMAIN}")[0] == 250, 10, "the file again")


def test_a_file_that_is_not_there(staff):
    staff.start()
    assert rcpt(staff, ANN)[0] == 451
    assert auth(staff, ANN) == 454
    assert "No such file" in staff.wait_event("directory_error")["error"]
    write(staff, f"{ANN}:{hashed('secret-1')}")
    wait_until(lambda: rcpt(staff, ANN)[0] == 250, 20, "the file")
    staff.wait_event("directory_back")
    assert auth(staff, ANN) == 235
