# SPDX-License-Identifier: Apache-2.0
"""Signatures for a zone of DnsServer (RFC 4034, ECDSA P-256), made with the openssl command.

    signer = Signer("safe.example", zone, folder)   # zone: the dict of DnsServer
    DnsServer(zone, signer=signer)                  # signer.anchor: file for `trust-anchor`

Names outside of "safe.example" have no signatures. An entry may have "bogus": a set of types
whose signatures do not fit."""
import base64
import struct
import subprocess
import time

import certs
from dnsserver import TYPES, encode_data, encode_name, encode_record

ALGORITHM, TTL = 13, 60


def order(name):
    """The key of canonical order (RFC 4034 6.1)."""
    return [label.encode() for label in reversed(name.lower().split("."))]


def of_der(der):
    """r and s of an ECDSA signature, 32 octets each."""
    out, at = b"", 2
    for _ in range(2):
        size = der[at + 1]
        out += der[at + 2:at + 2 + size].lstrip(b"\0").rjust(32, b"\0")
        at += 2 + size
    return out


def bitmap(kinds):
    numbers = {TYPES[kind] for kind in kinds}
    octets = bytearray(max(numbers) // 8 + 1)
    for number in numbers:
        octets[number // 8] |= 0x80 >> number % 8
    return bytes([0, len(octets)]) + bytes(octets)


class Signer:
    def __init__(self, apex, zone, folder):
        self.apex, self.zone, self.cache = apex, zone, {}
        self.key, self.anchor = folder / "dnssec.key", folder / "anchor"
        certs.openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", self.key)
        public = subprocess.run(["openssl", "pkey", "-in", str(self.key), "-pubout", "-outform", "DER"],
                                check=True, capture_output=True).stdout[-64:]
        dnskey = struct.pack("!HBB", 257, 3, ALGORITHM) + public
        self.tag = self._tag(dnskey)
        self.anchor.write_text(f"{apex}. IN DNSKEY 257 3 {ALGORITHM} {base64.b64encode(public).decode()}\n")
        soa = encode_name(f"ns.{apex}") + encode_name(f"who.{apex}") + struct.pack("!5I", 1, 2, 3, 4, TTL)
        zone.setdefault(apex, {}).update({"DNSKEY": [dnskey], "SOA": [soa]})

    @staticmethod
    def _tag(dnskey):
        total = sum(octet if i & 1 else octet << 8 for i, octet in enumerate(dnskey))
        return (total + (total >> 16)) & 0xffff

    def _is_here(self, name):
        return name == self.apex or name.endswith("." + self.apex)

    def _names(self):
        return sorted((n for n, e in self.zone.items() if self._is_here(n) and isinstance(e, dict)), key=order)

    def sign(self, owner, kind, values):
        """The RRSIG record of this set, in a list; empty: not our zone."""
        if not self._is_here(owner):
            return []
        found = (owner, kind, tuple(values))
        if found not in self.cache:
            self.cache[found] = self._sign(owner, kind, values)
        return [self.cache[found]]

    def _sign(self, owner, kind, values):
        now = int(time.time())
        head = struct.pack("!HBBIIIH", TYPES[kind], ALGORITHM, owner.count(".") + 1, TTL, now + 86400,
                           now - 86400, self.tag) + encode_name(self.apex)
        text = head
        for value in sorted(values):
            text += encode_name(owner.lower()) + struct.pack("!HHIH", TYPES[kind], 1, TTL, len(value)) + value
        made = of_der(subprocess.run(["openssl", "dgst", "-sha256", "-sign", str(self.key)], input=text,
                                     check=True, capture_output=True).stdout)
        if kind in self.zone.get(owner, {}).get("bogus", ()):
            made = bytes([made[0] ^ 1]) + made[1:]
        return encode_record(owner, "RRSIG", head + made)

    def _nsec(self, name):
        """The NSEC record that has the name as its owner, or covers it, with its signature."""
        names = self._names()
        at = max(i for i, other in enumerate(names) if order(other) <= order(name))
        kinds = [k for k in self.zone[names[at]] if k in TYPES] + ["RRSIG", "NSEC"]
        value = encode_name(names[(at + 1) % len(names)]) + bitmap(kinds)
        return [encode_record(names[at], "NSEC", value), *self.sign(names[at], "NSEC", [value])]

    def _exists(self, name):
        return any(other == name or other.endswith("." + name) for other in self._names())

    def deny(self, name, _kind):
        """The authority section of an answer without records."""
        if not self._is_here(name):
            return []
        soa = [encode_record(self.apex, "SOA", value) for value in self.zone[self.apex]["SOA"]]
        out = soa + self.sign(self.apex, "SOA", [encode_data("SOA", v) for v in self.zone[self.apex]["SOA"]])
        proofs = [self._nsec(name)]
        if not self._exists(name):
            above = name
            while not self._exists(above):
                above = above.split(".", 1)[1]
            proofs.append(self._nsec("*." + above))
        for proof in proofs:
            out += [record for record in proof if record not in out]
        return out
