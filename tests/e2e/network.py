# SPDX-License-Identifier: Apache-2.0
"""A network of the test's own, as bad as it likes. Standard library only; root.

    with Network() as net:            this thread, and what it starts, is in a network namespace of its own (10.99.0.1)
        with net.peers() as peers:    hosts in another one (10.99.0.2)
            peer = peers.add(host=net.there)
            net.link.loss = 0.3

Two namespaces, a TUN device in each, and a thread between them that carries the packets; what it does to them is said by
attributes of `link`, which may change at any time:

    loss       part of the packets that are lost, each way
    delay_s    how long each one takes, each way
    rate       octets a second, each way; what does not fit into `queue` octets is lost
    blackhole  nothing passes, and nobody is told
    mtu        longer packets are lost without a word, as behind a filter that drops ICMP
    cut        a function of a packet; where it is true both ends get RST for its connection
"""
import ctypes
import fcntl
import heapq
import os
import random
import select
import socket
import struct
import subprocess
import threading
import time

import pytest

from peer import Peers

CLONE_NEWNET = 0x40000000
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
LIBC = ctypes.CDLL(None, use_errno=True)


def _must(result):
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _enter_new(address, peer):
    """This thread gets a namespace with a TUN device; its descriptor."""
    _must(LIBC.unshare(CLONE_NEWNET))
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", b"link0", IFF_TUN | IFF_NO_PI))
    for command in ("link set lo up", f"addr add {address} peer {peer} dev link0", "link set link0 up"):
        subprocess.run(["ip", *command.split()], check=True, timeout=20)
    return tun


def available():
    """Whether this user may do all that; asked in a thread, whose namespace ends with it."""
    found = []

    def look():
        try:
            os.close(_enter_new("10.99.0.1", "10.99.0.2"))
            found.append(True)
        except (OSError, subprocess.SubprocessError):
            pass
    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    return bool(found)


class Link:
    """Carries IPv4 packets between two TUN devices."""

    def __init__(self, here, there, seed=1):
        self.loss, self.delay_s, self.rate, self.queue = 0.0, 0.0, None, 32 * 1024
        self.blackhole, self.mtu, self.cut = False, None, None
        self.carried = self.lost = self.too_long = self.resets = 0
        self._random = random.Random(seed)
        self._devices = (here, there)
        self._free_at = [0.0, 0.0]  # when each way has carried what it has
        self._waiting, self._number = [], 0
        self._stop = threading.Event()
        self.errors = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self):
        self._stop.set()
        self._thread.join(10)
        for device in self._devices:
            os.close(device)
        assert not self.errors, self.errors

    def _run(self):
        try:
            while not self._stop.is_set():
                wait = 0.02
                if self._waiting:
                    wait = min(wait, max(0.0, self._waiting[0][0] - time.monotonic()))
                ready, _, _ = select.select(self._devices, [], [], wait)
                for way, device in enumerate(self._devices):
                    if device in ready:
                        self._read(way, device)
                while self._waiting and self._waiting[0][0] <= time.monotonic():
                    _, _, way, packet = heapq.heappop(self._waiting)
                    self._write(1 - way, packet)
        except Exception as error:  # must not hide
            self.errors.append(repr(error))

    def _read(self, way, device):
        for _ in range(64):
            try:
                packet = os.read(device, 65536)
            except BlockingIOError:
                return
            self._take(way, packet)

    def _take(self, way, packet):
        if packet[0] >> 4 != 4:
            return
        if self.blackhole or self._random.random() < self.loss:
            self.lost += 1
            return
        if self.mtu and len(packet) > self.mtu:
            self.too_long += 1
            return
        if self.cut and packet[9] == socket.IPPROTO_TCP and self.cut(packet):
            self.resets += 1
            for device, reset in enumerate(resets(packet, way)):
                self._write(device, reset)
            return
        now = time.monotonic()
        at = now
        if self.rate:
            at = max(now, self._free_at[way])
            if (at - now) * self.rate > self.queue:
                self.lost += 1
                return
            at += len(packet) / self.rate
            self._free_at[way] = at
        self._number += 1
        heapq.heappush(self._waiting, (at + self.delay_s, self._number, way, packet))

    def _write(self, device, packet):
        self.carried += 1
        try:
            os.write(self._devices[device], packet)
        except BlockingIOError:
            self.lost += 1


# -- packets ---------------------------------------------------------------------------------

def checksum(octets):
    octets += b"\0" * (len(octets) % 2)
    total = sum(struct.unpack(f"!{len(octets) // 2}H", octets))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def payload(packet):
    """What a TCP packet carries."""
    head = (packet[0] & 15) * 4
    return packet[head + (packet[head + 12] >> 4) * 4:struct.unpack("!H", packet[2:4])[0]]


def _reset(source, target, ports, sequence):
    tcp = struct.pack("!HHIIBBHHH", *ports, sequence, 0, 5 << 4, 0x04, 0, 0, 0)
    pseudo = source + target + struct.pack("!BBH", 0, socket.IPPROTO_TCP, len(tcp))
    tcp = tcp[:16] + struct.pack("!H", checksum(pseudo + tcp)) + tcp[18:]
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 0, 0, 64, socket.IPPROTO_TCP, 0, source, target)
    return ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:] + tcp


def resets(packet, way):
    """RST for both ends of the packet's connection, in the order of the devices."""
    head = (packet[0] & 15) * 4
    source, target = packet[12:16], packet[16:20]
    ports = struct.unpack("!HH", packet[head:head + 4])
    sequence, acknowledged = struct.unpack("!II", packet[head + 4:head + 12])
    onward = _reset(source, target, ports, sequence)
    back = _reset(target, source, ports[::-1], acknowledged)
    return (back, onward) if way == 0 else (onward, back)


# -- both ends -------------------------------------------------------------------------------

class FarPeers(Peers):
    """Peers whose thread, and so whose sockets, are in a namespace of their own."""

    def __init__(self, net):
        super().__init__()
        self._net = net

    def __enter__(self):
        super().__enter__()
        done = threading.Event()

        def enter():
            _must(LIBC.setns(self._net.far, CLONE_NEWNET))
            done.set()
        self._loop.call_soon_threadsafe(enter)
        assert done.wait(10)
        return self


class Network:
    here, there = "10.99.0.1", "10.99.0.2"

    def __init__(self):
        self.home = self.far = self.link = None

    def __enter__(self):
        if not available():
            pytest.skip("no network namespaces with TUN devices here")
        self.home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        made = []

        def make():
            made.append(_enter_new(self.there, self.here))
            made.append(os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC))
        thread = threading.Thread(target=make)
        thread.start()
        thread.join()
        there, self.far = made
        self.link = Link(_enter_new(self.here, self.there), there)
        return self

    def __exit__(self, *_):
        _must(LIBC.setns(self.home, CLONE_NEWNET))
        self.link.close()
        os.close(self.home)
        os.close(self.far)

    def peers(self):
        return FarPeers(self)
