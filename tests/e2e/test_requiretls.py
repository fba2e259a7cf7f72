# SPDX-License-Identifier: Apache-2.0
"""What senders say of TLS (RFC 8689): REQUIRETLS goes over proven hosts that do the same or comes
back without its text; `TLS-Required: no` goes on where the recipient's policy would hold it up."""
import wire
from certs import starttls
from policyserver import policy
from test_mta_sts import world  # noqa: F401 (a fixture)
from test_tls_out import outcome

EXTENSIONS = ("PIPELINING", "8BITMIME", "DSN", "ENHANCEDSTATUSCODES", "REQUIRETLS")


def demand(service, context, to, sender="bob@us.example", text=None):
    with service.client(hello=False) as client:
        assert "REQUIRETLS" not in str(client.expect(250, b"EHLO client.example"))
        starttls(client, context)
        assert "REQUIRETLS" in str(client.expect(250, b"EHLO client.example"))
        client.expect(250, b"MAIL FROM:<%s> REQUIRETLS RET=FULL" % sender.encode())
        client.expect(250, b"RCPT TO:<%s>" % to.encode())
        client.expect(354, b"DATA")
        client.expect(250, (text or wire.message("secret")) + b".")


def test_demanded(serve, authority, world):  # noqa: F811
    world.domain("good.example", "good", policy("enforce", "mx.good.example"))
    world.hosts["mx.good.example"].extensions = list(EXTENSIONS)
    world.domain("old.example", "good", policy("enforce", "mx.old.example"))
    world.domain("clear.example", None, None)
    world.domain("unproven.example", "good", None)
    world.dns.zone["unproven.example"] = {"MX": [(10, "mx.good.example")]}
    service = serve(extra=world.conf(), retry="1h",
                    listener=f"tls offer; {authority.words(authority.main)}")
    context = authority.context()
    demand(service, context, "x@good.example")
    event = outcome(service, "x@good.example")
    assert event["event"] == "deliver" and event["tls"].endswith(" verified"), event
    peer = world.hosts["mx.good.example"]
    assert any(c.startswith("MAIL FROM:<bob@us.example>") and "REQUIRETLS" in c and "RET=HDRS" in c
               for c in peer.commands), peer.commands
    text = wire.message("secret", b"the words that nobody may read\r\n")
    for to, status in (("x@old.example", "5.7.30"), ("x@clear.example", "5.7.10"),
                       ("x@unproven.example", "5.7.10")):
        demand(service, context, to, text=text)
        event = outcome(service, to)
        assert event["event"] == "fail" and event["dsn"] == status, event
    assert len(peer.messages) == 1
    assert world.taken("mx.old.example") == world.taken("mx.clear.example") == 0
    # the reports have the header and no word of the text
    for report in service.wait_mail("bob", 3):
        assert b"5.7.30" in report or b"5.7.10" in report
        assert b"Subject: secret" in report and b"nobody may read" not in report


def test_waived(serve, world):  # noqa: F811
    world.domain("strict.example", None, policy("enforce", "mx.strict.example"))
    service = serve(extra=world.conf(), retry="1h")
    with service.client() as client:
        text = wire.message("plain")
        assert client.mail("bob@us.example", ["one@strict.example"], text)[0] == 250
        assert client.mail("bob@us.example", ["two@strict.example"], b"TLS-Required: No\r\n" + text)[0] == 250
    assert outcome(service, "one@strict.example")["event"] == "defer"
    event = outcome(service, "two@strict.example")
    assert event["event"] == "deliver" and event["tls"] == "-", event
    assert world.taken("mx.strict.example") == 1
