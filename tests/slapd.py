"""A real OpenLDAP server for tests: own folder, free high port, started and killed at will."""

import base64
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.processes import free_port, listens, program, until

SUFFIX = "dc=example,dc=org"
PEOPLE = f"ou=people,{SUFFIX}"
GROUPS = f"ou=groups,{SUFFIX}"
LEAVERS = f"ou=leavers,{SUFFIX}"
SERVICE = f"cn=hypersync,{SUFFIX}"
PASSWORD = "s3cret"  # noqa: S105 - of a server that lives for one test

_CONFIGURATION = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {folder}/slapd.pid
sizelimit unlimited
{top}
database mdb
maxsize 1073741824
dbnosync
suffix "{suffix}"
rootdn "cn=root,{suffix}"
rootpw {password}
directory {folder}/data
index objectClass,entryUUID,entryCSN,modifyTimestamp,uid,employeeNumber eq
access to attrs=userPassword by dn.exact="{service}" =w by anonymous auth by * none
access to * by dn.exact="{service}" write by users read by * none
{extra}
"""


class Slapd:
    """One server. ``extra`` are configuration lines of its database, ``top`` those before it.

    ``tls_url`` answers when ``top`` names a certificate.
    """

    def __init__(self, folder: Path, *, extra: str = "", top: str = "") -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"ldap://127.0.0.1:{self.port}"
        self.tls_url = f"ldaps://127.0.0.1:{free_port()}"
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "data").mkdir(parents=True)
        text = _CONFIGURATION.format(
            folder=folder, suffix=SUFFIX, password=PASSWORD, service=SERVICE, extra=extra, top=top
        )
        (folder / "slapd.conf").write_text(text)

    def load(self, ldif: str) -> None:
        """Load entries while the server is not running."""
        (self.folder / "load.ldif").write_text(ldif)
        _run(["slapadd", "-q", "-f", str(self.folder / "slapd.conf"), "-l", self._ldif()])

    def _ldif(self) -> str:
        return str(self.folder / "load.ldif")

    def start(self) -> None:
        """Start the server and wait until it listens."""
        urls = f"{self.url} {self.tls_url}"
        command = ["-f", str(self.folder / "slapd.conf"), "-h", urls, "-d", "0"]
        self._process = subprocess.Popen(  # noqa: S603 - our own command line
            [program("slapd"), *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until(lambda: listens(("127.0.0.1", self.port)), self._process, pause=0.01)

    def stop(self) -> None:
        """Stop the server, as an administrator does."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=20)
            self._process = None

    def kill(self) -> None:
        """Let the server die at once."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(timeout=20)
        self._process = None

    @contextmanager
    def suspended(self) -> Iterator[None]:
        """Let the server accept and answer nothing for a while."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def modify(self, changes: str) -> None:
        """Apply LDIF change records as root; entries without ``changetype`` are added."""
        command = ["ldapmodify", "-a", "-x", "-H", self.url, "-D", f"cn=root,{SUFFIX}"]
        _run([*command, "-w", PASSWORD], changes)

    def search(self, base: str, filter_: str, *attributes: str, scope: str = "sub") -> str:
        """Return what ldapsearch says, without comments and folded lines."""
        command = ["ldapsearch", "-x", "-LLL", "-o", "ldif-wrap=no", "-H", self.url, "-s", scope]
        bind = ["-D", f"cn=root,{SUFFIX}", "-w", PASSWORD, "-b", base]
        return _run([*command, *bind, filter_, *attributes])

    def uuid(self, dn: str) -> str:
        """Return the entryUUID of an entry."""
        for line in self.search(dn, "(objectClass=*)", "entryUUID", scope="base").splitlines():
            if line.startswith("entryUUID: "):
                return line.removeprefix("entryUUID: ")
        raise AssertionError(f"{dn} has no entryUUID")


@contextmanager
def running(folder: Path, ldif: str, *, extra: str = "", top: str = "") -> Iterator[Slapd]:
    """Run a server with these entries below ``SUFFIX``; it is stopped at the end."""
    server = Slapd(folder, extra=extra, top=top)
    server.load(TREE + ldif)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def entry(dn: str, attributes: Mapping[str, str | Sequence[str]]) -> str:
    """Return one entry as LDIF."""
    lines = [_line("dn", dn)]
    for name, value in attributes.items():
        lines += [_line(name, each) for each in ([value] if isinstance(value, str) else value)]
    return "\n".join(lines) + "\n\n"


def _line(name: str, value: str) -> str:
    if value.isascii() and value.isprintable() and not value.startswith((" ", ":", "<")):
        return f"{name}: {value}"
    return f"{name}:: {base64.b64encode(value.encode()).decode()}"


def person(name: str, **attributes: str | Sequence[str]) -> str:
    """Return an inetOrgPerson below ``PEOPLE`` as LDIF."""
    common = {"objectClass": "inetOrgPerson", "cn": name, "sn": name}
    return entry(f"cn={name},{PEOPLE}", {**common, **attributes})


def group(name: str, members: Sequence[str]) -> str:
    """Return a groupOfNames below ``GROUPS`` as LDIF."""
    attributes = {"objectClass": "groupOfNames", "cn": name, "member": members}
    return entry(f"cn={name},{GROUPS}", attributes)


def company(people: int, groups: int = 20) -> str:
    """Return numbered people and department groups as LDIF: E000000 to the last, all active."""
    parts = [
        person(
            f"p{number:06}",
            uid=f"p{number:06}",
            givenName=f"Given{number}",
            mail=f"p{number:06}@example.org",
            employeeNumber=f"E{number:06}",
            departmentNumber=f"D{number % groups:02}",
            title="Clerk",
            employeeType="active",
        )
        for number in range(people)
    ]
    for each in range(groups):
        members = [f"cn=p{n:06},{PEOPLE}" for n in range(each, people, groups)]
        parts.append(group(f"D{each:02}", members))
    return "".join(parts)


TREE = "".join(
    (
        entry(
            SUFFIX, {"objectClass": ["dcObject", "organization"], "dc": "example", "o": "Example"}
        ),
        *(
            entry(dn, {"objectClass": "organizationalUnit", "ou": dn.split(",")[0][3:]})
            for dn in (PEOPLE, GROUPS, LEAVERS)
        ),
        entry(
            SERVICE,
            {
                "objectClass": ["organizationalRole", "simpleSecurityObject"],
                "cn": "hypersync",
                "userPassword": PASSWORD,
            },
        ),
    )
)


def _run(command: Sequence[str], text: str = "") -> str:
    done = subprocess.run(  # noqa: S603 - our own command lines
        [program(command[0]), *command[1:]], input=text, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, f"{command[0]}: {done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def company_slapd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    """A server with 10 000 people in 20 groups, one for all tests of a module."""
    with running(tmp_path_factory.mktemp("slapd"), company(10_000)) as server:
        yield server
