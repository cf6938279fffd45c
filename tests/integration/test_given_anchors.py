"""Where the silo gives new objects their anchor no rule has to set it, although it is named.

`hypersync silo discover` names it, so rules that create have to work with what that writes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hypersync.check import check
from hypersync.model.actions import ActionState
from hypersync.model.mistake import Level
from hypersync.ports.connector import plain
from tests.ad_silos import Corner
from tests.integration.test_circuit_servers import LDAP, PEOPLE_THERE, Project
from tests.samba import PASSWORD as DOMAIN_PASSWORD
from tests.samba import SERVICE as DOMAIN_SERVICE
from tests.samba import Samba
from tests.scim_service import TOKEN, ScimServer
from tests.services.graph.service import GraphService
from tests.slapd import PASSWORD, PEOPLE, running
from tests.sql import Sql

RULE = """\
ruleset: joiners
rules:
  - {{id: join, kind: provision, target: account, throttle: 1s, threshold: {{limit: 50}}{more},
     set: {{{wanted}}}}}
"""


@dataclass(frozen=True)
class Target:
    """A silo without people: its configuration, its join attribute, and what is set of new ones."""

    text: str
    number: str
    wanted: str
    more: str = ""


class Joiners(Project):
    """A project in which everybody of HR joins a target."""

    def __init__(self, folder: Path, target: Target) -> None:
        self.rules = RULE.format(wanted=target.wanted, more=target.more)
        super().__init__(folder, target.text, target.number)

    def start(self) -> None:
        self._write("rules/rules.yaml", self.rules)
        super().start()

    @property
    def file(self) -> Path:
        return self.folder / "config" / "hypersync.yaml"

    def name_anchor(self) -> str:
        """Let the type name the anchor that discovering writes; return it."""
        with self.app.connectors["target"].open() as session:
            found = {each.name: each for each in plain(session).discover()}
        anchor = found["user"].options.get("anchor") or found["user"].anchors[0]
        text = self.file.read_text(encoding="utf-8")
        if "anchor" not in text.partition("target:")[2]:
            text = text.replace("user: {", f"user: {{anchor: {anchor}, ")
            self.file.write_text(text, encoding="utf-8")
        self.start()
        return anchor

    def mistakes(self) -> list[str]:
        _, found = check(self.file, None, offline=True, process_environment={})
        return [str(each) for each in found if each.level is Level.ERROR]

    def states(self) -> Counter[ActionState]:
        run = self.sync()
        with self.app.store.snapshot() as unit:
            return Counter(each.state for each in unit.actions.of_run(run.id))


@pytest.fixture
def ldap(tmp_path: Path) -> Iterator[Target]:
    with running(tmp_path / "slapd", "") as server:
        text = LDAP.format(url=server.url, password=PASSWORD)
        dn = f"\"'cn=' + hr.id + ',{PEOPLE}'\""
        yield Target(
            text.replace("user: {", "user: {object_class: [inetOrgPerson], "),
            "employeeNumber",
            f"dn: {dn}, cn: hr.id, sn: hr.id, employeeNumber: hr.id",
        )


@pytest.fixture
def ad(domain_controller: Samba) -> Target:
    base = Corner.new(domain_controller).people
    return Target(
        f"connector: ad\nurl: {domain_controller.url}\n"
        f'bind: {{user: "{DOMAIN_SERVICE}", password: "{DOMAIN_PASSWORD}"}}\n'
        f'types: {{user: {{object_class: [user], base: "{base}"}}}}\n',
        "employeeNumber",
        f"dn: \"'CN=' + hr.id + ',{base}'\", sAMAccountName: hr.id, employeeNumber: hr.id",
    )


@pytest.fixture
def scim_service(scim: ScimServer) -> Target:
    return Target(
        f"connector: scim\nurl: {scim.url}\nauth: {{bearer: {TOKEN}}}\n"
        "types: {user: {attributes: [title]}}\n",
        "userName",
        "userName: hr.id, title: hr.title",
    )


@pytest.fixture
def msgraph(graph: GraphService) -> Target:
    graph.tenant.sign_in.required = False
    return Target(
        f"connector: msgraph\nurl: http://127.0.0.1:{graph.port}\n"
        "types: {user: {resource: users}}\n",
        "employeeId",
        "userPrincipalName: \"hr.id + '@contoso.com'\", mailNickname: hr.id, "
        'displayName: hr.id, employeeId: hr.id, accountEnabled: "True"',
        ', once: {password: "initial_password()"}',
    )


def in_database(made: Sql, column: str) -> Target:
    made.run(f"CREATE TABLE users (id {column}, number VARCHAR(20) UNIQUE, title TEXT)")
    return Target(
        f'connector: sql\nurl: "{made.url.replace("+psycopg", "")}"\n'
        "types: {user: {table: users, anchor: id, key: number}}\n",
        "number",
        "number: hr.id, title: hr.title",
    )


@pytest.fixture
def postgresql(postgresql_server) -> Target:
    return in_database(Sql("postgresql", postgresql_server.create()), "SERIAL PRIMARY KEY")


@pytest.fixture
def mariadb(mariadb_server) -> Target:
    made = Sql("mariadb", mariadb_server.create())
    return in_database(made, "INTEGER PRIMARY KEY AUTO_INCREMENT")


@pytest.fixture
def sqlite(tmp_path: Path) -> Target:
    return in_database(Sql("sqlite", f"sqlite:///{tmp_path}/users.db"), "INTEGER PRIMARY KEY")


@pytest.mark.parametrize(
    ("kind", "anchor"),
    [
        ("ldap", "entryUUID"),
        ("ad", "objectGUID"),
        ("scim_service", "id"),
        ("msgraph", "id"),
        ("postgresql", "id"),
        ("mariadb", "id"),
        ("sqlite", "id"),
    ],
)
def test_people_are_created_where_the_anchor_that_discovering_writes_is_named(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str, anchor: str
):
    project = Joiners(tmp_path / "project", request.getfixturevalue(kind))
    assert project.name_anchor() == anchor
    assert project.mistakes() == []
    assert project.states() == {ActionState.SUCCEEDED: len(PEOPLE_THERE)}
    project.app.scan(["target"])
    assert project.states() == {}
    project.close()


def test_a_rule_that_creates_without_the_anchor_that_it_has_to_set_is_a_mistake(tmp_path: Path):
    made = Sql("sqlite", f"sqlite:///{tmp_path}/users.db")
    target = in_database(made, "TEXT PRIMARY KEY")
    without_key = Target(target.text.replace(", key: number", ""), target.number, target.wanted)
    project = Joiners(tmp_path / "project", without_key)
    (mistake,) = project.mistakes()
    assert mistake.endswith(
        "rules.yaml:3: the rule 'join' creates target/user without 'id', the anchor; let it set "
        "'id'"
    )
    project.rules = project.rules.replace("set: {", "set: {id: hr.id, ")
    project.start()
    assert project.mistakes() == []
    assert project.states() == {ActionState.SUCCEEDED: len(PEOPLE_THERE)}
    project.close()
