# SPDX-License-Identifier: Apache-2.0
"""Each check of tools/ finds what it is for: small broken trees, and one good one."""
import json
import pathlib
import subprocess
import sys

import pytest

TOOLS = pathlib.Path(__file__).resolve().parents[2] / "tools"
SPDX = "/* SPDX-License-Identifier: Apache-2.0 */\n"


def tell(tool, root, *more):
    return subprocess.run([sys.executable, TOOLS / tool, "--root", root, *more],
                          capture_output=True, text=True, timeout=60, check=False)


def make(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def long_function(lines):
    return SPDX + "static int walk(int n)\n{\n" + "\tn++;\n" * (lines - 3) + "}\n"


H = {"src/lib/base/str.h": SPDX, "src/lib/smtp/dot.h": SPDX, "src/lib/os/loop.h": SPDX,
     "src/lib/policy/facts.h": SPDX, "src/lib/conf/conf.h": SPDX,
     "src/lib/conf/parser.h": SPDX,
     "src/receive/session.h": SPDX, "src/spool/store.h": SPDX, "src/spool/queue.h": SPDX,
     "src/services/frame.h": SPDX,
     "src/services/journal/index.h": SPDX}

# file, its text, what the tool must say (None: nothing)
INCLUDES = [
    ("src/lib/smtp/a.c", '#include "lib/base/str.h"\n', None),
    ("src/lib/smtp/a.c", '#include "lib/policy/facts.h"\n', "may not include lib/policy"),
    ("src/lib/smtp/a.c", '#include "lib/os/loop.h"\n', "may not include lib/os"),
    ("src/lib/base/a.c", '#include "lib/smtp/dot.h"\n', "may not include lib/smtp"),
    ("src/lib/policy/a.c", '#include "lib/smtp/dot.h"\n', None),
    ("src/lib/policy/a.c", '#include "lib/conf/conf.h"\n', None),
    ("src/lib/smtp/a.c", '#include "lib/conf/conf.h"\n', "may not include lib/conf"),
    ("src/lib/policy/a.c", '#include "lib/conf/parser.h"\n', "may not include lib/conf"),
    ("src/lib/conf/a.c", '#include "lib/os/loop.h"\n', None),
    ("src/lib/os/a.c", '#include "lib/conf/conf.h"\n', "may not include lib/conf"),
    ("src/lib/os/a.c", "#include <unistd.h>\n", None),
    ("src/lib/smtp/a.c", "#include <unistd.h>\n", "is pure and may not include <unistd.h>"),
    ("src/lib/base/a.c", "# include <time.h>\n", "is pure and may not include <time.h>"),
    ("src/lib/smtp/a.c", '#include "receive/session.h"\n', "of a role"),
    ("src/lib/smtp/a.c", '#include "dot.h"\n', "is not a path from src/"),
    ("src/lib/new/a.c", '#include "lib/base/str.h"\n', "stands on no ladder"),
    ("src/receive/a.c", '#include "lib/os/loop.h"\n', None),
    ("src/receive/a.c", '#include "spool/store.h"\n', "of another role"),
    ("src/receive/a.c", '#include "services/frame.h"\n', None),
    ("src/receive/a.c", '#include "services/journal/index.h"\n', "of another role"),
    ("src/ctl/a.c", '#include "spool/store.h"\n', None),
    ("src/ctl/a.c", '#include "spool/queue.h"\n', "of another role"),
    ("src/main.c", '#include "spool/queue.h"\n', None),
]


@pytest.mark.parametrize("path,text,want", INCLUDES)
def test_includes(tmp_path, path, text, want):
    make(tmp_path, {**H, path: SPDX + text})
    done = tell("check-includes", tmp_path)
    assert done.returncode == (1 if want else 0), done.stdout + done.stderr
    assert not want or f"{path}:2: " in done.stdout and want in done.stdout


SIZES = [
    ("src/a.c", SPDX + "int a;\n" * 399, 0, None),
    ("src/a.c", SPDX + "int a;\n" * 450, 0, "note: 451 lines"),
    ("src/a.c", SPDX + "int a;\n" * 600, 1, "601 lines, more than 600"),
    ("tests/e2e/a.py", "x = 1\n" * 601, 1, "601 lines"),
    ("src/a.c", long_function(70), 0, None),
    ("src/a.c", long_function(71), 1, "src/a.c:2: walk has 71 lines"),
    ("tools/a.py", "def f():\n" + "    pass\n" * 70, 1, "tools/a.py:1: f has 71 lines"),
    ("fuzz/corpus/smtp/long", "x\n" * 900, 0, None),
]


@pytest.mark.parametrize("path,text,code,want", SIZES)
def test_size(tmp_path, path, text, code, want):
    make(tmp_path, {path: text})
    done = tell("check-size", tmp_path)
    assert done.returncode == code, done.stdout + done.stderr
    assert not want or want in done.stdout


WORDS = [
    ("src/a.c", SPDX + "int a; /* fine */\n", None),
    ("src/a.c", SPDX + "/* TO" + "DO: later */\n", "unfinished marker"),
    ("src/a.c", SPDX + "/* Not imple" + "mented */\n", "unfinished marker"),
    ("README.md", "see /ho" + "me/someone/ims\n", "path of a particular machine"),
    ("run", "cp /wo" + "rk/x y\n", "path of a particular machine"),
    ("src/a.c", "int a;\n", "SPDX-License-Identifier"),
    ("fuzz/corpus/x/a.c", "TO" + "DO\n", None),
]


@pytest.mark.parametrize("path,text,want", WORDS)
def test_words(tmp_path, path, text, want):
    make(tmp_path, {path: text})
    done = tell("check-words", tmp_path)
    assert done.returncode == (1 if want else 0), done.stdout
    assert not want or want in done.stdout


def test_rfc_index_is_kept_true(tmp_path):
    index = "# head\n\nRFC 5321  part  Simple Mail Transfer Protocol\n"
    make(tmp_path, {"docs/rfc/index.txt": index,
                    "src/lib/smtp/dot.c": SPDX + "/* RFC 5321 4.5.2: a dot is doubled */\n"})
    assert "out of date" in tell("check-rfc", tmp_path).stdout
    assert tell("check-rfc", tmp_path, "--write").returncode == 0
    text = (tmp_path / "docs/rfc/index.txt").read_text()
    assert "4.5.2" in text and "src/lib/smtp/dot.c:2" in text and text.startswith(index)
    assert tell("check-rfc", tmp_path).returncode == 0
    make(tmp_path, {"src/lib/smtp/dot.c": SPDX + "\n/* RFC 5321 4.5.2: moved */\n"})
    assert tell("check-rfc", tmp_path).returncode == 1
    tell("check-rfc", tmp_path, "--write")
    assert "dot.c:3" in (tmp_path / "docs/rfc/index.txt").read_text()


RFCS = [
    ("RFC 5321  part  Mail\n", "/* RFC 3461 4.2 */\n", "RFC 3461", "has no line"),
    ("RFC 5321  part  Mail\n", "", "RFC 5321", "no comment"),
    ("RFC 5321  maybe  Mail\n", "/* RFC 5321 2 */\n", "maybe", "none of"),
]


@pytest.mark.parametrize("index,code,who,want", RFCS)
def test_rfc_index_complains(tmp_path, index, code, who, want):
    make(tmp_path, {"docs/rfc/index.txt": index, "src/a.c": SPDX + code})
    done = tell("check-rfc", tmp_path, "--write")
    assert done.returncode == 1 and who in done.stdout and want in done.stdout, done.stdout


def test_docs_names_what_is_missing(tmp_path):
    make(tmp_path, {
        "README.md": "[here](docs/a.md) [there](docs/b.md) [web](https://example.org/x)\n",
        "docs/a.md": "[up](../README.md#top)\n",
        "docs/man/imsctl.1": ".B status\n\\-\\-json\n",
        "docs/man/ims-events.7": ".B receive\n",
        "docs/ipc.md": "| `commit` |\n",
        "src/lib/event/events.def": "EVENT(receive, 2002, I)\nEVENT(deliver, 2001, I)\n",
        "src/lib/ipc/messages.def": "MESSAGE(commit, A, B)\nMESSAGE(commit_more, A, B)\n",
        "src/lib/conf/settings.def":
            'CONF_SETTING(conf_spool, path, "path", PATH, "/x", 0, 0,\n\t"Folder.")\n',
    })
    done = tell("check-docs", tmp_path)
    assert done.returncode == 1
    for line in ("README.md:1: link to docs/b.md", "events.def:2: event deliver",
                 "messages.def:2: message commit_more", "docs/man/ims.conf.5: is missing",
                 "imsctl.1: does not tell of: spool verify"):
        assert line in done.stdout
    for word in ("docs/a.md", "event receive", "message commit is", "of: status", "of: --json"):
        assert word not in done.stdout


def count(kind, path):
    done = subprocess.run([sys.executable, TOOLS / "count-results", kind, path],
                          capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.splitlines()


def test_results_are_counted(tmp_path):
    log = tmp_path / "log.json"
    rows = [("a", "OK"), ("b", "FAIL"), ("c", "TIMEOUT"), ("d", "SKIP"), ("e", "EXPECTEDFAIL")]
    log.write_text("".join(json.dumps({"name": n, "result": r}) + "\n" for n, r in rows))
    assert count("meson", log) == ["2 2", "b", "c"]
    xml = tmp_path / "log.xml"
    xml.write_text('<testsuites><testsuite><testcase classname="m" name="a"/>'
                   '<testcase classname="m" name="b"><failure/></testcase>'
                   '<testcase classname="m" name="c"><skipped/></testcase>'
                   '<testcase classname="m" name="d"><failure>x.c:3: runtime error: null</failure></testcase>'
                   '</testsuite></testsuites>')
    assert count("junit", xml) == ["1 2", "m::b", "sanitizer: m::d"]


@pytest.mark.parametrize("text", [None, "", "{not json\n"])
def test_a_log_that_is_not_there_counts_as_failure(tmp_path, text):
    log = tmp_path / "log"
    if text is not None:
        log.write_text(text)
    for kind in ("meson", "junit"):
        if text == "" and kind == "meson":
            continue  # an empty list of tests is no failure here: nothing ran
        assert count(kind, log)[0] == "0 1"
