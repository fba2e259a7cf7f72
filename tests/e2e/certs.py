# SPDX-License-Identifier: Apache-2.0
"""A certificate authority of a test's own, made with the openssl command, and TLS on the
plain client of wire.py."""
import socket
import ssl
import subprocess

import wire


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, timeout=60)


class Authority:
    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self.file = folder / "ca.pem"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-subj", "/CN=Test CA", "-days", 30, "-keyout", folder / "ca.key", "-out", self.file)

    def make(self, stem, *names, days=90, kind="ec"):
        """Paths of a new certificate and its key; `days` may be negative: it has ended."""
        cert, key, request = (self.folder / f"{stem}.{end}" for end in ("pem", "key", "csr"))
        extra = self.folder / f"{stem}.ext"
        extra.write_text("subjectAltName=" + ",".join(f"DNS:{name}" for name in names))
        options = (["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"] if kind == "ec"
                   else ["-newkey", f"rsa:{kind}"])
        openssl("req", *options, "-nodes", "-subj", f"/CN={names[0]}", "-keyout", key, "-out", request)
        dates = ["-days", days]
        openssl("x509", "-req", "-in", request, "-CA", self.file, "-CAkey", self.folder / "ca.key",
                "-CAcreateserial", "-extfile", extra, "-out", cert, *dates)
        return cert, key

    def words(self, *pairs):
        """Lines of a listener block for (certificate, key) pairs."""
        return "; ".join(f"certificate {cert}; key {key}" for cert, key in pairs)

    def context(self, oldest=None, newest=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(self.file)
        if newest is not None:
            context.minimum_version = oldest or newest
            context.maximum_version = newest
            context.set_ciphers("ALL:@SECLEVEL=0")
        return context


def starttls(client, context, name="mx.us.example"):
    """STARTTLS on a wire.Client; its reply must be 220."""
    client.expect(220, b"STARTTLS")
    assert client.buffer == b""
    client.socket = context.wrap_socket(client.socket, server_hostname=name)
    return client


class Implicit(wire.Client):
    """A client that speaks TLS from the first byte."""

    def __init__(self, port, context, name="mx.us.example", timeout=20):
        self.buffer = b""
        raw = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        try:
            self.socket = context.wrap_socket(raw, server_hostname=name)
            self.greeting = self.reply()
        except OSError:
            raw.close()
            raise
