# SPDX-License-Identifier: Apache-2.0
"""Our own programs around the measured ones: the load generator and the sink."""
import json
import socket
import subprocess
import time

import peers

ROOT = peers.HERE.parent
CFLAGS = ["-O2", "-g", "-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Isrc"]
BASE = ["src/lib/base/buf.c", "src/lib/base/str.c"]
TOOLS = {"load": ["load.c", "dialogue.c", "secure.c"], "sink": ["sink.c"], "logd": ["logd.c"], "dnsd": ["dnsd.c"],
         "signing": ["signing.c"]}
# What is measured of the service's own libraries, as the release build has them.
LIBRARIES = {"policy": ["policy", "conf", "smtp", "mail", "os", "base"]}


def build(release):
    peers.BIN.mkdir(parents=True, exist_ok=True)
    for name, sources in TOOLS.items():
        subprocess.run(["gcc", *CFLAGS, "-o", peers.BIN / name,
                        *(f"bench/src/{s}" for s in sources), *BASE, "-lssl", "-lcrypto"],
                       cwd=ROOT, check=True)
    for name, libraries in LIBRARIES.items():
        subprocess.run(["gcc", *CFLAGS, "-o", peers.BIN / name, f"bench/src/{name}.c",
                        "-Wl,--start-group",
                        *(release / f"src/lib/{lib}/libims_{lib}.a" for lib in libraries),
                        "-Wl,--end-group", "-lcrypt", "-lidn2"], cwd=ROOT, check=True)


def load(address, *options, to=f"u%d@{peers.DOMAIN}", seconds=60):
    """One run of the load generator; its JSON."""
    done = subprocess.run([peers.BIN / "load", "-a", address, "-t", to, "-R", str(peers.USERS),
                           "-x", str(seconds), *map(str, options)],
                          capture_output=True, text=True, timeout=seconds + 60, check=True)
    return json.loads(done.stdout.splitlines()[-1])


class Sink:
    """Takes everything and keeps nothing: the load generator's own limit, and the next host
    of the peers. It counts and notes when, so how often it is asked changes no result."""
    TIMES = ("first_us", "last_us")

    def __init__(self, port=peers.SINK_PORT, lmtp=False, everywhere=False):
        """everywhere: on every address of the loopback."""
        self.port = port
        self.address = f"{'0.0.0.0' if everywhere else '127.0.0.1'}:{port}"
        self.control = ("127.0.0.1", port + 10)
        self.lmtp = lmtp
        self.process = None

    def __enter__(self):
        command = [peers.BIN / "sink", "-c", "%s:%d" % self.control, self.address]
        self.process = subprocess.Popen(command + ["-l"] if self.lmtp else command)
        if peers.greeting(("127.0.0.1", self.port), 10) is None:
            self.__exit__()
            raise SystemExit(f"the sink does not greet on {self.address}")
        return self

    def __exit__(self, *_exception):
        self.process.kill()
        self.process.wait()

    def counts(self):
        with socket.create_connection(self.control, 10) as conn:
            return json.loads(conn.makefile().readline())

    def wait(self, before, seconds, **wanted):
        """What has been counted since `before`, as soon as it is what is wanted, or when time
        is over; times stay times."""
        end = time.monotonic() + seconds
        while True:
            now = self.counts()
            since = {key: value if key in self.TIMES else value - before[key]
                     for key, value in now.items()}
            if all(since[key] >= count for key, count in wanted.items()) \
                    or time.monotonic() > end:
                return since
            time.sleep(0.02)
