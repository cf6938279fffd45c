"""What a hostile reader tried on lookbacks and on what waits in the queue.

What was let through counts by the time it first was, whatever became of it; and a run looks at what
it could start, not at what rests.
"""

from __future__ import annotations

import pytest

from hypersync.model.actions import ActionState
from hypersync.model.objects import Unknown
from tests.worlds import DISABLE, World

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
