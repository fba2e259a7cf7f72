# SPDX-License-Identifier: Apache-2.0
"""The reports of tests/golden/dsn as another program reads them: Python's email package."""
import email
import email.policy
import pathlib
import re

import pytest

GOLDEN = pathlib.Path(__file__).resolve().parents[1] / "golden" / "dsn"
NAMES = sorted(path.stem for path in GOLDEN.glob("*.eml"))

# name: Action and Status of each recipient, type of the last part
WANT = {
    "failed": ([("failed", "5.1.1")], "message/rfc822"),
    "failed-headers": ([("failed", "5.1.1")], "text/rfc822-headers"),
    "delayed": ([("delayed", "4.4.1"), ("delayed", "4.2.2")], "text/rfc822-headers"),
    "delivered": ([("delivered", "2.1.5"), ("relayed", "2.0.0")], "text/rfc822-headers"),
    "mixed": ([("delivered", "2.1.5"), ("failed", "4.4.1"), ("failed", "5.0.0")],
              "message/rfc822"),
    "postmaster": ([("failed", "5.1.1")], "text/rfc822-headers"),
    "double": ([("failed", "5.1.1")], "text/rfc822-headers"),
    "eight-bit": ([("failed", "5.6.7")], "text/rfc822-headers"),
    "smtputf8": ([("failed", "5.6.7")], "message/global"),
    "smtputf8-headers": ([("failed", "5.6.7")], "message/global-headers"),
}


def raw(name):
    return (GOLDEN / f"{name}.eml").read_bytes()


def parsed(name):
    return email.message_from_bytes(raw(name), policy=email.policy.default)


def delivery_status(part):
    """The blocks of fields of message/delivery-status."""
    if part.get_content_type() == "message/delivery-status":
        return list(part.get_payload())  # Python takes it apart itself
    # The newer type it takes for a message: the first block is its header.
    inner = part.get_payload(0)
    blocks = re.split(r"\r?\n\r?\n", inner.get_payload().strip())
    return [inner] + [email.message_from_string(block + "\n\n", policy=email.policy.default)
                      for block in blocks]


def test_all_are_here():
    assert NAMES == sorted(WANT)


@pytest.mark.parametrize("name", NAMES)
def test_form(name):
    text = raw(name)
    assert b"\r" not in text.replace(b"\r\n", b"") and b"\n" not in text.replace(b"\r\n", b"")
    assert max(len(line) for line in text.split(b"\r\n")) <= 998
    assert name.startswith("smtputf8") or text.isascii()
    if text.isascii():
        assert not re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", text)


@pytest.mark.parametrize("name", NAMES)
def test_structure(name):
    message = parsed(name)
    utf8 = name.startswith("smtputf8")
    assert message.get_content_type() == "multipart/report"
    assert message.get_param("report-type") == ("global-" if utf8 else "") + "delivery-status"
    assert message["Auto-Submitted"] == "auto-replied" and message["MIME-Version"] == "1.0"
    assert not message.defects and len(message.get_all("To")) == 1
    assert not set(message.keys()) & {"X-Injected", "Bcc", "X"}
    human, machine, original = message.iter_parts()
    assert human.get_content_type() == "text/plain"
    assert machine.get_content_type() == ("message/global-delivery-status" if utf8
                                          else "message/delivery-status")
    assert original.get_content_type() == WANT[name][1]
    assert not any(part.defects for part in (human, machine, original))


@pytest.mark.parametrize("name", NAMES)
def test_recipients(name):
    _human, machine, _original = parsed(name).iter_parts()
    about, *recipients = delivery_status(machine)
    assert about["Reporting-MTA"] == "dns; mx.us.example" and about["Arrival-Date"]
    assert [(r["Action"], r["Status"]) for r in recipients] == WANT[name][0]
    for recipient in recipients:
        assert recipient["Final-Recipient"].split(";")[0] in ("rfc822", "utf-8")
        assert not set(recipient.keys()) & {"X-Injected", "Bcc", "X"}


def test_original_is_whole():
    _human, _machine, original = parsed("failed").iter_parts()
    inner = original.get_payload(0)
    assert inner["Message-ID"] == "<lunch.1@pc.us.example>"
    assert inner.get_content().split() == ["Shall", "we?", "--", "Ann"]
    assert parsed("failed")["In-Reply-To"] == inner["Message-ID"]
    assert b"In-Reply-To" not in raw("mixed")  # its Message-ID is none


def test_nobody_sees_the_text_of_others():
    for name in ("postmaster", "failed-headers", "delayed", "delivered"):
        assert b"not for the postmaster" not in raw(name) and b"Shall we" not in raw(name)


def test_eight_bit():
    message = parsed("eight-bit")
    human, machine, original = message.iter_parts()
    assert message["Subject"] == "Undeliverable: Über äöü"
    assert "550 5.6.7 känn ich nicht" in human.get_content()
    assert "Jörg@bücher.example" in human.get_content()
    assert "X-Latin: \ufffd\ufffd" in original.get_content() \
        or b"X-Latin: \xe4\xf6" in original.get_payload(decode=True)
    recipient = delivery_status(machine)[1]
    assert recipient["Final-Recipient"] == r"utf-8; J\x{F6}rg@b\x{FC}cher.example"


def test_smtputf8():
    text = raw("smtputf8").decode("utf-8")
    assert "Final-Recipient: utf-8; Jörg@bücher.example\r\n" in text
    assert r"Original-Recipient: utf-8; J\x{F6}rg@b\x{FC}cher.example" in text
    assert "Subject: Undeliverable: Über\r\n" in text
    assert "\r\n\r\nSubject: Über\r\nTo: Jörg@bücher.example\r\n\r\nGrüße\r\n" in text


def test_people_are_told():
    human = next(parsed("mixed").iter_parts()).get_content()
    for words in ("could not be delivered", "was tried for 2 days", "<dora@us.example>",
                  "... and 7 more recipients.", "What to do: "):
        assert words in human, words
    human = next(parsed("delayed").iter_parts()).get_content()
    for words in ("you need not send it", "It will be tried until Thu, 07 Aug 2025"):
        assert words in " ".join(human.split()), words
