"""What a hostile reader tried on lookbacks and on what waits in the queue.

What was let through counts by the time it first was, whatever became of it; and a run looks at what
it could start, not at what rests.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from hypersync.model.actions import ActionState
from hypersync.model.objects import RetryAfter, Unknown
from tests.postgresql import both_databases
from tests.worlds import DISABLE, World

pytestmark = both_databases

S = ActionState
RULE = "disable-leaver"


@pytest.fixture
def staff(world):
    """Six people with accounts; two may be disabled within an hour."""
    world.people(range(1, 7))
    world.run("full")
    return world


def paused(world: World) -> None:
    with world.app.store.begin() as unit:
        unit.silos.pause("dir", "maintenance")


def resumed(world: World) -> None:
    with world.app.store.begin() as unit:
        unit.silos.resume("dir")


# --- what was let through counts, whatever became of it --------------------------------------


def test_what_was_let_through_counts_in_the_next_delta(staff):
    staff.leave(1, 2)
    staff.run("delta")
    staff.leave(3, 4)
    run = staff.run("delta")
    assert (run.counts.suspended, run.rules[RULE].lookback) == (2, 2)


def test_a_lost_answer_takes_nothing_out_of_the_lookback(staff):
    staff.leave(1, 2)
    staff.dir.faults.outcomes.extend([Unknown("no answer")] * 2)
    staff.run("delta")
    assert staff.disabled() == set()
    staff.leave(3, 4)
    run = staff.run("delta")
    assert (run.counts.suspended, run.rules[RULE].lookback) == (2, 2)
    assert staff.disabled() == {"u1", "u2"}


def test_a_process_that_dies_between_claim_and_outcome_takes_nothing_out_of_it(staff):
    staff.leave(1, 2)
    paused(staff)
    staff.run("delta")
    staff.execute(
        "UPDATE action SET state = 'executing', worker = run, started_at = queued_at "
        "WHERE state = 'queued'"
    )
    resumed(staff)
    staff.leave(3, 4)
    run = staff.run("delta")
    assert (run.counts.suspended, run.rules[RULE].lookback) == (2, 2)
    assert staff.disabled() == {"u1", "u2"}


def test_a_lost_answer_takes_nothing_out_of_a_silo_limit(tmp_path, database_url):
    world = World(
        tmp_path,
        DISABLE.replace("limit: 2", "limit: 100"),
        limits="    limits: {disable: 2, per: 1h}",
        database=database_url,
    )
    world.people(range(1, 7))
    world.run("full")
    world.leave(1, 2)
    world.dir.faults.outcomes.extend([Unknown("no answer")] * 2)
    world.run("delta")
    world.leave(3, 4)
    run = world.run("delta")
    assert run.counts.suspended == 2
    assert world.disabled() == {"u1", "u2"}
    world.close()


def test_a_silo_that_keeps_breaking_off_lets_no_more_through_in_small_deltas(staff):
    for number in range(1, 7):
        staff.leave(number)
        staff.dir.faults.outcomes.append(Unknown("no answer"))
        staff.run("delta")
    staff.dir.faults.outcomes.clear()
    staff.run("delta")
    assert len(staff.disabled()) == 2
    assert len(staff.suspended()) == 4


def test_what_waits_in_a_paused_silo_counts_from_when_it_was_let_through(staff):
    paused(staff)
    staff.leave(1, 2)
    staff.run("delta")
    for _ in range(3):
        staff.later(hours=2)
        staff.run("full")
    staff.leave(3)
    run = staff.run("delta")
    assert (run.counts.suspended, run.rules[RULE].lookback) == (0, 0)
    resumed(staff)
    staff.run("delta")
    assert staff.disabled() == {"u1", "u2", "u3"}


# --- a run looks at what it could start ------------------------------------------------------


@pytest.fixture
def many(tmp_path, database_url):
    """Thirty people with accounts, all of whom may be disabled at once."""
    world = World(tmp_path, DISABLE.replace("limit: 2", "limit: 30"), database=database_url)
    world.people(range(30))
    world.run("full")
    yield world
    world.close()


def looked_at(world: World, **more) -> int:
    """How many identities a sync looks at, a minute later, in which nothing changed."""
    world.later(minutes=1)
    return world.sync(**more).counts.identities


def all_leave(world: World) -> None:
    """Disable everybody, have the outcome looked at, and let nothing be pending any more."""
    world.leave(*range(30))
    world.run("delta")
    world.sync("delta")


def test_what_is_queued_in_a_paused_silo_is_not_looked_at_until_the_pause_ends(many):
    paused(many)
    all_leave(many)
    assert looked_at(many, kind="delta") == 0
    assert looked_at(many, object_key=("hr", "person", "e1")) == 1
    resumed(many)
    assert looked_at(many, kind="delta") == 30
    assert len(many.disabled()) == 30


def test_what_is_queued_is_not_looked_at_in_a_blackout_until_it_ends(many):
    app = many.app
    many.app = replace(app, engine=replace(app.engine, is_blackout=lambda _: True))
    all_leave(many)
    assert looked_at(many, kind="delta") == 0
    many.app = app
    assert looked_at(many, kind="delta") == 30
    assert len(many.disabled()) == 30


def test_what_waits_for_its_next_attempt_is_not_looked_at_before(many):
    many.leave(1)
    many.dir.faults.outcomes.append(RetryAfter(timedelta(hours=1), "busy"))
    many.run("delta")
    many.sync("delta")
    assert looked_at(many, kind="delta") == 0
    many.later(hours=1)
    assert looked_at(many, kind="delta") == 1
    assert many.disabled() == {"u1"}


def test_who_changes_while_the_silo_is_paused_is_looked_at_all_the_same(many):
    paused(many)
    all_leave(many)
    many.change(1, status="active")
    many.later(minutes=1)
    many.scan()
    assert many.sync("delta").counts.stale == 1
    resumed(many)
    many.sync("delta")
    assert len(many.disabled()) == 29


@pytest.fixture
def approved(many):
    """Everybody left, too many at once, and somebody approved it."""
    many.rules(DISABLE)
    many.leave(*range(30))
    many.run("delta")
    many.approve(*many.suspended())
    return many


def waits(world: World) -> set[str | None]:
    return {row.waits for row in with_state(world, S.APPROVED)}


def with_state(world: World, state: ActionState):
    with world.app.store.snapshot() as unit:
        ids = [each.id for each in unit.actions.open(None).values() if each.state is state]
        return unit.actions.get(ids)


def test_approvals_of_a_paused_silo_are_not_looked_at_but_say_so(approved):
    paused(approved)
    assert looked_at(approved, kind="delta") == 0
    assert waits(approved) == {"the silo dir is paused"}
    resumed(approved)
    assert looked_at(approved, kind="delta") == 30
    assert len(approved.disabled()) == 30


def test_approvals_are_not_looked_at_in_a_blackout_but_say_so(approved):
    app = approved.app
    approved.app = replace(app, engine=replace(app.engine, is_blackout=lambda _: True))
    assert looked_at(approved, kind="delta") == 0
    assert waits(approved) == {"a blackout window is open"}
    approved.app = app
    assert looked_at(approved, kind="delta") == 30
    assert len(approved.disabled()) == 30


@pytest.mark.parametrize(
    "rules",
    ["simulate: true\n" + DISABLE, DISABLE.replace("do: disable", "simulate: true, do: disable")],
)
def test_approvals_of_a_rule_that_is_only_simulated_are_not_looked_at_but_say_so(approved, rules):
    approved.rules(rules)
    approved.run("full")
    assert looked_at(approved, kind="delta") == 0
    assert waits(approved) == {"disable-leaver is only simulated"}
    approved.rules(DISABLE)
    approved.run("full")
    assert len(approved.disabled()) == 30


def test_an_object_sync_that_releases_its_own_looks_at_nobody_else(approved):
    approved.set_guards(release_any=False)
    assert looked_at(approved, object_key=("hr", "person", "e1")) == 1
    assert approved.disabled() == {"u1"}
