# SPDX-License-Identifier: Apache-2.0
"""Workloads of the way out: mail that leaves for another host, which here is the sink.

Time runs from the first connection of the load generator to the end of the last message
at the sink, both as those two saw it on the same clock.
"""
import pathlib
import re
import statistics
import subprocess
import time

import peers
import tools

RECIPIENTS = 1000   # of the one message of `thousand`
SETTLED_SHARE = 0.1 # of a processor: less is idle
LIMIT_S = 120       # for the sink to have everything


def relayed(peer, sink, count, *options, to):
    """One run through a peer to the sink; the part of a row that speeds have in common."""
    before, cpu = sink.counts(), peer.cpu_us()
    got = tools.load(peer.address, "-n", count, *options, to=to)
    seen = sink.wait(before, LIMIT_S, messages=got["ok"])
    seconds = (seen["last_us"] - got["start_us"]) / 1e6
    # What a peer still does for mail that has left (log, queue) is its work, too; and a
    # message that comes twice comes now.
    time.sleep(0.5)
    cpu, seen = peer.cpu_us() - cpu, sink.wait(before, 0)
    arrived = seen["messages"]
    return {"relayed": arrived, "rate": arrived / seconds, "secs": seconds,
            "accept_secs": got["secs"], "cpu_us": cpu / max(1, arrived),
            "failed": got["failed"] + max(0, got["ok"] - arrived),
            "twice": max(0, arrived - got["ok"]), "connections": seen["connections"],
            "sink_cpu_us": seen["cpu_us"] / max(1, arrived),
            "last_failure": got["last_failure"]}


class WayOut:
    """Part of Bench, which has `options`, `peers`, `row` and `cases`."""

    def count_of(self, size, sessions):
        """Messages of one run: enough that the slower one is not measured cold, few enough that
        one run of it ends within a minute."""
        return {1: 500}.get(sessions, 3000 if size == 4096 else 1000)

    def through(self, workload, mode, sink, sizes, to):
        with sink:
            for number, size, sessions, peer in self.cases(sizes):
                peer.start(mode)
                self.row(workload=workload, peer=peer.name, round=number, size=size,
                         sessions=sessions, **relayed(peer, sink, self.count_of(size, sessions),
                                                      "-c", sessions, "-s", size, to=to))
                peer.stop()
                peer.clean()

    def relay(self):
        self.through("relay", "relay", tools.Sink(), (4096, 65536), f"u%d@{peers.LIVE}")

    def lmtp(self):
        self.through("lmtp", "lmtp", tools.Sink(peers.LMTP_PORT, lmtp=True), (4096,),
                     f"u%d@{peers.DOMAIN}")

    def thousand(self):
        with tools.Sink() as sink:
            for number in range(1, self.options.rounds + 1):
                for peer in self.peers:
                    peer.start("relay")
                    self.thousand_of(number, peer, sink)
                    peer.stop()
                    peer.clean()

    def thousand_of(self, number, peer, sink):
        runs, cpu, connections = [], peer.cpu_us(), sink.counts()["connections"]
        for _ in range(self.options.repeat):
            before = sink.counts()
            got = tools.load(peer.address, "-r", RECIPIENTS, "-P", to=f"u%d@{peers.LIVE}")
            seen = sink.wait(before, LIMIT_S, recipients=got["rcpt_ok"])
            time.sleep(0.5)
            runs.append({"ms": (seen["last_us"] - got["start_us"]) / 1000,
                         "accept_ms": got["secs"] * 1000,
                         "failed": RECIPIENTS - sink.wait(before, 0)["recipients"],
                         "copies": seen["messages"]})
        cpu = (peer.cpu_us() - cpu) / (RECIPIENTS * len(runs))
        self.row(workload="thousand", peer=peer.name, round=number, cpu_us=cpu,
                 connections=sink.counts()["connections"] - connections,
                 all_ms=[round(run["ms"], 1) for run in runs],
                 **{key: statistics.median(run[key] for run in runs) for key in runs[0]})

    # -- a queue full of mail for a host that is down ------------------------------------

    def dead(self):
        """Of this service alone. What it says about a queue that cannot move has no
        counterpart in Postfix as it is set up here: there a message for a dead host leaves
        the hold queue only when an administrator says so, and filling its queue any other way
        means a hundred thousand attempts before the clock starts."""
        for peer in self.peers:
            if peer.name != "ims":
                continue
            peers.must_be_closed(peers.DEAD_PORT)
            for number in range(1, self.options.rounds + 1):
                with tools.Sink() as sink:
                    self.dead_of(number, peer, sink)

    def fresh(self, peer, sink):
        """Speed of mail for the host that lives."""
        return relayed(peer, sink, self.options.fresh, "-c", 100, to=f"u%d@{peers.LIVE}")

    def dead_of(self, number, peer, sink):
        peer.start("relay")
        self.fresh(peer, sink) # warm: the files and the code
        empty = self.fresh(peer, sink)
        peer.stop()
        peer.clean()
        peer.start("keep")
        tools.load(peer.address, "-c", 20, "-k", 100, "-n", self.options.kept, "-P",
                   to=f"u%d@{peers.DEAD}", seconds=300)
        kept = peer.kept()
        peer.stop()
        start = time.monotonic()
        ready = peer.start("relay")
        tools.load(peer.address, to=f"u%d@{peers.LIVE}")
        first = time.monotonic() - start
        tried = self.fresh(peer, sink)
        settled = settle(peer, start)
        put_off = self.fresh(peer, sink)
        memory = memory_of(peer.role_pid("spool"))
        summary = statistics.median(summary_s(peer) for _ in range(5))
        self.row(workload="dead", peer=peer.name, round=number, kept=kept, left=peer.kept(),
                 ready_s=ready, first_250_s=first, settled_s=settled, summary_s=summary,
                 spool_rss_kib=memory["VmRSS"], spool_anon_kib=memory["RssAnon"],
                 spool_peak_kib=memory["VmHWM"], empty_rate=empty["rate"],
                 tried_rate=tried["rate"], put_off_rate=put_off["rate"],
                 tried_share=tried["rate"] / empty["rate"],
                 put_off_share=put_off["rate"] / empty["rate"],
                 failed=sum(run["failed"] for run in (empty, tried, put_off)))
        peer.stop()
        peer.clean()


def settle(peer, start, seconds=60):
    """Seconds from `start` until a peer has nothing to do for a second."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        at, cpu = time.monotonic(), peer.cpu_us()
        time.sleep(1)
        if peer.cpu_us() - cpu < SETTLED_SHARE * 1e6:
            return at - start
    return None


def memory_of(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text() if pid else ""
    found = dict(re.findall(r"^(VmRSS|RssAnon|VmHWM):\s+(\d+)", text, re.M))
    return {key: int(found.get(key, 0)) for key in ("VmRSS", "RssAnon", "VmHWM")}


def summary_s(peer):
    """How long the queue by destination takes; it has to name the route of the dead host."""
    start = time.monotonic()
    done = subprocess.run([peer.build / "imsctl", "--config", peer.conf, "queue", "summary"],
                          capture_output=True, text=True, timeout=60, check=True)
    seconds = time.monotonic() - start
    if " dead " not in done.stdout:
        raise SystemExit(f"queue summary does not know the route dead:\n{done.stdout}")
    return seconds
