# SPDX-License-Identifier: Apache-2.0
"""One running service of its own for a test: folder, free port, configuration, users,
log, mailboxes, imsctl. Standard library only."""
import ctypes
import itertools
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import wire

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("IMS_BUILD", ROOT / "build-test")).resolve()
START_S, STOP_S = 30, 30
PORT_FIRST, PORTS, PORT_RANGES = 20000, 2000, 6
ROLES = ("receive", "spool", "mailbox", "journal", "directory", "console", "bounce", "deliver", "dns", "http")
DOMAIN = "us.example"
# What a sanitizer, an assert or the C library prints when something is wrong with us.
REPORT = re.compile(r"AddressSanitizer|LeakSanitizer|runtime error:|Assertion .* failed|"
                    r"\*\*\* stack smashing|double free|corrupted size")


# What takes a second on a quiet machine may take some on one with other work: waiting for longer
# costs nothing where the service is right.
PATIENCE = 3


def wait_until(look, seconds, what):
    """The first true value of look(); fails the test when it does not come in PATIENCE times
    the seconds that a quiet machine is given."""
    seconds *= PATIENCE
    end = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"{seconds} s went by without: {what}")
        time.sleep(0.05)


_turn = itertools.count(random.randrange(PORTS))


def free_port():
    """A port that nobody uses and nobody gets by chance: not of those that the system gives away, and of a range
    that this worker (pytest-xdist) has for itself, since tests of other workers look for ports, too."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % PORT_RANGES
    for _ in range(PORTS):
        port = PORT_FIRST + worker * PORTS + next(_turn) % PORTS
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no free port")


def _die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def children(pid):
    """Pids of the processes whose parent is `pid`."""
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            stat = pathlib.Path("/proc", name, "stat").read_text()
        except OSError:
            continue
        state, parent = stat.rsplit(")", 1)[1].split()[:2]
        if int(parent) == pid and state != "Z":
            found.append(int(name))
    return found


def is_alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def environment(more=None):
    """Of a process under test. The leak check of one that may not be traced (it has given up
    rights) ends in an error of its own; leaks are found by the unit tests."""
    options = os.environ.get("ASAN_OPTIONS", "handle_segv=0:handle_abort=0")
    return {**os.environ, **(more or {}), "ASAN_OPTIONS": options + ":detect_leaks=0"}


class Service:
    """`limit`, `spool`, `domain`, `extra` are configuration text; `users` local parts of us.example.
    `crashes` says that the test makes processes die, so that it is no surprise at the end."""

    def __init__(self, users=("ann", "bob"), limit="", spool="min-free 1M", extra="",
                 transfer="both", listener="", retry="1s 2s 5s", env=None, mode=0o755,
                 tmpfs=None, domain=""):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="ims-e2e-", dir="/tmp"))
        self.folder.chmod(mode)
        self.port = free_port()
        self.users, self.limit, self.spool = users, limit, spool
        self.extra, self.transfer, self.listener = extra, transfer, listener
        self.retry, self.domain = retry, domain
        self.env, self.tmpfs = env or {}, tmpfs
        self.process = None
        self.crashes = False
        self.conf = self.folder / "ims.conf"
        self.log = self.folder / "ims.log"
        self.stderr = self.folder / "stderr.txt"
        for name in ("state", "run", "spool", "mail"):
            (self.folder / name).mkdir(mode=0o755)
        self.write_conf()
        for user in users:
            self.ctl("user", "add", f"{user}@{DOMAIN}", "--password-stdin", stdin="secret-1\n")

    # -- configuration, start, stop ------------------------------------------------------

    def write_conf(self):
        here = self.folder
        self.conf.write_text(f"""\
hostname mx.{DOMAIN}
postmaster ann@{DOMAIN}
state {here}/state
runtime {here}/run
transfer {self.transfer}
spool {{ path {here}/spool; {self.spool} }}
log {{ file {here}/ims.log; format json }}
limit {{ {self.limit} }}
retry {{ after {self.retry} }}
listener in {{ address 127.0.0.1:{self.port}; role mx; {self.listener} }}
directory people {{ sqlite {here}/state/directory.db }}
domain {DOMAIN} {{ users people; deliver maildir {here}/mail/%d/%n; {self.domain} }}
domain any.example {{ users any; deliver maildir {here}/mail/%d/%n }}
{self.extra}
""", encoding="utf-8")

    def command(self):
        command = [str(BUILD / "imsd"), "--config", str(self.conf), "--foreground"]
        if self.tmpfs:
            script = (f"mount -t tmpfs -o size={self.tmpfs},mode=755 tmpfs {self.folder}/spool"
                      ' && exec "$@"')
            command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script,
                       "sh", *command]
        return command

    def namespace(self):
        """Where imsctl sees the spool that the service sees."""
        if not self.tmpfs or not self.process or self.process.poll() is not None:
            return []
        return ["nsenter", "--mount", "--target", str(self.process.pid)]

    def start(self):
        with open(self.stderr, "ab") as stderr:
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr,
                env=environment(self.env), preexec_fn=_die_with_parent, cwd="/")
        wait_until(self.greets, START_S, "the service's greeting")
        return self

    def greets(self):
        if self.process.poll() is not None:
            raise AssertionError(f"imsd ended with {self.process.returncode}:\n"
                                 + self.stderr.read_text(errors="replace")[-4000:])
        try:
            with wire.Client(self.port, timeout=2) as client:
                return client.greeting[0] == 220
        except OSError:
            return False

    def stop(self):
        """SIGTERM; in time, status 0, nobody left behind."""
        family = [self.process.pid, *children(self.process.pid)]
        self.process.terminate()
        try:
            status = self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the service did not stop within {STOP_S} s") from None
        finally:
            self.process.poll()
        left = wait_until(lambda: [p for p in family if is_alive(p)] or "none", 5, "")
        if left != "none":
            wait_until(lambda: not any(is_alive(p) for p in left), 5, f"the end of {left}")
        self.process = None
        assert status == 0, self.stderr.read_text(errors="replace")[-4000:]

    def kill_all(self):
        """Whatever the test left running, in any state."""
        if not self.process:
            return
        family = [self.process.pid, *children(self.process.pid)]
        for pid in family:
            if is_alive(pid):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(10)
        # Until the last of them is gone it holds the listening socket.
        wait_until(lambda: not any(is_alive(pid) for pid in family), 20, f"the end of {family}")
        self.process = None

    def check(self):
        """At the end of each test: no report of a sanitizer, no crash that was not asked for."""
        text = self.stderr.read_text(errors="replace") if self.stderr.exists() else ""
        found = REPORT.search(text)
        assert not found, text[max(0, found.start() - 200):found.start() + 4000]
        if not self.crashes:
            assert not self.events("crash_contained"), self.events("crash_contained")

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def reload(self, seconds=15):
        """SIGHUP, and waits for what comes of it: a `reload` or a `config_error` event."""
        def seen():
            return len(self.events("reload")) + len(self.events("config_error"))
        before = seen()
        self.process.send_signal(signal.SIGHUP)
        wait_until(lambda: seen() > before, seconds, "an answer to SIGHUP")

    # -- looking at it -------------------------------------------------------------------

    def ctl(self, *arguments, stdin=None, status=0):
        """imsctl's standard output; fails unless it ends with `status` (None: any)."""
        done = subprocess.run(
            [*self.namespace(), str(BUILD / "imsctl"), "--config", str(self.conf), *map(str, arguments)],
            input=stdin if stdin is not None else "", capture_output=True, text=True,
            timeout=60, check=False, env=environment())
        assert not REPORT.search(done.stderr), done.stderr
        if status is not None:
            assert done.returncode == status, (arguments, done.returncode, done.stdout, done.stderr)
        return done.stdout

    def ctl_json(self, *arguments):
        """List of the objects that `imsctl … --json` prints, one a line."""
        return [json.loads(line) for line in self.ctl(*arguments, "--json").splitlines() if line]

    def status(self):
        return self.ctl_json("status")[0]

    def queue(self, *filters):
        return self.ctl_json("queue", "list", *filters)

    def pids(self):
        """{role: [pid, …]} of the running processes, as status tells."""
        found = {}
        for row in self.status()["roles"]:
            role = re.sub(r"\[\d+\]$", "", row["role"])
            found.setdefault(role, []).append(row["pid"])
        return found

    def events(self, name=None, **wanted):
        """Events of the log so far, oldest first; values are compared as text."""
        found = []
        if self.log.exists():
            for line in self.log.read_text(encoding="utf-8").splitlines(keepends=True):
                if not line.endswith("\n"):
                    continue  # still being written
                event = json.loads(line)
                if name in (None, event["event"]) and all(
                        str(event.get(k)) == str(v) for k, v in wanted.items()):
                    found.append(event)
        return found

    def wait_event(self, name, seconds=15, **wanted):
        return wait_until(lambda: self.events(name, **wanted), seconds, f"event {name} {wanted}")[-1]

    def mailbox(self, user, domain=DOMAIN):
        """The messages of a Maildir, as bytes."""
        new = self.folder / "mail" / domain / user / "new"
        if not new.is_dir():
            return []
        return [path.read_bytes() for path in sorted(new.iterdir())]

    def wait_mail(self, user, count=1, domain=DOMAIN, seconds=30):
        def enough():
            found = self.mailbox(user, domain)
            return found if len(found) >= count else None
        return wait_until(enough, seconds, f"{count} messages for {user}@{domain}")

    def wait_empty(self, seconds=60):
        """Also while spool is being replaced, when the queue is not known."""
        wait_until(lambda: (self.status().get("queue") or {}).get("messages") == 0, seconds,
                   "an empty queue")

    # -- talking to it -------------------------------------------------------------------

    def client(self, hello=True, **options):
        client = wire.Client(self.port, **options)
        if hello:
            client.expect(250, b"EHLO client.example")
        return client

    def send(self, sender, recipients, text, **options):
        """One message on a connection of its own; the last reply's (code, text)."""
        with self.client(**options) as client:
            return client.mail(sender, recipients, text)
