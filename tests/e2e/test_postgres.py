# SPDX-License-Identifier: Apache-2.0
"""Users in a PostgreSQL database, the real server: mail and logins, what it answers when it
should not, what happens while it is gone or hangs."""
import base64
import hashlib
import hmac
import os
import re
import shutil
import subprocess
import time

import pytest

import postgres
import wire
from ask import GOOD, LATER, UNKNOWN, auth, rcpt
from service import DOMAIN, wait_until
from test_auth import CLEAR, QUICK, Scram, login, no_credentials

SECRET, WORD = "database-secret-7", "secret-1"
MAIL = wire.message("from afar")
DOCS = "docs/directory.md"


def schema():
    """The tables of the manual, as they stand there."""
    text = (postgres.pathlib.Path(__file__).resolve().parents[2] / DOCS).read_text()
    return re.search(r"```sql\n(CREATE TABLE users.*?)```", text, re.S).group(1)


def crypt(word):
    return subprocess.run(["openssl", "passwd", "-6", "-stdin"], input=word, text=True, check=True,
                          capture_output=True, timeout=30).stdout.strip()


def keys(word, rounds=4096):
    salt = os.urandom(16)
    salted = hashlib.pbkdf2_hmac("sha256", word.encode(), salt, rounds)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    salt, stored, server = (base64.b64encode(part).decode() for part in (
        salt, stored, hmac.digest(salted, b"Server Key", "sha256")))
    return f"SCRAM-SHA-256${rounds}:{salt}${stored}:{server}"


def fill(server):
    server.sql(f"CREATE ROLE ims LOGIN PASSWORD '{SECRET}'; CREATE DATABASE mail;")
    server.sql(schema() + f"""
        INSERT INTO users (address, home, verifier, scram, disabled) VALUES
            ('ann@pg.example', NULL, '{crypt(WORD)}', '{keys(WORD)}', false),
            ('eve@pg.example', 'other.{DOMAIN}', '{crypt(WORD)}', NULL, false),
            ('gone@pg.example', NULL, '{crypt(WORD)}', '{keys(WORD)}', true);
        INSERT INTO aliases (alias, address) VALUES
            ('info@pg.example', 'ann@pg.example'), ('old@pg.example', 'gone@pg.example');
        GRANT SELECT ON users, aliases TO ims;""", "mail")


@pytest.fixture(scope="module")
def server():
    with postgres.Postgres() as made:
        fill(made)
        yield made


@pytest.fixture
def run(serve):
    """A service whose domain pg.example is in the database."""
    def start(server, where=None, find="", secret=SECRET, more="timeout 2s; cache 0s", **options):
        service = serve.stopped(listener="auth offer", **options)
        (service.folder / "secrets").mkdir(mode=0o700)
        (service.folder / "secrets" / "pg").write_text(secret + "\n")
        (service.folder / "secrets" / "pg").chmod(0o600)
        where = where or f"host=127.0.0.1 port={server.port} dbname=mail user=ims"
        service.extra = f"""{CLEAR}{QUICK}
secrets {service.folder}/secrets
directory pg {{ postgres "{where}" {{ secret pg; {find} }}; {more} }}
domain pg.example {{ users pg; deliver maildir {service.folder}/mail/%d/%n }}
"""
        service.write_conf()
        return service.start()
    return start


def comes(look, want, what, seconds=20):
    """Until look() is `want`: a directory that was gone is asked again in a while."""
    wait_until(lambda: look() == want, seconds, what)


def test_mail_for_users_and_aliases(run, server):
    service = run(server)
    assert service.send("a@client.example", ["ann@pg.example", "INFO@PG.example"], MAIL)[0] == 250
    for user in ("ann", "info"):
        service.wait_mail(user, 1, "pg.example")
    assert rcpt(service, "eve@pg.example") == GOOD
    for nobody in ("nobody@pg.example", "gone@pg.example", "old@pg.example", "_@pg.example",
                   "\"' or 1=1 --\"@pg.example", "\"a'; drop table users; --\"@pg.example"):
        assert rcpt(service, nobody) == UNKNOWN, nobody
    assert rcpt(service, "ann+more@pg.example") == GOOD
    assert "only the service can ask it" in service.ctl(
        "explain", "rcpt", "--client", "127.0.0.1", "--from", "a@client.example", "--to", "ann@pg.example", status=None)
    no_credentials(service, SECRET)


def test_logins(run, server):
    service = run(server)
    assert auth(service, "ann@pg.example") == 235
    assert auth(service, "Ann@PG.example") == 235
    with service.client() as client:
        client.expect(334, b"AUTH LOGIN " + base64.b64encode(b"ann@pg.example"))
        client.expect(235, base64.b64encode(WORD.encode()))
    with service.client() as client:
        assert Scram("ann@pg.example", WORD).run(client)[0] == 235
    for user, word in (("ann@pg.example", "wrong"), ("nobody@pg.example", WORD),
                       ("gone@pg.example", WORD), ("' or ''='@pg.example", WORD)):
        assert auth(service, user, word) == 535, user
        with service.client() as client:
            assert Scram(user, word).run(client)[0] == 535, user
    no_credentials(service, SECRET, WORD)


def test_who_is_homed_elsewhere(serve, run, server):
    port = postgres.free_port()
    service = run(server, more="cache 0s }\n"
                  "submission { homed required; match required }\n"
                  "route default { via 127.0.0.1:9; tls off }\n"
                  f"listener sub {{ address 127.0.0.1:{port}; role submission; auth require")
    for user, good in (("ann@pg.example", True), ("eve@pg.example", False)):
        with wire.Client(port) as client:
            client.expect(250, b"EHLO client.example")
            assert login(client, user, WORD)[0] == 235
            code = client.command(b"MAIL FROM:<" + user.encode() + b">")[0]
            if code == 250:
                code = client.command(b"RCPT TO:<x@far.example>")[0]
            assert (code == 250) == good, (user, code)


def test_it_dies_and_comes_back(run):
    with postgres.Postgres() as server:
        fill(server)
        service = run(server)
        with service.client() as client:
            client.expect(250, b"MAIL FROM:<a@client.example>")
            client.expect(250, b"RCPT TO:<ann@pg.example>")
            server.kill()
            client.expect(451, b"RCPT TO:<info@pg.example>")
            client.expect(250, f"RCPT TO:<bob@{DOMAIN}>".encode())
            client.expect(354, b"DATA")
            client.send(wire.dotted(MAIL))
            assert client.reply()[0] == 250
        assert rcpt(service, "nobody@pg.example") == LATER
        assert auth(service, "ann@pg.example") == 454
        assert auth(service, f"ann@{DOMAIN}") == 235
        server.start()
        comes(lambda: rcpt(service, "nobody@pg.example"), UNKNOWN, "PostgreSQL is asked again")
        assert auth(service, "ann@pg.example") == 235 and rcpt(service, "info@pg.example") == GOOD
        service.wait_mail("ann", 1, "pg.example")
        assert service.events("directory_error")
        no_credentials(service, SECRET, WORD)


def test_a_connection_that_is_lost_costs_nobody_an_answer(run, server):
    service = run(server)
    for _ in range(3):
        assert rcpt(service, "ann@pg.example") == GOOD
        server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'ims'")
    assert rcpt(service, "nobody@pg.example") == UNKNOWN


def test_it_hangs(run):
    """Whoever asks it is told to come again in time; nobody else sees anything of it."""
    with postgres.Postgres() as server:
        fill(server)
        service = run(server)
        assert rcpt(service, "ann@pg.example") == GOOD
        server.hang()
        with service.client() as waiting:
            waiting.expect(250, b"MAIL FROM:<a@client.example>")
            waiting.send(b"RCPT TO:<ann@pg.example>\r\n")
            began = time.monotonic()
            for _ in range(5):
                assert rcpt(service, f"bob@{DOMAIN}") == GOOD
                assert auth(service, f"ann@{DOMAIN}") == 235
            assert time.monotonic() - began < 2
            assert waiting.reply()[0] == 451
            assert 1 < time.monotonic() - began < 5
        server.resume()
        comes(lambda: rcpt(service, "ann@pg.example"), GOOD, "PostgreSQL is asked again")


def test_a_slow_query_is_ended(run, server):
    service = run(server, find="find \"SELECT $1::text AS address, pg_sleep(60)::text\"")
    began = time.monotonic()
    assert rcpt(service, "ann@pg.example") == LATER
    assert time.monotonic() - began < 5
    wait_until(lambda: server.sql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'ims' "
                                  "AND state = 'active'").strip() == "0", 10, "the query's end")


@pytest.mark.parametrize("find, reason", [
    ("SELECT address FROM users WHERE $1 <> ''", "more than one row"),
    ("SELECT repeat('a', 400) || '@pg.example' AS address WHERE $1 <> ''", "column address"),
    ("SELECT $1::text AS address, E'a\\\\nb' AS home", "column home"),
    ("SELECT $1::text AS address, repeat('x', 600) AS verifier", "column verifier"),
    ("SELECT 'nowhere' AS address WHERE $1 <> ''", "damaged"),
    ("SELECT address FROM no_such_table WHERE address = $1", "no_such_table"),
    ("DELETE FROM users WHERE address = $1", "read-only"),
])
def test_answers_that_cannot_be_true(run, server, find, reason):
    service = run(server, find=f"find \"{find}\"")
    assert rcpt(service, "ann@pg.example") == LATER
    assert auth(service, "ann@pg.example") == 454
    assert reason in service.wait_event("directory_error")["error"]
    assert rcpt(service, f"ann@{DOMAIN}") == GOOD


def test_an_address_that_the_query_does_not_bear(run, server):
    """Only it is put off: or anybody could close the directory for everybody."""
    service = run(server, find="find \"SELECT address FROM users WHERE address = $1 "
                               "AND 1 / (length($1) - length('ann7@pg.example')) <> 7\"")
    for _ in range(3):
        assert rcpt(service, "xyz7@pg.example") == LATER
        assert rcpt(service, "ann@pg.example") == GOOD
    assert "division by zero" in service.wait_event("directory_error")["error"]


def test_wrong_secret(run, server):
    service = run(server, secret="not-it")
    assert rcpt(service, "ann@pg.example") == LATER
    event = service.wait_event("directory_error")
    assert "password authentication failed" in event["error"]
    no_credentials(service, "not-it")


@pytest.mark.parametrize("by", ["unix", "name"])
def test_by_a_unix_socket_and_by_name(run, server, by):
    host = server.folder if by == "unix" else "localhost"
    service = run(server, where=f"host={host} port={server.port} dbname=mail user=ims")
    assert rcpt(service, "ann@pg.example") == GOOD and rcpt(service, "nobody@pg.example") == UNKNOWN
    assert auth(service, "ann@pg.example") == 235


def test_tls_is_checked(run, authority):
    """A certificate of our authority and the right name, or no answer."""
    cert, key = authority.make("pg", "db.example")
    with postgres.Postgres() as server:
        for path in (cert, key):
            copy = server.data / path.name
            copy.write_bytes(path.read_bytes())
            copy.chmod(0o600)
            if server.user:
                os.chown(copy, server.user.pw_uid, server.user.pw_gid)
        fill(server)
        # Where the role's user can read it.
        authorities = shutil.copy(authority.file, server.folder)
        server.sql(f"ALTER SYSTEM SET ssl_cert_file = '{cert.name}'; ALTER SYSTEM SET ssl_key_file = '{key.name}';"
                   " ALTER SYSTEM SET ssl = on; SELECT pg_reload_conf();".replace("; ALTER", ";\nALTER"))
        for name, want in (("db.example", GOOD), ("other.example", LATER)):
            service = run(server, where=f"host={name} hostaddr=127.0.0.1 port={server.port} dbname=mail user=ims "
                                        f"sslmode=verify-full sslrootcert={authorities}")
            assert rcpt(service, "ann@pg.example") == want, (name, service.events("directory_error"))
            service.stop()
