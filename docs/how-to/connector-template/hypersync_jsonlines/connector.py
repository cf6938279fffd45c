"""Reads and writes files with one JSON object in each line, one file for each type.

A scan reads a file whole before it reports anything, and believes it only if its last line is
ended: a file that breaks off fails the scan, it does not make objects absent. A line that is no
object, and an anchor that stands in several lines, are invalid objects. There are no deltas.
Writing replaces the file in one step; what somebody else writes at the same moment may be lost,
which a real connector would prevent with a lock or a compare-and-set.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import ClassVar

from pydantic import Field

from hypersync.config.values import Filled
from hypersync.connectors.changes import anchor_of, chosen, refuse_all, settled, written
from hypersync.connectors.settings import (
    SiloOptions,
    SiloSettings,
    TypeOptions,
    batches,
    fingerprint,
)
from hypersync.errors import CursorLost, SiloError
from hypersync.model.mistake import Mistake
from hypersync.model.objects import (
    Batch,
    Change,
    Complete,
    ObjectType,
    Operation,
    Outcome,
    Refused,
    Schema,
    SiloObject,
    Succeeded,
)
from hypersync_jsonlines.file import Lines, events_of, load, replace


class JsonLinesTypeOptions(TypeOptions):
    """One file; ``anchor`` names the attribute that never changes and stands once."""

    path: Filled
    anchor: Filled


class JsonLinesOptions(SiloOptions):
    """A silo of such files; everything is said per type."""

    types: Mapping[str, JsonLinesTypeOptions] = Field(min_length=1)


class JsonLinesConnector:
    """Reads and writes the files of one silo. Thread-safe, for it keeps nothing."""

    options: ClassVar[type[SiloOptions]] = JsonLinesOptions
    can_write: ClassVar[bool] = True
    recreates: ClassVar[bool] = True

    def __init__(self, settings: SiloSettings) -> None:
        self._settings = settings

    def streams(self) -> Sequence[Sequence[ObjectType]]:
        """Return one stream for each file."""
        return tuple((each,) for each in self._settings.types)

    @contextmanager
    def open(self) -> Iterator[JsonLinesSession]:
        """Open a session; a connector of a server signs in here."""
        yield JsonLinesSession(self._settings)


class JsonLinesSession:
    """One caller's view of the files."""

    def __init__(self, settings: SiloSettings) -> None:
        self._settings = settings

    def schema(self) -> Schema:
        """Say that every type takes any attribute."""
        return Schema(dict.fromkeys(each.name for each in self._settings.types))

    def scope(self, types: Sequence[ObjectType]) -> str:
        """Return the fingerprint of what absence is measured against."""
        parts = [(each.name, _options(each).path, sorted(each.attributes)) for each in types]
        return fingerprint("jsonlines", parts)

    def scan(self, types: Sequence[ObjectType], cursor: str | None) -> Iterator[Batch]:
        """Report the objects of whole files; `Complete` comes last."""
        if cursor is not None:
            raise CursorLost("these files have no deltas; scan them in full")
        for each in types:
            yield from batches(events_of(each, self._load(each)))
        yield [Complete()]

    def read(self, object_type: ObjectType, anchor: str) -> SiloObject | None:
        """Read one object by its anchor."""
        found = self._load(object_type).objects.get(anchor)
        if found is None:
            return None
        return SiloObject(object_type.name, anchor, chosen(object_type, found))

    def apply(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """Write the changes one after the other, each only if its ``before`` still holds."""
        if not self._settings.write:
            return refuse_all(changes, f"the silo {self._settings.silo!r} is not to be written")
        return [self._apply(change) for change in changes]

    def check(self) -> Sequence[Mistake]:
        """Look at every file."""
        mistakes = []
        for each in self._settings.types:
            try:
                self._load(each)
            except SiloError as error:
                mistakes.append(Mistake(error.message, f"see the type {each.name!r}"))
        return mistakes

    def _apply(self, change: Change) -> Outcome:
        kind = change.type
        anchor = anchor_of(change, _options(kind).anchor)
        if anchor is None:
            return Refused(f"a new {kind.name} needs its anchor: set {_options(kind).anchor!r}")
        lines = self._load(kind)
        if lines.wrong:
            return Refused(f"{lines.path.name} has lines that cannot be read; mend them first")
        stored = lines.objects.get(anchor)
        current = None if stored is None else SiloObject(kind.name, anchor, stored)
        if outcome := settled(change, current):
            return outcome
        if change.operation is Operation.DELETE:
            del lines.objects[anchor]
        else:
            after = written(change, stored or {})
            lines.objects[anchor] = {_options(kind).anchor: anchor, **after}
        replace(lines)
        return Succeeded(self.read(kind, anchor))

    def _load(self, kind: ObjectType) -> Lines:
        options = _options(kind)
        return load(self._settings.root / options.path, options.anchor)


def _options(kind: ObjectType) -> JsonLinesTypeOptions:
    if not isinstance(kind.options, JsonLinesTypeOptions):
        raise TypeError(f"{kind.name} is no type of a jsonlines silo")
    return kind.options
