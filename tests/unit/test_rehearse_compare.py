"""What makes two changes the same, and which differences a rehearsal lists."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from hypersync.model.actions import Action, ActionState, Reason
from hypersync.model.ids import ActionId, IdentityId, ObjectId, RunId
from hypersync.model.objects import Operation
from hypersync.pipeline.join import Assignment
from hypersync.ports.store.objects import StoredObject
from hypersync.rehearse.compare import Fate, Side, differences
from hypersync.rehearse.planting import Planted, divided

NOW = datetime(2026, 3, 2, tzinfo=UTC)
UPDATE = Action(
    id=ActionId("a"),
    run=RunId("r"),
    rule="flow-title",
    identity=IdentityId(7),
    object_id=ObjectId(3),
    silo="dir",
    type="account",
    anchor="u1",
    slot="account",
    operation=Operation.UPDATE,
    key="k",
    state=ActionState.SUCCEEDED,
    before={"title": "clerk"},
    after={"title": "chief"},
    fingerprint="f",
    title="Person 1",
)
STOPPED = {
    "state": ActionState.SUSPENDED,
    "suspended_at": NOW,
    "reasons": (Reason("threshold", "limit", "3 actions, 2 allowed"),),
}


def side(*actions: Action, keys: dict[int, str | None] | None = None) -> Side:
    made = Side()
    made.take(actions, NOW, keys or {})
    return made


def fates(was: Side, would_be: Side) -> list[tuple[Fate | None, Fate | None]]:
    return [(each.was, each.would_be) for each in differences(was, would_be)]


@pytest.mark.parametrize(
    "other",
    [
        replace(UPDATE, rule="renamed"),
        replace(UPDATE, before={"title": "other"}),
        replace(UPDATE, identity=IdentityId(8), object_id=ObjectId(9), title="P. One"),
        replace(UPDATE, state=ActionState.FAILED),
    ],
)
def test_the_same_change_is_no_difference_whoever_makes_it(other):
    assert fates(side(UPDATE), side(other)) == []


@pytest.mark.parametrize(
    "other",
    [
        replace(UPDATE, after={"title": "head"}),
        replace(UPDATE, anchor="u2"),
        replace(UPDATE, operation=Operation.RENAME),
        replace(UPDATE, silo="other"),
    ],
)
def test_another_change_is_missed_and_new(other):
    assert sorted(fates(side(UPDATE), side(other)), key=str) == [
        (Fate.DONE, None),
        (None, Fate.DONE),
    ]


def test_what_is_stopped_instead_of_done_is_a_difference_with_its_reason():
    stopped = replace(UPDATE, **STOPPED)
    (found,) = differences(side(UPDATE), side(stopped))
    assert (found.was, found.would_be) == (Fate.DONE, Fate.STOPPED)
    assert found.effect.why == "3 actions, 2 allowed"
    assert fates(side(stopped), side(UPDATE)) == [(Fate.STOPPED, Fate.DONE)]
    assert fates(side(stopped), side(replace(stopped, state=ActionState.CLEARED))) == []


def test_a_change_that_came_up_again_counts_by_the_most_that_became_of_it():
    both = side(replace(UPDATE, **STOPPED), UPDATE, replace(UPDATE, **STOPPED))
    assert fates(side(UPDATE), both) == []
    assert both.done["flow-title", "update"] == 1
    assert both.stopped["flow-title", "update"] == 2


def test_what_is_only_planned_is_nothing():
    assert side(replace(UPDATE, state=ActionState.PLANNED)).effects == {}


def test_whoever_is_created_is_known_by_the_key_of_the_identity_else_by_name():
    create = replace(UPDATE, operation=Operation.CREATE, anchor="u1", before=None)
    again = replace(create, identity=IdentityId(8), anchor=None, after={"title": "x"}, title="P")
    assert fates(side(create, keys={7: "e1"}), side(again, keys={8: "e1"})) == []
    assert len(fates(side(create, keys={7: "e1"}), side(again, keys={8: "e2"}))) == 2
    assert fates(side(create), side(replace(again, title="Person 1"))) == []


def test_an_event_of_another_rule_is_another_event():
    event = replace(UPDATE, operation=Operation.EVENT, silo="", type="", anchor=None)
    assert fates(side(event), side(event)) == []
    assert len(fates(side(event), side(replace(event, rule="other")))) == 2


def test_a_membership_is_one_of_a_group_and_a_member():
    add = replace(UPDATE, operation=Operation.ADD_MEMBER, before=None, after={"member": "u1"})
    remove = replace(add, operation=Operation.REMOVE_MEMBER, before={"member": "u1"}, after=None)
    assert len(fates(side(add), side(replace(add, after={"member": "u2"})))) == 2
    assert len(fates(side(add), side(remove))) == 2
    assert fates(side(remove), side(remove)) == []


def test_differences_come_in_the_order_in_which_the_changes_came_up():
    early, late = Side(), Side()
    early.take([replace(UPDATE, anchor="u2", title="B")], NOW + timedelta(days=1), {})
    early.take([replace(UPDATE, anchor="u3", title="C")], NOW, {})
    late.take([replace(UPDATE, anchor="u4", title="A")], NOW, {})
    titles = [each.effect.title for each in differences(early, late)]
    assert titles == ["A", "C", "B"]


# --- identities as they were -------------------------------------------------------------------


def planted(number: int, key: str | None) -> Planted:
    stored = StoredObject(
        id=ObjectId(number),
        silo="hr",
        type="person",
        anchor=f"e{number}",
        identity=IdentityId(1),
        slot="hr",
        key=key,
        attributes={},
        absence=None,
        source="scan:s",
        created_at=NOW,
        changed_at=NOW,
    )
    return Planted(stored, Assignment("hr", key), None)


def test_an_identity_keeps_its_objects_of_one_key_and_gives_up_the_others():
    one, two, other = planted(1, "a"), planted(2, "a"), planted(3, "b")
    assert divided([one, two], set()) == ("a", [one, two], [])
    assert divided([one, other, two], set()) == ("a", [one, two], [other])
    assert divided([one, other], {"a"}) == ("b", [other], [one])
    assert divided([one, two], {"a"}) == (None, [], [one, two])


def test_an_object_without_a_key_stands_alone():
    one, two, keyed = planted(1, None), planted(2, None), planted(3, "a")
    assert divided([one], set()) == (None, [one], [])
    assert divided([one, two], set()) == (None, [one], [two])
    assert divided([one, keyed], set()) == ("a", [keyed], [one])
