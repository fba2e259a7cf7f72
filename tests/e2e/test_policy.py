# SPDX-License-Identifier: Apache-2.0
"""Who may do what: rules of hosts, relaying, users, detail in local parts."""
import pytest

import wire
from service import DOMAIN, wait_until

# recipient, reply code, start of the reply's text
RECIPIENTS = [
    (f"ann@{DOMAIN}", 250, "2.1.5"),
    (f"ANN@{DOMAIN.upper()}", 250, "2.1.5"),
    (f"ann+list@{DOMAIN}", 250, "2.1.5"),
    (f"nobody@{DOMAIN}", 550, "5.1.1"),
    (f"nobody+x@{DOMAIN}", 550, "5.1.1"),
    (f"postmaster@{DOMAIN}", 250, "2.1.5"),
    (f"PostMaster@{DOMAIN}", 250, "2.1.5"),
    ("postmaster", 250, "2.1.5"),
    ("whoever@any.example", 250, "2.1.5"),
    ("x@other.example", 550, "5.7.1"),
    (f"x%other.example@{DOMAIN}", 550, "5."),
    (f"x!y@{DOMAIN}", 550, "5."),
    (f"@{DOMAIN}:x@other.example", 550, "5.7.1"),
    (f"@relay.example:ann@{DOMAIN}", 250, "2.1.5"),
    (f'"ann"@{DOMAIN}', 250, "2.1.5"),
    ("ann", 501, "5.1.3"),
    ("", 501, "5."),
    (f"a b@{DOMAIN}", 501, "5."),
    (f"ann@{DOMAIN}.", None, None),
    (f"../../x@{DOMAIN}", 501, "5.1.3"),
]


@pytest.mark.parametrize("recipient,code,start", RECIPIENTS)
def test_recipient(service, recipient, code, start):
    with service.client() as client:
        client.expect(250, b"MAIL FROM:<a@client.example>")
        got, text = client.command(b"RCPT TO:<" + recipient.encode() + b">")
        if code is None:
            assert got in (250, 501, 550)
        else:
            assert (got, text[:len(start)]) == (code, start), (got, text)
        client.expect(250, b"NOOP")


def test_postmasters_mail_goes_to_the_one_who_is_named(service):
    assert service.send("a@client.example", f"postmaster@{DOMAIN}", wire.message())[0] == 250
    service.wait_mail("ann")


def test_detail_is_not_part_of_the_mailbox(service):
    assert service.send("a@client.example", f"ann+list.x@{DOMAIN}", wire.message())[0] == 250
    got = service.wait_mail("ann")[0]
    assert f"Delivered-To: ann+list.x@{DOMAIN}".encode() in got


@pytest.mark.parametrize("local", ['"../../escape"', '"a/b"', '".."', '"."', '"x\\"y"', '"-rf"'])
def test_unsafe_local_parts_stay_inside_the_template(service, local):
    got = service.send("a@client.example", f"{local}@any.example", wire.message())
    if got[0] == 250:
        service.wait_empty()
    else:
        assert got[0] in (550, 553, 501), got
    root = service.folder
    assert {p.name for p in root.iterdir()} <= {"state", "run", "spool", "mail", "ims.conf",
                                                "ims.log", "stderr.txt"}
    mail = root / "mail"
    for folder in mail.rglob("new"):
        assert folder.parent.parent.parent == mail, folder
        assert folder.parent.parent.name == "any.example"


def test_host_rules_longest_prefix_wins(serve):
    service = serve(extra="host 127.0.0.0/8 { accept }\nhost 127.0.0.2 { reject }\n"
                          "host 127.0.0.3 { accept; auth exempt; relay yes }\n")
    with pytest.raises(OSError):
        with wire.Client(service.port, source="127.0.0.2") as client:
            assert client.greeting[0] in (554, 550), client.greeting
            assert client.is_closed()
            raise wire.Closed("as it should")
    refused = service.wait_event("refuse", client="127.0.0.2")
    assert refused["rule"], refused
    with service.client(source="127.0.0.3") as client:
        client.expect(250, b"MAIL FROM:<a@client.example>")
        client.expect(250, b"RCPT TO:<x@other.example>")
        client.expect(250, b"RSET")
    with service.client() as client:
        client.expect(250, b"MAIL FROM:<a@client.example>")
        client.expect("550 5.7.1"[:3], b"RCPT TO:<x@other.example>")


def relayed(service, source, to="x@other.example"):
    with service.client(source=source) as client:
        client.expect(250, b"MAIL FROM:<a@client.example>")
        return client.command(b"RCPT TO:<" + to.encode() + b">")[0]


# client, whether it may relay, text of the line that refuses it
RELAYING = [
    ("127.0.0.1", False, None),
    ("127.0.1.1", True, None),
    ("127.0.1.9", False, "never 127.0.1.8/30"),
    ("127.0.2.1", True, None),  # by the rule of the host
    ("127.0.2.2", False, "never 127.0.2.2"),  # which `never` stands before
    ("127.0.3.3", True, None),
]


def test_relay_lists_beside_host_rules(serve):
    service = serve(extra="host 127.0.2.0/24 accept relay yes\n"
                          "relay {\n\tfrom 127.0.1.0/24 127.0.3.3\n\tnever 127.0.1.8/30\n"
                          "\tnever 127.0.2.2\n}\nroute default { via 127.0.0.1:9; tls off }\n")
    lines = (service.folder / "ims.conf").read_text().splitlines()
    for source, may, rule in RELAYING:
        assert relayed(service, source) == (250 if may else 550), source
        assert relayed(service, source, f"ann@{DOMAIN}") == 250, source
        if may:
            continue
        event = service.wait_event("refuse", client=source)
        if rule is None:
            assert event["rule"] == "relay denied", event
        else:
            path, line = event["rule"].rsplit(":", 1)
            assert path.endswith("ims.conf") and lines[int(line) - 1].strip() == rule, event


def is_refused(client):
    client.expect(250, b"MAIL FROM:<a@client.example>")
    code = client.command(b"RCPT TO:<x@other.example>")[0]
    client.expect(250, b"RSET")
    return code == 550


def test_relay_lists_change_with_a_reload(serve):
    service = serve(extra="relay { from 127.0.0.0/8 }\n")
    with service.client() as client:
        client.expect(250, b"MAIL FROM:<a@client.example>")
        client.expect(250, b"RCPT TO:<x@other.example>")
        client.expect(250, b"RSET")
        conf = service.folder / "ims.conf"
        conf.write_text(conf.read_text().replace("relay { from", "relay { never"))
        service.reload()
        wait_until(lambda: is_refused(client), 10, "the new list of networks")
    assert relayed(service, "127.0.0.1") == 550


def test_relayed_mail_is_kept(serve):
    """This release has no way out; a host that may relay is told 250 and the mail is kept."""
    service = serve(extra="host 127.0.0.0/8 { accept; auth exempt; relay yes }\n"
                          "route default { via 127.0.0.1:9; tls off }\n")
    assert service.send("a@client.example", "x@other.example", wire.message())[0] == 250
    row = service.queue()[0]
    assert row["recipients"][0]["address"] == "x@other.example"
    assert row["recipients"][0]["state"] in ("pending", "deferred")


def test_refusals_are_events_that_name_the_rule(service):
    with service.client() as client:
        client.expect(250, b"MAIL FROM:<a@client.example>")
        client.expect(550, b"RCPT TO:<x@other.example>")
    event = service.wait_event("refuse", to="x@other.example")
    assert event["client"] == "127.0.0.1" and event["from"] == "a@client.example"
    assert str(event["code"]) == "550" and event["dsn"] == "5.7.1" and event["rule"]


def test_vrfy_does_not_tell_unless_enabled(serve):
    with serve().client() as client:
        client.expect(252, b"VRFY ann@us.example")
        client.expect(252, b"VRFY nobody@us.example")
        client.expect(502, b"EXPN staff")


def test_loop_is_refused(service):
    hops = b"".join(b"Received: from h%d.example by h%d.example; Sun, 22 Nov 2026 00:00:00 +0000\r\n"
                    % (i, i + 1) for i in range(60))
    code, text = service.send("a@client.example", f"ann@{DOMAIN}", hops + wire.message())
    assert code == 554 and text.startswith("5.4.6"), (code, text)


def test_users_come_and_go_without_a_restart(service):
    assert service.send("a@client.example", f"eve@{DOMAIN}", wire.message())[0] == 550
    service.ctl("user", "add", f"eve@{DOMAIN}", "--password-stdin", stdin="secret\n")
    assert f"eve@{DOMAIN}" in [row["address"] for row in service.ctl_json("user", "list")]
    assert service.send("a@client.example", f"eve@{DOMAIN}", wire.message())[0] == 250
    service.ctl("user", "passwd", f"eve@{DOMAIN}", "--password-stdin", stdin="other\n")
    service.ctl("user", "del", f"eve@{DOMAIN}", "--yes")
    assert service.send("a@client.example", f"eve@{DOMAIN}", wire.message())[0] == 550
    service.ctl("user", "del", f"eve@{DOMAIN}", "--yes", status=67)
