"""Judges what a scan did not see of a type.

An object that is missing is asked for once by its anchor, without the filter; found there it is out
of scope, which is not absence. Two things keep an absence from being believed at once. ``grace``
wants more complete scans to miss the object. And ``settle`` is how long the server that was read
may lag behind the one that told of the object: an absence says nothing of what changed less than
that before, and looks that are less than that apart are one look.

What is not believed for that is marked as missed, so that it is looked at again and not forgotten:
by every scan that sees everything, and where only ``settle`` kept a full scan from believing it by
the first delta after that, which asks for it by its anchor, because it is not told of it again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from hypersync.errors import CursorLost, NotShown
from hypersync.model.objects import ObjectType
from hypersync.model.scans import Finding, Staged
from hypersync.pipeline.source_guard import SourceGuard
from hypersync.pipeline.type_reading import TypeReading
from hypersync.ports.connector import Session
from hypersync.ports.store import Store
from hypersync.ports.store.objects import Away

READ_BACK = 200
"""The most missing objects that are asked for one by one; more are absent without being asked."""


class Missing:
    """Settles what one scan, which began at a time, did not see."""

    def __init__(
        self,
        store: Store,
        guard: SourceGuard,
        began: datetime,
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._guard = guard
        self._began = began
        self._clock = clock

    def settle(self, reading: TypeReading, session: Session) -> None:
        """Settle all that is missing of a type of which everything was read."""
        left = [anchor for anchor, why in reading.away.items() if why == Finding.INVALID.value]
        missing = [*reading.known, *left]
        if reading.anonymous:
            reading.unjudged = len(missing)
            why = "it was not seen, and a row that does not say what it is may be it"
            reading.rows += [
                Staged(each, Finding.INVALID, why=why) for each in missing if each in reading.known
            ]
        else:
            self._judge(reading, self._old_enough(reading, missing), session)
        self._take_back(reading, reading.missed.keys() - set(missing))

    def look_again(self, reading: TypeReading, session: Session) -> None:
        """Settle what an earlier scan left open because of ``settle`` alone.

        Raises `CursorLost` when that is too much to ask for one by one.
        """
        if not self._guard.settle:
            return
        with self._store.snapshot() as unit:
            reading.load_missed(unit)
        told = reading.written | reading.deleted
        self._take_back(reading, reading.missed.keys() & reading.written)
        due = [
            each.anchor
            for each in reading.missed.values()
            if each.anchor not in told and each.misses > self._guard.grace
        ]
        if due and not reading.anonymous:
            missing = self._old_enough(reading, due)
            if len(missing) > READ_BACK:
                raise CursorLost(f"{len(due)} objects were missed; scanned in full")
            self._judge(reading, missing, session)

    def _judge(self, reading: TypeReading, missing: Sequence[str], session: Session) -> None:
        few = len(missing) <= READ_BACK
        for anchor in missing:
            if few and _is_there(session, reading.kind, anchor):
                reading.rows.append(Staged(anchor, Finding.OUT_OF_SCOPE))
                continue
            reading.missing.append(anchor)
            before = reading.missed.get(anchor)
            misses = 0 if before is None else before.misses
            misses += before is None or self._is_another_look(before)
            if misses <= self._guard.grace:
                reading.rows.append(Staged(anchor, Finding.MISSED, why=str(misses)))
            else:
                reading.counts.deleted += 1
                reading.rows.append(Staged(anchor, Finding.ABSENT))

    def _old_enough(self, reading: TypeReading, missing: Sequence[str]) -> Sequence[str]:
        """Leave out, and mark, what changed too lately for the server that was read to know it.

        A time that is still to come was written before the clock was set back, and says nothing.
        """
        if not self._guard.settle:
            return missing
        since, now = self._began - self._guard.settle, self._clock()
        with self._store.snapshot() as unit:
            current = unit.objects.current(reading.silo_type.id, missing)
        late = {each for each, known in current.items() if since < known.changed_at <= now}
        reading.unsettled |= late
        reading.rows += [
            Staged(each, Finding.UNSETTLED, why="1")
            for each in sorted(late - reading.missed.keys())
        ]
        return [each for each in missing if each not in late]

    def _is_another_look(self, before: Away) -> bool:
        """Tell whether enough time passed since the look that was counted last.

        A time that nobody knows or that is still to come is noted again, and counted from then.
        """
        if not self._guard.settle:
            return True
        at = before.missed_at
        return at is not None and at <= self._began - self._guard.settle

    def _take_back(self, reading: TypeReading, back: set[str]) -> None:
        reading.rows += [Staged(each, Finding.BACK, why="0") for each in sorted(back)]


def _is_there(session: Session, kind: ObjectType, anchor: str) -> bool:
    """Ask for an object; one that is not shown is there. Raises as `Session.read` does."""
    try:
        return session.read(kind, anchor) is not None
    except NotShown:
        return True
