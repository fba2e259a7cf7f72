# SPDX-License-Identifier: Apache-2.0
"""Real clients of the field. Each sends one message; what arrives must hold its text."""
import shutil
import smtplib
import subprocess
import textwrap

import pytest

import field
from service import BUILD, DOMAIN

TO = f"ann@{DOMAIN}"
TEXT = "From: a@client.example\nTo: ann@us.example\nSubject: {name}\n\nhello from {name}\n.dot\n"


def need(program):
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed")


def run(command, text=None, **more):
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60,
                          check=False, **more)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def arrived(service, name, line=".dot"):
    got = service.wait_mail("ann")[0].replace(b"\r\n", b"\n").decode()
    assert f"hello from {name}\n" in got, got
    if line:
        assert f"\n{line}\n" in got, got


def test_swaks(service):
    need("swaks")
    run(["swaks", "--server", f"127.0.0.1:{service.port}", "--from", "a@client.example",
         "--to", TO, "--body", "hello from swaks\n.dot\n", "--helo", "client.example"])
    arrived(service, "swaks")


def test_swaks_pipelined(service):
    need("swaks")
    run(["swaks", "--server", f"127.0.0.1:{service.port}", "--from", "a@client.example",
         "--to", f"{TO},bob@{DOMAIN}", "--body", "hello from swaks\n.dot\n", "--pipeline"])
    arrived(service, "swaks")
    service.wait_mail("bob")


def test_curl(service):
    need("curl")
    run(["curl", "-sS", "--crlf", f"smtp://127.0.0.1:{service.port}/client.example",
         "--mail-from", "a@client.example", "--mail-rcpt", TO, "-T", "-"], TEXT.format(name="curl"))
    arrived(service, "curl")


def test_msmtp(service):
    need("msmtp")
    run(["msmtp", "--host=127.0.0.1", f"--port={service.port}", "--from=a@client.example",
         "--tls=off", "--auth=off", TO], TEXT.format(name="msmtp"))
    arrived(service, "msmtp")


def test_mutt(service, tmp_path):
    need("mutt")
    rc = tmp_path / "muttrc"
    rc.write_text(f'set smtp_url="smtp://127.0.0.1:{service.port}/"\nset from="a@client.example"\n'
                  "set use_from=yes\nset copy=no\nset ssl_starttls=no\nset ssl_force_tls=no\n"
                  "set hostname=client.example\n"
                  f'set record=""\nset tmpdir="{tmp_path}"\n')
    run(["mutt", "-n", "-F", str(rc), "-s", "mutt", TO], "hello from mutt\n.dot\n",
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "TERM": "dumb"})
    arrived(service, "mutt")


def test_perl_net_smtp(service):
    need("perl")
    run(["perl", "-MNet::SMTP", "-e", textwrap.dedent("""\
        my $s = Net::SMTP->new("127.0.0.1", Port => $ARGV[0], Hello => "client.example") or die;
        $s->mail("a\\@client.example") or die; $s->to($ARGV[1]) or die; $s->data or die;
        $s->datasend("Subject: perl\\n\\nhello from perl\\n.dot\\n") or die;
        $s->dataend or die; $s->quit;"""), str(service.port), TO])
    arrived(service, "perl")


def test_smtplib(service):
    with smtplib.SMTP("127.0.0.1", service.port, "client.example", timeout=20) as client:
        client.ehlo()
        for extension in ("pipelining", "8bitmime", "smtputf8", "chunking", "dsn",
                          "enhancedstatuscodes", "size", "limits"):
            assert client.has_extn(extension), client.esmtp_features
        assert int(client.esmtp_features["size"]) == 50 * 1024 * 1024
        refused = client.sendmail("a@client.example", [TO, f"nobody@{DOMAIN}"],
                                  TEXT.format(name="smtplib"))
        assert list(refused) == [f"nobody@{DOMAIN}"] and refused[f"nobody@{DOMAIN}"][0] == 550
    arrived(service, "smtplib")


def nodejs():
    """Environment in which node finds nodemailer; the test is skipped where it does not."""
    need("node")
    unpacked = BUILD / "field" / "nodemailer" / "usr/share/nodejs"
    env = {"PATH": "/usr/bin:/bin", "NODE_PATH": f"{unpacked}:/usr/share/nodejs:/usr/lib/nodejs"}
    if subprocess.run(["node", "-e", 'require("nodemailer")'], env=env, capture_output=True,
                      timeout=60, check=False).returncode != 0:
        pytest.skip("nodemailer is not there; ./test e2e unpacks it")
    return env


def test_nodemailer(service, tmp_path):
    env = nodejs()
    script = textwrap.dedent("""\
        const mailer = require("nodemailer");
        const [port, to] = process.argv.slice(2);
        mailer.createTransport({host: "127.0.0.1", port: Number(port), secure: false,
                                ignoreTLS: true, name: "client.example"})
          .sendMail({from: "a@client.example", to, subject: "node",
                     text: "hello from nodemailer\\n.dot\\n"})
          .then(() => process.exit(0), (e) => { console.error(e); process.exit(1); });""")
    path = tmp_path / "send.js"
    path.write_text(script)
    run(["node", str(path), str(service.port), TO], env=env)
    arrived(service, "nodemailer")


def test_smtp_source(service):
    """Postfix's own load generator."""
    root = field.root("postfix")
    program = root / "usr/sbin/smtp-source"
    run([str(program), "-c", "-m", "50", "-s", "5", "-f", "a@client.example", "-t", TO,
         f"inet:127.0.0.1:{service.port}"], env={"LD_LIBRARY_PATH": str(root / "usr/lib/postfix")})
    service.wait_mail("ann", 50)
