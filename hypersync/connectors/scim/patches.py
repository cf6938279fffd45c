"""The dialects of PATCH (RFC 7644, section 3.5.2). Pure.

``path``: one operation for each attribute, with its path; members are added in one operation and
removed by ``members[value eq "x"]``. ``value``: what is set stands in one operation without a path,
as whole attributes; only removals have paths. ``entra``: as Microsoft Entra sends it, operations
with a capital, members removed by a list of values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from hypersync.connectors.changes import is_missing
from hypersync.connectors.scim.bodies import assign
from hypersync.connectors.scim.names import Names
from hypersync.connectors.scim.paths import Path, Where
from hypersync.connectors.scim.values import Resource, is_chosen
from hypersync.model.objects import Attributes, Scalar, Value

Op = dict[str, Any]
SCHEMA: Final = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
MEMBERS: Final = Path(None, "members")
MOST_REMOVALS: Final = 100
"""More values than these are not removed one by one; the attribute is replaced."""


def patch_body(ops: Sequence[Op]) -> dict[str, Any]:
    """Return the request that carries out operations in their order."""
    return {"schemas": [SCHEMA], "Operations": list(ops)}


class Dialect:
    """How changes of attributes and members are written for one kind of service."""

    def __init__(self, name: str) -> None:
        self._is_pathless = name == "value"
        self._is_entra = name == "entra"

    def update(self, resource: Resource, values: Attributes, names: Names) -> list[Op]:
        """Return the operations that give a resource these values."""
        after = {n: dict(held) if isinstance(held, dict) else held for n, held in resource.items()}
        targets: dict[str, tuple[Path, Value]] = {}
        members: list[Op] = []
        for name, value in values.items():
            path = names.path(name)
            few = self._few_members(resource, path, value)
            if few is None:
                assign(after, path, value, names)
                targets[self._target(resource, path, value)] = path, value
            else:
                members += few
        sets, removals = {}, []
        for target, (path, value) in targets.items():
            held = _at(after, path) if target == path.attribute else value
            if is_missing(held) or held in ({}, []):
                removals.append(self._op("remove", target))
            else:
                sets[target] = path, held
        return [*removals, *self._sets(resource, sets), *members]

    def _target(self, resource: Resource, path: Path, value: Value) -> str:
        """Return what one operation names: a whole attribute, or as little of it as can be.

        A filter finds only what is there, so a new entry comes with its whole attribute.
        """
        if path.where is None:
            is_part = path.sub is not None and not isinstance(_at(resource, path), list)
            is_named = is_part and (not self._is_pathless or is_missing(value))
            return str(path) if is_named else path.attribute
        entries = _at(resource, path)
        listed = entries if isinstance(entries, list) else []
        if not self._is_entra and (
            self._is_pathless or not any(is_chosen(each, path.where) for each in listed)
        ):
            return path.attribute
        return path.entry if is_missing(value) and path.sub == "value" else str(path)

    def _sets(self, resource: Resource, sets: Mapping[str, tuple[Path, Any]]) -> list[Op]:
        if not self._is_pathless:
            return [
                self._op(
                    "add" if self._is_entra and _at(resource, path) is None else "replace",
                    target,
                    held,
                )
                for target, (path, held) in sets.items()
            ]
        value: dict[str, Any] = {}
        for path, held in sets.values():
            holder = value if path.schema is None else value.setdefault(path.schema, {})
            holder[path.name] = held
        return [self._op("replace", None, value)] if value else []

    def _few_members(self, resource: Resource, path: Path, value: Value) -> list[Op] | None:
        """Return adds and removals when few members go, ``None`` when this is no such change."""
        if path != MEMBERS:
            return None
        listed = resource.get(path.name)
        entries = listed if isinstance(listed, list) else []
        held = {str(each.get("value")) for each in entries if isinstance(each, dict)}
        several = value if isinstance(value, tuple) else () if is_missing(value) else (value,)
        wanted = {str(each) for each in several}
        gone, come = sorted(held - wanted), sorted(wanted - held)
        is_anew = held and (len(gone) > MOST_REMOVALS or len(gone) == len(held))
        if is_anew and not self._is_entra:
            return None
        removals = self.remove(path, gone) if gone else []
        return [*removals, *([self.add(path, come)] if come else [])]

    def add(self, path: Path, members: Sequence[Scalar]) -> Op:
        """Return the operation that adds members."""
        entries = [{"value": each} for each in members]
        if self._is_pathless:
            return self._op("add", None, {str(path): entries})
        return self._op("add", str(path), entries)

    def remove(self, path: Path, members: Sequence[Scalar]) -> list[Op]:
        """Return the operations that remove members."""
        if self._is_entra:
            return [self._op("remove", str(path), [{"value": each} for each in members])]
        return [
            self._op("remove", str(Path(path.schema, path.name, Where("value", str(each)))))
            for each in members
        ]

    def _op(self, op: str, path: str | None, value: object = None) -> Op:
        made: Op = {"op": op.capitalize() if self._is_entra else op}
        if path is not None:
            made["path"] = path
        if value is not None:
            made["value"] = value
        return made


def _at(resource: Resource, path: Path) -> Any:  # noqa: ANN401 - JSON of the wire
    """Return what a resource has under the attribute of a path."""
    holder = resource if path.schema is None else resource.get(path.schema)
    return holder.get(path.name) if isinstance(holder, dict) else None
