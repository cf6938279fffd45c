"""Answers "why": every rule for one identity, with the values it read.

Reads only; rates are not asked and names are not made, because asking must not change the answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from hypersync.errors import EvaluationError, NotFound
from hypersync.model.actions import Action
from hypersync.model.ids import IdentityId
from hypersync.model.objects import Attributes
from hypersync.pipeline.engine import Engine
from hypersync.pipeline.evaluate import grouped
from hypersync.pipeline.propose import Identity
from hypersync.pipeline.world import World
from hypersync.ports.store import UnitOfWork
from hypersync.rulebook.compile import Evaluator
from hypersync.rulebook.explain import Outcome, Step, trace
from hypersync.rulebook.rules import Rule, RuleKind


@dataclass(frozen=True, slots=True)
class Trace:
    """One sub-expression and its value: what it is, ``missing``, ``unknown`` or an error."""

    source: str
    value: object


@dataclass(frozen=True, slots=True)
class RuleAnswer:
    """One rule for one identity: true, false, unknown or error, and the values it read."""

    rule: str
    result: str
    values: tuple[Trace, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """Everything that decides about one identity; an empty slot is ``None``."""

    identity: IdentityId
    slots: Mapping[str, Attributes | None]
    rules: tuple[RuleAnswer, ...]


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
        return Answer(identity, slots, _with_losers(engine, answers))


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
        return RuleAnswer(rule.id, "error", values, error.message)
    return RuleAnswer(rule.id, result, values, _note(evaluator, rule, seen, result))


def _note(evaluator: Evaluator, rule: Rule, seen: Identity, result: str) -> str:
    """Say what an update rule that holds would change, or that a rate is asked besides."""
    if result == "true" and rule.kind is RuleKind.UPDATE and rule.set:
        states = (seen.objects, seen.gone, seen.outside, seen.invalid)
        try:
            changes = evaluator.changes(rule.index, *states)
        except EvaluationError as error:
            return error.message
        return "nothing to change" if not changes else f"would change {', '.join(sorted(changes))}"
    return "" if rule.counting is None else f"and within {rule.counting.source}"


def _traces(evaluator: Evaluator, rule: Rule, seen: Identity) -> tuple[Trace, ...]:
    steps = trace(evaluator, rule.pure, seen.objects, seen.gone, seen.outside, seen.invalid)
    return tuple(Trace(step.text, _shown(step)) for step in steps)


def _shown(step: Step) -> object:
    match step.outcome:
        case Outcome.VALUE:
            return step.value
        case Outcome.ERROR:
            return f"error: {step.error}"
        case _:
            return step.outcome.value


def _with_losers(engine: Engine, answers: tuple[RuleAnswer, ...]) -> tuple[RuleAnswer, ...]:
    """Say of each attribute that several rules write which rule decides."""
    holds = {answer.rule for answer in answers if answer.result == "true"}
    strongest: dict[tuple[str, str], Rule] = {}
    for rule in engine.rulebook.rules:
        if rule.kind is RuleKind.UPDATE and rule.id in holds:
            for name in rule.set:
                known = strongest.get((rule.target, name))
                if known is None or (rule.precedence or 0) > (known.precedence or 0):
                    strongest[rule.target, name] = rule
    shown = []
    for answer in answers:
        own = engine.rulebook.rule(answer.rule)
        lost = [
            f"{name} is decided by {strongest[own.target, name].id}"
            for name in (own.set if own is not None and answer.rule in holds else ())
            if own is not None and strongest.get((own.target, name), own) is not own
        ]
        note = "; ".join(part for part in (answer.note, *lost) if part)
        shown.append(RuleAnswer(answer.rule, answer.result, answer.values, note))
    return tuple(shown)
