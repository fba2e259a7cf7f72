# SPDX-License-Identifier: Apache-2.0
"""Delivery reports as a mail program reads them: Python's email package takes them apart."""
import email
import email.policy

import wire


def send(service, sender, recipients, text, mail="", rcpt=""):
    """One transaction; `mail` are parameters of MAIL, `rcpt` of each RCPT (a recipient may
    be an (address, parameters) of its own). Fails unless all of it is taken."""
    with service.client() as client:
        client.expect(250, f"MAIL FROM:<{sender}> {mail}".encode().rstrip())
        for one in [recipients] if isinstance(recipients, str) else recipients:
            address, more = (one, rcpt) if isinstance(one, str) else one
            client.expect(250, f"RCPT TO:<{address}> {more}".encode().rstrip())
        client.expect(354, b"DATA")
        client.send(wire.dotted(text))
        code, answer = client.reply()
        assert code == 250, answer
        return answer.split()[-1]


def blocks(text):
    """Groups of fields: a list of {name in lower case: value}."""
    found = []
    for block in text.replace("\r\n", "\n").strip("\n").split("\n\n"):
        fields = {}
        for line in block.replace("\n ", " ").replace("\n\t", " ").split("\n"):
            name, colon, value = line.partition(":")
            assert colon, f"not a field: {line!r}"
            assert name.lower() not in fields, f"twice: {line!r}"
            fields[name.lower()] = value.strip()
        found.append(fields)
    return found


class Report:
    """Fails if the text is no report of RFC 3462 and RFC 3464 with three parts."""

    def __init__(self, text):
        self.raw = text.replace(b"\r\n", b"\n")
        self.mail = email.message_from_bytes(text, policy=email.policy.SMTP.clone(utf8=True))
        assert not self.mail.defects, self.mail.defects
        assert self.mail.get_content_type() == "multipart/report", self.mail.get_content_type()
        self.kind = self.mail.get_content_type() and self.mail["content-type"].params["report-type"]
        assert self.mail["auto-submitted"] == "auto-replied"
        assert self.mail["return-path"] in (None, "<>"), self.mail["return-path"]
        for name in ("from", "to", "subject", "date", "message-id", "mime-version"):
            assert len(self.mail.get_all(name)) == 1, name
        parts = self.mail.get_payload()
        assert len(parts) == 3, [p.get_content_type() for p in parts]
        human, status, self.original = parts
        assert human.get_content_type() == "text/plain"
        assert status.get_content_type() == "message/" + self.kind
        self.human = human.get_content()
        self.message, *self.recipients = blocks(self._between(2))
        assert self.recipients and self.message["reporting-mta"].startswith("dns; mx.us.example")
        self.id = self.mail["message-id"]

    def _between(self, number):
        """The text of a part, as it stands."""
        mark = b"\n--" + self.mail.get_boundary().encode()
        part = self.raw.split(mark)[number]
        return part.partition(b"\n\n")[2].decode()

    @property
    def original_text(self):
        """What stands in the third part, as bytes with LF."""
        return (self._between(3).removesuffix("\n") + "\n").encode()

    def of(self, address):
        """The fields of one recipient."""
        (found,) = [r for r in self.recipients if r["final-recipient"].endswith("; " + address)]
        return found

    @property
    def addresses(self):
        return [r["final-recipient"].partition("; ")[2] for r in self.recipients]


def reports(service, user, count=1, seconds=30):
    """All mail of a mailbox, which must be reports."""
    return [Report(text) for text in service.wait_mail(user, count, seconds=seconds)]
