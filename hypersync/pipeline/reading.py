"""Reads one stream of a silo and stages what differs from the store.

A full scan compares each object's hash with a map of all hashes of the type; what is left over is
missing. An unchanged object costs its hash and a look into the map, and nothing is written for it.
A delta looks up only what it is told of. Staged changes go into the store in small transactions,
so that nobody waits long for the database. A type that is empty is loaded straight into place,
where runs do not see it before the scan is complete.

What cannot be read is invalid, not absent: so is an object of which two rows tell, whatever was
seen of it before or after, and everything that is missing beside rows that do not even say which
object they are. What a scan missed is judged by `missing`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from hypersync.errors import EvaluationError
from hypersync.model.canonical import decode, digest, encode
from hypersync.model.objects import (
    Anchors,
    Batch,
    Changed,
    Checkpoint,
    Complete,
    Deleted,
    Invalid,
    ScanEvent,
    Seen,
)
from hypersync.model.scans import Finding, ScanId, Staged
from hypersync.pipeline import parting
from hypersync.pipeline.apply import Fresh, load
from hypersync.pipeline.graph import Target
from hypersync.pipeline.join import Joins
from hypersync.pipeline.missing import Missing
from hypersync.pipeline.source_guard import SourceGuard
from hypersync.pipeline.type_reading import TypeReading
from hypersync.ports.connector import Session
from hypersync.ports.store import Store, UnitOfWork
from hypersync.ports.store.leases import Fence

__all__ = ["Reading", "TypeReading"]


class Reading:
    """Takes in the batches of one stream."""

    def __init__(
        self,
        store: Store,
        fence: Fence,
        scan: ScanId,
        types: Mapping[str, TypeReading],
        joins: Joins,
        guard: SourceGuard,
        clock: Callable[[], datetime],
    ) -> None:
        self.types = types
        self.cursor: str | None = None
        self.is_complete = False
        self._store = store
        self._fence = fence
        self._scan = scan
        self._joins = joins
        self._guard = guard
        self._clock = clock
        self._began = clock()
        self._canaries = set(guard.canaries) | {
            name.partition("/")[2] for name in guard.canaries if "/" in name
        }
        self._seen_canaries: dict[str, set[str]] = {}

    def load_map(self) -> None:
        """Load what is known of every type; needed by full scans."""
        for reading in self.types.values():
            with self._store.snapshot() as unit:
                if parting.is_kept(reading.silo_type, reading.kind):
                    reading.load_map(unit)
                else:  # a hash does not say how members were parted, so nothing is as it was
                    reading.load_anchors(unit)

    # --- full scans ----------------------------------------------------------------------------

    def take(self, batch: Batch) -> None:
        """Take in one batch of a full scan."""
        types = self.types
        seen = dict.fromkeys(types, 0)
        for event in batch:
            if event.__class__ is not Seen:
                self._take_other(event)
                continue
            name = event.type
            seen[name] += 1
            canonical = encode(event.attributes)
            hashed = digest(canonical)
            before = types[name].known.pop(event.anchor, None)
            if before != hashed:
                self._differs(types[name], event, canonical, hashed, before)
        for name, reading in types.items():
            reading.counts.seen += seen[name]
            if reading.is_full():
                self.flush(reading)

    def _differs(
        self,
        reading: TypeReading,
        event: Seen,
        canonical: bytes,
        hashed: bytes,
        before: bytes | None,
    ) -> None:
        anchor = event.anchor
        if anchor in self._canaries:
            self._seen_canaries.setdefault(reading.silo_type.name, set()).add(anchor)
        if anchor in reading.spoilt:  # counted already, and invalid whatever is seen of it besides
            reading.counts.seen -= 1
            return
        if reading.is_direct and anchor not in reading.written:
            reading.counts.created += 1
            reading.written.add(anchor)
            reading.fresh.append(Fresh(anchor, event.attributes, canonical.decode(), hashed))
            return
        row = Staged(anchor, Finding.SEEN, canonical.decode(), hashed)
        absence = None if before is not None else reading.away.pop(anchor, None)
        if absence == Finding.INVALID.value or anchor in reading.healed:
            reading.healed[anchor] = row
            return
        if before is None and absence is None:
            if anchor not in reading.written:
                reading.counts.created += 1
                reading.seems_new.add(anchor)
        else:
            reading.counts.updated += 1
        reading.written.add(anchor)
        reading.rows.append(row)

    def _take_other(self, event: ScanEvent) -> None:
        match event:
            case Invalid():
                self._take_invalid(event)
            case Deleted():
                reading = self.types[event.type]
                if reading.known.pop(event.anchor, None) is not None:
                    reading.delete(event)
            case Complete(cursor):
                self.complete(cursor)
            case Checkpoint() | Anchors():
                pass  # a full scan starts again, and sees everything anyway
            case Seen() | Changed():
                raise TypeError("a full scan reports whole objects")

    def _take_invalid(self, event: Invalid) -> None:
        reading = self.types[event.type]
        reading.counts.invalid += 1
        if event.anchor is None:
            reading.anonymous += 1
            return
        was_counted = event.anchor in reading.written or event.anchor in reading.spoilt
        reading.counts.seen += not was_counted
        reading.spoilt.add(event.anchor)
        reading.known.pop(event.anchor, None)
        if reading.healed.pop(event.anchor, None) is not None:
            return
        if reading.away.pop(event.anchor, None) != Finding.INVALID.value:
            why = f"{event.where}: {event.why}"
            reading.rows.append(Staged(event.anchor, Finding.INVALID, why=why))

    def complete(self, cursor: str | None) -> None:
        """Note that the stream ended completely."""
        self.cursor = cursor
        self.is_complete = True

    # --- the end -------------------------------------------------------------------------------

    def finish(self, session: Session) -> None:
        """Settle what is missing, while the silo can still be asked, and write the rest.

        Raises `CursorLost` when a delta would have to ask for too much.
        """
        missing = Missing(self._store, self._guard, self._began, self._clock)
        for reading in self.types.values():
            for anchor, row in reading.healed.items():
                reading.counts.updated += 1
                reading.written.add(anchor)
                reading.rows.append(row)
            if reading.sees_everything:
                missing.settle(reading, session)
            else:
                missing.look_again(reading, session)
            self.flush(reading)

    def lost_canaries(self, reading: TypeReading, *, is_only_type: bool) -> set[str]:
        """Return the canaries of a type that a scan should have seen and did not."""
        name = reading.silo_type.name
        lost = set()
        for canary in self._guard.canaries:
            of_type, _, rest = canary.partition("/")
            anchor = rest if rest and of_type == name else canary
            if anchor in reading.missing or anchor in reading.deleted | reading.unsettled:
                lost.add(canary)
            elif anchor in self._seen_canaries.get(name, ()) or not reading.sees_everything:
                continue
            elif (anchor != canary or is_only_type) and not self._was_known(reading, anchor):
                lost.add(canary)
        return lost

    def _was_known(self, reading: TypeReading, anchor: str) -> bool:
        """Tell whether a canary is stored as live; what was live and unseen is missing already."""
        with self._store.snapshot() as unit:
            found = unit.objects.current(reading.silo_type.id, [anchor]).get(anchor)
        return found is not None and found.absence is None

    # --- writing -------------------------------------------------------------------------------

    def flush(self, reading: TypeReading) -> None:
        """Write what was gathered of a type."""
        if not (reading.rows or reading.fresh):
            return
        with self._store.begin(self._fence) as unit:
            if reading.fresh:
                load(unit, self.target(reading), reading.fresh)
            if reading.rows:
                self._drop_repeated(unit, reading)
                self._count_rekeyed(unit, reading)
                unit.scans.stage(self._scan, reading.silo_type.id, reading.rows)
        reading.rows, reading.fresh = [], []
        reading.seems_new.clear()

    def _drop_repeated(self, unit: UnitOfWork, reading: TypeReading) -> None:
        """Drop what was seen before as it is stored, which left no trace, and is no new object."""
        if not reading.silo_type.is_loaded or not reading.seems_new:
            return
        found = unit.objects.current(reading.silo_type.id, reading.seems_new)
        live = {anchor: each for anchor, each in found.items() if each.absence is None}
        again = [row for row in reading.rows if row.anchor in live and row.finding is Finding.SEEN]
        last = {row.anchor: row.hash for row in again}
        same = {anchor for anchor in last if last[anchor] == live[anchor].hash}
        reading.counts.seen -= len(again)
        reading.counts.created -= len(last)
        reading.counts.updated += len(last) - len(same)
        reading.written -= same
        reading.rows = [
            row for row in reading.rows if row.anchor not in same or row.finding is not Finding.SEEN
        ]

    def _count_rekeyed(self, unit: UnitOfWork, reading: TypeReading) -> None:
        seen = {row.anchor: row for row in reading.rows if row.finding is Finding.SEEN}
        if not reading.silo_type.is_loaded or not seen:
            return
        stored = reading.silo_type
        for anchor, known in unit.objects.current(stored.id, seen).items():
            if known.absence is not None or known.key is None:
                continue
            try:
                attributes = decode(seen[anchor].attributes or "{}")
                key = self._joins.assign(stored.silo, stored.name, attributes).key
            except EvaluationError:
                key = None
            reading.rekeyed += key != known.key

    def target(self, reading: TypeReading) -> Target:
        """Return where objects of a type are written to."""
        return Target(
            silo_type=reading.silo_type,
            kind=reading.kind,
            joins=self._joins,
            source=f"scan:{self._scan}",
            now=self._clock(),
        )
