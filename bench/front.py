# SPDX-License-Identifier: Apache-2.0
"""Workloads of the front door: TLS, logins, tables of rules, and the parts that are measured
without a service around them (policy, signatures of handshakes)."""
import json
import re
import signal
import socket
import statistics
import subprocess
import threading
import time

import peers
import tools

HELLOS, HELLO_SESSIONS = 1000, 10 # of `storm`: EHLOs that are timed, and on how many sessions
HELLO_PAUSE_S = 0.003
STORM_SESSIONS = 32
TABLE = 100000
TABLE_CHECKS = 5


def hellos(port):
    """Milliseconds from EHLO to the end of its reply, over open sessions in turn."""
    took = []
    sessions = [socket.create_connection(("127.0.0.1", port), 30) for _ in range(HELLO_SESSIONS)]

    def reply(conn):
        got = b""
        while not re.search(rb"(^|\n)\d\d\d [^\n]*\n$", got):
            piece = conn.recv(4096)
            if not piece:
                raise SystemExit("storm: a session has been closed")
            got += piece
    for conn in sessions:
        conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        reply(conn)
    for number in range(HELLOS):
        conn = sessions[number % HELLO_SESSIONS]
        start = time.monotonic()
        conn.sendall(b"EHLO client.example\r\n")
        reply(conn)
        took.append((time.monotonic() - start) * 1000)
        time.sleep(HELLO_PAUSE_S)
    for conn in sessions:
        conn.close()
    return sorted(took)


def program(name, *arguments):
    """Rows that one of our own programs prints."""
    done = subprocess.run([peers.BIN / name, *map(str, arguments)], capture_output=True, text=True,
                          check=True, timeout=600)
    return [json.loads(line) for line in done.stdout.splitlines()]


class FrontDoor:
    """Part of Bench, which has `options`, `peers` and `row`."""

    def sessions_once(self, workload, case, number, sessions, peer, address, *options):
        cpu = peer.cpu_us()
        got = tools.load(address, "-E", "-c", sessions, "-n", 1000000, *options,
                         seconds=self.options.seconds)
        cpu = peer.cpu_us() - cpu
        self.row(workload=workload, case=case, peer=peer.name, round=number, sessions=sessions,
                 cpu_us=cpu / max(1, got["ok"]),
                 load_cpu_us=got["load_cpu_s"] * 1e6 / max(1, got["ok"]), **got)

    def front(self, workload, cases):
        """`cases` are pairs of a name and a function of a peer: address and options."""
        for number in range(1, self.options.rounds + 1):
            for peer in self.peers:
                peer.start("front")
                for sessions in self.options.sessions:
                    for case, ways in cases:
                        address, *options = ways(peer)
                        # Postfix starts its processes, and a password is hashed, before.
                        tools.load(address, "-E", "-c", sessions, "-n", max(200, sessions), *options)
                        self.sessions_once(workload, case, number, sessions, peer, address, *options)
                peer.stop()
                peer.clean()

    def tls(self):
        self.front("tls", [("implicit", lambda peer: (peer.tls_address, "-T")),
                           ("STARTTLS", lambda peer: (peer.address, "-S"))])

    def auth(self):
        who = ("-u", f"u%d@{peers.DOMAIN}", "-w", peers.PASSWORD)
        self.front("auth", [("in the clear", lambda peer: (peer.address, *who)),
                            ("TLS", lambda peer: (peer.tls_address, "-T", *who))])

    def storm(self):
        """Others' EHLO while wrong passwords are checked, each of them another one."""
        for number in range(1, self.options.rounds + 1):
            for peer in self.peers:
                if peer.name != "ims":
                    continue
                peer.start("front")
                calm = hellos(peer.port)
                got = {}

                def guess(address=peer.address, into=got):
                    into.update(tools.load(
                        address, "-E", "-c", STORM_SESSIONS, "-n", 1000000, "-u",
                        f"u%d@{peers.DOMAIN}", "-w", "wrong-%d", seconds=8))
                thread = threading.Thread(target=guess)
                thread.start()
                time.sleep(1)
                took = hellos(peer.port)
                thread.join()
                self.row(workload="storm", peer=peer.name, round=number, guesses=got["failed"],
                         guess_rate=got["failed"] / got["secs"],
                         **{f"{name}_{share}_ms": times[int(share[1:]) * (len(times) - 1) // 100]
                            for name, times in (("calm", calm), ("storm", took))
                            for share in ("p50", "p99")})
                peer.stop()
                peer.clean()

    def policy(self):
        for number in range(1, self.options.rounds + 1):
            for row in program("policy"):
                self.row(workload="policy", round=number, **row)

    def signing(self):
        for number in range(1, self.options.rounds + 1):
            for row in program("signing"):
                self.row(workload="signing", round=number, **row)

    # -- tables ----------------------------------------------------------------------------

    def tables(self):
        ims = [peer for peer in self.peers if peer.name == "ims"]
        names = peers.SCRATCH / "senders.txt"
        names.write_text("".join(f"u{n}@s{n}.example\n" for n in range(TABLE)))
        rules = "".join(f"host 10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255} accept\n"
                        for n in range(TABLE))
        full = rules + f"filter senders {{ file {names} }}\n"
        for peer in ims:
            for number in range(1, self.options.rounds + 1):
                for tables, text in (("empty", ""), ("full", full)):
                    peer.extra = text
                    self.tables_once(peer, number, tables)
            peer.extra = ""

    def tables_once(self, peer, number, tables):
        ready = peer.start("accept")
        checks = [self.checked(peer) for _ in range(TABLE_CHECKS)]
        load = ("-c", 100, "-n", 400000, "-s", 4096)
        cpu = peer.cpu_us()
        got = tools.load(peer.address, *load, seconds=self.options.seconds)
        cpu = peer.cpu_us() - cpu
        self.row(workload="tables", peer=peer.name, tables=tables, round=number, ready_s=ready,
                 check_s=statistics.median(checks), reload_s=self.reloaded(peer),
                 cpu_us=cpu / max(1, got["ok"]), **got)
        peer.stop()
        peer.clean()

    @staticmethod
    def checked(peer):
        start = time.monotonic()
        subprocess.run([peer.build / "imsd", "--config", peer.conf, "--check"], check=True,
                       capture_output=True)
        return time.monotonic() - start

    @staticmethod
    def reloaded(peer):
        """Seconds from SIGHUP to the event that tells of it."""
        log = peer.inst / "ims.log"
        before = log.stat().st_size
        start = time.monotonic()
        # nsenter becomes the service: the process that was started is the master.
        peer.process.send_signal(signal.SIGHUP)
        while time.monotonic() < start + 30:
            with open(log, "rb") as file:
                file.seek(before)
                if b"event=reload " in file.read():
                    return time.monotonic() - start
            time.sleep(0.002)
        raise SystemExit("tables: no answer to SIGHUP")
