"""Measures what a rule's limits are taken of: populations, the lookback, the sizes of groups.

Failure direction: what cannot be measured is ``None``, and the guards hold.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TypeAlias

from hypersync.model.objects import Operation
from hypersync.model.runs import Run, RunKind
from hypersync.pipeline import guard, parting
from hypersync.pipeline.collect import Candidate as Wish
from hypersync.pipeline.engine import Engine, Order
from hypersync.pipeline.kin import active, kin_of
from hypersync.ports.store import UnitOfWork
from hypersync.ports.store.actions import Passed, Trace
from hypersync.rulebook.rules import Rule, RuleKind

Past: TypeAlias = guard.Candidate[bool]
"""What was let through before; its key is whether it was done."""
_NOTHING: AbstractSet[str] = frozenset()


def limits_of(
    engine: Engine,
    order: Order,
    run: Run,
    rule: Rule,
    wishes: Collection[Wish],
    unit: UnitOfWork,
    gone: Sequence[Trace],
) -> guard.RuleLimits:
    """Return what a rule may do in this run; ``gone`` are the rules that do nothing any more."""
    threshold = rule.threshold
    is_event = rule.kind is RuleKind.EVENT
    earlier = _earlier(run, rule, wishes, unit, gone)
    return guard.RuleLimits(
        limit=threshold.limit,
        population=0 if is_event else _population(engine, rule, unit),
        silo_population=None if is_event else _silo_population(engine, rule, unit),
        earlier=frozenset(guard.unit(each) for each in earlier),
        past=[each for each in earlier if _is_limited(each, rule)],
        span=threshold.lookback.span,
        ceiling=not is_event,
        raised=order.raises.get(rule.id),
        clears=threshold.clears,
        least_clears=threshold.least_clears,
        attributes=threshold.attribute,
        members=threshold.members.limit,
        min_size=threshold.members.min_size,
        groups=_group_sizes(engine, wishes, earlier, unit),
    )


def gone(engine: Engine, unit: UnitOfWork) -> Sequence[Trace]:
    """Return the rules that once did something and do nothing now, simulated ones among them."""
    everything = engine.guards.simulate
    return unit.actions.others(active(engine.rulebook.rules, is_simulated=everything))


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


def cleared(operation: Operation, after: Mapping[str, object] | None) -> AbstractSet[str]:
    """Return the attributes that a change makes empty."""
    if operation is not Operation.UPDATE or not after:
        return _NOTHING
    return frozenset(name for name, value in after.items() if value is None) or _NOTHING


def _earlier(
    run: Run, rule: Rule, wishes: Collection[Wish], unit: UnitOfWork, gone: Sequence[Trace]
) -> Sequence[Past]:
    """Return what counts into the lookback, that of rules whose place this one took among it."""
    lookback = rule.threshold.lookback
    if run.kind is RunKind.FULL and not lookback.full:
        return ()
    since = run.started_at - lookback.span
    rules = {rule.id, *kin_of(rule, gone)}
    written = any(_is_written(each, rule) for each in wishes)
    found = list(unit.actions.let_through(rules, since, written=written))
    if lookback.suspended:
        found += unit.actions.stopped_for_volume(rules, since, written=written)
    return [_past(each) for each in found]


def _is_written(wish: Wish, rule: Rule) -> bool:
    """Tell whether a limit counts what this writes: only then the past has to be read."""
    after = wish.draft.after or {}
    limited = rule.threshold.attribute
    return bool(limited and not limited.keys().isdisjoint(after)) or bool(
        cleared(wish.draft.operation, after)
    )


def _past(passed: Passed) -> Past:
    """Return what was let through as the guards look at it; the key is whether it was done."""
    is_removal = passed.operation is Operation.REMOVE_MEMBER
    return guard.Candidate(
        key=passed.is_done,
        identity=passed.identity,
        operation=passed.operation,
        target=passed.target,
        clears=cleared(passed.operation, passed.after),
        attributes=frozenset(passed.after or ()),
        group=passed.anchor if is_removal else None,
    )


def _is_limited(past: Past, rule: Rule) -> bool:
    """Tell whether more than the number of actions is limited of what was let through."""
    limited = rule.threshold.attribute.keys()
    return past.group is not None or bool(past.clears) or not limited.isdisjoint(past.attributes)


def _group_sizes(
    engine: Engine, wishes: Iterable[Wish], earlier: Iterable[Past], unit: UnitOfWork
) -> dict[str, guard.GroupSize]:
    """Return how many members each group has that would lose some, and how many just left.

    Groups of which that is not known are left out.
    """
    leaving = [each for each in wishes if group_left(each) is not None]
    unknown = parting.of_unknown_members(unit, engine.silos.types) if leaving else ()
    left = Counter(group for group, _ in {(e.group, e.target) for e in earlier if e.key})
    sizes: dict[str, guard.GroupSize] = {}
    for wish in leaving:
        draft = wish.draft
        group = group_left(wish)
        if (draft.silo, draft.type) in unknown:
            continue
        if group is None or group in sizes or draft.object_id is None:
            continue
        members = len(unit.objects.references(draft.object_id))
        sizes[group] = guard.GroupSize(name=group, members=members, left=left[group])
    return sizes
