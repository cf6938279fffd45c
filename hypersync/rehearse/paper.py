"""Silos, webhooks and mail on paper: everything is accepted and nothing leaves the rehearsal.

A paper silo has no objects of its own. What is in the rehearsal's store is how it is, so a write
is judged against that by the rule of all connectors, and its outcome is what the store gets. A new
object gets the anchor that the real silo gave the object of the same person, where there was one,
so that what later happened to it finds it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from pydantic import BaseModel

from hypersync.connectors.changes import settled, written
from hypersync.connectors.settings import SiloOptions
from hypersync.errors import EvaluationError
from hypersync.model.actions import Action
from hypersync.model.joins import normal_reference
from hypersync.model.mistake import Mistake
from hypersync.model.objects import (
    Attributes,
    Batch,
    Change,
    Complete,
    ObjectType,
    Operation,
    Outcome,
    Schema,
    SiloObject,
    Succeeded,
)
from hypersync.pipeline.join import Joins
from hypersync.ports.channel import Message
from hypersync.ports.store import Store
from hypersync.ports.store.objects import StoredObject


class PaperEvents:
    """Where the effects of event rules end."""

    def fire(self, action: Action) -> Outcome:  # noqa: ARG002 - the port's shape
        """Say that it was done."""
        return Succeeded(None)


class PaperMail:
    """Where messages end; to whom they went is known, as if they had been delivered."""

    def send(self, message: Message) -> None:
        """Forget the message."""


class Anchors:
    """The anchors that new objects get: those of the objects really made for the same key."""

    def __init__(self, joins: Joins, created: Iterable[StoredObject]) -> None:
        self._joins = joins
        self._known: dict[tuple[str, str, str], list[str]] = defaultdict(list)
        self._invented = 0
        for each in created:
            key = self.key(each.silo, each.type, each.attributes)
            if key is not None:
                self._known[each.silo, each.type, key].append(each.anchor)

    def key(self, silo: str, kind: str, attributes: Attributes) -> str | None:
        """Return by what an object joins, ``None`` when it stands alone or that cannot be told."""
        try:
            return self._joins.assign(silo, kind, attributes).key
        except EvaluationError:
            return None

    def of(self, kind: ObjectType, attributes: Attributes) -> str:
        """Return the anchor of a new object, which is then taken."""
        key = self.key(kind.silo, kind.name, attributes)
        known = self._known.get((kind.silo, kind.name, key)) if key is not None else None
        if known:
            return known.pop(0)
        self._invented += 1
        return f"rehearsed-{self._invented}"


class PaperConnector:
    """Writes one silo on paper; ``named`` are the attributes that hold anchors, by type.

    ``streams`` are the real connector's.
    """

    options: type[BaseModel] = SiloOptions
    can_write = True

    def __init__(
        self,
        streams: Sequence[Sequence[ObjectType]],
        store: Store,
        anchors: Anchors,
        named: Mapping[str, str | None],
        *,
        recreates: bool | frozenset[str],
    ) -> None:
        self._streams = streams
        self._store = store
        self._anchors = anchors
        self._named = named
        self.recreates = recreates

    def streams(self) -> Sequence[Sequence[ObjectType]]:
        """Return the types of the real silo."""
        return self._streams

    @contextmanager
    def open(self) -> Iterator[PaperSession]:
        """Open a session."""
        yield PaperSession(self._store, self._anchors, self._named)


class PaperSession:
    """One caller's view of a silo on paper."""

    def __init__(self, store: Store, anchors: Anchors, named: Mapping[str, str | None]) -> None:
        self._store = store
        self._anchors = anchors
        self._named = named

    def schema(self) -> Schema:
        """Say nothing: what the real silo allows is not known here."""
        return Schema({})

    def scope(self, types: Sequence[ObjectType]) -> str:  # noqa: ARG002 - the port's shape
        """Return the same for everything: a paper silo is not scanned."""
        return ""

    def scan(self, types: Sequence[ObjectType], cursor: str | None) -> Iterator[Batch]:  # noqa: ARG002 - the port's shape
        """Find nothing: what scans found is replayed."""
        yield [Complete(cursor)]

    def read(self, object_type: ObjectType, anchor: str) -> SiloObject | None:
        """Return an object as the rehearsal's store has it."""
        with self._store.snapshot() as unit:
            found = unit.objects.get(object_type.silo, object_type.name, anchor)
            if found is None or found.absence is not None:
                return None
            return SiloObject(object_type.name, anchor, unit.objects.whole(found).attributes)

    def apply(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """Carry the changes out on paper; each sees what those before it did."""
        now: dict[tuple[str, str], SiloObject | None] = {}
        return [self._apply(_in_normal_form(change), now) for change in changes]

    def check(self) -> Sequence[Mistake]:
        """Find nothing wrong with paper."""
        return ()

    def _apply(self, change: Change, now: dict[tuple[str, str], SiloObject | None]) -> Outcome:
        anchor = change.anchor or self._anchor(change)
        which = (change.type.name, anchor)
        if which not in now:
            now[which] = self.read(change.type, anchor)
        current = now[which]
        outcome = settled(change, current)
        if outcome is not None:
            return outcome
        now[which] = None
        if change.operation is not Operation.DELETE:
            attributes = written(change, {} if current is None else current.attributes)
            now[which] = SiloObject(change.type.name, anchor, attributes)
        return Succeeded(now[which])

    def _anchor(self, change: Change) -> str:
        """Return the anchor of a new object: what the change sets, or what the silo would give."""
        attributes = change.after or {}
        name = self._named.get(change.type.name)
        given = None if name is None else attributes.get(name)
        return given if isinstance(given, str) else self._anchors.of(change.type, attributes)


def _in_normal_form(change: Change) -> Change:
    """Return a membership change that names its member as the store does."""
    if change.operation not in (Operation.ADD_MEMBER, Operation.REMOVE_MEMBER):
        return change
    sides = [
        None if side is None else {name: normal_reference(str(each)) for name, each in side.items()}
        for side in (change.before, change.after)
    ]
    return replace(change, before=sides[0], after=sides[1])
