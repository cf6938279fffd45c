"""A reference whose object is not there yet is set as soon as it is."""

from __future__ import annotations

import pytest

from tests.postgresql import both_databases
from tests.worlds import World

pytestmark = both_databases

MANAGERS = """\
ruleset: managers
rules:
  - {id: provision, kind: provision, target: account, when: "hr.status == 'active'", throttle: 1s,
     set: {uid: "'u' + hr.id[1:]", number: hr.id}, threshold: {limit: 99}}
  - {id: manager, kind: update, target: account, throttle: 1s,
     set: {dn: "ref('account', hr.level)"}, threshold: {limit: 99}}
"""


@pytest.fixture
def staff(world):
    """One reports to two, who has no account yet."""
    world.rules(MANAGERS)
    world.person(1, level="e2")
    world.person(2, status="coming")
    world.run("full")
    assert "dn" not in world.get(1)
    return world


def test_it_is_set_by_the_next_delta_after_our_own_action_made_the_object(staff):
    staff.change(2, status="active")
    staff.run("delta")
    staff.run("delta")
    assert staff.get(1)["dn"] == "u2"


def test_it_is_set_by_the_next_delta_after_a_scan_found_the_object(staff):
    staff.account(2)
    staff.run("delta")
    assert staff.get(1)["dn"] == "u2"


def test_it_is_looked_at_once_for_each_object_that_appears(staff):
    staff.account(2)
    staff.run("delta")
    assert staff.rows("awaited_reference") == []
    staff.change(2, title="something else")
    run = staff.run("delta")
    assert run.counts.proposed == 0


def test_another_object_of_that_identity_is_not_the_one(staff):
    staff.change(2, title="still coming")
    staff.run("delta")
    assert len(staff.rows("awaited_reference")) == 1


def test_a_preview_remembers_nothing(tmp_path, database_url):
    world = World(tmp_path, MANAGERS, database=database_url)
    world.person(1, level="e2")
    world.account(1)
    world.run("full", commit=False)
    assert world.rows("awaited_reference") == []
    world.close()


def test_a_type_that_is_loaded_later_counts_too(tmp_path, database_url):
    world = World(tmp_path, MANAGERS, database=database_url)
    world.person(1, level="e2")
    world.person(2, status="coming")
    world.later(minutes=1)
    world.scan("hr")
    world.sync("full")
    world.account(1)
    world.account(2)
    world.later(minutes=1)
    world.scan()
    world.sync("delta")
    world.run("delta")
    assert world.get(1)["dn"] == "u2"
    world.close()


def test_who_joins_a_delta_twice_is_counted_once(staff):
    staff.change(1, title="one")
    staff.later(minutes=1)
    staff.scan()

    def again():
        staff.change(1, title="two")
        staff.scan()

    staff.meanwhile.done.append(again)
    run = staff.sync("delta")
    assert run.counts.identities == 1


def test_it_is_set_by_the_next_delta_after_the_object_appeared_while_the_plan_was_made(world):
    world.rules(MANAGERS)
    world.person(1, level="e2")
    world.person(2, status="coming")
    world.account(1)
    world.later(minutes=1)
    world.scan()

    def come():
        world.account(2)
        world.scan("dir")

    world.meanwhile.done.append(come)
    world.sync("full")
    assert "dn" not in world.get(1)
    assert world.rows("awaited_reference") == []
    world.run("delta")
    assert world.get(1)["dn"] == "u2"


def test_others_who_wait_for_something_else_go_on_waiting(world):
    world.rules(MANAGERS)
    world.person(1, level="e2")
    world.person(2, status="coming")
    world.account(1)
    world.person(3, level="e4")
    world.account(3)
    world.later(minutes=1)
    world.scan()

    def come():
        world.account(2)
        world.scan("dir")

    world.meanwhile.done.append(come)
    world.sync("full")
    assert [row[1:] for row in world.rows("awaited_reference")] == [
        ("value:e4", world.identity(3)),
    ]
