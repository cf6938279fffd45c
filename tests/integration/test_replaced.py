"""A deleted account and another one in its place: the rules do not take it for the same one."""

from __future__ import annotations

import pytest

from hypersync.model.objects import DeletionKind
from hypersync.pipeline.vip import TAKEN
from tests.worlds import TITLES


@pytest.fixture
def titles(world):
    """Ten people with accounts; nothing is to be done."""
    world.rules(TITLES.replace("limit: 2", "limit: 50"))
    world.people(range(10), title="old")
    for number in range(10):
        world.account(number, title="old")
    world.run()
    return world


def other(world, number, uid, **attributes):
    """Somebody makes another account with the number of a person."""
    known = {"uid": uid, "number": f"e{number}", "active": "true", "title": "old"}
    world.dir.put("account", uid, {**known, **attributes})


def is_asked_about(world, number):
    """Tell whether a wish for one person waits because of the other account."""
    world.later(hours=1)
    world.change(number, title="new")
    run = world.run()
    found = world.suspended()
    if not found:
        assert run.counts.succeeded == 1
        return False
    assert [(action.vip, run.counts.succeeded) for action in found] == [(TAKEN, 0)]
    return True


def test_another_account_in_the_place_of_a_deleted_one_waits_for_people(titles):
    titles.dir.remove("account", "u1")
    titles.later(minutes=5)
    titles.run()
    other(titles, 1, "x1")
    assert is_asked_about(titles, 1)
    (action,) = titles.suspended()
    assert action.reasons[0].text.startswith("another object is in the place of one that went at ")
    assert titles.dir.get("account", "x1")["title"] == "old"
    titles.approve(action)
    titles.later(minutes=5)
    assert titles.run().counts.succeeded == 1
    assert titles.dir.get("account", "x1")["title"] == "new"


def test_deleted_and_made_again_between_two_scans_is_noticed_as_well(titles):
    titles.dir.remove("account", "u1")
    other(titles, 1, "x1")
    assert is_asked_about(titles, 1)


def test_made_first_and_the_old_one_deleted_later_is_noticed_as_well(titles):
    other(titles, 1, "x1")
    titles.later(minutes=5)
    titles.run()  # two at once: ambiguous
    titles.dir.remove("account", "u1")
    assert is_asked_about(titles, 1)


@pytest.mark.parametrize("goes", ["u1", "x1"])
def test_of_two_at_once_whoever_stays_is_asked_about(titles, goes):
    other(titles, 1, "x1")
    titles.later(minutes=5)
    titles.run()
    titles.dir.remove("account", goes)
    assert is_asked_about(titles, 1)


def test_an_old_account_that_is_given_the_number_of_another_is_noticed(titles):
    titles.dir.put("account", "a0", {"uid": "a0", "number": "z", "active": "true", "title": "old"})
    titles.people(range(20, 22), title="old")  # accounts that are younger than the old one
    for number in (20, 21):
        titles.account(number, title="old")
    titles.later(minutes=5)
    titles.run()
    other(titles, 20, "a0")
    titles.later(minutes=5)
    titles.run()
    titles.dir.remove("account", "u20")
    for _ in range(3):
        titles.later(minutes=5)
        titles.run()
    assert is_asked_about(titles, 20)


def test_who_left_the_scope_and_another_in_its_place_is_noticed(titles):
    titles.dir.remove("account", "u1", DeletionKind.OUT_OF_SCOPE)
    titles.later(minutes=5)
    titles.run()
    titles.dir.remove("account", "u1")
    other(titles, 1, "x1")
    assert is_asked_about(titles, 1)


def test_what_left_the_scope_and_is_deleted_then_is_deleted(titles):
    titles.dir.remove("account", "u1", DeletionKind.OUT_OF_SCOPE)
    titles.later(minutes=5)
    titles.run()
    titles.dir.remove("account", "u1")
    titles.later(minutes=5)
    titles.run()
    assert [row[9] for row in titles.rows("object") if row[2] == "u1"] == ["gone"]


def test_the_same_account_that_comes_back_is_the_same(titles):
    titles.dir.remove("account", "u1")
    titles.later(minutes=5)
    titles.run()
    titles.account(1, title="old")
    assert not is_asked_about(titles, 1)


def test_another_record_in_the_source_is_no_matter(titles):
    titles.hr.remove("person", "e1")
    titles.later(minutes=5)
    titles.scan()
    titles.hr.put("person", "E1", {"id": "E1", "status": "active", "title": "old"})
    titles.later(hours=1)
    titles.scan()
    titles.hr.put("person", "E1", {"id": "E1", "status": "active", "title": "new"})
    assert titles.run().counts.succeeded == 1


def test_it_is_forgotten_after_the_memory_of_vips(titles):
    titles.dir.remove("account", "u1")
    other(titles, 1, "x1")
    titles.later(hours=1)
    titles.run()
    titles.later(days=31)
    assert not is_asked_about(titles, 1)


def test_what_runs_remember_of_vips_does_not_unmake_it(world):
    world.rules(
        TITLES.replace("limit: 2", "limit: 50"),
        more="vip: [{name: executives, when: \"hr.level == 'C'\", expires: 72h}]",
    )
    world.people(range(3), title="old")
    for number in range(3):
        world.account(number, title="old")
    world.run()
    world.dir.remove("account", "u1")
    other(world, 1, "x1")
    world.change(1, level="C")
    world.later(minutes=5)
    world.run()
    world.change(1, level="E")
    world.later(minutes=5)
    world.run()
    world.later(days=20)
    world.change(1, title="new")
    world.run()
    assert {action.vip for action in world.suspended()} == {TAKEN}


OWN = """\
ruleset: accounts
rules:
  - {id: make, kind: provision, target: account, when: "hr.status == 'active'", throttle: 1s,
     set: {uid: "'n' + hr.id", number: hr.id, active: {text: "true"}, title: hr.title},
     threshold: {limit: 50}}
  - {id: flow-title, kind: update, target: account, throttle: 1s, set: {title: hr.title},
     threshold: {limit: 50}}
"""


def test_an_account_that_we_made_ourselves_is_ours(world):
    world.rules(OWN)
    world.people(range(5), title="old")
    for number in range(5):
        world.account(number, title="old")
    world.run()
    world.dir.remove("account", "u1")
    world.later(minutes=5)
    assert world.run().counts.succeeded == 1
    assert world.dir.get("account", "ne1")["title"] == "old"
    assert not is_asked_about(world, 1)
