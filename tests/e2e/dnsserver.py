#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A DNS server of the test: UDP and TCP on 127.0.0.1, a zone as a dict, and every way in
which a server can be useless. Standard library only.

    with DnsServer({"a.example": {"MX": [(10, "mx.a.example")]},
                    "mx.a.example": {"A": ["192.0.2.1"]}}) as dns: ... dns.port

Keys are names, lower case, no final dot; "*.b.example" stands for what is below. A value is
a dict of lists by type (A, AAAA, MX, CNAME, PTR, TXT; all others as octets), or one of the words below, or a dict
with "do" and such a word; "ttl" there is that of its records, else 60. A name that is not there does not exist; a type that is not there
has no data.

    nxdomain servfail refused drop  what they say
    truncate   over UDP only the flag, over TCP the answer
    garbage    octets that are no message
    cut        half of the answer, whose header promises all of it
    other-id   the right answer under a wrong id, and nothing else
    other-name the answer to another question
    circle     an alias of itself
    delay:MS   the answer, later
    compress   a name that points to itself

With `signer` (dnssec.py) the names of its zone have signatures, and what is not there is
denied by signed records.

Changes of `zone` count at once; `asked` counts questions by (name, type). From a shell or
another language: dnsserver.py --zone FILE.json [--port N] prints the port and serves until
its standard input ends; "reset" there forgets the counts, "asked NAME TYPE" prints one.
"""
import argparse
import collections
import ipaddress
import json
import select
import socket
import struct
import sys
import threading
import time

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28, "DS": 43,
         "RRSIG": 46, "NSEC": 47, "DNSKEY": 48, "TLSA": 52}
NAMES = {number: name for name, number in TYPES.items()}
OK, SERVFAIL, NXDOMAIN, REFUSED = 0, 2, 3, 5
CHAIN_MAX = 32


def encode_name(name):
    out = b""
    for label in name.rstrip(".").split(".") if name.rstrip(".") else []:
        raw = label.encode("latin-1")
        out += bytes([len(raw)]) + raw
    return out + b"\0"


def decode_name(packet, at):
    labels = []
    while packet[at]:
        size = packet[at]
        labels.append(packet[at + 1:at + 1 + size].decode("latin-1"))
        at += 1 + size
    return ".".join(labels), at + 1


def encode_data(kind, value):
    if kind == "A":
        return ipaddress.IPv4Address(value).packed
    if kind == "AAAA":
        return ipaddress.IPv6Address(value).packed
    if kind == "MX":
        return struct.pack("!H", value[0]) + encode_name(value[1])
    if kind in ("CNAME", "PTR"):
        return encode_name(value)
    if kind == "TXT":
        pieces = [value[i:i + 255] for i in range(0, len(value), 255)] or [""]
        return b"".join(bytes([len(piece)]) + piece.encode("latin-1") for piece in pieces)
    if isinstance(value, bytes):
        return value
    raise ValueError(kind)


def encode_record(owner, kind, value, ttl=60):
    data = encode_data(kind, value)
    return encode_name(owner) + struct.pack("!HHIH", TYPES[kind], 1, ttl, len(data)) + data


class DnsServer:
    """`zone` may be changed while it runs. What goes wrong in a thread is in `errors`."""

    def __init__(self, zone, port=0, signer=None):
        self.zone, self.signer = zone, signer
        self.asked = collections.Counter()
        self.errors = []
        self._stop = threading.Event()
        self._udp, self._tcp = self._sockets(port)
        self.port = self._udp.getsockname()[1]
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._stop.set()
        self._thread.join()
        self._udp.close()
        self._tcp.close()

    # -- sockets -----------------------------------------------------------------------

    @staticmethod
    def _sockets(port):
        """One port of both protocols; a port that is free for one may not be for the other."""
        for attempt in range(50):
            tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tcp.bind(("127.0.0.1", port))
                udp.bind(tcp.getsockname())
                tcp.listen(64)
                return udp, tcp
            except OSError:
                tcp.close()
                udp.close()
                if port or attempt == 49:
                    raise
        raise AssertionError("no port")

    def _run(self):
        while not self._stop.is_set():
            ready, _, _ = select.select([self._udp, self._tcp], [], [], 0.05)
            if self._udp in ready:
                packet, peer = self._udp.recvfrom(65535)
                self._serve(packet, lambda out, peer=peer: self._udp.sendto(out, peer), False)
            if self._tcp in ready:
                client, _ = self._tcp.accept()
                threading.Thread(target=self._stream, args=(client,), daemon=True).start()

    def _stream(self, client):
        def send(out):
            client.sendall(struct.pack("!H", len(out)) + out)
        with client, client.makefile("rb") as reader:
            client.settimeout(10)
            try:
                while len(head := reader.read(2)) == 2:
                    self._serve(reader.read(struct.unpack("!H", head)[0]), send, True, wait=True)
            except OSError:
                pass  # the client went, or was silent

    def _serve(self, packet, send, stream, wait=False):
        try:
            self._answer(packet, send, stream, wait)
        except OSError:
            pass  # the socket is closed already
        except Exception as error:  # a mistake of the test, which must not hide
            self.errors.append(error)

    # -- answers -----------------------------------------------------------------------

    def _answer(self, packet, send, stream, wait):
        ident = struct.unpack("!H", packet[:2])[0]
        name, at = decode_name(packet, 12)
        kind = NAMES.get(struct.unpack("!H", packet[at:at + 2])[0], "?")
        question = packet[12:at + 4]
        name = name.lower()
        self.asked[name, kind] += 1
        entry = self._find(name)
        how = entry.get("do", "") if isinstance(entry, dict) else entry or "nxdomain"
        if how == "drop":
            return
        if how.startswith("delay:"):
            late = float(how[6:]) / 1000
            if not wait:
                threading.Timer(late, self._late, (send, ident, question, name, kind)).start()
                return
            time.sleep(late)
        send(self._made(how, ident, question, name, kind, stream))

    def _late(self, send, ident, question, name, kind):
        try:
            send(self._made("", ident, question, name, kind, False))
        except OSError:
            pass  # the server is closed

    def _made(self, how, ident, question, name, kind, stream):
        codes = {"servfail": SERVFAIL, "nxdomain": NXDOMAIN, "refused": REFUSED}
        if how in codes:
            return self._message(ident, question, codes[how], [])
        if how == "garbage":
            return bytes(range(200, 255))
        if how == "truncate" and not stream:
            return self._message(ident, question, OK, [], flags=0x0200)
        if how == "other-id":
            ident ^= 0x5555
        if how == "other-name":
            question = encode_name("lie.example") + question[-4:]
        if how == "circle":
            return self._message(ident, question, OK, [encode_record(name, "CNAME", name)])
        code, records = self._records(name, kind)
        denial = self.signer.deny(name, kind) if self.signer and not records else []
        out = self._message(ident, question, code, records, denial=denial, edns=bool(self.signer))
        if how == "cut":
            return out[:12 + len(question) + (len(out) - 12 - len(question)) // 2]
        if how == "compress":  # the owner is a pointer to the pointer itself
            loop = struct.pack("!H", 0xc000 | 12 + len(question))
            return out[:12 + len(question)] + loop + struct.pack("!HHIH", 1, 1, 60, 4) + b"\x7f\0\0\1"
        return out

    @staticmethod
    def _message(ident, question, code, records, flags=0, denial=(), edns=False):
        head = struct.pack("!HHHHHH", ident, 0x8180 | flags | code, 1, len(records), len(denial), int(edns))
        option = b"\0" + struct.pack("!HHIH", 41, 4096, 0x8000, 0) if edns else b""
        return head + question + b"".join(records) + b"".join(denial) + option

    def _find(self, name):
        if name in self.zone:
            return self.zone[name]
        rest = name
        while "." in rest:
            rest = rest.split(".", 1)[1]
            if "*." + rest in self.zone:
                return self.zone["*." + rest]
        return None

    def _records(self, name, kind):
        """The answer section, over the chain of aliases, as a recursive server gives it."""
        out = []
        for _ in range(CHAIN_MAX):
            entry = self._find(name)
            if entry is None or entry == "nxdomain":
                return NXDOMAIN, out
            if not isinstance(entry, dict):
                return SERVFAIL, []
            if "CNAME" not in entry or kind == "CNAME":
                break
            target = entry["CNAME"][0]
            out += self._signed(name, "CNAME", [target])
            name = target.lower()
        return OK, out + self._signed(name, kind, entry.get(kind, []))

    def _signed(self, name, kind, values):
        entry = self._find(name)
        ttl = entry.get("ttl", 60) if isinstance(entry, dict) else 60
        records = [encode_record(name, kind, value, ttl) for value in values]
        if self.signer and values:
            records += self.signer.sign(name, kind, [encode_data(kind, value) for value in values])
        return records


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--zone", required=True)
    parser.add_argument("--port", type=int, default=0)
    arguments = parser.parse_args()
    with open(arguments.zone, encoding="utf-8") as file:
        zone = json.load(file)
    with DnsServer(zone, arguments.port) as dns:
        print(dns.port, flush=True)
        for line in sys.stdin:
            words = line.split()
            if words[:1] == ["reset"]:
                dns.asked.clear()
            elif words[:1] == ["asked"] and len(words) == 3:
                print(dns.asked[words[1], words[2]], flush=True)
        if dns.errors:
            sys.exit(f"dnsserver: {dns.errors[0]!r}")


if __name__ == "__main__":
    main()
