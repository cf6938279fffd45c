from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from hypersync.model.actions import ActionState
from hypersync.model.ids import ActionId, IdentityId, ObjectId, RunId
from hypersync.model.objects import Attributes, Operation
from hypersync.pipeline.release import (
    Next,
    Truth,
    asks_again,
    fingerprint,
    hold_applies,
    hold_text,
    next_of,
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

BEING_DONE = (ActionState.EXECUTING, ActionState.UNKNOWN)
WAITING = (ActionState.SUSPENDED, ActionState.APPROVED, ActionState.QUEUED)


@pytest.mark.parametrize(
    ("state", "fresh", "answer"),
    [
        (ActionState.SUSPENDED, "same", Next.NOTHING),
        (ActionState.SUSPENDED, "other", Next.REPLACE),
        (ActionState.SUSPENDED, None, Next.STALE),
        (ActionState.APPROVED, "same", Next.RELEASE),
        (ActionState.APPROVED, "other", Next.REPLACE),
        (ActionState.APPROVED, None, Next.STALE),
        (ActionState.QUEUED, "same", Next.AGAIN),
        (ActionState.QUEUED, "other", Next.REPLACE),
        (ActionState.QUEUED, None, Next.STALE),
    ],
)
def test_what_was_approved_is_what_runs(state, fresh, answer):
    assert next_of(open_action(state), Truth.TRUE, fresh, is_vip=False) is answer


@pytest.mark.parametrize("is_vip", [False, True])
@pytest.mark.parametrize("fresh", ["same", "other", None])
@pytest.mark.parametrize("truth", Truth)
@pytest.mark.parametrize("state", BEING_DONE)
def test_what_is_being_done_goes_on_whatever_is_wanted_now(state, truth, fresh, is_vip):
    assert next_of(open_action(state), truth, fresh, is_vip=is_vip) is Next.NOTHING


@pytest.mark.parametrize("fresh", ["same", "other", None])
@pytest.mark.parametrize("truth", [Truth.UNKNOWN, Truth.ERROR])
@pytest.mark.parametrize("state", WAITING)
def test_what_cannot_be_told_waits(state, truth, fresh):
    assert next_of(open_action(state), truth, fresh, is_vip=True) is Next.WAIT


@pytest.mark.parametrize("state", WAITING)
def test_a_clean_false_ends_what_waits(state):
    assert next_of(open_action(state), Truth.FALSE, None, is_vip=False) is Next.STALE


@pytest.mark.parametrize(
    ("state", "vip", "answer"),
    [
        (ActionState.SUSPENDED, None, Next.NOTHING),
        (ActionState.APPROVED, None, Next.REPLACE),
        (ActionState.QUEUED, None, Next.REPLACE),
        (ActionState.APPROVED, "executives", Next.RELEASE),
        (ActionState.QUEUED, "executives", Next.AGAIN),
    ],
)
def test_what_was_let_through_for_volume_does_not_cover_a_vip(state, vip, answer):
    assert next_of(open_action(state, vip=vip), Truth.TRUE, "same", is_vip=True) is answer


@pytest.mark.parametrize("state", [ActionState.SUSPENDED, ActionState.APPROVED])
def test_after_three_replacements_people_are_not_asked_again(state):
    almost = open_action(state, 2)
    assert next_of(almost, Truth.TRUE, "other", is_vip=False) is Next.REPLACE
    often = open_action(state, 3)
    assert next_of(often, Truth.TRUE, "other", is_vip=False) is Next.UNSTABLE


def test_what_is_only_queued_is_replaced_however_often():
    queued = open_action(ActionState.QUEUED, 3)
    assert next_of(queued, Truth.TRUE, "other", is_vip=False) is Next.REPLACE


def test_the_same_change_is_not_unstable_however_often_it_was_replaced():
    approved = open_action(ActionState.APPROVED, 3)
    assert next_of(approved, Truth.TRUE, "same", is_vip=False) is Next.RELEASE


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


def test_what_nobody_answered_holds_nothing_back_but_is_asked_again_until_its_time_has_passed():
    until = NOW + timedelta(days=30)
    hold = Hold("r|1|7", "r", IdentityId(1), "same", until, 1, NOW, is_unanswered=True)
    assert not hold_applies(hold, "same", NOW)
    assert asks_again(hold, until - timedelta(microseconds=1))
    assert not asks_again(hold, until)


def test_another_change_than_the_rejected_one_is_asked_until_the_time_of_the_rejection():
    until = NOW + timedelta(days=30)
    hold = Hold("r|1|7", "r", IdentityId(1), "same", until, 1, NOW)
    assert not hold_applies(hold, "other", NOW)
    assert asks_again(hold, until - timedelta(microseconds=1))
    assert not asks_again(hold, until)


@pytest.mark.parametrize(
    ("times", "text"),
    [
        (1, "rejected; it holds until 2026-12-21 12:00 UTC"),
        (2, "rejected 2 times; it holds until 2026-12-21 12:00 UTC"),
        (3, "rejected 3 times; it holds until 2026-12-21 12:00 UTC"),
    ],
)
def test_what_is_held_back_says_why_and_until_when(times, text):
    until = NOW + timedelta(days=30)
    assert hold_text(Hold("r|1|7", "r", ONE, "same", until, times)) == text
