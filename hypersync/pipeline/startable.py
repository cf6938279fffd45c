"""What a run may start of what earlier runs left: approved and queued actions.

A run looks at what it could start, and reads nothing of what rests: in a blackout or a paused silo,
of a rule that is only simulated, before its next attempt is due. What rests is not forgotten: each
run asks anew what it could start, so the first one after the rest takes it up. A silo that the
engine paused rests until it is to be tried again.

Failure direction: what is left out here waits; what is not is looked at again before it starts.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from hypersync.model.ids import IdentityId
from hypersync.model.runs import RunMode
from hypersync.pipeline.drafts import Draft
from hypersync.pipeline.engine import Engine, Order
from hypersync.ports.store import UnitOfWork
from hypersync.ports.store.actions import OpenAction

_BLACKOUT = "a blackout window is open"


def resting(engine: Engine, unit: UnitOfWork, now: datetime) -> frozenset[str]:
    """Return the silos whose actions rest, the events (no silo) among them in a blackout."""
    if engine.is_blackout(now):
        return frozenset({*engine.silos.connectors, ""})
    return frozenset({*unit.silos.paused(now), *unit.scans.applying()})


def startable(
    engine: Engine, order: Order, unit: UnitOfWork, now: datetime
) -> dict[IdentityId, frozenset[str]]:
    """Return the rules of the actions that this run could start, by identity."""
    if order.mode is not RunMode.COMMIT or order.expected is not None or engine.guards.simulate:
        return {}
    found: dict[IdentityId, frozenset[str]] = {}
    for identity, rule in unit.actions.startable(
        {*engine.silos.connectors, ""} - resting(engine, unit, now),
        simulated=_simulated(engine),
        approved=order.object_key is None or engine.guards.release_any,
        now=now,
    ):
        found[identity] = found.get(identity, frozenset()) | {rule}
    return found


class Releases:
    """Says what keeps a run from releasing what was approved.

    An object sync that releases only its ``own`` looks at these identities for their own sake.
    """

    def __init__(
        self, engine: Engine, order: Order, now: datetime, own: Collection[IdentityId]
    ) -> None:
        self._engine = engine
        self._order = order
        self._now = now
        self._own = own
        self._paused: frozenset[str] = frozenset()

    def look(self, unit: UnitOfWork) -> None:
        """See which silos are paused."""
        self._paused = unit.silos.paused(self._now)

    def why_not(self, action: OpenAction, draft: Draft) -> str:
        """Say why this run does not release what was approved, or nothing."""
        if self._order.mode is not RunMode.COMMIT:
            return "a preview releases nothing"
        if self._order.expected is not None:
            return "a reviewed plan is carried out, and nothing besides"
        if action.approved_until is not None and action.approved_until <= self._now:
            return "its approval ran out"
        if self._engine.is_blackout(self._now):
            return _BLACKOUT
        if self._engine.guards.simulate or draft.rule.simulate:
            return _only_simulated(draft.rule.id)
        if draft.silo in self._paused:
            return _silo_paused(draft.silo)
        any_ = self._order.object_key is None or self._engine.guards.release_any
        if any_ or action.identity in self._own:
            return ""
        return "an object sync releases only what is about its own identity"


def note_rests(engine: Engine, unit: UnitOfWork, now: datetime) -> None:
    """Write to the approved actions that rest, unread, why they do."""
    everything = {*engine.silos.connectors, ""}
    if engine.is_blackout(now):
        unit.actions.note_rest(_BLACKOUT, silos=everything, now=now)
        return
    for silo in sorted(unit.silos.paused(now)):
        unit.actions.note_rest(_silo_paused(silo), silos={silo}, now=now)
    for rule in sorted(_simulated(engine)):
        unit.actions.note_rest(_only_simulated(rule), silos=everything, now=now, rule=rule)


def _simulated(engine: Engine) -> frozenset[str]:
    everything = engine.guards.simulate
    return frozenset(each.id for each in engine.rulebook.rules if everything or each.simulate)


def _silo_paused(silo: str) -> str:
    return f"the silo {silo} is paused"


def _only_simulated(rule: str) -> str:
    return f"{rule} is only simulated"
