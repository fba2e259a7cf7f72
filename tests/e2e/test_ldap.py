# SPDX-License-Identifier: Apache-2.0
"""Users in LDAP, asked of OpenLDAP's own server: who there is, who may log in, and what mail
notices when the server is slow, gone, or not who it says it is."""
import base64
import shutil
import signal
import socket
import threading
import time

import pytest

import wire
from service import DOMAIN, free_port, wait_until
from slapd import BASE, READER, SECRET, Slapd, person
from test_auth import CLEAR, OFFER, OUT, QUICK, SECRET as PASSWORD, login, mechanisms, no_credentials

PEOPLE = (
    person("ann", other=["anne@us.example", "ann.smith@us.example"])
    + person("bob", mail="Bob@us.example", homeServer="far.us.example")
    + person("two", mail="dup@us.example") + person("three", mail="dup@us.example")
    + person("bad", homeServer="not a host")
    + person("none", password=None)
    + person("paren", mail="a(b)*c@us.example")
    + person("eve", proxyAddresses=["SMTP:Eve@us.example", "smtp:ev@us.example"], mail="",
             userAccountControl="512")
    + person("off", proxyAddresses="SMTP:off@us.example", userAccountControl="514")
    + person("locked", pwdAccountLockedTime="000001010000Z"))
ANN = f"ann@{DOMAIN}"


def block(*urls, name="ldapdir", more="", top=""):
    return (f"directory {name} {{ ldap {' '.join(urls)} {{ base \"ou=people,{BASE}\"; "
            f"bind \"{READER}\"; secret reader; tls off; aliases other; home homeServer; {more} }}; "
            f"timeout 2s; {top} }}\n")


def service_of(serve, directory, secret=SECRET, trust=None, **options):
    """A service whose us.example is in the directory `ldapdir`; @ in its text is the folder, where
    ca.pem is a copy of the file `trust`."""
    service = serve.stopped(users=(), listener=OFFER, extra=CLEAR + QUICK + OUT, **options)
    folder = service.folder / "secrets"
    folder.mkdir(mode=0o700)
    if secret is not None:
        (folder / "reader").write_text(secret + "\n")
        (folder / "reader").chmod(0o600)
    if trust:
        shutil.copy(trust, service.folder / "ca.pem")
    text = service.conf.read_text()
    text = text.replace("users people;", "users ldapdir;").replace(
        "hostname ", f"secrets {folder}\nhostname ", 1)
    service.conf.write_text(text + directory.replace("@", str(service.folder)))
    return service.start()


def rcpt(service, address):
    with service.client() as client:
        client.expect(250, b"MAIL FROM:<x@client.example>")
        return client.command(b"RCPT TO:<" + address.encode() + b">")


def auth(service, user, password=PASSWORD):
    with service.client() as client:
        return login(client, user, password)[0]


@pytest.fixture
def slapd():
    with Slapd(PEOPLE) as made:
        yield made


def test_users_deliver_and_others_do_not_exist(serve, slapd):
    service = service_of(serve, block(slapd.url))
    assert service.send("x@client.example", ANN, wire.message())[0] == 250
    assert b"Hello." in service.wait_mail("ann")[0]
    # Aliases and details are of the same user; case does not matter.
    for address in (f"anne@{DOMAIN}", f"ANN.Smith@{DOMAIN}", f"ann+lists@{DOMAIN}"):
        assert service.send("x@client.example", address, wire.message())[0] == 250, address
    for address in (f"nobody@{DOMAIN}", f"a*@{DOMAIN}", f"*@{DOMAIN}", f"ann)(uid=*@{DOMAIN}"):
        code, text = rcpt(service, address)
        assert code in (550, 501, 553) and "5.1." in text, (address, code, text)
    assert rcpt(service, f"a(b)*c@{DOMAIN}")[0] in (250, 501, 553)
    assert rcpt(service, f"\"a(b)*c\"@{DOMAIN}")[0] in (250, 550)
    # Two that match, or an entry that is damaged, are trouble of one address alone.
    assert rcpt(service, f"dup@{DOMAIN}")[0] == 451
    assert "two entries match" in service.wait_event("directory_error")["error"]
    assert rcpt(service, f"bad@{DOMAIN}")[0] == 451
    assert rcpt(service, ANN)[0] == 250
    no_credentials(service, SECRET)
    assert SECRET not in service.ctl("config", "--effective")


def test_logins_are_binds(serve, slapd):
    service = service_of(serve, block(slapd.url))
    with service.client() as client:
        assert mechanisms(client) == [["PLAIN", "LOGIN"]]
        assert login(client, ANN, PASSWORD)[0] == 235
    with service.client() as client:
        code, text = client.command(b"AUTH LOGIN")
        assert code == 334
        assert client.command(base64.b64encode(b"ANN@us.example"))[0] == 334
        assert client.command(base64.b64encode(PASSWORD.encode()))[0] == 235
    assert service.wait_event("auth", user=ANN)
    assert auth(service, "ann") == 235  # the only domain
    assert auth(service, f"anne@{DOMAIN}") == 235  # an alias is the same user
    for user, password in ((ANN, "wrong"), (ANN, PASSWORD + "x"), (ANN, "x" * 600),
                           (f"nobody@{DOMAIN}", PASSWORD), (f"none@{DOMAIN}", "x"),
                           (f"locked@{DOMAIN}", PASSWORD), (f"*@{DOMAIN}", PASSWORD)):
        assert auth(service, user, password) == 535, (user, password)
    # What no password is is never asked: servers say yes to it.
    with service.client() as client:
        assert client.command(b"AUTH PLAIN AGFubkB1cy5leGFtcGxlAA==")[0] in (501, 535)
    for reason in ("wrong password", "unknown user", "the account is locked"):
        service.wait_event("auth_fail", reason=reason)
    assert auth(service, f"dup@{DOMAIN}") == 454
    no_credentials(service, PASSWORD, SECRET)


def test_a_server_that_is_gone(serve, slapd):
    service = service_of(serve, block(slapd.url, top="cache 0s"))
    with service.client() as client:
        client.expect(250, b"MAIL FROM:<x@client.example>")
        client.expect(250, b"RCPT TO:<" + ANN.encode() + b">")
        slapd.kill()
        assert client.command(b"RCPT TO:<bob@us.example>")[0] == 451
        client.expect(354, b"DATA")
        client.send(wire.dotted(wire.message()))
        assert client.reply()[0] == 250  # what was known is
    assert auth(service, ANN) == 454
    service.wait_event("directory_error")
    slapd.start()
    wait_until(lambda: rcpt(service, ANN)[0] == 250, 20, "the directory is asked again")
    service.wait_event("directory_back")
    assert auth(service, ANN) == 235
    # A connection that was kept and is dead is made anew without a word.
    slapd.kill()
    slapd.start()
    before = len(service.events("directory_error"))
    assert rcpt(service, ANN)[0] == 250
    assert auth(service, ANN) == 235
    assert len(service.events("directory_error")) == before


def test_what_is_remembered_outlives_it(serve, slapd):
    service = service_of(serve, block(slapd.url))
    assert rcpt(service, ANN)[0] == 250
    assert auth(service, ANN) == 235
    slapd.kill()
    assert rcpt(service, ANN)[0] == 250
    assert auth(service, ANN) == 235
    assert auth(service, ANN, "wrong") == 454
    assert rcpt(service, f"bob@{DOMAIN}")[0] == 451


def test_a_server_that_hangs_holds_up_nobody_else(serve, slapd):
    service = service_of(serve, block(slapd.url, top="cache 0s"))
    assert rcpt(service, ANN)[0] == 250
    slapd.signal(signal.SIGSTOP)
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(rcpt(service, ANN)[0]))
               for _ in range(8)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for _ in range(5):
        with service.client() as client:  # EHLO is answered meanwhile
            client.expect(250, b"NOOP")
        got = service.send("x@client.example", "who@any.example", wire.message())
        assert got[0] == 250
    assert time.monotonic() - began < 2
    for thread in threads:
        thread.join(20)
    assert answers == [451] * 8
    assert time.monotonic() - began < 6
    assert auth(service, ANN) == 454
    # A reload and an end do not wait for it, either.
    slapd.signal(signal.SIGCONT)
    wait_until(lambda: rcpt(service, ANN)[0] == 250, 20, "answers again")
    slapd.signal(signal.SIGSTOP)
    began = time.monotonic()
    waiting = threading.Thread(target=lambda: rcpt(service, ANN))
    waiting.start()
    time.sleep(0.3)
    service.reload()
    assert rcpt(service, "who@any.example")[0] == 250
    assert time.monotonic() - began < 10
    slapd.signal(signal.SIGCONT)
    waiting.join(20)


def test_the_next_of_the_list_is_asked(serve, slapd):
    with Slapd(PEOPLE) as second:
        service = service_of(serve, block(f"ldap://localhost:{free_port()}", slapd.url, second.url,
                                          top="cache 0s"))
        assert rcpt(service, ANN)[0] == 250
        slapd.kill()
        assert rcpt(service, ANN)[0] == 250
        assert auth(service, ANN) == 235
        assert not service.events("directory_error")


def test_tls_and_whose_certificate_it_is(serve, authority):
    # libldap takes its host's name for localhost.
    mine = authority.make("ldap", "localhost", socket.gethostname(), socket.getfqdn())
    other = authority.make("ldap-other", "other.example")
    trust = "certificates @/ca.pem"
    with Slapd(PEOPLE, tls=mine) as good, Slapd(PEOPLE, tls=other) as wrong:
        for url, words in ((good.urls, "tls off"), (good.url, "tls start")):
            directory = block(url, more=trust).replace("tls off", words)
            service = service_of(serve, directory, trust=authority.file)
            assert rcpt(service, ANN)[0] == 250, url
            assert auth(service, ANN) == 235
            service.stop()
        # Another name, an authority that nobody trusts, a server without TLS: no answer.
        for url, words, more in ((wrong.urls, "tls off", trust), (wrong.url, "tls start", trust),
                                 (good.urls, "tls off", ""), (good.url, "tls start", "")):
            service = service_of(serve, block(url, more=more).replace("tls off", words),
                                 trust=authority.file)
            assert rcpt(service, ANN)[0] == 451, (url, more)
            assert auth(service, ANN) == 454
            service.wait_event("directory_error")
            service.stop()
    with Slapd(PEOPLE) as clear:
        service = service_of(serve, block(clear.url, more=trust).replace("tls off", "tls start"),
                             trust=authority.file)
        assert rcpt(service, ANN)[0] == 451


def test_active_directory(serve, slapd):
    directory = (f"directory ldapdir {{ ldap {slapd.url} {{ profile ad; base \"ou=people,{BASE}\"; "
                 f"bind \"{READER}\"; secret reader; tls off }} }}\n")
    service = service_of(serve, directory)
    assert rcpt(service, f"eve@{DOMAIN}")[0] == 250
    assert rcpt(service, f"ev@{DOMAIN}")[0] == 250
    assert rcpt(service, f"off@{DOMAIN}")[0] == 550
    assert auth(service, f"ev@{DOMAIN}") == 235
    assert service.wait_event("auth", user=f"Eve@{DOMAIN}")
    assert auth(service, f"off@{DOMAIN}") == 535


def test_the_secret(serve, slapd):
    service = service_of(serve, block(slapd.url, top="cache 0s"), secret=None)
    service.wait_event("secret_error")
    assert rcpt(service, ANN)[0] == 451
    assert "secret" in service.wait_event("directory_error")["error"]
    path = service.folder / "secrets" / "reader"
    path.write_text(SECRET)
    path.chmod(0o644)
    service.reload()
    assert "0600" in service.wait_event("secret_error", path=str(path), error=(
        "others may read it; its mode has to be 0600"))["error"]
    path.chmod(0o600)
    service.reload()
    wait_until(lambda: rcpt(service, ANN)[0] == 250, 20, "the secret is in use")
    path.write_text("wrong")
    service.reload()
    # 451 alone says little: the process that asks is made anew.
    wait_until(lambda: rcpt(service, ANN)[0] == 451 and service.events(
        "directory_error", error=f"{slapd.url}: Invalid credentials"), 20, "the new one is in use")
    path.write_text(SECRET)
    service.reload()
    wait_until(lambda: rcpt(service, ANN)[0] == 250, 20, "the right one is in use again")
    no_credentials(service, SECRET)


def test_anonymous_and_homes(serve):
    with Slapd(PEOPLE, anonymous="* read") as slapd:
        directory = (f"directory ldapdir {{ ldap {slapd.url} {{ base \"ou=people,{BASE}\"; tls off; "
                     "home homeServer }; home mx.us.example }\n")
        service = service_of(serve, directory + "submission { homed required }\n"
                             "relay { authenticated }\n")
        for sender, want in ((ANN, 250), (f"bob@{DOMAIN}", 550)):
            with service.client() as client:
                assert login(client, sender, PASSWORD)[0] == 235
                code = client.command(b"MAIL FROM:<" + sender.encode() + b">")[0]
                if code == 250:
                    code = client.command(b"RCPT TO:<who@any.example>")[0]
                assert code == want, (sender, code)


def test_ten_thousand_users(serve):
    many = "".join(person(f"user{i}") for i in range(10000))
    with Slapd(many) as slapd:
        service = service_of(serve, block(slapd.url, top="cache 0s"), limit="recipients 1000")
        with service.client() as client:
            client.expect(250, b"MAIL FROM:<x@client.example>")
            lines = [b"RCPT TO:<user%d@us.example>" % i for i in range(0, 10000, 20)]
            client.send(b"\r\n".join(lines) + b"\r\n")
            codes = [client.reply()[0] for _ in lines]
            assert codes == [250] * len(lines)
            assert client.command(b"RCPT TO:<user10000@us.example>")[0] == 550


def test_the_tool_says_that_it_cannot_tell(serve, slapd):
    service = service_of(serve, block(slapd.url))
    told = service.ctl("explain", "rcpt", "--client", "127.0.0.1", "--from", "x@client.example",
                       "--to", ANN, status=None)
    assert "only the service" in told and "451" in told, told
    assert "550" not in told
