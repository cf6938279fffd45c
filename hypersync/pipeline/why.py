"""Answers "why": every rule for one identity, with the values it read.

Reads only; rates are not asked and names are not made, because asking must not change the answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from hypersync.errors import EvaluationError, NotFound
from hypersync.model.actions import Action
from hypersync.model.ids import IdentityId
from hypersync.model.objects import Attributes
from hypersync.pipeline.drafts import Identity
from hypersync.pipeline.engine import Engine
from hypersync.pipeline.evaluate import grouped
from hypersync.pipeline.release import hold_text
from hypersync.pipeline.undo.undone import held_text
from hypersync.pipeline.world import World
from hypersync.ports.store import UnitOfWork
from hypersync.rulebook.compile import Evaluator
from hypersync.rulebook.explain import Outcome, Step, trace
from hypersync.rulebook.nodes import Compiled
from hypersync.rulebook.rules import Rule, RuleKind, VipRule
from hypersync.rulebook.secrecy import names_read


@dataclass(frozen=True, slots=True)
class Trace:
    """One sub-expression and its value: what it is, ``missing``, ``unknown`` or an error.

    ``reads`` are the attributes and environment variables it reads, ``None`` when that is unknown.
    """

    source: str
    value: object
    reads: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class RuleAnswer:
    """One rule for one identity: true, false, unknown or error, and the values it read.

    ``throttle`` is the least time between two starts, ``None`` without one or when it cannot be
    computed. ``is_error_told`` says that the note has the message of an error, which quotes values.
    """

    rule: str
    result: str
    values: tuple[Trace, ...]
    note: str = ""
    throttle: timedelta | None = None
    is_error_told: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """Everything that decides about one identity; an empty slot is ``None``.

    ``vips`` are the VIP rules, answered as the rules are.
    """

    identity: IdentityId
    slots: Mapping[str, Attributes | None]
    rules: tuple[RuleAnswer, ...]
    vips: tuple[RuleAnswer, ...] = ()


def why(engine: Engine, identity: IdentityId) -> Answer:
    """Return every rule for an identity; raises `NotFound`."""
    rulebook = engine.rulebook
    with engine.store.snapshot() as unit:
        evaluator, seen = _look(engine, unit, identity)
        slots = {
            slot.name: seen.attributes(index) if seen.rows[index] is not None else None
            for index, slot in enumerate(rulebook.slots)
        }
        answers = tuple(_answer(evaluator, rule, seen) for rule in rulebook.rules)
        answers = _with_rivals(evaluator, seen, answers)
        return Answer(
            identity,
            slots,
            _with_holds(unit, identity, answers),
            tuple(_vip(evaluator, vip, seen) for vip in rulebook.vips),
        )


def explain(engine: Engine, action: Action) -> tuple[Trace, ...]:
    """Return the values that the rule of an action reads now; nothing when the rule is gone."""
    rule = engine.rulebook.rule(action.rule)
    if rule is None:
        return ()
    with engine.store.snapshot() as unit:
        try:
            evaluator, seen = _look(engine, unit, action.identity)
        except NotFound:
            return ()
        return _traces(evaluator, rule, seen)


def _look(engine: Engine, unit: UnitOfWork, identity: IdentityId) -> tuple[Evaluator, Identity]:
    world = World(unit, engine.rulebook, count=_no_count, quota=_no_count)
    evaluator = engine.rulebook.bind(engine.clock(), world)
    slots = {slot.name: index for index, slot in enumerate(engine.rulebook.slots)}
    decoders = [layout.decode for layout in evaluator.layouts]
    for seen in grouped(unit.objects.of_identities([identity]), slots, decoders):
        world.enter(seen)
        return evaluator, seen
    raise NotFound(f"there is no identity {identity}")


def _no_count(truth: bool, context: str, span: timedelta) -> int:  # noqa: ARG001 - the port's shape
    raise EvaluationError("rates are not asked here")


def _answer(evaluator: Evaluator, rule: Rule, seen: Identity) -> RuleAnswer:
    states = (seen.objects, seen.gone, seen.outside, seen.invalid)
    values = _traces(evaluator, rule, seen)
    try:
        if evaluator.rule(rule.index, *states):
            result = "true"
        else:
            result = "false" if evaluator.is_cleanly_false(rule.index, *states) else "unknown"
    except EvaluationError as error:
        return RuleAnswer(rule.id, "error", values, error.message, is_error_told=True)
    throttle = _throttle(evaluator, rule, seen)
    try:
        note = _note(evaluator, rule, seen, result)
    except EvaluationError as error:
        return RuleAnswer(rule.id, result, values, error.message, throttle, is_error_told=True)
    return RuleAnswer(rule.id, result, values, note, throttle)


def _throttle(evaluator: Evaluator, rule: Rule, seen: Identity) -> timedelta | None:
    if rule.throttle is None or isinstance(rule.throttle, timedelta):
        return rule.throttle
    try:
        span = evaluator.value(rule.throttle, seen.objects, seen.gone, seen.outside, seen.invalid)
    except EvaluationError:
        return None
    return span if isinstance(span, timedelta) else None


def _vip(evaluator: Evaluator, vip: VipRule, seen: Identity) -> RuleAnswer:
    """Ask a VIP rule; unknown and in error count as true, and are told apart here."""
    states = (seen.objects, seen.gone, seen.outside, seen.invalid)
    values = _traced(evaluator, vip.when, seen)
    try:
        value = evaluator.value(vip.when, *states)
    except EvaluationError as error:
        return RuleAnswer(vip.name, "error", values, error.message, is_error_told=True)
    result = "unknown" if value is None else "true" if value is True else "false"
    return RuleAnswer(vip.name, result, values)


def _note(evaluator: Evaluator, rule: Rule, seen: Identity, result: str) -> str:
    """Say what an update rule that holds would change, or that a rate is asked besides.

    Raises `EvaluationError` when what it would change cannot be told.
    """
    if result == "true" and rule.kind is RuleKind.UPDATE and rule.set:
        states = (seen.objects, seen.gone, seen.outside, seen.invalid)
        changes = evaluator.changes(rule.index, *states)
        return "nothing to change" if not changes else f"would change {', '.join(sorted(changes))}"
    return "" if rule.counting is None else f"and within {rule.counting.source}"


def _traces(evaluator: Evaluator, rule: Rule, seen: Identity) -> tuple[Trace, ...]:
    return _traced(evaluator, rule.pure, seen)


def _traced(evaluator: Evaluator, asked: Compiled, seen: Identity) -> tuple[Trace, ...]:
    steps = trace(evaluator, asked, seen.objects, seen.gone, seen.outside, seen.invalid)
    rulebook = evaluator.rulebook
    return tuple(
        Trace(
            step.text,
            _shown(step),
            None if step.node is None else names_read([step.node], rulebook),
        )
        for step in steps
    )


def _shown(step: Step) -> object:
    match step.outcome:
        case Outcome.VALUE:
            return step.value
        case Outcome.ERROR:
            return f"error: {step.error}"
        case _:
            return step.outcome.value


def _with_rivals(
    evaluator: Evaluator, seen: Identity, answers: tuple[RuleAnswer, ...]
) -> tuple[RuleAnswer, ...]:
    """Say of rules that hold which other one decides an attribute, or does the same before."""
    rules = evaluator.rulebook.rules
    holding = [rule for rule, answer in zip(rules, answers, strict=True) if answer.result == "true"]
    notes = {rule.id: [*_losses(evaluator, seen, rule, holding)] for rule in holding}
    for rule in holding:
        first = next((each for each in holding if _does_the_same(each, rule)), rule)
        if first is not rule:
            notes[rule.id].append(f"{first.id} does the same and comes first")
    return tuple(
        replace(answer, note="; ".join(filter(None, (answer.note, *notes.get(answer.rule, ())))))
        for answer in answers
    )


def _with_holds(
    unit: UnitOfWork, identity: IdentityId, answers: tuple[RuleAnswer, ...]
) -> tuple[RuleAnswer, ...]:
    """Say of which rules a rejection or an undo holds a change back."""
    held: dict[str, list[str]] = {}
    for hold in unit.marks.holds([identity]).values():
        if not hold.is_unanswered:
            held.setdefault(hold.rule, []).append(hold_text(hold))
    for undone in unit.marks.undone([identity]).get(identity, ()):
        held.setdefault(undone.rule, []).append(held_text([undone]))
    return tuple(
        replace(answer, note="; ".join(filter(None, (answer.note, *sorted(set(texts))))))
        if (texts := held.get(answer.rule))
        else answer
        for answer in answers
    )


def _losses(
    evaluator: Evaluator, seen: Identity, rule: Rule, holding: Sequence[Rule]
) -> Iterator[str]:
    """Yield the attributes that a stronger rule has a value for."""
    for name in rule.set if rule.kind is RuleKind.UPDATE else ():
        stronger = [
            each
            for each in holding
            if each.kind is RuleKind.UPDATE
            and (each.target == rule.target and name in each.set)
            and (each.precedence or 0) > (rule.precedence or 0)
            and _has_value(evaluator, seen, each, name)
        ]
        if stronger:
            winner = max(stronger, key=lambda each: each.precedence or 0)
            yield f"{name} is decided by {winner.id}"


def _has_value(evaluator: Evaluator, seen: Identity, rule: Rule, name: str) -> bool:
    """Tell whether a rule decides: it has a value, clears, or cannot be told what it wants."""
    states = (seen.objects, seen.gone, seen.outside, seen.invalid)
    try:
        value = evaluator.value(rule.set[name], *states)
    except EvaluationError:
        return True
    return value is not None or name in rule.clear_if_missing


def _does_the_same(one: Rule, other: Rule) -> bool:
    if one.kind is other.kind is RuleKind.PROVISION:
        return one.target == other.target
    return (
        one.do is not None
        and other.do is not None
        and one.kind is not RuleKind.EVENT
        and (one.target, one.do.operation) == (other.target, other.do.operation)
    )
