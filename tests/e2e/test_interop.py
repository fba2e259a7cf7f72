# SPDX-License-Identifier: Apache-2.0
"""Real mail servers as next hops: Postfix, its smtp-sink, Exim, OpenSMTPD, and Dovecot by LMTP; those that can be made
stricter than they are by default about HELO, pipelining, newlines and addresses are."""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import pytest

import field
import report
import wire
from service import free_port, wait_until

SHORT = "timeout { connect 5s; greeting 10s; command 10s; data 10s; final 20s; idle 1s }"
RELAY = "host 127.0.0.0/8 { accept; relay yes }"
BOB = "bob@us.example"

POSTFIX_MASTER = """\
127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""
POSTFIX_MAIN = """\
compatibility_level = 3.6
queue_directory = /var/spool/postfix
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
shlib_directory = /usr/lib/postfix
meta_directory = /etc/postfix
maillog_file = /dev/stdout
mail_owner = postfix
setgid_group = postdrop
myhostname = mx.postfix.example
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
alias_maps =
alias_database =
local_recipient_maps =
smtp_dns_support_level = disabled
smtputf8_enable = yes
relayhost = [127.0.0.1]:{back}
virtual_mailbox_domains = postfix.example
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = inline:{{ {{ u@postfix.example = u/ }}, {{ v@postfix.example = v/ }} }}
smtpd_helo_required = yes
smtpd_helo_restrictions = reject_invalid_helo_hostname, reject_non_fqdn_helo_hostname
smtpd_data_restrictions = reject_unauth_pipelining
smtpd_forbid_unauth_pipelining = yes
smtpd_forbid_bare_newline = yes
strict_rfc821_envelopes = yes
disable_vrfy_command = yes
virtual_uid_maps = static:5506
virtual_gid_maps = static:5506
"""
EXIM = """\
primary_hostname = mx.exim.example
daemon_smtp_ports = {port}
local_interfaces = 127.0.0.1
log_file_path = {folder}/run/%slog
keep_environment =
acl_smtp_helo = helo
acl_smtp_rcpt = rcpt
acl_smtp_data = data
smtp_enforce_sync = true
smtp_max_synprot_errors = 0
host_lookup =
rfc1413_hosts =
begin acl
helo:
  accept condition = ${{if match{{$sender_helo_name}}{{\\N^[a-z0-9.-]+\\.[a-z]+$\\N}}}}
  deny message = a whole name, please
data:
  require verify = header_syntax
  accept
rcpt:
  accept local_parts = u : v
  defer message = 4.2.2 come later
        local_parts = later
  deny message = 5.1.1 no such user here
begin routers
all:
  driver = accept
  local_parts = u : v : later
  transport = maildir
begin transports
maildir:
  driver = appendfile
  directory = {folder}/mail/$local_part_data
  maildir_format
  user = vmail
begin retry
* * F,1h,1m
"""
DOVECOT = """\
base_dir = {folder}/run/base
state_dir = {folder}/run/state
log_path = /dev/stderr
protocols = lmtp
ssl = no
default_login_user = dovenull
default_internal_user = dovecot
default_internal_group = dovecot
mail_location = maildir:{folder}/mail/%n
mail_uid = 5506
mail_gid = 5506
first_valid_uid = 1
mail_plugins = quota
plugin {{
  quota = count:User
  quota_vsizes = yes
}}
protocol lmtp {{
  mail_plugins = quota
}}
passdb {{
  driver = passwd-file
  args = {folder}/etc/people
}}
userdb {{
  driver = passwd-file
  args = username_format=%u {folder}/etc/people
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {port}
  }}
  unix_listener {folder}/run/lmtp {{
    mode = 0666
  }}
}}
service stats {{
  chroot =
}}
"""


OPENSMTPD = """\
table users {{ "u" = "5506:5506:{folder}/mail/u", "v" = "5506:5506:{folder}/mail/v" }}
smtp max-message-size 1M
listen on 127.0.0.1 port {port} hostname mx.opensmtpd.example
listen on socket
action "in" maildir "{folder}/mail/%{{user.username}}" userbase <users>
match from any for domain "opensmtpd.example" action "in"
"""


def extra(*more):
    return "\n".join((SHORT, RELAY, *more))


BODIES = {  # what is easily spoilt on the way
    "dots": b".\r\n..\r\n.a\r\n\r\n.\r\nend\r\n",
    "8 bit": "Grüße, ἀλλά, 你好\r\n".encode() + bytes(range(128, 256)) + b"\r\n",
    "long lines": (b"x" * 990 + b"\r\n") * 100,
    "blanks": b"  leading\r\ntrailing   \t\r\n\r\n\r\nFrom here\r\n-- \r\n",
    "big": b".0123456789 abcdefghijklmnopqrstuvwxyz\r\n" * 20_000,
}


def arrive_unchanged(service, hop, domain):
    texts = [wire.message(name, body, extra=f"Message-ID: <{name[:2]}.1@client.example>\r\n".encode())
             for name, body in BODIES.items()]
    before = len(hop.mailbox("u"))
    for text in texts:
        report.send(service, BOB, f"u@{domain}", text, "BODY=8BITMIME")
    wait_until(lambda: len(hop.mailbox("u")) == before + len(texts), 30, f"{len(texts)} messages")
    arrived = hop.mailbox("u")
    for text in texts:
        plain = text.replace(b"\r\n", b"\n")
        (got,) = [m for m in arrived if m.endswith(plain)] or [None]
        assert got, f"changed: {plain[:200]!r} is not in {[m[:2000] for m in arrived]}"
        trace = got.removesuffix(plain)
        assert re.search(rb"^Received: from \S+ .*\n(\s.*\n)*\s.*by mx\.us\.example", trace, re.M), trace
        assert b"\n\n" not in trace


@pytest.fixture
def postfix(serve):
    """Postfix behind a service that is not started yet; its own mail comes back to that."""
    service = serve.stopped(users=("ann", "bob"), retry="1s")
    with field.Field("postfix") as hop:
        (hop.folder / "data").mkdir()
        (hop.folder / "var/spool/postfix").mkdir()
        os.chown(hop.folder / "data", field.USERS["postfix"], -1)
        for name in ("dynamicmaps.cf", "postfix-files"):
            hop.file(f"postfix/{name}", (hop.root / "etc/postfix" / name).read_text(encoding="utf-8")
                     if (hop.root / "etc/postfix" / name).exists() else "")
        hop.file("postfix/master.cf", POSTFIX_MASTER.format(port=hop.port))
        hop.file("postfix/main.cf", POSTFIX_MAIN.format(folder=hop.folder, back=service.port))
        hop.start("/usr/sbin/postfix", "start-fg")
        service.extra = extra(f"route p {{ match postfix.example; via 127.0.0.1:{hop.port} }}")
        service.write_conf()
        hop.service = service.start()
        yield hop


def test_postfix_has_texts_unchanged(postfix):
    arrive_unchanged(postfix.service, postfix, "postfix.example")


def test_postfix_and_reports(postfix):
    """It knows DSN: success is its own to tell, once. What it refuses is ours to tell."""
    service = postfix.service
    report.send(service, BOB, [
        ("u@postfix.example", "NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;o+2Bx@o.example"),
        ("v@postfix.example", "NOTIFY=NEVER"),
        ("nobody@postfix.example", "NOTIFY=FAILURE ORCPT=rfc822;n@o.example")],
        wire.message("reports"), "RET=HDRS ENVID=E+2B9")
    texts = service.wait_mail("bob", 2)
    service.wait_empty()
    assert len(postfix.mailbox("u")) == len(postfix.mailbox("v")) == 1
    assert len(service.mailbox("bob")) == 2
    (theirs,) = [t for t in texts if b"Reporting-MTA: dns; mx.postfix.example" in t]
    (ours,) = [report.Report(t) for t in texts if t is not theirs]
    for line in (b"Action: delivered", b"Original-Envelope-Id: E+9",
                 b"Original-Recipient: rfc822;o+x@o.example", b"Final-Recipient: rfc822; u@postfix.example"):
        assert line in theirs, (line, theirs)
    one = ours.of("nobody@postfix.example")
    assert ours.addresses == ["nobody@postfix.example"]
    assert (one["action"], one["status"]) == ("failed", "5.1.1") and "User unknown" in one["diagnostic-code"]
    assert ours.message["original-envelope-id"] == "E+9" and one["original-recipient"] == "rfc822; n@o.example"


def test_postfix_sends_us_what_it_cannot_deliver(postfix):
    """A report that comes from it for a sender of ours, and mail in UTF-8, there and back."""
    service = postfix.service
    report.send(service, BOB, "u@postfix.example", wire.message("Grüße"), "SMTPUTF8 BODY=8BITMIME")
    wait_until(lambda: postfix.mailbox("u"), 20, "the message")
    assert "Subject: Grüße\n".encode() in postfix.mailbox("u")[0]
    with wire.Client(postfix.port) as client:  # a client of Postfix, which relays to us
        client.expect(250, b"EHLO client.example")
        got = client.mail("x@postfix.example", ["ann@us.example", "nobody@us.example"], wire.message("in"))
        assert got[0] == 250
    service.wait_mail("ann")
    assert service.events("receive", **{"from": "x@postfix.example"})


def test_many_messages_to_postfix(postfix):
    service = postfix.service
    with service.client() as client:
        for number in range(200):
            assert client.mail(BOB, ["u@postfix.example", "v@postfix.example"],
                               wire.message(f"n{number}"))[0] == 250
    for user in ("u", "v"):
        wait_until(lambda u=user: len(postfix.mailbox(u)) >= 200, 40, "200 messages")
        subjects = {re.search(rb"^Subject: (n\d+)", m, re.M).group(1) for m in postfix.mailbox(user)}
        assert len(postfix.mailbox(user)) == 200 == len(subjects)
    assert not service.events("defer")


def test_exim(serve):
    """It announces no DSN here: mail with NOTIFY=SUCCESS is relayed, and that is told."""
    with field.Field("exim") as hop:
        hop.file("exim4/exim4.conf", EXIM.format(port=hop.port, folder=hop.folder))
        (hop.folder / "var/spool/exim4").mkdir()
        for path in (hop.folder / "var/spool/exim4", hop.folder / "run"):
            os.chown(path, field.USERS["Debian-exim"], field.USERS["Debian-exim"])
        hop.start("/usr/sbin/exim4", "-bdf", "-q1h")
        service = serve(retry="1h", extra=extra(
            f"route e {{ match exim.example; via 127.0.0.1:{hop.port} }}"))
        arrive_unchanged(service, hop, "exim.example")
        report.send(service, BOB, [("v@exim.example", "NOTIFY=SUCCESS"), "nobody@exim.example",
                                   ("later@exim.example", "NOTIFY=SUCCESS,FAILURE")], wire.message("reports"))
        service.wait_event("defer", to="later@exim.example")
        found = {a: r.of(a) for r in report.reports(service, "bob") for a in r.addresses}
        assert {a: (r["action"], r["status"]) for a, r in found.items()} == {
            "v@exim.example": ("relayed", "2.0.0"), "nobody@exim.example": ("failed", "5.1.1")}
        wait_until(lambda: len(hop.mailbox("v")) == 1, 10, "the message")


def test_opensmtpd(serve):
    """No PIPELINING, no CHUNKING, no SMTPUTF8, replies without enhanced status, and a limit of size."""
    with field.Field("opensmtpd") as hop:
        hop.file("smtpd.conf", OPENSMTPD.format(port=hop.port, folder=hop.folder))
        (hop.folder / "var/spool/smtpd").mkdir(mode=0o711)
        (hop.folder / "var/spool/smtpd").chmod(0o711)
        hop.start("sh", "-c", "mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /var/lib && chmod 755 /run /var/lib && "
                  "mkdir -p -m 755 /var/lib/opensmtpd/empty && exec /usr/sbin/smtpd -d -f /etc/smtpd.conf")
        service = serve(retry="1h", extra=extra(
            f"route o {{ match opensmtpd.example; via 127.0.0.1:{hop.port} }}"))
        arrive_unchanged(service, hop, "opensmtpd.example")
        report.send(service, BOB, ["v@opensmtpd.example", "nobody@opensmtpd.example"], wire.message("reports"))
        wait_until(lambda: len(hop.mailbox("v")) == 1, 20, "the message")
        report.send(service, BOB, "v@opensmtpd.example", wire.message("long", b"0123456789\r\n" * 120_000))
        report.send(service, BOB, "v@opensmtpd.example", wire.message("Grüße"), "SMTPUTF8 BODY=8BITMIME")
        service.wait_empty()
        failed = [(a, r.of(a)["status"]) for r in report.reports(service, "bob") for a in r.addresses]
        assert sorted(failed) == [("nobody@opensmtpd.example", "5.1.1"), ("v@opensmtpd.example", "5.3.4"),
                                  ("v@opensmtpd.example", "5.6.7")]
        assert len(hop.mailbox("v")) == 1 and not service.events("defer")


@pytest.mark.parametrize("by", ["unix", "tcp"])
def test_dovecot(serve, by):
    """One text, an answer for each recipient: taken, unknown at RCPT, over quota at the end."""
    with field.Field("dovecot") as hop:
        hop.file("dovecot/dovecot.conf", DOVECOT.format(port=hop.port, folder=hop.folder))
        hop.file("people", "".join(
            f"{user}@l.example:{{PLAIN}}x:5506:5506::{hop.folder}/mail/{user}::{more}\n"
            for user, more in (("u", ""), ("full", "userdb_quota_rule=*:bytes=100"))))
        hop.start("/usr/sbin/dovecot", "-F", "-c", "/etc/dovecot/dovecot.conf")
        where = f"{hop.folder}/run/lmtp" if by == "unix" else f"127.0.0.1:{hop.port}"
        service = serve(retry="1h", extra=extra(f"domain l.example {{ users any; deliver lmtp {where} }}"))
        report.send(service, BOB, [f"{u}@l.example" for u in ("u", "full", "nobody")],
                    wire.message("to three", b"text\r\n.dot\r\n" * 20))
        service.wait_event("deliver", to="u@l.example")
        service.wait_empty()
        failed = {a: r.of(a) for r in report.reports(service, "bob") for a in r.addresses}
        assert {a: r["status"] for a, r in failed.items()} == {
            "nobody@l.example": "5.1.1", "full@l.example": "5.2.2"}
        assert all(r["action"] == "failed" for r in failed.values())
        assert len(hop.mailbox("u")) == 1 and not hop.mailbox("full") and not service.events("defer")
        if by == "tcp":
            arrive_unchanged(service, hop, "l.example")


SINKS = {  # options of smtp-sink, and how a message ends there
    "plain": ((), "deliver"), "no-esmtp": (("-e",), "deliver"),
    "no-pipelining": (("-p", "-8"), "deliver"),
    "soft-rcpt": (("-r", "rcpt"), "defer"), "hard-rcpt": (("-f", "rcpt"), "fail"),
    "hard-data": (("-f", "data"), "fail"), "soft-dot": (("-r", "."), "defer"),
    "hard-dot": (("-f", "."), "fail"),
    "quit-mail": (("-q", "mail"), "defer"), "quit-dot": (("-q", "."), "defer"),
    "quit-connect": (("-q", "connect"), "defer"), "soft-connect": (("-r", "connect"), "defer"),
    "hard-ehlo": (("-f", "ehlo"), "deliver"), "slow": (("-w", "1"), "deliver"),
}


def test_smtp_sink(serve):
    """Postfix's sink, disturbed in its own ways."""
    root = field.root("postfix")
    top = pathlib.Path(tempfile.mkdtemp(prefix="ims-e2e-sink-", dir="/tmp"))
    top.chmod(0o755)
    made, ports = [], {}
    user = ("-u", "nobody") if os.geteuid() == 0 else ()
    try:
        for name, (options, _) in SINKS.items():
            ports[name] = free_port()
            folder = top / name
            folder.mkdir()
            folder.chmod(0o777)
            made.append(subprocess.Popen(
                [str(root / "usr/sbin/smtp-sink"), *options, *user, "-d", f"{folder}/%Y.", "-h", "sink.example",
                 f"127.0.0.1:{ports[name]}", "20"], env={"LD_LIBRARY_PATH": str(root / "usr/lib/postfix")},
                stdin=subprocess.DEVNULL))
        for port in ports.values():
            wait_until(lambda p=port: field.listens(p), 10, "smtp-sink listens")
        routes = [f"route {name} {{ match {name}.example; via 127.0.0.1:{port} }}" for name, port in ports.items()]
        service = serve(retry="1h", extra=extra(*routes))
        for name in SINKS:
            report.send(service, BOB, f"x@{name}.example", wire.message(name, b"hello\r\n..dot\r\n"))
        for name, (_, wanted) in SINKS.items():
            def outcome(to=f"x@{name}.example"):
                return [e for e in service.events(to=to) if e["event"] in ("deliver", "defer", "fail")]
            event = wait_until(outcome, 40, f"an outcome of {name}")[0]
            assert event["event"] == wanted, (name, event)
            texts = [p.read_bytes() for p in (top / name).iterdir()]
            taken = [t for t in texts if b"hello\n..dot\n" in t.replace(b"\r\n", b"\n")]
            if wanted == "deliver":
                assert len(taken) == 1, (name, texts)
    finally:
        for process in made:
            process.kill()
            process.wait(10)
        shutil.rmtree(top)
