"""What a change wants of an object, as the type of the object reports it. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from hypersync.connectors.changes import is_missing
from hypersync.connectors.sql_database.source import Source
from hypersync.model.objects import Attributes, Change, Conflict, Scalar, Value


def anchor_of(change: Change) -> str:
    """Return the anchor of the object that is changed; raises ``ValueError`` when there is none."""
    if change.anchor is None:
        raise ValueError("the change names no object")
    return change.anchor


def not_there(change: Change) -> Conflict:
    """Return the outcome for an object that is not there."""
    return Conflict(f"{change.type.name} {change.anchor} is not there any more")


def values_of(value: Value) -> set[Scalar]:
    """Return the values of an attribute, one or several or none."""
    if is_missing(value) or value is None:
        return set()
    return set(value) if isinstance(value, tuple) else {value}


def as_reported(source: Source, attributes: Attributes | None) -> dict[str, Value]:
    """Return the values of a change as the type reports them; raises ``ValueError``."""
    out: dict[str, Value] = {}
    for name, value in (attributes or {}).items():
        if name in source.lists:
            out[name] = source.lists[name].normal(value)
        elif name in source.columns:
            out[name] = source.columns[name].normal(value)
        elif is_missing(value):
            out[name] = None
        else:
            raise ValueError(f"there is no column {name!r}")
    return out


def check_writable(source: Source, attributes: Mapping[str, Value]) -> None:
    """Raise ``ValueError`` when one of the attributes is read-only."""
    for name, value in attributes.items():
        is_named = name in source.columns or not is_missing(value)
        if is_named and name != source.anchor and not source.is_writable(name):
            raise ValueError(f"{name!r} is read-only")
