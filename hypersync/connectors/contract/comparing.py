"""Every write happens only if the object is as it was, whatever is compared and written."""

import pytest

from hypersync.connectors.contract.bench import Bench
from hypersync.model.objects import Attributes, Conflict, Operation

NOTHING = {"title": "Clerk", "departmentNumber": "Sales", "telephoneNumber": None}
"""Ann and bob as nobody changed them."""


class ComparingContract:
    @pytest.mark.parametrize("name", list(NOTHING))
    def test_an_update_compares_every_attribute(self, bench: Bench, name: str) -> None:
        bench.hands.set("ann", name, "0815")
        after = {"title": "Boss", "departmentNumber": "IT", "telephoneNumber": "4711"}
        conflict = bench.apply(bench.update("ann", NOTHING, after))
        assert isinstance(conflict, Conflict)
        assert name in conflict.why
        assert of(bench.read("ann"), NOTHING) == {**NOTHING, name: "0815"}

    @pytest.mark.parametrize("name", list(NOTHING))
    def test_a_delete_compares_every_attribute(self, bench: Bench, name: str) -> None:
        bench.hands.set("bob", name, "0815")
        outcome = bench.apply(bench.change(Operation.DELETE, "bob", NOTHING, None))
        assert isinstance(outcome, Conflict)
        assert of(bench.read("bob"), NOTHING) == {**NOTHING, name: "0815"}

    def test_disable_and_enable_compare(self, bench: Bench) -> None:
        spec = bench.user.enabled
        assert spec is not None
        on, off = {spec.attribute: spec.when_on}, {spec.attribute: spec.when_off}
        neither = {spec.attribute: None}
        for operation, now, after in (
            (Operation.DISABLE, on, off),
            (Operation.ENABLE, off, on),
        ):
            bench.apply(bench.change(Operation.UPDATE, "ann", {}, now))
            assert of(bench.read("ann"), now) == now
            outcome = bench.apply(bench.change(operation, "ann", neither, after))
            assert isinstance(outcome, Conflict)
            assert of(bench.read("ann"), now) == now

    def test_a_move_compares(self, bench: Bench) -> None:
        before = {"dn": "cn=ann,ou=somewhere,dc=example,dc=org"}
        moved = {"dn": bench.moved or "cn=ann,ou=elsewhere"}
        now = bench.read("ann")
        outcome = bench.apply(bench.change(Operation.MOVE, "ann", before, moved))
        assert isinstance(outcome, Conflict) or bench.moved is None
        assert bench.read("ann") == now

    def test_an_update_compares_members(self, bench: Bench) -> None:
        before, after = {"member": (bench.reference("bob"),)}, {"member": (bench.reference("zoë"),)}
        change = bench.change(Operation.UPDATE, "staff", before, after, of_group=True)
        assert isinstance(bench.apply(change), Conflict)
        assert bench.read("staff", bench.group)["member"] == (bench.reference("ann"),)

    @pytest.mark.parametrize("operation", [Operation.ADD_MEMBER, Operation.REMOVE_MEMBER])
    def test_membership_of_a_group_that_is_gone_is_a_conflict(
        self, bench: Bench, operation: Operation
    ) -> None:
        change = bench.member(operation, "bob")
        bench.apply(bench.change(Operation.DELETE, "staff", {}, None, of_group=True))
        assert isinstance(bench.apply(change), Conflict)


def of(attributes: Attributes, names: Attributes) -> Attributes:
    """Return the values of these names, ``None`` where there is none."""
    return {name: attributes.get(name) for name in names}
