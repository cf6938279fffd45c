"""Scans of Active Directory into the store."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hypersync.connectors.ad.connector import AdConnector
from hypersync.model.joins import normal_reference
from hypersync.model.scans import ScanKind, ScanReport, ScanState
from hypersync.pipeline.scan import Source, scan
from hypersync.pipeline.source_guard import SourceGuard
from tests.ad_silos import Corner, connect
from tests.databases import open_store
from tests.samba import Samba, started
from tests.scanning import Desk, join_rule


@pytest.fixture
def server(tmp_path: Path, provisioned: Path) -> Iterator[Samba]:
    with started(tmp_path / "dc1", provisioned) as first:
        yield first


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    joins = [
        join_rule("ad", "user", "sAMAccountName", slot="account"),
        join_rule("ad", "group", None, slot="team", index=1),
    ]
    desk = Desk(open_store(tmp_path), joins, now=datetime(2030, 1, 1, tzinfo=UTC))
    yield desk
    desk.store.engine.dispose()


def run(desk: Desk, connector: AdConnector) -> ScanReport:
    source = Source(silo="ad", connector=connector, guard=SourceGuard())
    return scan(desk.scanning(), source, full=False)


def test_a_domain_lives_in_the_store_and_a_controller_that_was_set_back_is_read_in_full(
    desk: Desk, server: Samba
):
    corner = Corner.new(server)
    corner.add_people("ann", "bob", "eve", title="Clerk")
    corner.add_group("staff", ["ann", "bob"])
    silo = connect(server, corner.types)
    report = run(desk, silo)
    assert (report.state, report.kind) == (ScanState.APPLIED, ScanKind.FULL)
    anchors = {name: corner.guid(name) for name in ("ann", "bob", "eve")}
    staff = server.guid(corner.group("staff"))

    def stored(anchor: str):
        with desk.store.snapshot() as unit:
            return unit.objects.get("ad", "user", anchor)

    def members() -> set[str]:
        with desk.store.snapshot() as unit:
            return set(unit.objects.references(unit.objects.get("ad", "group", staff).id))

    corner.move(corner.person("ann"), "CN=Ann Lee", corner.people)
    corner.move(corner.person("eve"), "CN=eve", corner.leavers)
    corner.delete(corner.person("bob"))
    report = run(desk, silo)
    assert (report.state, report.kind) == (ScanState.APPLIED, ScanKind.DELTA)
    assert stored(anchors["ann"]).attributes["dn"] == corner.person("Ann Lee")
    assert stored(anchors["eve"]).absence == "out_of_scope"
    assert stored(anchors["bob"]).absence == "soft"
    assert members() == {normal_reference(corner.person("Ann Lee"))}

    server.stop()
    server.new_invocation()
    server.start()
    corner.set("Ann Lee", "title", "Boss")
    report = run(desk, silo)
    assert (report.state, report.kind) == (ScanState.APPLIED, ScanKind.FULL)
    assert stored(anchors["ann"]).attributes["title"] == "Boss"
