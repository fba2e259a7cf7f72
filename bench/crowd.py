# SPDX-License-Identifier: Apache-2.0
"""Workloads of many destinations: each domain has a mail host with an address of its own, which
the DNS names (src/dnsd.c); all of them are the sink, or nobody.

Nobody is a socket whose queue is full: the kernel answers no more, and a connection to it
waits for its timeout, as one to a host that is gone does.
"""
import contextlib
import json
import resource
import socket
import subprocess
import time

import out
import peers
import tools

DNS = ("127.9.9.9", 53) # where Postfix looks, too: a resolver has no port in resolv.conf
ONCE = 1000             # domains, and recipients of the one message
CROWD, DEAD_SHARE, EACH = 10000, 0.3, 10


@contextlib.contextmanager
def dns():
    process = subprocess.Popen([peers.BIN / "dnsd", "%s:%d" % DNS])
    try:
        yield
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def nobody(count):
    """The hosts of x0.example and on that never answer."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with contextlib.ExitStack() as stack:
        for number in range(count):
            at = (f"127.{128 + (number >> 16)}.{number >> 8 & 255}.{number & 255}", peers.SINK_PORT)
            listener = stack.enter_context(socket.socket())
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            listener.bind(at)
            listener.listen(0)
            for _ in range(2):
                filler = stack.enter_context(socket.socket())
                filler.setblocking(False)
                filler.connect_ex(at)
        yield


class Crowd:
    """Part of Bench, which has `options`, `peers` and `row`."""

    def domains(self):
        """One message to a thousand domains."""
        with dns(), tools.Sink(everywhere=True) as sink:
            for number in range(1, self.options.rounds + 1):
                for peer in self.peers:
                    peer.start("mx")
                    self.domains_of(number, peer, sink)
                    peer.stop()
                    peer.clean()

    def domains_of(self, number, peer, sink):
        before, cpu = sink.counts(), peer.cpu_us()
        got = tools.load(peer.address, "-r", ONCE, "-P", to="u@d%d.example", seconds=60)
        seen = sink.wait(before, out.LIMIT_S, recipients=got["rcpt_ok"])
        time.sleep(0.5)
        after = sink.wait(before, 0)
        self.row(workload="domains", peer=peer.name, round=number,
                 ms=(seen["last_us"] - got["start_us"]) / 1000, accept_ms=got["secs"] * 1000,
                 cpu_us=(peer.cpu_us() - cpu) / ONCE, failed=ONCE - after["recipients"],
                 copies=after["messages"], connections=after["connections"],
                 spool_peak_kib=out.memory_of(peer.role_pid("spool"))["VmHWM"]
                 if peer.name == "ims" else None)

    def crowd(self):
        """A hundred thousand messages to ten thousand domains, of which some are dead: until
        the living have theirs, beside the time that these take alone. Of this service alone."""
        dead = int(CROWD * DEAD_SHARE)
        with dns(), tools.Sink(everywhere=True) as sink, nobody(dead):
            for number in range(1, self.options.rounds + 1):
                for peer in self.peers:
                    if peer.name != "ims":
                        continue
                    alone = self.crowd_of(peer, sink, CROWD - dead, 0)
                    mixed = self.crowd_of(peer, sink, CROWD - dead, dead)
                    self.row(workload="crowd", peer=peer.name, round=number, dead=dead,
                             living=CROWD - dead, each=EACH, alone=alone, mixed=mixed,
                             ratio=mixed["secs"] / alone["secs"])

    def crowd_of(self, peer, sink, living, dead):
        """All is queued first (`transfer in`), the dead in between; then it is let out."""
        peer.start("keep-mx")
        for part in range(EACH):
            for to, count in (("u@x%d.example", dead), ("u@d%d.example", living)):
                if count:
                    self.fill(peer, to, count)
        kept = peer.kept()
        peer.stop()
        before, start = sink.counts(), time.monotonic()
        peer.start("mx")
        seen = sink.wait(before, 600, messages=living * EACH)
        secs = time.monotonic() - start
        memory = out.memory_of(peer.role_pid("spool"))
        summary = subprocess.run([peer.build / "imsctl", "--config", peer.conf, "status", "--json"],
                                 capture_output=True, text=True, timeout=60, check=True).stdout
        peer.stop()
        peer.clean()
        return {"kept": kept, "secs": secs, "relayed": seen["messages"],
                "connections": seen["connections"], "spool_peak_kib": memory["VmHWM"],
                "left": json.loads(summary)["queue"]["recipients"]}

    @staticmethod
    def fill(peer, to, count):
        got = tools.load(peer.address, "-c", 20, "-k", 100, "-n", count, "-P", "-R", count,
                         to=to, seconds=120)
        if got["ok"] != count:
            raise SystemExit(f"{got['ok']} of {count} messages were taken: {got['last_failure']}")
