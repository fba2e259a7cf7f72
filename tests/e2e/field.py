# SPDX-License-Identifier: Apache-2.0
"""Mail servers of the field as next hops: Debian's packages as ./test has unpacked them, each in
a mount and process namespace of its own, where /usr and /etc hold what it needs. Nothing is
installed, nothing of the machine's own mail is touched, and its end is the end of all of it."""
import functools
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile

import pytest

from service import BUILD, children, free_port, wait_until

USERS = {"postfix": 5501, "postdrop": 5502, "Debian-exim": 5503, "dovecot": 5504, "dovenull": 5505,
         "vmail": 5506, "opensmtpd": 5507, "opensmtpq": 5508}
SETUP = """set -e
mount -t overlay overlay -o lowerdir={root}/usr:/usr /usr
mount -t overlay overlay -o lowerdir={etc}:/etc /etc
mount --bind {var}/spool /var/spool; mount --bind {var}/log /var/log
cd /; exec "$@"
"""


def root(name):
    """Where a server is unpacked; the test is skipped when it is not."""
    folder = BUILD / "field" / name
    if not (folder / "complete").exists():
        pytest.skip(f"{name} is not unpacked in {folder}; ./test e2e does that")
    return folder


@functools.cache
def namespaces():
    """Whether this user may have them, with an overlay over /usr."""
    done = subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "sh", "-c",
         "mkdir -p $0/usr && mount -t overlay overlay -o lowerdir=$0/usr:/usr /usr",
         tempfile.gettempdir() + "/ims-e2e-overlay"], capture_output=True, check=False, timeout=30)
    shutil.rmtree(tempfile.gettempdir() + "/ims-e2e-overlay", ignore_errors=True)
    return done.returncode == 0


def listens(port):
    try:
        with socket.create_connection(("127.0.0.1", port), 2):
            return True
    except OSError:
        return False


class Field:
    """`files` are texts below /etc. The command stays in the foreground; `ready` is asked
    until it is true. `folder` is the server's own: mail and sockets may be there."""

    def __init__(self, name, files=None):
        self.root = root(name)
        if not namespaces():
            pytest.skip("no private mount namespaces with an overlay here")
        self.name, self.port = name, free_port()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"ims-e2e-{name}-", dir="/tmp"))
        self.folder.chmod(0o755)
        for below in ("etc", "var/spool", "var/log", "mail", "run"):
            (self.folder / below).mkdir(parents=True)
        for below in ("mail", "run"):
            os.chown(self.folder / below, USERS["vmail"], USERS["vmail"])
            (self.folder / below).chmod(0o755)
        self.file("passwd", pathlib.Path("/etc/passwd").read_text(encoding="utf-8") + "".join(
            f"{n}:x:{i}:{i}::/nonexistent:/bin/false\n" for n, i in USERS.items()))
        self.file("group", pathlib.Path("/etc/group").read_text(encoding="utf-8") + "".join(
            f"{n}:x:{i}:\n" for n, i in USERS.items()))
        for path, text in (files or {}).items():
            self.file(path, text)
        self.log = self.folder / "output.txt"
        self.process = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            # The first process of the namespace, and with it all others. (unshare's own
            # --kill-child is forgotten when that one changes its user.)
            for pid in children(self.process.pid):
                os.kill(pid, signal.SIGKILL)
            self.process.wait(10)
        shutil.rmtree(self.folder, ignore_errors=True)

    def file(self, path, text):
        where = self.folder / "etc" / path
        where.parent.mkdir(parents=True, exist_ok=True)
        where.write_text(text, encoding="utf-8")

    def start(self, *command, ready=None):
        script = SETUP.format(root=self.root, etc=self.folder / "etc", var=self.folder / "var")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                ["unshare", "--mount", "--pid", "--fork", "--mount-proc",
                 "--propagation", "private", "bash", "-c", script, "bash", *map(str, command)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(lambda: self.alive() and (ready or self.greets)(), 30, f"{self.name} is ready")
        return self

    def alive(self):
        if self.process.poll() is not None:
            raise AssertionError(f"{self.name} ended with {self.process.returncode}:\n"
                                 + self.log.read_text(errors="replace")[-3000:])
        return True

    def greets(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), 2) as conn:
                return conn.recv(3) == b"220"
        except OSError:
            return False

    def mailbox(self, user):
        """Messages of a Maildir below `mail`, as bytes."""
        new = self.folder / "mail" / user / "new"
        return [path.read_bytes() for path in sorted(new.iterdir())] if new.is_dir() else []
