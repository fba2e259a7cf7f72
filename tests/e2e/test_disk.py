# SPDX-License-Identifier: Apache-2.0
"""A disk that fills: new mail is put off in time, deliveries and deletes go on, and the
service comes back by itself. The spool is on a small tmpfs in a mount namespace of its own."""
import os
import pathlib
import subprocess

import pytest

import wire
from service import DOMAIN, wait_until

TO = f"ann@{DOMAIN}"


def may_mount():
    return os.geteuid() == 0 and subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "mount", "-t", "tmpfs", "tmpfs", "/mnt"],
        capture_output=True, check=False).returncode == 0


pytestmark = pytest.mark.skipif(not may_mount(), reason="needs root and mount namespaces")


def spool_folder(service):
    """The tmpfs as its own namespace shows it."""
    return pathlib.Path(f"/proc/{service.process.pid}/root{service.folder}/spool")


def fill(service, leave):
    """Fills the tmpfs with a file until `leave` bytes are free."""
    folder = spool_folder(service)
    room = os.statvfs(folder)
    count = max(0, room.f_bavail * room.f_frsize - leave)
    with open(folder / "filler", "ab") as file:
        try:
            file.write(b"\0" * count)
        except OSError:
            pass


def reply_to_mail(service):
    with service.client() as client:
        return client.command(b"MAIL FROM:<a@client.example>")


def test_new_mail_is_put_off_before_the_disk_is_full(serve):
    service = serve(tmpfs="96m", spool="min-free 64M")
    block = service.folder / "mail" / DOMAIN
    block.write_text("a file where a folder should be\n")  # deliveries fail for now
    for number in range(5):
        assert service.send("a@client.example", TO, wire.message(str(number)))[0] == 250
    service.wait_event("defer")
    fill(service, 32 << 20)
    service.wait_event("disk_low", 30)
    wait_until(lambda: reply_to_mail(service)[0] == 452, 15, "452 at MAIL")
    code, text = reply_to_mail(service)
    assert code == 452 and text.startswith("4.3.1"), (code, text)
    assert service.status()["pressure"]["disk_low"] is True
    block.unlink()  # what is kept is delivered while the disk is low
    service.ctl("retry", "all", "--yes")
    service.wait_mail("ann", 5)
    service.wait_empty()
    (spool_folder(service) / "filler").unlink()
    service.wait_event("disk_ok", 30)
    wait_until(lambda: reply_to_mail(service)[0] == 250, 15, "250 at MAIL")
    assert service.send("a@client.example", TO, wire.message("after"))[0] == 250
    service.wait_mail("ann", 6)


def test_a_disk_without_a_single_free_byte(serve):
    """Filled by somebody else to the last byte: 4xx for clients, no exit, and deletes work."""
    service = serve(tmpfs="96m", spool="min-free 1M", transfer="in")
    for number in range(20):
        assert service.send("a@client.example", TO, wire.message(str(number)))[0] == 250
    before = service.pids()
    fill(service, 0)
    kept = 20

    def is_put_off():
        """The store has some room in reserve; what it takes into that is kept as well."""
        nonlocal kept
        code = service.send("a@client.example", TO, wire.message("x", b"x" * 70 + b"\r\n" * 3000))[0]
        assert code == 250 or 400 <= code < 500, code
        kept += code == 250
        return code != 250
    wait_until(is_put_off, 15, "a message that is put off")
    ids = [row["id"] for row in service.queue()]
    assert len(ids) == kept
    service.ctl("drop", ids[0], "--yes")
    wait_until(lambda: len(service.queue()) == kept - 1, 15, "the drop of one message")
    assert service.pids() == before, "a process died"
    (spool_folder(service) / "filler").unlink()
    wait_until(lambda: reply_to_mail(service)[0] == 250, 30, "250 at MAIL")
    assert service.send("a@client.example", TO, wire.message("after"))[0] == 250


def test_a_big_message_that_does_not_fit(serve):
    """The disk fills while the message arrives: 452, nothing of it stays."""
    service = serve(tmpfs="96m", spool="min-free 1M")
    with service.client() as client:
        assert client.envelope("a@client.example", TO)[0] == 354
        client.send(b"Subject: big\r\n\r\n" + (b"x" * 78 + b"\r\n") * 20000)
        fill(service, 0)
        client.send((b"x" * 78 + b"\r\n") * 100000 + b".\r\n")
        code, text = client.reply()
        assert code in (451, 452), (code, text)
    folder = spool_folder(service)
    (folder / "filler").unlink()
    assert not service.queue()

    def free():
        room = os.statvfs(folder)
        return room.f_bavail * room.f_frsize
    wait_until(lambda: free() > 80 << 20, 15, "the room of the message that was not kept")
    wait_until(lambda: reply_to_mail(service)[0] == 250, 15, "250 at MAIL")
