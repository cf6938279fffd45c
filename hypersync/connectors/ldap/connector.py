"""Reads and writes LDAP directories (RFC 4511), OpenLDAP above all.

Objects are known by ``entryUUID``, never by their DN, which is reported as the attribute ``dn``.
Each type is a stream of its own: what its filter finds below its base. A delta asks for entries
changed since the cursor (``entryCSN``, else ``modifyTimestamp``, at or after, with an overlap for
what servers commit out of order) and then for all anchors, since deletes leave no trace. Passwords
(``userPassword``) are read only where the configuration names them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import ClassVar

from hypersync.connectors.directory.session import (
    DirectorySession,
    check_types,
    lost_is_unreachable,
)
from hypersync.connectors.directory.tree import ANY, Directory, Place
from hypersync.connectors.directory.wire import Busy, Wire
from hypersync.connectors.discovery import discover_by_scan
from hypersync.connectors.ldap.discover import other_kinds
from hypersync.connectors.ldap.options import LdapOptions, filter_of, place_of, scope_of
from hypersync.connectors.ldap.scan import EXACT, Scan
from hypersync.connectors.ldap.write import LdapWriter
from hypersync.connectors.registry import connector
from hypersync.connectors.settings import SiloOptions, SiloSettings, fingerprint
from hypersync.errors import SiloBusy
from hypersync.model.discovery import FoundType
from hypersync.model.mistake import Level, Mistake
from hypersync.model.objects import (
    Batch,
    Change,
    ObjectType,
    Outcome,
    Schema,
)


@connector("ldap")
class LdapConnector:
    """Reads and writes one directory; each session is a connection to one of its servers."""

    options: ClassVar[type[SiloOptions]] = LdapOptions
    can_write: ClassVar[bool] = True
    recreates: ClassVar[bool] = False

    def __init__(self, settings: SiloSettings) -> None:
        self.settings = settings
        self._options = _silo_options(settings)

    @property
    def lag(self) -> timedelta:
        """For how long one of the servers may not know what another one does."""
        return self._options.lag

    def streams(self) -> Sequence[Sequence[ObjectType]]:
        """Return one stream for each type."""
        return tuple((each,) for each in self.settings.types)

    @contextmanager
    def open(self) -> Iterator[LdapSession]:
        """Connect and sign in; raises `SiloUnreachable` or `SiloRefused`."""
        wire = Wire.connect(self._options.address(self.settings.root, self.settings.timeout))
        try:
            yield LdapSession(self.settings, self._options, wire)
        finally:
            wire.close()


def _silo_options(settings: SiloSettings) -> LdapOptions:
    if not isinstance(settings.options, LdapOptions):
        raise TypeError(f"{settings.silo} is no ldap silo")
    return settings.options


class LdapSession(DirectorySession[Directory, Place]):
    """One connection's view of the directory; ``server`` is who is at the other end."""

    def __init__(self, settings: SiloSettings, options: LdapOptions, wire: Wire) -> None:
        super().__init__(settings, wire, place_of)
        self._options = options

    def _look_at_server(self) -> Directory:
        try:
            return Directory.read(self.wire)
        except Busy as error:  # a request to wait is no refusal
            raise SiloBusy(error.message) from error

    def scope(self, types: Sequence[ObjectType]) -> str:
        """Return the fingerprint of who reads, and of bases, filters and attributes."""
        return fingerprint("ldap", self._options.reader, [scope_of(each) for each in types])

    def scan(self, types: Sequence[ObjectType], cursor: str | None) -> Iterator[Batch]:
        """Read what the filter of one type finds, or what of it changed since the cursor.

        A delta ends with `Anchors`. Raises `ScanFailed` and `CursorLost`.
        """
        if len(types) != 1:
            raise ValueError("an LDAP stream is one type")
        (kind,) = types
        scan = Scan(kind, self._options, self.wire, self.directory)
        yield from scan.full() if cursor is None else scan.delta(cursor)

    def _write(
        self, directory: Directory, places: Mapping[str, Place], changes: Sequence[Change]
    ) -> Sequence[Outcome]:
        is_secret = self._options.is_secret(self.wire.url)
        return LdapWriter(directory, places, is_secret=is_secret)(changes)

    def discover(self) -> Sequence[FoundType]:
        """Look at some objects of each type, and at what else the directory has."""
        types = self.settings.types
        with lost_is_unreachable():
            others = other_kinds(self.wire, self.settings.silo, types, self._look)
            return [*map(self._look, types), *others]

    def _look(self, kind: ObjectType) -> FoundType:
        (found,) = discover_by_scan(self, [kind], Schema({kind.name: self._attributes(kind)}))
        return replace(found, anchors=(place_of(kind).anchor, *found.anchors))

    def check(self) -> Sequence[Mistake]:
        """Look at bases, filters, anchors and attributes, and how the connection is kept secret."""
        return list(check_types(self.settings, self._options, self._check_type))

    def _check_type(self, kind: ObjectType) -> Iterator[Mistake]:
        place = place_of(kind)
        base = self.wire.find(place.base, ANY, ["1.1"], base_only=True)
        self.wire.find(place.base, filter_of(kind), ["1.1"], base_only=True)
        if not base:
            yield Mistake(f"there is no entry {place.base!r}", f"mend the base of {kind.name!r}")
        shown = self.directory.representation(place)
        named = {*kind.attributes, *place.multi, *place.single, place.anchor} - {"dn"}
        for name in sorted(name for name in named if not shown.is_known(name)):
            yield Mistake(
                f"the server knows no attribute {name!r}", f"mend it in the type {kind.name!r}"
            )
        if base and not self._options.says_overlap:
            yield from self._check_stamps(kind)

    def _check_stamps(self, kind: ObjectType) -> Iterator[Mistake]:
        """Warn when the server tells exactly what changed, and does not tell us."""
        clock = self.directory.change_attribute
        if clock != EXACT:
            return
        found = self.wire.pages(
            place_of(kind).base, filter_of(kind), [clock], page_size=10, ignore_references=True
        )
        some = next(found, [])
        if some and not any(entry.raw.get(clock) for entry in some):
            yield Mistake(
                f"the account may not read {clock}, so every scan of {kind.name!r} is full",
                "give it the right; or say 'overlap', longer than replication ever takes, and "
                "changes are told by modifyTimestamp",
                level=Level.WARNING,
            )
