"""Every life of actions and requests in a small world: each order of everything that can happen.

`make test` looks as far as `NEAR`, `python -m tests.prove` as far as `FAR`. That the model of the
store is right is checked against the real one: walks through the small world are done for real and
compared after every step.
"""

from __future__ import annotations

import os
import random
import shutil
from collections import Counter, deque

import pytest

from tests.properties.machine_world import Company, new_company, numbered_ids
from tests.properties.small_company import SmallCompany, SmallTerms, expected
from tests.properties.small_world import (
    Bounds,
    Broken,
    State,
    Step,
    canonical,
    starts,
    steps,
    take,
)

NEAR = (
    Bounds(runs=3, deaths=1),
    Bounds(runs=2, waits=1),
    Bounds(people=2, runs=2, changes=1, waits=1),
)
FAR = (
    Bounds(runs=3, deaths=1, waits=1),
    Bounds(people=2, runs=3, changes=1, deaths=1, waits=1),
    Bounds(people=2, runs=2, changes=2, waits=1, wants="a-"),
)
WALKS = int(os.environ.get("HYPERSYNC_WALKS", "15"))
WALKED = Bounds(people=3, runs=4, changes=2, deaths=2, waits=2, wants="ab-")


def explore(bounds: Bounds) -> tuple[int, Counter[str]]:
    """Visit every state; return how many there are, and how often each kind of step was taken."""
    first = {canonical(each) for each in starts(bounds)}
    known: dict[State, tuple[State, Step] | None] = dict.fromkeys(first)
    todo, taken = deque(first), Counter[str]()
    while todo:
        state = todo.popleft()
        for step in steps(state, bounds):
            taken[step.what] += 1
            try:
                after = canonical(take(state, step))
            except Broken as broken:
                way = "\n".join(map(str, _way(known, state)))
                raise AssertionError(f"{broken}\nafter\n{way}\n{step}") from broken
            if after not in known:
                known[after] = state, step
                todo.append(after)
    return len(known), taken


def _way(known: dict[State, tuple[State, Step] | None], state: State) -> list[object]:
    """Return the steps that led to a state."""
    found: list[object] = []
    while (came := known[state]) is not None:
        found = [came[1], *found]
        state = came[0]
    return [state, *found]


@pytest.mark.parametrize("bounds", NEAR, ids=str)
def test_no_order_of_events_breaks_a_promise(bounds: Bounds, record_property) -> None:
    count, taken = explore(bounds)
    record_property("states", count)
    record_property("steps", taken.total())
    assert count > 1_000
    assert {"run", "decide", "decide all"} <= taken.keys()


@pytest.mark.parametrize("seed", range(WALKS))
def test_the_real_store_goes_the_same_way(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - which way to go
    state = chance.choice(list(starts(WALKED)))
    with numbered_ids():
        company = new_company(SmallTerms())
        try:
            walk(company, state, chance)
        finally:
            company.close()
            shutil.rmtree(company.folder)


def walk(company: Company, state: State, chance: random.Random) -> None:
    """Go a way through the small world, and the same way for real."""
    real = SmallCompany(company, state)
    way: list[Step] = []
    while len(way) < 20 and (possible := list(steps(state, WALKED))):
        kinds = sorted({step.what for step in possible})
        kind = chance.choice(kinds)
        step = chance.choice([each for each in possible if each.what == kind])
        way.append(step)
        state = take(state, step)
        real.take(step)
        assert real.seen() == expected(state), way
