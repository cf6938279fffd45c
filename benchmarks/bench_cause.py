"""G2: how long it takes to find what 100 000 stopped actions share.

The floor is the least that looking can be: read every object of the stopped identities once and
decode it. Nothing of this happens in a run in which no limit trips.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any

import orjson

from benchmarks.company import make
from hypersync.model.ids import IdentityId
from hypersync.pipeline.causes.choose import Clue, partition
from hypersync.pipeline.causes.clues import find_clues
from hypersync.pipeline.causes.subjects import StoppedActions
from hypersync.pipeline.guard import number
from hypersync.ports.store import UnitOfWork

PEOPLE = 130_000
STOPPED = 100_000


def run() -> list[dict[str, Any]]:
    """Measure twice and keep the best, in seconds of the processor."""
    with TemporaryDirectory() as folder:
        app = make(Path(folder), PEOPLE)
        with app.store.snapshot() as unit:
            identities = _departments(unit)
            floor = min(_seconds(_floor, unit, identities) for _ in range(2))
            figure = min(_seconds(_cause, unit, identities) for _ in range(2))
        app.close()
    return [
        {
            "case": f"G2 common cause of {number(len(identities))} stopped actions",
            "figure": round(figure, 2),
            "floor": round(floor, 2),
            "ratio": round(figure / floor, 1),
            "target": None,  # page 7 promises nothing of it
            "unit": "s",
        }
    ]


def _departments(unit: UnitOfWork) -> list[IdentityId]:
    """Return the identities of all departments but the last, as far as they are wanted."""
    rows = unit.objects.in_identity_order()
    found = {row[0]: None for row in rows if '"department":"HR"' not in row[4]}
    return [IdentityId(each) for each in list(found)[:STOPPED]]


def _floor(unit: UnitOfWork, identities: Sequence[IdentityId]) -> int:
    return sum(len(orjson.loads(each.attributes)) for each in unit.objects.traits(identities))


def _cause(unit: UnitOfWork, identities: Sequence[IdentityId]) -> list[Clue]:
    nothing: list[frozenset[Any]] = [frozenset()] * len(identities)
    clues = find_clues(unit, StoppedActions(unit, identities, nothing))
    partition(clues, len(identities))
    return clues


def _seconds(work: Callable[..., object], *arguments: object) -> float:
    start = process_time()
    work(*arguments)
    return process_time() - start
