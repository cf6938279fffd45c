"""Reads and writes Active Directory: users, groups, contacts, computers, organizational units.

Objects are known by ``objectGUID``, never by a name. The types of one naming context are one
stream: a full scan is a paged search for each, a delta asks the domain controller what changed
(`scan`). Each session is one connection to one domain controller; only a delta moves, back to the
controller that its cursor is of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import ClassVar

from hypersync.connectors.ad.check import check
from hypersync.connectors.ad.cursor import Mark
from hypersync.connectors.ad.directory import AdDirectory, Schemas
from hypersync.connectors.ad.discover import IDENTIFIERS, other_kinds
from hypersync.connectors.ad.options import AdOptions
from hypersync.connectors.ad.place import ANCHOR, AdPlace, place_of, scope_of
from hypersync.connectors.ad.rights import rights_of
from hypersync.connectors.ad.scan import Scan
from hypersync.connectors.ad.sign_in import in_words
from hypersync.connectors.ad.write import AdWriter
from hypersync.connectors.directory.address import is_tls as is_tls_url
from hypersync.connectors.directory.session import DirectorySession, lost_is_unreachable
from hypersync.connectors.directory.wire import Busy, Wire
from hypersync.connectors.discovery import discover_by_scan
from hypersync.connectors.registry import connector
from hypersync.connectors.settings import SiloOptions, SiloSettings, fingerprint
from hypersync.errors import SiloBusy, SiloRefused, SiloUnreachable
from hypersync.model.discovery import FoundType
from hypersync.model.mistake import Mistake
from hypersync.model.objects import (
    Batch,
    Change,
    ObjectType,
    Outcome,
    Schema,
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


class AdSession(DirectorySession[AdDirectory, AdPlace]):
    """One domain controller's view of the domain; ``server`` is who is at the other end."""

    def __init__(
        self,
        settings: SiloSettings,
        options: AdOptions,
        wire: Wire,
        schemas: Schemas,
        connect: Callable[[tuple[str, ...]], Wire],
    ) -> None:
        super().__init__(settings, wire, place_of)
        self._options = options
        self._schemas = schemas
        self._connect = connect
        self._others: list[Wire] = []
        self._scanned: AdDirectory | None = None

    def close(self) -> None:
        """Say goodbye; never raises."""
        for wire in (self.wire, *self._others):
            wire.close()

    def _look_at_server(self) -> AdDirectory:
        try:
            return AdDirectory.of(self.wire, self._schemas)
        except Busy as error:  # a request to wait is no refusal
            raise SiloBusy(error.message) from error

    def scope(self, types: Sequence[ObjectType]) -> str:
        """Return the fingerprint of who reads, and of bases, filters and attributes."""
        return fingerprint("ad", self._options.reader, [scope_of(each) for each in types])

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
        with lost_is_unreachable():
            return AdDirectory.of(wire, self._schemas)

    def _reads_from(self) -> AdDirectory:
        """Return the domain controller that was scanned last: another one may lag behind it."""
        return self._scanned or self.directory

    def _write(
        self, directory: AdDirectory, places: Mapping[str, AdPlace], changes: Sequence[Change]
    ) -> Sequence[Outcome]:
        is_tls = is_tls_url(self.wire.url) or self._options.tls.start
        return AdWriter(directory, places, is_tls=is_tls)(changes)

    def discover(self) -> Sequence[FoundType]:
        """Look at some objects of each type, and at the other usual kinds of the domain."""
        types = self.settings.types
        with lost_is_unreachable():
            others = other_kinds(self.wire, self._options, self.settings.silo, types, self._look)
            return [*map(self._look, types), *others]

    def _look(self, kind: ObjectType) -> FoundType:
        (found,) = discover_by_scan(self, [kind], Schema({kind.name: self._attributes(kind)}))
        joins = tuple(each for each in found.joins if each not in IDENTIFIERS)
        return replace(found, anchors=(ANCHOR,), joins=joins)

    def rights(self) -> Sequence[Right]:
        """Ask the domain controller what the account may do to the objects of each type."""
        with lost_is_unreachable():
            return [
                right
                for kind in self.settings.types
                for right in rights_of(self.directory, place_of(kind))
            ]

    def check(self) -> Sequence[Mistake]:
        """Look at bases, filters, attributes and rights, and how the connection is kept secret."""
        return list(check(self.settings, self._options, self.directory))
