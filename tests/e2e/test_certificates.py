# SPDX-License-Identifier: Apache-2.0
"""Certificates of listeners: SNI, files that change, break or end; and what an idle TLS
session takes."""
import os
import socket
import ssl
import subprocess
import time

import certs
import wire
from service import DOMAIN, free_port, wait_until

NAME = f"mx.{DOMAIN}"
TEXT = wire.message()


def names_of(sock):
    return {name for _, name in sock.getpeercert()["subjectAltName"]}


def test_sni(tls_service, authority):
    service = tls_service("offer", authority.main, authority.other)
    lax = authority.context()
    lax.check_hostname = False
    for asked, got in ((NAME, NAME), ("other.example", "other.example"), ("OTHER.example", "other.example"),
                       ("a.wild.example", "other.example"), ("nobody.example", NAME), (None, NAME)):
        with service.client() as client:
            certs.starttls(client, lax, asked)
            assert got in names_of(client.socket), asked
            client.expect(250, b"NOOP")


def test_rsa_beside_ec(tls_service, authority):
    rsa = authority.make("rsa", NAME, kind="2048")
    service = tls_service("offer", authority.main, rsa)
    for ciphers, words in (("ECDHE-RSA-AES128-GCM-SHA256", "RSA"), ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDSA")):
        context = authority.context()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(ciphers)
        with service.client() as client:
            certs.starttls(client, context)
            assert words in client.socket.cipher()[0]


def serial_of(service, authority):
    with service.client() as client:
        certs.starttls(client, authority.context())
        return client.socket.getpeercert()["serialNumber"]


def test_reload(tls_service, authority):
    """A new certificate is for new connections; those that stand, and mail in hand, go on."""
    cert, key = authority.make("live", NAME)
    service = tls_service("offer", (cert, key))
    first = serial_of(service, authority)
    with service.client() as client:
        certs.starttls(client, authority.context())
        client.expect(250, b"EHLO client.example")
        assert client.envelope("a@client.example", f"ann@{DOMAIN}")[0] == 354
        client.send(b"Subject: one\r\n")
        authority.make("live", NAME)
        service.reload()
        wait_until(lambda: serial_of(service, authority) != first, 10, "the new certificate")
        client.send(b"\r\nHello.\r\n.\r\n")
        assert client.reply()[0] == 250
        assert client.mail("a@client.example", f"ann@{DOMAIN}", TEXT)[0] == 250
    second = serial_of(service, authority)
    # a broken file leaves what there is, and says so once for each try
    good = key.read_bytes()
    key.write_bytes(b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    service.reload()
    event = service.wait_event("certificate_error")
    assert event["path"] == str(cert) and "private key" in event["error"]
    assert serial_of(service, authority) == second
    # and another profile is in force at once
    key.write_bytes(good)
    service.conf.write_text(service.conf.read_text().replace("tls offer;", "tls offer; tls-profile strict;"))
    service.reload()
    old = authority.context()
    old.maximum_version = ssl.TLSVersion.TLSv1_2

    def refused():
        with service.client() as client:
            try:
                certs.starttls(client, old)
                return False
            except OSError:
                return True
    wait_until(refused, 10, "the new profile")


def test_changed_file_is_seen(tls_service, authority):
    """Without any signal, within a minute or so; the same for a worker that is new."""
    pair = authority.make("seen", NAME)
    service = tls_service("offer", pair)
    first = serial_of(service, authority)
    authority.make("seen", NAME)
    wait_until(lambda: serial_of(service, authority) != first, 90, "the new certificate")
    second = serial_of(service, authority)
    service.crashes = True
    for pid in service.pids()["receive"]:
        os.kill(pid, 9)

    def back():
        try:
            return serial_of(service, authority) == second
        except OSError:
            return False
    wait_until(back, 20, "the workers")


def test_unusable_certificate(serve, authority):
    """RFC 3207: 454, and mail goes on in the clear."""
    cert, _ = authority.main
    port = free_port()
    service = serve.stopped(
        listener=f"tls offer; certificate {cert}; key /nowhere/key.pem",
        extra=f"listener smtps {{ address 127.0.0.1:{port}; tls implicit; certificate /nowhere/c }}").start()
    with service.client() as client:
        assert client.expect(454, b"STARTTLS").startswith("4.7.0")
        client.expect(250, b"EHLO client.example")
        assert client.mail("a@client.example", f"ann@{DOMAIN}", TEXT)[0] == 250
    with socket.create_connection(("127.0.0.1", port), timeout=10) as raw:
        assert raw.recv(100) == b""
    event = service.wait_event("certificate_error", listener="in")
    assert event["path"] == "/nowhere/key.pem"
    assert service.wait_event("refuse", code=454)["rule"] == "certificate"
    check = subprocess.run([service.command()[0], "--config", str(service.conf), "--check"],
                           capture_output=True, text=True, timeout=30, check=False)
    assert check.returncode == 78 and "/nowhere/key.pem" in check.stderr


def test_expiry(serve, authority):
    soon = authority.make("soon", NAME, days=5)
    over = authority.make("over", "over.example", days=-1)
    fine = authority.main
    service = serve.stopped(listener=f"tls offer; {authority.words(soon, over, fine)}").start()
    warned = {e["host"] for e in (service.wait_event("certificate_expiry", host="over.example"),
                                  service.wait_event("certificate_expiry", host=NAME))}
    assert warned == {NAME, "over.example"}
    assert [e["path"] for e in service.events("certificate_expiry", host=NAME)] == [str(soon[0])]
    service.reload()
    time.sleep(1)
    assert len(service.events("certificate_expiry")) == 2, "once a day is enough"


def test_key_in_the_certificate_file(serve, authority):
    both = authority.folder / "both.pem"
    both.write_bytes(authority.main[0].read_bytes() + authority.main[1].read_bytes())
    service = serve.stopped(listener=f"tls offer; certificate {both}").start()
    with service.client() as client:
        certs.starttls(client, authority.context())
        client.expect(250, b"EHLO client.example")


# -- memory --------------------------------------------------------------------------------

def resident(pids):
    total = 0
    for pid in pids:
        for line in open(f"/proc/{pid}/smaps_rollup", encoding="ascii"):
            if line.startswith("Pss:"):
                total += int(line.split()[1]) * 1024
    return total


def test_idle_sessions_are_small(tls_service, authority):
    """At most 20 KiB in a release build; a sanitizer's own share is not ours."""
    count, limit = 400, 20 * 1024
    service = tls_service(limit="connections { in 2000; per-host 2000 }")
    context = authority.context()
    sanitized = "asan" in open(f"/proc/{service.pids()['receive'][0]}/maps", encoding="ascii").read()

    def open_one():
        client = service.client()
        certs.starttls(client, context)
        client.expect(250, b"EHLO client.example")
        return client
    clients = [open_one() for _ in range(50)]
    before = resident(service.pids()["receive"])
    clients += [open_one() for _ in range(count)]
    time.sleep(1)
    each = (resident(service.pids()["receive"]) - before) / count
    print(f"an idle TLS session: {each / 1024:.1f} KiB")
    for client in clients:
        client.close()
    assert each < (limit if not sanitized else 32 * limit)


def test_metrics(tls_service, authority):
    """What is counted, and when certificates end, in Prometheus' text format; a process that is away costs
    its own lines only."""
    cert, key = authority.make("counted", NAME)
    service = tls_service("offer", (cert, key))
    with service.client() as client:
        client.expect(250, b"EHLO client.example")
        client.expect(250, b"MAIL FROM:<a@client.example>")
        client.expect(550, f"RCPT TO:<nobody@{DOMAIN}>".encode())
    assert service.send("a@client.example", f"ann@{DOMAIN}", TEXT)[0] == 250
    service.wait_event("deliver")

    def numbers():
        text = service.ctl("metrics")
        return dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    wait_until(lambda: numbers()['ims_events_total{event="deliver"}'] == "1", 15, "counted")
    got = numbers()
    assert got["ims_messages_received_total"] == "1"
    assert got['ims_rejects_total{stage="recipient"}'] == "1"
    ends = [value for name, value in got.items() if name.startswith("ims_cert_not_after_seconds{") and NAME in name]
    assert len(ends) == 1 and int(ends[0]) > time.time()
    assert got['ims_queue_messages{state="active"}'] == "0"
    assert int(got["ims_spool_free_bytes"]) > 0
    assert [c["name"] for c in service.status()["certificates"]] == [NAME]
    for name, value in got.items():
        assert name.startswith("ims_") and value.lstrip("-").isdigit(), name
