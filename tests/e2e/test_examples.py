# SPDX-License-Identifier: Apache-2.0
"""What the pages show of the configuration is one: examples are checked as a new administrator
would, and words in the text are not made up."""
import re
import subprocess

import pytest

from service import BUILD, ROOT

PAGES = ["README.md"] + sorted(str(p.relative_to(ROOT)) for p in (ROOT / "docs").glob("*.md"))
BASE = """hostname mail.example.com
postmaster ann@example.com
listener in { address 127.0.0.1:2525 }
directory staff { sqlite /var/lib/ims/directory.db }
domain example.com { users staff; deliver maildir /var/mail/%d/%n }
"""
WHOLE = {"README.md": 1, "docs/auth.md": 3, "docs/devices.md": 5}  # examples that stand for themselves
DEVICES = "listener devices { address 192.0.2.10:25; role relay; repair yes }\n"
MADE_UP = ("unknown word", "takes no value", "is not one of", "takes at most")


def check(tmp_path, text):
    path = tmp_path / "page.conf"
    path.write_text(text)
    said = subprocess.run([BUILD / "imsctl", "check", path], capture_output=True, text=True, timeout=30)
    return said.returncode, said.stdout + said.stderr


def examples(page):
    """Blocks of code that begin with a block or a setting, of the configuration."""
    text = (ROOT / page).read_text()
    fenced = re.findall(r"^```\n(.*?)^```", text, re.S | re.M)
    indented = re.findall(r"(?:^    .*\n|^\n(?=    ))+", re.sub(r"^```.*?^```", "", text, flags=re.S | re.M), re.M)
    begin = r"\s*(hostname|listener|auth|oauth|route|map-sender|rate)\b[^\n]*(\{|\n)"
    return [block for block in fenced + indented if re.match(begin, block)]


@pytest.mark.parametrize("page", WHOLE)
def test_examples_are_good(tmp_path, page):
    found = examples(page)
    assert len(found) == WHOLE[page], found
    for example in found:
        more = "" if "hostname " in example else BASE
        if "route default" not in example:
            more += "route default { via smtp.isp.example }\n"
        if "listener devices;" in example or "map-sender" in example and "listener devices" not in example:
            more += DEVICES
        code, said = check(tmp_path, more + example)
        assert code == 0, (example, said)


@pytest.mark.parametrize("page", PAGES)
def test_words_are_not_made_up(tmp_path, page):
    """`relay { authenticated }` in the text: a setting may be named without its value, but it is one."""
    for span in re.findall(r"`([a-z-]+ \{[^`{}]*\})`", (ROOT / page).read_text()):
        if "…" in span or "..." in span or "|" in span or span.isupper():
            continue
        _, said = check(tmp_path, BASE + span.replace("\n", " ") + "\n")
        faults = [line for line in said.splitlines() if "page.conf:6:" in line and any(f in line for f in MADE_UP)
                  and "it belongs inside" not in line]
        assert not faults, (span, faults)
