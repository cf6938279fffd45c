"""Reads LDIF files (RFC 2849), the exports of directories; they are never written.

A type is the entries of one file below a base, of an object class. Every scan is full. A file is
believed only when it is whole: it did not change while it was read, ends with a line end and its
last entry with an empty line, holds entries and not changes, and has as many of them as it says, if
it does (``# numEntries:``, which ``ldapsearch -L`` writes). What cannot be read is invalid, not
absent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from hypersync.config.values import Filled
from hypersync.connectors.changes import refuse_all
from hypersync.connectors.files import FilesConnector, Kept, Stamp, unchanging
from hypersync.connectors.ldif.entries import Entries, Shape
from hypersync.connectors.ldif.records import Broken, NoContent, Reader
from hypersync.connectors.registry import connector
from hypersync.connectors.settings import (
    SiloOptions,
    SiloSettings,
    TypeOptions,
    batches,
    fingerprint,
)
from hypersync.errors import CursorLost, ScanFailed, SiloError, SiloRefused
from hypersync.model.mistake import Mistake
from hypersync.model.objects import (
    Batch,
    Change,
    Complete,
    Invalid,
    ObjectType,
    Outcome,
    ScanEvent,
    Schema,
    Seen,
    SiloObject,
)

_LOOKED_AT = 10
"""How many records `check` reads."""


class LdifTypeOptions(TypeOptions):
    """Entries of one file: those below ``base`` that have all classes of ``object_class``.

    ``anchor`` may be ``dn``, for files that have nothing better. ``single`` and ``multi`` say of
    attributes, against custom, whether they are one value or several.
    """

    path: Filled
    anchor: Filled = "entryUUID"
    base: Filled | None = None
    object_class: tuple[Filled, ...] = ()
    single: tuple[Filled, ...] = ()
    multi: tuple[Filled, ...] = ()


class LdifOptions(SiloOptions):
    """A silo of LDIF files; everything is said per type."""

    types: Mapping[str, LdifTypeOptions] = Field(min_length=1)


@connector("ldif")
class LdifConnector(FilesConnector["LdifSession"]):
    """Reads the LDIF files of one silo."""

    options: ClassVar[type[SiloOptions]] = LdifOptions
    can_write: ClassVar[bool] = False

    def session(self) -> LdifSession:
        """Return a session of its own."""
        return LdifSession(self._settings)


class LdifSession:
    """One caller's view of the files; keeps what it read to look objects up."""

    def __init__(self, settings: SiloSettings) -> None:
        self._settings = settings
        self._known: Kept[dict[str, Seen | Invalid]] = Kept()

    def schema(self) -> Schema:
        """Say that every type may have any attribute: a file has no schema."""
        return Schema(dict.fromkeys(each.name for each in self._settings.types))

    def scope(self, types: Sequence[ObjectType]) -> str:
        """Return the fingerprint of files, bases, classes and attributes."""
        parts = []
        for each in types:
            kind = _options(each)
            where = (kind.path, kind.anchor, kind.base, sorted(kind.object_class))
            shape = (sorted(kind.single), sorted(kind.multi), sorted(each.attributes))
            parts.append((each.name, *where, *shape))
        return fingerprint("ldif", parts)

    def scan(self, types: Sequence[ObjectType], cursor: str | None) -> Iterator[Batch]:
        """Read the whole files; a cursor cannot come from here."""
        if cursor is not None:
            raise CursorLost("an LDIF file has no deltas; scan it in full")
        for each in types:
            yield from batches(self._events(each))
        yield [Complete()]

    def _events(self, kind: ObjectType) -> Iterator[ScanEvent]:
        path = self._path(kind)
        entries, reader, count = Entries(self._shape(kind)), Reader(), 0
        with unchanging(path) as (file, _), _said_of(path):
            for record in reader.read(file):
                count += 1
                event = entries.event(record)
                if event is not None:
                    yield event
        _check_ended(path, reader)
        if reader.announced not in (None, count):
            raise ScanFailed(
                f"{path.name} says that it has {reader.announced} entries and has {count}; "
                "it is not complete"
            )

    def read(self, object_type: ObjectType, anchor: str) -> SiloObject | None:
        """Look one object up; raises `SiloRefused` when its entries cannot be told apart."""
        path = self._path(object_type)
        found = self._known.of(object_type, path, lambda: self._load(object_type)).get(anchor)
        if isinstance(found, Invalid):
            raise SiloRefused(f"{found.where}: {found.why}")
        return None if found is None else SiloObject(found.type, anchor, found.attributes)

    def _load(self, kind: ObjectType) -> tuple[Stamp, dict[str, Seen | Invalid]]:
        found: dict[str, Seen | Invalid] = {}
        with unchanging(self._path(kind)) as (_, stamp):
            for event in self._events(kind):
                if isinstance(event, Seen | Invalid) and event.anchor is not None:
                    found[event.anchor] = event
        return stamp, found

    def apply(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """Refuse: an export is not where a directory is changed."""
        return refuse_all(changes, "an LDIF file is only read; change the directory itself")

    def check(self) -> Sequence[Mistake]:
        """Look at the first entries of every file."""
        mistakes = []
        for each in self._settings.types:
            remedy = f"see the type {each.name!r} of the silo {self._settings.silo!r}"
            try:
                mistakes += [Mistake(why, remedy) for why in self._wrong_at_first(each)]
            except SiloError as error:
                mistakes.append(Mistake(error.message, remedy))
        return mistakes

    def _wrong_at_first(self, kind: ObjectType) -> list[str]:
        path = self._path(kind)
        entries, reader = Entries(self._shape(kind)), Reader()
        with unchanging(path) as (file, _), _said_of(path):
            records = list(islice(reader.read(file), _LOOKED_AT))
        _check_ended(path, reader)
        if records and all(isinstance(each, Broken) for each in records):
            return [f"{path.name}: {records[0].why}"]  # type: ignore[union-attr] # all are broken
        events = [entries.event(each) for each in records]
        wrong = [each for each in events if isinstance(each, Invalid)]
        return [f"{each.where}: {each.why}" for each in wrong[:1]]

    def _path(self, kind: ObjectType) -> Path:
        return self._settings.root / _options(kind).path

    def _shape(self, kind: ObjectType) -> Shape:
        options = _options(kind)
        members = (kind.members,) if kind.members else ()
        enabled = (kind.enabled.attribute,) if kind.enabled else ()
        return Shape(
            type=kind.name,
            file=self._path(kind).name,
            anchor=options.anchor,
            base=options.base,
            object_class=frozenset(each.lower() for each in options.object_class),
            wanted={each.lower(): each for each in kind.attributes},
            single=frozenset(each.lower() for each in (*options.single, *enabled)),
            multi=frozenset(each.lower() for each in (*options.multi, *members)),
        )


def _options(kind: ObjectType) -> LdifTypeOptions:
    if not isinstance(kind.options, LdifTypeOptions):
        raise TypeError(f"{kind.name} is no type of an ldif silo")
    return kind.options


def _check_ended(path: Path, reader: Reader) -> None:
    if reader.unended is not None:
        raise ScanFailed(
            f"{path.name}, line {reader.unended}: the last entry begins here and no empty line "
            "follows it, so its end may be missing; append an empty line if the file is whole"
        )


@contextmanager
def _said_of(path: Path) -> Iterator[None]:
    try:
        yield
    except NoContent as error:
        raise ScanFailed(f"{path.name}, {error}") from error
