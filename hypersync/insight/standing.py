"""What decides about one identity: its rules with their values, throttles, holds, and VIP rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from hypersync.insight.hidden import Hidden, answer_shown
from hypersync.model.actions import Action
from hypersync.model.ids import IdentityId
from hypersync.pipeline.engine import Engine
from hypersync.pipeline.vip import PEOPLE
from hypersync.pipeline.why import RuleAnswer, why
from hypersync.ports.store import UnitOfWork

MOST_ACTIONS = 50
_EVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleStanding:
    """One rule for an identity: its answer, when it last started, and from when it may again."""

    answer: RuleAnswer
    last_start: datetime | None
    again: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VipStanding:
    """One VIP rule for an identity: its answer now, and until when it is remembered.

    ``is_remembered`` says that it holds by memory; ``stopped`` when it was last seen to hold, and
    ``None`` at the last committing run. ``PEOPLE`` has no answer: it is who answers requests.
    """

    name: str
    answer: RuleAnswer | None
    is_remembered: bool = False
    stopped: datetime | None = None

    @property
    def holds(self) -> bool:
        """Whether it stops actions: also when it cannot be told."""
        return self.answer is None or self.is_remembered or self.answer.result != "false"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What decides about an identity; ``waits`` is why no rule runs for it at all."""

    waits: str
    rules: Sequence[RuleStanding]
    vips: Sequence[VipStanding]
    actions: Sequence[Action]
    has_more_actions: bool


def standing(engine: Engine, hidden: Hidden, identity: IdentityId, now: datetime) -> Standing:
    """Return what decides about an identity; raises `NotFound` for one that is not there."""
    answer = why(engine, identity)
    with engine.store.snapshot() as unit:
        starts = unit.marks.last_starts([each.rule for each in answer.rules], _EVER, [identity])
        waits = unit.identities.waiting([identity]).get(identity, "")
        memory = unit.identities.vips([identity]).get(identity, {})
        actions = unit.actions.of_identity(identity, MOST_ACTIONS + 1)
        is_person = _is_person(engine, unit, identity)
    newest: dict[str, datetime] = {}
    for (rule, _, _), start in starts.items():
        newest[rule] = max(start, newest.get(rule, start))
    answers = [answer_shown(hidden, each.rule, each) for each in answer.rules]
    vips = [
        _vip(engine, answer_shown(hidden, f"vip:{each.rule}", each), memory, now)
        for each in answer.vips
    ]
    return Standing(
        waits=hidden.of_ambiguity(waits),
        rules=[_rule(each, newest.get(each.rule), now) for each in answers],
        vips=[*([VipStanding(name=PEOPLE, answer=None)] if is_person else []), *vips],
        actions=[hidden.of_action(each) for each in actions[:MOST_ACTIONS]],
        has_more_actions=len(actions) > MOST_ACTIONS,
    )


def _is_person(engine: Engine, unit: UnitOfWork, identity: IdentityId) -> bool:
    """Tell whether it is somebody who answers requests, by the join value."""
    key = unit.requests.join_values([identity]).get(identity)
    slots = [slot for slot, known in engine.vip_keys if known == key]
    return any(unit.objects.in_slot(identity, slot) is not None for slot in slots)


def _rule(answer: RuleAnswer, start: datetime | None, now: datetime) -> RuleStanding:
    """Say when a rule may start again, while its throttle keeps it from it."""
    again = None
    if start is not None and answer.throttle is not None:
        again = min(start, now) + answer.throttle
    is_resting = again is not None and again > now
    return RuleStanding(answer=answer, last_start=start, again=again if is_resting else None)


def _vip(
    engine: Engine, answer: RuleAnswer, memory: Mapping[str, str | None], now: datetime
) -> VipStanding:
    if answer.rule not in memory:
        return VipStanding(name=answer.rule, answer=answer)
    written = memory[answer.rule]
    stopped = None if written is None else datetime.fromisoformat(written)
    is_remembered = stopped is None or now - stopped < engine.guards.vip_memory
    return VipStanding(
        name=answer.rule, answer=answer, is_remembered=is_remembered, stopped=stopped
    )
