# SPDX-License-Identifier: Apache-2.0
"""A service whose users log in on a listener of the role submission, without TLS, and a next
hop of the test for what they send."""
import base64

import wire
from service import DOMAIN, free_port

SECRET = "secret-1"  # what Service gives its users
ANN = f"ann@{DOMAIN}"
TIMES = "timeout { connect 1s; greeting 5s; command 5s; data 5s; final 5s; idle 1s }\n"


def submission(serve, hop, more="", **options):
    """The service, and the port of that listener; `hop`: port of the next host. From 127.0.0.5
    one may relay without a login."""
    port = free_port()
    return serve(extra=TIMES + more + (
        "auth { delay 0s; failures 0 }\n"
        f"listener sub {{ address 127.0.0.1:{port}; role submission; auth offer }}\n"
        "host 127.0.0.0/8 { accept; auth cleartext }\nhost 127.0.0.5 { accept; relay yes }\n"
        f"route default {{ via 127.0.0.1:{hop}; tls off }}\n"), **options), port


def log_in(client):
    """What EHLO says then."""
    client.expect(235, b"AUTH PLAIN " + base64.b64encode(f"\0{ANN}\0{SECRET}".encode()))
    return client.command(b"EHLO client.example")[1]


def logged_in(port):
    client = wire.Client(port)
    client.expect(250, b"EHLO client.example")
    log_in(client)
    return client


def send(client, to, parameters="", header="", sender=ANN, rcpt=""):
    """The answers to MAIL and to the text."""
    code, said = client.command(f"MAIL FROM:<{sender}>{parameters}".encode())
    assert code == 250, said
    client.expect(250, f"RCPT TO:<{to}>{rcpt}".encode())
    client.expect(354, b"DATA")
    text = wire.message(sender=ANN, extra=header.encode())
    code, kept = client.command(wire.dotted(text)[:-2])
    assert code == 250, kept
    return said, kept
