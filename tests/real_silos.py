"""Silos of every kind, each for real, and somebody who does odd things in them.

A test that asks for ``place`` runs in each of them: the type ``user`` has a number that joins, the
type ``group`` has members.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hypersync.connectors.ldap.connector import LdapConnector
from tests import ad_silos, graphing, slapd
from tests.place import GROUP, USER, Place, anew, settings_of
from tests.real_files import in_csv, in_ldif
from tests.sql import Sql

if TYPE_CHECKING:
    from tests.samba import Samba
    from tests.scim_service import ScimServer
    from tests.services.graph.service import GraphService


@contextmanager
def in_slapd(folder: Path) -> Iterator[Place]:
    types = {
        USER: {"base": slapd.PEOPLE, "filter": "(objectClass=person)"},
        GROUP: {"base": slapd.GROUPS, "filter": "(objectClass=groupOfNames)", "members": "member"},
    }
    with slapd.running(folder / "slapd", "") as server:
        bind = {"user": slapd.SERVICE, "password": slapd.PASSWORD}
        options = {"url": server.url, "bind": bind, "types": types}

        def add(name: str, number: str) -> str:
            server.modify(slapd.person(name, employeeNumber=number))
            return f"cn={name},{slapd.PEOPLE}"

        def remove(name: str) -> None:
            server.modify(f"dn: cn={name},{slapd.PEOPLE}\nchangetype: delete\n")

        def circle(member: str) -> str:
            loop = f"cn=loop,{slapd.GROUPS}"
            server.modify(slapd.group("loop", [loop, member]))
            return loop

        yield Place(
            kind="ldap",
            connector=LdapConnector(settings_of(LdapConnector, folder, options)),
            number="employeeNumber",
            add=add,
            remake=anew(remove, add),
            remove=remove,
            circle=circle,
        )


def in_domain(server: Samba) -> Place:
    corner = ad_silos.Corner.new(server)
    types: dict[str, Any] = {**corner.types}
    types[USER] = {**types[USER], "attributes": ["sAMAccountName", "employeeNumber"]}

    def add(name: str, number: str) -> str:
        corner.add_people(name, employeeNumber=number)
        return corner.person(name)

    def remove(name: str) -> None:
        corner.delete(corner.person(name))

    def circle(member: str) -> str:
        corner.add_group("loop")
        loop = corner.group("loop")
        for each in (loop, member):
            corner.change(loop, f"add: member\nmember: {each}")
        return loop

    return Place(
        kind="ad",
        connector=ad_silos.connect(server, types, write=True),
        number="employeeNumber",
        add=add,
        remake=anew(remove, add),
        remove=remove,
        circle=circle,
    )


def in_graph(graph: GraphService) -> Place:
    ids: dict[str, str] = {}
    types = {
        USER: {"resource": "users", "attributes": ["userPrincipalName", "employeeId"]},
        GROUP: {"resource": "groups", "attributes": ["displayName"]},
    }

    def add(name: str, number: str) -> str:
        ids[name] = graph.add_user(name, employeeId=number)
        return ids[name]

    def remove(name: str) -> None:
        graph.delete(ids.pop(name), for_good=True)

    def circle(member: str) -> str:
        loop = graph.add_group("loop", [member])
        graph.join(loop, loop)
        return loop

    return Place(
        kind="msgraph",
        connector=graphing.connect(graph, types=types),
        number="employeeId",
        add=add,
        remake=anew(remove, add),
        remove=remove,
        circle=circle,
    )


def in_scim(server: ScimServer) -> Place:
    from tests.scimming import connect

    ids: dict[str, str] = {}

    def add(name: str, number: str) -> str:
        ids[name] = server.add_user(name, externalId=number)
        return ids[name]

    def remove(name: str) -> None:
        server.call("DELETE", f"/Users/{ids.pop(name)}")

    def circle(member: str) -> str:
        loop = server.add_group("loop", [member])
        there = {"op": "add", "path": "members", "value": [{"value": loop}]}
        server.patch(f"/Groups/{loop}", there)
        return loop

    return Place(
        kind="scim",
        connector=connect(server.url),
        number="externalId",
        add=add,
        remake=anew(remove, add),
        remove=remove,
        circle=circle,
    )


def in_database(database: Sql) -> Place:
    database.run(
        "CREATE TABLE people (uid VARCHAR(100) PRIMARY KEY, number VARCHAR(20))",
        "CREATE TABLE teams (cn VARCHAR(100) PRIMARY KEY)",
        "CREATE TABLE team_members (team VARCHAR(100), person VARCHAR(100))",
    )
    members = {"table": "team_members", "of": "team", "value": "person"}
    types = {
        USER: {"table": "people", "anchor": "uid"},
        GROUP: {
            "table": "teams",
            "anchor": "cn",
            "members": "member",
            "lists": {"member": members},
        },
    }

    def add(name: str, number: str) -> str:
        database.run("INSERT INTO people VALUES (:name, :number)", name=name, number=number)
        return name

    def remove(name: str) -> None:
        database.run("DELETE FROM people WHERE uid = :name", name=name)

    def remake(name: str, number: str) -> None:
        statement = "UPDATE people SET uid = :again WHERE uid = :name AND number = :number"
        database.run(statement, again=f"{name}-again", name=name, number=number)

    def circle(member: str) -> str:
        database.run("INSERT INTO teams VALUES ('loop')")
        for each in ("loop", member):
            database.run("INSERT INTO team_members VALUES ('loop', :each)", each=each)
        return "loop"

    return Place(
        kind="sql",
        connector=database.connect(types),
        number="number",
        add=add,
        remake=remake,
        remove=remove,
        circle=circle,
    )


KINDS = ("csv", "ldif", "ldap", "ad", "msgraph", "scim", "sql")


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A silo of each kind with nobody in it."""
    match request.param:
        case "csv":
            yield in_csv(tmp_path)
        case "ldif":
            yield in_ldif(tmp_path)
        case "ldap":
            with in_slapd(tmp_path) as found:
                yield found
        case "ad":
            yield in_domain(request.getfixturevalue("domain_controller"))
        case "msgraph":
            yield in_graph(request.getfixturevalue("graph"))
        case "scim":
            yield in_scim(request.getfixturevalue("scim"))
        case _:
            (tmp_path / "crm.db").touch()
            yield in_database(Sql("sqlite", f"sqlite:///{tmp_path}/crm.db"))
