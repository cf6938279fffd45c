"""Raises of one run: a rule's limit for this run only, who may order them, and their trace.

A raise takes the place of the rule's limit for volume and of nothing else: the ceiling, VIPs,
clears, groups and the limits of silos stay as they are. A preview changes nothing, so that anybody
may see what a raise would do; a committing run takes an administrator. Failure direction: what is
no rule or has no reason is refused before anything runs.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from difflib import get_close_matches

from hypersync.errors import UsageError
from hypersync.model.runs import Run
from hypersync.model.unlock import is_one_line
from hypersync.ports.store import UnitOfWork
from hypersync.ports.store.events import Event


def check_raises(raises: Mapping[str, int], reason: str | None, rules: Collection[str]) -> None:
    """Raise `UsageError` for a raise of no rule, or without a reason."""
    for rule, number in raises.items():
        if rule not in rules:
            close = get_close_matches(rule, rules, n=1)
            meant = f"; did you mean {close[0]!r}?" if close else ""
            raise UsageError(f"there is no rule {rule!r} whose limit could be raised{meant}")
        if number < 0:
            raise UsageError(f"the raise of {rule!r} is below zero; write a whole number")
    if raises and (reason is None or not is_one_line(reason)):
        raise UsageError("a raise takes a --reason: one line of text of at most 200 characters")


def record_raises(unit: UnitOfWork, raises: Mapping[str, int], run: Run) -> None:
    """Write down whose limit was raised in a run, why and by whom."""
    for rule, number in raises.items():
        unit.events.record(
            Event(
                kind="limit_raised",
                at=run.started_at,
                run=run.id,
                rule=rule,
                by=run.started_by,
                data={"limit": number, "reason": run.reason},
            )
        )
