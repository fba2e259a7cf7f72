# SPDX-License-Identifier: Apache-2.0
"""What a directory's service says of an address and of a login, each asked on a connection of its own."""
from test_auth import SECRET, login

GOOD, UNKNOWN, LATER = (250, "2.1.5"), (550, "5.1.1"), (451, "4.3.0")


def rcpt(service, address):
    """Code and enhanced code of the answer to RCPT."""
    with service.client() as client:
        client.expect(250, b"MAIL FROM:<a@client.example>")
        code, text = client.command(b"RCPT TO:<" + address.encode() + b">")
        return code, text.split()[0]


def auth(service, user, word=SECRET):
    """Code of AUTH PLAIN."""
    with service.client() as client:
        return login(client, user, word)[0]
