"""Scans of the local Graph into the store."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hypersync.model.scans import ScanKind, ScanReport, ScanState
from hypersync.pipeline.scan import Source, scan
from hypersync.pipeline.source_guard import SourceGuard
from tests.databases import open_store
from tests.graphing import connect
from tests.scanning import Desk, join_rule

if TYPE_CHECKING:
    from hypersync.connectors.msgraph.connector import MsgraphConnector
    from tests.services.graph.service import GraphService


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    joins = [
        join_rule("entra", "user", "userPrincipalName", slot="account"),
        join_rule("entra", "group", None, slot="team", index=1),
    ]
    desk = Desk(open_store(tmp_path), joins, now=datetime(2030, 1, 1, tzinfo=UTC))
    yield desk
    desk.store.engine.dispose()


@pytest.fixture
def people(graph: GraphService) -> list[str]:
    return [graph.add_user(f"p{n}", jobTitle="Clerk", department="Sales") for n in range(40)]


def run(desk: Desk, connector: MsgraphConnector, *, full: bool = False) -> ScanReport:
    source = Source(silo="entra", connector=connector, guard=SourceGuard())
    return scan(desk.scanning(), source, full=full)


def stored(desk: Desk, anchor: str, kind: str = "user"):
    with desk.store.snapshot() as unit:
        found = unit.objects.get("entra", kind, anchor)
        return found, None if found is None else unit.objects.whole(found).attributes


def test_a_delta_lands_in_the_store(desk: Desk, graph: GraphService, people: list[str]):
    staff = graph.add_group("staff", people[:3])
    connector = connect(graph)
    assert run(desk, connector).state is ScanState.APPLIED
    graph.set(people[0], jobTitle=None, department="IT")
    graph.join(staff, people[3])
    graph.leave(staff, people[0])
    graph.delete(people[9])
    new = graph.add_user("new", jobTitle="Trainee")
    report = run(desk, connector)
    assert (report.kind, report.state) == (ScanKind.DELTA, ScanState.APPLIED)
    counts = report.types["user"]
    assert (counts.created, counts.updated, counts.deleted) == (1, 1, 1)
    _, changed = stored(desk, people[0])
    assert changed["department"] == "IT"
    assert "jobTitle" not in changed
    gone, _ = stored(desk, people[9])
    assert gone.absence == "soft"
    _, created = stored(desk, new)
    assert created["jobTitle"] == "Trainee"
    _, group = stored(desk, staff, "group")
    assert group["members"] == tuple(sorted(people[1:4]))


def test_a_full_scan_after_a_delta_finds_nothing_more(
    desk: Desk, graph: GraphService, people: list[str]
):
    graph.add_group("staff", people)
    connector = connect(graph, page_size=7)
    run(desk, connector)
    graph.set(people[3], jobTitle="Boss")
    run(desk, connector)
    desk.settle()
    report = run(desk, connector, full=True)
    assert report.state is ScanState.APPLIED
    assert [each.updated for each in report.types.values()] == [0, 0]
    assert desk.pending() == []


def test_what_was_restored_is_there_again(desk: Desk, graph: GraphService, people: list[str]):
    connector = connect(graph)
    run(desk, connector)
    graph.delete(people[0])
    run(desk, connector)
    graph.restore(people[0])
    assert run(desk, connector).state is ScanState.APPLIED
    found, attributes = stored(desk, people[0])
    assert found.absence is None
    assert attributes["jobTitle"] == "Clerk"


@pytest.mark.parametrize("code", ["syncStateNotFound", "resyncRequired"])
def test_after_a_lost_token_a_full_scan_is_judged_by_the_source_guard(
    desk: Desk, graph: GraphService, people: list[str], code: str
):
    connector = connect(graph)
    run(desk, connector)
    for each in people[:30]:
        graph.delete(each)
    graph.expire_delta_tokens(code)
    report = run(desk, connector)
    assert (report.kind, report.state) == (ScanKind.FULL, ScanState.SUSPENDED)
    found, _ = stored(desk, people[0])
    assert found.absence is None
    assert len(desk.asked) == 1


def test_other_attributes_mean_a_full_scan(desk: Desk, graph: GraphService, people: list[str]):
    run(desk, connect(graph))
    types = {
        "user": {"resource": "users", "attributes": ["userPrincipalName", "mailNickname"]},
        "group": {"resource": "groups", "attributes": ["displayName"]},
    }
    report = run(desk, connect(graph, types=types))
    assert report.kind is ScanKind.FULL
    assert report.types["user"].seen == len(people)


def test_a_scan_that_breaks_changes_nothing(desk: Desk, graph: GraphService, people: list[str]):
    connector = connect(graph, page_size=10)
    run(desk, connector)
    graph.set(people[0], jobTitle="Boss")
    graph.fault("malformed", after=2, path="/users/delta")
    report = run(desk, connector, full=True)
    assert report.state is ScanState.FAILED
    assert "a page is not Graph's" in (report.reason or "")
    _, attributes = stored(desk, people[0])
    assert attributes["jobTitle"] == "Clerk"
    assert run(desk, connector).kind is ScanKind.DELTA  # the cursor of before still holds
    _, attributes = stored(desk, people[0])
    assert attributes["jobTitle"] == "Boss"


def test_a_group_told_in_parts_loses_nobody_to_a_part_that_is_not_understood(
    desk: Desk, graph: GraphService, people: list[str]
):
    """It was read whole first, as a few are, which its spoilt part overrules all the same."""
    staff = graph.add_group("staff", people[:3])
    graph.tenant.delta.members_of_a_page = 1
    connector = connect(graph, page_size=1)
    run(desk, connector)
    graph.set(staff, displayName="Staff")
    for switch in ({}, {"after": 1}):
        graph.fault(
            "reworded",
            times=None,
            path="/groups/delta",
            old=f'"id":"{people[1]}"',
            new='"nr":1',
            **switch,
        )
        report = run(desk, connector, full=True)
        assert report.types["group"].invalid == 1
        found, attributes = stored(desk, staff, "group")
        assert found.absence == "invalid"
        assert attributes["members"] == tuple(sorted(people[:3]))


def test_a_group_that_hides_its_members_and_leaves_the_filter_is_out_of_scope(
    desk: Desk, graph: GraphService, people: list[str]
):
    staff = graph.add_group("staff", people[:2])
    graph.add_group("sales", people[:2])
    types = {
        "group": {
            "resource": "groups",
            "attributes": ["displayName"],
            "filter": "startswith(displayName, 's')",
        }
    }
    connector = connect(graph, types=types)
    run(desk, connector)
    graph.set(staff, visibility="HiddenMembership", displayName="other")
    for _ in range(2):
        assert run(desk, connector, full=True).state is ScanState.APPLIED
        found, _ = stored(desk, staff, "group")
        assert found.absence == "out_of_scope"


def test_a_hidden_group_of_which_a_delta_tells_members_fails_no_scan(
    desk: Desk, graph: GraphService, people: list[str]
):
    secret = graph.add_group("secret", people[:2], visibility="HiddenMembership")
    connector = connect(graph)
    run(desk, connector)
    graph.add_group("staff")
    told = f'{{"id":"{secret}","members@delta":[{{"id":"{people[3]}"}}]}}'
    graph.fault("reworded", path="/groups/delta", old='"value":[', new=f'"value":[{told},')
    report = run(desk, connector)
    assert (report.kind, report.state) == (ScanKind.DELTA, ScanState.APPLIED)
    found, _ = stored(desk, secret, "group")
    assert found is None or found.absence == "invalid"
