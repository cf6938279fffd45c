"""What a write leaves behind, as it is read afterwards: what it claims, and nothing else."""

from collections.abc import Mapping

import pytest

from hypersync.connectors.contract.bench import Bench, succeeded
from hypersync.connectors.contract.comparing import NOTHING, of
from hypersync.connectors.contract.follower import Known, all_known
from hypersync.connectors.contract.following import key
from hypersync.model.objects import Attributes, Change, Operation, Refused, Succeeded


class EffectsContract:
    def test_several_attributes_are_read_back(self, bench: Bench) -> None:
        after = {"title": None, "departmentNumber": "IT", "telephoneNumber": "4711"}
        succeeded(bench.apply(bench.update("ann", NOTHING, after)))
        assert of(bench.read("ann"), after) == after

    def test_a_change_of_case_only_is_written(self, bench: Bench) -> None:
        change = bench.update("ann", {"title": "Clerk"}, {"title": "CLERK"})
        assert succeeded(bench.apply(change))["title"] == "CLERK"
        assert bench.read("ann")["title"] == "CLERK"

    def test_disabled_and_enabled_are_read_back(self, bench: Bench) -> None:
        spec = bench.user.enabled
        assert spec is not None
        disable, enable = operations(bench)["disable"], operations(bench)["enable"]
        for change, is_on in ((disable, False), (enable, True), (disable, False)):
            succeeded(bench.apply(change))
            assert spec.state(bench.read("ann")) is is_on

    def test_members_are_read_back(self, bench: Bench) -> None:
        for operation, name, expected in (
            (Operation.ADD_MEMBER, "bob", ("ann", "bob")),
            (Operation.ADD_MEMBER, "zoë", ("ann", "bob", "zoë")),
            (Operation.REMOVE_MEMBER, "ann", ("bob", "zoë")),
            (Operation.REMOVE_MEMBER, "zoë", ("bob",)),
            (Operation.ADD_MEMBER, "ann", ("ann", "bob")),
        ):
            succeeded(bench.apply(bench.member(operation, name)))
            members = tuple(sorted(map(bench.reference, expected)))
            assert bench.read("staff", bench.group)["member"] == members

    def test_without_its_last_member_a_group_is_still_there(self, bench: Bench) -> None:
        outcome = bench.apply(bench.member(Operation.REMOVE_MEMBER, "ann"))
        assert isinstance(outcome, Succeeded | Refused)  # some groups may not be empty
        left = None if isinstance(outcome, Succeeded) else (bench.reference("ann"),)
        assert bench.read("staff", bench.group).get("member") == left

    def test_what_was_deleted_is_not_read(self, bench: Bench) -> None:
        assert bench.apply(operations(bench)["delete"]) == Succeeded(None)
        with bench.connector.open() as session:
            assert session.read(bench.user, bench.hands.anchor("bob")) is None

    @pytest.mark.parametrize(
        ("name", "changes"),
        [
            ("update", "ann"),
            ("disable", "ann"),
            ("delete", "bob"),
            ("create", None),
            ("add", "staff"),
            ("several", "staff"),
        ],
    )
    def test_a_write_changes_nothing_but_its_object(
        self, bench: Bench, name: str, changes: str | None
    ) -> None:
        before = all_written(bench)
        assert isinstance(bench.apply(operations(bench)[name]), Succeeded)
        after = all_written(bench)
        others = before.keys() - ({key(bench, changes)} if changes else set())
        assert {each: after.get(each) for each in others} == {each: before[each] for each in others}
        assert len(after) - len(before) == {"create": 1, "delete": -1}.get(name, 0)

    def test_an_update_changes_no_other_attribute(self, bench: Bench) -> None:
        # of those the contract knows: others, such as when it was changed, the silo writes itself
        others = {*NOTHING, "employeeType", "dn", *bench.new_user} - {"title"}
        before = bench.read("ann")
        succeeded(bench.apply(bench.update("ann", {"title": "Clerk"}, {"title": "Boss"})))
        kept = dict.fromkeys(others)
        assert of(bench.read("ann"), kept) == of(before, kept)


def all_written(bench: Bench) -> Known:
    """Return what full scans tell of every type, but for what the silo alone writes.

    Of that it may keep the other side of a reference, such as the groups that somebody is in.
    """
    with bench.connector.open() as session:
        described = session.schema().types
    read_only = {
        (kind, name)
        for kind, attributes in described.items()
        for name, each in (attributes or {}).items()
        if each.read_only
    }
    return {
        (kind, anchor): {n: v for n, v in attributes.items() if (kind, n) not in read_only}
        for (kind, anchor), attributes in all_known(bench).items()
    }


def operations(bench: Bench) -> Mapping[str, Change]:
    """Return one change of each kind, of ann, of bob, of the staff and of somebody new."""
    spec = bench.user.enabled
    assert spec is not None
    on, off = {spec.attribute: spec.when_on}, {spec.attribute: spec.when_off}
    ann: Attributes = {"member": (bench.reference("ann"),)}
    both: Attributes = {"member": tuple(sorted(map(bench.reference, ("bob", "zoë"))))}
    return {
        "update": bench.update("ann", {"title": "Clerk"}, {"title": "Boss"}),
        "disable": bench.change(Operation.DISABLE, "ann", on, off),
        "enable": bench.change(Operation.ENABLE, "ann", off, on),
        "delete": bench.change(Operation.DELETE, "bob", {"title": "Clerk"}, None),
        "create": bench.change(Operation.CREATE, None, None, bench.new_user),
        "add": bench.member(Operation.ADD_MEMBER, "bob"),
        "several": bench.change(Operation.UPDATE, "staff", ann, both, of_group=True),
    }
