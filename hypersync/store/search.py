"""Finds identities by what is indexed; every query reads a bounded number of rows.

A beginning is looked for as a range of the index. Where the database sorts by the letters of a
language, texts with the same beginning need not stand together: then as many rows are read as are
wanted, and what was read says whether there may be more.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy.engine import Connection

from hypersync.model.ids import IdentityId
from hypersync.model.joins import join_key, normal_value
from hypersync.ports.store.search import Hit, Hits, Piece, Seen
from hypersync.store.bulk import read

_ANCHORS = "SELECT identity, anchor FROM object WHERE silo_type = ? AND anchor {} ? {} LIMIT ?"
_IDENTITY_KEYS = "SELECT id, key FROM identity WHERE key {} ? {} LIMIT ?"
_OBJECT_KEYS = "SELECT identity, key FROM object WHERE key {} ? {} LIMIT ?"
_REFERENCES = "SELECT identity, reference FROM object WHERE reference {} ? {} LIMIT ?"
_NEXT = (
    "SELECT count(*), max(id) FROM (SELECT id FROM object WHERE id > ? ORDER BY id LIMIT ?) AS n"
)
_OBJECTS = """
SELECT object.id, object.identity, silo_type.silo, silo_type.type, object.anchor, object.attributes
FROM object JOIN silo_type ON silo_type.id = object.silo_type
WHERE object.id > ? AND object.id <= ? {} ORDER BY object.id
"""
_POSTGRESQL = ("strpos", "octet_length({})")


class Search:
    """Finds identities."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def by_anchor(
        self, beginning: str, most: int, *, without: Collection[tuple[str, str]] = ()
    ) -> Hits:
        """Find by the beginning of an anchor, in any silo but in some types of theirs."""
        types = read(self._connection, "SELECT id, silo, type FROM silo_type ORDER BY id")
        kept = [number for number, silo, kind in types if (silo, kind) not in without]
        return _together(
            [self._starting(_ANCHORS, "anchor", beginning, most, number) for number in kept], most
        )

    def by_key(self, beginning: str, most: int) -> Hits:
        """Find by the beginning of a normal join value, of the identity or of one object."""
        stored = join_key(beginning)
        both = [
            self._starting(_IDENTITY_KEYS, "key", stored, most),
            self._starting(_OBJECT_KEYS, "key", stored, most),
        ]
        found = _together(both, most)
        plain = [Hit(hit.identity, normal_value(hit.text)) for hit in found.found]
        return Hits(plain, found.is_cut)

    def by_reference(self, beginning: str, most: int) -> Hits:
        """Find by the beginning of a distinguished name in normal form."""
        return self._starting(_REFERENCES, "reference", beginning, most)

    def objects(self, after: int, most: int, words: Collection[str] = ()) -> Piece:
        """Read the next objects by their number, those that are away too.

        Objects that certainly have not all of ``words``, folded and as JSON has them, are left out.
        """
        count, last = read(self._connection, _NEXT, (after, most))[0]
        if not count:
            return Piece((), 0, None)
        condition, values = self._having(words)
        rows = read(self._connection, _OBJECTS.format(condition), (after, last, *values))
        seen = [Seen(row[0], IdentityId(row[1]), *row[2:]) for row in rows]
        return Piece(seen, count, last if count == most else None)

    def _having(self, words: Collection[str]) -> tuple[str, Sequence[str]]:
        """Return the condition that leaves out what certainly has not all the words.

        Databases fold letters beyond ASCII in their own ways: whatever has such letters stays in.
        """
        is_sqlite = self._connection.dialect.name == "sqlite"
        place, size = ("instr", "length(CAST({} AS BLOB))") if is_sqlite else _POSTGRESQL
        text = "object.attributes"
        has_others = f"length({text}) <> {size.format(text)}"
        if not words:
            return "", ()
        if not all(word.isascii() for word in words):
            return f"AND {has_others}", ()
        has_all = " AND ".join([f"{place}(lower({text}), ?) > 0"] * len(words))
        return f"AND ({has_others} OR ({has_all}))", list(words)

    def _starting(
        self, statement: str, column: str, beginning: str, most: int, *fixed: object
    ) -> Hits:
        """Return what equals a text, then what begins with it."""
        equal = read(self._connection, statement.format("=", ""), (*fixed, beginning, most))
        following = statement.format(">=", f"ORDER BY {column}")
        rows = read(self._connection, following, (*fixed, beginning, most + 1))
        starting = [row for row in rows if row[1].startswith(beginning)]
        hits = [Hit(IdentityId(row[0]), row[1]) for row in (*equal, *starting)]
        return Hits(list(dict.fromkeys(hits))[:most], self._goes_on(rows, beginning, most))

    def _goes_on(self, rows: Sequence[tuple[int, str]], beginning: str, most: int) -> bool:
        """Tell whether the index may hold more than was read."""
        if len(rows) <= most:
            return False
        return not self._is_by_letter() or rows[-1][1].startswith(beginning)

    def _is_by_letter(self) -> bool:
        """Tell whether the database sorts letter by letter, capitals first."""
        return bool(read(self._connection, "SELECT 'B' < 'a' AND 'a-b' < 'aa'")[0][0])


def _together(parts: Sequence[Hits], most: int) -> Hits:
    """Put what was found in several places together, of each as much as there is room for."""
    hits = list(dict.fromkeys(hit for part in parts for hit in part.found))
    return Hits(hits[:most], any(part.is_cut for part in parts) or len(hits) > most)
