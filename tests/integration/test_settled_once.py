"""What a verdict and a failure settle for good: the edges that the guards' reference page names."""

import pytest

from hypersync.model.actions import ActionState
from hypersync.model.objects import Refused
from tests.worlds import DISABLE, World

HAIL = """\
ruleset: events
rules:
  - {id: hail, kind: event, when: "hr.title == 'new'", throttle: 1s,
     do: {webhook: "https://hooks.example.org/hail"}}
"""


@pytest.fixture
def queued(tmp_path):
    """A world in which two are queued for a silo that is paused; it is resumed at the end."""
    world = World(tmp_path, DISABLE)
    world.people(range(20))
    world.run()
    with world.app.store.begin() as unit:
        unit.silos.pause("dir", "a test")
    world.leave(0, 1)
    world.run("delta")
    with world.app.store.begin() as unit:
        unit.silos.resume("dir")
    yield world
    world.close()


def test_what_is_queued_runs_under_a_limit_that_was_lowered_meanwhile(queued):
    queued.rules(DISABLE.replace("limit: 2", "limit: 0"))
    queued.run("full")
    assert queued.disabled() == {"u0", "u1"}


@pytest.mark.parametrize("switch", ["simulate: true", "enabled: false"])
def test_what_is_queued_is_void_once_its_rule_is_simulated_or_disabled(queued, switch):
    queued.rules(DISABLE.replace("{id: disable-leaver,", f"{{id: disable-leaver, {switch},"))
    run = queued.run("full")
    assert run.counts.void == 2
    assert queued.disabled() == set()


def test_an_event_that_failed_for_good_fires_again_only_when_its_condition_was_false(tmp_path):
    world = World(tmp_path, HAIL)
    world.person(1, title="new")
    world.sink.outcomes = [Refused("404")]
    world.run("full")
    for _ in range(3):
        world.later(minutes=20)
        world.run("full")
    with world.app.store.snapshot() as unit:
        assert unit.actions.count(ActionState.FAILED) == 1
    assert len(world.sink.fired) == 1
    world.change(1, title="old")
    world.run("full")
    world.change(1, title="new")
    world.run("full")
    assert len(world.sink.fired) == 2
    world.close()
