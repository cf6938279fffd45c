"""What the tools of OpenLDAP export is read whole, or not believed."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from hypersync.connectors.ldif.connector import LdifConnector
from hypersync.errors import ScanFailed
from hypersync.model.objects import ScanEvent, Seen
from tests.place import settings_of
from tests.processes import program
from tests.slapd import PASSWORD, SUFFIX, Slapd, group, person, running

MEMBERS = tuple(f"cn=somebody whose name is long number {each:02},{SUFFIX}" for each in range(20))


def searched(server: Slapd, *form: str) -> bytes:
    bind = ["-x", "-H", server.url, "-D", f"cn=root,{SUFFIX}", "-w", PASSWORD]
    return run("ldapsearch", *bind, *form, "-b", SUFFIX, "(objectClass=*)", "*", "+")


def dumped(server: Slapd) -> bytes:
    return run("slapcat", "-f", str(server.folder / "slapd.conf"))


def run(name: str, *arguments: str) -> bytes:
    command = [program(name), *arguments]
    return subprocess.run(command, check=True, capture_output=True).stdout  # noqa: S603 - our own


def scan(connector: LdifConnector) -> list[ScanEvent]:
    with connector.open() as session:
        return [event for batch in session.scan(connector.streams()[0], None) for event in batch]


@pytest.mark.parametrize(
    "export",
    [
        lambda server: searched(server, "-LLL"),
        lambda server: searched(server, "-LLL", "-o", "ldif-wrap=no"),
        lambda server: searched(server, "-LL"),
        lambda server: searched(server, "-L"),
        dumped,
    ],
    ids=["ldapsearch -LLL", "without folds", "ldapsearch -LL", "ldapsearch -L", "slapcat"],
)
def test_an_export_is_read_whole_and_not_believed_when_its_last_entry_is_cut(
    tmp_path: Path, export: Callable[[Slapd], bytes]
):
    with running(tmp_path / "slapd", person("ann") + group("staff", MEMBERS)) as server:
        lines = export(server).splitlines(keepends=True)
    types = {"group": {"path": "all.ldif", "object_class": ["groupOfNames"], "members": "member"}}
    connector = LdifConnector(settings_of(LdifConnector, tmp_path, {"types": types}))
    file = tmp_path / "all.ldif"
    file.write_bytes(b"".join(lines))
    (staff,) = (each for each in scan(connector) if isinstance(each, Seen))
    assert staff.attributes["member"] == MEMBERS
    begin = lines.index(f"dn: cn=staff,ou=groups,{SUFFIX}\n".encode())
    end = lines.index(b"\n", begin)
    for left in range(begin + 1, end + 1):
        file.write_bytes(b"".join(lines[:left]))
        with pytest.raises(ScanFailed, match=rf"^all\.ldif, line {begin + 1}: the last entry"):
            scan(connector)
