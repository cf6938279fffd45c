"""A real Active Directory for tests: Samba as a domain controller, on an address of its own.

A domain is provisioned once per test run (eight seconds of processor time; the workers share it
under a lock) and every server is a copy of that folder, up in a second. The ports of a domain
controller are fixed, so each server claims another address of 127.0.0.0/8, which holds across
workers and across runs on one machine. Binding port 389 takes root.

`domain_controller` is one server for a module, `started` one of a test's own, `twin` a second one:
a copy of the first one's database as it is at that moment, with an invocationId of its own. The two
do not replicate: whoever wants the same change on both makes it twice.
"""

import base64
import fcntl
import ipaddress
import os
import shutil
import socket
import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from hypersync.clock import SystemClock
from tests.processes import listens, program, until
from tests.samba_domain import (
    ADMINISTRATOR,
    COMPANY,
    CONFIGURATION,
    DISABLED,
    DOMAIN,
    GROUPS,
    LEAVERS,
    PASSWORD,
    PEOPLE,
    PLAIN,
    SERVICE,
    USERS,
    configure,
    database,
    done,
    entry,
    group,
    option,
    person,
    provision,
    run,
)

__all__ = [
    "ADMINISTRATOR",
    "COMPANY",
    "CONFIGURATION",
    "DISABLED",
    "DOMAIN",
    "GROUPS",
    "LEAVERS",
    "PASSWORD",
    "PEOPLE",
    "PLAIN",
    "SERVICE",
    "USERS",
    "Samba",
    "domain_controller",
    "entry",
    "group",
    "person",
    "provision",
    "provisioned",
    "started",
    "twin",
]

_NTDS = f"CN=NTDS Settings,CN=DC1,CN=Servers,CN=Default-First-Site-Name,CN=Sites,{CONFIGURATION}"


class Samba:
    """One domain controller in a folder; ``address`` is its own.

    ``certificate`` signs itself and is for the address and for ``dc1.hs.test``: it is the CA file
    of whoever connects. What the server logs is in ``log``, and in the message when it fails.
    """

    def __init__(self, folder: Path, source: Path) -> None:
        self.folder = folder
        self.log = folder / "log.samba"
        self.certificate = folder / "tls" / "certificate.pem"
        # sockets are made anew by each server
        shutil.copytree(source, folder, ignore=shutil.ignore_patterns("ldapi"))
        self._claim, self.address = _claim_address()
        self.url = f"ldap://{self.address}"
        self.tls_url = f"ldaps://{self.address}"
        self._process: subprocess.Popen[bytes] | None = None
        configure(folder, self.address)
        _sign(folder / "tls", self.address)

    # --- its life ------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the server and wait until it answers.

        It ends by itself when its standard input does, so none outlives the tests.
        """
        options = ["-F", "-M", "single", "--debug-stdout", "-d", "1", *option(self.folder)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own command line
                [program("samba"), *options],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        until(
            # LDAPS is the second port to be opened
            lambda: listens((self.address, 636), (self.address, 389)),
            self._process,
            said=lambda: self.log.read_text(errors="replace"),
        )

    def stop(self) -> None:
        """Stop the server, as an administrator does."""
        self._end(subprocess.Popen.terminate)

    def kill(self) -> None:
        """Let the server die at once."""
        self._end(subprocess.Popen.kill)

    def _end(self, how: Callable[[subprocess.Popen[bytes]], None]) -> None:
        if self._process is not None:
            how(self._process)
            self._process.wait(timeout=20)
            assert self._process.stdin is not None
            self._process.stdin.close()
            self._process = None

    def release(self) -> None:
        """Stop it for good and give its address back."""
        self.stop()
        self._claim.close()

    # --- asking and changing it ----------------------------------------------------------------

    def modify(self, changes: str, *, user: str = ADMINISTRATOR) -> None:
        """Apply LDIF change records over LDAPS; entries without ``changetype`` are added."""
        self._ldap("ldapmodify", "-a", user=user, text=changes)

    def search(
        self, base: str, filter_: str = "(objectClass=*)", *attributes: str, scope: str = "sub"
    ) -> str:
        """Return what ldapsearch says, without comments and folded lines."""
        form = ["-LLL", "-o", "ldif-wrap=no", "-s", scope, "-b", base]
        return self._ldap("ldapsearch", *form, filter_, *attributes)

    def values(self, dn: str, attribute: str) -> list[str]:
        """Return the values of one attribute of one entry, those that are no ASCII as base64."""
        found = self.search(dn, "(objectClass=*)", attribute, scope="base").splitlines()
        lines = [line for line in found if line.lower().startswith(f"{attribute.lower()}:")]
        return [line.split(":", 1)[1].lstrip(": ") for line in lines]

    def guid(self, dn: str) -> str:
        """Return the objectGUID of an entry as text."""
        (value,) = self.values(dn, "objectGUID")
        return str(uuid.UUID(bytes_le=base64.b64decode(value)))

    def has_password(self, user: str, password: str) -> bool:
        """Tell whether somebody can sign in; ``user`` is a userPrincipalName or a DN."""
        command = ["ldapsearch", "-x", "-H", self.tls_url, "-D", user, "-w", password]
        ended = done([*command, "-s", "base", "-b", ""], env=self._trust())
        assert ended.returncode in (0, 49), ended.stderr
        return ended.returncode == 0

    def local(self, changes: str, *controls: str) -> None:
        """Apply LDIF to the database itself, running or not, past what LDAP allows."""
        chosen = [f"--controls={each}" for each in controls]
        run(["ldbmodify", *option(self.folder), "-H", database(self.folder), *chosen], changes)

    def new_invocation(self) -> None:
        """Give the database another invocationId; the server must not run."""
        assert self._process is None
        change = f"dn: {_NTDS}\nchangetype: modify\nreplace: invocationId\n"
        self.local(f"{change}invocationId: {uuid.uuid4()}\n")

    def tool(self, *arguments: str) -> str:
        """Run samba-tool on the database itself, running or not; about a second each."""
        return run(["samba-tool", *arguments, *option(self.folder), "-H", database(self.folder)])

    def _ldap(self, *arguments: str, user: str = ADMINISTRATOR, text: str = "") -> str:
        program, *rest = arguments
        sign_in = ["-x", "-H", self.tls_url, "-D", user, "-w", PASSWORD]
        return run([program, *sign_in, *rest], text, env=self._trust())

    def _trust(self) -> dict[str, str]:
        return {**os.environ, "LDAPTLS_CACERT": str(self.certificate), "LDAPCONF": os.devnull}


@contextmanager
def started(folder: Path, source: Path, ldif: str = "") -> Iterator[Samba]:
    """Run a copy of ``source`` with these entries besides; it is stopped at the end."""
    server = Samba(folder, source)
    try:
        if ldif:
            server.local(ldif)
        server.start()
        yield server
    finally:
        server.release()


@contextmanager
def twin(server: Samba, folder: Path) -> Iterator[Samba]:
    """Run a second domain controller with what the first one has now; see above.

    The first one is stopped for the moment that copying takes.
    """
    server.stop()
    second = Samba(folder, server.folder)
    server.start()
    try:
        second.new_invocation()
        second.start()
        yield second
    finally:
        second.release()


@pytest.fixture(scope="session")
def provisioned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a domain that nobody runs: what servers are copies of."""
    base = tmp_path_factory.getbasetemp()
    # each worker has a folder of its own in that of the run
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = shared / "samba-domain"
    with (shared / "samba-domain.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "ready").exists():
            shutil.rmtree(folder, ignore_errors=True)
            provision(folder)
            (folder / "ready").touch()
    return folder


@pytest.fixture(scope="module")
def domain_controller(
    tmp_path_factory: pytest.TempPathFactory, provisioned: Path
) -> Iterator[Samba]:
    """A running domain controller, one for all tests of a module."""
    with started(tmp_path_factory.mktemp("samba") / "dc1", provisioned) as server:
        yield server


def _sign(folder: Path, address: str) -> None:
    """Make a certificate that is its own authority: Samba's own says no address."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "dc1.hs.test")])
    names = [x509.DNSName("dc1.hs.test"), x509.IPAddress(ipaddress.ip_address(address))]
    today = SystemClock().now()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "key.pem").write_bytes(secret)
    (folder / "key.pem").chmod(0o600)
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(Encoding.PEM))


def _claim_address() -> tuple[socket.socket, str]:
    """Return an address that nobody else runs a domain controller on, and what keeps it so.

    The claim is a name that the kernel forgets with the process that holds it.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    for number in range(1, 1_000):
        address = f"127.{64 + worker % 64}.{number // 250}.{number % 250 + 1}"
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0hypersync-samba-{address}")
        except OSError:
            claim.close()
        else:
            if not listens((address, 389)):  # else of a run that was killed
                return claim, address
            claim.close()
    raise AssertionError("every address has a domain controller; end those of earlier runs")
