from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from hypersync.model.actions import ActionState
from hypersync.model.ids import ActionId, IdentityId, ObjectId, RunId
from hypersync.model.objects import Attributes, Operation
from hypersync.pipeline.release import (
    MOST_REPLACEMENTS,
    Against,
    Recheck,
    Truth,
    against_open,
    fingerprint,
    hold_applies,
    is_withdrawn,
    recheck,
)
from hypersync.ports.store.actions import OpenAction
from hypersync.ports.store.marks import Hold
from tests.candidates import NOW

ONE = IdentityId(1)
SEVEN = ObjectId(7)


@dataclass
class Wish:
    identity: IdentityId = ONE
    object_id: ObjectId | None = SEVEN
    silo: str = "ad"
    type: str = "user"
    slot: str = "ad"
    target: str = ""
    operation: Operation = Operation.UPDATE
    before: Attributes | None = None
    after: Attributes | None = None


WISH = Wish(before={"title": "Clerk", "mail": None}, after={"title": "Chief", "mail": ("a", "b")})


def open_action(state: ActionState, replacements: int = 0, vip: str | None = None) -> OpenAction:
    return OpenAction(
        id=ActionId("a"),
        key="r|1|7",
        rule="r",
        identity=IdentityId(1),
        state=state,
        fingerprint="same",
        replacements=replacements,
        vip=vip,
        suspended_at=NOW,
        expires_at=None,
        request=None,
        run=RunId("run"),
    )


# --- fingerprint -------------------------------------------------------------------------------


def test_equal_changes_have_one_fingerprint_whatever_the_order_of_attributes():
    turned = replace(WISH, after={"mail": ("a", "b"), "title": "Chief"})
    assert fingerprint(WISH, "rule") == fingerprint(turned, "rule")
    assert len(fingerprint(WISH, "rule")) == 40


@pytest.mark.parametrize(
    "other",
    [
        {"identity": 2},
        {"object_id": 8},
        {"object_id": None},
        {"silo": "ldap"},
        {"type": "group"},
        {"slot": "ad_admin"},
        {"target": "g\x1f1"},
        {"operation": Operation.DISABLE},
        {"before": {"title": "Clark", "mail": None}},
        {"before": {"title": "Clerk"}},
        {"before": None},
        {"after": {"title": "Chief", "mail": ("b", "a")}},
        {"after": {"title": 1, "mail": ("a", "b")}},
        {"after": {"title": b"Chief", "mail": ("a", "b")}},
    ],
)
def test_every_part_of_a_change_is_in_its_fingerprint(other):
    assert fingerprint(replace(WISH, **other), "rule") != fingerprint(WISH, "rule")


def test_what_the_rule_does_is_in_the_fingerprint():
    assert fingerprint(WISH, "rule") != fingerprint(WISH, "rule, edited")


def test_before_and_after_are_not_mixed_up():
    there = Wish(before={"x": "1"}, after={"x": "2"})
    back = Wish(before={"x": "2"}, after={"x": "1"})
    assert fingerprint(there, "rule") != fingerprint(back, "rule")


# --- an open action against what is wanted now -------------------------------------------------


@pytest.mark.parametrize(
    ("state", "fresh", "answer"),
    [
        (ActionState.SUSPENDED, "same", Against.NOTHING),
        (ActionState.SUSPENDED, "other", Against.REPLACE),
        (ActionState.APPROVED, "same", Against.RELEASE),
        (ActionState.APPROVED, "other", Against.REPLACE),
        (ActionState.QUEUED, "same", Against.AGAIN),
        (ActionState.QUEUED, "other", Against.REPLACE),
        (ActionState.EXECUTING, "same", Against.NOTHING),
        (ActionState.EXECUTING, "other", Against.NOTHING),
        (ActionState.UNKNOWN, "same", Against.NOTHING),
        (ActionState.UNKNOWN, "other", Against.NOTHING),
    ],
)
def test_one_open_action_per_key(state, fresh, answer):
    assert against_open(open_action(state), fresh) is answer


@pytest.mark.parametrize("state", [ActionState.SUSPENDED, ActionState.APPROVED])
def test_after_three_replacements_people_are_not_asked_again(state):
    assert against_open(open_action(state, MOST_REPLACEMENTS - 1), "other") is Against.REPLACE
    assert against_open(open_action(state, MOST_REPLACEMENTS), "other") is Against.UNSTABLE


def test_the_same_change_is_not_unstable_however_often_it_was_replaced():
    approved = open_action(ActionState.APPROVED, MOST_REPLACEMENTS)
    assert against_open(approved, "same") is Against.RELEASE


# --- recheck -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("truth", "fresh", "is_vip", "answer"),
    [
        (Truth.TRUE, "same", False, Recheck.SAME),
        (Truth.TRUE, "other", False, Recheck.DIFFERS),
        (Truth.TRUE, "same", True, Recheck.VIP),
        (Truth.TRUE, "other", True, Recheck.DIFFERS),
        (Truth.TRUE, None, False, Recheck.STALE),
        (Truth.FALSE, None, False, Recheck.STALE),
        (Truth.FALSE, "same", False, Recheck.STALE),
        (Truth.UNKNOWN, None, False, Recheck.WAIT),
        (Truth.UNKNOWN, "same", False, Recheck.WAIT),
        (Truth.ERROR, None, True, Recheck.WAIT),
    ],
)
def test_what_was_approved_is_what_runs(truth, fresh, is_vip, answer):
    approved = open_action(ActionState.APPROVED)
    assert recheck(approved, truth, fresh, is_vip=is_vip) is answer


def test_approval_that_was_given_for_a_vip_covers_the_vip():
    approved = open_action(ActionState.APPROVED, vip="executives")
    assert recheck(approved, Truth.TRUE, "same", is_vip=True) is Recheck.SAME


@pytest.mark.parametrize(
    ("state", "truth", "answer"),
    [
        (ActionState.SUSPENDED, Truth.FALSE, True),
        (ActionState.SUSPENDED, Truth.UNKNOWN, False),
        (ActionState.SUSPENDED, Truth.ERROR, False),
        (ActionState.SUSPENDED, Truth.TRUE, False),
        (ActionState.EXECUTING, Truth.FALSE, False),
    ],
)
def test_only_a_clean_false_withdraws_an_undecided_action(state, truth, answer):
    assert is_withdrawn(state, truth) is answer


# --- rejections --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fresh", "later", "holds"),
    [
        ("same", timedelta(days=30) - timedelta(microseconds=1), True),
        ("same", timedelta(days=30), False),
        ("other", timedelta(0), False),
    ],
)
def test_rejection_holds_for_the_same_change_until_its_time_has_passed(fresh, later, holds):
    hold = Hold("r|1|7", "r", IdentityId(1), "same", NOW + timedelta(days=30), 1)
    assert hold_applies(hold, fresh, NOW + later) is holds
