"""Writes one gathered batch into the graph: objects, history, joins, and what follows from them.

Order matters. What objects have become is written first, because who is still there decides about
joins; new objects come after their identities; what is known of regrouped identities is handed on
last, when everybody is in place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from hypersync.model.objects import ObjectType
from hypersync.model.scans import SiloType
from hypersync.pipeline import parting
from hypersync.pipeline.asked_again import VOID_ASKS_AGAIN
from hypersync.pipeline.join import Assignment, Grouping, Joins, Member, Mover, join
from hypersync.ports.store import UnitOfWork
from hypersync.ports.store.objects import Current, NewChange, NewObject, NewState, Reference

ACTION = "action:"
"""How the source of an object begins that an action wrote last."""

SCAN = "scan:"
"""How it begins when a scan did."""

GONE = frozenset({"gone", "soft", "absent"})
"""The absences of objects that are no longer there."""

_HOLDING = (None, "invalid")
"""The absences, and none, under which an object still holds its slot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is written to: one type of a silo; ``source`` is ``scan:ID`` or ``action:ID``.

    ``read_at`` is when a scan began to read. What an action wrote after that is newer than what the
    scan says, and stays until the next scan, a full one where the two do not say the same.
    """

    silo_type: SiloType
    kind: ObjectType
    joins: Joins
    source: str
    now: datetime
    read_at: datetime | None = None

    @property
    def is_parted_anew(self) -> bool:
        """Tell whether members are held by another attribute than in the stored objects."""
        return not parting.is_kept(self.silo_type, self.kind)

    def is_outdated_by(self, known: Current) -> bool:
        """Tell whether an action wrote the object after the scan began to read.

        A time that is still to come was written before the clock was set back: then it says nothing
        and the scan is believed.
        """
        if self.read_at is None or not known.source.startswith(ACTION):
            return False
        return self.read_at < known.changed_at <= self.now


class Added(NamedTuple):
    """An object that is not stored yet, before it has an id and an identity."""

    anchor: str
    text: str
    hash: bytes
    assignment: Assignment
    absence: str | None
    targets: tuple[str, ...]
    reference: str | None


@dataclass(slots=True)
class Gathered:
    """What one batch changes; ``live`` is by how many the live objects become more."""

    target: Target
    touched: set[int] = field(default_factory=set)
    new: list[Added] = field(default_factory=list)
    states: list[NewState] = field(default_factory=list)
    changes: list[NewChange] = field(default_factory=list)
    misses: list[tuple[int, int]] = field(default_factory=list)
    assignments: list[tuple[str | None, str | None, int]] = field(default_factory=list)
    movers: list[Mover] = field(default_factory=list)
    added: list[Reference] = field(default_factory=list)
    removed: list[Reference] = field(default_factory=list)
    live: int = 0


def write(unit: UnitOfWork, gathered: Gathered) -> None:
    """Write everything that was gathered."""
    _Writer(unit, gathered).write()


class _Writer:
    """Writes one batch."""

    def __init__(self, unit: UnitOfWork, gathered: Gathered) -> None:
        self._unit = unit
        self._gathered = gathered
        self._target = gathered.target

    def write(self) -> None:
        """Write everything that was taken in."""
        unit, target, gathered = self._unit, self._target, self._gathered
        unit.objects.change(gathered.states, target.source, target.now)
        unit.objects.assign(gathered.assignments)
        unit.objects.set_misses(gathered.misses, target.now)
        unit.objects.record(gathered.changes, target.source, target.now)
        ids = unit.objects.reserve(len(gathered.new))
        fresh = [
            Mover(number, None, new.assignment.key)
            for number, new in zip(ids, gathered.new, strict=True)
        ]
        grouping = self._join(fresh)
        self._add(ids, grouping)
        unit.objects.refer(gathered.added, gathered.removed)
        unit.scans.raise_live(target.silo_type.id, gathered.live)
        self._settle(grouping)

    def _join(self, fresh: list[Mover]) -> Grouping:
        movers = self._gathered.movers + fresh
        if not movers:
            return Grouping()
        identities = self._unit.identities
        owners = identities.owners({mover.key for mover in movers if mover.key is not None})
        origins = {mover.identity for mover in self._gathered.movers if mover.identity is not None}
        around = origins | set(owners.values()) if origins else set()
        members = [
            Member(each.id, each.identity, each.absence not in GONE)
            for each in self._unit.objects.placed(around)
        ]
        keys = identities.keys(around)
        grouping = join(movers, members, keys, owners, identities.reserve(len(movers)))
        identities.set_keys(sorted(grouping.rekeyed.items()))
        identities.add(sorted(grouping.created.items()))
        return grouping

    def _add(self, ids: Sequence[int], grouping: Grouping) -> None:
        """Write new objects into their identities, and move the others."""
        members = self._target.kind.members
        rows = []
        for number, new in zip(ids, self._gathered.new, strict=True):
            identity = grouping.placed.pop(number)
            self._gathered.live += new.absence is None
            rows.append(
                NewObject(
                    number,
                    new.anchor,
                    identity,
                    *new.assignment,
                    new.hash,
                    new.text,
                    new.absence,
                    new.reference,
                )
            )
            self._gathered.added += [Reference(number, members or "", each) for each in new.targets]
        self._unit.objects.add(
            self._target.silo_type.id, rows, self._target.source, self._target.now
        )
        self._unit.objects.place([(there, each) for each, there in grouping.placed.items()])
        joined = [row.identity for row in rows]
        self._look_again(joined, grouping)
        self._note_replaced(rows, grouping)

    def _look_again(self, joined: Sequence[int], grouping: Grouping) -> None:
        """Find identities that have, or no longer have, two objects in one slot."""
        crowded = {
            each
            for each, count in Counter(joined).items()
            if count > 1 or each not in grouping.created
        }
        crowded |= self._gathered.touched | set(grouping.placed.values()) | grouping.regrouped
        self._unit.identities.note_ambiguous(crowded, self._target.now)
        if not self._target.silo_type.is_loading:
            self._gathered.touched |= set(joined)

    def _note_replaced(self, rows: Sequence[NewObject], grouping: Grouping) -> None:
        """Remember whose object a scan found replaced; what an action made is our own."""
        target = self._target
        if target.silo_type.is_loading or not target.source.startswith(SCAN):
            return
        came = {row.id: row.identity for row in rows if row.identity not in grouping.created}
        came |= grouping.placed
        went = {each.id for each in self._gathered.states if each.absence not in _HOLDING}
        if not came and not went:
            return
        around = {*came.values(), *(self._gathered.touched if went else ())}
        self._unit.identities.note_replaced(around, came, went, target.now)

    def _settle(self, grouping: Grouping) -> None:
        """Void the actions of regrouped identities, hand on what is known, make all pending.

        In this order, so that what was asked and is void now is asked again for both.
        """
        unit, now, gathered = self._unit, self._target.now, self._gathered
        merged = {younger for younger, _ in grouping.merged}
        if grouping.regrouped:
            self._void(sorted(grouping.regrouped))
            unit.identities.merge(grouping.merged, now)
            unit.identities.split(grouping.split, now)
        touched = gathered.touched | set(grouping.placed.values()) | set(grouping.rekeyed)
        if not self._target.silo_type.is_loading:
            targets = {each.target for each in (*gathered.added, *gathered.removed)}
            touched |= set(unit.objects.referred(self._target.silo_type.silo, targets))
        unit.identities.upsert_pending((touched | grouping.regrouped) - merged)
        unit.identities.wake_waiting(touched | grouping.regrouped)

    def _void(self, identities: Sequence[int]) -> None:
        now = self._target.now
        self._unit.actions.void(
            [action.id for action in self._unit.actions.open(identities).values()],
            now,
            reason="its identity was regrouped; it is asked again",
            ask_until=now + VOID_ASKS_AGAIN,
        )
