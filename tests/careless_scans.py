"""Connectors that each tell one thing wrong, which the contract has to find out."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from hypersync.connectors.changes import present
from hypersync.connectors.memory import MemorySession
from hypersync.errors import ScanFailed
from hypersync.model.objects import (
    Batch,
    Changed,
    Complete,
    Deleted,
    ObjectType,
    ScanEvent,
    Seen,
    SiloObject,
    Value,
)


class Telling(MemorySession):
    """Tells in full scans and in deltas what `full` and `delta` make of each event."""

    def scan(self, types: Sequence[ObjectType], cursor: str | None) -> Iterator[Batch]:
        told = self.full if cursor is None else self.delta
        for batch in super().scan(types, cursor):
            yield [each for event in batch for each in told(event)]

    def full(self, event: ScanEvent) -> Batch:
        return [event]

    def delta(self, event: ScanEvent) -> Batch:
        return [event]


def is_of(event: ScanEvent, kind: str) -> bool:
    return isinstance(event, Seen | Deleted) and event.type == kind


def with_values(event: Seen, **values: Value) -> Seen:
    return replace(event, attributes=present({**event.attributes, **values}))


class LeavesOutGroups(Telling):
    def full(self, event: ScanEvent) -> Batch:
        return [] if is_of(event, "group") else [event]


class LeavesOutMembers(Telling):
    def full(self, event: ScanEvent) -> Batch:
        return [with_values(event, member=None) if isinstance(event, Seen) else event]


class TellsGroupsTwice(Telling):
    def full(self, event: ScanEvent) -> Batch:
        return [event, event] if is_of(event, "group") else [event]


class TellsTheDeletedAsSeen(Telling):
    def delta(self, event: ScanEvent) -> Batch:
        gone = isinstance(event, Deleted)
        return [event, Seen(event.type, event.anchor, {"title": "Clerk"})] if gone else [event]


class TellsTheUnchangedAsDeleted(Telling):
    def delta(self, event: ScanEvent) -> Batch:
        return [Deleted("user", "zoë"), event] if isinstance(event, Complete) else [event]


class Invents(Telling):
    def delta(self, event: ScanEvent) -> Batch:
        return [Seen("user", "x", {}), event] if isinstance(event, Complete) else [event]


class TellsAPartAsAll(Telling):
    def delta(self, event: ScanEvent) -> Batch:
        if not isinstance(event, Seen):
            return [event]
        return [replace(event, attributes={"title": event.attributes.get("title", "Clerk")})]


class TellsAnOldStateLast(Telling):
    def delta(self, event: ScanEvent) -> Batch:
        return [event, with_values(event, title="Clerk")] if isinstance(event, Seen) else [event]


class TellsNothingNew(Telling):
    def delta(self, event: ScanEvent) -> Batch:
        is_new = isinstance(event, Seen) and event.anchor == "new"
        return [] if is_new else [event]


class NeverClears(Telling):
    """Tells what was set, and of members who came."""

    def delta(self, event: ScanEvent) -> Batch:
        if not isinstance(event, Seen):
            return [event]
        lists = {n: v for n, v in event.attributes.items() if isinstance(v, tuple)}
        values = {n: v for n, v in event.attributes.items() if n not in lists}
        return [Changed(event.type, event.anchor, set=values, added=lists)]


class LeavesGroupsOutOfDeltas(Telling):
    def delta(self, event: ScanEvent) -> Batch:
        return [] if is_of(event, "group") else [event]


class TakesTheCursorInTheEnd(Telling):
    def full(self, event: ScanEvent) -> Batch:
        if isinstance(event, Complete):
            return [Complete(f"{self._silo.epoch}:{self._silo.sequence}")]
        return [event]


class TellsOnce(Telling):
    """What a session told it does not tell again."""

    def full(self, event: ScanEvent) -> Batch:
        known = self.__dict__.setdefault("known", [])
        if isinstance(event, Seen) and event in known:
            return []
        known.append(event)
        return [event]


class NeverLooksAgain(Telling):
    """Keeps for good what the first scan read."""

    def full(self, event: ScanEvent) -> Batch:
        if not isinstance(event, Seen):
            return [event]
        kept = getattr(self._silo, "kept", {})
        self._silo.__dict__["kept"] = kept
        return [kept.setdefault((event.type, event.anchor), event)]


class KeepsWhatItRead(MemorySession):
    """Does not look again in one session, not even after a write of its own."""

    def read(self, object_type: ObjectType, anchor: str) -> SiloObject | None:
        kept = self.__dict__.setdefault("kept", {})
        if anchor not in kept:
            kept[anchor] = super().read(object_type, anchor)
        return kept[anchor]  # type: ignore[no-any-return] # as above


class ReadsOnePage(MemorySession):
    """Asks for pages that are large enough for a few objects, and for one of them."""

    def scan(self, types: Sequence[ObjectType], cursor: str | None) -> Iterator[Batch]:
        self._batch_size = 1_000
        for number, batch in enumerate(super().scan(types, cursor)):
            if number == 0 or isinstance(batch[-1], Complete):
                yield batch


class HasOneScope(MemorySession):
    """Forgets that types are told apart by more than their attributes."""

    def scope(self, types: Sequence[ObjectType]) -> str:
        return str([sorted(each.attributes) for each in types])


class SwallowsLaterErrors(MemorySession):
    def scan(self, types: Sequence[ObjectType], cursor: str | None) -> Iterator[Batch]:
        pages = 0
        try:
            for batch in super().scan(types, cursor):
                yield batch
                pages += 1
        except ScanFailed:
            if pages < 2:
                raise
            yield [Complete()]
