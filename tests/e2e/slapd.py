# SPDX-License-Identifier: Apache-2.0
"""OpenLDAP's server of the Debian package that ./test has unpacked, as an ordinary process on
loopback ports, with a folder of its own."""
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile

import field
from service import _die_with_parent, free_port, wait_until

BASE = "dc=us,dc=example"
READER = f"cn=ims,{BASE}"
SECRET = "of-the-reader"
CONF = """\
include {root}/etc/ldap/schema/core.schema
include {root}/etc/ldap/schema/cosine.schema
include {root}/etc/ldap/schema/inetorgperson.schema
include {here}/more.schema
modulepath {root}/usr/lib/ldap
moduleload back_mdb
moduleload ppolicy
pidfile {here}/pid
sizelimit unlimited
{tls}
database mdb
maxsize 268435456
suffix "{base}"
rootdn "cn=root,{base}"
directory {here}/db
index mail,proxyAddresses,other eq
index objectClass eq
overlay ppolicy
ppolicy_default "cn=policy,{base}"
ppolicy_use_lockout
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="{reader}" read by {anonymous}
"""
# Attributes of Active Directory, and two of a site's own.
SCHEMA = """\
attributetype ( 1.2.840.113556.1.2.210 NAME 'proxyAddresses' EQUALITY caseIgnoreMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
attributetype ( 1.2.840.113556.1.4.8 NAME 'userAccountControl' EQUALITY integerMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
attributetype ( 1.3.6.1.4.1.32473.1.1 NAME 'other' EQUALITY caseIgnoreMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
attributetype ( 1.3.6.1.4.1.32473.1.2 NAME 'homeServer' EQUALITY caseIgnoreMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
objectclass ( 1.3.6.1.4.1.32473.2.1 NAME 'site' SUP top AUXILIARY
  MAY ( proxyAddresses $ userAccountControl $ other $ homeServer ) )
"""
TOP = f"""\
dn: {BASE}
objectClass: dcObject
objectClass: organization
o: us
dc: us

dn: {READER}
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: ims
userPassword: {SECRET}

dn: cn=policy,{BASE}
objectClass: organizationalRole
objectClass: pwdPolicy
cn: policy
pwdAttribute: userPassword
pwdLockout: TRUE
pwdMaxFailure: 1000000

dn: ou=people,{BASE}
objectClass: organizationalUnit
ou: people

"""


def person(uid, password="secret-1", mail=None, **more):
    """LDIF of one; values of `more` may be lists. mail="" is none at all."""
    lines = [f"dn: uid={uid},ou=people,{BASE}", "objectClass: inetOrgPerson", "objectClass: site",
             f"uid: {uid}", f"cn: {uid}", f"sn: {uid}"]
    if mail != "":
        lines.append(f"mail: {mail or uid + '@us.example'}")
    if password:
        lines.append(f"userPassword: {password}")
    for name, values in more.items():
        lines += [f"{name}: {value}" for value in ([values] if isinstance(values, str) else values)]
    return "\n".join(lines) + "\n\n"


class Slapd:
    """`tls`: (certificate, key) for ldaps:// and StartTLS."""

    def __init__(self, ldif, tls=None, anonymous="* none"):
        self.root = field.root("slapd")
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="ims-e2e-slapd-", dir="/tmp"))
        self.port, self.ports = free_port(), free_port()
        self.url, self.urls = f"ldap://localhost:{self.port}", f"ldaps://localhost:{self.ports}"
        self.tls, self.process = tls, None
        (self.folder / "db").mkdir()
        (self.folder / "more.schema").write_text(SCHEMA)
        words = f"TLSCertificateFile {tls[0]}\nTLSCertificateKeyFile {tls[1]}\n" if tls else ""
        (self.folder / "slapd.conf").write_text(CONF.format(
            root=self.root, here=self.folder, tls=words, base=BASE, reader=READER,
            anonymous=anonymous))
        (self.folder / "all.ldif").write_text(TOP + ldif)
        self.run("-T", "add", "-q", "-l", str(self.folder / "all.ldif"))

    def command(self, *arguments):
        return [str(self.root / "usr/sbin/slapd"), *arguments, "-f", str(self.folder / "slapd.conf")]

    def environment(self):
        libraries = self.root / "usr/lib" / f"{os.uname().machine}-linux-gnu"
        return {**os.environ, "LD_LIBRARY_PATH": str(libraries)}

    def run(self, *arguments):
        done = subprocess.run(self.command(*arguments), env=self.environment(), timeout=120,
                              capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3000:]

    def start(self):
        listen = f"ldap://127.0.0.1:{self.port}/" + (
            f" ldaps://127.0.0.1:{self.ports}/" if self.tls else "")
        with open(self.folder / "output.txt", "ab") as log:
            self.process = subprocess.Popen(
                self.command("-d", "0", "-h", listen), env=self.environment(),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=_die_with_parent)
        wait_until(self.listens, 30, "slapd is ready")
        return self

    def listens(self):
        if self.process.poll() is not None:
            raise AssertionError((self.folder / "output.txt").read_text(errors="replace")[-3000:])
        try:
            with socket.create_connection(("127.0.0.1", self.port), 2):
                return True
        except OSError:
            return False

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(10)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
