"""The contract that every connector keeps, as tests to inherit.

A connector's test class inherits `ConnectorContract` and gives the fixture ``bench``: a silo with
the users ann, bob and zoë and the group staff (whose member is ann), and hands to play somebody
else in it. The attributes are those of inetOrgPerson and groupOfNames everywhere. It needs pytest,
which nothing else of HyperSync does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import pytest

from hypersync.model.objects import (
    Anchors,
    Attributes,
    Change,
    Changed,
    Complete,
    Conflict,
    Deleted,
    ObjectType,
    Operation,
    Outcome,
    Refused,
    ScanEvent,
    Seen,
    Succeeded,
    Value,
)
from hypersync.ports.connector import Connector

ANN = {"title": "Clerk", "departmentNumber": "Sales", "employeeType": "active"}


class Hands(Protocol):
    """Somebody else who changes the silo behind the connector's back."""

    def anchor(self, name: str) -> str:
        """Return the anchor of a user or group by its short name."""

    def set(self, name: str, attribute: str, value: str) -> None:
        """Set an attribute of a user."""

    def delete(self, name: str) -> None:
        """Delete a user."""


@dataclass(frozen=True, kw_only=True)
class Bench:
    """One silo under test."""

    connector: Connector
    read_only_connector: Connector
    hands: Hands
    user: ObjectType
    group: ObjectType
    new_user: Mapping[str, Value]
    moved: str | None = None
    has_deltas: bool = False
    read_only_attribute: str | None = None
    many_members: int = 100_000
    references: Mapping[str, str] = field(default_factory=dict)

    def reference(self, name: str) -> str:
        """Return what a group stores for a member."""
        return self.references.get(name) or self.hands.anchor(name)

    def change(
        self,
        operation: Operation,
        name: str | None,
        before: Attributes | None,
        after: Attributes | None,
        *,
        of_group: bool = False,
    ) -> Change:
        return Change(
            key=f"{operation.value}-{name}",
            operation=operation,
            type=self.group if of_group else self.user,
            anchor=None if name is None else self.hands.anchor(name),
            before=before,
            after=after,
        )

    def update(self, name: str, before: Attributes, after: Attributes) -> Change:
        return self.change(Operation.UPDATE, name, before, after)

    def member(self, operation: Operation, name: str) -> Change:
        held = {"member": self.reference(name)}
        is_added = operation is Operation.ADD_MEMBER
        before, after = (None, held) if is_added else (held, None)
        return self.change(operation, "staff", before, after, of_group=True)

    def apply(self, change: Change) -> Outcome:
        with self.connector.open() as session:
            (outcome,) = session.apply([change])
        return outcome

    def read(self, name: str, kind: ObjectType | None = None) -> Attributes:
        with self.connector.open() as session:
            found = session.read(kind or self.user, self.hands.anchor(name))
        assert found is not None
        return found.attributes

    def scan(self, kind: ObjectType, cursor: str | None = None) -> list[ScanEvent]:
        types = next(stream for stream in self.connector.streams() if kind in stream)
        with self.connector.open() as session:
            return [event for batch in session.scan(types, cursor) for event in batch]


def seen(events: Sequence[ScanEvent], kind: ObjectType) -> dict[str, Attributes]:
    return {
        event.anchor: event.attributes
        for event in events
        if isinstance(event, Seen) and event.type == kind.name
    }


def succeeded(outcome: Outcome) -> Attributes:
    assert isinstance(outcome, Succeeded), outcome
    assert outcome.object is not None
    return outcome.object.attributes


class ConnectorContract:
    @pytest.fixture
    def bench(self) -> Bench:
        raise AssertionError("a connector's test class gives its own bench")

    def test_full_scan_reports_every_object_once_and_ends_complete(self, bench: Bench) -> None:
        events = bench.scan(bench.user)
        users = [e for e in events if isinstance(e, Seen) and e.type == bench.user.name]
        assert sorted(e.anchor for e in users) == sorted(
            bench.hands.anchor(name) for name in ("ann", "bob", "zoë")
        )
        assert isinstance(events[-1], Complete)
        assert [e for e in events if isinstance(e, Complete)] == [events[-1]]

    def test_scan_reports_the_attributes(self, bench: Bench) -> None:
        ann = seen(bench.scan(bench.user), bench.user)[bench.hands.anchor("ann")]
        assert {name: ann.get(name) for name in ANN} == ANN

    def test_read_finds_what_the_scan_reports(self, bench: Bench) -> None:
        by_anchor = seen(bench.scan(bench.user), bench.user)
        assert by_anchor[bench.hands.anchor("bob")] == bench.read("bob")

    def test_reading_in_the_middle_of_a_scan_does_no_harm(self, bench: Bench) -> None:
        types = next(stream for stream in bench.connector.streams() if bench.user in stream)
        anchors = []
        with bench.connector.open() as session:
            for batch in session.scan(types, None):
                for event in batch:
                    if isinstance(event, Seen) and event.type == bench.user.name:
                        anchors.append(event.anchor)
                        found = session.read(bench.user, event.anchor)
                        assert found is not None
                        assert found.attributes == event.attributes
        assert sorted(anchors) == sorted(bench.hands.anchor(n) for n in ("ann", "bob", "zoë"))

    def test_read_of_an_unknown_anchor_is_none(self, bench: Bench) -> None:
        with bench.connector.open() as session:
            assert session.read(bench.user, "00000000-0000-4000-8000-000000000000") is None

    def test_unicode_survives(self, bench: Bench) -> None:
        after = {"title": "Ingénieure — 技師 🛠"}
        succeeded(bench.apply(bench.update("zoë", {"title": "Clerk"}, after)))
        assert bench.read("zoë")["title"] == after["title"]

    def test_missing_attributes_are_absent_and_never_empty(self, bench: Bench) -> None:
        assert "telephoneNumber" not in bench.read("ann")
        ann = succeeded(bench.apply(bench.update("ann", {"title": "Clerk"}, {"title": ""})))
        assert "title" not in ann
        assert "title" not in bench.read("ann")

    def test_every_scanned_value_is_present(self, bench: Bench) -> None:
        for attributes in seen(bench.scan(bench.user), bench.user).values():
            assert all(value not in (None, "", ()) for value in attributes.values())

    def test_update_writes_and_reports_the_object(self, bench: Bench) -> None:
        change = bench.update("ann", {"title": "Clerk"}, {"title": "Boss"})
        assert succeeded(bench.apply(change))["title"] == "Boss"
        assert bench.read("ann")["title"] == "Boss"
        assert bench.read("ann")["departmentNumber"] == "Sales"

    def test_update_of_several_attributes_sets_clears_and_adds(self, bench: Bench) -> None:
        before = {"title": "Clerk", "departmentNumber": "Sales", "telephoneNumber": None}
        after = {"title": None, "departmentNumber": "IT", "telephoneNumber": "+33 1"}
        ann = succeeded(bench.apply(bench.update("ann", before, after)))
        assert {name: ann.get(name) for name in after} == after

    def test_update_is_a_conflict_when_before_no_longer_holds(self, bench: Bench) -> None:
        bench.hands.set("ann", "title", "Director")
        outcome = bench.apply(bench.update("ann", {"title": "Clerk"}, {"title": "Boss"}))
        assert isinstance(outcome, Conflict)
        assert "title" in outcome.why
        assert outcome.object is not None
        assert outcome.object.attributes["title"] == "Director"
        assert bench.read("ann")["title"] == "Director"

    def test_update_is_a_conflict_when_a_missing_value_has_come(self, bench: Bench) -> None:
        change = bench.update("ann", {"title": None}, {"title": "Boss"})
        assert isinstance(bench.apply(change), Conflict)
        assert bench.read("ann")["title"] == "Clerk"

    def test_update_of_an_absent_object_is_a_conflict(self, bench: Bench) -> None:
        change = bench.update("ann", {"title": "Clerk"}, {"title": "Boss"})
        bench.hands.delete("ann")
        outcome = bench.apply(change)
        assert isinstance(outcome, Conflict)
        assert outcome.object is None

    def test_update_done_before_succeeds_again(self, bench: Bench) -> None:
        change = bench.update("ann", {"title": "Clerk"}, {"title": "Boss"})
        assert succeeded(bench.apply(change)) == succeeded(bench.apply(change))

    def test_create_makes_an_object_that_is_found(self, bench: Bench) -> None:
        outcome = bench.apply(bench.change(Operation.CREATE, None, None, bench.new_user))
        assert isinstance(outcome, Succeeded)
        assert outcome.object is not None
        found = seen(bench.scan(bench.user), bench.user)[outcome.object.anchor]
        assert found == outcome.object.attributes
        assert found["title"] == bench.new_user["title"]

    def test_create_done_before_succeeds_with_the_same_object(self, bench: Bench) -> None:
        change = bench.change(Operation.CREATE, None, None, bench.new_user)
        assert bench.apply(change) == bench.apply(change)
        assert len(seen(bench.scan(bench.user), bench.user)) == 4

    def test_create_is_a_conflict_when_another_object_is_there(self, bench: Bench) -> None:
        bench.apply(bench.change(Operation.CREATE, None, None, bench.new_user))
        other = {**bench.new_user, "title": "Somebody else"}
        outcome = bench.apply(bench.change(Operation.CREATE, None, None, other))
        assert isinstance(outcome, Conflict)
        assert len(seen(bench.scan(bench.user), bench.user)) == 4

    def test_disable_and_enable_write_the_attribute_of_the_type(self, bench: Bench) -> None:
        spec = bench.user.enabled
        assert spec is not None
        on, off = {spec.attribute: spec.when_on}, {spec.attribute: spec.when_off}
        disabled = bench.apply(bench.change(Operation.DISABLE, "ann", on, off))
        assert spec.state(succeeded(disabled)) is False
        enabled = bench.apply(bench.change(Operation.ENABLE, "ann", off, on))
        assert spec.state(succeeded(enabled)) is True

    def test_move_takes_the_object_along_or_is_refused(self, bench: Bench) -> None:
        before = {"dn": bench.read("ann").get("dn")}
        moved = bench.moved or "cn=ann,ou=elsewhere"
        outcome = bench.apply(bench.change(Operation.MOVE, "ann", before, {"dn": moved}))
        if bench.moved is None:
            assert isinstance(outcome, Refused)
        else:
            assert succeeded(outcome)["dn"] == bench.moved
            assert bench.read("ann")["dn"] == bench.moved

    def test_delete_removes_and_does_so_again(self, bench: Bench) -> None:
        change = bench.change(Operation.DELETE, "bob", {"title": "Clerk"}, None)
        assert bench.apply(change) == Succeeded(None)
        assert bench.apply(change) == Succeeded(None)
        assert change.anchor not in seen(bench.scan(bench.user), bench.user)

    def test_delete_is_a_conflict_when_before_no_longer_holds(self, bench: Bench) -> None:
        bench.hands.set("bob", "title", "Director")
        outcome = bench.apply(bench.change(Operation.DELETE, "bob", {"title": "Clerk"}, None))
        assert isinstance(outcome, Conflict)
        assert bench.read("bob")["title"] == "Director"

    def test_members_are_added_and_removed_one_by_one(self, bench: Bench) -> None:
        both = tuple(sorted((bench.reference("ann"), bench.reference("bob"))))
        for _ in range(2):
            staff = succeeded(bench.apply(bench.member(Operation.ADD_MEMBER, "bob")))
            assert staff["member"] == both
        for _ in range(2):
            staff = succeeded(bench.apply(bench.member(Operation.REMOVE_MEMBER, "ann")))
            assert staff["member"] == (bench.reference("bob"),)

    @pytest.mark.parametrize("operation", [Operation.ADD_MEMBER, Operation.REMOVE_MEMBER])
    def test_membership_changes_without_a_member_are_refused(
        self, bench: Bench, operation: Operation
    ) -> None:
        change = bench.change(operation, "staff", {}, {"member": ""}, of_group=True)
        assert isinstance(bench.apply(change), Refused)

    def test_membership_of_what_has_no_members_is_refused(self, bench: Bench) -> None:
        held = {"member": bench.reference("bob")}
        outcome = bench.apply(bench.change(Operation.ADD_MEMBER, "ann", None, held))
        assert isinstance(outcome, Refused)
        assert "members" in outcome.reason

    def test_membership_of_a_group_that_is_gone_is_a_conflict(self, bench: Bench) -> None:
        change = bench.member(Operation.ADD_MEMBER, "bob")
        bench.apply(bench.change(Operation.DELETE, "staff", {}, None, of_group=True))
        assert isinstance(bench.apply(change), Conflict)

    def test_events_are_not_for_connectors(self, bench: Bench) -> None:
        assert isinstance(bench.apply(bench.change(Operation.EVENT, "ann", {}, {})), Refused)

    def test_a_single_member_is_a_tuple_of_one(self, bench: Bench) -> None:
        assert bench.read("staff", bench.group)["member"] == (bench.reference("ann"),)

    def test_one_outcome_for_each_change_in_their_order(self, bench: Bench) -> None:
        changes = [
            bench.update("ann", {"title": "Clerk"}, {"title": "Boss"}),
            bench.update("bob", {"title": "wrong"}, {"title": "Boss"}),
            bench.member(Operation.ADD_MEMBER, "bob"),
            bench.update("zoë", {"title": "Clerk"}, {"title": "Boss"}),
        ]
        with bench.connector.open() as session:
            outcomes = session.apply(changes)
        assert [type(each) for each in outcomes] == [Succeeded, Conflict, Succeeded, Succeeded]

    def test_a_silo_that_is_not_to_be_written_refuses(self, bench: Bench) -> None:
        change = bench.update("ann", {"title": "Clerk"}, {"title": "Boss"})
        with bench.read_only_connector.open() as session:
            (outcome,) = session.apply([change])
        assert isinstance(outcome, Refused)
        assert bench.read("ann")["title"] == "Clerk"

    def test_read_only_attributes_are_refused(self, bench: Bench) -> None:
        if bench.read_only_attribute is None:
            return
        change = bench.update("ann", {}, {bench.read_only_attribute: "20200101000000Z"})
        assert isinstance(bench.apply(change), Refused)

    def test_many_members_are_read(self, bench: Bench) -> None:
        members = tuple(f"cn=m{n},ou=people,dc=example,dc=org" for n in range(bench.many_members))
        before = {"member": (bench.reference("ann"),)}
        change = bench.change(Operation.UPDATE, "staff", before, {"member": members}, of_group=True)
        succeeded(bench.apply(change))
        assert bench.read("staff", bench.group)["member"] == tuple(sorted(members))
        fewer = bench.change(
            Operation.UPDATE, "staff", {"member": members}, {"member": members[1:]}, of_group=True
        )
        assert succeeded(bench.apply(fewer))["member"] == tuple(sorted(members[1:]))

    def test_scope_changes_with_the_attributes_only(self, bench: Bench) -> None:
        other = ObjectType(
            silo=bench.user.silo,
            name=bench.user.name,
            attributes=frozenset({"title"}),
            options=bench.user.options,
        )
        with bench.connector.open() as session:
            first = session.scope([bench.user])
            assert session.scope([bench.user]) == first
            assert session.scope([other]) != first

    def test_schema_names_every_type(self, bench: Bench) -> None:
        with bench.connector.open() as session:
            assert {bench.user.name, bench.group.name} <= set(session.schema().types)

    def test_check_finds_nothing_wrong(self, bench: Bench) -> None:
        with bench.connector.open() as session:
            assert list(session.check()) == []

    def test_delta_reports_what_changed_and_what_went(self, bench: Bench) -> None:
        end = bench.scan(bench.user)[-1]
        assert isinstance(end, Complete)
        assert (end.cursor is not None) is bench.has_deltas
        if end.cursor is None:
            return
        ann, bob = bench.hands.anchor("ann"), bench.hands.anchor("bob")
        bench.hands.set("ann", "title", "Director")
        bench.hands.delete("bob")
        events = bench.scan(bench.user, end.cursor)
        assert seen(events, bench.user)[ann]["title"] == "Director"
        assert is_reported_gone(events, bob)
        assert not is_reported_gone(events, ann)
        assert isinstance(events[-1], Complete)
        assert not any(isinstance(e, Changed) for e in events)


def is_reported_gone(events: Sequence[ScanEvent], anchor: str) -> bool:
    """Tell whether a delta says, by tombstone or by the list of anchors, that the object went."""
    if any(isinstance(e, Deleted) and e.anchor == anchor for e in events):
        return True
    lists = [e.anchors for e in events if isinstance(e, Anchors)]
    return bool(lists) and not any(anchor in each for each in lists)
