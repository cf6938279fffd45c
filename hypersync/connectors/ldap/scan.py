"""One pass over one type of an LDAP silo: everything, or what changed since a cursor.

The cursor holds the latest change that was met, by which attribute, at which server, and the scope;
at another server, which may lag behind, or with another scope it is lost. Deletes leave no trace,
so a delta ends with all anchors. What changes while a scan runs comes with the next one, because
the filter is "at or after" and begins an overlap earlier: servers commit changes out of order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import orjson

from hypersync.connectors.directory.tree import Directory
from hypersync.connectors.directory.wire import Entry, Wire
from hypersync.connectors.ldap.options import (
    LdapOptions,
    filter_of,
    place_of,
    scope_of,
    type_options,
)
from hypersync.connectors.settings import fingerprint
from hypersync.errors import CursorLost, ScanFailed, SiloRefused
from hypersync.model.objects import Anchors, Batch, Complete, Invalid, ObjectType, ScanEvent, Seen


class Scan:
    """One pass over one type; remembers the latest change it met for the cursor."""

    def __init__(
        self, kind: ObjectType, options: LdapOptions, wire: Wire, directory: Directory
    ) -> None:
        self._kind = kind
        self._options = options
        self._wire = wire
        self._place = place_of(kind)
        self._shown = directory.representation(self._place)
        self._clock = directory.change_attribute
        self._latest = ""
        self._met: set[str] = set()

    def full(self) -> Iterator[Batch]:
        """Report every entry of the type."""
        yield from self._entries(filter_of(self._kind))
        yield [Complete(self._cursor())]

    def delta(self, cursor: str) -> Iterator[Batch]:
        """Report entries changed since the cursor, then all anchors."""
        since = self._since(cursor)
        wanted = filter_of(self._kind)
        yield from self._entries(f"(&{wanted}({self._clock}>={since}))")
        anchors: set[str] = set()
        for page in self._pages(wanted, [self._place.anchor]):
            anchors.update(filter(None, map(self._place.anchor_of, page)))
        self._latest = max(self._latest, since)
        yield [Anchors(self._kind.name, frozenset(anchors)), Complete(self._cursor())]

    def _entries(self, filter_: str) -> Iterator[Batch]:
        for page in self._pages(filter_, self._requested()):
            yield [self._event(entry) for entry in page]

    def _event(self, entry: Entry) -> ScanEvent:
        kind = self._kind.name
        self._latest = max(self._latest, self._changed(entry))
        anchor = self._place.anchor_of(entry)
        if anchor is None:
            return Invalid(kind, None, entry.dn, f"it has no {self._place.anchor!r}")
        if self._is_repeated(anchor):
            why = f"another object has the {self._place.anchor!r} too"
            return Invalid(kind, anchor, entry.dn, why)
        attributes = self._shown.attributes(entry.dn, entry.raw)
        self._place.hide_placeholder(attributes)
        return Seen(kind, anchor, attributes)

    def _is_repeated(self, anchor: str) -> bool:
        """Remember an anchor, unless the server itself keeps it unique."""
        if self._place.anchor.lower() == "entryuuid":
            return False
        before = len(self._met)
        self._met.add(anchor)
        return len(self._met) == before

    def _pages(self, filter_: str, attributes: Sequence[str]) -> Iterator[list[Entry]]:
        try:
            yield from self._wire.pages(
                self._place.base,
                filter_,
                attributes,
                one_level=type_options(self._kind).scope == "one",
                page_size=self._options.page_size,
                ignore_references=self._options.references == "ignore",
            )
        except SiloRefused as error:
            raise ScanFailed(error.message) from error

    def _requested(self) -> list[str]:
        chosen = sorted(self._kind.attributes - {"dn"}) or ["*"]
        return [*chosen, self._place.anchor, *([self._clock] if self._clock else [])]

    def _changed(self, entry: Entry) -> str:
        values = entry.raw.get(self._clock)
        return values[0].decode("ascii", "replace") if values else ""

    def _scope(self) -> str:
        return fingerprint(self._wire.url, scope_of(self._kind))

    def _cursor(self) -> str | None:
        """Return where the next delta starts; there is none for a type without entries."""
        if not self._latest:
            return None
        cursor = {"since": self._latest, "by": self._clock, "scope": self._scope()}
        return orjson.dumps(cursor).decode()

    def _since(self, cursor: str) -> str:
        try:
            found = orjson.loads(cursor)
            if (found["by"], found["scope"]) != (self._clock, self._scope()):
                raise CursorLost("the server or the scope is another one; scan it in full")
            return earlier(str(found["since"]), self._options.overlap)
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            raise CursorLost from error


def earlier(stamp: str, span: timedelta) -> str:
    """Return an ``entryCSN`` or ``modifyTimestamp`` that much before; raises ``ValueError``."""
    moment, sign, rest = stamp.partition("Z")
    pattern = "%Y%m%d%H%M%S.%f" if "." in moment else "%Y%m%d%H%M%S"
    before = datetime.strptime(moment, pattern).replace(tzinfo=UTC) - span
    if not rest:
        return f"{before:%Y%m%d%H%M%S}{sign}"
    return f"{before:%Y%m%d%H%M%S}.{before:%f}Z#000000#000#000000"
