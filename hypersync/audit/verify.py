"""Walks the hash chain and says where it is broken, and what is wrong there. Pure but for `verify`.

The walk goes by key. A broken place does not end it: it goes on from the seal that stands there,
so that one changed event is one fault, and what follows is still verified among itself. Seals are
numbered; a number that is left out is an event that is missing, one that comes late an event that
was put elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum

from hypersync.audit.chain import ChainKeys, Head, Seal, read_seal
from hypersync.ports.store import Store, UnitOfWork
from hypersync.ports.store.events import Entry

BATCH = 1000
MOST_FAULTS = 20
LATE = timedelta(days=1)
"""How long after its event a seal is called late."""


class Wrong(Enum):
    """What can be wrong with an event."""

    CHANGED = "changed"
    MISSING = "missing"
    INSERTED = "inserted"
    REORDERED = "reordered"
    UNKNOWN_KEY = "unknown_key"
    UNREADABLE = "unreadable"
    BACKWARDS = "backwards"


@dataclass(frozen=True, slots=True)
class Fault:
    """One broken place: at which event, and what is wrong in words."""

    wrong: Wrong
    event: int
    text: str


@dataclass(frozen=True, slots=True)
class Late:
    """Events in a row that were sealed long after they happened, and the longest time between."""

    first: int
    last: int
    by: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What a walk found: the end of the chain, what has no seal yet, and what is broken.

    ``faults`` are the first ones, ``broken`` counts them all; ``sealed`` counts those looked at.
    ``late`` is no fault, because a daemon may be down: where seals came long after their events.
    """

    head: Head
    sealed: int
    unsealed: int
    faults: tuple[Fault, ...]
    broken: int
    start: Head = field(default_factory=Head)
    late: tuple[Late, ...] = ()

    @property
    def is_intact(self) -> bool:
        """Whether nothing is wrong."""
        return not self.broken


class Walk:
    """Looks at one event after the other; ``start`` is where the chain is known to be right."""

    def __init__(self, keys: ChainKeys, start: Head) -> None:
        self._keys = keys
        self._start = start
        self._head = start
        self._bare: list[int] = []
        self._gaps: dict[int, int] = {}
        self._sealed = 0
        self._broken = 0
        self._faults: list[Fault] = []
        before = read_seal(start.seal)
        self._seconds = 0 if before is None else before.seconds
        self._late: list[Late] = []
        self._is_late = False

    def step(self, entry: Entry) -> None:
        """Look at the next event by key; one fault of an event is enough."""
        broken = self._broken
        self._place(entry)
        if entry.unreadable and self._broken == broken:
            columns = ", ".join(entry.unreadable)
            text = (
                f"HyperSync wrote nothing that cannot be read, and that is what it has as {columns}"
            )
            self._fault(Wrong.UNREADABLE, entry.id, text)

    def _place(self, entry: Entry) -> None:
        if entry.seal is None:
            self._bare.append(entry.id)
            return
        self._sealed += 1
        seal = read_seal(entry.seal)
        if seal is None:
            self._settle_bare(0)
            self._fault(Wrong.CHANGED, entry.id, "its seal was overwritten")
            self._head = Head(self._head.number + 1, entry.seal, entry.id)
            return
        skipped = seal.number - self._head.number - 1
        if skipped < 0:
            self._settle_bare(0)
            self._out_of_order(entry, seal)
            return
        left = self._settle_bare(skipped)
        if left:
            self._missing(entry, seal, left)
        elif not skipped:
            self._check(entry, seal)
        self._head = Head(seal.number, entry.seal, entry.id)

    def end(self) -> Verified:
        """Return what was found; events without a seal at the end only wait for one."""
        return Verified(
            start=self._start,
            head=self._head,
            sealed=self._sealed,
            unsealed=len(self._bare),
            faults=tuple(self._faults),
            broken=self._broken,
            late=tuple(self._late),
        )

    def _settle_bare(self, skipped: int) -> int:
        """Judge events without a seal before a sealed one; return how many numbers are left out."""
        for number, event in enumerate(self._bare):
            if number < skipped:
                self._fault(Wrong.CHANGED, event, "its seal was taken off")
            else:
                self._fault(Wrong.INSERTED, event, "it stands among sealed events and has no seal")
        left = max(skipped - len(self._bare), 0)
        self._bare = []
        return left

    def _missing(self, entry: Entry, seal: Seal, left: int) -> None:
        what = "1 event is" if left == 1 else f"{left} events are"
        self._gaps |= dict.fromkeys(range(seal.number - left, seal.number), len(self._faults))
        self._fault(Wrong.MISSING, entry.id, f"{what} missing before it")

    def _out_of_order(self, entry: Entry, seal: Seal) -> None:
        if seal.number not in self._gaps:
            self._fault(Wrong.INSERTED, entry.id, "it carries the seal of another event")
            return
        number = self._gaps.pop(seal.number)
        text = f"it stands after later events: it was sealed as number {seal.number}"
        if number < len(self._faults) and self._faults[number].wrong is Wrong.MISSING:
            earlier = self._faults[number]
            swapped = f"it stands before earlier events: event {entry.id} was sealed before it"
            self._faults[number] = replace(earlier, wrong=Wrong.REORDERED, text=swapped)
        self._fault(Wrong.REORDERED, entry.id, text)

    def _check(self, entry: Entry, seal: Seal) -> None:
        if seal.key not in self._keys.keys:
            text = f"it was sealed with the key {seal.key}, which is not among secret_keys"
            self._fault(Wrong.UNKNOWN_KEY, entry.id, text)
        elif not self._keys.fits(entry, seal, self._head.seal):
            text = "its seal does not fit what it says: it was changed, or put in without the key"
            self._fault(Wrong.CHANGED, entry.id, text)
        else:
            self._check_time(entry, seal)

    def _check_time(self, entry: Entry, seal: Seal) -> None:
        """Judge when a seal that fits was made."""
        if seal.seconds < self._seconds:
            text = "it was sealed earlier than the event before it"
            self._fault(Wrong.BACKWARDS, entry.id, text)
        self._seconds = max(self._seconds, seal.seconds)
        delay = _delay(entry, seal)
        if delay <= LATE:
            self._is_late = False
        elif self._is_late:
            known = self._late[-1]
            self._late[-1] = Late(known.first, entry.id, max(known.by, delay))
        elif len(self._late) < MOST_FAULTS:
            self._late.append(Late(entry.id, entry.id, delay))
            self._is_late = True

    def _fault(self, wrong: Wrong, event: int, text: str) -> None:
        self._broken += 1
        if len(self._faults) < MOST_FAULTS:
            self._faults.append(Fault(wrong, event, text))


def _delay(entry: Entry, seal: Seal) -> timedelta:
    """Return how long after an event it was sealed; nothing for one whose time is none."""
    if "at" in entry.unreadable:
        return timedelta()
    return seal.made_at - datetime.fromisoformat(str(entry.content[0]))


def walk(keys: ChainKeys, entries: Iterable[Entry], start: Head | None = None) -> Verified:
    """Verify events in the order of their keys."""
    walking = Walk(keys, start or Head())
    for entry in entries:
        walking.step(entry)
    return walking.end()


def verify(store: Store, keys: ChainKeys, checkpoint: Head | None = None) -> Verified:
    """Verify the whole chain, or that a checkpoint still stands and what came after it."""
    with store.snapshot() as unit:
        if checkpoint is None:
            return walk(keys, _entries(unit, None))
        found = walk(keys, _entries(unit, checkpoint.event), checkpoint)
        fault = _lost(unit, checkpoint)
    if fault is None:
        return found
    faults = (fault, *found.faults)[:MOST_FAULTS]
    return replace(found, faults=faults, broken=found.broken + 1)


def _entries(unit: UnitOfWork, after: int | None) -> Iterator[Entry]:
    while batch := unit.events.entries(after, BATCH):
        yield from batch
        after = batch[-1].id


def _lost(unit: UnitOfWork, checkpoint: Head) -> Fault | None:
    """Say what became of the event of a checkpoint, and of those before it."""
    if checkpoint.event is None:
        return None
    event = unit.events.get(checkpoint.event)
    if event is None:
        return Fault(Wrong.MISSING, checkpoint.event, "the event of the checkpoint is not there")
    if event.seal != checkpoint.seal:
        return Fault(Wrong.CHANGED, checkpoint.event, "its seal is not the one of the checkpoint")
    sealed = unit.events.count_sealed(checkpoint.event)
    if sealed != checkpoint.number:
        text = f"the checkpoint counts {checkpoint.number} sealed events up to it, there are "
        wrong = Wrong.MISSING if sealed < checkpoint.number else Wrong.INSERTED
        return Fault(wrong, checkpoint.event, f"{text}{sealed}")
    return None
