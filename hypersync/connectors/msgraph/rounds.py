"""What the items of a delta query tell, and how a first round is put together.

In a first round an object is told as a whole, but it may be told again when it changes meanwhile,
and a large group is told in parts: `parts` puts these together.
Users are reported as they come; one that was told of again in other words is read once more at the
end, and what the round told is laid over it. What comes first in a round need not have been first,
so what was told of and removed in the same round is read at the end. A user that is not there then
is reported as invalid, since it cannot be unsaid, and as deleted by the next delta, for which the
cursor keeps it. So is one of whom a part was told last, which must not stand for the whole.

In later rounds an object is told with what changed at least; null clears, absent says nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from operator import delitem, itemgetter
from typing import Any, Final, TypeAlias

import orjson

from hypersync.connectors.msgraph.options import Place
from hypersync.connectors.msgraph.properties import MANAGER, MEMBERS
from hypersync.connectors.msgraph.read import Found, HiddenMembers, hidden
from hypersync.connectors.msgraph.values import (
    HIDDEN,
    REMOVED,
    Json,
    Moves,
    hides_members,
    is_whole,
    joined,
    laid_over,
    moves,
    reader_of,
)
from hypersync.connectors.settings import batches
from hypersync.model.objects import (
    Attributes,
    Batch,
    Changed,
    Deleted,
    DeletionKind,
    Invalid,
    ScanEvent,
    Seen,
)
from hypersync.model.together import all_seen

ReadMany: TypeAlias = Callable[[Sequence[str]], Mapping[str, Found | HiddenMembers | None]]
"""Reads objects by id; ``None`` is what is not there."""

_KINDS: Final = {"changed": DeletionKind.SOFT, "deleted": DeletionKind.GONE}
_READ_AT_ONCE = 200
_MANAGER: Final = f"{MANAGER}@delta"
_NOT_PLAIN: Final = frozenset({REMOVED, _MANAGER})
_ID: Final = itemgetter("id")


class Items:
    """Reads the items of one type; ``sees_hidden`` tells whether hidden members are shown."""

    def __init__(self, place: Place, *, sees_hidden: bool = False) -> None:
        self._place = place
        self._sees_hidden = sees_hidden
        self.type = place.kind.name
        self.reader = reader_of(place)
        self.has_manager = MANAGER in place.references
        self._references = place.references
        self.where = place.resource.name

    def is_whole(self, told: Changed) -> bool:
        """Tell whether all of an object was told."""
        return is_whole(told, self._place)

    def event(self, item: object) -> Changed | Deleted | Invalid:
        """Return what an item tells of its object."""
        if not isinstance(item, dict) or not isinstance(anchor := item.get("id"), str):
            return Invalid(self.type, None, self.where, "an item has no id")
        if REMOVED in item:
            return self._removed(anchor, item[REMOVED])
        try:
            return self._changed(anchor, item)
        except ValueError as error:
            return Invalid(self.type, anchor, f"{self.where}/{anchor}", str(error))

    def _removed(self, anchor: str, why: object) -> Deleted | Invalid:
        kind = _KINDS.get(str(why.get("reason"))) if isinstance(why, dict) else None
        if kind is not None:
            return Deleted(self.type, anchor, kind)
        text = f"it was removed, and the reason is not understood: {why}"
        return Invalid(self.type, anchor, f"{self.where}/{anchor}", text)

    def _changed(self, anchor: str, item: Json) -> Changed:
        values = self.reader.attributes(item)
        cleared = self.reader.cleared(item)
        moved = {name: told for name in self._references if (told := moves(item, name))}
        if MEMBERS in self._references and not self._sees_hidden and not _is_moved(moved):
            _refuse_hidden(item)
        manager = moved.pop(MANAGER, None)
        if manager is not None and manager.came:
            values[MANAGER] = min(manager.came)
        elif manager is not None and manager.went:
            cleared = (*cleared, MANAGER)
        return Changed(
            self.type,
            anchor,
            set=values,
            cleared=cleared,
            added={name: tuple(sorted(told.came)) for name, told in moved.items() if told.came},
            removed={name: tuple(sorted(told.went)) for name, told in moved.items() if told.went},
        )


def _is_moved(moved: Mapping[str, Moves]) -> bool:
    return any(told.came or told.went for told in moved.values())


def _refuse_hidden(item: Json) -> None:
    """Raise ``ValueError`` for a group that may have members and shows none."""
    if hides_members(item):
        raise ValueError(HIDDEN)


class Whole:
    """Takes in a first round of objects that are told as a whole; see the module."""

    def __init__(self, items: Items, read: ReadMany) -> None:
        self._items = items
        self._read = read
        self._keeps_id = "id" in items.reader.wanted
        self._names = {*items.reader.wanted, "id"}
        self._met: dict[str, int] = {}
        self._again: dict[str, Changed] = {}
        self._removed: dict[str, str] = {}
        self.left: dict[str, str] = {}

    def take(self, items: Sequence[Any], *, is_flat: bool = False) -> Batch:
        """Return what a page reports; the items are taken over.

        ``is_flat`` promises that the items, if all are objects, hold no lists and no others. They
        are looked at one by one only where one of them is not simply new.
        """
        try:
            anchors, names = [*map(_ID, items)], set().union(*items)
            is_new = self._are_new(anchors) and names.isdisjoint(_NOT_PLAIN)
        except (KeyError, TypeError):  # an item is no object, or has no id
            anchors, names, is_new = [], set(), False
        if is_new:
            return self._seen(anchors, items, is_plain=is_flat and names <= self._names)
        if len(items) == 1:
            return [*self._other(items[0])]
        return [event for item in items for event in self.take([item])]

    def _are_new(self, anchors: Sequence[object]) -> bool:
        """Tell whether these are ids, each of another object that was not told of before."""
        are_ids = {*map(type, anchors)} <= {str} and len({*anchors}) == len(anchors)
        return are_ids and self._met.keys().isdisjoint(anchors)

    def _seen(self, anchors: Sequence[str], items: Sequence[Json], *, is_plain: bool) -> Batch:
        """Report new objects; if ``is_plain``, most items are their attributes, but for the id."""
        told = [*items]
        odd: Iterable[int] = range(len(told))
        if is_plain:
            if not self._keeps_id:
                deque(map(delitem, told, repeat("id")), maxlen=0)
            odd = [n for n, is_full in enumerate(map(all, map(dict.values, told))) if not is_full]
        for number in odd:
            told[number] = self._items.reader.attributes(told[number])
        self._met.update(zip(anchors, map(hash, map(orjson.dumps, told)), strict=True))
        return [*all_seen(self._items.type, anchors, told)]

    def _other(self, item: object) -> Iterator[ScanEvent]:
        event = self._items.event(item)
        if isinstance(event, Invalid):
            yield event
        elif isinstance(event, Deleted):
            self._removed[event.anchor] = event.kind.value
        elif event.anchor in self._met:
            self._repeat(event)
        else:
            self._met[event.anchor] = _mark(event.set)
            yield Seen(event.type, event.anchor, event.set)

    def _repeat(self, event: Changed) -> None:
        """Take in another state; the one that was reported is no other, unless one came between."""
        anchor = event.anchor
        if anchor in self._again or _mark(event.set) != self._met[anchor]:
            known = self._again.get(anchor)
            self._again[anchor] = event if known is None else joined(known, event)

    def rest(self) -> Iterator[Batch]:
        """Report what could not be told page by page."""
        again = [each for each in self._again.items() if each[0] not in self._removed]
        for some in batches(again, _READ_AT_ONCE):
            found = self._read([anchor for anchor, _ in some])
            yield [self._with(found[anchor], told) for anchor, told in some]
        both = [anchor for anchor in self._removed if anchor in self._met]
        for known, missing in read_again(self._items, self._read, both):
            self.left.update((each, self._removed[each]) for each in missing)
            yield [*known, *(removed_meanwhile(self._items, each) for each in missing)]

    def _with(self, found: Found | HiddenMembers | None, told: Changed) -> Seen | Invalid:
        """Report an object that was told again: of one that is not found a part is not enough."""
        if isinstance(found, Found):
            before = found.object.attributes
        elif self._items.is_whole(told):
            before = {}
        else:
            return removed_meanwhile(self._items, told.anchor)
        return Seen(told.type, told.anchor, laid_over(before, told))


def removed_meanwhile(items: Items, anchor: str) -> Invalid:
    """Return what is said of an object that was reported, and is not there any more."""
    why = "it was removed while the scan was under way; the next delta says how"
    return Invalid(items.type, anchor, f"{items.where}/{anchor}", why)


def read_again(
    items: Items, read: ReadMany, anchors: Sequence[str]
) -> Iterator[tuple[list[Seen | Invalid], list[str]]]:
    """Read what a round told of and removed: give what is there, and what is not.

    A group whose members are hidden is there, and invalid.
    """
    for some in batches(anchors, _READ_AT_ONCE):
        found = read(some)
        there: list[Seen | Invalid] = []
        for anchor in some:
            if isinstance(each := found[anchor], Found):
                there.append(Seen(items.type, anchor, each.object.attributes))
            elif each is not None:
                there.append(hidden(items.type, items.where, anchor))
        yield there, [anchor for anchor in some if found[anchor] is None]


def _mark(attributes: Attributes) -> int:
    """Return what tells one state from another: of its JSON, where 1, true and 1.0 differ."""
    return hash(orjson.dumps(attributes))
