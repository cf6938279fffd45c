"""What a SCIM resource says in terms of attributes, and the other way round. Pure.

A simple attribute has its name. A part of a complex one is ``name.givenName``; where the part is
``value``, as in ``manager``, the name of the whole is enough. An attribute with several entries,
such as ``emails`` or ``members``, is the sorted list of their values; one entry of it is
``emails[type eq "work"].value``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hypersync.connectors.changes import is_missing, sorted_values
from hypersync.connectors.scim.names import Names
from hypersync.connectors.scim.paths import Path, Where
from hypersync.model.objects import Attributes, Change, Scalar, Value

Resource = Mapping[str, Any]
_VALUE = "value"
_UNSAID = frozenset({"type", "primary", "display", "$ref"})
"""Parts of an entry that are not attributes of their own."""


class Reader:
    """Reads the attributes of one type out of its resources."""

    def __init__(self, names: Names, wanted: frozenset[str]) -> None:
        self._names = names
        self._wanted = [(name, *self._known(name)) for name in sorted(wanted)]
        self._truths = {n for n, each in names.shape.core.items() if each.kind == "boolean"}
        self._mapped = [(name, *self._known(name)) for name in sorted(names.mapped)]

    def _known(self, name: str) -> tuple[Path | None, bool, bool]:
        try:
            path = self._names.path(name)
        except ValueError:
            return None, False, False
        part = self._names.part(path)
        is_truth = part is not None and part.kind == "boolean"
        return path, self._names.is_multi(path), is_truth

    def attributes(self, resource: Resource) -> dict[str, Value]:
        """Return the attributes that have a value; all of them when none are wanted."""
        if self._wanted:
            return dict(self._chosen(resource, self._wanted))
        return {**dict(self._all(resource)), **dict(self._chosen(resource, self._mapped))}

    @staticmethod
    def _chosen(
        resource: Resource, wanted: list[tuple[str, Path | None, bool, bool]]
    ) -> Iterator[tuple[str, Value]]:
        for name, path, is_multi, is_truth in wanted:
            value = None if path is None else value_at(resource, path, is_multi=is_multi)
            if not is_missing(value):
                yield name, _as_truth(value) if is_truth else value

    def _all(self, resource: Resource) -> Iterator[tuple[str, Value]]:
        for name, found in resource.items():
            if name.startswith("urn:"):
                for inner, value in found.items() if isinstance(found, dict) else ():
                    yield from self._flat(self._names.short(name, inner), value)
            elif self._names.is_reported(name):
                yield from self._flat(name, _as_truth(found) if name in self._truths else found)

    @staticmethod
    def _flat(name: str, found: object) -> Iterator[tuple[str, Value]]:
        """Give what one attribute holds its names."""
        if isinstance(found, dict):
            for part, value in found.items():
                if _is_scalar(value) and part not in ("$ref", _VALUE):
                    yield f"{name}.{part}", value
            if _is_scalar(found.get(_VALUE)):
                yield name, found[_VALUE]
        elif isinstance(found, list):
            values = sorted_values(_entries(found, None, _VALUE))
            if values:
                yield name, values
            yield from _typed(name, found)
        elif _is_scalar(found):
            yield name, found  # type: ignore[misc] # a scalar


def _typed(name: str, entries: list[Any]) -> Iterator[tuple[str, Value]]:
    """Name the parts of the entries that say of which type they are."""
    for entry in entries:
        kind = entry.get("type") if isinstance(entry, dict) else None
        if isinstance(kind, str) and name != "members":
            for part, value in entry.items():
                if part not in _UNSAID and _is_scalar(value):
                    yield str(Path(None, name, Where("type", kind), part)), value


def value_at(resource: Resource, path: Path, *, is_multi: bool) -> Value:
    """Return what a path reaches in a resource, ``None`` when that is nothing."""
    holder = resource if path.schema is None else resource.get(path.schema)
    found = holder.get(path.name) if isinstance(holder, dict) else None
    if isinstance(found, list):
        values = sorted_values(_entries(found, path.where, path.sub or _VALUE))
        if not values:
            return None
        return values if is_multi or len(values) > 1 else values[0]
    if isinstance(found, dict):
        found = found.get(path.sub or _VALUE)
    elif path.sub is not None:
        return None
    if not _is_scalar(found):
        return None
    return (found,) if is_multi else found  # type: ignore[return-value] # a scalar


def _entries(found: list[Any], where: Where | None, part: str) -> Iterator[Scalar]:
    for entry in found:
        if isinstance(entry, dict):
            value = entry.get(part) if is_chosen(entry, where) else None
        else:
            value = entry if where is None else None
        if _is_scalar(value):
            yield value  # type: ignore[misc] # a scalar


def is_chosen(entry: object, where: Where | None) -> bool:
    """Tell whether an entry is one of those that are meant; words compare without case."""
    if where is None:
        return True
    found = entry.get(where.by) if isinstance(entry, dict) else None
    if isinstance(found, str) and isinstance(where.value, str):
        return found.casefold() == where.value.casefold()
    if where.value is False and found is None:
        return where.by == "primary"
    return found is where.value


def _is_scalar(value: object) -> bool:
    return isinstance(value, str | bool | int | float) and value != ""


def _as_truth(value: Any) -> Any:  # noqa: ANN401 - JSON of the wire
    """Read the truth values that some services write as text."""
    if isinstance(value, str) and value.casefold() in ("true", "false"):
        return value.casefold() == "true"
    return value


# --- the other way -----------------------------------------------------------------------------


def as_reported(values: Attributes | None, names: Names) -> dict[str, Value] | None:
    """Return values of a change in the form in which the service's are reported.

    Raises ``ValueError`` for a value that the attribute cannot hold.
    """
    if values is None:
        return None
    return {name: _formed(name, value, names) for name, value in values.items()}


def _formed(name: str, value: Value, names: Names) -> Value:
    if is_missing(value):
        return None
    path = names.path(name)
    part = names.part(path)
    if part is not None and part.kind == "boolean":
        value = _as_truth(value)
    several = value if isinstance(value, tuple) else (value,)
    if any(isinstance(each, bytes) for each in several):
        raise ValueError(f"{name!r} cannot hold bytes; SCIM wants them as base64 text")
    if names.definition(path) is None and isinstance(value, tuple):
        return value
    if names.is_multi(path):
        return sorted_values(several)  # type: ignore[arg-type] # not None
    if len(several) > 1:
        raise ValueError(f"{name!r} holds one value; {len(several)} were given")
    return several[0]


def checked(change: Change, names: Names, *, current: Attributes | None) -> None:
    """Refuse what the service does not let anybody write, with a ``ValueError``.

    ``current`` is the object as it is; ``None`` for a new one, which may have what is written once.
    """
    for name, value in (change.after or {}).items():
        path = names.path(name)
        whole, part = names.definition(path), names.part(path)
        if whole is None or part is None:
            if names.shape.is_known:
                raise ValueError(f"the service knows no attribute {name!r}")
            continue
        if whole.is_read_only or part.is_read_only:
            raise ValueError(f"{name!r} is read-only")
        if current is not None and whole.is_immutable:
            held = current.get(name)
            if held is not None and held != value:
                raise ValueError(f"{name!r} is written once, when the object is made")


def secrets_of(change: Change, names: Names) -> frozenset[str]:
    """Return the names of what is written and never shown, such as a password."""
    return frozenset(
        name
        for name in {**(change.before or {}), **(change.after or {})}
        if (each := names.definition(names.path(name))) is not None and each.is_secret
    )
