# SPDX-License-Identifier: Apache-2.0
"""A server that gives out tokens (RFC 6749), on this machine, over HTTPS."""
import http.server
import json
import ssl
import threading
import urllib.parse


class TokenServer:
    """`plan` is what each request gets: a dict is the JSON of the answer, a number an error with
    that code, "down" nothing at all; the last entry repeats. `forms` are the requests."""

    def __init__(self, authority, *plan):
        self.plan, self.forms, self.ca = list(plan), [], authority.file
        cert, key = authority.make("tokens", "localhost")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_POST(self):
                form = self.rfile.read(int(self.headers["Content-Length"])).decode()
                fields = {name: values[0] for name, values in urllib.parse.parse_qs(form).items()}
                server.forms.append((self.headers.get("Authorization"), fields))
                what = server.plan.pop(0) if len(server.plan) > 1 else server.plan[0]
                if what == "down":
                    self.connection.close()
                    return
                code, body = (what, {"error": "temporarily_unavailable"}) if isinstance(what, int) else (200, what)
                if isinstance(what, dict) and "error" in what:
                    code = 400
                text = json.dumps(body).encode()
                self.send_response(code)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://localhost:{self.server.server_address[1]}/token"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
