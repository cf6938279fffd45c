"""Scans of a real directory into the store."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hypersync.connectors.ldap.connector import LdapConnector
from hypersync.connectors.ldap.options import LdapOptions
from hypersync.connectors.settings import SiloSettings, object_types
from hypersync.model.joins import normal_reference
from hypersync.model.scans import ScanKind, ScanState
from hypersync.pipeline.scan import Source, scan
from hypersync.pipeline.source_guard import SourceGuard
from tests.databases import open_store
from tests.scanning import Desk, join_rule
from tests.slapd import GROUPS, PASSWORD, PEOPLE, SERVICE, Slapd, company, person, running

TYPES = {
    "user": {
        "base": PEOPLE,
        "filter": "(objectClass=inetOrgPerson)",
        "object_class": ["inetOrgPerson"],
        "attributes": ["uid", "employeeNumber", "title", "departmentNumber"],
    },
    "group": {
        "base": GROUPS,
        "filter": "(objectClass=groupOfNames)",
        "object_class": ["groupOfNames"],
        "attributes": ["cn"],
        "members": "member",
    },
}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Slapd]:
    with running(tmp_path / "slapd", company(200, 4)) as started:
        yield started


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    joins = [
        join_rule("ldap", "user", "employeeNumber", slot="account"),
        join_rule("ldap", "group", None, slot="team", index=1),
    ]
    desk = Desk(open_store(tmp_path), joins, now=datetime(2030, 1, 1, tzinfo=UTC))
    yield desk
    desk.store.engine.dispose()


def connect(url: str, **options: object) -> LdapConnector:
    bind = {"user": SERVICE, "password": PASSWORD}
    found = LdapOptions.model_validate({"url": url, "bind": bind, "types": TYPES, **options})
    kinds = object_types("ldap", found, {})
    settings = SiloSettings(
        silo="ldap", options=found, types=kinds, write=True, timeout=timedelta(seconds=20)
    )
    return LdapConnector(settings)


def run(desk: Desk, connector, *, full: bool = False):
    source = Source(silo="ldap", connector=connector, guard=SourceGuard())
    return scan(desk.scanning(), source, full=full)


def user(desk: Desk, server: Slapd, name: str):
    with desk.store.snapshot() as unit:
        return unit.objects.get("ldap", "user", server.uuid(dn(name)))


def dn(name: str) -> str:
    return f"cn={name},{PEOPLE}"


def test_a_directory_is_loaded_with_its_groups_and_joined(desk: Desk, server: Slapd):
    report = run(desk, connect(server.url))
    assert report.state is ScanState.APPLIED, report.reason
    assert {name: each.created for name, each in report.types.items()} == {"user": 200, "group": 4}
    stored = user(desk, server, "p000003")
    assert stored.key == "value:e000003"
    with desk.store.snapshot() as unit:
        teams = {
            each.attributes["cn"]: each for each in unit.objects.of_slot("ldap", "group", "team")
        }
        assert len(unit.objects.references(teams["D03"].id)) == 50
        assert unit.objects.refers(teams["D03"].id, normal_reference(dn("P000003")))


def test_a_delta_sees_what_changed_what_is_new_and_what_is_gone(desk: Desk, server: Slapd):
    connector = connect(server.url)
    run(desk, connector)
    gone = user(desk, server, "p000007").anchor
    server.modify(
        f"dn: {dn('p000003')}\nchangetype: modify\nreplace: title\ntitle: Boss\n\n"
        f"dn: {dn('p000007')}\nchangetype: delete\n"
    )
    server.modify(person("new", uid="new", employeeNumber="E9"))
    report = run(desk, connector)
    assert report.kind is ScanKind.DELTA
    found = report.types["user"]
    assert (found.created, found.updated, found.deleted) == (1, 1, 1)
    assert user(desk, server, "p000003").attributes["title"] == "Boss"
    assert user(desk, server, "new").key == "value:e9"
    with desk.store.snapshot() as unit:
        assert unit.objects.get("ldap", "user", gone).absence == "absent"


def test_a_full_scan_after_a_delta_finds_nothing_more(desk: Desk, server: Slapd):
    connector = connect(server.url)
    run(desk, connector)
    server.modify(f"dn: {dn('p000003')}\nchangetype: modify\nreplace: title\ntitle: Boss\n")
    run(desk, connector)
    desk.settle()
    report = run(desk, connector, full=True)
    assert report.state is ScanState.APPLIED
    assert desk.pending() == []


def test_a_stranger_with_the_anchor_of_another_changes_nothing_of_it(desk: Desk, server: Slapd):
    types = {"user": {**TYPES["user"], "anchor": "uid"}}
    connector = connect(server.url, types=types, overlap="0s")
    run(desk, connector)
    server.modify(person("eve", uid="p000003", employeeNumber="E9", title="Eve"))
    for is_full in (False, False, True):
        report = run(desk, connector, full=is_full)
        assert report.state is ScanState.APPLIED, report.reason
        assert report.kind is (ScanKind.FULL if is_full else ScanKind.DELTA)
        with desk.store.snapshot() as unit:
            stored = unit.objects.get("ldap", "user", "p000003")
        assert (stored.absence, stored.attributes["title"]) == ("invalid", "Clerk")
    server.modify(f"dn: {dn('eve')}\nchangetype: delete\n")
    assert run(desk, connector).kind is ScanKind.DELTA
    with desk.store.snapshot() as unit:
        stored = unit.objects.get("ldap", "user", "p000003")
    assert (stored.absence, stored.attributes["title"]) == (None, "Clerk")


def test_a_wrong_password_is_a_failed_scan_that_says_so(desk: Desk, server: Slapd):
    report = run(desk, connect(server.url, bind={"user": SERVICE, "password": "wrong"}))
    assert report.state is ScanState.FAILED
    assert report.reason


def test_a_server_that_dies_in_the_middle_leaves_everything_as_it_was(desk: Desk, server: Slapd):
    connector = connect(server.url, page_size=20)
    run(desk, connector)

    class Dying:
        streams = connector.streams

        @contextmanager
        def open(self):
            with connector.open() as session:
                self.scope, self.read, self._scan = session.scope, session.read, session.scan
                yield self

        def scan(self, types, cursor):
            for number, batch in enumerate(self._scan(types, cursor)):
                if number == 1:
                    server.kill()
                yield batch

    report = run(desk, Dying(), full=True)
    assert report.state is ScanState.FAILED
    with desk.store.snapshot() as unit:
        assert unit.objects.live("ldap", "user") == 200
        assert unit.objects.live("ldap", "group") == 4
    assert desk.count("scan_change") == 0
