"""What waits says for what, and what nobody answered does not come back in small portions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hypersync.model.actions import ActionState
from tests.postgresql import both_databases
from tests.worlds import DISABLE, World

S = ActionState

pytestmark = both_databases


@pytest.fixture
def leavers(world):
    """Three of ten left, one more than allowed."""
    world.people(range(10))
    world.run()
    world.leave(1, 2, 3)
    world.run()
    assert len(world.suspended()) == 3
    return world


def by_account(world, number):
    return next(a for a in world.suspended() if a.anchor == f"u{number}")


# --- the reason ------------------------------------------------------------------------------


def test_what_waits_for_a_decision_only_gives_no_other_reason(leavers):
    leavers.run("full")
    assert {action.waits for action in leavers.suspended()} == {None}


def test_unknown_is_said_and_taken_back(leavers):
    one = by_account(leavers, 1)
    leavers.change(1, status="")
    leavers.run()
    assert "cannot be told" in leavers.again(one).waits
    leavers.leave(1)
    leavers.run()
    assert leavers.again(one).waits is None


def test_an_ambiguity_is_said_with_both_objects_and_their_value(leavers):
    one = by_account(leavers, 1)
    leavers.dir.put("account", "u1b", {"uid": "u1b", "number": "e1", "active": "true"})
    leavers.run()
    assert "u1, u1b" in leavers.again(one).waits


def test_a_paused_silo_is_said(leavers):
    one = by_account(leavers, 1)
    leavers.approve(one)
    with leavers.app.store.begin() as unit:
        unit.silos.pause("dir", "a test")
    leavers.run()
    assert leavers.again(one).waits == "the silo dir is paused"
    with leavers.app.store.begin() as unit:
        unit.silos.resume("dir")
    leavers.run()
    assert (leavers.again(one).state, leavers.again(one).waits) == (S.SUCCEEDED, None)


def test_a_blackout_is_said(leavers):
    one = by_account(leavers, 1)
    leavers.approve(one)
    app = leavers.app
    leavers.app = replace(app, engine=replace(app.engine, is_blackout=lambda _: True))
    leavers.run()
    assert leavers.again(one).waits == "a blackout window is open"


def test_a_preview_writes_no_reason(leavers):
    one = by_account(leavers, 1)
    leavers.approve(one)
    leavers.sync("full", commit=False)
    assert leavers.again(one).waits is None


# --- what nobody answered --------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["full", "delta"])
def test_what_nobody_answered_does_not_run_because_the_others_were_approved(leavers, kind):
    leavers.approve(by_account(leavers, 1))
    leavers.later(minutes=1)
    leavers.sync("delta")
    assert leavers.disabled() == {"u1"}
    leavers.later(days=2)
    leavers.tick()
    assert leavers.suspended() == []
    run = leavers.run(kind)
    assert leavers.disabled() == {"u1"}
    assert run.counts.suspended == 2
    again = by_account(leavers, 2)
    assert [reason.guard for reason in again.reasons] == ["expiry"]
    assert "without an answer; asked again" in again.reasons[0].text


def test_one_object_sync_after_the_other_lets_nothing_through_that_nobody_answered(leavers):
    leavers.later(days=2)
    leavers.tick()
    for number in (1, 2, 3):
        leavers.later(hours=2)
        leavers.sync(object_key=("hr", "person", f"e{number}"))
    assert leavers.disabled() == set()
    assert len(leavers.suspended()) == 3


def test_asked_again_and_approved_it_runs_and_is_not_remembered(leavers):
    leavers.later(days=2)
    leavers.tick()
    leavers.run()
    leavers.approve(*leavers.suspended())
    leavers.run()
    assert leavers.disabled() == {"u1", "u2", "u3"}
    assert leavers.rows("hold") == []


def test_whose_condition_was_once_false_is_judged_like_anybody(leavers):
    leavers.approve(by_account(leavers, 1), by_account(leavers, 3))
    leavers.later(days=2)
    leavers.tick()
    leavers.change(2, status="active")
    leavers.run()
    leavers.leave(2)
    leavers.run()
    assert "u2" in leavers.disabled()


def test_an_approval_that_ran_out_is_asked_again(leavers):
    leavers.approve(by_account(leavers, 1))
    leavers.reject(by_account(leavers, 2), by_account(leavers, 3))
    leavers.later(days=8)
    leavers.tick()
    leavers.run()
    assert leavers.disabled() == set()
    assert [action.anchor for action in leavers.suspended()] == ["u1"]


def test_it_is_judged_like_anybody_when_its_memory_is_over(tmp_path, database_url):
    world = World(tmp_path, DISABLE, more="guards: {reject_hold: 2d}", database=database_url)
    world.people(range(10))
    world.leave(1, 2, 3)
    world.run()
    world.approve(by_account(world, 1))
    world.run()
    world.later(days=1, hours=1)
    world.tick()
    world.later(days=2)
    world.run()
    assert world.disabled() == {"u1", "u2", "u3"}
    world.close()


def test_it_is_asked_again_however_short_rejections_hold(tmp_path, database_url):
    world = World(tmp_path, DISABLE, more="guards: {reject_hold: 1s}", database=database_url)
    world.people(range(10))
    world.leave(1, 2, 3)
    world.run()
    world.approve(by_account(world, 1))
    world.run()
    world.later(days=1, hours=1)
    world.tick()
    world.run("full")
    assert world.disabled() == {"u1"}
    assert {action.anchor for action in world.suspended()} == {"u2", "u3"}
    world.close()


def test_what_a_rejection_holds_back_is_listed_in_every_run(leavers):
    leavers.reject(*leavers.suspended())
    leavers.run("full")
    held = [row for row in leavers.rows("verdict_row") if row[5] == "held"]
    assert len(held) == 3
    assert all("rejected; it holds until" in row[6] for row in held)
