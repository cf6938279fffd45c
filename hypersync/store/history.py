"""Reads an object's history, and walks it back or on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import orjson

from hypersync.model.canonical import decode_mapping
from hypersync.model.joins import normal_reference
from hypersync.model.objects import Attributes, Value
from hypersync.ports.store.objects import ObjectChange, StoredObject
from hypersync.store.bulk import read_time


def change_of(row: Any) -> ObjectChange:  # noqa: ANN401 - a row of the driver
    """Make a change out of a stored row."""
    at, source, before, after, absence_before, absence_after = row
    moment = read_time(at)
    assert moment is not None  # noqa: S101 - the column is not null
    return ObjectChange(
        at=moment,
        source=source,
        before=decode_mapping(orjson.loads(before or "{}")) or {},
        after=decode_mapping(orjson.loads(after or "{}")) or {},
        absence_before=absence_before,
        absence_after=absence_after,
    )


def undone(stored: StoredObject, changes: Iterable[ObjectChange]) -> StoredObject:
    """Return the object as it was before these changes, which come newest first."""
    attributes = dict(stored.attributes)
    absence = stored.absence
    for change in changes:
        absence = change.absence_before
        for name, value in change.after.items():
            if name.startswith("+"):
                _shift(attributes, name[1:], remove=value)
        for name, value in change.before.items():
            if name.startswith("-"):
                _shift(attributes, name[1:], add=value)
            elif value is None:
                attributes.pop(name, None)
            else:
                attributes[name] = value
    return replace(stored, attributes=attributes, absence=absence)


def redone(attributes: Attributes, change: ObjectChange) -> Attributes:
    """Return attributes with a change made once more; other attributes stay as they are."""
    after = dict(attributes)
    for name, value in change.before.items():
        if name.startswith("-"):
            _shift(after, name[1:], remove=value)
    for name, value in change.after.items():
        if name.startswith("+"):
            _shift(after, name[1:], add=value)
        elif value is None:
            after.pop(name, None)
        else:
            after[name] = value
    return after


def _shift(
    attributes: dict[str, Value], name: str, *, add: Value = None, remove: Value = None
) -> None:
    """Add members to an attribute, or remove them from it, whose values have normal forms.

    What a change of long ago added or removed is in the normal form of that day.
    """
    members = {*_listed(attributes.get(name)), *_normal(add)} - {*_normal(remove)}
    if members:
        attributes[name] = tuple(sorted(members, key=str))
    else:
        attributes.pop(name, None)


def _normal(value: Value) -> list[Any]:
    return [normal_reference(each) if isinstance(each, str) else each for each in _listed(value)]


def _listed(value: Value) -> tuple[Any, ...]:
    if value is None:
        return ()
    return value if isinstance(value, tuple) else (value,)
