"""Seals events that have no seal yet, batch by batch; a duty of the daemon.

A batch is one transaction in which nobody else writes events or seals: two nodes at once make one
chain, and a crash leaves the last whole batch. Events are sealed in the order of their keys, and
never before one with a lower key could still come. A seal is never made earlier than the one
before it, whatever the clock says.

Nothing that is wrong ends the sealing, because what is not sealed can be changed unseen. It is told
once, in the log and as an event ``audit_broken``: when the end of the chain does not fit, and when
what was sealed last is not there any more, as this process or `hypersync.audit.memory` knows it. In
the second case the numbers go on from the one that is remembered, so that the events that are
missing stay missing.
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


def seal(
    store: Store,
    keys: ChainKeys,
    now: datetime,
    known: Head | None = None,
    problem: str | None = None,
) -> Sealed:
    """Seal what waits for it; ``known`` is the end of the chain that was sealed last.

    ``problem`` is what is already known to be wrong; it is told as what is found here is.
    """
    done = Sealed(0, known)
    for _ in range(MOST_BATCHES):
        if problem is None and not _is_due(store, done.head):
            break
        with store.begin() as unit:
            if not unit.events.is_quiet():
                break
            count, head = _seal_batch(unit, keys, now, done.head, problem)
        done, problem = Sealed(done.count + count, head), None
        if not count:
            break
        _logger.info(
            "sealed %d events up to event %s: number %d, seal %s",
            count,
            head.event,
            head.number,
            head.seal,
        )
    return done


def _is_due(store: Store, known: Head | None) -> bool:
    """Tell whether an event waits, nothing is known yet, or the chain is not as it was."""
    with store.snapshot() as unit:
        newest = unit.events.newest()
        if newest is None:
            return known is not None and known.number > 0
        return known is None or read_seal(newest.seal) is None or _was_changed(unit, known)


def _was_changed(unit: UnitOfWork, known: Head) -> bool:
    """Tell whether the event that was sealed last has not that seal any more."""
    if known.event is None:
        return False
    event = unit.events.get(known.event)
    return event is None or event.seal != known.seal


def _seal_batch(
    unit: UnitOfWork, keys: ChainKeys, now: datetime, known: Head | None, problem: str | None
) -> tuple[int, Head]:
    """Seal one batch while nobody writes; return how many and where the chain ends."""
    head, end, found = _head(unit, keys, known)
    for each in (problem, found):
        if each:
            _logger.error("the audit trail is broken: %s", each)
            unit.events.record(Event(kind="audit_broken", at=now, data={"problem": each}))
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
    if known is not None and _was_changed(unit, known):
        return _remembered(known, last[0] if last else None)
    if not last:
        return Head(), None, None
    found = read_seal(last[0].seal)
    if found is None:
        here = Head(unit.events.count_sealed(), last[0].seal or "", end)
        return here, end, f"the last seal, of event {end}, was overwritten"
    here = Head(found.number, last[0].seal or "", end)
    if known is not None and here.seal == known.seal:
        return here, end, None
    before = (last[1].seal or "") if len(last) > 1 else ""
    if keys.fits(last[0], found, before):
        return here, end, None
    return here, end, f"the last seal, of event {end}, does not fit"


def _remembered(known: Head, last: Entry | None) -> tuple[Head, int | None, str]:
    """Go on after the highest number that there was, so that the numbers show the gap."""
    seal = None if last is None else read_seal(last.seal)
    what = "there is none" if seal is None else f"the last one there is number {seal.number}"
    problem = f"number {known.number}, of event {known.event}, was sealed here, and {what}"
    if last is None:
        return known, None, problem
    if seal is None or seal.number <= known.number:
        return known, last.id, problem
    return Head(seal.number + 1, known.seal, last.id), last.id, problem
