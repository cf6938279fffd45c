"""Suspects, on which the connection broke: tried one by one after the others, and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from hypersync.errors import FenceLost
from hypersync.model.actions import ActionState
from hypersync.model.objects import Change, Outcome, RetryAfter
from hypersync.store.schema import downgrade, upgrade
from tests.circuits import MANY, Watched, watched_actions
from tests.circuits import PEOPLE as ASKED
from tests.integration.test_circuit_tries import hook
from tests.integration.test_poisoned_writes import POISON, poisoned_world
from tests.postgresql import both_databases

Apply = Callable[[Sequence[Change]], list[Outcome]]


class Killed(BaseException):
    """As SIGKILL, or what runs out of memory."""


@pytest.fixture
def world(tmp_path: Path, database_url: str):
    """Six people with a circuit as it is when nobody configured it."""
    made = Watched(tmp_path, MANY, more=ASKED, database=database_url)
    made.people(range(6), title="old")
    for number in range(6):
        made.account(number, title="old")
    made.run()
    yield made
    made.close()


def retitle(world: Watched, *, poison: int) -> None:
    for number in range(6):
        world.change(number, title=POISON if number == poison else "new")
    world.scan("hr")


def has_poison(changes: Sequence[Change]) -> bool:
    return any(POISON in (each.after or {}).values() for each in changes)


def states(world: Watched) -> Counter[ActionState]:
    return Counter(each.state for each in watched_actions(world))


def break_off(real: Apply, changes: Sequence[Change]) -> list[Outcome]:
    """Answer as the session of a directory does that is lost at one change."""
    for place, each in enumerate(changes):
        if has_poison([each]):
            lost = RetryAfter(timedelta(seconds=30), "went away", is_lost=True)
            done = real(changes[:place]) if place else []
            rest = [lost] * (len(changes) - place - 1)
            return [*done, replace(lost, is_suspect=True), *rest]
    return real(changes)


def test_a_write_at_which_the_process_dies_each_time_takes_nothing_with_it(world: Watched):
    retitle(world, poison=0)  # the first of the queue
    begun = Counter[str]()

    def apply(real: Apply, changes: Sequence[Change]) -> list[Outcome]:
        begun.update(str(each.anchor) for each in changes)
        if has_poison(changes):
            raise Killed
        return real(changes)

    hook(world, apply=apply)
    for _ in range(11):  # the last one finds out what became of the tenth try
        with suppress(Killed):
            world.sync()
        world.later(hours=5)
    assert world.titles().count("new") == 5
    assert states(world)[ActionState.FAILED] == 1
    assert sorted(begun.values()) == [2, 2, 2, 2, 2, 10]


def test_what_was_not_begun_when_the_lease_was_lost_is_queued_and_no_attempt(tmp_path: Path):
    world, _ = poisoned_world(tmp_path)
    begun: list[str | None] = []

    def apply(real: Apply, changes: Sequence[Change]) -> list[Outcome]:
        begun.extend(each.anchor for each in changes)
        if len(begun) == 1:
            with world.app.store.engine.begin() as connection:
                connection.exec_driver_sql("UPDATE lease SET fence = fence + 1")
        return real(changes)

    hook(world, apply=apply)
    world.later(minutes=5)
    with suppress(FenceLost):
        world.sync()
    actions = [each for each in watched_actions(world) if each.state is ActionState.QUEUED]
    world.close()
    assert len(begun) == 1
    assert [each.attempts for each in actions] == [1] * 5


def test_a_try_is_not_spent_on_a_suspect_while_others_wait(world: Watched):
    retitle(world, poison=0)
    world.fail_to_write(5)  # an outage, which is over now
    hook(world, apply=break_off)
    for _ in range(12):
        world.later(minutes=15)
        world.sync()
    assert world.titles().count("new") == 5


def test_a_suspect_that_is_asked_to_wait_stays_one(tmp_path: Path):
    world, _ = poisoned_world(tmp_path)
    world.dir.faults.outcomes.extend([RetryAfter(timedelta(seconds=5), "429")] * 5)
    sizes: list[int] = []

    def apply(real: Apply, changes: Sequence[Change]) -> list[Outcome]:
        sizes.append(len(changes))
        return real(changes)

    hook(world, apply=apply)
    for _ in range(2):
        world.later(minutes=20)
        world.sync()
    world.close()
    assert sizes == [1] * len(sizes)
    assert len(sizes) > 6


@both_databases
def test_suspects_of_a_store_from_before_they_were_marked_stay_suspects(world: Watched):
    retitle(world, poison=0)
    hook(world, apply=break_off)
    world.sync()
    engine = world.app.store.engine
    downgrade(engine, "0008")
    upgrade(engine)
    suspects = [each for each in watched_actions(world) if each.is_suspect]
    assert [(each.after or {})["title"] for each in suspects] == [POISON]
