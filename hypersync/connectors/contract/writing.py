"""What is written: each operation, its conflicts, and that doing it again does no harm."""

import pytest

from hypersync.connectors.contract.bench import Bench, seen, succeeded
from hypersync.model.objects import Conflict, Operation, Refused, Succeeded


class WritingContract:
    def test_unicode_survives(self, bench: Bench) -> None:
        after = {"title": "Ingénieure — 技師 🛠"}
        succeeded(bench.apply(bench.update("zoë", {"title": "Clerk"}, after)))
        assert bench.read("zoë")["title"] == after["title"]

    def test_missing_attributes_are_absent_and_never_empty(self, bench: Bench) -> None:
        assert "telephoneNumber" not in bench.read("ann")
        ann = succeeded(bench.apply(bench.update("ann", {"title": "Clerk"}, {"title": ""})))
        assert "title" not in ann
        assert "title" not in bench.read("ann")

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
        first, again = bench.apply(change), bench.apply(change)
        assert first == again
        assert isinstance(first, Succeeded)
        assert isinstance(again, Succeeded)
        assert (first.made, again.made) == (True, False)  # a password was written by the first
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

    def test_events_are_not_for_connectors(self, bench: Bench) -> None:
        assert isinstance(bench.apply(bench.change(Operation.EVENT, "ann", {}, {})), Refused)

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
        with bench.connector.open() as session:
            described = session.schema().types[bench.user.name] or {}
        read_only = {name for name, each in described.items() if each.read_only}
        if bench.read_only_attribute is None:
            assert not read_only, "name one of them as read_only_attribute"
            return
        assert bench.read_only_attribute in read_only
        change = bench.update("ann", {}, {bench.read_only_attribute: "20200101000000Z"})
        assert isinstance(bench.apply(change), Refused)
