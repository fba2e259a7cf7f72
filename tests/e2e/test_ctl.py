# SPDX-License-Identifier: Apache-2.0
"""imsctl: keys of its JSON, filters, selectors, verbs that change the queue, spool verbs."""
import json
import subprocess

import pytest

import wire
from service import BUILD, DOMAIN, ROLES, wait_until

MESSAGES = [("a@one.example", [f"ann@{DOMAIN}"], 10),
            ("b@one.example", [f"ann@{DOMAIN}", f"bob@{DOMAIN}"], 3000),
            ("c@two.example", ["x@any.example"], 50000),
            ("", [f"bob@{DOMAIN}"], 10)]


@pytest.fixture
def full(serve):
    """A service that delivers nothing, with four messages kept."""
    service = serve(transfer="in")
    for sender, recipients, size in MESSAGES:
        body = b"x" * 70 + b"\r\n"
        text = wire.message(f"from {sender}", body * max(1, size // 72))
        assert service.send(sender, recipients, text)[0] == 250
    return service


def senders(rows):
    return [row["sender"] for row in rows]


def test_status_has_the_fixed_keys(full):
    status = full.status()
    assert {"roles", "queue", "pressure", "config_generation"} <= set(status)
    assert {"messages", "recipients", "bytes", "oldest_s", "states"} <= set(status["queue"])
    assert status["queue"]["messages"] == 4 and status["queue"]["recipients"] == 5
    assert status["queue"]["bytes"] > 50000
    for row in status["roles"]:
        assert {"role", "pid", "restarts"} <= set(row) and row["restarts"] == 0
    names = {row["role"].split("[")[0] for row in status["roles"]}
    assert set(ROLES) <= names, names
    assert "receive" in full.ctl("status")


def test_queue_list_has_the_fixed_keys(full):
    rows = full.queue()
    assert senders(rows) == [m[0] for m in MESSAGES]  # oldest first
    for row, (_, recipients, _) in zip(rows, MESSAGES):
        assert {"id", "sender", "size", "arrived", "priority", "state", "recipients"} <= set(row)
        assert row["state"] == "active" and row["arrived"].endswith("Z")
        assert [r["address"] for r in row["recipients"]] == recipients
        for recipient in row["recipients"]:
            assert {"address", "state", "attempts", "next", "host", "reply", "dsn"} <= set(recipient)
            assert recipient["state"] == "pending" and recipient["attempts"] == 0
    plain = full.ctl("queue", "list")
    assert all(row["id"] in plain for row in rows)
    assert full.ctl("queue", "summary")


FILTERS = [(["from=a@one.example"], ["a@one.example"]),
           (["from=@one.example"], ["a@one.example", "b@one.example"]),
           ([f"to=bob@{DOMAIN}"], ["b@one.example", ""]),
           (["to=@any.example"], ["c@two.example"]),
           (["size>40K"], ["c@two.example"]),
           (["state=active", "size>1K"], ["b@one.example", "c@two.example"]),
           (["state=held"], []), (["older=1h"], [])]


@pytest.mark.parametrize("terms,want", FILTERS, ids=[" ".join(f[0]) for f in FILTERS])
def test_filters(full, terms, want):
    assert senders(full.queue(*terms)) == want


@pytest.mark.parametrize("terms", [["colour=red"], ["size>many"], ["older=yesterday"]])
def test_a_filter_that_makes_no_sense_is_an_error(full, terms):
    full.ctl("queue", "list", *terms, status=64)


SELECTORS = [(["all"], 4), (["domain", DOMAIN], 3), (["sender", "a@one.example"], 1),
             (["domain", "nowhere.example"], 0)]


@pytest.mark.parametrize("selector,count", SELECTORS, ids=[" ".join(s[0]) for s in SELECTORS])
def test_hold_and_release(full, selector, count):
    dry = full.ctl("hold", *selector, "--dry-run")
    assert str(count) in dry and not full.queue("state=held")
    full.ctl("hold", *selector, "--yes", "--reason", "because \"of\" this", status=None)
    assert len(full.queue("state=held")) == count
    assert full.status()["queue"]["states"].get("held", 0) == count
    if count:
        event = full.wait_event("hold")
        assert event["reason"] == "because \"of\" this"
    full.ctl("release", "all", "--yes")
    assert not full.queue("state=held")


def test_held_mail_waits_for_its_release(service):
    service.transfer = "in"
    service.write_conf()
    service.reload()
    service.send("a@client.example", f"ann@{DOMAIN}", wire.message("held"))
    service.send("b@client.example", f"bob@{DOMAIN}", wire.message("free"))
    service.ctl("hold", "sender", "a@client.example", "--yes")
    service.transfer = "both"
    service.write_conf()
    service.reload()
    service.wait_mail("bob")
    assert not service.mailbox("ann")
    service.ctl("release", "all", "--yes")
    service.wait_mail("ann")


def test_drop(full):
    ids = [row["id"] for row in full.queue()]
    full.ctl("drop", ids[0], "--dry-run")
    assert len(full.queue()) == 4
    full.ctl("drop", ids[0], "--yes", "--reason", "unwanted")
    assert [row["id"] for row in full.queue()] == ids[1:]
    assert full.wait_event("drop", id=ids[0])["reason"] == "unwanted"
    full.ctl("drop", "all", status=None)  # no --yes, and nobody to ask: nothing happens
    assert len(full.queue()) == 3
    full.ctl("drop", "all", "--yes")
    assert not full.queue() and full.status()["queue"]["messages"] == 0


def test_retry_now(serve):
    service = serve(retry="1h")
    block = service.folder / "mail" / DOMAIN
    block.write_text("in the way\n")
    service.send("a@client.example", f"ann@{DOMAIN}", wire.message())
    service.wait_event("defer")
    block.unlink()
    service.ctl("retry", service.queue()[0]["id"])
    service.wait_mail("ann")


def test_msg_show_and_export(full):
    row = full.queue("from=b@one.example")[0]
    shown = full.ctl("msg", "show", row["id"])
    assert "b@one.example" in shown and f"bob@{DOMAIN}" in shown and "Subject: from b@one" in shown
    assert "xxxxxxxx" not in shown
    assert "xxxxxxxx" in full.ctl("msg", "show", row["id"], "--body")
    exported = full.ctl("msg", "export", row["id"])
    assert "Subject: from b@one.example" in exported and exported.rstrip().endswith("x" * 70)
    for verb in ("show", "export"):
        assert full.ctl("msg", verb, "0123456789abcdef", status=None) == ""


def test_values_of_peers_cannot_write_lines(serve):
    service = serve()
    with service.client(hello=False) as client:
        client.command(b"EHLO a\x1b[31mred\x07.example")
        client.command(b'MAIL FROM:<"x\x1b]0;y"@client.example>')
    service.send("a@client.example", f"ann@{DOMAIN}",
                 wire.message(extra=b"Message-ID: <a\x1b\"b\\@x>\r\n"))
    service.wait_mail("ann")
    wait_until(lambda: service.ctl_json("track", "--to", f"ann@{DOMAIN}"), 10, "the index")
    for text in (service.ctl("events"), service.ctl("track", "--since", "1h")):
        assert "\x1b" not in text and "\x07" not in text
    for line in service.log.read_text().splitlines():
        json.loads(line)


def test_events_by_number_and_age(service):
    service.send("a@client.example", f"ann@{DOMAIN}", wire.message())
    service.wait_mail("ann")
    service.wait_event("deliver")
    assert {e["event"] for e in service.ctl_json("events", "--number", "2001")} == {"deliver"}
    assert service.ctl_json("events", "--since", "10m")
    assert not service.ctl_json("events", "--since", "2099-01-01T00:00:00Z")


def test_events_follow(service):
    process = subprocess.Popen([str(BUILD / "imsctl"), "--config", str(service.conf), "events",
                                "--follow", "--json"], stdout=subprocess.PIPE, text=True)
    try:
        service.send("a@client.example", f"ann@{DOMAIN}", wire.message())
        service.wait_mail("ann")
        for line in process.stdout:
            if json.loads(line)["event"] == "deliver":
                break
        else:
            raise AssertionError("it ended")
    finally:
        process.kill()
        process.wait()


def test_config_shows_values_with_their_origin(service):
    changed = service.ctl("config", "--changed")
    assert f"hostname mx.{DOMAIN}" in changed and "message-size" not in changed
    effective = service.ctl("config", "--effective")
    assert "message-size" in effective and "hostname" in effective
    rows = service.ctl_json("config")
    assert rows
    service.ctl("check")
    bad = service.folder / "bad.conf"
    bad.write_text("hostnam x\n")
    done = subprocess.run([str(BUILD / "imsctl"), "check", str(bad)], capture_output=True, text=True,
                          timeout=30, check=False)
    assert done.returncode == 78 and "bad.conf:1:1" in done.stdout + done.stderr
    assert "hostname" in done.stdout + done.stderr  # did you mean


def test_spool_verify_and_backup_of_a_running_service(full):
    full.ctl("spool", "verify")
    target = full.folder / "backup"
    full.ctl("spool", "backup", target)
    assert any(target.rglob("*"))
    assert not [p for p in target.rglob("*") if p.stat().st_mode & 0o77]  # it is mail
    copy = full.folder / "copy.conf"
    copy.write_text(full.conf.read_text().replace(f"{full.folder}/spool", str(target))
                    .replace(f"{full.folder}/run", f"{full.folder}/run2"))
    (full.folder / "run2").mkdir()
    done = subprocess.run([str(BUILD / "imsctl"), "--config", str(copy), "queue", "list", "--json"],
                          capture_output=True, text=True, timeout=30, check=True)
    assert len(done.stdout.splitlines()) == 4
    full.ctl("spool", "backup", target, status=73)  # never over something that is there


def test_spool_compact_and_damage_of_a_stopped_service(full):
    full.ctl("drop", "from", status=64)
    full.ctl("drop", "sender", "c@two.example", "--yes")
    full.stop()
    full.ctl("spool", "compact")
    assert not (full.folder / "spool" / "mail.mdb").stat().st_mode & 0o77
    assert len(full.queue()) == 3
    full.ctl("spool", "verify")
    marker = b"Subject: from b@one.example"
    damaged = 0
    for path in (full.folder / "spool").rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            if marker in data:
                path.write_bytes(data.replace(marker, b"Subject: FROM b@one.example"))
                damaged += 1
    assert damaged
    told = full.ctl("spool", "verify", status=65)
    assert full.queue("from=b@one.example")[0]["id"] in told


def test_a_broken_file_leaves_the_running_service_in_reach(full):
    good = full.conf.read_text()
    full.conf.write_text(good + "hostnam x\n")
    assert full.status()["queue"]["messages"] == 4
    assert "2 messages" in full.ctl("hold", "sender", "@one.example", "--yes")
    assert "hostnam" not in full.ctl("reload", status=78)
    full.ctl("queue", "list", status=78)  # which files? the file does not say
    full.stop()
    full.ctl("status", status=78)
    full.ctl("release", "all", "--yes", status=78)
    full.conf.write_text(good)
    assert len(full.queue("state=held")) == 2


def test_reload_says_so(service):
    assert "in use" in service.ctl("reload")


def test_options_stand_before_or_behind_the_verb(service):
    def run(*words):
        return subprocess.run([str(BUILD / "imsctl"), *words], capture_output=True, text=True,
                              timeout=30, check=True).stdout
    conf = str(service.conf)
    assert json.loads(run("status", "--json", "--config", conf))["roles"]
    users = run("--config", conf, "--json", "user", "list").splitlines()
    assert {json.loads(line)["address"] for line in users} == {f"ann@{DOMAIN}", f"bob@{DOMAIN}"}
    assert users == run("user", "list", "--json", "--config", conf).splitlines()
    assert "usage" in run("queue", "--help")


def test_what_an_administrator_asked_for_is_told(full):
    full.ctl("hold", "sender", "@one.example", "--yes")
    assert full.wait_event("admin")["reason"] == "hold sender @one.example"


def test_exit_codes(serve):
    service = serve.stopped()
    service.ctl("status", status=69)
    service.ctl("reload", status=69)
    assert "0 messages" in service.ctl("retry", "all", "--yes")  # on the spool itself
    service.ctl("nonsense", status=64)
    service.ctl("queue", "nonsense", status=64)
    service.ctl("user", "passwd", f"nobody@{DOMAIN}", "--password-stdin", stdin="x\n", status=67)
    service.ctl("user", "add", f"ann@{DOMAIN}", "--password-stdin", stdin="x\n", status=73)
    assert service.queue() == []
    done = subprocess.run([str(BUILD / "imsctl"), "--config", "/nonexistent/ims.conf", "status"],
                          capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 78, done
