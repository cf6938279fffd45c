"""Turns what Graph says of an object into attributes, and attributes into what Graph is told. Pure.

The JSON is read as it came, because only there null (cleared) differs from absent (not told).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final, TypeAlias

import orjson

from hypersync.connectors.changes import is_missing, present, sorted_values
from hypersync.connectors.msgraph.options import Place
from hypersync.connectors.msgraph.properties import (
    HIDDEN_MEMBERSHIP,
    MANAGER,
    MEMBERS,
    PASSWORD,
    SEES_HIDDEN,
    VISIBILITY,
    Resource,
)
from hypersync.model.objects import Attributes, Change, Changed, Operation, Value

Json: TypeAlias = dict[str, Any]
REMOVED: Final = "@removed"
HIDDEN: Final = (
    "its membership is hidden, so that it seems to have no members; grant the application the "
    f"permission {SEES_HIDDEN}"
)
BATCH: Final = 20
"""How many requests, and how many references in one request, Graph takes at once."""


class Reader:
    """Reads the items of one type: the properties with these names, of which some are references.

    Never changes; `reader_of` returns the same one for the same names.
    """

    def __init__(self, names: Collection[str], references: Collection[str]) -> None:
        self.wanted = frozenset(names) - frozenset(references)
        self._parts: dict[str, list[str]] = {}
        for name in self.wanted:
            whole, _, part = name.partition("/")
            if part:
                self._parts.setdefault(whole, []).append(part)

    def attributes(self, item: Json) -> dict[str, Value]:
        """Return the properties that have a value, references not."""
        out: dict[str, Value] = {}
        wanted = self.wanted
        for name, value in item.items():
            if value.__class__ is str:
                if value and name in wanted:
                    out[name] = value
            elif value is not None and (name in wanted or name in self._parts):
                self._take(name, value, out)
        return out

    def cleared(self, item: Json) -> tuple[str, ...]:
        """Return the properties that are told to have no value."""
        empty = [name for name, value in item.items() if value is None or value in ("", [])]
        names = {name for name in empty if name in self.wanted}
        for name in empty:
            names |= {f"{name}/{part}" for part in self._parts.get(name, ())}
        for name, parts in self._parts.items():
            held = item.get(name)
            if isinstance(held, dict):
                told = {part for part in parts if part in held and is_missing(held[part])}
                names |= {f"{name}/{part}" for part in told}
        return tuple(sorted(names))

    def _take(self, name: str, value: object, out: dict[str, Value]) -> None:
        if isinstance(value, dict):
            for part in self._parts.get(name, ()):
                if not is_missing(value.get(part)):
                    out[f"{name}/{part}"] = _scalar(value[part])
        if name not in self.wanted:
            return
        if isinstance(value, list):
            if value:
                out[name] = sorted_values(_scalar(each) for each in value)
        else:
            out[name] = _scalar(value)


def reader_of(place: Place) -> Reader:
    """Return what reads the items of a type."""
    return _reader(place.names, place.references)


@lru_cache(maxsize=256)
def _reader(names: tuple[str, ...], references: tuple[str, ...]) -> Reader:
    return Reader(names, references)


def _scalar(value: object) -> str | int | float | bool:
    """Return a value as it is, and what has parts as JSON."""
    if isinstance(value, str | int | float | bool):
        return value
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


# --- references --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Moves:
    """Which ids a delta says came to a reference, and which went."""

    came: frozenset[str]
    went: frozenset[str]


def moves(item: Json, reference: str) -> Moves | None:
    """Return what ``members@delta`` says; ``None`` when it says nothing.

    Raises ``ValueError`` when it is not understood.
    """
    told = item.get(f"{reference}@delta")
    if told is None:
        return None
    if not isinstance(told, list):
        raise ValueError(f"{reference}@delta is no list")  # noqa: TRY004 - the data's fault
    last: dict[str, bool] = {}
    for each in told:
        if not isinstance(each, dict) or not isinstance(each.get("id"), str):
            raise ValueError(f"{reference}@delta names something without an id")  # noqa: TRY004
        last[each["id"]] = REMOVED not in each
    came = frozenset(id_ for id_, is_there in last.items() if is_there)
    return Moves(came, frozenset(last) - came)


def hides_members(item: Json) -> bool:
    """Tell whether who belongs to a group is shown only to those who may see hidden members."""
    return str(item.get(VISIBILITY)).casefold() == HIDDEN_MEMBERSHIP.casefold()


def members_of(ids: Collection[str]) -> Attributes:
    """Return the attribute of a group's members."""
    return {MEMBERS: tuple(sorted(ids))} if ids else {}


# --- what Graph is told ------------------------------------------------------------------------


def normalised(change: Change, resource: Resource) -> Change:
    """Return a change whose values are shaped as they are read: lists where Graph has lists.

    Passwords are left out of ``before``: nobody can read them.
    """
    if change.operation in (Operation.ADD_MEMBER, Operation.REMOVE_MEMBER):
        return change
    before, after = (
        None if side is None else {name: _shaped(name, value, resource) for name, value in side}
        for side in (
            _without_password(change.before),
            None if change.after is None else [*change.after.items()],
        )
    )
    return replace(change, before=before, after=after)


def _without_password(side: Attributes | None) -> list[tuple[str, Value]] | None:
    return None if side is None else [(n, v) for n, v in side.items() if n != PASSWORD]


def _shaped(name: str, value: Value, resource: Resource) -> Value:
    if name not in resource.several or is_missing(value):
        return value
    return sorted_values(value) if isinstance(value, tuple) else (value,)  # type: ignore[return-value] # not None


def compared(change: Change) -> Change:
    """Return a change without its password, which cannot be compared."""
    after = None if change.after is None else dict(_without_password(change.after) or ())
    return replace(change, after=after)


def body_of(values: Attributes, *, is_new: bool, change_password: bool) -> Json:
    """Return the JSON that writes these values; references are written in other ways.

    What is missing is told as null, which alone clears it; a new object is not told of it.
    """
    body: Json = {}
    for name, value in values.items():
        if name in (MANAGER, MEMBERS) or (is_new and is_missing(value)):
            continue
        if name == PASSWORD:
            body["passwordProfile"] = {
                "password": value,
                "forceChangePasswordNextSignIn": change_password,
            }
            continue
        whole, _, part = name.partition("/")
        if part:
            body.setdefault(whole, {})[part] = _told(value)
        else:
            body[name] = _told(value)
    return body


def _told(value: Value) -> object:
    if value == ():
        return []
    if is_missing(value):
        return None
    return list(value) if isinstance(value, tuple) else value


def emptied(body: Json, resource: Resource) -> Json:
    """Return a body in which lists are cleared as lists, which Graph does not take as null."""
    return {
        name: [] if value is None and name in resource.several else value
        for name, value in body.items()
    }


def is_whole(told: Changed, place: Place) -> bool:
    """Tell whether a delta tells all of an object: the names that each has, those that are read."""
    names = {place.key, "displayName"} & {*place.names}
    return bool(names) and names <= {*told.set}


def laid_over(attributes: Attributes, told: Changed) -> dict[str, Value]:
    """Return attributes with what a delta tells of them."""
    out = {
        name: value
        for name, value in {**attributes, **told.set}.items()
        if name not in told.cleared
    }
    for name in {*told.added, *told.removed}:
        held = out.get(name)
        values = {*(held if isinstance(held, tuple) else ()), *told.added.get(name, ())}
        values -= {*told.removed.get(name, ())}
        out[name] = sorted_values(values)
    return present(out)


def joined(earlier: Changed, later: Changed) -> Changed:
    """Return two things told of one object as one."""
    kept = {n: v for n, v in earlier.set.items() if n not in later.cleared}
    names = {*earlier.added, *earlier.removed, *later.added, *later.removed}
    came, went = {}, {}
    for name in names:
        new, old = {*later.added.get(name, ())}, {*later.removed.get(name, ())}
        came[name] = tuple({*earlier.added.get(name, ())} - old | new)
        went[name] = tuple({*earlier.removed.get(name, ())} - new | old)
    return Changed(
        later.type,
        later.anchor,
        set={**kept, **later.set},
        cleared=tuple({*earlier.cleared, *later.cleared} - {*later.set}),
        added=came,
        removed=went,
    )
