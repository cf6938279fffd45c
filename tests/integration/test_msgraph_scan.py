"""Scans of the local Graph: rounds, what they tell, and everything that can go wrong with them."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from hypersync.check.probe import State, probe
from hypersync.connectors.contract import seen, succeeded
from hypersync.connectors.msgraph import parts
from hypersync.connectors.msgraph.options import LOOPBACK
from hypersync.errors import CursorLost, ScanFailed
from hypersync.model.objects import (
    Changed,
    Complete,
    Deleted,
    DeletionKind,
    Invalid,
    Operation,
    Seen,
)
from hypersync.ports.progress import NoProgress
from tests.graphing import apply, change, connect, cursor_of, kinds, scan

if TYPE_CHECKING:
    from pathlib import Path

    from hypersync.connectors.msgraph.connector import MsgraphConnector
    from tests.services.graph.service import GraphService

WITH_MANAGER = {
    "user": {"resource": "users", "attributes": ["displayName", "jobTitle", "manager"]},
    "group": {"resource": "groups", "attributes": ["displayName"]},
}


def users(connector: MsgraphConnector, cursor: str | None = None) -> dict[str, Seen]:
    return {e.anchor: e for e in scan(connector, cursor=cursor) if isinstance(e, Seen)}


def delta(
    connector: MsgraphConnector, cursor: str, kind: str = "user"
) -> list[Changed | Deleted | Invalid]:
    *events, end = scan(connector, kind, cursor)
    assert isinstance(end, Complete)
    return [each for each in events if isinstance(each, Changed | Deleted | Invalid)]


# --- first rounds --------------------------------------------------------------------------------


def test_an_empty_page_in_between_is_not_the_end(graph: GraphService):
    there = {graph.add_user(name) for name in ("ann", "bob", "eve")}
    graph.fault("empty_page", times=2, after=1, path="/users/delta")
    assert users(connect(graph, page_size=1)).keys() == there
    assert len(graph.calls("GET", part="/users/delta")) == 5


def test_an_object_that_comes_twice_is_reported_once(graph: GraphService):
    for name in ("ann", "bob", "eve"):
        graph.add_user(name)
    graph.fault("duplicate", times=2, path="/users/delta")
    events = scan(connect(graph, page_size=1))
    assert len([e for e in events if isinstance(e, Seen)]) == 3


def test_of_an_object_that_changes_meanwhile_the_last_state_is_reported(graph: GraphService):
    ann = graph.add_user("ann", jobTitle="Clerk", department="Sales")
    for name in ("bob", "eve"):
        graph.add_user(name)
    connector = connect(graph, page_size=1)
    graph.fault("duplicate", path="/users/delta")
    with connector.open() as session:
        stream = session.scan([kinds(connector)["user"]], None)
        events = next(stream)
        graph.set(ann, jobTitle="Boss")
        events += [event for batch in stream for event in batch]
    states = [e.attributes for e in events if isinstance(e, Seen) and e.anchor == ann]
    assert states[-1]["jobTitle"] == "Boss"
    assert states[-1]["department"] == "Sales"


def test_a_large_group_that_comes_in_parts_is_one(graph: GraphService):
    people = [graph.add_user(f"p{n}") for n in range(7)]
    staff = graph.add_group("staff", people)
    graph.tenant.delta.members_of_a_page = 2
    events = scan(connect(graph, page_size=1), "group")
    assert [e.anchor for e in events if isinstance(e, Seen)] == [staff]
    assert seen(events, kinds(connect(graph))["group"])[staff]["members"] == tuple(sorted(people))


def test_a_group_of_which_a_part_is_not_understood_is_invalid_as_a_whole(graph: GraphService):
    people = [graph.add_user(f"p{n}") for n in range(7)]
    others = {graph.add_group(f"g{n}", people[:1]) for n in range(2)}
    staff = graph.add_group("staff", people)
    graph.tenant.delta.members_of_a_page = 2
    graph.fault(
        "reworded", times=None, path="/groups/delta", old=f'"id":"{people[3]}"', new='"nr":1'
    )
    events = scan(connect(graph, page_size=1), "group")
    assert {e.anchor for e in events if isinstance(e, Seen)} == others
    (spoilt,) = [e for e in events if isinstance(e, Invalid)]
    assert (spoilt.anchor, spoilt.why) == (
        staff,
        "members@delta names something without an id",
    )


def test_some_groups_are_reported_before_the_round_ends(graph: GraphService):
    ann = graph.add_user("ann")
    groups = {graph.add_group(f"g{n:02}", [ann]) for n in range(40)}
    connector = connect(graph, page_size=20)
    with connector.open() as session:
        stream = session.scan([kinds(connector)["group"]], None)
        first = next(stream)
        rest = [event for batch in stream for event in batch]
    assert len(first) == 10
    seen_ones = [each for each in (*first, *rest) if isinstance(each, Seen)]
    assert {each.anchor for each in seen_ones} == groups
    assert len(seen_ones) == len(groups)
    assert all(each.attributes["members"] == (ann,) for each in seen_ones)


def test_trying_a_silo_does_not_read_the_whole_tenant(graph: GraphService):
    graph.fill(users=300, groups=60)
    steps = probe("entra", connect(graph, page_size=20), (), NoProgress())
    read = [each for each in steps if each.name == "read"]
    assert [each.state for each in read] == [State.OK, State.OK]
    assert all("10 objects" in each.message for each in read)
    for resource in ("users", "groups"):
        assert len(graph.calls("GET", part=f"/{resource}/delta")) <= 2  # one may be under way


def test_a_scan_of_groups_without_room_for_them_fails(
    graph: GraphService, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    graph.add_group("staff")
    monkeypatch.setattr(parts, "_IN_MEMORY", 1)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(ScanFailed, match="there is no room for what Graph tells of its groups"):
        scan(connect(graph), "group")


def test_a_group_without_members_has_none(graph: GraphService):
    staff = graph.add_group("staff")
    (event, _) = scan(connect(graph), "group")
    assert event == Seen("group", staff, {"displayName": "staff"})


def test_managers_are_anchors(graph: GraphService):
    boss = graph.add_user("boss")
    ann = graph.add_user("ann")
    graph.set_manager(ann, boss)
    connector = connect(graph, types=WITH_MANAGER)
    found = users(connector)
    assert found[ann].attributes["manager"] == boss
    assert "manager" not in found[boss].attributes
    with connector.open() as session:
        assert session.read(kinds(connector)["user"], ann).attributes == found[ann].attributes


def test_parts_of_properties_and_lists_are_read(graph: GraphService):
    names = ["employeeOrgData/division", "businessPhones", "accountEnabled"]
    extension = "onPremisesExtensionAttributes/extensionAttribute3"
    ann = graph.add_user(
        "ann",
        employeeOrgData={"division": "North", "costCenter": "7"},
        businessPhones=["+33 1"],
        onPremisesExtensionAttributes={"extensionAttribute3": "x"},
    )
    types = {"user": {"resource": "users", "attributes": [*names, extension]}}
    assert users(connect(graph, types=types))[ann].attributes == {
        "accountEnabled": True,
        "businessPhones": ("+33 1",),
        "employeeOrgData/division": "North",
        extension: "x",
    }


def test_with_no_attributes_named_all_are_read(graph: GraphService):
    ann = graph.add_user("ann", jobTitle="Clerk")
    types = {"user": {"resource": "users"}}
    found = users(connect(graph, types=types))[ann].attributes
    assert found["jobTitle"] == "Clerk"
    assert found["userPrincipalName"] == "ann@contoso.com"
    assert "id" not in found


# --- deltas --------------------------------------------------------------------------------------


def test_a_delta_tells_what_was_set_and_what_was_cleared(graph: GraphService):
    ann = graph.add_user("ann", jobTitle="Clerk", department="Sales")
    connector = connect(graph)
    cursor = cursor_of(scan(connector))
    graph.set(ann, jobTitle=None, department="IT")
    (event,) = delta(connector, cursor)
    assert isinstance(event, Changed)
    assert event.set["department"] == "IT"
    assert event.cleared == ("jobTitle",)


def test_a_delta_tells_which_members_came_and_went(graph: GraphService):
    ann, bob, eve = (graph.add_user(name) for name in ("ann", "bob", "eve"))
    staff = graph.add_group("staff", [ann])
    connector = connect(graph)
    cursor = cursor_of(scan(connector, "group"))
    graph.join(staff, bob)
    graph.leave(staff, ann)
    graph.join(staff, eve)
    graph.leave(staff, eve)
    (event,) = delta(connector, cursor, "group")
    assert isinstance(event, Changed)
    assert event.added == {"members": (bob,)}
    assert set(event.removed["members"]) == {ann, eve}


def test_a_delta_tells_who_is_the_manager_now(graph: GraphService):
    boss, other, ann, bob = (graph.add_user(name) for name in ("boss", "other", "ann", "bob"))
    graph.set_manager(ann, boss)
    graph.set_manager(bob, boss)
    connector = connect(graph, types=WITH_MANAGER)
    cursor = cursor_of(scan(connector))
    graph.set_manager(ann, other)
    graph.set_manager(bob, None)
    events = {e.anchor: e for e in delta(connector, cursor) if isinstance(e, Changed)}
    assert events[ann].set["manager"] == other
    assert "manager" in events[bob].cleared


def test_removed_because_changed_is_a_soft_delete_and_deleted_is_for_good(graph: GraphService):
    ann, bob = graph.add_user("ann"), graph.add_user("bob")
    connector = connect(graph)
    cursor = cursor_of(scan(connector))
    graph.delete(ann)
    graph.delete(bob, for_good=True)
    assert set(map(str, delta(connector, cursor))) == {
        str(Deleted("user", ann, DeletionKind.SOFT)),
        str(Deleted("user", bob, DeletionKind.GONE)),
    }


def test_what_was_restored_comes_back_with_a_delta(graph: GraphService):
    ann = graph.add_user("ann", jobTitle="Clerk")
    connector = connect(graph)
    graph.delete(ann)
    cursor = cursor_of(scan(connector))
    graph.restore(ann)
    (event,) = delta(connector, cursor)
    assert isinstance(event, Changed)
    assert event.anchor == ann
    assert event.set["jobTitle"] == "Clerk"


def test_a_new_object_that_no_read_finds_yet_is_as_the_delta_says(graph: GraphService):
    connector = connect(graph)
    cursor = cursor_of(scan(connector))
    graph.lag(reads=3)
    ann = graph.add_user("ann", jobTitle="Clerk")
    graph.tenant.lag.wrote(ann, None)
    with connector.open() as session:
        events = [e for batch in session.scan([kinds(connector)["user"]], cursor) for e in batch]
        found = session.read(kinds(connector)["user"], ann)
    assert [e.anchor for e in events if isinstance(e, Changed)] == [ann]
    assert found is not None
    assert found.attributes["jobTitle"] == "Clerk"


def test_nothing_happened_and_the_delta_is_empty(graph: GraphService):
    graph.add_user("ann")
    connector = connect(graph)
    cursor = cursor_of(scan(connector))
    for _ in range(2):
        (end,) = scan(connector, cursor=cursor)
        assert isinstance(end, Complete)
        cursor = str(end.cursor)


# --- cursors that are lost -----------------------------------------------------------------------


@pytest.mark.parametrize("code", ["syncStateNotFound", "resyncRequired"])
def test_a_token_that_is_of_no_use_any_more_is_a_lost_cursor(graph: GraphService, code: str):
    connector = connect(graph)
    cursor = cursor_of(scan(connector))
    graph.expire_delta_tokens(code)
    with pytest.raises(CursorLost, match="of no use any more"):
        scan(connector, cursor=cursor)


def test_a_token_older_than_seven_days_is_a_lost_cursor(graph: GraphService):
    connector = connect(graph)
    cursor = cursor_of(scan(connector))
    graph.forward(timedelta(days=6, hours=23))
    scan(connector, cursor=cursor)
    graph.forward(timedelta(hours=2))
    with pytest.raises(CursorLost):
        scan(connector, cursor=cursor)


def test_a_first_round_that_has_to_begin_again_fails_the_scan(graph: GraphService):
    for name in ("ann", "bob"):
        graph.add_user(name)
    connector = connect(graph, page_size=1)
    with connector.open() as session:
        graph.fault("fail", status=410, code="resyncRequired", message="Resync.", after=1)
        with pytest.raises(ScanFailed, match="asks to begin again"):
            list(session.scan([kinds(connector)["user"]], None))


@pytest.mark.parametrize(
    "types",
    [
        {"user": {"resource": "users", "attributes": ["displayName"]}},
        {"user": {"resource": "users", "filter": "accountEnabled eq true"}},
    ],
)
def test_a_cursor_of_another_selection_or_filter_is_lost(
    graph: GraphService, types: dict[str, object]
):
    cursor = cursor_of(scan(connect(graph)))
    with pytest.raises(CursorLost, match="what is read has changed"):
        scan(connect(graph, types=types), cursor=cursor)


@pytest.mark.parametrize("cursor", ["", "x", "[]", "{}", '{"link": 1, "scope": "", "left": {}}'])
def test_a_cursor_that_is_none_is_lost(graph: GraphService, cursor: str):
    with pytest.raises(CursorLost):
        scan(connect(graph), cursor=cursor)


# --- what fails a scan ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "options", "words"),
    [
        ("malformed", {}, "a page is not Graph's"),
        ("login_page", {}, "a web page came"),
        ("redirect", {}, "it sends us elsewhere, to https://elsewhere.example"),
        ("elsewhere", {}, "a link leads away"),
        ("elsewhere", {"host": "http://127.0.0.1:1"}, "a link leads away"),
        ("drop", {}, "went away in the middle"),
        ("fail", {"status": 500, "code": "generalException"}, "generalException"),
        ("fail", {"status": 403, "code": "Authorization_RequestDenied"}, "lacks a permission"),
    ],
)
def test_a_page_that_breaks_fails_the_scan(
    graph: GraphService, fault: str, options: dict[str, object], words: str
):
    for name in ("ann", "bob", "eve"):
        graph.add_user(name)
    graph.fault(fault, after=1, times=None, path="/users/delta", **options)
    connector = connect(graph, page_size=1)
    with connector.open() as session:
        stream = session.scan([kinds(connector)["user"]], None)
        assert len(next(stream)) == 1
        with pytest.raises(ScanFailed, match=words):
            list(stream)


def test_a_loopback_link_of_another_port_is_not_followed_either(graph: GraphService):
    graph.add_user("ann")
    assert "127.0.0.1" in LOOPBACK
    graph.fault("elsewhere", times=None, host=f"http://127.0.0.1:{graph.port + 1}")
    with pytest.raises(ScanFailed, match="it is not followed"):
        scan(connect(graph))


def test_a_throttled_read_waits_as_long_as_graph_asks(graph: GraphService):
    graph.add_user("ann")
    graph.fault("throttle", retry_after="1", path="/users/delta")
    assert len(users(connect(graph))) == 1
    assert [call.status for call in graph.calls("GET", part="/users/delta")] == [429, 200]


def test_a_service_that_stays_busy_fails_the_scan_in_time(graph: GraphService):
    graph.fault("throttle", times=None, retry_after="60", path="/users/delta")
    with pytest.raises(ScanFailed, match="no answer within 1 seconds"):
        scan(connect(graph, timeout=1))


FILTERED = {"group": {"resource": "groups", "filter": "displayName eq 'staff'"}}


@pytest.mark.parametrize("status", [429, 503])
def test_a_read_that_graph_is_too_busy_for_within_a_batch_is_tried_again(
    graph: GraphService, status: int
):
    ann = graph.add_user("ann")
    graph.add_group("staff", [ann])
    graph.fault("fail", times=2, status=status, retry_after="0", path="/members", requests=False)
    (event, _) = scan(connect(graph, types=FILTERED), "group")
    assert isinstance(event, Seen)
    assert event.attributes["members"] == (ann,)
    reads = [call.status for call in graph.calls("GET", part="/members")]
    assert reads == [status, status, 200]


def test_a_read_that_graph_stays_too_busy_for_within_a_batch_fails_the_scan(graph: GraphService):
    graph.add_group("staff")
    graph.fault("throttle", times=None, retry_after="60", path="/members", requests=False)
    with pytest.raises(ScanFailed, match="does not serve us now"):
        scan(connect(graph, types=FILTERED, timeout=1), "group")
    assert len(graph.calls("GET", part="/members")) == 1  # no wait that is too long is begun


# --- filters -------------------------------------------------------------------------------------


def test_a_filter_is_an_advanced_query_without_deltas(graph: GraphService):
    boss = graph.add_user("boss", jobTitle="Boss")
    ann, bob = graph.add_user("ann", jobTitle="Clerk"), graph.add_user("bob", jobTitle="Clerk")
    graph.set_manager(ann, boss)
    types = {"user": {**WITH_MANAGER["user"], "filter": "jobTitle ne 'Boss'"}}
    *events, end = scan(connect(graph, types=types, page_size=1))
    assert end == Complete(None)
    found = {e.anchor: e.attributes for e in events if isinstance(e, Seen)}
    assert found.keys() == {ann, bob}
    assert found[ann]["manager"] == boss
    first = graph.calls("GET", part="/users")[0]
    assert first.headers["consistencylevel"] == "eventual"
    assert first.query["$count"] == "true"


def test_filtered_groups_come_with_their_members(graph: GraphService):
    people = sorted(graph.add_user(f"p{n}") for n in range(3))
    staff = graph.add_group("staff", people)
    graph.add_group("others", people[:1])
    types = {"group": {"resource": "groups", "filter": "displayName eq 'staff'"}}
    (event, _) = scan(connect(graph, types=types), "group")
    assert isinstance(event, Seen)
    assert event.anchor == staff
    assert event.attributes["members"] == tuple(people)


def test_a_filter_that_graph_refuses_fails_the_scan(graph: GraphService):
    types = {"user": {"resource": "users", "filter": "jobTitle eq"}}
    with pytest.raises(ScanFailed, match="Invalid filter clause"):
        scan(connect(graph, types=types))


# --- names ---------------------------------------------------------------------------------------


def test_a_name_of_a_user_is_no_anchor(graph: GraphService):
    graph.add_user("ann")
    connector = connect(graph)
    with connector.open() as session:
        assert session.read(kinds(connector)["user"], "ann@contoso.com") is None


def test_a_group_of_more_than_a_page_is_read(graph: GraphService):
    people = [graph.add_user(f"p{n}") for n in range(1_001)]
    staff = graph.add_group("staff", people)
    connector = connect(graph)
    with connector.open() as session:
        found = session.read(kinds(connector)["group"], staff)
    assert found is not None
    assert found.attributes["members"] == tuple(sorted(people))


def test_disabled_accounts_are_known_without_being_told_how(graph: GraphService):
    ann = graph.add_user("ann")
    connector = connect(graph)
    spec = kinds(connector)["user"].enabled
    assert spec is not None
    off = change(connector, Operation.DISABLE, ann, {spec.attribute: True}, {spec.attribute: False})
    assert spec.state(succeeded(apply(connector, off)[0])) is False
    assert spec.state(users(connector)[ann].attributes) is False
    assert kinds(connector)["group"].enabled is None
    assert kinds(connector)["group"].members == "members"
