"""What of a wish would redo what was undone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from hypersync.model.ids import ActionId, IdentityId, ObjectId, RunId
from hypersync.model.objects import Operation
from hypersync.pipeline.drafts import Draft
from hypersync.pipeline.undo.undone import held_text, without_undone
from hypersync.ports.store.marks import UndoHold
from hypersync.rulebook.expression import parse
from tests.candidates import NOW
from tests.expressions import NAMES, a_rule

RULE = replace(a_rule(0, parse("hr.exists", NAMES)), id="flow")
UNTIL = NOW + timedelta(days=30)
OP = Operation


def hold(operation=OP.UPDATE, before=None, after=None, **more) -> UndoHold:
    known = {
        "undo": ActionId("undo"),
        "run": RunId("r7"),
        "rule": "flow",
        "identity": IdentityId(1),
        "object_id": ObjectId(7),
        "slot": "account",
        "target": "",
        "until": UNTIL,
    }
    return UndoHold(operation=operation, before=before, after=after, **(known | more))


def draft(operation=OP.UPDATE, before=None, after=None, **more) -> Draft:
    known = {
        "rule": RULE,
        "identity": IdentityId(1),
        "object_id": ObjectId(7),
        "silo": "ad",
        "type": "user",
        "anchor": "u1",
        "slot": "account",
    }
    return Draft(operation=operation, before=before, after=after, **(known | more))


def left_of(wish: Draft, *holds: UndoHold, now=NOW):
    """What may go on, as the values that are written; ``None`` where nothing may."""
    rest, _ = without_undone(wish, holds, now)
    return None if rest is None else (rest.before, rest.after)


def untouched(wish: Draft, *holds: UndoHold, now=NOW) -> bool:
    rest, held = without_undone(wish, holds, now)
    return rest is wish and not held


UNDONE = hold(before={"title": "A", "mail": None}, after={"title": "B", "mail": "x"})


@pytest.mark.parametrize(
    ("before", "after", "left"),
    [
        ({"title": "A"}, {"title": "B"}, None),
        ({"title": "A", "mail": None}, {"title": "B", "mail": "x"}, None),
        ({"title": "A", "mail": ""}, {"mail": "x", "title": "B"}, None),
        ({"title": "A", "office": 1}, {"title": "B", "office": 2}, ({"office": 1}, {"office": 2})),
        ({"title": "A"}, {"title": "C"}, ({"title": "A"}, {"title": "C"})),
        ({"title": "Z"}, {"title": "B"}, ({"title": "Z"}, {"title": "B"})),
        ({"title": "A"}, {"title": None}, ({"title": "A"}, {"title": None})),
        ({"office": 1}, {"office": 2}, ({"office": 1}, {"office": 2})),
    ],
)
def test_values_that_were_undone_are_held_and_the_others_go_on(before, after, left):
    assert left_of(draft(before=before, after=after), UNDONE) == left


def test_undos_of_several_runs_hold_what_lies_between_them():
    first = hold(before={"title": "A"}, after={"title": "B"})
    second = hold(before={"title": "B"}, after={"title": "C"})
    for there, wanted in ("AB", "AC", "BC"):
        wish = draft(before={"title": there}, after={"title": wanted})
        assert left_of(wish, first, second) is None, (there, wanted)
    assert untouched(draft(before={"title": "A"}, after={"title": "C"}), first)
    assert untouched(draft(before={"title": "A"}, after={"title": "D"}), first, second)


@pytest.mark.parametrize("operation", [OP.MOVE, OP.RENAME, OP.ENABLE, OP.DISABLE])
def test_one_operation_is_held_whole(operation):
    wish = draft(operation, before={"flag": 1, "more": 1}, after={"flag": 2, "more": 2})
    assert left_of(wish, hold(operation, before={"flag": 1}, after={"flag": 2})) is None
    assert untouched(wish, hold(operation, before={"flag": 1}, after={"flag": 3}))


def test_place_that_is_spelled_otherwise_is_the_same_place():
    undone = hold(OP.MOVE, before={"dn": "cn=a,ou=x"}, after={"dn": "cn=a,ou=y"})
    wish = draft(OP.MOVE, before={"dn": "CN=a, OU=x"}, after={"dn": "CN=a,OU=Y"})
    assert left_of(wish, undone) is None


def test_delete_is_held_whatever_the_object_is_like_by_now():
    undone = hold(OP.DELETE, before={"title": "A"})
    assert left_of(draft(OP.DELETE, before={"title": "Z", "mail": "x"}), undone) is None
    assert untouched(draft(OP.DISABLE, before={"active": 1}, after={"active": 0}), undone)
    assert untouched(draft(OP.DELETE, before={"title": "A"}, object_id=ObjectId(8)), undone)


def test_creation_is_held_until_what_it_would_create_is_something_else():
    undone = hold(OP.CREATE, after={"title": "A", "mail": "x"})

    def create(after, **more):
        return draft(OP.CREATE, after=after, object_id=None, **more)

    assert left_of(create({"title": "A", "mail": "x"}), undone) is None
    assert left_of(create({"title": "A", "office": 1}), undone) is None
    assert untouched(create({"title": "B", "mail": "x"}), undone)
    assert untouched(create({"title": "A", "mail": "x"}, slot="admin"), undone)
    assert untouched(draft(after={"title": "A", "mail": "x"}), undone)


@pytest.mark.parametrize("operation", [OP.ADD_MEMBER, OP.REMOVE_MEMBER])
def test_membership_is_held_by_group_and_member(operation):
    undone = hold(operation, after={"member": "u1"}, target="sales|u1")
    assert left_of(draft(operation, after={"member": "u1"}, target="sales|u1"), undone) is None
    assert untouched(draft(operation, after={"member": "u2"}, target="sales|u2"), undone)
    other = OP.REMOVE_MEMBER if operation is OP.ADD_MEMBER else OP.ADD_MEMBER
    assert untouched(draft(other, after={"member": "u1"}, target="sales|u1"), undone)


def test_hold_is_of_one_rule_and_one_object_and_ends_with_its_time():
    wish = draft(before={"title": "A"}, after={"title": "B"})
    undone = hold(before={"title": "A"}, after={"title": "B"})
    assert left_of(wish, undone, now=UNTIL - timedelta(microseconds=1)) is None
    assert untouched(wish, undone, now=UNTIL)
    assert untouched(wish, replace(undone, rule="other"))
    assert untouched(wish, replace(undone, object_id=ObjectId(8)))
    assert untouched(wish)


def test_calls_are_never_held_by_an_undo():
    call = draft(OP.EVENT, after={"webhook": "https://x"}, object_id=None, slot="")
    assert untouched(call, hold(OP.CREATE, after={}, slot=""))


def test_text_names_the_runs_and_what_they_hold():
    one, other = hold(), hold(run=RunId("r8"), until=UNTIL + timedelta(days=1))
    assert (
        held_text([one])
        == f"held back: undone by run r7; it holds until {UNTIL:%Y-%m-%d %H:%M} UTC"
    )
    text = held_text([one, other, one], ["mail", "title"])
    assert text.startswith("held back (mail, title): undone by run r7, r8; it holds until ")
    assert text.endswith(f"{UNTIL + timedelta(days=1):%Y-%m-%d} {UNTIL:%H:%M} UTC")
