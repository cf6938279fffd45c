import os
import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from hypersync.connectors.contract import SiloSettings, object_types
from hypersync.connectors.ldap import LdapConnector, LdapOptions
from hypersync.errors import CursorLost, ScanFailed, SiloRefused, SiloUnreachable
from hypersync.model.mistake import Level
from hypersync.model.objects import (
    Anchors,
    Complete,
    Conflict,
    Operation,
    Outcome,
    Refused,
    RetryAfter,
    ScanEvent,
    Seen,
    Succeeded,
    Unknown,
)
from tests.connector_contract import Bench, ConnectorContract, seen, succeeded
from tests.slapd import (
    GROUPS,
    LEAVERS,
    PASSWORD,
    PEOPLE,
    SERVICE,
    SUFFIX,
    Slapd,
    group,
    person,
    running,
)

STAFF = "".join(
    person(name, title="Clerk", departmentNumber="Sales", employeeType="active")
    for name in ("ann", "bob", "zoë")
) + group("staff", [f"cn=ann,{PEOPLE}"])
ENABLED = {"attribute": "employeeType", "when_on": "active", "when_off": "disabled"}
TYPES = {
    "user": {
        "base": PEOPLE,
        "filter": "(objectClass=inetOrgPerson)",
        "object_class": ["inetOrgPerson"],
        "enabled": ENABLED,
    },
    "group": {
        "base": GROUPS,
        "filter": "(objectClass=groupOfNames)",
        "object_class": ["groupOfNames"],
        "members": "member",
    },
}
BIND = {"user": SERVICE, "password": PASSWORD}


def connect(
    url: str, *, write: bool = True, timeout: int = 20, types: object = None, **options: object
) -> LdapConnector:
    found = LdapOptions.model_validate(
        {"url": url, "bind": BIND, "types": types or TYPES, **options}
    )
    settings = SiloSettings(
        silo="ldap1",
        options=found,
        types=object_types("ldap1", found, {}),
        write=write,
        timeout=timedelta(seconds=timeout),
    )
    return LdapConnector(settings)


class LdapHands:
    """Somebody with ldapmodify."""

    def __init__(self, server: Slapd) -> None:
        self.server = server
        self.known: dict[str, str] = {}

    def dn(self, name: str) -> str:
        return f"cn={name},{GROUPS if name == 'staff' else PEOPLE}"

    def anchor(self, name: str) -> str:
        if name not in self.known:
            self.known[name] = self.server.uuid(self.dn(name))
        return self.known[name]

    def set(self, name: str, attribute: str, value: str) -> None:
        self.server.modify(
            f"dn: {self.dn(name)}\nchangetype: modify\nreplace: {attribute}\n{attribute}: {value}\n"
        )

    def delete(self, name: str) -> None:
        self.anchor(name)
        self.server.modify(f"dn: {self.dn(name)}\nchangetype: delete\n")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Slapd]:
    with running(tmp_path / "slapd", STAFF) as started:
        yield started


def bench_of(server: Slapd, connector: LdapConnector | None = None, **more: object) -> Bench:
    connector = connector or connect(server.url)
    (user,), (group_type,) = connector.streams()
    return Bench(
        connector=connector,
        read_only_connector=connect(server.url, write=False),
        hands=LdapHands(server),
        user=user,
        group=group_type,
        new_user={
            "dn": f"cn=new,{PEOPLE}",
            "sn": "new",
            "title": "Trainee",
            "employeeType": "active",
        },
        moved=f"cn=ann,{LEAVERS}",
        has_deltas=True,
        read_only_attribute="createTimestamp",
        references={name: f"cn={name},{PEOPLE}" for name in ("ann", "bob", "zoë")},
        **more,
    )


@pytest.fixture
def bench(server: Slapd) -> Bench:
    return bench_of(server)


class TestLdap(ConnectorContract):
    @pytest.fixture
    def bench(self, server: Slapd) -> Bench:
        return bench_of(server)
