from __future__ import annotations

from types import SimpleNamespace

import pytest

from hypersync.errors import EvaluationError
from hypersync.model.objects import Operation
from hypersync.pipeline.drafts import Identity
from hypersync.pipeline.passwords import MARK
from hypersync.pipeline.world import World
from tests.expressions import SLOTS


class Unit:
    """A snapshot of a few objects, and how often it was asked."""

    def __init__(self, *, uids=(), reserved=(), objects=None, last=None):
        self.asked = 0
        self._uids = uids
        self._objects = objects or {}
        self.objects = SimpleNamespace(values=self._values, in_slot_by_key=self._in_slot_by_key)
        self.marks = SimpleNamespace(reservations=lambda name: dict(reserved))
        self.actions = SimpleNamespace(of_object=lambda number, operations: last)

    def _values(self, silo, kind, attribute):
        self.asked += 1
        return iter(self._uids)

    def _in_slot_by_key(self, slot, key):
        self.asked += 1
        return self._objects.get((slot, key))


def world(unit, identity=1):
    book = SimpleNamespace(slots=SLOTS, slot_index=lambda name: 1)
    made = World(unit, book, count=None, quota=None)
    if identity is not None:
        made.enter(person(identity))
    return made


def person(number, rows=None):
    return Identity(number, [None, None], rows or [None, None])


NAMES = ("ad.uid",)


def test_a_free_name_is_given_as_it_is_and_a_taken_one_numbered():
    made = world(Unit(uids=[("Ann", 7), ("ann2", 8)]))
    assert made.unique(NAMES, "bob", 20) == "bob"
    assert made.unique(NAMES, "ann", 20) == "ann3"


def test_a_name_is_cut_so_that_its_number_fits():
    made = world(Unit(uids=[("alexand", 7)]))
    assert made.unique(NAMES, "alexandra", 7) == "alexan2"
    assert made.unique(NAMES, "christopher", 7) == "christo"


def test_who_has_a_name_already_keeps_it():
    assert world(Unit(uids=[("ann", 1)])).unique(NAMES, "ann", 20) == "ann"
    assert world(Unit(reserved={"ann": 1})).unique(NAMES, "ann", 20) == "ann"


def test_a_reserved_name_is_taken():
    assert world(Unit(reserved={"ann": 7})).unique(NAMES, "ann", 20) == "ann2"


def test_nobody_gets_a_name_that_was_given_in_this_run():
    made = world(Unit())
    assert made.unique(NAMES, "ann", 20) == "ann"
    made.enter(person(2))
    assert made.unique(NAMES, "Ann", 20) == "Ann2"
    assert made.reserved == {("ad.uid", "ann"): 1, ("ad.uid", "ann2"): 2}


def test_names_stay_given_when_a_newer_snapshot_is_seen():
    made = world(Unit())
    made.unique(NAMES, "ann", 20)
    made.see(Unit(uids=[("ann2", 9)]))
    made.enter(person(2))
    assert made.unique(NAMES, "ann", 20) == "ann3"


def test_a_name_has_to_be_free_everywhere():
    unit = Unit(uids=[("ann", 7)])
    assert world(unit).unique(("ad.uid", "hr.mail"), "ann", 20) == "ann2"
    assert unit.asked == 2


def test_no_candidate_gives_no_name():
    assert world(Unit()).unique(NAMES, "", 20) is None


@pytest.mark.parametrize("name", ["nothing.uid", "ad", "ad."])
def test_a_name_space_that_is_no_slot_and_attribute_is_an_error(name):
    with pytest.raises(EvaluationError, match=r"no slot\.attribute"):
        world(Unit()).unique((name,), "ann", 20)


def test_names_that_run_out_are_an_error():
    taken = [("a", 7), *((f"{number}", 7) for number in range(10_000))]
    with pytest.raises(EvaluationError, match="no free name"):
        world(Unit(uids=taken)).unique(NAMES, "a", 1)


def test_a_reference_is_the_dn_or_else_the_anchor_and_asked_once():
    objects = {
        ("ad", "e1"): SimpleNamespace(anchor="a1", attributes={"dn": "cn=one"}),
        ("ad", "e2"): SimpleNamespace(anchor="a2", attributes={}),
    }
    unit = Unit(objects=objects)
    made = world(unit)
    assert [made.reference("ad", key) for key in ("e1", "e2", "e3", "e1", "e3")] == [
        "cn=one",
        "a2",
        None,
        "cn=one",
        None,
    ]
    assert unit.asked == 3


def test_planning_knows_the_mark_of_a_password_only():
    assert world(Unit()).initial_password() == MARK


@pytest.mark.parametrize(
    ("last", "ours"), [(None, False), (Operation.DISABLE, True), (Operation.ENABLE, False)]
)
def test_disabled_by_us_is_when_our_last_switch_was_off(last, ours):
    action = None if last is None else SimpleNamespace(operation=last)
    made = world(Unit(last=action), None)
    made.enter(person(1, [None, (5, "a1", "{}")]))
    assert made.disabled_by_us("ad", object()) is ours


def test_an_empty_slot_was_not_disabled_by_us():
    assert world(Unit()).disabled_by_us("ad", None) is False


def test_without_an_identity_nothing_about_one_can_be_asked():
    with pytest.raises(EvaluationError, match="no identity"):
        world(Unit(), None).disabled_by_us("ad", None)
