# SPDX-License-Identifier: Apache-2.0
"""The web server of MTA-STS policies: HTTPS on port 443 of a loopback address of its own, for any
number of domains, each with a certificate that the client's SNI chooses."""
import http.server
import random
import ssl
import threading

PATH = "/.well-known/mta-sts.txt"


def policy(mode, *mx, max_age=604800):
    return "".join(f"{line}\r\n" for line in ("version: STSv1", f"mode: {mode}", *(f"mx: {m}" for m in mx),
                                              f"max_age: {max_age}"))


class PolicyServer:
    """`pages`: domain -> text of the policy, or (status, text, type of the text). `asked` counts
    the requests by domain. `pairs`: domain -> (certificate, key); others get the one of theirs."""

    def __init__(self, authority):
        self.authority, self.pages, self.asked, self.pairs, self.contexts = authority, {}, {}, {}, {}
        self.lock = threading.Lock()  # the authority counts its certificates in a file
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                domain = self.headers.get("Host", "").removeprefix("mta-sts.")
                server.asked[domain] = server.asked.get(domain, 0) + 1
                page = server.pages.get(domain, (404, "", "text/plain")) if self.path == PATH else (404, "", "x")
                status, text, kind = page if isinstance(page, tuple) else (200, page, "text/plain")
                body = text.encode()
                self.send_response(status)
                if status in (301, 302):
                    self.send_header("Location", text)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        for attempt in range(50):
            self.address = f"127.{random.randint(10, 250)}.{random.randint(0, 255)}.{random.randint(1, 254)}"
            try:
                self.server = http.server.ThreadingHTTPServer((self.address, 443), Handler)
                break
            except OSError:
                assert attempt < 49
        self.server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*authority.make("policies", "policies.example"))
        context.sni_callback = self._choose
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.server.handle_error = lambda *_: None  # a client that does not like the certificate
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def _choose(self, connection, name, _context):
        with self.lock:
            if name and name not in self.contexts:
                made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                domain = name.removeprefix("mta-sts.")
                made.load_cert_chain(*(self.pairs.get(domain) or self.authority.make(f"policy-{domain}", name)))
                self.contexts[name] = made
        if name:
            connection.context = self.contexts[name]

    def add(self, zone, domain, page, record="v=STSv1; id=1;"):
        """The domain announces a policy: in the zone, and here."""
        zone[f"_mta-sts.{domain}"] = {"TXT": [record]}
        zone[f"mta-sts.{domain}"] = {"A": [self.address]}
        self.pages[domain] = page

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
