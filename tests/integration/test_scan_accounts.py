"""Scans by another account than before: who sees more finds them, who sees less deletes nobody."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hypersync.connectors.ad.connector import AdConnector
from hypersync.model.scans import ScanKind, ScanReport, ScanState
from hypersync.pipeline.scan import Source, scan
from hypersync.pipeline.source_guard import SourceGuard
from tests.ad_silos import Corner, connect
from tests.databases import open_store
from tests.integration.test_ad_hidden import hide, unit
from tests.samba import PLAIN, SERVICE, Samba, entry
from tests.scanning import Desk, join_rule


@pytest.fixture
def corner(domain_controller: Samba) -> Corner:
    """Ann among the people, and bob in a unit that an ordinary account may not list."""
    corner = Corner.new(domain_controller)
    domain_controller.modify(entry(unit(corner), {"objectClass": "organizationalUnit"}))
    corner.add_people("ann")
    corner.add_people("bob", below=unit(corner))
    hide(corner)
    return corner


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    joins = [join_rule("ad", "user", "sAMAccountName", slot="account")]
    desk = Desk(open_store(tmp_path), joins, now=datetime(2030, 1, 1, tzinfo=UTC))
    yield desk
    desk.store.engine.dispose()


def run(desk: Desk, connector: AdConnector) -> ScanReport:
    source = Source(silo="ad", connector=connector, guard=SourceGuard())
    return scan(desk.scanning(), source, full=False)


def silo(corner: Corner, user: str, way: str = "usn") -> AdConnector:
    return connect(corner.server, {"user": {"base": corner.people}}, user=user, delta=way)


def there(desk: Desk, corner: Corner) -> dict[str, str | None]:
    """Return who is stored, and how they are missing."""
    people = {"ann": corner.person("ann"), "bob": f"CN=bob,{unit(corner)}"}
    with desk.store.snapshot() as found:
        stored = {
            name: found.objects.get("ad", "user", corner.server.guid(dn))
            for name, dn in people.items()
        }
    return {name: each.absence for name, each in stored.items() if each is not None}


def test_an_account_that_sees_more_finds_those_who_were_hidden_before(desk: Desk, corner: Corner):
    assert run(desk, silo(corner, PLAIN)).state is ScanState.APPLIED
    assert there(desk, corner) == {"ann": None}
    report = run(desk, silo(corner, SERVICE))
    assert (report.state, report.kind) == (ScanState.APPLIED, ScanKind.FULL)
    assert there(desk, corner) == {"ann": None, "bob": None}
    assert run(desk, silo(corner, SERVICE)).kind is ScanKind.DELTA


def test_of_those_whom_another_account_does_not_see_people_are_asked(desk: Desk, corner: Corner):
    assert run(desk, silo(corner, SERVICE)).state is ScanState.APPLIED
    report = run(desk, silo(corner, PLAIN))
    assert (report.state, report.kind) == (ScanState.SUSPENDED, ScanKind.FULL)
    assert "account or attributes changed, and 1 object is missing" in report.reason
    assert there(desk, corner) == {"ann": None, "bob": None}
