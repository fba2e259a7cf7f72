# SPDX-License-Identifier: Apache-2.0
"""What testssl.sh, which many administrators run, has to say of our TLS: nothing above LOW, but
for what lies in a test's certificate (no CRL and no OCSP). Both ways to connect at once; on a
slow machine what it has said in a minute and a quarter is what counts."""
import csv
import os
import shutil
import signal
import subprocess
import time

import pytest

import field
from service import DOMAIN, free_port

LIMIT_S = 75
# protocols, ciphers by category, forward secrecy, preferences, certificate, vulnerabilities;
# behind STARTTLS, which it speaks slowly, what could differ there
IMPLICIT = ("-p", "-s", "-f", "-P", "-S", "-U")
STARTTLS = ("-p", "-S", "-H", "-I", "-R", "--starttls", "smtp")
INHERENT = ("cert_revocation",)
BAD = ("MEDIUM", "HIGH", "CRITICAL", "FATAL")
OLD = ("SSLv2", "SSLv3", "TLS1", "TLS1_1")


class Scan:
    """One run; nothing is looked up: --ip says where."""

    def __init__(self, folder, name, ca, port, checks):
        root = field.root("testssl")
        self.out = folder / f"{name}.csv"
        path = [str(folder / "bin"), str(root / "usr/bin"), os.environ["PATH"]]
        missing = [tool for tool in ("openssl", "hexdump", "ps")
                   if not shutil.which(tool, path=":".join(path))]
        if missing:
            pytest.skip(f"testssl.sh needs {', '.join(missing)}")
        # It does not begin without a program for DNS questions, and asks none here.
        (folder / "bin").mkdir(exist_ok=True)
        if not (folder / "bin" / "host").is_symlink():
            (folder / "bin" / "host").symlink_to("/bin/false")
        self.process = subprocess.Popen(
            ["bash", str(root / "usr/bin/testssl"), "--quiet", "--color", "0", "--warnings", "batch",
             "--nodns", "none", "--openssl", shutil.which("openssl"), "--ip", "127.0.0.1",
             "--add-ca", str(ca), "--csvfile", str(self.out), *checks, f"mx.{DOMAIN}:{port}"],
            env={**os.environ, "TESTSSL_INSTALL_DIR": str(root / "etc/testssl"), "TERM": "dumb",
                 "PATH": ":".join(path), "HOME": str(folder)},
            stdin=subprocess.DEVNULL, stdout=open(folder / f"{name}.txt", "wb"),
            stderr=subprocess.STDOUT, cwd=folder, start_new_session=True)

    def end(self, at):
        """{id: (severity, finding)} of what it has found until then."""
        try:
            self.process.wait(max(0.1, at - time.monotonic()))
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)
        rows = list(csv.reader(self.out.read_text(errors="replace").splitlines()))
        return {row[0]: (row[3], row[4]) for row in rows[1:] if len(row) > 4}


def test_no_finding_above_low(serve, authority, tmp_path):
    port = free_port()
    words = authority.words(authority.main, authority.make("rsa", f"mx.{DOMAIN}", kind=2048))
    service = serve.stopped(listener=f"tls offer; {words}", extra=(
        f"listener smtps {{ address 127.0.0.1:{port}; tls implicit; {words} }}\n"
        "limit { connections { per-host 1000 } }")).start()
    before, at = service.pids(), time.monotonic() + LIMIT_S
    scans = [Scan(tmp_path, "implicit", authority.file, port, IMPLICIT),
             Scan(tmp_path, "starttls", authority.file, service.port, STARTTLS)]
    for scan in scans:
        rows = scan.end(at)
        # It has really looked, and seen us as we are.
        for name in (*OLD, "TLS1_2", "TLS1_3"):
            assert rows[name][0] == "OK" or name in OLD, (name, rows)
        assert all("not offered" in rows[name][1] for name in OLD), rows
        assert all("offered" in rows[name][1] for name in ("TLS1_2", "TLS1_3")), rows
        bad = {name: row for name, row in rows.items()
               if row[0] in BAD and not name.startswith(INHERENT)}
        assert not bad, (scan.out.name, bad)
    assert service.pids() == before
