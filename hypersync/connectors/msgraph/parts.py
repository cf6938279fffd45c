"""Puts groups of a first round together, which Graph tells in parts, on any pages, in any order.

Which groups are complete is known at the end of the round only. Until then what was told of them
lies in a file without a name, beyond a few megabytes on disk; in memory is where it stands there,
and one group at a time when they are reported.

A group of which a part cannot be read is invalid as a whole, whatever its other parts say: without
that part it would be another group. That is reported at the end, once.

Some small ones of the first page are read and reported at once, so that who wants to see a few
objects need not wait for the end; what the round tells of them is reported too where it differs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from tempfile import SpooledTemporaryFile
from types import TracebackType
from typing import Any, Self

import orjson

from hypersync.connectors.msgraph.properties import MEMBERS
from hypersync.connectors.msgraph.read import Found
from hypersync.connectors.msgraph.rounds import Items, ReadMany, read_again, removed_meanwhile
from hypersync.connectors.msgraph.values import Json, members_of
from hypersync.errors import SiloError
from hypersync.model.objects import Attributes, Batch, Changed, Deleted, Invalid, Seen, Value

_IN_MEMORY = 8 * 1024 * 1024
_FULL_BATCH = 10_000
_WEIGHT_OF_A_GROUP = 10
_EARLY = 10
_SMALL = 100


class Kept:
    """What was told of each group, in the order in which it was; use it in a ``with``.

    Raises ``OSError`` when there is no room for it.
    """

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - closed by `with`
        self._places: dict[str, list[int]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __contains__(self, anchor: str) -> bool:
        return anchor in self._places

    def add(self, anchor: str, item: Json) -> None:
        """Keep one item; nothing may have been read before."""
        self._places.setdefault(anchor, []).append(self._file.tell())
        self._file.write(orjson.dumps(item) + b"\n")

    def told(self, anchor: str) -> Iterator[Json]:
        """Read the items of a group again."""
        for place in self._places[anchor]:
            self._file.seek(place)
            yield orjson.loads(self._file.readline())


class Parted:
    """Takes in a first round of objects that are told in parts; see the module."""

    def __init__(self, items: Items, read: ReadMany, kept: Kept) -> None:
        self._items = items
        self._read = read
        self._kept = kept
        self._removed: dict[str, str] = {}
        self._spoilt: dict[str, Invalid] = {}
        self._early: dict[str, int] = {}
        self.left: dict[str, str] = {}

    def take(self, items: Sequence[Any], *, is_flat: bool = False) -> Batch:  # noqa: ARG002 - as `Whole`
        """Return what does not even say which group it is, and a few groups of the first page."""
        is_first = not self._kept
        out: Batch = []
        small: list[str] = []
        for item in items:
            event = self._items.event(item)
            if isinstance(event, Invalid):
                self._spoil(event, out)
            elif isinstance(event, Deleted):
                self._removed[event.anchor] = event.kind.value
            else:
                if is_first and event.anchor not in self._kept and _is_small(event):
                    small.append(event.anchor)
                self._kept.add(event.anchor, item)
        return [*out, *self._at_once(small[:_EARLY])]

    def _spoil(self, event: Invalid, out: Batch) -> None:
        if event.anchor is None:
            out.append(event)
        else:
            self._spoilt.setdefault(event.anchor, event)

    def _at_once(self, anchors: Sequence[str]) -> Iterator[Seen]:
        """Report groups as they are read; where that fails the round tells what they are."""
        try:
            found = self._read(anchors)
        except SiloError:
            return
        for anchor in anchors:
            if anchor not in self._spoilt and isinstance(there := found[anchor], Found):
                self._early[anchor] = _mark(there.object.attributes)
                yield Seen(self._items.type, anchor, there.object.attributes)

    def rest(self) -> Iterator[Batch]:
        """Report everything; a group that was removed and told of as it is read."""
        batch: Batch = []
        weight = 0
        for anchor in self._kept:
            if anchor in self._removed or anchor in self._spoilt:
                continue
            seen = Seen(self._items.type, anchor, self._put_together(anchor))
            if self._is_said(seen):
                continue
            batch.append(seen)
            members = seen.attributes.get(MEMBERS)
            weight += _WEIGHT_OF_A_GROUP + (len(members) if isinstance(members, tuple) else 0)
            if weight >= _FULL_BATCH:
                yield batch
                batch, weight = [], 0
        if batch:
            yield batch
        yield from self._rest_of_removed()
        spoilt = [each for a, each in self._spoilt.items() if a not in self._removed]
        if spoilt:
            yield [*spoilt]

    def _rest_of_removed(self) -> Iterator[Batch]:
        both = [a for a in {**self._spoilt, **dict.fromkeys(self._kept)} if a in self._removed]
        for there, missing in read_again(self._items, self._read, both):
            unsaid = [anchor for anchor in missing if anchor in self._early]
            self.left.update((anchor, self._removed[anchor]) for anchor in unsaid)
            yield [each for each in there if not self._is_said(each)]
            yield [removed_meanwhile(self._items, anchor) for anchor in unsaid]

    def _is_said(self, seen: Seen | Invalid) -> bool:
        return isinstance(seen, Seen) and self._early.get(seen.anchor) == _mark(seen.attributes)

    def _put_together(self, anchor: str) -> Attributes:
        values: dict[str, Value] = {}
        members: set[str] = set()
        for item in self._kept.told(anchor):
            event = self._items.event(item)
            if isinstance(event, Changed):
                values.update(event.set)
                for name in event.cleared:
                    values.pop(name, None)
                members.update(map(str, event.added.get(MEMBERS, ())))
                members.difference_update(map(str, event.removed.get(MEMBERS, ())))
        return {**values, **members_of(members)}


def _is_small(event: Changed) -> bool:
    return len(event.added.get(MEMBERS, ())) <= _SMALL


def _mark(attributes: Attributes) -> int:
    """Return what tells one state from another, whatever the order of its names."""
    return hash(orjson.dumps(attributes, option=orjson.OPT_SORT_KEYS))
