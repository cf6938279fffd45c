"""Resources as they are sent: a new one, or one with other values. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any, Final

from hypersync.connectors.changes import is_missing
from hypersync.connectors.scim.names import Names
from hypersync.connectors.scim.paths import Path
from hypersync.connectors.scim.values import Resource, is_chosen
from hypersync.model.objects import Attributes, Value

_VALUE: Final = "value"


def new_resource(values: Attributes, names: Names) -> dict[str, Any]:
    """Return the body that creates a resource with these attributes."""
    body: dict[str, Any] = {"schemas": [names.shape.schema]}
    for name, value in values.items():
        if not is_missing(value):
            assign(body, names.path(name), value, names)
    return _with_schemas(body)


def replacement(resource: Resource, values: Attributes, names: Names) -> dict[str, Any]:
    """Return the whole resource with other values, without what nobody may write.

    Blanks are left out: some services send them, and do not take them back.
    """
    body: dict[str, Any] = _filled(dict(resource))
    for name, value in values.items():
        assign(body, names.path(name), value, names)
    for name in [n for n, each in names.shape.core.items() if each.is_read_only and n in body]:
        if name not in ("schemas", "id"):
            del body[name]
    return _with_schemas(body)


def _filled(held: Any) -> Any:  # noqa: ANN401 - JSON of the wire
    """Copy what a resource holds, without blanks."""
    if isinstance(held, dict):
        return {name: _filled(each) for name, each in held.items() if each not in ("", None)}
    if isinstance(held, list):
        return [_filled(each) for each in held if not _is_blank(each)]
    return held


def _is_blank(entry: object) -> bool:
    return entry in ("", None) or (isinstance(entry, dict) and entry.get(_VALUE, entry) == "")


def _with_schemas(body: dict[str, Any]) -> dict[str, Any]:
    """Name the extensions that a resource uses."""
    used = [name for name, held in body.items() if name.startswith("urn:") and held]
    listed = body.get("schemas")
    known = list(listed) if isinstance(listed, list) else []
    body["schemas"] = [*known, *(each for each in used if each not in known)]
    return body


def assign(body: dict[str, Any], path: Path, value: Value, names: Names) -> None:
    """Set what a path reaches, or take it away when the value is missing."""
    holder = body if path.schema is None else body.setdefault(path.schema, {})
    whole = names.definition(path)
    is_list = path.where is not None or isinstance(value, tuple) or (whole and whole.is_multi)
    if is_list:
        entries = merged(holder.get(path.name), path, value, is_complex=_is_complex(path, names))
        _put(holder, path.name, entries or None)
    elif path.sub is not None or (whole is not None and _VALUE in whole.subs):
        held = holder.get(path.name) if path.sub is not None else None
        inner = dict(held) if isinstance(held, dict) else {}
        _put(inner, path.sub or _VALUE, None if is_missing(value) else value)
        _put(holder, path.name, inner or None)
    else:
        _put(holder, path.name, None if is_missing(value) else value)
    if path.schema is not None and not holder:
        del body[path.schema]


def _put(holder: dict[str, Any], name: str, value: object) -> None:
    if value is None:
        holder.pop(name, None)
    else:
        holder[name] = value


def _is_complex(path: Path, names: Names) -> bool:
    """Tell whether the entries of an attribute have parts; those that nobody described do."""
    whole = names.definition(path)
    return path.where is not None or path.sub is not None or whole is None or bool(whole.subs)


def merged(held: object, path: Path, value: Value, *, is_complex: bool) -> list[Any]:
    """Return all entries of an attribute as they are to be.

    Entries that stay keep what else they say; only what the path chooses is touched.
    """
    entries = deepcopy(held) if isinstance(held, list) else []
    if path.where is not None:
        return _with_entry(entries, path, value)
    wanted = value if isinstance(value, tuple) else () if is_missing(value) else (value,)
    part = path.sub or _VALUE
    known = {_said(entry, part): entry for entry in entries}
    made = [{part: each} if is_complex else each for each in wanted if each not in known]
    return [entry for said, entry in known.items() if said in wanted] + made


def _said(entry: object, part: str) -> Any:  # noqa: ANN401 - a scalar of the wire
    return entry.get(part) if isinstance(entry, Mapping) else entry


def _with_entry(entries: list[Any], path: Path, value: Value) -> list[Any]:
    where, part = path.where, path.sub or _VALUE
    assert where is not None  # noqa: S101 - the caller looked
    chosen = [entry for entry in entries if isinstance(entry, dict) and is_chosen(entry, where)]
    if is_missing(value):
        if part == _VALUE:
            return [entry for entry in entries if entry not in chosen]
        for entry in chosen:
            entry.pop(part, None)
        return [entry for entry in entries if entry not in chosen or set(entry) - {where.by}]
    for entry in chosen:
        entry[part] = value
    return entries if chosen else [*entries, {where.by: where.value, part: value}]
