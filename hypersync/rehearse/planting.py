"""Puts the objects as they were into the rehearsal's store, with their ids and identities.

Keeping the ids is what lets marks, holds and open actions go on meaning the same. Where objects
were grouped otherwise then than now, they are joined anew by the keys they had.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from itertools import groupby
from typing import NamedTuple

from hypersync.app import App
from hypersync.errors import EvaluationError
from hypersync.model.canonical import digest, encode
from hypersync.model.joins import normal_reference
from hypersync.model.objects import Attributes
from hypersync.model.scans import Finding, SiloType, Staged
from hypersync.pipeline.apply import apply, references
from hypersync.pipeline.graph import Target
from hypersync.pipeline.join import NOWHERE, Assignment
from hypersync.ports.store import UnitOfWork
from hypersync.ports.store.objects import NewObject, Reference, StoredObject

SOURCE = "scan:rehearsal"


class Planted(NamedTuple):
    """An object as it was, where its join put it, and why it was not there (``None``: it was)."""

    object: StoredObject
    assignment: Assignment
    absence: str | None


def staged(anchor: str, attributes: Attributes) -> Staged:
    """Return an object as a scan would stage it."""
    text = encode(attributes)
    return Staged(anchor, Finding.SEEN, text.decode(), digest(text))


class Garden:
    """The rehearsal's store while objects are put into it; `finish` comes last."""

    def __init__(self, app: App, now: datetime) -> None:
        self._app = app
        self._joins = app.engine.silos.joins
        self._kinds = app.engine.silos.types
        self._now = now
        self._others: list[Planted] = []

    def plant(self, unit: UnitOfWork, objects: Sequence[StoredObject]) -> None:
        """Store a portion of objects; those of one identity come together."""
        known = [each for each in objects if (each.silo, each.type) in self._kinds]
        planted = [self._assigned(each) for each in known]
        keys = {each.assignment.key for each in planted if each.assignment.key is not None}
        taken = set(unit.identities.owners(keys))
        identities: list[tuple[int, str | None]] = []
        kept: list[Planted] = []
        for identity, some in groupby(planted, key=lambda each: each.object.identity):
            key, mine, rest = divided(list(some), taken)
            self._others += rest
            if mine:
                identities.append((identity, key))
                kept += mine
                taken |= set() if key is None else {key}
        unit.identities.add(identities)
        self._write(unit, kept)
        unit.identities.note_ambiguous([identity for identity, _ in identities], self._now)

    def finish(self, unit: UnitOfWork, scanned: Collection[str]) -> None:
        """Join what was grouped otherwise, and make the types of silos ``scanned`` known."""
        types = self._types(unit)
        for each in self._others:
            stored = each.object
            silo_type = types[stored.silo, stored.type]
            target = self._target(silo_type)
            apply(unit, target, [staged(stored.anchor, stored.attributes)])
            if stored.absence is not None:
                apply(unit, target, [Staged(stored.anchor, Finding(stored.absence))])
        for (silo, name), kind in types.items():
            unit.scans.set_join_revision(kind.id, self._joins.revision(silo, name))
            if silo in scanned:
                unit.scans.applied_type(kind.id, None, self._now)

    def _target(self, silo_type: SiloType) -> Target:
        return Target(
            silo_type=silo_type,
            kind=self._kinds[silo_type.silo, silo_type.name],
            joins=self._joins,
            source=SOURCE,
            now=self._now,
        )

    def _types(self, unit: UnitOfWork) -> Mapping[tuple[str, str], SiloType]:
        found: dict[tuple[str, str], SiloType] = {}
        for silo in self._app.connectors:
            names = [name for owner, name in self._kinds if owner == silo]
            found |= {(silo, name): t for name, t in unit.scans.register(silo, names).items()}
        return found

    def _assigned(self, stored: StoredObject) -> Planted:
        try:
            found = self._joins.assign(stored.silo, stored.type, stored.attributes)
        except EvaluationError:
            return Planted(stored, NOWHERE, Finding.INVALID.value)
        return Planted(stored, found, stored.absence)

    def _write(self, unit: UnitOfWork, planted: Iterable[Planted]) -> None:
        by_type: dict[tuple[str, str], list[Planted]] = {}
        for each in planted:
            by_type.setdefault((each.object.silo, each.object.type), []).append(each)
        types = self._types(unit)
        for which, some in by_type.items():
            members = self._kinds[which].members
            rows = [_row(each, members) for each in some]
            unit.objects.add(types[which].id, rows, SOURCE, self._now)
            unit.objects.refer([r for each in some for r in _references(each, members)], ())
            unit.scans.raise_live(types[which].id, sum(row.absence is None for row in rows))


def divided(
    some: Sequence[Planted], taken: AbstractSet[str]
) -> tuple[str | None, Sequence[Planted], Sequence[Planted]]:
    """Return the key that an identity had, its objects, and those that belonged elsewhere.

    Keys that are ``taken`` are another identity's.
    """
    keys = [each.assignment.key for each in some if each.assignment.key is not None]
    free = [key for key in keys if key not in taken]
    if free:
        mine = [each for each in some if each.assignment.key == free[0]]
        return free[0], mine, [each for each in some if each.assignment.key != free[0]]
    alone = [each for each in some if each.assignment.key is None][:1]
    return None, alone, [each for each in some if each not in alone]


def _row(planted: Planted, members: str | None) -> NewObject:
    stored = planted.object
    rest = {name: value for name, value in stored.attributes.items() if name != members}
    dn = stored.attributes.get("dn")
    return NewObject(
        stored.id,
        stored.anchor,
        stored.identity,
        *planted.assignment,
        digest(encode(stored.attributes)),
        encode(rest).decode(),
        planted.absence,
        normal_reference(dn) if isinstance(dn, str) else None,
    )


def _references(planted: Planted, members: str | None) -> Iterable[Reference]:
    value = None if members is None else planted.object.attributes.get(members)
    targets = () if value is None else references(value)
    return [Reference(planted.object.id, members or "", each) for each in targets]
