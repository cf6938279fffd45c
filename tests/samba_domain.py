"""A domain for `tests.samba`: made in a folder, filled by LDIF, changed by Samba's own tools."""

import base64
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.processes import program

DOMAIN = "DC=hs,DC=test"
CONFIGURATION = f"CN=Configuration,{DOMAIN}"
USERS = f"CN=Users,{DOMAIN}"
COMPANY = f"OU=Company,{DOMAIN}"
PEOPLE = f"OU=People,{COMPANY}"
GROUPS = f"OU=Groups,{COMPANY}"
LEAVERS = f"OU=Leavers,{COMPANY}"
ADMINISTRATOR = "administrator@hs.test"
SERVICE = "hypersync@hs.test"
"""May do everything in the domain, as a member of Domain Admins."""
PLAIN = "plain@hs.test"
"""An ordinary user: reads what everybody reads, writes nothing."""
DISABLED = "disabled@hs.test"
PASSWORD = "Test-Passw0rd"  # noqa: S105 - of everybody in a domain that lives for one module

_CONFIGURATION = """[global]
netbios name = DC1
realm = HS.TEST
workgroup = HS
server role = active directory domain controller
server services = ldap
dcerpc endpoint servers =
interfaces = {address}/8
bind interfaces only = yes
ldap server require strong auth = no
tls keyfile = {folder}/tls/key.pem
tls certfile = {folder}/tls/certificate.pem
tls cafile =
private dir = {folder}/private
state directory = {folder}/state
cache directory = {folder}/cache
lock directory = {folder}/lock
pid directory = {folder}/run
ncalrpc dir = {folder}/ncalrpc
binddns dir = {folder}/bind-dns
usershare path =
log file = {folder}/log.%m
idmap_ldb:use rfc2307 = yes
ldb:nosync = yes
"""


def provision(folder: Path) -> Path:
    """Make a domain in a new folder, with who signs in to it; returns the folder."""
    folder.mkdir()
    names = ["--realm=HS.TEST", "--domain=HS", "--host-name=dc1", "--host-ip=127.0.0.1"]
    role = ["--server-role=dc", "--dns-backend=NONE", "--use-rfc2307", "--quiet"]
    network = ["--option=interfaces=lo", "--option=bind interfaces only=yes"]
    speed = ["--option=ldb:nosync=yes"]
    where = [f"--targetdir={folder}", f"--adminpass={PASSWORD}"]
    run(["samba-tool", "domain", "provision", *names, *role, *network, *speed, *where])
    configure(folder, "127.0.0.1")
    command = ["ldbmodify", *option(folder), "-H", database(folder)]
    run(command, _TREE)
    return folder


def configure(folder: Path, address: str) -> None:
    """Write the configuration of a server in this folder."""
    for name in ("cache", "lock", "run", "ncalrpc", "tls"):
        (folder / name).mkdir(exist_ok=True)
    text = _CONFIGURATION.format(folder=folder, address=address)
    (folder / "etc" / "smb.conf").write_text(text)


def option(folder: Path) -> list[str]:
    """Return what tells Samba's tools which configuration to read."""
    return [f"--configfile={folder}/etc/smb.conf"]


def database(folder: Path) -> str:
    """Return where the database is."""
    return str(folder / "private" / "sam.ldb")


def entry(dn: str, attributes: Mapping[str, str | bytes | Sequence[str]]) -> str:
    """Return the LDIF that adds one entry."""
    lines = [_line("dn", dn), "changetype: add"]
    for name, value in attributes.items():
        values = [value] if isinstance(value, (str, bytes)) else value
        lines += [_line(name, each) for each in values]
    return "\n".join(lines) + "\n\n"


def _line(name: str, value: str | bytes) -> str:
    if isinstance(value, str):
        if value.isascii() and value.isprintable() and not value.startswith((" ", ":", "<")):
            return f"{name}: {value}"
        value = value.encode()
    return f"{name}:: {base64.b64encode(value).decode()}"


def person(name: str, *, below: str = PEOPLE, **attributes: str | Sequence[str]) -> str:
    """Return the LDIF of an enabled user; it has the password of everybody."""
    common = {
        "objectClass": "user",
        "sAMAccountName": name,
        "userPrincipalName": f"{name}@hs.test",
        "userAccountControl": "512",
    }
    secret = {"unicodePwd": f'"{PASSWORD}"'.encode("utf-16-le")}
    return entry(f"CN={name},{below}", {**common, **secret, **attributes})


def group(name: str, members: Sequence[str] = (), *, below: str = GROUPS) -> str:
    """Return the LDIF of a global security group."""
    attributes: dict[str, str | Sequence[str]] = {"objectClass": "group", "sAMAccountName": name}
    return entry(f"CN={name},{below}", {**attributes, **({"member": members} if members else {})})


def done(
    command: Sequence[str], text: str = "", env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, however it ends."""
    return subprocess.run(  # noqa: S603 - our own command lines
        [program(command[0]), *command[1:]],
        input=text,
        capture_output=True,
        text=True,
        timeout=600,
        env=env,
        check=False,
    )


def run(command: Sequence[str], text: str = "", env: Mapping[str, str] | None = None) -> str:
    """Run a program that has to succeed; return what it prints."""
    ended = done(command, text, env)
    assert ended.returncode == 0, f"{command[0]}: {ended.stdout} {ended.stderr}"
    return ended.stdout


_TREE = "".join(
    (
        *(
            entry(dn, {"objectClass": "organizationalUnit"})
            for dn in (COMPANY, PEOPLE, GROUPS, LEAVERS)
        ),
        person("hypersync", below=USERS),
        person("plain", below=USERS),
        person("disabled", below=USERS, userAccountControl="514"),
        f"dn: CN=Domain Admins,{USERS}\nchangetype: modify\n"
        f"add: member\nmember: CN=hypersync,{USERS}\n\n",
    )
)
