"""Tells by which attribute members were parted from the stored objects of a type.

Members are kept apart from the other attributes, as references. The scope of a scan says after what
the connector tells which attribute held them, by type, and a type has the scope of its last applied
scan; so it is seen when the configuration names another attribute than before. Hashes do not show
that, they are of whole objects. From then on nobody knows who is in the groups of the type: rules
do not ask, and the next scan is a full one that parts every object anew. What is written meanwhile
is parted as the others are.

Scopes from before this was written down say nothing of it; then the objects themselves are asked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Final

from hypersync.model import scopes
from hypersync.model.objects import ObjectType
from hypersync.model.scans import Scan, SiloType
from hypersync.ports.store import UnitOfWork

_NOT_KNOWN: Final = True


def with_members(told: str, kinds: Iterable[ObjectType], in_doubt: Collection[str] = ()) -> str:
    """Return a scope: what the connector tells, and what holds the members of each type.

    The members of types ``in_doubt`` are held by this and that.
    """
    held: dict[str, str | bool | None] = {kind.name: kind.members for kind in kinds}
    held |= dict.fromkeys(in_doubt, _NOT_KNOWN)
    return scopes.with_members(told, held)


def is_silent(scope: str | None) -> bool:
    """Tell whether a scope is from before members were written down in it."""
    return scope is not None and scopes.parts(scope)[1] is None


def is_kept(silo_type: SiloType, kind: ObjectType) -> bool:
    """Tell whether the stored objects are parted as ``kind`` says; true where nothing is said."""
    said = _said(silo_type.scope)
    return said is None or said.get(kind.name) == kind.members


def as_kept(scope: str | None, kind: ObjectType) -> ObjectType:
    """Return a type whose members are held by what a scope says, where it says that."""
    said = _said(scope)
    if said is None:
        return kind
    members = said.get(kind.name)
    return kind if isinstance(members, bool) else replace(kind, members=members)


def as_read(scan: Scan, kinds: Mapping[str, ObjectType]) -> Mapping[str, ObjectType]:
    """Return the types with the members that they had when a scan read them."""
    return {name: as_kept(scan.scope, kind) for name, kind in kinds.items()}


def note(unit: UnitOfWork, types: Iterable[SiloType], kinds: Mapping[str, ObjectType]) -> bool:
    """Write down how the members of a stream's types are kept where no scope says it yet.

    Returns whether there was anything to write down.
    """
    silent = [each for each in types if is_silent(each.scope)]
    in_doubt = {
        each.name
        for each in silent
        if not unit.objects.is_parted(each.id, kinds[each.name].members)
    }
    for each in silent:
        unit.scans.set_scope(each.id, with_members(each.scope or "", kinds.values(), in_doubt))
    return bool(silent)


def of_unknown_members(
    unit: UnitOfWork, types: Mapping[tuple[str, str], ObjectType]
) -> Collection[tuple[str, str]]:
    """Return the types in whose groups nobody knows who is before they are scanned in full.

    Their members are held by another attribute than when they were scanned last.
    """
    found = ((each, types.get((each.silo, each.name))) for each in unit.scans.types())
    return {
        (stored.silo, stored.name)
        for stored, kind in found
        if kind is not None and not is_kept(stored, kind)
    }


def _said(scope: str | None) -> scopes.Members | None:
    return None if scope is None else scopes.parts(scope)[1]
