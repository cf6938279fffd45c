"""G1: how long the guards take for 200 000 candidates of one rule.

The floor is the least that judging them can be: look at each once, count the identities, and note
each key. Candidates are made before the clock starts; evaluating makes them anyway. Page 7 sets
the guards against the sync that proposes the candidates; that share is far below the figure here.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Any

from hypersync.model.limit import parse_limit
from hypersync.model.objects import Operation
from hypersync.model.verdicts import Candidate, RuleLimits
from hypersync.pipeline.count import Contexts
from hypersync.pipeline.guard import guard, number

COUNT = 200_000
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def run() -> list[dict[str, Any]]:
    """Measure each case three times and keep the best, in seconds."""
    return [_case(name, make, limit) for name, (make, limit) in _CASES.items()]


def _case(name: str, make: Callable[[], list[Candidate[int]]], limit: str) -> dict[str, Any]:
    limits = _limits(limit)
    made = [make() for _ in range(3)]
    floor = min(_seconds(_floor, each) for each in made)
    figure = min(_seconds(guard, each, limits, NOW) for each in made)
    return {
        "case": f"G1 guards, {number(COUNT)} candidates, {name}",
        "figure": round(figure, 4),
        "floor": round(floor, 4),
        "ratio": round(figure / floor, 1),
        "target": None,  # the promise is a share of the sync that proposes them, not this ratio
        "unit": "s",
    }


def _floor(candidates: list[Candidate[int]]) -> tuple[int, dict[int, bool]]:
    identities = {each.identity for each in candidates}
    return len(identities), {each.key: each.vip is None for each in candidates}


def _seconds(work: Callable[..., object], *arguments: object) -> float:
    start = perf_counter()
    work(*arguments)
    return perf_counter() - start


def _limits(limit: str) -> RuleLimits:
    return RuleLimits(
        limit=parse_limit(limit),
        population=4 * COUNT,
        ceiling=False,
        clears=parse_limit("50%"),
        attributes={"department": parse_limit("100%")},
        earlier=frozenset(range(0, COUNT, 7)),
    )


def _plain() -> list[Candidate[int]]:
    department = frozenset({"department"})
    return [
        Candidate(key=each, identity=each, operation=Operation.UPDATE, attributes=department)
        for each in range(COUNT)
    ]


def _throttled() -> list[Candidate[int]]:
    starts = [NOW - timedelta(seconds=second) for second in range(0, 7_200, 60)]
    return [
        each._replace(throttle=HOUR, last_start=starts[each.key % len(starts)]) for each in _plain()
    ]


def _counted() -> list[Candidate[int]]:
    contexts = Contexts({}, NOW)
    return [
        each._replace(allows=lambda: contexts.count(True, "x", HOUR) <= COUNT // 2)
        for each in _plain()
    ]


_CASES: dict[str, tuple[Callable[[], list[Candidate[int]]], str]] = {
    "queued": (_plain, "100%"),
    "suspended": (_plain, "1%"),
    "throttled": (_throttled, "100%"),
    "Count": (_counted, "100%"),
}
