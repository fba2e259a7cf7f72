# SPDX-License-Identifier: Apache-2.0
"""Alias files and catch-alls on a running service: who gets the mail, what is told, and what
becomes of files that change or are wrong."""
import time

import pytest

import wire
from peer import Peers
from service import DOMAIN, wait_until

OTHER = "two.example"
FILE = """\
# names of the house
info: ann, far@far.example
sales: ann,
    # also between the lines
    bob
staff: :include:{folder}/list
team: info, staff
boss@{other}: ann@{domain}
loop: pool
pool: loop
half: nobody, bob
dead: nobody
bob: bob, copy@far.example
quoted: "long name"@far.example
"""


@pytest.fixture
def aliased(serve):
    """make(text): a running service with that alias file, and a host for the rest of the world."""
    with Peers() as peers:
        def make(text=FILE, extra="", catch_all=True, readable=True, postmaster=None):
            service = serve.stopped(users=("ann", "bob"))
            service.peer = peers.add()
            service.aliases = service.folder / "aliases"
            service.aliases.write_text(text.format(folder=service.folder, domain=DOMAIN, other=OTHER))
            service.aliases.chmod(0o644 if readable else 0o000)
            (service.folder / "list").write_text(f"# all\nann\nbob@{DOMAIN}, list@far.example\n")
            service.domain = f"aliases {service.aliases}"
            catch_all = f"catch-all bob@{DOMAIN}" if catch_all else ""
            service.extra = (
                f"domain {OTHER} {{ users people; deliver maildir {service.folder}/mail/%d/%n\n"
                f"\taliases {service.aliases}\n\t{catch_all}\n}}\n"
                f"route default {{ via 127.0.0.1:{service.peer.port}; tls off }}\n{extra}")
            service.write_conf()
            return service.start()
        yield make


def rcpt(service, *addresses, parameters=b""):
    """The answers to RCPT, as "250 2.1.5"."""
    answers = []
    with service.client() as client:
        client.expect(250, b"MAIL FROM:<x@far.example>")
        for address in addresses:
            code, text = client.command(b"RCPT TO:<" + address.encode() + b">" + parameters)
            answers.append(f"{code} {text.split()[0]}")
    return answers


def send(service, *addresses, subject="hello", parameters=b""):
    with service.client() as client:
        client.expect(250, b"MAIL FROM:<x@client.example>")
        for address in addresses:
            client.expect(250, b"RCPT TO:<" + address.encode() + b">" + parameters)
        client.expect(354, b"DATA")
        client.send(wire.dotted(wire.message(subject)))
        code, text = client.reply()
        assert code == 250, text
    return text.split()[-1]


def outside(service):
    """Recipients that the other host has been given, with their parameters."""
    return [line for line in service.peer.commands if line.upper().startswith("RCPT")]


def wait_outside(service, count):
    return wait_until(lambda: len(outside(service)) >= count and outside(service), 20,
                      f"{count} recipients outside")


def test_an_alias_leads_to_mailboxes_and_to_other_hosts(aliased):
    service = aliased()
    sent = send(service, f"info@{DOMAIN}")
    text = service.wait_mail("ann")[0]
    assert f"for <info@{DOMAIN}>".encode() in text  # what the client named, not whom it reached
    assert "far@far.example" in wait_outside(service, 1)[0]
    assert not service.mailbox("info")
    told = service.wait_event("alias", to=f"info@{DOMAIN}", id=sent)
    assert told["targets"] == f"ann@{DOMAIN},far@far.example" and told["recipients"] == 2
    assert told["rule"] == f"{service.aliases}:2"
    assert service.wait_event("receive", id=sent)["to"] == f"info@{DOMAIN}"
    service.wait_empty()
    for address in (f"info@{DOMAIN}", f"ann@{DOMAIN}", "far@far.example"):
        found = wait_until(lambda to=address: service.ctl_json("track", "--to", to), 15, address)
        assert sent in str(found), (address, found)


def test_names_lists_and_copies(aliased):
    service = aliased()
    send(service, f"team@{DOMAIN}", f"Sales@{DOMAIN}", f"ann@{DOMAIN}")
    assert len(service.wait_mail("ann")) == 1 and len(service.wait_mail("bob")) == 1
    # bob has a copy made for him: of what comes through lists, too.
    lines = wait_outside(service, 3)
    service.wait_empty()
    assert sorted(line.split("<")[1].split("@")[0] for line in lines) == ["copy", "far", "list"]
    assert len(service.mailbox("ann")) == 1 and len(service.mailbox("bob")) == 1
    assert len(service.events("alias")) == 2
    send(service, f"boss@{OTHER}")
    assert len(service.wait_mail("ann", 2)) == 2
    assert rcpt(service, f"boss@{DOMAIN}") == ["550 5.1.1"]


def test_details_are_kept(aliased):
    service = aliased()
    send(service, f"info+news@{DOMAIN}")
    assert f"Delivered-To: ann+news@{DOMAIN}".encode() in service.wait_mail("ann")[0]
    assert "<far+news@far.example>" in wait_outside(service, 1)[0]


def test_what_is_reported_of_an_alias(aliased):
    """The original recipient goes along; success is reported of one of several alone."""
    service = aliased()
    service.peer.extensions.append("DSN")
    send(service, f"staff@{DOMAIN}", parameters=b" NOTIFY=SUCCESS,FAILURE")
    lines = wait_until(lambda: found if len(found := [line for line in outside(service) if "@far.example" in line]) > 1
                       else None, 20, "two recipients outside")
    for line in lines:  # the report of success goes outside, too
        assert f"ORCPT=rfc822;staff@{DOMAIN}" in line and "NOTIFY=FAILURE" in line, line
    send(service, f"quoted@{DOMAIN}", parameters=b" NOTIFY=SUCCESS ORCPT=rfc822;first@there.example")
    line = wait_until(lambda: [line for line in outside(service) if '<"long name"@far.example>' in line], 20,
                      "the one of a quoted name")[0]
    assert "ORCPT=rfc822;first@there.example" in line and "NOTIFY=SUCCESS" in line


def test_catch_all(aliased):
    service = aliased()
    assert rcpt(service, f"who@{DOMAIN}", f"who@{OTHER}", f"a%b@{OTHER}") == \
        ["550 5.1.1", "250 2.1.5", "550 5.7.1"]
    send(service, f"who+x@{OTHER}")
    assert service.wait_mail("bob")
    rule = service.wait_event("alias", to=f"who+x@{OTHER}")["rule"]
    assert rule.startswith(f"{service.conf}:")
    shown = service.ctl("explain", "rcpt", "--client", "127.0.0.1", "--to", f"who@{OTHER}")
    assert rule in shown and f"goes to    bob@{DOMAIN}" in shown


def test_faults_cost_the_others_nothing(aliased):
    service = aliased()
    assert rcpt(service, f"half@{DOMAIN}", f"dead@{DOMAIN}", f"loop@{DOMAIN}") == \
        ["250 2.1.5", "550 5.1.1", "451 4.3.5"]
    fault = service.wait_event("alias_fault", to=f"half@{DOMAIN}")
    assert fault["targets"] == f"nobody@{DOMAIN}" and fault["rule"] == f"{service.aliases}:11"
    assert service.wait_event("alias_fault", to=f"loop@{DOMAIN}")["reason"].endswith("in a circle")
    shown = service.ctl("explain", "rcpt", "--client", "127.0.0.1", "--to", f"half@{DOMAIN}")
    assert f"{service.aliases}:11" in shown and f"goes to    bob@{DOMAIN}" in shown
    assert f"nobody@{DOMAIN} is nobody here" in shown
    found, = service.ctl_json("explain", "rcpt", "--client", "127.0.0.1", "--to", f"loop@{DOMAIN}")
    assert found["code"] == 451 and found["dsn"] == "4.3.5" and found["targets"] == []
    assert "circle" in found["alias_faults"][0]


def test_postmaster_of_every_domain(aliased):
    service = aliased("postmaster@{other}: bob@{domain}\n")
    send(service, f"postmaster@{OTHER}")
    service.wait_mail("bob")
    send(service, f"Postmaster@{DOMAIN}", subject="to the setting")
    assert len(service.wait_mail("ann")) == 1
    send(service, "postmaster", f"postmaster@mx.{DOMAIN}")
    service.wait_mail("ann", 2)  # both are hers, so she gets one copy
    # A user of that name has a mailbox of his own.
    service.ctl("user", "add", f"postmaster@{DOMAIN}", "--password-stdin", stdin="secret-1\n")
    send(service, f"postmaster@{DOMAIN}", subject="to himself")
    assert b"to himself" in service.wait_mail("postmaster")[0]
    assert len(service.mailbox("ann")) == 2


def test_postmaster_when_nothing_can_be_asked(aliased):
    service = aliased("postmaster: |prog\n")
    (service.folder / "state" / "directory.db").write_bytes(b"this is not a database" * 500)
    wait_until(lambda: rcpt(service, f"ann@{DOMAIN}") == ["451 4.3.0"], 15, "an unreadable directory")
    send(service, f"postmaster@{DOMAIN}", f"postmaster@{OTHER}", "postmaster")
    assert len(service.wait_mail("ann", 3)) == 3


def test_the_setting_may_be_an_alias(aliased):
    service = aliased("chief: bob\n")
    service.conf.write_text(service.conf.read_text().replace(f"postmaster ann@{DOMAIN}",
                                                             f"postmaster chief@{DOMAIN}"))
    service.reload()
    send(service, f"postmaster@{OTHER}")
    service.wait_mail("bob")
    assert not service.mailbox("chief")


def changes(service, text, event):
    before = len(service.events(event))
    new = service.folder / "aliases.new"
    new.write_text(text)
    new.rename(service.aliases)
    return wait_until(lambda: service.events(event)[before:], 10, event)


def test_changes_are_read_without_a_reload(aliased):
    service = aliased()
    assert rcpt(service, f"fresh@{DOMAIN}") == ["550 5.1.1"]
    told = changes(service, f"fresh: ann\nstaff: :include:{service.folder}/list\n", "alias_file")
    assert told[-1]["count"] == 2
    assert rcpt(service, f"fresh@{DOMAIN}", f"info@{DOMAIN}") == ["250 2.1.5", "550 5.1.1"]
    # So is a list file.
    (service.folder / "list").write_text("bob\n")
    wait_until(lambda: len(service.events("alias_file")) > 2, 10, "the list file's change")
    send(service, f"staff@{DOMAIN}")
    service.wait_mail("bob")
    # What is wrong is told with its line, and the old table stays.
    told = changes(service, "fresh: bob\nprog: |/bin/cat\nx: /tmp/y\n", "alias_error")
    assert [row["error"].split(": ")[0] for row in told[-2:]] == [f"{service.aliases}:2", f"{service.aliases}:3"]
    assert "program" in told[-2]["error"] and "a file" in told[-1]["error"]
    assert rcpt(service, f"fresh@{DOMAIN}", f"staff@{DOMAIN}", f"prog@{DOMAIN}") == \
        ["250 2.1.5", "250 2.1.5", "550 5.1.1"]
    before = len(service.events("alias_error"))
    service.reload()
    wait_until(lambda: len(service.events("alias_error")) == before + 2, 10, "told again")
    assert rcpt(service, f"fresh@{DOMAIN}") == ["250 2.1.5"]
    # Not to be read at all: the same.
    service.aliases.unlink()
    wait_until(lambda: "cannot be read" in service.events("alias_error")[-1]["error"], 10, "told")
    count = len(service.events("alias_error"))
    time.sleep(3)
    assert len(service.events("alias_error")) == count  # once
    assert rcpt(service, f"fresh@{DOMAIN}") == ["250 2.1.5"]
    changes(service, "other: ann\n", "alias_file")
    assert rcpt(service, f"fresh@{DOMAIN}", f"other@{DOMAIN}") == ["550 5.1.1", "250 2.1.5"]


@pytest.mark.parametrize("text, readable, word", [("a: b\nx: |prog\n", True, "program"),
                                                  ("a: ann\n", False, "Permission denied")])
def test_a_bad_file_at_the_start(aliased, text, readable, word):
    """Nobody is refused for good who may be in the file; other domains have their mail."""
    service = aliased(text, readable=readable)
    assert word in service.wait_event("alias_error")["error"]
    assert rcpt(service, f"ann@{DOMAIN}", f"a@{DOMAIN}", f"who@{OTHER}", "x@any.example",
                f"postmaster@{DOMAIN}") == \
        ["451 4.3.0", "451 4.3.0", "451 4.3.0", "250 2.1.5", "250 2.1.5"]
    assert "451" in service.ctl("explain", "rcpt", "--client", "127.0.0.1", "--to",
                                f"a@{DOMAIN}") or not readable  # root reads what the role may not
    changes(service, "a: ann\n", "alias_file")
    assert rcpt(service, f"ann@{DOMAIN}", f"a@{DOMAIN}") == ["250 2.1.5", "250 2.1.5"]


def test_a_file_in_a_new_folder_after_a_reload(aliased):
    """The sandbox has no such folder: a fresh process has."""
    service = aliased()
    more = service.folder / "more"
    more.mkdir(mode=0o755)
    (more / "aliases").write_text("fresh: ann\n")
    service.domain = f"aliases {more}/aliases"
    service.write_conf()
    service.reload()
    wait_until(lambda: rcpt(service, f"fresh@{DOMAIN}") == ["250 2.1.5"], 20, "the new file")


def test_a_thousand_targets(aliased):
    names = ", ".join(f"x{i}@far.example" for i in range(1000))
    service = aliased(f"big: {names}\nbigger: big, one@far.example\n"
                      "long: " + ", ".join(f"{i:03}{'x' * 57}@{'y' * 60}.{'z' * 60}.{'z' * 50}.example"
                                           for i in range(1000)) + "\n")
    assert rcpt(service, f"bigger@{DOMAIN}", f"long@{DOMAIN}", f"big@{DOMAIN}") == \
        ["451 4.3.5", "452 4.5.3", "250 2.1.5"]
    sent = send(service, f"big@{DOMAIN}", f"ann@{DOMAIN}")
    service.wait_mail("ann")
    service.wait_empty()
    reached = {to for _, recipients, _ in service.peer.messages for to in recipients}
    assert len(reached) == 1000
    told = service.wait_event("alias", id=sent)
    assert told["recipients"] == 1000 and told["targets"].endswith(",...")


def test_writing_under_an_alias(aliased):
    """`submission { match }`: what leads to one user alone is his."""
    service = aliased("own: ann\nlist: ann, bob\n", extra="host 127.0.0.0/8 { accept; auth cleartext }\n"
                      "submission { match required; homed required }\n")
    service.listener = "auth offer"
    service.write_conf()
    service.reload()
    with service.client() as client:
        client.expect(235, b"AUTH PLAIN AGFubkB1cy5leGFtcGxlAHNlY3JldC0x")  # ann@us.example secret-1
        for sender, code in ((f"own@{DOMAIN}", 250), (f"own+x@{DOMAIN}", 250), (f"list@{DOMAIN}", 550),
                             (f"who@{OTHER}", 550), (f"bob@{DOMAIN}", 550), (f"ann@{DOMAIN}", 250)):
            got, text = client.command(f"MAIL FROM:<{sender}>".encode())
            assert got == code, (sender, got, text)
            client.expect(250, b"RSET")
