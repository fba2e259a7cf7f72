# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL server of a test's own: a cluster in a new folder, an unprivileged user, a
loopback port and a unix socket, no promise that anything survives."""
import glob
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile

import pytest

from service import BUILD, children, free_port, wait_until

HBA = """local all all trust
host all ims 127.0.0.1/32 scram-sha-256
"""


def programs():
    """The folder with initdb and postgres: unpacked by ./test, or installed."""
    for root in (str(BUILD / "field" / "postgres"), ""):
        for folder in sorted(glob.glob(root + "/usr/lib/postgresql/*/bin"), reverse=True):
            if os.access(folder + "/initdb", os.X_OK):
                return pathlib.Path(folder)
    pytest.skip("PostgreSQL is neither unpacked nor installed; ./test e2e unpacks it")


class Postgres:
    def __init__(self, *options):
        self.bin, self.port = programs(), free_port()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="ims-e2e-pg-", dir="/tmp"))
        self.folder.chmod(0o755)
        self.data, self.process = self.folder / "data", None
        self.options = options
        # It refuses to run as root.
        self.user = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        if self.user:
            os.chown(self.folder, self.user.pw_uid, self.user.pw_gid)

    def __enter__(self):
        try:
            self.run("initdb", "-D", self.data, "-U", "admin", "-A", "trust", "-N", "-E", "UTF8",
                     "--locale=C")
            (self.data / "pg_hba.conf").write_text(HBA)
            return self.start()
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            self.resume()
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def as_user(self):
        return {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []} if self.user else {}

    def run(self, program, *arguments, **options):
        done = subprocess.run([str(self.bin / program), *map(str, arguments)], capture_output=True,
                              text=True, check=False, timeout=120, cwd=self.folder, **self.as_user(),
                              **options)
        assert done.returncode == 0, (program, arguments, done.stdout, done.stderr)
        return done.stdout

    def start(self):
        with open(self.folder / "log.txt", "ab") as log:
            self.process = subprocess.Popen(
                [str(self.bin / "postgres"), "-D", str(self.data), "-p", str(self.port), "-F",
                 "-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={self.folder}",
                 "-c", "max_connections=30", "-c", "shared_buffers=16MB", *self.options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder, **self.as_user())
        wait_until(self.is_up, 30, "PostgreSQL answers")
        return self

    def is_up(self):
        assert self.process.poll() is None, (self.folder / "log.txt").read_text()[-3000:]
        return subprocess.run([str(self.bin / "psql"), "-h", str(self.folder), "-p", str(self.port),
                               "-U", "admin", "-c", "SELECT 1", "postgres"], capture_output=True,
                              check=False, timeout=30).returncode == 0

    def sql(self, text, database="postgres"):
        """Rows of the output, without decoration."""
        return self.run("psql", "-h", self.folder, "-p", self.port, "-U", "admin", "-v",
                        "ON_ERROR_STOP=1", "-qAt", "-f", "-", database, input=text)

    def kill(self):
        """At once, with all its sessions."""
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(30)

    def family(self):
        return [self.process.pid, *children(self.process.pid)]

    def hang(self):
        for pid in self.family():
            os.kill(pid, signal.SIGSTOP)

    def resume(self):
        for pid in self.family():
            os.kill(pid, signal.SIGCONT)
