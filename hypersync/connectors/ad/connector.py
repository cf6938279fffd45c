"""Reads and writes Active Directory: users, groups, contacts, computers, organizational units.

Objects are known by ``objectGUID``, never by a name. The types of one naming context are one
stream: a full scan is a paged search for each, a delta asks the domain controller what changed
(`scan`). Each session is one connection to one domain controller; only a delta moves, back to the
controller that its cursor is of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from typing import ClassVar

from hypersync.connectors.ad.check import check
from hypersync.connectors.ad.cursor import Mark
from hypersync.connectors.ad.directory import AdDirectory, Schemas
from hypersync.connectors.ad.discover import IDENTIFIERS, other_kinds
from hypersync.connectors.ad.options import AdOptions
from hypersync.connectors.ad.place import ANCHOR, place_of, scope_of
from hypersync.connectors.ad.rights import rights_of
from hypersync.connectors.ad.scan import Scan
from hypersync.connectors.ad.sign_in import in_words
from hypersync.connectors.ad.write import AdWriter
from hypersync.connectors.changes import refuse_all
from hypersync.connectors.directory.address import is_tls as is_tls_url
from hypersync.connectors.directory.wire import Lost, Wire
from hypersync.connectors.directory.writing import LATER
from hypersync.connectors.discovery import discover_by_scan
from hypersync.connectors.registry import connector
from hypersync.connectors.settings import SiloOptions, SiloSettings, fingerprint
from hypersync.errors import NothingWritten, SiloRefused, SiloUnreachable
from hypersync.model.discovery import FoundType
from hypersync.model.mistake import Mistake
from hypersync.model.objects import (
    AttributeSchema,
    Batch,
    Change,
    ObjectType,
    Outcome,
    RetryAfter,
    Schema,
    SiloObject,
)
from hypersync.model.rights import Right


@connector("ad")
class AdConnector:
    """Reads and writes one domain; each session is a connection to one of its controllers."""

    options: ClassVar[type[SiloOptions]] = AdOptions
    can_write: ClassVar[bool] = True
    recreates: ClassVar[bool] = True

    def __init__(self, settings: SiloSettings) -> None:
        if not isinstance(settings.options, AdOptions):
            raise TypeError(f"{settings.silo} is no ad silo")
        self.settings = settings
        self._options = settings.options
        self._schemas = Schemas()

    @property
    def lag(self) -> timedelta:
        """For how long one of the servers may not know what another one does."""
        return self._options.lag

    def streams(self) -> Sequence[Sequence[ObjectType]]:
        """Return one stream for each naming context."""
        found: dict[str, list[ObjectType]] = {}
        for each in self.settings.types:
            found.setdefault(place_of(each).context.lower(), []).append(each)
        return tuple(tuple(each) for each in found.values())

    @contextmanager
    def open(self) -> Iterator[AdSession]:
        """Connect and sign in; raises `SiloUnreachable` or `SiloRefused`."""
        wire = self.connect(self._options.url)
        session = AdSession(self.settings, self._options, wire, self._schemas, self.connect)
        try:
            yield session
        finally:
            session.close()

    def connect(self, urls: tuple[str, ...]) -> Wire:
        """Connect to the first of these servers that answers, and sign in."""
        address = self._options.address(self.settings.root, self.settings.timeout)
        try:
            return Wire.connect(replace(address, urls=urls))
        except SiloRefused as error:
            raise SiloRefused(in_words(error.message)) from error


class AdSession:
    """One domain controller's view of the domain; ``server`` is who is at the other end."""

    def __init__(
        self,
        settings: SiloSettings,
        options: AdOptions,
        wire: Wire,
        schemas: Schemas,
        connect: Callable[[tuple[str, ...]], Wire],
    ) -> None:
        self.settings = settings
        self._options = options
        self.wire = wire
        self.server = wire.url
        self._schemas = schemas
        self._connect = connect
        self._others: list[Wire] = []
        self._scanned: AdDirectory | None = None

    def close(self) -> None:
        """Say goodbye; never raises."""
        for wire in (self.wire, *self._others):
            wire.close()

    @cached_property
    def directory(self) -> AdDirectory:
        """The domain controller this session is connected to."""
        with _lost_is_unreachable():
            return AdDirectory.of(self.wire, self._schemas)

    @property
    def is_lost(self) -> bool:
        """Whether the connection broke: nothing more is written over it."""
        return self.wire.is_lost

    def schema(self) -> Schema:
        """Return the attributes that the schema has, as each type reports them."""
        return Schema({each.name: self._attributes(each) for each in self.settings.types})

    def _attributes(self, kind: ObjectType) -> dict[str, AttributeSchema] | None:
        directory, place = self.directory, place_of(kind)
        if not directory.types:
            return None
        shown = directory.representation(place)
        known = {name for each in directory.types.values() for name in (each.name, *each.aliases)}
        names = sorted({*known, *(name for name in kind.attributes if shown.is_known(name))})
        found = {name: shown.reported(name) for name in names}
        schema = {
            name: AttributeSchema(
                name=name, multi_valued=each.is_multi, read_only=each.is_read_only
            )
            for name, each in found.items()
        }
        return {**schema, "dn": AttributeSchema(name="dn")}

    def scope(self, types: Sequence[ObjectType]) -> str:
        """Return the fingerprint of bases, filters and attributes."""
        return fingerprint("ad", [scope_of(each) for each in types])

    def scan(self, types: Sequence[ObjectType], cursor: str | None) -> Iterator[Batch]:
        """Read what the types' filters find, or what changed since the cursor.

        Raises `ScanFailed` and `CursorLost`.
        """
        mark = None if cursor is None else Mark.read(cursor)
        self._scanned = self.directory if mark is None else self._directory_of(mark)
        scan = Scan(
            self._scanned,
            [place_of(each) for each in types],
            scope=self.scope(types),
            way=self._options.delta,
            page_size=self._options.page_size,
        )
        yield from scan.full() if mark is None else scan.delta(mark)

    def _directory_of(self, mark: Mark) -> AdDirectory:
        """Return the domain controller that a cursor is of, where it can be reached."""
        if mark.url == self.wire.url or mark.url not in self._options.url:
            return self.directory
        try:
            wire = self._connect((mark.url,))
        except SiloUnreachable:
            return self.directory
        self._others.append(wire)
        with _lost_is_unreachable():
            return AdDirectory.of(wire, self._schemas)

    def read(self, object_type: ObjectType, anchor: str) -> SiloObject | None:
        """Find one object anywhere in the domain, whatever the filter says.

        The domain controller that was scanned last is asked: another one may lag behind it.
        """
        with _lost_is_unreachable():
            directory = self._scanned or self.directory
            return directory.object(place_of(object_type), anchor)

    def apply(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """Write the changes one after the other.

        Raises `NothingWritten` when the server does not tell what writing needs.
        """
        if not self.settings.write:
            return refuse_all(changes, f"the silo {self.settings.silo!r} is not to be written")
        places = {each.name: place_of(each) for each in self.settings.types}
        is_tls = is_tls_url(self.wire.url) or self._options.tls.start
        try:
            directory = self.directory
        except SiloUnreachable as error:  # nothing was written
            return [RetryAfter(LATER, error.message)] * len(changes)
        except SiloRefused as error:  # nor was it here
            raise NothingWritten(error.message) from error
        return AdWriter(directory, places, is_tls=is_tls)(changes)

    def discover(self) -> Sequence[FoundType]:
        """Look at some objects of each type, and at the other usual kinds of the domain."""
        types = self.settings.types
        with _lost_is_unreachable():
            others = other_kinds(self.wire, self._options, self.settings.silo, types, self._look)
            return [*map(self._look, types), *others]

    def _look(self, kind: ObjectType) -> FoundType:
        (found,) = discover_by_scan(self, [kind], Schema({kind.name: self._attributes(kind)}))
        joins = tuple(each for each in found.joins if each not in IDENTIFIERS)
        return replace(found, anchors=(ANCHOR,), joins=joins)

    def rights(self) -> Sequence[Right]:
        """Ask the domain controller what the account may do to the objects of each type."""
        with _lost_is_unreachable():
            return [
                right
                for kind in self.settings.types
                for right in rights_of(self.directory, place_of(kind))
            ]

    def check(self) -> Sequence[Mistake]:
        """Look at bases, filters, attributes and rights, and how the connection is kept secret."""
        return list(check(self.settings, self._options, self.directory))


@contextmanager
def _lost_is_unreachable() -> Iterator[None]:
    try:
        yield
    except Lost as error:
        raise SiloUnreachable(f"the domain controller went away: {error}") from error
