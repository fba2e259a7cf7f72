# SPDX-License-Identifier: Apache-2.0
"""Headers of the PROXY protocol: how a test is a client from anywhere."""
import ipaddress
import struct

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
HERE = "127.0.0.9"  # the address of the proxy in tests
LISTENER = f"proxy {HERE}"


def v1(client, server="192.0.2.25", port=40000):
    family = b"TCP6" if ":" in client else b"TCP4"
    if ":" in client and ":" not in server:
        server = "2001:db8::25"
    return b"PROXY %s %s %s %d 25\r\n" % (family, client.encode(), server.encode(), port)


def v2(client, server=None, port=40000, command=0x21, more=b""):
    ip = ipaddress.ip_address(client)
    there = ipaddress.ip_address(server or ("2001:db8::25" if ip.version == 6 else "192.0.2.25"))
    body = ip.packed + there.packed + struct.pack("!HH", port, 25) + more
    family = 0x21 if ip.version == 6 else 0x11
    return SIGNATURE + struct.pack("!BBH", command, family, len(body)) + body


def local():
    return SIGNATURE + struct.pack("!BBH", 0x20, 0, 0)
