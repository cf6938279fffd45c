"""For each option of each connector another value, and whether that makes another scope.

Whoever adds an option to a connector says it here; `test_connector_scopes` sees to it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from hypersync.connectors.ad.connector import AdSession
from hypersync.connectors.csv_file.connector import CsvSession
from hypersync.connectors.internal import InternalSession
from hypersync.connectors.ldap.connector import LdapSession
from hypersync.connectors.ldif.connector import LdifSession
from hypersync.connectors.memory import MemorySession
from hypersync.connectors.msgraph.connector import MsgraphSession
from hypersync.connectors.scim.connector import ScimSession
from hypersync.connectors.scim.service import Service
from hypersync.connectors.settings import SiloSettings
from hypersync.connectors.sql_database.connector import SqlSession
from hypersync.connectors.sql_database.database import Database

PEOPLE, GROUPS = "ou=people,dc=example,dc=org", "ou=groups,dc=example,dc=org"
NOWHERE = SimpleNamespace(url="ldap://127.0.0.1:1")
"""Where no session of these tests ever sends anything: a scope is told without the silo."""


class Several(dict):
    """Other values at several places; ``None`` leaves one out."""


class Between(tuple):
    """Two values of what stands around an option, where the base cannot have it."""

    def __new__(cls, one: Any, another: Any) -> "Between":
        return super().__new__(cls, (one, another))


@dataclass(frozen=True)
class Case:
    """One connector: a configuration, and for each option another value that it may have.

    ``measured`` changes the scope, ``free`` does not. ``engine`` changes what the engine writes
    after it, which makes the next scan a full one and asks nobody. ``refused`` may not be said.
    """

    base: dict[str, Any]
    session: Callable[[Any, SiloSettings], Any]
    measured: dict[str, Any]
    free: dict[str, Any] = field(default_factory=dict)
    engine: dict[str, Any] = field(default_factory=dict)
    refused: dict[str, Any] = field(default_factory=dict)


ENABLED = {"attribute": "status", "when_on": "a", "when_off": "b"}
SWITCHED = {"types.user.enabled.when_on": "c", "types.user.enabled.when_off": "c"}
DIRECTORY = {
    "url": ["ldaps://dc1.example.org", "ldaps://dc2.example.org"],
    "bind": {"user": "svc", "password": "x"},
}
SERVERS = {
    "url": ["ldaps://dc2.example.org"],
    "bind.password": "y",
    "tls.start": Several({"url": "ldap://dc1.example.org", "tls.start": True}),
    "tls.ca_file": "ca.pem",
    "tls.verify": False,
    "tls.name": "dc1",
    "wire": "c",
    "page_size": 7,
}
READERS = {"bind.user": "other", "bind.kerberos": Several({"bind": {"kerberos": True}})}

CASES = {
    "ad": Case(
        base=DIRECTORY
        | {
            "types": {
                "user": {"base": PEOPLE, "enabled": ENABLED},
                "group": {
                    "base": GROUPS,
                    "filter": "(cn=a*)",
                    "object_class": ["group"],
                    "members": "member",
                },
            }
        },
        session=lambda _, settings: AdSession(settings, settings.options, NOWHERE, None, None),
        measured=READERS
        | {
            "types.user.base": f"ou=clerks,{PEOPLE}",
            "types.user.filter": "(cn=a*)",
            "types.user.scope": "one",
            "types.user.object_class": ["inetOrgPerson"],
            "types.group.object_class": ["container"],
            "types.user.attributes": ["title"],
            "types.user.enabled.attribute": "info",
            "types.user.single": ["seeAlso"],
            "types.user.multi": ["title"],
            "types.group.members": "owner",
            "types.group.primary_members": True,
        },
        free=SERVERS | SWITCHED | {"delta": "usn"},
        refused={"types.user.anchor": "dn"},
    ),
    "csv": Case(
        base={"types": {"user": {"path": "a.csv", "anchor": "id", "enabled": ENABLED}}},
        session=lambda _, settings: CsvSession(settings),
        measured={
            "types.user.path": "b.csv",
            "types.user.anchor": "name",
            "types.user.delimiter": ";",
            "types.user.quote": "'",
            "types.user.encoding": "latin-1",
            "types.user.multi": {"groups": ";"},
            "types.user.attributes": ["title"],
        },
        free=SWITCHED
        | {"folder": "data", "types.user.columns": ["x"], "types.user.enabled.attribute": "info"},
        engine={"types.user.members": "people"},
    ),
    "internal": Case(
        base={"types": {"user": {"anchor": "id", "enabled": ENABLED}}},
        session=lambda _, settings: InternalSession(settings, None),
        measured={"path": "other.db", "types.user.attributes": ["title"]},
        free=SWITCHED | {"types.user.anchor": "name", "types.user.enabled.attribute": "info"},
        engine={"types.user.members": "people"},
    ),
    "ldap": Case(
        base=DIRECTORY | {"types": {"user": {"base": PEOPLE, "enabled": ENABLED}}},
        session=lambda _, settings: LdapSession(settings, settings.options, NOWHERE),
        measured=READERS
        | {
            "types.user.base": f"ou=clerks,{PEOPLE}",
            "types.user.filter": "(cn=a*)",
            "types.user.scope": "one",
            "types.user.anchor": "uid",
            "types.user.attributes": ["title"],
            "types.user.enabled.attribute": "info",
            "types.user.single": ["seeAlso"],
            "types.user.multi": ["title"],
            "types.user.members": "owner",
            "types.user.placeholder": f"cn=nobody,{PEOPLE}",
        },
        free=SERVERS
        | SWITCHED
        | {"references": "ignore", "overlap": "1h", "types.user.object_class": ["person"]},
    ),
    "ldif": Case(
        base={"types": {"user": {"path": "a.ldif", "enabled": ENABLED}}},
        session=lambda _, settings: LdifSession(settings),
        measured={
            "types.user.path": "b.ldif",
            "types.user.anchor": "dn",
            "types.user.base": PEOPLE,
            "types.user.object_class": ["person"],
            "types.user.single": ["seeAlso"],
            "types.user.multi": ["title"],
            "types.user.attributes": ["title"],
        },
        free=SWITCHED | {"types.user.enabled.attribute": "info"},
        engine={"types.user.members": "people"},
    ),
    "memory": Case(
        base={"types": {"user": {"anchor": "id", "enabled": ENABLED}}},
        session=lambda _, settings: MemorySession(None, settings, 1),
        measured={"types.user.attributes": ["title"]},
        free=SWITCHED
        | {
            "types.user.anchor": "name",
            "types.user.read_only": ["x"],
            "types.user.enabled.attribute": "info",
        },
        engine={"types.user.members": "people"},
    ),
    "msgraph": Case(
        base={
            "sign_in": {"tenant": "t", "client": "c", "secret": "x"},
            "types": {
                "user": {"resource": "users", "enabled": ENABLED},
                "group": {"resource": "groups"},
            },
        },
        session=lambda connector, _: MsgraphSession(connector, None),
        measured={
            "cloud": "china",
            "url": "https://graph.example.org",
            "sign_in.tenant": "other",
            "sign_in.client": "other",
            "sign_in.managed_identity": Several({"sign_in": {"managed_identity": "system"}}),
            "sign_in.authority": "https://login.example.org",
            "types.user.resource": "groups",
            "types.user.filter": "startswith(displayName,'a')",
            "types.user.attributes": ["displayName"],
        },
        free=SWITCHED
        | {
            "sign_in.secret": "y",
            "sign_in.certificate": Several({"sign_in.secret": None, "sign_in.certificate": "a"}),
            "sign_in.certificate_password": "y",
            "ca_file": "ca.pem",
            "page_size": 7,
            "patience": "1m",
            "at_once": 2,
            "change_password": False,
            "types.user.key": "mail",
            "types.user.enabled.attribute": "info",
        },
        refused={"types.user.anchor": "mail", "types.group.members": "owners"},
    ),
    "scim": Case(
        base={
            "url": "https://scim.example.org/v2",
            "auth": {"user": "svc", "password": "x"},
            "types": {
                "user": {"resource": "User", "enabled": ENABLED},
                "team": {"resource": "Team", "endpoint": "/Groups"},
            },
        },
        session=lambda _, settings: ScimSession(
            settings, settings.types, Service(None, settings.options)
        ),
        measured={
            "url": "https://scim.example.org/v3",
            "auth.user": "other",
            "auth.bearer": Several({"auth": {"bearer": "x"}}),
            "auth.header": Several({"auth": {"header": "X-Key", "value": "x"}}),
            "types.user.resource": "Group",
            "types.team.resource": "Group",
            "types.user.endpoint": "/People",
            "types.user.filter": 'userName sw "a"',
            "types.user.map": {"title": "displayName"},
            "types.user.attributes": ["title"],
        },
        free=SWITCHED
        | {
            "auth.password": "y",
            "auth.bearer": Between({"bearer": "x"}, {"bearer": "y"}),
            "auth.value": Between(
                {"header": "X-Key", "value": "x"}, {"header": "X-Key", "value": "y"}
            ),
            "insecure": True,
            "tls.ca_file": "ca.pem",
            "tls.verify": False,
            "page_size": 7,
            "pagination": "index",
            "select": True,
            "deltas": False,
            "overlap": "1h",
            "patch": "put",
            "etag": "never",
            "types.user.match": ["userName"],
            "types.user.enabled.attribute": "info",
        },
        engine={"types.user.members": "people"},
        refused={"types.user.anchor": "userName"},
    ),
    "sql": Case(
        base={
            "url": "postgresql://svc:x@db.example.org/crm",
            "types": {
                "user": {"table": "users", "anchor": "id", "enabled": ENABLED},
                "team": {
                    "table": "teams",
                    "anchor": "id",
                    "lists": {"owners": {"table": "owner", "of": "team", "value": "who"}},
                },
            },
        },
        session=lambda _, settings: SqlSession(
            settings, Database(settings.options.url, settings.root, 60), None
        ),
        measured={
            "url": "postgresql://svc:x@db.example.org/crm2",
            "types.user.table": "people",
            "types.user.query": "SELECT * FROM users",
            "types.user.where": "active",
            "types.user.anchor": "number",
            "types.user.delta": "updated_at",
            "types.user.attributes": ["title"],
            "types.user.enabled.attribute": "info",
            "types.team.lists": {"helpers": {"table": "owner", "of": "team", "value": "who"}},
            "types.team.lists.owners.table": "helper",
            "types.team.lists.owners.of": "group",
            "types.team.lists.owners.value": "name",
        },
        free=SWITCHED | {"types.user.overlap": "1h", "types.user.key": "mail"},
        engine={"types.user.members": "people"},
    ),
}
