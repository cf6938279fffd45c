"""Finds identities by what somebody types.

By index, at any size: the number of an identity, the beginning of an anchor, of a join value and of
a distinguished name. Names and other values are in no index: for them objects are read one after
the other, at most `MOST_LOOKED_AT` for one answer, which says how far that went and where to go on.
What is hidden is not searched, so that nobody learns a secret by guessing it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hypersync.insight.hidden import Hidden
from hypersync.model.canonical import decode
from hypersync.model.ids import IdentityId
from hypersync.model.joins import normal_reference
from hypersync.model.objects import Attributes, Value
from hypersync.pipeline.drafts import called
from hypersync.ports.store import Store, UnitOfWork
from hypersync.ports.store.objects import StoredObject
from hypersync.ports.store.search import Hits, Seen

MOST_FOUND = 50
MOST_LOOKED_AT = 50_000
MOST_TEXT = 200
"""How much of what is typed is looked for."""
_AT_ONCE = 5_000
_MOST_OBJECTS = 20
_NAMED_BY = ("", "cn=", "uid=", "ou=")
"""What distinguished names begin with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One identity: what people call it, its objects, and what was found where."""

    identity: IdentityId
    name: str
    objects: Sequence[StoredObject]
    by: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What was found.

    ``is_cut`` says that an index has more than is shown. ``looked_at`` is how many objects were
    read for names and values; ``go_on`` is after which to go on, ``None`` when that was all.
    """

    text: str
    found: Sequence[Found] = ()
    is_cut: bool = False
    looked_at: int = 0
    go_on: int | None = None


def search(store: Store, hidden: Hidden, typed: str, *, after: int = 0) -> Answer:
    """Find identities; ``after`` goes on reading objects where an earlier answer stopped."""
    text = unicodedata.normalize("NFC", typed[:MOST_TEXT]).strip()
    if not text:
        return Answer(text="")
    with store.snapshot() as unit:
        finder = _Finder(unit, hidden, text)
        if not after:
            finder.by_index()
        finder.look_through(after)
        return Answer(
            text=text,
            found=[*finder.found()],
            is_cut=finder.is_cut,
            looked_at=finder.looked_at,
            go_on=finder.go_on,
        )


class _Finder:
    """Gathers what is found, each identity once."""

    def __init__(self, unit: UnitOfWork, hidden: Hidden, text: str) -> None:
        self._unit = unit
        self._hidden = hidden
        self._text = text
        self._words = text.casefold().split()
        self._hits: dict[IdentityId, tuple[str, str]] = {}
        self.is_cut = False
        self.looked_at = 0
        self.go_on: int | None = None

    def by_index(self) -> None:
        """Look into every index there is."""
        search, text = self._unit.search, self._text
        if text.isascii() and text.isdecimal() and len(text) < 18:
            number = IdentityId(int(text))
            if self._unit.identities.exists(number):
                self._hits[number] = ("number", text)
        for each in dict.fromkeys((text, text.lower(), text.upper())):
            hits = search.by_anchor(each, MOST_FOUND, without=self._hidden.anchors)
            self._take("anchor", hits)
        if not self._hidden.keys:
            for each in dict.fromkeys((text.casefold(), text)):
                self._take("join value", search.by_key(each, MOST_FOUND))
        for before in () if self._hidden.hides_anywhere("dn") else _NAMED_BY:
            name = normal_reference(f"{before}{text}")
            if "=" in name:
                self._take("distinguished name", search.by_reference(name, MOST_FOUND))

    def _take(self, by: str, hits: Hits) -> None:
        self.is_cut |= hits.is_cut
        for hit in hits.found:
            if hit.identity in self._hits:
                continue
            if len(self._hits) == MOST_FOUND:
                self.is_cut = True
                return
            self._hits[hit.identity] = (by, hit.text)

    def look_through(self, after: int) -> None:
        """Read objects one after the other, until enough was found or read."""
        self.go_on = after
        while self.go_on is not None and len(self._hits) < MOST_FOUND:
            most = min(_AT_ONCE, MOST_LOOKED_AT - self.looked_at)
            if most <= 0:
                return
            words = [_in_json(word) for word in self._words]
            piece = self._unit.search.objects(self.go_on, most, words)
            self.go_on = piece.last
            self.looked_at += piece.read
            self._read(piece.objects)

    def _read(self, some: Sequence[Seen]) -> None:
        for each in some:
            matched = self._matched(each)
            if matched is None or each.identity in self._hits:
                continue
            self._hits[each.identity] = matched
            if len(self._hits) == MOST_FOUND:
                self.go_on = each.id
                return

    def _matched(self, seen: Seen) -> tuple[str, str] | None:
        """Return the attribute that has all words, and what it says; ``None`` for nothing."""
        folded = _folded(seen.attributes)
        if not all(_in_json(word) in folded for word in self._words):
            return None
        shown = self._hidden.shown(seen.silo, seen.type, decode(seen.attributes))
        return next(self._sayings(shown), None)

    def _sayings(self, attributes: Attributes) -> Iterator[tuple[str, str]]:
        """Yield which single attribute, or else which several, have all the words."""
        texts = [(name, text) for name, value in attributes.items() for text in texts_of(value)]
        for name, text in texts:
            if all(word in _folded(text) for word in self._words):
                yield name, text
        having = [
            next(((name, text) for name, text in texts if word in _folded(text)), None)
            for word in self._words
        ]
        known = dict.fromkeys(each for each in having if each is not None)
        if None not in having:
            yield ", ".join(name for name, _ in known), ", ".join(text for _, text in known)

    def found(self) -> Iterator[Found]:
        """Yield what was found, with what people call it."""
        for identity, (by, text) in self._hits.items():
            objects = self._unit.portraits.of_identity(identity, _MOST_OBJECTS)
            name = name_of(objects, self._hidden) or f"identity {identity}"
            yield Found(identity=identity, name=name, objects=objects, by=by, text=text)


def name_of(objects: Sequence[StoredObject], hidden: Hidden) -> str:
    """Return what people would call an identity with these objects; empty for none."""
    present = [each for each in objects if each.absence is None] or list(objects)
    together: dict[str, Value] = {}
    for each in reversed(present):
        together |= hidden.shown(each.silo, each.type, each.attributes)
    return called(together) or (present[0].anchor if present else "")


def texts_of(value: Value) -> list[str]:
    """Return the texts of a value as they are searched; bytes are not."""
    listed = value if isinstance(value, tuple) else (value,)
    return [str(each) for each in listed if each is not None and not isinstance(each, bytes)]


def _folded(text: str) -> str:
    plain = text if text.isascii() else unicodedata.normalize("NFC", text)
    return plain.casefold()


def _in_json(word: str) -> str:
    """Return a word as it stands in stored JSON."""
    return word.replace("\\", "\\\\").replace('"', '\\"')
