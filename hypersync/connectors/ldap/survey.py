"""What a list of all entries of a type tells: who is there, who changed, and what holds them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from hypersync.connectors.directory.tree import Place
from hypersync.connectors.directory.wire import Entry
from hypersync.connectors.ldap.cursor import Cursor
from hypersync.connectors.ldap.renamed import Holders, stamp_of
from hypersync.errors import CursorLost

_ENDING: Final = "#{}#000000"
"""How an ``entryCSN`` of a writer ends; no other kind of stamp ends so."""
_LENGTH: Final = len(_ENDING.format("000"))


class Survey:
    """Takes in the list page by page; a hundred thousand entries are nothing to it.

    ``changed`` are the anchors, names and stamps of entries that are newer than the cursor or
    ``since``; ``nameless`` the names of entries without an anchor; ``shared`` the anchors that were
    listed twice, with the name of one who has them.
    """

    def __init__(self, place: Place, cursor: Cursor, since: str) -> None:
        self.anchors: set[str] = set()
        self.changed: list[tuple[str, tuple[str, str]]] = []
        self.nameless: list[str] = []
        self.shared: dict[str, str] = {}
        self.holders = Holders()
        self._place = place
        self._cursor = cursor
        self._since = since
        self._low = min(since, *cursor.marks.values())
        self._endings = frozenset(map(_ENDING.format, cursor.marks))

    def take(self, page: Sequence[Entry]) -> None:
        """Take in one page; raises `CursorLost` for entries that hide when they changed."""
        self.holders.add(page)
        name, clock, low, endings = self._place.anchor, self._cursor.by, self._low, self._endings
        for entry in page:
            raw = entry.raw
            try:
                anchor, stamp = raw[name][0].decode(), raw[clock][0].decode()
            except (LookupError, UnicodeDecodeError):
                self._take_odd(entry)
                continue
            if anchor in self.anchors:
                self.shared[anchor] = entry.dn
            self.anchors.add(anchor)
            # nearly all are old, and of a writer that is known: told without looking closer
            if stamp > low or stamp[-_LENGTH:] not in endings:
                self._look(anchor, entry.dn, stamp)

    def _take_odd(self, entry: Entry) -> None:
        """Take in an entry whose attributes are written in another case, or are not there."""
        stamp = stamp_of(entry, self._cursor.by)
        if not stamp:
            raise CursorLost(
                f"{entry.dn} does not show its {self._cursor.by}, which tells changes; "
                "everything is read"
            )
        anchor = self._place.anchor_of(entry)
        if anchor is None:
            self.nameless.append(entry.dn)
            return
        if anchor in self.anchors:
            self.shared[anchor] = entry.dn
        self.anchors.add(anchor)
        self._look(anchor, entry.dn, stamp)

    def _look(self, anchor: str, dn: str, stamp: str) -> None:
        if stamp >= self._since or self._cursor.is_late(stamp):
            self.changed.append((anchor, (dn, stamp)))
