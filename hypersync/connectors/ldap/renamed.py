"""Finding what stands below entries that changed: a renamed one gives all of them another name.

Their own stamps stay as they were, so nothing else tells of it. Whether an entry was renamed or
changed in another way cannot be seen; what stands below it is read again in either case. And so is
what stands below a name that held nothing before: the account may not be allowed to see how the
entry of that name changed, or that it is there. Before means when a full scan began: of what it
read, some may stand under the name that a container had then.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Collection, Iterator, Sequence
from hashlib import blake2b
from typing import Final, Protocol

from hypersync.connectors.directory.tree import ANY, Directory, Place
from hypersync.connectors.directory.wire import Entry, Lost
from hypersync.connectors.ldap.cursor import Cursor
from hypersync.errors import ScanFailed, SiloRefused
from hypersync.model.names import NormalName, is_below, normal, split

MOST_HOLDERS: Final = 1_000
"""Of so many names above objects the cursor keeps marks; of more, none."""
MOST_BASES: Final = 100
"""Below so many names is read again one by one; with more the whole type is."""
_MARK = 4


class Pages(Protocol):
    """Searches page by page; ``deep`` looks further down than the type does."""

    def __call__(
        self,
        base: str,
        filter_: str,
        attributes: list[str],
        *,
        deep: bool = False,
        is_list: bool = False,
    ) -> Iterator[list[Entry]]:
        """Search below a base; a list (`Wire.pages`) is of few attributes and comes sooner."""


class Holders:
    """The names directly above some entries, as the server writes them."""

    def __init__(self) -> None:
        self._parents: set[str] = set()

    def add(self, page: Sequence[Entry]) -> None:
        """Remember what stands above some entries."""
        names = [entry.dn for entry in page]
        self._parents.update([_parent(dn) if "\\," in dn else dn.partition(",")[2] for dn in names])

    def among(self, entries: Sequence[Entry]) -> set[str]:
        """Return the names of those of the entries that have some of ours below them."""
        wanted = {entry.dn: normal(entry.dn) for entry in entries}
        if not wanted:
            return set()
        held: set[NormalName] = set()
        for each in self._parents:
            name = normal(each)
            while name and name not in held:
                held.add(name)
                name = name[1:]
        return {dn for dn, name in wanted.items() if name in held}

    def unlike(self, known: str) -> set[str]:
        """Return the names that are not in a `text`; none for the text of too many."""
        marks = b64decode(known)
        before = {marks[at : at + _MARK] for at in range(0, len(marks), _MARK)}
        return {each for each in self._parents if before and _mark(each) not in before}

    @property
    def text(self) -> str:
        """What is kept of the names until the next delta; nothing when they are too many."""
        if len(self._parents) > MOST_HOLDERS:
            return ""
        return b64encode(b"".join(sorted(map(_mark, self._parents)))).decode()


def holders_now(base: str, filter_: str, pages: Pages) -> Holders:
    """Return what stands above the entries of a type; raises `ScanFailed`."""
    found = Holders()
    for page in pages(base, filter_, ["1.1"], is_list=True):
        found.add(page)
    return found


def _mark(name: str) -> bytes:
    return blake2b(name.encode(), digest_size=_MARK).digest()


def _parent(dn: str) -> str:
    """Return what stands above a name with a comma in a value."""
    try:
        return split(dn)[1]
    except ValueError:
        return dn.partition(",")[2]


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


def bases(directory: Directory, place: Place, moved: Collection[str]) -> list[str]:
    """Return the highest places to read again, where these hold objects of the type.

    It is all of the type where the account may not search there. Raises `ScanFailed`.
    """
    if any(is_below(place.base, dn) for dn in moved):
        return [place.base]
    kept: list[str] = []
    for dn in sorted(moved, key=lambda each: len(normal(each))):
        if any(is_below(dn, each) for each in kept):
            continue
        if len(kept) == MOST_BASES or not _is_open(directory, dn):
            return [place.base]
        kept.append(dn)
    return kept


def _is_open(directory: Directory, dn: str) -> bool:
    try:
        return bool(directory.wire.find(dn, ANY, ["1.1"], base_only=True))
    except Lost as error:
        raise ScanFailed(f"the server went away: {error}") from None
    except SiloRefused:
        return False


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
