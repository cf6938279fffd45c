"""Asks the store what was written before, for the looks that want to write again.

One question for many looks: nothing when nobody wants to write, and never one per identity.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from hypersync.pipeline.evaluate import Look
from hypersync.pipeline.loops import LOOKED_AT, RUNS, WRITES, can_swing, without_loops
from hypersync.ports.store import UnitOfWork

TOGETHER = 1_000
"""How many looks are asked about at once."""


def steady(looks: Iterable[Look | None], unit: UnitOfWork, now: datetime) -> Iterator[Look | None]:
    """Yield the same looks, without what would go on with a loop."""
    waiting: list[Look] = []
    for look in looks:
        if look is None or not look.drafts:
            yield look
            continue
        waiting.append(look)
        if len(waiting) == TOGETHER:
            yield from _without_loops(waiting, unit, now)
            waiting.clear()
    yield from _without_loops(waiting, unit, now)


def _without_loops(looks: list[Look], unit: UnitOfWork, now: datetime) -> Iterator[Look]:
    objects = {
        draft.object_id
        for look in looks
        for draft in look.drafts
        if draft.object_id is not None and can_swing(draft)
    }
    writes = unit.actions.writes(objects, WRITES, since=now - LOOKED_AT, least=RUNS)
    for look in looks:
        yield without_loops(look, writes, now) if writes else look
