"""Which changes of one batch belong together and are written one after the other. Pure.

Together stay the changes of one object; those of an object and of what stands below its name, the
old one or the new one; and those of an object that is created, renamed, moved or deleted and of
whatever names it (as ``manager``, as a member), by its name or by its anchor. All else is free.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from hypersync.model.joins import normal_reference
from hypersync.model.objects import Change, Operation, Value

_COMES_OR_GOES = frozenset({Operation.CREATE, Operation.RENAME, Operation.MOVE, Operation.DELETE})
_PLACE = "dn"


def shares(changes: Sequence[Change], width: int) -> list[list[int]]:
    """Deal the changes out, by their places in the sequence and in its order; some may be empty.

    What belongs together goes to the share that has least to do.
    """
    dealt: list[list[int]] = [[] for _ in range(width)]
    for group in _groups(changes):
        min(dealt, key=len).extend(group)
    return [sorted(each) for each in dealt]


def _groups(changes: Sequence[Change]) -> Iterable[list[int]]:
    """Return the places of the changes that belong together, in the order of their first ones."""
    together = _Together(len(changes))
    own: dict[object, int] = {}
    moving: dict[str, int] = {}
    names = [_names(each) for each in changes]
    for place, change in enumerate(changes):
        identity = (change.type.name, change.anchor or change.key)
        known_by = [] if change.anchor is None else [change.anchor]
        for key in (identity, *names[place]):
            together.join(place, own.setdefault(key, place))
        if change.operation in _COMES_OR_GOES:
            for name in (*names[place], *known_by):
                together.join(place, moving.setdefault(name, place))
    for place, change in enumerate(changes):
        for above in (above for name in names[place] for above in _upwards(name)):
            together.join(place, own.get(above, place))
        for above in _referred(change) if moving else ():
            together.join(place, moving.get(above, place))
    return together.groups()


class _Together:
    """Numbers that are joined into groups (union-find)."""

    def __init__(self, size: int) -> None:
        self._above = list(range(size))

    def join(self, one: int, other: int) -> None:
        """Make one group of the groups of both."""
        self._above[self._top(one)] = self._top(other)

    def _top(self, number: int) -> int:
        while self._above[number] != number:
            self._above[number] = self._above[self._above[number]]
            number = self._above[number]
        return number

    def groups(self) -> Iterable[list[int]]:
        """Return the groups."""
        found: dict[int, list[int]] = {}
        for number in range(len(self._above)):
            found.setdefault(self._top(number), []).append(number)
        return found.values()


def _names(change: Change) -> list[str]:
    """Return the names that the object has before and after."""
    sides = ((side or {}).get(_PLACE) for side in (change.before, change.after))
    return [normal_reference(each) for each in sides if isinstance(each, str) and each]


def _upwards(name: str) -> Iterator[str]:
    """Return a name and those of everything that it stands below."""
    yield name
    at = name.find(",") if "=" in name else -1
    while at >= 0:
        yield name[at + 1 :]
        at = name.find(",", at + 1)


def _referred(change: Change) -> Iterator[str]:
    """Return what the values of a change may refer to, and what that stands below."""
    for side in (change.before, change.after):
        for value in (side or {}).values():
            for each in _texts(value):
                yield from _upwards(normal_reference(each))


def _texts(value: Value) -> Iterator[str]:
    for each in value if isinstance(value, tuple) else (value,):
        if isinstance(each, str | int):
            yield str(each)
