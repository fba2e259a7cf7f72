# SPDX-License-Identifier: Apache-2.0
"""Mail to other hosts, whatever they do. A peer that closed the connection on EHLO once made
a service stop (the second founding document); so each way of being useless is tried at each
step, with one host and with a good second one, and each attempt has to end rightly."""
import pytest

import wire
from peer import Peers
from service import wait_until

SHORT = "timeout { connect 1s; greeting 1s; command 1s; data 1s; final 1s; idle 1s }"
RELAY = "host 127.0.0.0/8 { accept; relay yes }"
STEPS = ("connect", "greeting", "EHLO", "HELO", "MAIL", "RCPT", "DATA", "body", "dot", "RSET", "QUIT")
LOST = ("close", "reset", "silence", "garbage", "flood", "empty")
TEMPORARY = ("421 4.3.2 going away", "450 4.2.0 later", "451 4.3.0 local trouble")
PERMANENT = ("550 5.1.1 nobody of that name", "554 5.7.1 no")
WRONG = ("354 what", "199 hm", "999 no such code")
GONE = LOST + TEMPORARY + WRONG

# What becomes of the message with only the host that does this at that step. Of two hosts the
# second one gets it whenever the first ended without an answer that is final.
DELIVERED, DEFERRED, FAILED = "deliver", "defer", "fail"


def outcome(step, what):
    """One host only."""
    if step in ("RSET", "QUIT"):
        return DELIVERED
    if what == "long":
        return DELIVERED
    if what in PERMANENT:
        if step == "EHLO":
            return DELIVERED  # by HELO, on a new connection
        if step in ("connect", "greeting", "HELO"):
            return DEFERRED  # it refuses us, not the recipient
        if step == "body":
            return None  # before its time: a reply nobody waits for; see below
        return FAILED
    if step == "EHLO" and what in LOST + WRONG:
        return DELIVERED
    return DEFERRED


def cases():
    for step in STEPS:
        for what in GONE + PERMANENT + ("long",):
            if step == "connect" and what not in LOST + ("421 4.3.2 going away",):
                continue  # there is no reply to give before the greeting
            if step == "body" and what not in ("close", "reset", "silence"):
                continue
            if step == "DATA" and what.startswith("354"):
                continue  # as it should be
            yield step, what


def script(step, what):
    """HELO is only asked for where EHLO was refused; RSET only after something was refused."""
    made = {step: what}
    if step == "HELO":
        made["EHLO"] = "502 5.5.1 what is that"
    return made


CASES = list(cases())


def routes(peers):
    return "\n".join(f"route r{i} {{ match c{i}.example; via "
                     + " ".join(f"127.0.0.1:{p.port}" for p in group) + " }"
                     for i, group in enumerate(peers))


def send_all(service, count):
    with service.client() as client:
        for number in range(count):
            code, text = client.mail("bob@us.example", [f"x@c{number}.example"],
                                     wire.message(f"case {number}"))
            assert code == 250, text


def ends(service, number, seconds=60):
    """The first outcome event of the case's recipient."""
    def look():
        return [e for e in service.events(to=f"x@c{number}.example")
                if e["event"] in (DELIVERED, DEFERRED, FAILED, "expire")]
    return wait_until(look, seconds, f"an outcome of case {number}: {CASES[number]}")[0]


def test_one_host_every_step_every_ending(serve):
    with Peers() as peers:
        group = [[peers.add(script(*case))] for case in CASES]
        service = serve(extra="\n".join((SHORT, RELAY, routes(group))), retry="1h",
                        limit="messages-per-connection 0; connections { per-destination 4 }")
        send_all(service, len(CASES))
        wrong = []
        for number, (step, what) in enumerate(CASES):
            event, wanted = ends(service, number), outcome(step, what)
            if wanted and event["event"] != wanted:
                wrong.append((step, what, event["event"], event.get("reply")))
            taken = len(group[number][0].messages)
            if event["event"] == DELIVERED and taken != 1:
                wrong.append((step, what, "taken", taken))
            if event["event"] == FAILED and taken:
                wrong.append((step, what, "failed and taken", taken))
        assert not wrong, wrong
        # The service has neither stopped nor lost a process, and still takes and gives mail.
        assert all(row["restarts"] == 0 for row in service.status()["roles"])
        assert service.send("a@client.example", ["ann@us.example"], wire.message())[0] == 250
        service.wait_event("deliver", to="ann@us.example")


def test_first_host_bad_second_good(serve):
    with Peers() as peers:
        group = [[peers.add(script(*case)), peers.add()] for case in CASES]
        service = serve(extra="\n".join((SHORT, RELAY, routes(group))), retry="1h",
                        limit="messages-per-connection 0")
        send_all(service, len(CASES))
        wrong = []
        for number, (step, what) in enumerate(CASES):
            event = ends(service, number)
            alone = outcome(step, what)
            # After the final dot nobody knows: the next host might be a second copy. A short
            # text is on its way with its dot before the peer can interrupt it.
            in_doubt = step == "body" or (step == "dot" and what in LOST + WRONG)
            wanted = FAILED if alone == FAILED else DEFERRED if in_doubt else DELIVERED
            if event["event"] != wanted:
                wrong.append((step, what, event["event"], event.get("reply")))
            taken = sum(len(peer.messages) for peer in group[number])
            if taken != (1 if wanted == DELIVERED else 0):
                wrong.append((step, what, "taken", taken))
        assert not wrong, wrong


def test_ehlo_that_ends_the_connection_is_tried_again_with_helo(serve):
    """The founding document's own case, in its order: same host, new connection, HELO."""
    with Peers() as peers:
        peer = peers.add({"EHLO": "close"})
        service = serve(extra="\n".join((SHORT, RELAY, routes([[peer]]))))
        assert service.send("bob@us.example", ["x@c0.example"], wire.message())[0] == 250
        service.wait_event("deliver", to="x@c0.example")
        assert peer.sessions == 2
        assert [c.split()[0] for c in peer.commands][:3] == ["EHLO", "HELO", "MAIL"]
        attempts = service.events("attempt", to="x@c0.example") or service.events("attempt")
        assert attempts, "each attempt is an event"


def test_report_of_a_failure(serve):
    with Peers() as peers:
        peer = peers.add({"RCPT": "550 5.1.1 nobody of that name"})
        service = serve(extra="\n".join((SHORT, RELAY, routes([[peer]]))))
        assert service.send("bob@us.example", ["x@c0.example"],
                            wire.message("where is it", b"text\r\n"))[0] == 250
        (report,) = service.wait_mail("bob")
        assert b"multipart/report" in report and b"nobody of that name" in report
        assert b"Final-Recipient: rfc822; x@c0.example" in report.replace(b";x@", b"; x@")
        sent = service.wait_event("dsn_sent")
        assert sent["to"] == "bob@us.example"
        assert service.events("fail", to="x@c0.example")[0]["dsn"] == "5.1.1"
        service.wait_empty()


def test_nobody_reports_a_report(serve):
    with Peers() as peers:
        peer = peers.add({"RCPT": "550 5.1.1 nobody of that name"})
        service = serve(extra="\n".join((SHORT, RELAY, routes([[peer]]))))
        assert service.send("", ["x@c0.example"], wire.message())[0] == 250
        service.wait_event("fail", to="x@c0.example")
        service.wait_empty()
        assert not service.events("dsn_sent")


def test_each_recipient_has_its_own_fate(serve):
    def rcpt(_session, argument):
        if "never" in argument:
            return "550 5.1.1 nobody of that name"
        return "450 4.2.2 mailbox full" if "later" in argument else None
    with Peers() as peers:
        peer = peers.add({"RCPT": rcpt})
        service = serve(extra="\n".join((SHORT, RELAY, routes([[peer]]))), retry="1h")
        assert service.send("bob@us.example", [f"{n}@c0.example" for n in ("a", "never", "later", "b")],
                            wire.message())[0] == 250
        service.wait_event("defer", to="later@c0.example")
        service.wait_event("fail", to="never@c0.example")
        assert len(service.wait_mail("bob")) == 1  # at once, although one is still tried
        for name in ("a", "b"):
            service.wait_event("deliver", to=f"{name}@c0.example")
        assert sorted(peer.messages[0][1]) == ["a@c0.example", "b@c0.example"]
        (message,) = service.queue()
        states = {r["address"].partition("@")[0]: r["state"] for r in message["recipients"]}
        assert states["later"] == "deferred" and states["never"] == "failed"


def test_too_many_recipients_go_in_several_transactions(serve):
    with Peers() as peers:
        def rcpt(session, _argument):
            return "452 4.5.3 enough" if len(session.recipients) >= 100 else None
        peer = peers.add({"RCPT": rcpt})
        service = serve(extra="\n".join((SHORT, RELAY, routes([[peer]]))),
                        limit="recipients-per-transaction 1000")
        names = [f"u{n}@c0.example" for n in range(350)]
        assert service.send("bob@us.example", names, wire.message())[0] == 250
        wait_until(lambda: len(service.events("deliver")) == 350, 30, "350 deliveries")
        assert sorted(n for m in peer.messages for n in m[1]) == sorted(names)
        assert max(len(m[1]) for m in peer.messages) <= 100
        assert not service.events("defer")


def test_connections_are_used_again(serve):
    with Peers() as peers:
        peer = peers.add()
        service = serve(extra="\n".join((SHORT, RELAY, routes([[peer]]))),
                        limit="messages-per-connection 0; connections { per-destination 1 }")
        with service.client() as client:
            for number in range(40):
                assert client.mail("bob@us.example", [f"u{number}@c0.example"],
                                   wire.message(f"m{number}"))[0] == 250
        wait_until(lambda: len(peer.messages) == 40, 20, "40 messages")
        assert peer.sessions < 20


@pytest.mark.parametrize("size", (10, 300_000, 3_000_000))
def test_text_arrives_as_it_was(serve, size):
    line = b".starts with a dot, and \xc3\xbc\r\n"
    body = line * (size // len(line) + 1)
    with Peers() as peers:
        for extensions in (("PIPELINING", "SIZE 50000000", "8BITMIME"), ()):
            peer = peers.add(extensions=extensions)
            service = serve(extra="\n".join((RELAY, routes([[peer]]))))
            text = wire.message("dots", body)
            assert service.send("bob@us.example", ["x@c0.example"], text)[0] == 250
            wait_until(lambda p=peer: p.messages, 30, "the message")
            got = peer.messages[0][2]
            assert got[got.index(b"From: "):] == text
            assert got.startswith(b"Received: ")


def test_lmtp_each_recipient_answers_for_itself(serve, tmp_path):
    def dot(_session, recipient):
        return "550 5.2.1 disabled" if "off" in recipient else \
            "452 4.2.2 full" if "full" in recipient else None
    with Peers() as peers:
        folder = tmp_path / "lmtp"
        folder.mkdir(mode=0o755)
        tmp_path.chmod(0o755)
        peer = peers.add({"dot": dot}, lmtp=True)
        service = serve(extra=f"{SHORT}\ndomain l.example {{ users any; deliver lmtp 127.0.0.1:{peer.port} }}",
                        retry="1h")
        assert service.send("bob@us.example", [f"{n}@l.example" for n in ("on", "off", "full")],
                            wire.message())[0] == 250
        service.wait_event("deliver", to="on@l.example")
        service.wait_event("fail", to="off@l.example")
        service.wait_event("defer", to="full@l.example")
        assert peer.commands[0].startswith("LHLO")
        service.wait_mail("bob")
