# SPDX-License-Identifier: Apache-2.0
"""Reports on encryption (TLS-RPT, RFC 8460): counted for other domains, sent by mail and by HTTPS to
those that ask for them, once, also over a death and a restart. A period is a minute here."""
import email
import gzip
import http.server
import json
import os
import signal
import ssl
import threading
import time

import pytest

from certs import Authority
from policyserver import policy
from service import is_alive, wait_until
from test_mta_sts import World
from test_tls_out import outcome, send
from peer import Peers

ON = "tlsrpt { send yes; every 1m; private-hosts yes; contact tls@us.example; organization \"Us and others\" }"


class Collector:
    """Takes reports by POST; `taken` has (path, type, body) of each."""

    def __init__(self, authority, address, status=201):
        self.taken = []
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector.taken.append((self.path, self.headers["Content-Type"], body))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

        self.server = http.server.ThreadingHTTPServer((address, 0), Handler)
        self.server.daemon_threads = True
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(*authority.make("collector", "collect.example"))
        self.server.socket = made.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def world(authority, tmp_path):
    with Peers() as peers:
        made = World(authority, peers, Authority(tmp_path / "strangers"))
        made.collector = Collector(authority, "127.0.0.1")
        made.dns.zone["collect.example"] = {"A": ["127.0.0.1"]}
        made.domain("home.example", None, None)  # where reports by mail go
        yield made
        made.collector.close()
        made.web.close()
        made.dns.close()
        assert not made.dns.errors, made.dns.errors


def asks(world, domain, rua):
    world.dns.zone[f"_smtp._tls.{domain}"] = {"TXT": ["v=unrelated", f"v=TLSRPTv1; rua={rua}"]}


def at_begin_of_minute(seconds):
    """Waits for the next minute where less than that is left of this one."""
    left = 60 - time.time() % 60
    if left < seconds:
        time.sleep(left + 0.2)


def mails(world):
    found = []
    for sender, recipients, text in world.hosts["mx.home.example"].messages:
        message = email.message_from_bytes(text if isinstance(text, bytes) else text.encode())
        if message.get_content_type() == "multipart/report":
            found.append((sender, recipients, message))
    return found


def content(message):
    report = message.get_payload()[1]
    assert report.get_content_type() == "application/tlsrpt+gzip"
    assert report.get_filename().startswith("mx.us.example!") and report.get_filename().endswith(".json.gz")
    return json.loads(gzip.decompress(report.get_payload(decode=True)))


def counts(report, kind):
    for row in report["policies"]:
        if row["policy"]["policy-type"] == kind:
            summary = row["summary"]
            return (summary["total-successful-session-count"], summary["total-failure-session-count"],
                    {d["result-type"]: d["failed-session-count"] for d in row.get("failure-details", [])})
    return None


def test_nobody_leads_reports_to_this_machine(serve, world):
    """The server that is named is one of ours: by its number, as localhost, and by a name of the stranger's."""
    port = world.collector.port
    rows = {"digits": (f"https://127.0.0.1:{port}/in", "names no web server that may be asked for others"),
            "hex": (f"https://0x7f000001:{port}/in", "names no web server that may be asked for others"),
            "local": (f"https://localhost:{port}/in", "names no web server that may be asked for others"),
            "name": (f"https://collect.example:{port}/in", "leads to this machine or into a private network")}
    for name, (rua, _) in rows.items():
        world.domain(f"{name}.example", "good", None)
        asks(world, f"{name}.example", rua)
    service = serve(extra=world.conf(ON.replace("private-hosts yes; ", "")), retry="1h")
    at_begin_of_minute(30)
    send(service, *(f"x@{name}.example" for name in rows))
    for name in rows:
        assert outcome(service, f"x@{name}.example")["event"] == "deliver", name
    for name, (_, why) in rows.items():  # at once; and after all tries
        assert why in service.wait_event("tls_report_error", 60, domain=f"{name}.example")["error"]
    assert not world.collector.taken and not service.events("tls_report")


def test_reports(serve, world):
    world.domain("good.example", "good", policy("enforce", "mx.good.example"))
    world.domain("bad.example", "wrong", policy("testing", "mx.bad.example"))
    world.domain("plain.example", "good", None)
    world.domain("silent.example", "good", None)
    for domain in ("good.example", "bad.example"):  # both are asked for at once, and made one by one
        world.web.pairs[domain] = world.authority.make(f"policy-{domain}", f"mta-sts.{domain}")
    for domain in ("good.example", "bad.example", "home.example"):
        asks(world, domain, "mailto:reports@home.example")
    asks(world, "plain.example", f"https://collect.example:{world.collector.port}/in")
    service = serve(extra=world.conf(ON), retry="1h")
    at_begin_of_minute(30)
    send(service, "x@good.example", "x@bad.example", "x@plain.example", "x@silent.example")
    for domain in ("good", "bad", "plain", "silent"):
        assert outcome(service, f"x@{domain}.example")["event"] == "deliver", domain
    wait_until(lambda: len(mails(world)) >= 2 and world.collector.taken, 110, "the reports")
    by_domain = {message["TLS-Report-Domain"]: (sender, recipients, message) for sender, recipients, message in mails(world)}
    assert set(by_domain) == {"good.example", "bad.example"}
    for domain, (sender, recipients, message) in by_domain.items():
        assert sender == "" and recipients == ["reports@home.example"]
        assert message["From"] == "<tls@us.example>" and message["To"] == "<reports@home.example>"
        assert message["TLS-Required"] == "No" and message["TLS-Report-Submitter"] == "mx.us.example"
        assert message.get_param("report-type") == "tlsrpt"
        report = content(message)
        assert report["report-id"] in message["Subject"] and f"Report Domain: {domain}" in message["Subject"]
        assert report["organization-name"] == "Us and others" and report["contact-info"] == "tls@us.example"
        assert report["date-range"]["start-datetime"].endswith(":00Z")
        assert report["date-range"]["end-datetime"].endswith(":59Z")
    good, bad = content(by_domain["good.example"][2]), content(by_domain["bad.example"][2])
    assert counts(good, "sts") == (1, 0, {})
    assert good["policies"][0]["policy"]["mx-host"] == ["mx.good.example"]
    assert counts(bad, "sts")[1:] == (1, {"certificate-host-mismatch": 1})
    detail = bad["policies"][0]["failure-details"][0]
    assert detail["receiving-mx-hostname"] == "mx.bad.example" and detail["sending-mta-ip"].startswith("127.")
    path, kind, body = world.collector.taken[0]
    assert (path, kind) == ("/in", "application/tlsrpt+gzip")
    plain = json.loads(gzip.decompress(body))
    assert counts(plain, "no-policy-found") == (1, 0, {})
    assert len(service.events("tls_report")) == 3
    # The reports themselves went to home.example: no report tells of them, or that would never end.
    time.sleep(90)
    assert len(mails(world)) == 2 and len(world.collector.taken) == 1
    assert not service.events("tls_report_error")


def test_kept_over_a_death_and_a_restart(serve, world):
    """A period whose process dies, and one in which the service is started anew."""
    world.domain("good.example", "good", None)
    asks(world, "good.example", "mailto:reports@home.example")
    service = serve(extra=world.conf(ON.replace("1m", "2m")), retry="1h")
    left = 120 - time.time() % 120
    if left < 75:
        time.sleep(left + 0.2)
    send(service, "one@good.example")
    outcome(service, "one@good.example")
    kept = service.folder / "state" / "http" / "tlsrpt"
    wait_until(kept.exists, 45, "the counts are kept")
    (process,) = service.pids()["http"]
    service.crashes = True
    os.kill(process, signal.SIGKILL)
    wait_until(lambda: not is_alive(process), 10, "the process is gone")
    wait_until(lambda: "QUIT" in world.hosts["mx.good.example"].steps, 10, "the idle connection is closed")
    send(service, "two@good.example")
    outcome(service, "two@good.example")
    service.stop()
    service.start()
    wait_until(lambda: mails(world), 170, "the report")
    assert counts(content(mails(world)[0][2]), "no-policy-found") == (2, 0, {})


def test_off_by_default(serve, world):
    world.domain("good.example", "good", None)
    asks(world, "good.example", "mailto:reports@home.example")
    service = serve(extra=world.conf(), retry="1h")
    send(service, "x@good.example")
    outcome(service, "x@good.example")
    assert ("_smtp._tls.good.example", "TXT") not in world.dns.asked
    assert not (service.folder / "state" / "http" / "tlsrpt").exists()
