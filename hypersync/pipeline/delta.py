"""Takes in a delta: what changed in a stream since its cursor.

Only what the delta tells of is looked up, by key, so that its cost does not depend on how much
there is; except when the silo keeps no tombstones and sends all its anchors instead, of which
those that are stored and not among them are missing. An anchor that is there and not stored,
because its object came into the scope without having changed, is read by itself; when there are
many, the delta is not enough and a full scan follows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TypeVar

from hypersync.errors import CursorLost, NotShown
from hypersync.model.canonical import decode, digest, encode
from hypersync.model.ids import ObjectId
from hypersync.model.objects import (
    Anchors,
    Attributes,
    Batch,
    Changed,
    Checkpoint,
    Complete,
    Deleted,
    DeletionKind,
    Invalid,
    Scalar,
    ScanEvent,
    Seen,
    Value,
)
from hypersync.model.scans import Finding, Staged
from hypersync.pipeline.missing import READ_BACK
from hypersync.pipeline.reading import Reading
from hypersync.pipeline.type_reading import TypeReading
from hypersync.ports.connector import Session
from hypersync.ports.store import Store, UnitOfWork
from hypersync.ports.store.objects import Current

_T = TypeVar("_T")


@dataclass(slots=True)
class _Known:
    """What is known of an object: stored, or already changed by this delta.

    ``attributes`` are read only where a change says nothing of the others.
    """

    hash: bytes | None
    absence: str | None
    attributes: Attributes | None


class Delta:
    """Takes in the batches of one delta."""

    def __init__(self, store: Store, reading: Reading, session: Session) -> None:
        self._store = store
        self._reading = reading
        self._session = session
        self._known: dict[tuple[str, str], _Known] = {}

    def take(self, batch: Batch) -> None:
        """Take in one batch."""
        self._look_up(batch)
        for event in batch:
            self._take(event)
        for reading in self._reading.types.values():
            self._reading.flush(reading)

    def _look_up(self, batch: Batch) -> None:
        """Read what is stored of the objects in this batch."""
        wanted: dict[str, set[str]] = {}
        partly: set[tuple[str, str]] = set()
        for event in batch:
            if isinstance(event, Seen | Changed | Deleted | Invalid) and event.anchor is not None:
                wanted.setdefault(event.type, set()).add(event.anchor)
            if isinstance(event, Changed):
                partly.add((event.type, event.anchor))
        if not wanted:
            return
        with self._store.snapshot() as unit:
            for name, anchors in wanted.items():
                reading = self._reading.types[name]
                fresh = [each for each in anchors if (name, each) not in self._known]
                for anchor, stored in unit.objects.current(reading.silo_type.id, fresh).items():
                    is_partly = (name, anchor) in partly
                    attributes = _attributes(unit, reading, stored) if is_partly else None
                    self._known[name, anchor] = _Known(stored.hash, stored.absence, attributes)

    def _take(self, event: ScanEvent) -> None:
        match event:
            case Seen(name, anchor, attributes):
                self._see(self._reading.types[name], anchor, attributes)
            case Changed():
                self._change(event)
            case Deleted():
                self._delete(event)
            case Invalid():
                self._spoil(event)
            case Anchors():
                self._compare(event)
            case Checkpoint():
                pass  # a delta that did not end is read again from where it began
            case Complete(cursor):
                self._reading.complete(cursor)

    def _see(self, reading: TypeReading, anchor: str, attributes: Attributes) -> None:
        known = self._known.get((reading.silo_type.name, anchor))
        reading.counts.seen += 1
        reading.written.add(anchor)
        reading.deleted.discard(anchor)
        canonical = encode(attributes)
        hashed = digest(canonical)
        if known is not None and known.hash == hashed and known.absence is None:
            known.attributes = attributes
            return
        if known is None:
            reading.counts.created += 1
        else:
            reading.counts.updated += 1
        reading.rows.append(Staged(anchor, Finding.SEEN, canonical.decode(), hashed))
        self._known[reading.silo_type.name, anchor] = _Known(hashed, None, attributes)

    def _change(self, event: Changed) -> None:
        reading = self._reading.types[event.type]
        known = self._known.get((event.type, event.anchor))
        if known is None or known.absence is not None or known.attributes is None:
            self._read(reading, event.anchor)
        else:
            self._see(reading, event.anchor, changed(known.attributes, event))

    def _read(self, reading: TypeReading, anchor: str) -> None:
        try:
            found = self._session.read(reading.kind, anchor)
        except NotShown as error:
            self._spoil(Invalid(reading.kind.name, anchor, anchor, error.message))
            return
        if found is not None:
            self._see(reading, anchor, found.attributes)

    def _delete(self, event: Deleted) -> None:
        known = self._known.get((event.type, event.anchor))
        if known is None or not _may_go(known.absence, event.kind):
            return
        self._reading.types[event.type].delete(event)
        self._known[event.type, event.anchor] = _Known(None, event.kind.value, known.attributes)

    def _spoil(self, event: Invalid) -> None:
        reading = self._reading.types[event.type]
        reading.counts.invalid += 1
        if event.anchor is None:
            reading.anonymous += 1
            return
        reading.written.add(event.anchor)
        known = self._known.get((event.type, event.anchor))
        if known is None or known.absence == Finding.INVALID.value:
            return
        why = f"{event.where}: {event.why}"
        reading.rows.append(Staged(event.anchor, Finding.INVALID, why=why))
        known.absence = Finding.INVALID.value

    def _compare(self, event: Anchors) -> None:
        """Find what is missing, and what is there and not stored."""
        reading = self._reading.types[event.type]
        with self._store.snapshot() as unit:
            reading.load_anchors(unit)
        there, told = event.anchors, reading.deleted | reading.written
        fresh = set(there.difference(reading.known, reading.written))
        fresh -= {anchor for anchor, why in reading.away.items() if why == Finding.INVALID.value}
        reading.known = _without(reading.known, there, told)
        reading.away = _without(reading.away, there, told)
        reading.counts.seen = len(event.anchors)
        if len(fresh) > READ_BACK:
            raise CursorLost(f"{len(fresh)} objects are new and did not change; scanned in full")
        for anchor in sorted(fresh):
            self._read(reading, anchor)


def _attributes(unit: UnitOfWork, reading: TypeReading, stored: Current) -> Attributes:
    """Return what is stored of an object, its members too."""
    found = None
    if reading.kind.members is not None:
        found = unit.objects.by_id(ObjectId(stored.id))
    return decode(stored.attributes) if found is None else unit.objects.whole(found).attributes


def _without(found: dict[str, _T], there: Collection[str], told: Collection[str]) -> dict[str, _T]:
    """Return what is known of those that are not there and were not told of."""
    return {
        anchor: what for anchor, what in found.items() if anchor not in there and anchor not in told
    }


def changed(attributes: Attributes, event: Changed) -> dict[str, Value]:
    """Return attributes after a change that a delta reports."""
    result: dict[str, Value] = {**attributes, **event.set}
    for name in event.cleared:
        result.pop(name, None)
    for name in {*event.added, *event.removed}:
        values = _listed(result.get(name))
        values = {*values, *event.added.get(name, ())} - set(event.removed.get(name, ()))
        result[name] = tuple(sorted(values, key=lambda each: (type(each).__name__, each)))
        if not values:
            del result[name]
    return result


def _listed(value: Value) -> Iterable[Scalar]:
    if value is None:
        return ()
    return value if isinstance(value, tuple) else (value,)


def _may_go(absence: str | None, kind: DeletionKind) -> bool:
    """Tell whether a deletion says something new; who left the scope may be deleted later."""
    if absence == Finding.OUT_OF_SCOPE.value:
        return kind is not DeletionKind.OUT_OF_SCOPE
    return absence in (None, Finding.INVALID.value)
