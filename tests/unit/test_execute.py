from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from hypersync.model.objects import (
    Change,
    Conflict,
    Member,
    ObjectType,
    Operation,
    RetryAfter,
    SiloObject,
    Succeeded,
)
from hypersync.pipeline.execute import PHASES
from hypersync.pipeline.read_back import judge_read_back

USER = ObjectType(silo="ad", name="user")
GROUP = ObjectType(silo="ad", name="group", members="member")


def found(**attributes):
    return SiloObject("user", "u1", attributes)


def change(operation, before=None, after=None, kind=USER):
    return Change(key="a", operation=operation, type=kind, anchor="u1", before=before, after=after)


UPDATE = change(Operation.UPDATE, {"title": "old"}, {"title": "new"})
CLEAR = change(Operation.UPDATE, {"title": "old"}, {"title": None})
CREATE = change(Operation.CREATE, None, {"title": "new"})
DELETE = change(Operation.DELETE, {"title": "old"}, None)
JOIN = change(Operation.ADD_MEMBER, None, {"member": "m"}, GROUP)
LEAVE = change(Operation.REMOVE_MEMBER, {"member": "m"}, None, GROUP)


@pytest.mark.parametrize(
    ("change", "found", "outcome"),
    [
        (UPDATE, found(title="new"), Succeeded),
        (UPDATE, found(title="old"), RetryAfter),
        (UPDATE, found(title="else"), Conflict),
        (UPDATE, None, Conflict),
        (CLEAR, found(), Succeeded),
        (CLEAR, found(title="old"), RetryAfter),
        (CREATE, found(title="new"), Succeeded),
        (CREATE, None, RetryAfter),
        (DELETE, None, Succeeded),
        (DELETE, found(title="old"), RetryAfter),
        (JOIN, found(member=("m", "n")), Succeeded),
        (JOIN, found(member="m"), Succeeded),
        (JOIN, found(member="n"), RetryAfter),
        (JOIN, found(), RetryAfter),
        (JOIN, None, Conflict),
        (LEAVE, found(member="n"), Succeeded),
        (LEAVE, found(), Succeeded),
        (LEAVE, found(member=("m", "n")), RetryAfter),
        (LEAVE, None, Conflict),
    ],
)
def test_reading_back_tells_what_became_of_a_change(change, found, outcome):
    assert isinstance(judge_read_back(change, found, change.type), outcome)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (UPDATE, found(title="new")),
        (replace(UPDATE, operation=Operation.DISABLE), found(title="new")),
        (CLEAR, found()),
        (CREATE, found(title="new")),
        (DELETE, None),
        (JOIN, found(member="m")),
        (LEAVE, found()),
    ],
)
def test_what_changed_just_now_is_not_believed_to_be_done(change, found):
    fresh = replace(change, fresh_for=timedelta(minutes=13))
    assert isinstance(judge_read_back(fresh, found, change.type), RetryAfter)


@pytest.mark.parametrize(
    ("operation", "outcome"),
    [(Operation.ADD_MEMBER, Succeeded), (Operation.REMOVE_MEMBER, RetryAfter)],
)
def test_a_member_that_is_read_back_may_be_spelled_otherwise(operation, outcome):
    side = {"member": "cn=anna, ou=People,dc=x"}
    before, after = (None, side) if operation is Operation.ADD_MEMBER else (side, None)
    asked = change(operation, before, after, GROUP)
    there = found(member=("cn=Anna,ou=people,dc=x", "cn=bob,ou=people,dc=x"))
    assert isinstance(judge_read_back(asked, there, GROUP), outcome)


MEMBER = Member(USER, "m")
OLD, NOW = "cn=anna,dc=x", "cn=anna lee,dc=x"


@pytest.mark.parametrize(
    ("operation", "listed", "dn", "outcome"),
    [
        (Operation.ADD_MEMBER, OLD, NOW, RetryAfter),  # who has the old name now was a member
        (Operation.ADD_MEMBER, NOW, NOW, Succeeded),
        (Operation.ADD_MEMBER, "cn=bob,dc=x", NOW, RetryAfter),
        (Operation.ADD_MEMBER, OLD, None, Conflict),
        (Operation.REMOVE_MEMBER, NOW, NOW, RetryAfter),
        (Operation.REMOVE_MEMBER, OLD, NOW, RetryAfter),  # whose it is the connector finds out
        (Operation.REMOVE_MEMBER, "cn=bob,dc=x", NOW, Succeeded),
        (Operation.REMOVE_MEMBER, OLD, None, RetryAfter),
        (Operation.REMOVE_MEMBER, "cn=bob,dc=x", None, Succeeded),
    ],
)
def test_a_membership_is_judged_by_the_name_that_the_member_has_now(operation, listed, dn, outcome):
    side = {"member": OLD}
    before, after = (None, side) if operation is Operation.ADD_MEMBER else (side, None)
    asked = replace(change(operation, before, after, GROUP), member=MEMBER)
    member = None if dn is None else SiloObject("user", "m", {"dn": dn})
    assert isinstance(judge_read_back(asked, found(member=listed), GROUP, member), outcome)


def test_a_member_without_a_dn_is_known_by_its_anchor():
    asked = replace(change(Operation.ADD_MEMBER, None, {"member": "m"}, GROUP), member=MEMBER)
    there, member = found(member=("m", "n")), SiloObject("user", "m", {})
    assert isinstance(judge_read_back(asked, there, GROUP, member), Succeeded)


def test_what_was_done_carries_what_was_found():
    assert judge_read_back(UPDATE, found(title="new"), USER) == Succeeded(found(title="new"))
    assert judge_read_back(DELETE, None, USER) == Succeeded(None)


def test_every_operation_has_its_phase_creates_before_references_before_deletes():
    phase = {operation: number for number, each in enumerate(PHASES) for operation in each}
    assert set(phase) == set(Operation)
    assert (
        phase[Operation.CREATE]
        < phase[Operation.REMOVE_MEMBER]
        < phase[Operation.MOVE]
        < phase[Operation.ADD_MEMBER]
        < phase[Operation.DELETE]
    )
