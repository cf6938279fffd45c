"""Writes what is known of a silo's objects now: objects, history, references, joins, pending.

Scans come here batch by batch, and every action with what it wrote, so that there is one way into
the graph. Each batch is idempotent: what is stored already is not written again, therefore a batch
whose transaction was lost is simply applied once more. An object whose slot or join value cannot be
told is invalid, which makes the conditions about it unknown, and keeps the place it had.

Members are parted from objects by the attribute that the type names. Where that is another one than
before, what a scan sees is written although its hash is the same, and an action's object is parted
as the others still are (`parting`).

The outcome of an action is newer than what a scan read before it: such a row changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from hypersync.errors import EvaluationError
from hypersync.model.canonical import decode, digest, encode
from hypersync.model.ids import ObjectId
from hypersync.model.joins import normal_reference
from hypersync.model.objects import Attributes, ObjectType, SiloObject, Value
from hypersync.model.scans import Finding, SiloType, Staged
from hypersync.pipeline import parting
from hypersync.pipeline.dispute import MARKS, says_it_all, says_more
from hypersync.pipeline.graph import GONE, Added, Gathered, Target, write
from hypersync.pipeline.join import NOWHERE, Assignment, Joins, Mover
from hypersync.ports.store import UnitOfWork
from hypersync.ports.store.objects import Current, NewChange, NewState, Reference


class Fresh(NamedTuple):
    """An object as a scan saw it, with the canonical text and hash of its attributes."""

    anchor: str
    attributes: Attributes
    text: str
    hash: bytes


def apply(unit: UnitOfWork, target: Target, rows: Sequence[Staged]) -> Sequence[str]:
    """Write what a scan found; each anchor may stand once in ``rows``.

    Returns the anchors of the objects of which a row says something else than the newer outcome of
    an action. Such a row is not written; but the outcome may have been read from a server that lags
    behind, so nobody knows what is true before everything is read again.
    While the type is being loaded for the first time, identities do not become pending.
    """
    batch = _Batch(unit, target)
    current = unit.objects.current(target.silo_type.id, [row.anchor for row in rows])
    disputed = []
    for row in rows:
        known = current.get(row.anchor)
        if known is None or not target.is_outdated_by(known) or says_it_all(row, known):
            batch.take(row, known)
        elif says_more(row, known):
            disputed.append(row.anchor)
    batch.write()
    return disputed


def load(unit: UnitOfWork, target: Target, rows: Iterable[Fresh]) -> None:
    """Write objects of a type that is loaded for the first time; none of them is stored yet."""
    batch = _Batch(unit, target)
    for row in rows:
        batch.create(row)
    batch.write()


def rejoin(
    unit: UnitOfWork, joins: Joins, silo_type: SiloType, *, after: str, limit: int, now: datetime
) -> str | None:
    """Give the next objects of a type, by anchor, the slot and key that the joins say.

    Returns the last anchor that was looked at, ``None`` after the last object.
    """
    kind = ObjectType(silo=silo_type.silo, name=silo_type.name)
    batch = _Batch(unit, Target(silo_type=silo_type, kind=kind, joins=joins, source="", now=now))
    rows = unit.objects.page(silo_type.id, after, limit)
    for known in rows:
        batch.rejoin(known)
    batch.write()
    return rows[-1].anchor if rows else None


def write_back(
    unit: UnitOfWork,
    joins: Joins,
    kind: ObjectType,
    found: SiloObject | None,
    *,
    anchor: str | None,
    source: str,
    now: datetime,
) -> ObjectId | None:
    """Write an object as an action left it, ``found`` is ``None`` when it deleted it.

    Returns the object's id, ``None`` when it was never stored.
    """
    anchor = anchor if found is None else found.anchor
    if anchor is None:
        return None
    silo_type = unit.scans.register(kind.silo, [kind.name])[kind.name]
    row = Staged(anchor, Finding.GONE)
    if found is not None:
        text = encode(found.attributes)
        row = Staged(anchor, Finding.SEEN, text.decode(), digest(text))
    kept = parting.as_kept(silo_type.scope, kind)
    target = Target(silo_type=silo_type, kind=kept, joins=joins, source=source, now=now)
    apply(unit, target, [row])
    stored = unit.objects.current(silo_type.id, [anchor]).get(anchor)
    return None if stored is None else ObjectId(stored.id)


class _Batch:
    """Gathers what one batch changes, and writes it."""

    def __init__(self, unit: UnitOfWork, target: Target) -> None:
        unit.identities.join_alone()
        self.gathered = Gathered(target)
        self._unit = unit
        self._target = target
        self._is_anew = target.is_parted_anew

    def write(self) -> None:
        """Write everything that was taken in."""
        write(self._unit, self.gathered)

    def take(self, row: Staged, known: Current | None) -> None:
        """Take in one finding about an object, of which ``known`` is stored."""
        if row.finding is Finding.SEEN:
            assert row.attributes is not None  # noqa: S101 - what was seen has attributes
            assert row.hash is not None  # noqa: S101
            fresh = Fresh(row.anchor, decode(row.attributes), row.attributes, row.hash)
            if known is None:
                self.create(fresh)
            elif known.hash != row.hash or known.absence is not None or self._is_anew:
                self._change(fresh, known)
        elif known is not None:
            if row.finding in MARKS:
                self.gathered.misses.append((int(row.why or 0), known.id))
            elif known.absence != row.finding.value:
                self._leave(row.finding, known)

    def create(self, fresh: Fresh) -> None:
        """Take in an object that is not stored yet."""
        targets, text = self._parted(fresh)
        assignment, absence = self._assigned(fresh.attributes, NOWHERE)
        reference = _reference(fresh.attributes)
        self.gathered.new.append(
            Added(fresh.anchor, text, fresh.hash, assignment, absence, targets, reference)
        )

    def rejoin(self, known: Current) -> None:
        """Take in an object that is as it was under other joins."""
        before = Assignment(known.slot, known.key)
        assignment, absence = self._assigned(decode(known.attributes), before)
        if assignment == before or absence is not None:
            return
        self.gathered.assignments.append((*assignment, known.id))
        self.gathered.touched.add(known.identity)
        if known.absence not in GONE:
            self.gathered.movers.append(Mover(known.id, known.identity, assignment.key))

    def _change(self, fresh: Fresh, known: Current) -> None:
        targets, text = self._parted(fresh)
        before = Assignment(known.slot, known.key)
        assignment, absence = self._assigned(fresh.attributes, before)
        rest = fresh.attributes if text is fresh.text else decode(text)
        gone, come = _difference(decode(known.attributes), rest)
        has_moved = False
        if self._target.kind.members is not None or self._is_anew or known.absence is not None:
            has_moved = self._refer(known.id, targets, gone, come)
        self.gathered.states.append(
            NewState(
                *assignment,
                fresh.hash,
                text,
                absence,
                None,
                0,
                _reference(fresh.attributes),
                known.id,
            )
        )
        is_same = not (gone or come) and (assignment, absence) == (before, known.absence)
        if not is_same:
            self.gathered.changes.append(NewChange(known.id, gone, come, known.absence, absence))
        elif not has_moved:
            return  # only the text was another one
        if assignment != before or known.absence is not None:
            self.gathered.movers.append(Mover(known.id, known.identity, assignment.key))
        self._count(known, absence)

    def _leave(self, finding: Finding, known: Current) -> None:
        absence = finding.value
        deleted_at = self._target.now if absence in GONE else None
        self.gathered.states.append(
            NewState(
                known.slot,
                known.key,
                known.hash,
                known.attributes,
                absence,
                deleted_at,
                0,
                known.reference,
                known.id,
            )
        )
        self.gathered.changes.append(NewChange(known.id, {}, {}, known.absence, absence))
        self._count(known, absence)

    def _count(self, known: Current, absence: str | None) -> None:
        self.gathered.touched.add(known.identity)
        self.gathered.live += (absence is None) - (known.absence is None)

    def _assigned(
        self, attributes: Attributes, otherwise: Assignment
    ) -> tuple[Assignment, str | None]:
        """Return where an object belongs, and ``invalid`` when that cannot be told."""
        silo_type = self._target.silo_type
        try:
            return self._target.joins.assign(silo_type.silo, silo_type.name, attributes), None
        except EvaluationError:
            return otherwise, Finding.INVALID.value

    def _parted(self, fresh: Fresh) -> tuple[tuple[str, ...], str]:
        """Part members from attributes: their normal references, and the text of the rest."""
        name = self._target.kind.members
        if name is None or fresh.attributes.get(name) is None:
            return (), fresh.text
        rest = {key: value for key, value in fresh.attributes.items() if key != name}
        return references(fresh.attributes[name]), encode(rest).decode()

    def _refer(
        self,
        object_id: int,
        targets: tuple[str, ...],
        gone: dict[str, Value],
        come: dict[str, Value],
    ) -> bool:
        """Add and remove an object's references; tell whether there were any to add or remove."""
        name = self._target.kind.members or ""
        kept = dict(self._unit.objects.references_by_attribute(ObjectId(object_id)))
        before = set(kept.pop(name, ()))
        added, removed = sorted(set(targets) - before), sorted(before - set(targets))
        stale = [Reference(object_id, other, each) for other in kept for each in kept[other]]
        self.gathered.added += [Reference(object_id, name, each) for each in added]
        self.gathered.removed += [Reference(object_id, name, each) for each in removed]
        self.gathered.removed += stale
        if name in gone:  # and was no reference before
            come[name] = targets or None
        elif added or removed:
            come |= {f"+{name}": tuple(added)} if added else {}
            gone |= {f"-{name}": tuple(removed)} if removed else {}
        for other, held in kept.items():
            gone[other], come[other] = tuple(sorted(held)), come.get(other)
        for each in gone.keys() & come.keys():
            if gone[each] == come[each]:
                del gone[each], come[each]
        return bool(added or removed or stale)


def references(value: Value) -> tuple[str, ...]:
    """Return the normal forms of what an attribute refers to, each once and sorted."""
    listed = value if isinstance(value, tuple) else (value,)
    return tuple(sorted({normal_reference(str(each)) for each in listed if each is not None}))


def _reference(attributes: Attributes) -> str | None:
    """Return what others store to refer to an object that has a distinguished name."""
    name = attributes.get("dn")
    return normal_reference(name) if isinstance(name, str) else None


def _difference(before: Attributes, after: Attributes) -> tuple[dict[str, Value], dict[str, Value]]:
    """Return the old and the new values of what differs."""
    names = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    return {name: before.get(name) for name in names}, {name: after.get(name) for name in names}
