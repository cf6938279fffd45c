"""Seals events that have no seal yet, batch by batch; a duty of the daemon.

A batch is one transaction in which nobody else writes events or seals: two nodes at once make one
chain, and a crash leaves the last whole batch. Events are sealed in the order of their keys, and
never before one with a lower key could still come.

Nothing that is wrong ends the sealing, because what is not sealed can be changed unseen. It is told
once, in the log and as an event ``audit_broken``: when the end of the chain does not fit, and when
it is not the one that this process sealed last. In the second case the numbers go on from the one
that is remembered, so that the events that are missing stay missing.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime

from hypersync.audit.chain import ChainKeys, Head, read_seal
from hypersync.ports.store import Store, UnitOfWork
from hypersync.ports.store.events import Entry, Event

_logger = logging.getLogger(__name__)

BATCH = 500
MOST_BATCHES = 100


@dataclass(frozen=True, slots=True)
class Sealed:
    """How many events were sealed, and the end of the chain to remember until the next time."""

    count: int = 0
    head: Head | None = None


def seal(store: Store, keys: ChainKeys, now: datetime, known: Head | None = None) -> Sealed:
    """Seal what waits for it; ``known`` is the end of the chain that this process saw last."""
    done = Sealed(0, known)
    for _ in range(MOST_BATCHES):
        is_due, head = _look(store, done.head)
        if not is_due:
            return Sealed(done.count, head)
        with store.begin() as unit:
            count, head = _seal_batch(unit, keys, now, head)
        if not count:
            break
        done = Sealed(done.count + count, head)
        _logger.info(
            "sealed %d events up to event %s: number %d, seal %s",
            count,
            head and head.event,
            head.number if head else 0,
            head and head.seal,
        )
    return done


def _look(store: Store, known: Head | None) -> tuple[bool, Head | None]:
    """Tell whether an event waits or the chain does not end as it did, and where it ends."""
    with store.snapshot() as unit:
        newest = unit.events.newest()
    if newest is None:
        return known is not None and known.number > 0, known
    found = read_seal(newest.seal)
    if found is None:
        return True, known
    if known is None:
        return False, Head(found.number, newest.seal or "", newest.id)
    return found.number < known.number or _is_other(newest, found.number, known), known


def _is_other(entry: Entry, number: int, known: Head) -> bool:
    return number == known.number and entry.seal != known.seal


def _seal_batch(
    unit: UnitOfWork, keys: ChainKeys, now: datetime, known: Head | None
) -> tuple[int, Head | None]:
    """Seal one batch; return how many and where the chain ends, or none while others write."""
    if not unit.events.is_quiet():
        return 0, known
    head, end, problem = _head(unit, keys, known)
    if problem:
        _logger.error("the audit trail is broken: %s", problem)
        unit.events.record(Event(kind="audit_broken", at=now, data={"problem": problem}))
    seals: list[tuple[int, str]] = []
    for entry in unit.events.entries(end, BATCH):
        made = str(keys.seal(entry, head, now))
        head = Head(head.number + 1, made, entry.id)
        seals.append((entry.id, made))
    unit.events.seal(seals)
    return len(seals), head


def _head(
    unit: UnitOfWork, keys: ChainKeys, known: Head | None
) -> tuple[Head, int | None, str | None]:
    """Return where the chain goes on, after which event, and what is wrong with its end."""
    last = unit.events.last_sealed(2)
    end = last[0].id if last else None
    if not last:
        return _remembered(known, None, end) if known and known.number else (Head(), None, None)
    found = read_seal(last[0].seal)
    here = Head(0 if found is None else found.number, last[0].seal or "", last[0].id)
    if known is not None and known.number:
        if found is None or here.number < known.number or _is_other(last[0], here.number, known):
            return _remembered(known, here, end)
        if here.seal == known.seal:
            return here, end, None
    if found is None:
        here = Head(unit.events.count_sealed(), here.seal, end)
        return here, end, f"the last seal, of event {end}, was overwritten"
    before = (last[1].seal or "") if len(last) > 1 else ""
    if keys.fits(last[0], found, before):
        return here, end, None
    return here, end, f"the last seal, of event {end}, does not fit"


def _remembered(
    known: Head, found: Head | None, end: int | None
) -> tuple[Head, int | None, str | None]:
    what = "there is none" if found is None else f"the last one there is number {found.number}"
    problem = f"number {known.number}, of event {known.event}, was sealed here, and {what}"
    return known, end, problem
