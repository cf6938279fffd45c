"""What a read before a write says is done already, and what of it is believed."""

from datetime import timedelta

import pytest

from hypersync.connectors.changes import settled
from hypersync.model.objects import (
    Change,
    ObjectType,
    Operation,
    RetryAfter,
    SiloObject,
    Succeeded,
)

GROUP = ObjectType(silo="ad", name="group", members="member")
LAG = timedelta(minutes=13)
THERE = SiloObject("group", "g", {"cn": "staff", "member": ("ann",)})


@pytest.mark.parametrize(
    ("operation", "before", "after", "current"),
    [
        (Operation.CREATE, None, {"cn": "staff"}, THERE),
        (Operation.UPDATE, {"cn": "old"}, {"cn": "staff"}, THERE),
        (Operation.DISABLE, {"cn": "old"}, {"cn": "staff"}, THERE),
        (Operation.DELETE, {"cn": "staff"}, None, None),
        (Operation.ADD_MEMBER, None, {"member": "ann"}, THERE),
        (Operation.REMOVE_MEMBER, {"member": "bob"}, None, THERE),
    ],
)
@pytest.mark.parametrize("fresh_for", [LAG, timedelta(0)])
def test_what_seems_done_is_believed_unless_the_object_changed_just_now(
    operation, before, after, current, fresh_for
):
    change = Change(
        key="key",
        operation=operation,
        type=GROUP,
        anchor="g",
        before=before,
        after=after,
        fresh_for=fresh_for,
    )
    outcome = settled(change, current)
    assert isinstance(outcome, RetryAfter if fresh_for else Succeeded)
    assert not isinstance(outcome, RetryAfter) or outcome.span == LAG
