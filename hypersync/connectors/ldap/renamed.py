"""Finding what stands below entries that changed: a renamed one gives all of them another name.

Their own stamps stay as they were, so nothing else tells of it. Whether an entry was renamed or
changed in another way cannot be seen; what stands below it is read again in either case.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from hypersync.connectors.directory.tree import ANY, Directory, Place
from hypersync.connectors.directory.wire import Entry, Lost
from hypersync.connectors.ldap.cursor import Cursor
from hypersync.errors import ScanFailed, SiloRefused
from hypersync.model.names import is_below, normal, split


class Pages(Protocol):
    """Searches page by page; ``deep`` looks further down than the type does."""

    def __call__(
        self, base: str, filter_: str, attributes: list[str], *, deep: bool = False
    ) -> Iterator[list[Entry]]:
        """Search below a base."""


class Holders:
    """The names above some entries, as the server writes them, and perhaps more.

    A comma may be part of a value; what stands behind it is then taken for a name too.
    """

    def __init__(self) -> None:
        self._parents: set[str] = set()

    def add(self, page: Sequence[Entry]) -> None:
        """Remember what stands above some entries."""
        self._parents.update([entry.dn.partition(",")[2] for entry in page])

    def names(self) -> set[str]:
        """Return all names above the entries."""
        found: set[str] = set()
        for name in self._parents:
            rest = name
            while rest and rest.lower() not in found:
                found.add(rest.lower())
                rest = rest.partition(",")[2]
        return found


def moved_above(
    directory: Directory, place: Place, cursor: Cursor, since: str, pages: Pages
) -> Iterator[Entry]:
    """Yield the changed entries that may have others below them, from above the base on."""
    clock = cursor.by
    oldest = min(since, *cursor.marks.values())
    filter_ = f"({clock}>={oldest})"
    if clock == "entryCSN":  # OpenLDAP, which finds by it who has others below
        filter_ = f"(&{filter_}(hasSubordinates=TRUE))"
    found = [_above(directory, place, clock), *pages(place.base, filter_, [clock], deep=True)]
    for entry in (entry for page in found for entry in page):
        stamp = stamp_of(entry, clock)
        if stamp >= since or cursor.is_late(stamp):
            yield entry


def bases(changed: Sequence[Entry], place: Place, holders: Holders) -> list[str]:
    """Return the highest places to read again, given what changed above objects of the type."""
    names = holders.names()
    moved = {entry.dn for entry in changed if entry.dn.lower() in names}
    if any(is_below(place.base, dn) for dn in moved):
        return [place.base]
    kept: list[str] = []
    for dn in sorted(moved, key=len):
        if not any(dn.lower().endswith(f",{each.lower()}") for each in kept):
            kept.append(dn)
    return kept


def stamp_of(entry: Entry, clock: str) -> str:
    """Return when an entry changed, by the attribute that tells; nothing when it does not."""
    values = entry.raw.get(clock)
    return values[0].decode("ascii", "replace") if values else ""


def _above(directory: Directory, place: Place, clock: str) -> list[Entry]:
    """Return what can be read of the entries above the base, up to the top of the context."""
    top = directory.context(place.base)
    found: list[Entry] = []
    try:
        dn = place.base
        while normal(dn) != normal(top) and is_below(dn, top):
            dn = split(dn)[1]
            found += directory.wire.find(dn, ANY, [clock], base_only=True)
    except Lost as error:
        raise ScanFailed(f"the server went away: {error}") from None
    except (SiloRefused, ValueError):
        return found
    return found
