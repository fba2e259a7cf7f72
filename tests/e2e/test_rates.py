# SPDX-License-Identifier: Apache-2.0
"""Blocks `rate`, the baseline of users, VRFY and EXPN, and who guesses recipients."""
import base64
import os
import signal
import time

import pytest

import wire
from service import DOMAIN, is_alive, wait_until

SECRET = "secret-1"
ANN, BOB = f"ann@{DOMAIN}", f"bob@{DOMAIN}"
CLEAR = "host 127.0.0.0/8 { accept; auth cleartext }\n"


def login(client, user):
    client.expect(235, b"AUTH PLAIN " + base64.b64encode(f"\0{user}\0{SECRET}".encode()))


def mail(client, recipients, sender="a@client.example"):
    """Codes of MAIL, of each RCPT; then RSET."""
    codes = [client.command(f"MAIL FROM:<{sender}>".encode())]
    if codes[0][0] == 250:
        codes += [client.command(f"RCPT TO:<{to}>".encode()) for to in recipients]
        client.expect(250, b"RSET")
    return codes


def kill(service, role):
    service.crashes = True
    for pid in service.pids()[role]:
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not is_alive(pid), 10, f"the death of {role}")

    def back():
        try:
            return all(p > 0 for p in service.pids()[role])
        except (AssertionError, KeyError, ValueError):
            return False
    wait_until(back, 30, f"a new {role}")


def rule(service, start):
    line = [n for n, words in enumerate(service.conf.read_text().splitlines(), 1)
            if words.startswith(start)]
    return f"{service.conf}:{line[0]}"


def test_recipients_are_counted_over_all_processes_and_deaths(serve):
    service = serve(extra="rate slow { recipients 5/1h }\n")
    for n in range(5):
        with service.client() as client:
            assert mail(client, [f"r{n}@any.example"])[1][0] == 250
        if n == 2:
            kill(service, "receive")
    with service.client() as client:
        code, text = mail(client, ["late@any.example"])[1]
        assert code == 450 and text.startswith("4.7.1 Too many recipients from your address (5 per hour)")
        assert "come again in" in text
        # A recipient that does not exist is not counted, and is told so.
        assert mail(client, [f"nobody@{DOMAIN}"])[1][0] == 550
    with service.client(source="127.0.0.2") as client:
        assert mail(client, ["x@any.example"])[1][0] == 250
    assert service.wait_event("refuse", to="late@any.example")["rule"] == rule(service, "rate slow")
    shown = service.ctl("explain", "rcpt", "--client", "127.0.0.1", "--to", "x@any.example")
    assert "rate slow    recipients: 5 of 5 in 1h" in shown, shown


def test_they_come_back_with_time(serve):
    service = serve(extra="rate slow { messages 2/4s }\n")
    with service.client() as client:
        codes = [mail(client, [])[0][0] for _ in range(3)]
        assert codes == [250, 250, 450]
        time.sleep(2.1)
        assert [mail(client, [])[0][0] for _ in range(2)] == [250, 450]


def test_connections(serve):
    service = serve(extra="rate doors { connections 3/1h; except 127.0.0.9 }\n")
    used = 0
    for _ in range(4):
        with wire.Client(service.port, source="127.0.0.3") as client:
            used += 1
            code, text = client.greeting
            if code != 220:
                break
    assert (used, code) == (4, 421) and text.startswith("4.7.0"), (used, code, text)
    for _ in range(6):
        with service.client(source="127.0.0.9") as client:
            client.expect(250, b"NOOP")
    event = service.wait_event("refuse", client="127.0.0.3")
    assert event["stage"] == "connect" and event["rule"] == rule(service, "rate doors")


def test_reject_and_sender_domain(serve):
    service = serve(extra="rate domain { of sender-domain; messages 2/1h; action reject }\n")
    with service.client() as client:
        assert [mail(client, [])[0][0] for _ in range(3)] == [250, 250, 550]
        assert mail(client, [], "a@elsewhere.example")[0][0] == 250
        assert [mail(client, [], "")[0][0] for _ in range(4)] == [250] * 4


def test_a_user_is_counted_by_name_and_his_flood_is_held(serve):
    service = serve(listener="auth offer", extra=CLEAR + "rate users { of user; messages 2/1h; action hold }\n")
    for n, source in enumerate(("127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4")):
        with service.client(source=source) as client:
            login(client, ANN)
            got = client.mail(ANN, [BOB], wire.message(subject=f"m{n}", sender=ANN))
            assert got[0] == 250, got
    with service.client() as client:  # nobody has logged in: not counted
        assert [mail(client, [])[0][0] for _ in range(4)] == [250] * 4
    service.wait_mail("bob", 2)
    held = [row for row in service.queue() if row["state"] == "held"]
    assert len(held) == 2 and "rate users: more than 2 messages per hour" in held[0]["reason"], held
    assert rule(service, "rate users") in held[0]["reason"]
    event = service.wait_event("over_limit", user=ANN)
    assert event["rule"] == rule(service, "rate users")
    # The postmaster (ann) is told once, with the user; the second waits for its hour.
    notice = service.wait_mail("ann")[0]
    assert b"Subject: Held: mail from <ann@us.example>" in notice and b"User: ann@us.example" in notice
    assert service.wait_event("notify")["reason"] == "rate"
    time.sleep(1.5)
    assert len(service.events("notify")) == 1
    service.ctl("release", "state=held", "--yes")
    service.wait_mail("bob", 4)


def flood(service, user, count):
    with service.client() as client:
        login(client, user)
        client.expect(250, f"MAIL FROM:<{user}>".encode())
        codes = [client.command(f"RCPT TO:<r{n}@any.example>".encode()) for n in range(count)]
        client.expect(354, b"DATA")
        client.send(wire.dotted(wire.message(sender=user)))
        return [code for code, _ in codes], codes[-1][1], client.reply()[0]


def test_a_sudden_flood_of_a_user_is_held(serve):
    service = serve(listener="auth offer",
                    extra=CLEAR + "baseline { on; floor 5; window 1d; learn 7d }\n")
    codes, _, end = flood(service, ANN, 5)
    assert codes == [250] * 5 and end == 250
    service.wait_empty()
    kill(service, "receive")
    codes, _, end = flood(service, ANN, 3)
    assert codes == [250] * 3 and end == 250
    held = service.queue("state=held")  # the notice to ann may be in the queue besides
    assert len(held) == 1, held
    assert "6 recipients in this day, usually 0" in held[0]["reason"], held
    assert service.wait_event("notify", user=ANN)["reason"] == "baseline"
    assert b"6 recipients in this day" in service.wait_mail("ann")[0]
    assert flood(service, BOB, 4)[2] == 250
    assert len(service.queue("state=held")) == 1
    shown = service.ctl("explain", "rcpt", "--client", "127.0.0.1", "--user", ANN, "--to", BOB)
    assert "baseline     8 recipients in this 1d, usually 0, too much above 5" in shown, shown
    service.stop()
    service.start()  # counts of users outlive it
    assert flood(service, ANN, 1)[2] == 250
    assert len(service.queue("state=held")) == 2


def test_or_it_is_put_off(serve):
    service = serve(listener="auth offer",
                    extra=CLEAR + f"baseline {{ on; floor 2; window 1d; action defer; except {BOB} }}\n")
    codes, text, end = flood(service, ANN, 3)
    assert codes == [250, 250, 450] and text.startswith("4.7.1 Too many recipients from you") and end == 250
    assert flood(service, BOB, 5)[0] == [250] * 5


@pytest.mark.parametrize("n", [0, 3])
def test_guessing_recipients_ends_the_session(serve, n):
    service = serve(limit=f"unknown-recipients {n}")
    with service.client() as client:
        client.expect(250, b"MAIL FROM:<a@client.example>")
        codes = []
        for i in range(25):
            codes.append(client.command(f"RCPT TO:<u{i}@{DOMAIN}>".encode())[0])
            if codes[-1] == 421:
                break
    assert codes == ([550] * 25 if n == 0 else [550, 550, 421])
    if n:
        event = service.wait_event("refuse", code=421)
        assert "unknown" not in event["rule"] and event["rule"].startswith(str(service.conf))


def test_who_has_logged_in_may_mistype(serve):
    service = serve(limit="unknown-recipients 2", listener="auth offer", extra=CLEAR)
    with service.client() as client:
        login(client, ANN)
        client.expect(250, f"MAIL FROM:<{ANN}>".encode())
        assert [client.command(f"RCPT TO:<u{i}@{DOMAIN}>".encode())[0] for i in range(5)] == [550] * 5


def test_vrfy_and_expn_where_they_are_let(serve):
    service = serve(listener="vrfy on; expn authenticated; auth offer", extra=CLEAR)
    with service.client() as client:
        assert client.command(f"VRFY {ANN}".encode()) == (250, f"2.1.5 <{ANN}>")
        assert client.command(f"VRFY Ann <{ANN}>".encode())[0] == 250
        assert client.command(f"VRFY nobody@{DOMAIN}".encode())[0] == 550
        assert client.command(b"VRFY x@any.example")[0] == 252
        assert client.command(b"VRFY x@far.example")[0] == 550
        assert client.command(b"VRFY ann")[0] == 553  # of which domain?
        assert client.command(b"VRFY a b@")[0] == 501
        assert client.command(f"EXPN {ANN}".encode())[0] == 502
        login(client, ANN)
        assert client.command(f"EXPN ann+list@{DOMAIN}".encode()) == (250, f"2.1.5 <{ANN}>")
        assert client.command(f"EXPN nobody@{DOMAIN}".encode())[0] == 550
    assert service.wait_event("refuse", stage="verify", to=f"nobody@{DOMAIN}")["code"] == 550
