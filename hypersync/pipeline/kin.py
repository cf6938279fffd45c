"""Says whose place a rule takes: rules that do nothing any more and did the same. Pure.

A rule that is renamed, or copied and switched off, is another rule. So that its limit does not
start anew, what the old one was let through for counts into the lookback of every rule of the same
kind, target and operation. What is not carried over is said as an error of the first run.

Failure direction: a rule that only looks like another is held for its heir, so more is counted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from hypersync.model.actions import is_undo
from hypersync.model.objects import Operation
from hypersync.model.runs import RunError
from hypersync.ports.store.actions import Trace
from hypersync.rulebook.rules import Rule, RuleKind


def active(rules: Iterable[Rule], *, is_simulated: bool) -> Collection[str]:
    """Return the rules that may do something; ``is_simulated`` is whether all only say it."""
    return {each.id for each in rules if is_simulated or not each.simulate}


def kin_of(rule: Rule, gone: Iterable[Trace]) -> Collection[str]:
    """Return those of the rules that are gone which did what this one does."""
    if is_undo(rule.id):
        return ()
    return [each.rule for each in gone if is_kin(rule, each)]


def is_kin(rule: Rule, trace: Trace) -> bool:
    """Tell whether a rule does to the same objects what another one did."""
    if (trace.kind, trace.slot) != (rule.kind.value, rule.target) or trace.rule == rule.id:
        return False
    return rule.kind is RuleKind.MEMBERSHIP or trace.operation is _operation(rule)


def _operation(rule: Rule) -> Operation:
    if rule.do is not None:
        return rule.do.operation
    return Operation.CREATE if rule.kind is RuleKind.PROVISION else Operation.UPDATE


def renamed(
    rules: Sequence[Rule], known: Collection[str], traces: Iterable[Trace]
) -> list[RunError]:
    """Return an error for each rule that is new and does what one did that is just gone.

    ``known`` are the rules of the last committing run, ``traces`` those that are not there now.
    """
    new = [each for each in rules if each.id not in known]
    gone = [each for each in traces if each.rule in known]
    return [
        RunError(rule.id, None, "renamed", _text(rule, trace))
        for rule in new
        for trace in gone
        if is_kin(rule, trace)
    ]


def _text(rule: Rule, trace: Trace) -> str:
    does = trace.operation.value.replace("_", " ")
    where = f" {rule.target}" if rule.target else ""
    return (
        f"rule {trace.rule} is gone and {rule.id} is new, with the same kind, target and operation "
        f"({does}{where}): for a rename, what {trace.rule} was let through for counts on, but "
        f"its throttles and what it remembers of events start anew, and what it had open is void"
    )
