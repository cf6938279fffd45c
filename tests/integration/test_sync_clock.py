"""A clock that is set back by a day releases, expires and repeats nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from hypersync.model.actions import ActionState
from tests.worlds import DISABLE, TITLES, World

S = ActionState
DAY = timedelta(days=1)
FREE = TITLES.replace("limit: 2", "limit: 50")


@pytest.fixture
def titles(world):
    """Three people whose titles are right."""
    world.rules(FREE)
    for number in range(3):
        world.person(number, title="old")
        world.account(number, title="old")
    world.run()
    return world


@pytest.fixture
def leavers(world):
    """Three of ten left, one more than allowed."""
    world.people(range(10))
    world.run()
    world.leave(1, 2, 3)
    world.run()
    return world


def set_back(world):
    world.clock.time -= DAY


def queue(world, number, **attributes):
    """Queue a change and do not carry it out."""
    world.change(number, **attributes)
    app = world.app
    world.app = replace(app, engine=replace(app.engine, is_blackout=lambda _: True))
    run = world.run()
    world.app = app
    (action,) = world.actions(run)
    assert action.state is S.QUEUED
    return action


def test_what_our_actions_wrote_is_scanned_again_at_once(titles):
    titles.change(1, title="new")
    titles.run()
    set_back(titles)
    titles.account(1, title="by somebody else")
    titles.scan()
    with titles.app.store.snapshot() as unit:
        assert unit.objects.get("dir", "account", "u1").attributes["title"] == "by somebody else"


def test_what_was_queued_before_is_looked_at_again(titles):
    action = queue(titles, 1, title="new")
    set_back(titles)
    titles.change(1, title="")
    titles.scan()
    titles.sync("delta")
    assert titles.get(1)["title"] == "old"
    assert titles.again(action).state is not S.SUCCEEDED


@pytest.mark.parametrize("kind", ["delta", "full"])
def test_what_was_queued_and_is_still_wanted_runs_once(titles, kind):
    action = queue(titles, 1, title="new")
    set_back(titles)
    writes = titles.dir.writes
    titles.sync(kind)
    titles.sync(kind)
    assert titles.again(action).state is S.SUCCEEDED
    assert titles.dir.writes == writes + 1


def test_a_throttle_holds_as_if_it_had_started_now(tmp_path):
    world = World(tmp_path, FREE.replace("1s", "1h"))
    world.person(1, title="one")
    world.account(1, title="old")
    world.run()
    set_back(world)
    world.change(1, title="two")
    for _ in range(3):
        world.scan()
        assert world.sync("full").counts.throttled == 1
        world.later(minutes=50)
    assert world.get(1)["title"] == "one"
    world.close()


def test_nothing_expires_and_nothing_is_released_undecided(leavers):
    leavers.later(hours=20)
    set_back(leavers)
    waiting = leavers.suspended()
    for _ in range(3):
        leavers.later(hours=8)
        leavers.tick()
        leavers.scan()
        leavers.sync("full")
    assert leavers.states(waiting) == [S.SUSPENDED] * 3
    assert leavers.disabled() == set()


def test_what_was_approved_runs_once(leavers):
    leavers.approve(*leavers.suspended())
    set_back(leavers)
    leavers.sync("delta")
    assert leavers.disabled() == {"u1", "u2", "u3"}
    writes = leavers.dir.writes
    leavers.scan()
    leavers.sync("full")
    assert leavers.dir.writes == writes


def test_what_was_rejected_stays_rejected(leavers):
    leavers.reject(*leavers.suspended())
    set_back(leavers)
    for _ in range(3):
        leavers.scan()
        leavers.sync("full")
        leavers.tick()
        leavers.later(hours=8)
    assert leavers.disabled() == set()
    assert leavers.suspended() == []


def test_two_deltas_together_are_still_too_many(tmp_path):
    world = World(tmp_path, DISABLE)
    world.people(range(10))
    world.run()
    world.leave(1, 2)
    world.run("delta")
    set_back(world)
    world.leave(3)
    world.scan()
    world.sync("delta")
    assert world.disabled() == {"u1", "u2"}
    assert len(world.suspended()) == 1
    world.close()


def test_a_default_approve_counts_nobody_as_told_before_it_was_asked(tmp_path):
    """The mail seems to be from yesterday, because the clock was wrong when it was sent."""
    people = "people: {ann: {name: Ann, email: ann@example.org, roles: [approver]}}"
    rules = DISABLE.replace("limit: 2", "limit: 2, on_expiry: approve")
    world = World(tmp_path, rules, more=people)
    world.people(range(10))
    world.leave(1, 2, 3)
    world.run()
    waiting = world.suspended()
    told = (world.clock.time - DAY).strftime("%Y-%m-%d %H:%M:%S.000000")
    world.execute("UPDATE delivery SET state = 'sent', sent_at = ?", told)
    world.later(hours=25)
    world.tick()
    assert world.states(waiting) == [S.CLEARED] * 3
    world.close()
