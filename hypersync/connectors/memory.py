"""A silo in memory: the reference for the contract, for tests, demos and rehearsals.

All types are one stream with a cursor and tombstones, as a directory with a change log has them.
`Faults` makes the silo misbehave in the ways real ones do. Not for data that matters: it is gone
with the process.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import RLock
from typing import ClassVar

from pydantic import Field

from hypersync.connectors.changes import (
    anchor_of,
    chosen,
    present,
    refuse_all,
    settled,
    sorted_values,
    written,
)
from hypersync.connectors.registry import connector
from hypersync.connectors.settings import (
    BATCH_SIZE,
    SiloOptions,
    SiloSettings,
    TypeOptions,
    batches,
    fingerprint,
)
from hypersync.errors import CursorLost, ScanFailed, SiloRefused, SiloUnreachable
from hypersync.model.mistake import Mistake
from hypersync.model.objects import (
    Attributes,
    AttributeSchema,
    Batch,
    Change,
    Complete,
    Deleted,
    DeletionKind,
    Invalid,
    ObjectType,
    Operation,
    Outcome,
    Refused,
    ScanEvent,
    Schema,
    Seen,
    SiloObject,
    Succeeded,
    Unknown,
)


class MemoryTypeOptions(TypeOptions):
    """``anchor`` names the attribute that is the anchor; without it the silo assigns one.

    ``read_only`` are attributes that nobody may write.
    """

    read_only: tuple[str, ...] = ()


class MemoryOptions(SiloOptions):
    """A silo in memory has no settings of its own."""

    types: Mapping[str, MemoryTypeOptions] = Field(min_length=1)


@dataclass(slots=True)
class Faults:
    """What goes wrong next; everything off by default.

    ``unreachable`` and ``refused`` meet whoever opens a session, with the sentence given.
    ``break_after`` breaks a scan after so many batches. ``outcomes`` answer the next changes,
    which are not written; ``unknown_after_write`` says of how many next changes, which are
    written, that nobody knows. ``invalid`` lists anchors that cannot be read.
    """

    unreachable: str = ""
    refused: str = ""
    break_after: int | None = None
    outcomes: deque[Outcome] = field(default_factory=deque)
    unknown_after_write: int = 0
    invalid: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Version:
    """The last thing that happened to an object; ``attributes`` is ``None`` when it was deleted."""

    sequence: int
    attributes: Attributes | None
    deletion: DeletionKind = DeletionKind.GONE


class MemorySilo:
    """The objects, by type and anchor, with a change log. Thread-safe."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.lock = RLock()
        self.epoch = 1
        self.writes = 0
        self._sequence = 0
        self._versions: dict[tuple[str, str], _Version] = {}

    @property
    def sequence(self) -> int:
        """The number of the last change."""
        return self._sequence

    def put(self, type_name: str, anchor: str, attributes: Attributes) -> None:
        """Create or replace an object, as somebody else would."""
        clean = {
            name: sorted_values(value) if isinstance(value, tuple) else value
            for name, value in present(attributes).items()
        }
        self._record((type_name, anchor), clean, DeletionKind.GONE)

    def remove(self, type_name: str, anchor: str, kind: DeletionKind = DeletionKind.GONE) -> None:
        """Delete an object, as somebody else would."""
        self._record((type_name, anchor), None, kind)

    def get(self, type_name: str, anchor: str) -> Attributes | None:
        """Return the attributes of an object, ``None`` when it is not there."""
        version = self._versions.get((type_name, anchor))
        return None if version is None else version.attributes

    def forget_changes(self) -> None:
        """Make every cursor given out so far worthless."""
        self.epoch += 1

    def versions(self, types: set[str], since: int) -> list[tuple[str, str, _Version]]:
        """Return what happened after ``since`` to objects of these types, oldest first."""
        with self.lock:
            found = [
                (name, anchor, version)
                for (name, anchor), version in self._versions.items()
                if name in types and version.sequence > since
            ]
        return sorted(found, key=lambda each: each[2].sequence)

    def _record(
        self, key: tuple[str, str], attributes: Attributes | None, kind: DeletionKind
    ) -> None:
        with self.lock:
            self._sequence += 1
            self._versions[key] = _Version(self._sequence, attributes, kind)


@connector("memory")
class MemoryConnector:
    """Reads and writes a `MemorySilo`, its own or one that is given."""

    options: ClassVar[type[SiloOptions]] = MemoryOptions
    can_write: ClassVar[bool] = True
    recreates: ClassVar[bool] = True

    def __init__(
        self, settings: SiloSettings, silo: MemorySilo | None = None, batch_size: int = BATCH_SIZE
    ) -> None:
        self.silo = silo or MemorySilo()
        self._settings = settings
        self._batch_size = batch_size

    def streams(self) -> Sequence[Sequence[ObjectType]]:
        """Return all types as one stream."""
        return (self._settings.types,)

    @contextmanager
    def open(self) -> Iterator[MemorySession]:
        """Open a session."""
        faults = self.silo.faults
        if faults.unreachable:
            raise SiloUnreachable(faults.unreachable)
        if faults.refused:
            raise SiloRefused(faults.refused)
        yield MemorySession(self.silo, self._settings, self._batch_size)


class MemorySession:
    """One caller's view of a `MemorySilo`."""

    def __init__(self, silo: MemorySilo, settings: SiloSettings, batch_size: int) -> None:
        self._silo = silo
        self._settings = settings
        self._batch_size = batch_size

    def schema(self) -> Schema:
        """Say which attributes are read-only and hold several values; others may be anything."""
        return Schema({each.name: _attribute_schemas(each) for each in self._settings.types})

    def scope(self, types: Sequence[ObjectType]) -> str:
        """Return the fingerprint of the types and the attributes read."""
        return fingerprint("memory", [(each.name, sorted(each.attributes)) for each in types])

    def scan(self, types: Sequence[ObjectType], cursor: str | None) -> Iterator[Batch]:
        """Report all objects, or those changed since ``cursor`` with tombstones."""
        silo = self._silo
        since = 0 if cursor is None else self._sequence_of(cursor)
        end = f"{silo.epoch}:{silo.sequence}"
        by_name = {each.name: each for each in types}
        versions = silo.versions(set(by_name), since)
        events = (
            self._event(by_name[name], anchor, version)
            for name, anchor, version in versions
            if version.attributes is not None or cursor is not None
        )
        for number, batch in enumerate(batches(events, self._batch_size)):
            self._break_if_told(number)
            yield batch
        self._break_if_told(None)
        yield [Complete(end)]

    def read(self, object_type: ObjectType, anchor: str) -> SiloObject | None:
        """Read one object."""
        attributes = self._silo.get(object_type.name, anchor)
        if attributes is None:
            return None
        return SiloObject(object_type.name, anchor, chosen(object_type, attributes))

    def apply(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """Write the changes one after the other."""
        if not self._settings.write:
            return refuse_all(changes, f"the silo {self._settings.silo!r} is not to be written")
        with self._silo.lock:
            return [self._apply(change) for change in changes]

    def check(self) -> Sequence[Mistake]:
        """Find nothing wrong: memory is always there."""
        return ()

    def _sequence_of(self, cursor: str) -> int:
        epoch, _, sequence = cursor.partition(":")
        if epoch != str(self._silo.epoch) or not sequence.isdigit():
            raise CursorLost
        return int(sequence)

    def _event(self, object_type: ObjectType, anchor: str, version: _Version) -> ScanEvent:
        if version.attributes is None:
            return Deleted(object_type.name, anchor, version.deletion)
        if anchor in self._silo.faults.invalid:
            return Invalid(object_type.name, anchor, f"object {anchor}", "made invalid by a test")
        return Seen(object_type.name, anchor, chosen(object_type, version.attributes))

    def _break_if_told(self, number: int | None) -> None:
        limit = self._silo.faults.break_after
        if limit is not None and (number is None or number >= limit):
            raise ScanFailed("the silo went away in the middle of the scan")

    def _apply(self, change: Change) -> Outcome:
        faults = self._silo.faults
        if faults.outcomes:
            return faults.outcomes.popleft()
        outcome = self._write(change)
        if faults.unknown_after_write > 0 and isinstance(outcome, Succeeded):
            faults.unknown_after_write -= 1
            return Unknown("the connection broke before the answer")
        return outcome

    def _write(self, change: Change) -> Outcome:
        kind = change.type
        anchor = anchor_of(change, _options(kind).anchor)
        if anchor is None:
            return Refused(f"a new {kind.name} needs its anchor: set {_options(kind).anchor!r}")
        stored = self._silo.get(kind.name, anchor)
        current = None if stored is None else SiloObject(kind.name, anchor, stored)
        if outcome := settled(change, current):
            return outcome
        if read_only := sorted(set(_options(kind).read_only) & set(change.after or {})):
            return Refused(f"read-only in this silo: {', '.join(read_only)}")
        self._silo.writes += 1
        if change.operation is Operation.DELETE:
            self._silo.remove(kind.name, anchor)
            return Succeeded(None)
        self._silo.put(kind.name, anchor, written(change, stored or {}))
        return Succeeded(self.read(kind, anchor))


def _options(kind: ObjectType) -> MemoryTypeOptions:
    return kind.options if isinstance(kind.options, MemoryTypeOptions) else MemoryTypeOptions()


def _attribute_schemas(kind: ObjectType) -> dict[str, AttributeSchema] | None:
    read_only = set(_options(kind).read_only)
    if not read_only:
        return None
    named = {*kind.attributes, *read_only, *([kind.members] if kind.members else [])}
    return {
        name: AttributeSchema(
            name=name, multi_valued=name == kind.members, read_only=name in read_only
        )
        for name in sorted(named)
    }
