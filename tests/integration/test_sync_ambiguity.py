"""Somebody who left and is held up by an ambiguity does not go unnoticed."""

from __future__ import annotations

import pytest

from hypersync.model.requests import RequestKind, RequestState
from hypersync.pipeline.vip import TAKEN
from tests.postgresql import both_databases
from tests.worlds import DISABLE, World

pytestmark = both_databases


@pytest.fixture
def twins(world):
    """Two accounts for one of ten people."""
    world.people(range(10))
    world.run()
    world.dir.put("account", "u1b", {"uid": "u1b", "number": "e1", "active": "true"})
    world.run()
    return world


def incidents(world):
    with world.app.store.snapshot() as unit:
        return [each for each in unit.requests.open() if each.kind is RequestKind.INCIDENT]


def test_both_objects_are_listed_with_the_value_that_collides(twins):
    run = twins.run("full")
    (text,) = {each.message for each in twins.errors(run) if each.code == "ambiguous"}
    assert text == "2 objects for account with the join value e1: u1, u1b"


@pytest.mark.parametrize("kind", ["full", "delta"])
def test_a_leaver_who_is_held_up_for_a_day_is_one_incident(twins, kind):
    twins.leave(1)
    twins.later(hours=23)
    twins.run(kind)
    assert incidents(twins) == []
    twins.later(hours=1)
    twins.run(kind)
    (incident,) = incidents(twins)
    assert "Person 1 may have left, and no rule runs for them since" in incident.sentence
    assert "u1, u1b" in incident.sentence
    for _ in range(3):
        twins.later(days=1)
        twins.run(kind)
    assert [each.id for each in incidents(twins)] == [incident.id]
    assert twins.disabled() == set()


def test_somebody_who_certainly_stays_is_no_incident(twins):
    twins.later(days=3)
    twins.run("full")
    assert incidents(twins) == []


def test_whichever_of_the_objects_is_the_one_it_counts(twins):
    """The last one seen is switched off already, the other is not."""
    twins.dir.put("account", "u1b", {"uid": "u1b", "number": "e1", "active": "false"})
    twins.leave(1)
    twins.later(days=2)
    twins.run("full")
    assert len(incidents(twins)) == 1


def test_two_people_for_one_account_are_an_incident_when_one_of_them_left(world):
    world.people(range(3))
    world.run()
    world.hr.put("person", "E1", {"id": "E1", "name": "Person 1", "status": "left"})
    world.run()
    world.later(days=2)
    world.run("full")
    assert len(incidents(world)) == 1
    assert world.disabled() == set()


def test_it_ends_when_the_ambiguity_ends(twins):
    twins.leave(1)
    twins.later(days=2)
    twins.run("full")
    (incident,) = incidents(twins)
    twins.dir.remove("account", "u1b")
    twins.run("delta")
    assert incidents(twins) == []
    with twins.app.store.snapshot() as unit:
        assert unit.requests.get(incident.id).state is RequestState.VOID
    (asked,) = twins.suspended()  # of two, who stays may be the wrong one
    assert (asked.anchor, asked.vip) == ("u1", TAKEN)
    twins.approve(asked)
    twins.run("delta")
    assert twins.disabled() == {"u1"}


def test_a_preview_opens_no_incident(twins):
    twins.leave(1)
    twins.later(days=2)
    twins.scan()
    twins.sync("full", commit=False)
    assert incidents(twins) == []


def test_an_ambiguity_that_comes_again_counts_from_then(tmp_path, database_url):
    world = World(tmp_path, DISABLE, database=database_url)
    world.people(range(3))
    world.leave(1)
    world.dir.put("account", "u1b", {"uid": "u1b", "number": "e1", "active": "true"})
    world.run()
    world.dir.remove("account", "u1b")
    world.account(1, active="false")
    world.run()
    world.later(days=3)
    world.dir.put("account", "u1b", {"uid": "u1b", "number": "e1", "active": "true"})
    world.run()
    assert incidents(world) == []
    world.close()
