"""Silos over a domain controller for tests, and a corner of the domain for each test."""

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

from hypersync.connectors.ad.connector import AdConnector
from hypersync.connectors.ad.options import AdOptions
from hypersync.connectors.settings import SiloSettings, object_types
from hypersync.model.objects import Attributes, Complete, Deleted, DeletionKind, ScanEvent, Seen
from tests.samba import DOMAIN, PASSWORD, SERVICE, Samba, entry, group, person

BIG = f"OU=Big,{DOMAIN}"
"""Where `company` is."""
USER = ["sAMAccountName", "title", "department", "manager", "accountExpires"]


def connect(
    server: Samba | Sequence[Samba],
    types: Mapping[str, Mapping[str, object]],
    *,
    user: str = SERVICE,
    password: str = PASSWORD,
    write: bool = False,
    kind: type[AdConnector] = AdConnector,
    **options: object,
) -> AdConnector:
    """Return a connector; with several servers the first is preferred."""
    servers = [server] if isinstance(server, Samba) else list(server)
    given = {
        "url": [each.url for each in servers],
        "bind": {"user": user, "password": password},
        "types": types,
        **options,
    }
    found = AdOptions.model_validate(given)
    settings = SiloSettings(
        silo="ad",
        options=found,
        types=object_types("ad", found, {}),
        write=write,
        timeout=timedelta(seconds=30),
    )
    return kind(settings)


def scan(connector: AdConnector, cursor: str | None = None) -> list[ScanEvent]:
    """Return all events of the only stream."""
    (types,) = connector.streams()
    with connector.open() as session:
        return [event for batch in session.scan(types, cursor) for event in batch]


def cursor_of(events: Sequence[ScanEvent]) -> str:
    end = events[-1]
    assert isinstance(end, Complete)
    assert end.cursor is not None
    return end.cursor


def seen(events: Sequence[ScanEvent], kind: str = "user") -> dict[str, Attributes]:
    """Return what was seen of one type, by anchor."""
    return {e.anchor: e.attributes for e in events if isinstance(e, Seen) and e.type == kind}


def gone(events: Sequence[ScanEvent], kind: str = "user") -> dict[str, DeletionKind]:
    """Return how objects of one type went, by anchor."""
    return {e.anchor: e.kind for e in events if isinstance(e, Deleted) and e.type == kind}


@dataclass(frozen=True, slots=True)
class Corner:
    """An organizational unit of a test's own, with people, groups and leavers in it.

    ``people`` and ``groups`` are bases of the types ``user`` and ``group``.
    """

    server: Samba
    name: str

    @classmethod
    def new(cls, server: Samba) -> "Corner":
        corner = cls(server, f"t{uuid4().hex[:12]}")
        units = (corner.base, corner.people, corner.groups, corner.leavers)
        server.modify("".join(entry(dn, {"objectClass": "organizationalUnit"}) for dn in units))
        return corner

    @property
    def base(self) -> str:
        return f"OU={self.name},{DOMAIN}"

    @property
    def people(self) -> str:
        return f"OU=People,{self.base}"

    @property
    def groups(self) -> str:
        return f"OU=Groups,{self.base}"

    @property
    def leavers(self) -> str:
        return f"OU=Leavers,{self.base}"

    @property
    def types(self) -> dict[str, dict[str, object]]:
        return {
            "user": {"base": self.people, "attributes": USER},
            "group": {"base": self.groups, "attributes": ["cn", "managedBy"]},
        }

    def account(self, name: str) -> str:
        """Return a sAMAccountName that nobody else in the domain has."""
        return f"{name}.{self.name[:8]}"

    def add_people(self, *names: str, below: str = "", **attributes: str) -> None:
        ldif = ""
        for name in names:
            account = self.account(name)
            own = {"sAMAccountName": account, "userPrincipalName": f"{account}@hs.test"}
            ldif += person(name, below=below or self.people, **{**own, **attributes})
        self.server.modify(ldif)

    def add_group(self, name: str, members: Sequence[str] = (), **attributes: str) -> None:
        text = group(name, [self.person(each) for each in members], below=self.groups)
        own = {"sAMAccountName": self.account(name), **attributes}
        text = text.replace(f"sAMAccountName: {name}\n", "")
        lines = "".join(f"{key}: {value}\n" for key, value in own.items())
        self.server.modify(f"{text.rstrip()}\n{lines}\n")

    def person(self, name: str) -> str:
        return f"CN={name},{self.people}"

    def group(self, name: str) -> str:
        return f"CN={name},{self.groups}"

    def guid(self, name: str) -> str:
        return self.server.guid(self.person(name))

    def change(self, dn: str, text: str) -> None:
        """Modify one entry; ``text`` are the lines after ``changetype: modify``."""
        self.server.modify(f"dn: {dn}\nchangetype: modify\n{text.strip()}\n")

    def set(self, name: str, attribute: str, value: str) -> None:
        self.change(self.person(name), f"replace: {attribute}\n{attribute}: {value}")

    def move(self, dn: str, rdn: str, parent: str) -> None:
        self.server.modify(
            f"dn: {dn}\nchangetype: modrdn\nnewrdn: {rdn}\ndeleteoldrdn: 1\nnewsuperior: {parent}\n"
        )

    def delete(self, dn: str) -> None:
        self.server.modify(f"dn: {dn}\nchangetype: delete\n")

    def restore(self, anchor: str, dn: str) -> None:
        """Bring a deleted object back, as the administrative tools do."""
        self.server.local(
            f"dn: <GUID={anchor}>\nchangetype: modify\ndelete: isDeleted\n-\n"
            f"replace: distinguishedName\ndistinguishedName: {dn}\n",
            "show_deleted:1",
        )


def load(server: Samba, ldif: str) -> None:
    """Add many entries while the server does not run: in one transaction, seven times as fast."""
    database = server.folder / "private" / "sam.ldb"
    options = [f"--configfile={server.folder}/etc/smb.conf", "-H", str(database)]
    file = server.folder / "load.ldif"
    file.write_text(ldif.replace("changetype: add\n", ""))
    done = subprocess.run(  # noqa: S603 - our own command line
        ["/usr/bin/ldbadd", *options, str(file)],
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def company(people: int, groups: int, *, large: int) -> str:
    """Return the LDIF of numbered people and groups below ``BIG``; the first group is large.

    They have no passwords, which take longer than all the rest.
    """
    parts = [entry(BIG, {"objectClass": "organizationalUnit"})]
    for number in range(people):
        name = f"p{number:04}"
        attributes = {
            "objectClass": "user",
            "sAMAccountName": name,
            "title": "Clerk",
            "department": f"D{number % 20:02}",
            "employeeNumber": f"E{number:04}",
        }
        parts.append(entry(f"CN={name},{BIG}", attributes))
    for number in range(groups):
        members = range(large) if number == 0 else range(number, people, groups)
        text = group(f"g{number:03}", [f"CN=p{each:04},{BIG}" for each in members], below=BIG)
        parts.append(text)
    return "".join(parts)
