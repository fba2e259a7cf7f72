# SPDX-License-Identifier: Apache-2.0
"""The services that are measured: how each is set up, started, stopped and asked.

Each runs in a private mount namespace (a holder process keeps it), so that nothing is
installed on the machine, nothing of the machine's own mail is touched, and all processes
of a peer can be found. Both use the same file system, log to a file without syncing it,
and have their limits raised so that the workload and not a setting ends the run.
"""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

HERE = pathlib.Path(__file__).resolve().parent
SCRATCH = HERE / "scratch"
BIN = SCRATCH / "bin"
DOMAIN = "us.example"
LIVE, DEAD = "live.example", "dead.example" # other hosts: the sink, and nobody
USERS = 100
# 2520 and 2521 are the peers'; ten more is where a sink tells what it counted.
SINK_PORT, LMTP_PORT, DEAD_PORT = 2522, 2523, 2529
TLS_PORTS = {"ims": 2540, "postfix": 2541} # TLS from the first byte
PASSWORD = "secret-1" # of every user
CONCURRENCY = 100 # connections to one destination, of both peers
CGROUPS = (pathlib.Path("/sys/fs/cgroup/cpuacct"), pathlib.Path("/sys/fs/cgroup"))

NAMESPACE = """
set -e
mkdir -p {inst}/etc {inst}/dev {inst}/var/spool {inst}/var/log {inst}/run {root}/usr
mount -t overlay overlay -o lowerdir={root}/usr:/usr /usr
mount -t overlay overlay -o lowerdir={inst}/etc:/etc /etc
for node in null zero full random urandom tty; do
  touch {inst}/dev/$node; mount --bind /dev/$node {inst}/dev/$node
done
ln -sfn /proc/self/fd {inst}/dev/fd; mkdir -p {inst}/dev/shm
mount --bind {inst}/var /var; mount --bind {inst}/run /run; mount --rbind {inst}/dev /dev
mount -t tmpfs tmpfs /dev/shm
echo ready; exec sleep infinity
"""


def greeting(address, seconds):
    """Seconds until the greeting at (host, port), or None."""
    start = time.monotonic()
    while time.monotonic() < start + seconds:
        try:
            with socket.create_connection(address, 5) as conn:
                if conn.recv(3) == b"220":
                    return time.monotonic() - start
        except OSError:
            pass
        time.sleep(0.005)
    return None


def certificate():
    """Paths of a self-signed P-256 certificate and its key."""
    folder = SCRATCH / "tls"
    cert, key = folder / "cert.pem", folder / "key.pem"
    if not cert.exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN=mx.{DOMAIN}", "-days",
                        "3650", "-keyout", key, "-out", cert], check=True, capture_output=True)
    return cert, key


def must_be_closed(port):
    """Ends the run if anybody listens where nobody may."""
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            raise SystemExit(f"something listens on 127.0.0.1:{port}: it must be closed here")


class Peer:
    name = port = None

    def __init__(self):
        self.inst = SCRATCH / "inst" / self.name
        self.root = SCRATCH / "roots" / self.name
        self.mail = self.inst / "mail"
        self.holder = self.logd = None
        self.cgroup = None
        self.aside = 0

    # -- namespace -----------------------------------------------------------------------

    def enter(self):
        self.inst.mkdir(parents=True, exist_ok=True)
        self.users()
        script = NAMESPACE.format(inst=self.inst, root=self.root)
        self.holder = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "bash", "-c", script],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, start_new_session=True)
        if self.holder.stdout.readline() != "ready\n":
            raise SystemExit(f"no private mount namespace for {self.name}; is this root?")
        self.logd = subprocess.Popen([BIN / "logd", self.inst / "dev/log", self.inst / "syslog.txt"],
                                     start_new_session=True)
        for base in CGROUPS:
            group = base / f"imsbench-{self.name}"
            try:
                group.mkdir(exist_ok=True)
                if (group / "cpuacct.usage").exists() or (group / "cpu.stat").exists():
                    self.cgroup = group
                    break
            except OSError:
                continue

    def leave(self):
        self.stop()
        for process in (self.logd, self.holder):
            if process:
                process.kill()
                process.wait()
        if self.cgroup:
            try:
                self.cgroup.rmdir()
            except OSError:
                pass
        self.sweep()

    def inside(self, *command, told="", **options):
        """Runs a command in the namespace and in the peer's cgroup, which reads what it is
        told; a Popen."""
        def join():
            if self.cgroup:
                (self.cgroup / "cgroup.procs").write_text(str(os.getpid()))
        process = subprocess.Popen(["nsenter", f"--mount=/proc/{self.holder.pid}/ns/mnt", "--",
                                    *map(str, command)], preexec_fn=join,
                                   stdin=subprocess.PIPE if told else subprocess.DEVNULL, **options)
        if told:
            process.stdin.write(told.encode())
            process.stdin.close()
        return process

    def pids(self):
        """Processes of the namespace, but for the holder."""
        mine = os.readlink(f"/proc/{self.holder.pid}/ns/mnt")
        found = []
        for name in os.listdir("/proc"):
            try:
                if name.isdigit() and int(name) != self.holder.pid \
                        and os.readlink(f"/proc/{name}/ns/mnt") == mine:
                    found.append(int(name))
            except OSError:
                continue
        return found

    def end_all(self, seconds=10):
        """Ends what still runs in the namespace: only ours can be there."""
        for signo in (signal.SIGTERM, signal.SIGKILL):
            end = time.monotonic() + seconds
            for pid in self.pids():
                try:
                    os.kill(pid, signo)
                except OSError:
                    pass
            while self.pids() and time.monotonic() < end:
                time.sleep(0.05)

    def users(self):
        etc = self.inst / "etc"
        etc.mkdir(parents=True, exist_ok=True)
        names = ["postfix", "postdrop", "vmail", "ims-receive", "ims-spool", "ims-mailbox",
                 "ims-journal", "ims-directory", "ims-console", "ims-deliver", "ims-bounce",
                 "ims-dns", "ims-http", "dovecot", "dovenull"]
        passwd = pathlib.Path("/etc/passwd").read_text()
        group = pathlib.Path("/etc/group").read_text()
        for number, name in enumerate(names, 5001):
            passwd += f"{name}:x:{number}:{number}::/nonexistent:/bin/false\n"
            group += f"{name}:x:{number}:\n"
        (etc / "passwd").write_text(passwd)
        (etc / "group").write_text(group)
        (etc / "nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files\n")
        (etc / "hosts").write_text("127.0.0.1 localhost mx.us.example\n")
        (etc / "resolv.conf").write_text("nameserver 127.9.9.9\n")

    # -- measuring -----------------------------------------------------------------------

    def cpu_us(self):
        """Processor time that all processes of the peer used so far, dead ones included."""
        if self.cgroup and (self.cgroup / "cpuacct.usage").exists():
            return int((self.cgroup / "cpuacct.usage").read_text()) // 1000
        if self.cgroup:
            return int((self.cgroup / "cpu.stat").read_text().split()[1])
        ticks = 0
        for pid in self.pids():
            try:
                fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
                ticks += sum(map(int, fields[11:15]))
            except OSError:
                continue
        return ticks * 1000000 // os.sysconf("SC_CLK_TCK")

    def pss_kib(self):
        total = 0
        for pid in self.pids():
            try:
                for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                    if line.startswith("Pss:"):
                        total += int(line.split()[1])
            except OSError:
                continue
        return total

    def delivered(self):
        count = 0
        for folder in self.mail.glob("*/new"):
            count += len(os.listdir(folder))
        return count

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    @property
    def tls_address(self):
        return f"127.0.0.1:{TLS_PORTS[self.name]}"

    def wait(self, seconds=60):
        ready = greeting(("127.0.0.1", self.port), seconds)
        if ready is None:
            raise SystemExit(f"{self.name} does not greet on {self.address}; see {self.inst}")
        return ready

    def put_aside(self):
        """Delivered mail stays until all rounds are over: after a mass delete ext4 looks
        for minutes through the inodes that it has just freed, and who comes next pays."""
        if self.mail.exists():
            self.aside += 1
            self.mail.rename(self.inst / f"aside-{self.aside}")

    def sweep(self):
        for folder in self.inst.glob("aside-*"):
            shutil.rmtree(folder, ignore_errors=True)

    def clean_mail(self):
        self.put_aside()
        self.mail.mkdir(parents=True)
        os.chown(self.mail, 5003, 5003)
        (self.inst / "syslog.txt").write_text("")


class Ims(Peer):
    name, port = "ims", 2520

    def __init__(self, build):
        super().__init__()
        self.build = pathlib.Path(build).resolve()
        self.conf = self.inst / "ims.conf"
        self.process = None
        self.extra = "" # more of the configuration

    def setup(self):
        if not (self.build / "imsd").exists():
            raise SystemExit(f"{self.build}/imsd is missing: ./run --build-only")

    def configure(self, mode):
        here = self.inst
        deliver = f"lmtp 127.0.0.1:{LMTP_PORT}" if mode == "lmtp" else f"maildir {self.mail}/%n"
        if mode == "front":
            self.configure_front()
            return
        mx = f"""\
host 127.0.0.0/8 {{ accept; relay yes }}
resolver {{ server 127.9.9.9; families ipv4 }}
route default {{ mx; port {SINK_PORT} }}
"""
        routes = mx if mode.endswith("mx") else f"""\
host 127.0.0.0/8 {{ accept; relay yes }}
route live {{ match {LIVE}; via 127.0.0.1:{SINK_PORT} }}
route dead {{ match {DEAD}; via 127.0.0.1:{DEAD_PORT} }}
"""
        self.conf.write_text(f"""\
hostname mx.{DOMAIN}
postmaster postmaster@{DOMAIN}
state {here}/state
runtime {here}/runtime
spool {{ path {here}/spool }}
log {{ file {here}/ims.log }}
listener in {{ address {self.address}; connections 60000 }}
limit {{
  connections {{ in 60000; per-host 60000; out 2000; per-destination {CONCURRENCY} }}
  recipients 2000; messages-per-connection 0
}}
domain {DOMAIN} {{ users any; deliver {deliver} }}
{routes if mode in ('relay', 'keep', 'mx', 'keep-mx') else ''}\
transfer {'in' if mode in ('accept', 'keep', 'keep-mx') else 'both'}
{self.extra}""")

    def configure_front(self):
        """TLS and logins; nothing is delivered. Who guesses is neither slowed nor banned."""
        here = self.inst
        tls = "certificate %s; key %s" % certificate()
        self.conf.write_text(f"""\
hostname mx.{DOMAIN}
postmaster u0@{DOMAIN}
state {here}/state
runtime {here}/runtime
spool {{ path {here}/spool }}
log {{ file {here}/ims.log }}
listener in {{ address {self.address}; connections 60000; tls offer; auth offer; {tls} }}
listener smtps {{ address {self.tls_address}; connections 60000; tls implicit; auth offer; {tls} }}
limit {{ connections {{ in 60000; per-host 60000 }}; messages-per-connection 0 }}
host 127.0.0.0/8 {{ accept; auth cleartext }}
auth {{ delay 0s; failures 0 }}
directory people {{ sqlite {here}/state/directory.db }}
domain {DOMAIN} {{ users people; deliver maildir {self.mail}/%n }}
transfer in
""")
        for i in range(USERS):
            made = self.inside(self.build / "imsctl", "--config", self.conf, "user", "add",
                               f"u{i}@{DOMAIN}", "--password-stdin", told=PASSWORD + "\n",
                               stdout=subprocess.DEVNULL)
            if made.wait() != 0:
                raise SystemExit(f"imsctl user add u{i}@{DOMAIN} failed")

    def start(self, mode):
        for name in ("state", "runtime", "spool"):
            (self.inst / name).mkdir(exist_ok=True)
        self.configure(mode)
        with open(self.inst / "start.log", "w", encoding="utf-8") as log:
            self.process = self.inside(self.build / "imsd", "--config", self.conf, "--foreground",
                                       stdout=log, stderr=log)
        return self.wait()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                print(f"{self.name} did not stop in 60 s")
        if self.holder:
            self.end_all()
        self.process = None

    def clean(self):
        for name in ("spool", "state", "runtime"):
            shutil.rmtree(self.inst / name, ignore_errors=True)
        for log in self.inst.glob("ims.log*"):
            log.unlink()
        self.put_aside()  # the service makes its own

    def status(self):
        done = subprocess.run([self.build / "imsctl", "--config", self.conf, "status", "--json"],
                              capture_output=True, text=True, timeout=60, check=True)
        return json.loads(done.stdout)

    def kept(self):
        return self.status()["queue"]["messages"]

    def role_pid(self, role):
        found = [row["pid"] for row in self.status()["roles"] if row["role"] == role]
        return found[0] if found else None


POSTFIX_MASTER = """\
{address} inet n - n - 1100 smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
lmtp unix - - n - - lmtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
"""


POSTFIX_FRONT = """\
{address} inet n - n - 1100 smtpd
  -o smtpd_tls_wrappermode=yes
tlsmgr unix - - n 1000? 1 tlsmgr
"""

# Passwords in clear text, so that no hash is computed: the least work that there is.
DOVECOT = """\
base_dir = {inst}/dovecot
state_dir = {inst}/dovecot
log_path = {inst}/dovecot.log
protocols =
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login
default_internal_user = dovecot
default_login_user = dovenull
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {inst}/conf/users
}}
userdb {{
  driver = static
  args = uid=vmail gid=vmail home=/nonexistent
}}
service auth {{
  client_limit = 3000
  unix_listener {queue}/private/auth {{
    mode = 0660
    user = postfix
    group = postfix
  }}
}}
"""


class Postfix(Peer):
    """With `dovecot` Debian's Dovecot beside it, which says who may log in."""
    name, port = "postfix", 2521

    def __init__(self, dovecot=False):
        super().__init__()
        self.dovecot = dovecot
        self.conf = self.inst / "conf"
        self.queue = self.inst / "queue"

    def setup(self):
        """Fetches Debian's package and unpacks it; nothing is installed."""
        debs = SCRATCH / "debs"
        debs.mkdir(parents=True, exist_ok=True)
        if not (self.root / "usr/sbin/postfix").exists():
            wanted = ["postfix"] + self.missing_libraries()
            if subprocess.run(["apt-get", "-q", "download", *wanted], cwd=debs,
                              check=False).returncode != 0:
                subprocess.run(["apt-get", "-q", "update"], check=True)
                subprocess.run(["apt-get", "-q", "download", *wanted], cwd=debs, check=True)
            self.root.mkdir(parents=True, exist_ok=True)
            for deb in sorted(debs.glob("*.deb")):
                subprocess.run(["dpkg", "-x", deb, self.root], check=True)
        if self.dovecot and not (self.root / "usr/sbin/dovecot").exists():
            self.fetch_dovecot(SCRATCH / "debs-dovecot")
        if not (self.inst / "etc/postfix").exists():
            shutil.copytree(self.root / "etc/postfix", self.inst / "etc/postfix")
        for folder in (self.conf, self.queue, self.inst / "data"):
            folder.mkdir(parents=True, exist_ok=True)
        os.chown(self.inst / "data", 5001, 5001)

    def fetch_dovecot(self, debs):
        debs.mkdir(parents=True, exist_ok=True)
        told = subprocess.run(["apt-get", "-s", "install", "--no-install-recommends", "dovecot-core"],
                              capture_output=True, text=True, check=True).stdout
        wanted = [line.split()[1] for line in told.splitlines() if line.startswith("Inst ")]
        subprocess.run(["apt-get", "-q", "download",
                        *(name for name in wanted if name.startswith(("lib", "dovecot-core")))],
                       cwd=debs, check=True)
        for deb in sorted(debs.glob("*.deb")):
            subprocess.run(["dpkg", "-x", deb, self.root], check=True)

    @staticmethod
    def missing_libraries():
        """Packages that Postfix's own needs and this machine has not."""
        missing = []
        for package in ("libdb5.3", "libicu72", "libnsl2", "libtirpc3", "libsasl2-2", "libssl3"):
            done = subprocess.run(["dpkg-query", "-W", "-f=${Status}", package],
                                  capture_output=True, text=True, check=False)
            if "ok installed" not in done.stdout:
                missing.append(package)
        return missing

    def configure(self, mode):
        front = mode == "front"
        (self.conf / "master.cf").write_text(
            POSTFIX_MASTER.format(address=self.address)
            + (POSTFIX_FRONT.format(address=self.tls_address) if front else ""))
        (self.conf / "vmap").write_text(
            "".join(f"u{i}@{DOMAIN} u{i}/\n" for i in range(USERS)))
        modes = {
            "accept": "smtpd_client_restrictions = check_client_access static:HOLD\n",
            "mx": f"smtp_dns_support_level = enabled\nsmtp_tcp_port = {SINK_PORT}\n",
            "relay": f"relayhost = [127.0.0.1]:{SINK_PORT}\n",
            "lmtp": f"virtual_transport = lmtp:inet:127.0.0.1:{LMTP_PORT}\n",
            "front": self.front() if front else ""}
        (self.conf / "main.cf").write_text(f"""\
compatibility_level = 3.6
queue_directory = {self.queue}
data_directory = {self.inst}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
shlib_directory = /usr/lib/postfix
meta_directory = /etc/postfix
mail_owner = postfix
setgid_group = postdrop
myhostname = mx.{DOMAIN}
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
alias_maps =
alias_database =
local_recipient_maps =
in_flow_delay = 0
smtpd_recipient_limit = 2000
smtpd_client_connection_count_limit = 0
smtp_dns_support_level = disabled
lmtp_dns_support_level = disabled
default_destination_concurrency_limit = {CONCURRENCY}
initial_destination_concurrency = 20
virtual_mailbox_domains = {DOMAIN}
virtual_mailbox_base = {self.mail}
virtual_mailbox_maps = texthash:{self.conf}/vmap
virtual_uid_maps = static:5003
virtual_gid_maps = static:5003
{modes.get(mode, '')}""")

    def front(self):
        """Parameters for TLS and logins, which Dovecot is asked about."""
        text = ("smtpd_tls_cert_file = %s\nsmtpd_tls_key_file = %s\n" % certificate()
                + "smtpd_tls_security_level = may\nsmtpd_error_sleep_time = 0\n")
        if self.dovecot:
            (self.conf / "users").write_text(
                "".join(f"u{i}@{DOMAIN}:{{PLAIN}}{PASSWORD}\n" for i in range(USERS)))
            (self.conf / "dovecot.conf").write_text(
                DOVECOT.format(inst=self.inst, queue=self.queue))
            text += ("smtpd_sasl_auth_enable = yes\nsmtpd_sasl_type = dovecot\n"
                     "smtpd_sasl_path = private/auth\nsmtpd_tls_auth_only = no\n")
        return text

    def command(self, word):
        with open(self.inst / "start.log", "a", encoding="utf-8") as log:
            return self.inside("/usr/sbin/postfix", "-c", self.conf, word,
                               stdout=log, stderr=log).wait()

    def start(self, mode):
        self.configure(mode)
        self.command("start")
        if mode == "front" and self.dovecot:
            with open(self.inst / "start.log", "a", encoding="utf-8") as log:
                self.inside("/usr/sbin/dovecot", "-c", self.conf / "dovecot.conf",
                            stdout=log, stderr=log).wait()
        return self.wait()

    def stop(self):
        if not self.holder:
            return
        if self.pids():
            self.command("stop")
        self.end_all()
        (self.queue / "pid/master.pid").unlink(missing_ok=True)

    def queue_files(self):
        for name in ("incoming", "active", "deferred", "hold", "defer", "bounce"):
            for path in (self.queue / name).rglob("*"):
                if path.is_file():
                    yield path

    def clean(self):
        for path in list(self.queue_files()):
            path.unlink()
        self.clean_mail()

    def kept(self):
        return sum(1 for _ in self.queue_files())
