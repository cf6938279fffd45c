"""Plays what scans found back into the rehearsal's store, up to a moment at a time.

What our own actions did then is left out: the rehearsed rules do, or do not do, it again. So a
change by others to something that the rehearsal never made has nowhere to go and is dropped, and an
object that others made for somebody who has one on paper already is taken for that one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from hypersync.errors import EvaluationError
from hypersync.model.ids import IdentityId
from hypersync.model.objects import Attributes
from hypersync.model.scans import Finding, Scan, Staged
from hypersync.pipeline.apply import apply
from hypersync.pipeline.graph import ACTION, Target
from hypersync.ports.store import UnitOfWork
from hypersync.ports.store.objects import StoredObject
from hypersync.ports.store.past import Fact
from hypersync.rehearse.planting import SOURCE, staged
from hypersync.rehearse.stage import Stage
from hypersync.store.history import redone

_FACTS = 500
"""How many facts one transaction writes at most."""


Which = tuple[str, str]
"""Silo and type."""


class Replay:
    """What scans found, in order."""

    def __init__(self, stage: Stage, facts: Iterator[Fact]) -> None:
        self._store = stage.app.store
        self._joins = stage.app.engine.silos.joins
        self._kinds = stage.app.engine.silos.types
        self._facts = facts
        self._next = next(facts, None)
        self._called: dict[tuple[str, str, str], str] = {}

    def up_to(self, moment: datetime) -> int:
        """Apply everything that was found up to a moment; return how many facts these were."""
        count = 0
        for which, some in self._portions(moment):
            if which in self._kinds:
                with self._store.begin() as unit:
                    self._apply(unit, which, some)
            count += len(some)
        return count

    def scanned(self, scans: Sequence[Scan]) -> None:
        """Note that scans were applied: regrouped identities and first loads wait for them."""
        if not scans:
            return
        with self._store.begin() as unit:
            for each in scans:
                unit.scans.start(each)
                names = [name for name in each.types if (each.silo, name) in self._kinds]
                for kind in unit.scans.register(each.silo, names).values():
                    unit.scans.applied_type(kind.id, None, each.finished_at or each.started_at)
            unit.identities.confirm()

    def _portions(self, moment: datetime) -> Iterator[tuple[Which, Sequence[Fact]]]:
        """Yield neighbours of one type in which each object stands once."""
        some: dict[str, Fact] = {}
        which: Which = ("", "")
        while self._next is not None and self._next.at <= moment:
            fact = self._next
            here = (fact.object.silo, fact.object.type)
            if some and (here != which or fact.object.anchor in some or len(some) == _FACTS):
                yield which, list(some.values())
                some = {}
            which = here
            some[fact.object.anchor] = fact
            self._next = next(self._facts, None)
        if some:
            yield which, list(some.values())

    def _apply(self, unit: UnitOfWork, which: Which, facts: Sequence[Fact]) -> None:
        silo_type = unit.scans.register(which[0], [which[1]])[which[1]]
        found = [now for fact in facts if (now := self._now(unit, fact)) is not None]
        target = Target(
            silo_type=silo_type,
            kind=self._kinds[which],
            joins=self._joins,
            source=SOURCE,
            now=facts[-1].at,
        )
        there = {each.anchor: each for each in found if each.is_seen}
        apply(unit, target, [staged(each.anchor, each.attributes) for each in there.values()])
        away = {each.anchor: Finding(each.absence) for each in found if each.absence is not None}
        apply(unit, target, [Staged(anchor, absence) for anchor, absence in away.items()])

    def _now(self, unit: UnitOfWork, fact: Fact) -> _Now | None:
        """Return what an object is after a fact, ``None`` where the fact is about nothing here."""
        it = fact.object
        if fact.change is None:
            anchor = self._twin(unit, it) or it.anchor
            return _Now(anchor, it.attributes, it.absence)
        anchor = self._called.get((it.silo, it.type, it.anchor), it.anchor)
        known = unit.objects.get(it.silo, it.type, anchor)
        if known is None:
            return None
        whole = unit.objects.whole(known)
        return _Now(anchor, redone(whole.attributes, fact.change), fact.change.absence_after)

    def _twin(self, unit: UnitOfWork, new: StoredObject) -> str | None:
        """Return the anchor of the object on paper whose place a new object would take."""
        try:
            slot, key = self._joins.assign(new.silo, new.type, new.attributes)
        except EvaluationError:
            return None
        owner = None if key is None else unit.identities.owners([key]).get(key)
        if owner is None or slot is None:
            return None
        there = unit.objects.in_slot(IdentityId(owner), slot)
        if there is None or not there.source.startswith(ACTION):
            return None
        self._called[new.silo, new.type, new.anchor] = there.anchor
        return there.anchor


class _Now(NamedTuple):
    """What an object is now; ``absence`` is why it is not there."""

    anchor: str
    attributes: Attributes
    absence: str | None

    @property
    def is_seen(self) -> bool:
        """Whether the silo showed it, or it never was known before it went."""
        return self.absence is None or bool(self.attributes)
