"""Measures what a rule's limits are taken of: populations, the lookback, the sizes of groups.

Failure direction: what cannot be measured is ``None``, and the guards hold.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from hypersync.model.objects import Operation
from hypersync.model.runs import Run, RunKind
from hypersync.pipeline import guard
from hypersync.pipeline.collect import Candidate as Wish
from hypersync.pipeline.engine import Engine, Order
from hypersync.ports.store import UnitOfWork
from hypersync.rulebook.rules import Rule, RuleKind


def limits_of(
    engine: Engine, order: Order, run: Run, rule: Rule, wishes: Iterable[Wish], unit: UnitOfWork
) -> guard.RuleLimits:
    """Return what a rule may do in this run."""
    threshold = rule.threshold
    is_event = rule.kind is RuleKind.EVENT
    return guard.RuleLimits(
        limit=threshold.limit,
        population=0 if is_event else _population(engine, rule, unit),
        silo_population=None if is_event else _silo_population(engine, rule, unit),
        earlier=_earlier(run, rule, unit),
        span=threshold.lookback.span,
        ceiling=not is_event,
        raised=order.raises.get(rule.id),
        clears=threshold.clears,
        least_clears=threshold.least_clears,
        attributes=threshold.attribute,
        members=threshold.members.limit,
        min_size=threshold.members.min_size,
        groups=_group_sizes(wishes, unit),
    )


def silos_of(engine: Engine, rule: Rule) -> frozenset[str]:
    """Return the silos that a rule writes to or whose objects it is measured by; events: none."""
    slots = [rule.target] if rule.target else []
    if rule.group is not None:
        slots.append(rule.group.slot)
    return frozenset(engine.rulebook.slot(name).silo for name in slots)


def group_left(wish: Wish) -> str | None:
    """Return the anchor of the group that a member would leave."""
    return wish.draft.anchor if wish.draft.operation is Operation.REMOVE_MEMBER else None


def total(numbers: Iterable[int | None]) -> int | None:
    """Add up; one that is not known makes the sum unknown."""
    sum_ = 0
    for each in numbers:
        if each is None:
            return None
        sum_ += each
    return sum_


def _population(engine: Engine, rule: Rule, unit: UnitOfWork) -> int | None:
    slot = engine.rulebook.slot(rule.target)
    return unit.objects.live(slot.silo, slot.type)


def _silo_population(engine: Engine, rule: Rule, unit: UnitOfWork) -> int | None:
    silo = engine.rulebook.slot(rule.target).silo
    return sum(each.live for each in unit.scans.types() if each.silo == silo)


def _earlier(run: Run, rule: Rule, unit: UnitOfWork) -> frozenset[Hashable]:
    lookback = rule.threshold.lookback
    if run.kind is RunKind.FULL and not lookback.full:
        return frozenset()
    since = run.started_at - lookback.span
    earlier = list(unit.actions.let_through(rule.id, since))
    if lookback.suspended:
        earlier += unit.actions.stopped_for_volume(rule.id, since)
    return frozenset(
        guard.unit(guard.Candidate(each, each.identity, each.operation, each.target))
        for each in earlier
    )


def _group_sizes(wishes: Iterable[Wish], unit: UnitOfWork) -> dict[str, guard.GroupSize]:
    """Return how many members each group has that would lose some."""
    sizes: dict[str, guard.GroupSize] = {}
    for wish in wishes:
        draft = wish.draft
        group = group_left(wish)
        if group is None or group in sizes or draft.object_id is None:
            continue
        members = len(unit.objects.references(draft.object_id))
        sizes[group] = guard.GroupSize(name=group, members=members)
    return sizes
