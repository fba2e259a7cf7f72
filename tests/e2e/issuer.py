# SPDX-License-Identifier: Apache-2.0
"""An issuer of tokens on this machine: keys of its own, made with the openssl command, and a
web server that hands them out and answers questions about tokens."""
import base64
import http.server
import json
import ssl
import subprocess
import threading
import time
import urllib.parse

from certs import openssl

AUDIENCE = "mail.us.example"


def b64url(data):
    data = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(octets):
    return b64url(octets.lstrip(b"\0"))


class Key:
    """A key of `kind` (RS256 or ES256) with the id `kid`."""

    def __init__(self, folder, kid, kind="RS256"):
        self.kid, self.kind = kid, kind
        self.file = folder / f"{kid}.key"
        options = (["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"] if kind == "RS256"
                   else ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"])
        openssl("genpkey", *options, "-out", self.file)

    def public(self):
        if self.kind == "ES256":
            point = subprocess.run(["openssl", "ec", "-in", self.file, "-pubout", "-outform", "DER"],
                                   capture_output=True, check=True).stdout[-64:]
            return {"kty": "EC", "crv": "P-256", "kid": self.kid, "use": "sig", "alg": "ES256",
                    "x": b64url(point[:32]), "y": b64url(point[32:])}
        text = subprocess.run(["openssl", "rsa", "-in", self.file, "-noout", "-modulus"],
                              capture_output=True, check=True, text=True).stdout
        return {"kty": "RSA", "kid": self.kid, "use": "sig", "alg": "RS256",
                "n": number(bytes.fromhex(text.split("=")[1].strip())), "e": "AQAB"}

    def sign(self, text):
        sig = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.file], input=text,
                             capture_output=True, check=True).stdout
        if self.kind == "RS256":
            return sig
        at, numbers = 2, []
        for _ in range(2):  # of a DER sequence
            size = sig[at + 1]
            numbers.append(sig[at + 2:at + 2 + size].lstrip(b"\0").rjust(32, b"\0"))
            at += 2 + size
        return b"".join(numbers)


class Issuer:
    """`mode`: good, slow, garbage, error, huge, redirect. `active` are the opaque tokens that it
    knows, by their text; `asked` counts the requests by path."""

    def __init__(self, authority, folder):
        folder.mkdir(exist_ok=True)
        self.folder, self.mode, self.active, self.asked, self.forms = folder, "good", {}, {}, []
        self.main = Key(folder, "main")
        self.other = Key(folder, "other", "ES256")
        self.keys = [self.main]
        cert, key = authority.make("issuer", "localhost")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                issuer.answer(self, json.dumps({"keys": [k.public() for k in issuer.keys]}))

            def do_POST(self):
                form = self.rfile.read(int(self.headers["Content-Length"])).decode()
                fields = urllib.parse.parse_qs(form)
                issuer.forms.append((self.headers.get("Authorization"), fields))
                found = issuer.active.get(fields["token"][0], {"active": False})
                issuer.answer(self, json.dumps(found))

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        self.url = f"https://localhost:{self.port}"
        self.ca = authority.file
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, request, text):
        self.asked[request.path] = self.asked.get(request.path, 0) + 1
        if self.mode == "slow":
            time.sleep(20)
        code = {"error": 500, "redirect": 302}.get(self.mode, 200)
        body = {"garbage": b'{"active": tr', "huge": b" " * 200000}.get(self.mode, text.encode())
        request.send_response(code)
        if code == 302:
            request.send_header("Location", f"{self.url}/elsewhere")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        try:
            request.wfile.write(body)
        except OSError:
            pass

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def claims(self, user, **more):
        now = int(time.time())
        made = {"iss": self.url, "aud": AUDIENCE, "email": user, "iat": now, "exp": now + 600, **more}
        return {name: value for name, value in made.items() if value is not None}

    def token(self, user, key=None, head=None, **more):
        key = key or self.main
        header = {"alg": key.kind, "typ": "JWT", "kid": key.kid, **(head or {})}
        text = b64url(header) + "." + b64url(self.claims(user, **more))
        return text + "." + b64url(key.sign(text.encode()))

    def block(self, *more, jwks=True):
        """The oauth block of the configuration."""
        words = [f"issuer {self.url}", f"audience {AUDIENCE}", f"ca {self.ca}", *more]
        if jwks:
            words.append(f"jwks {self.url}/keys")
        return "oauth corp { " + "; ".join(words) + " }"
