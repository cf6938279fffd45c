"""Rules that stand behind an undo: the guards of the undone rule under another name. Pure.

An undo is judged by the threshold, the VIP rules and the plan of the rule whose actions it takes
back. When that rule is gone, by what is built in and by every VIP rule. It has no condition, no
throttle and no rate; only its limit or a person lets it through, and its expiry never approves.
"""

from __future__ import annotations

from dataclasses import replace

from hypersync.config.rule_models import (
    DEFAULT_CLEARS,
    DEFAULT_EXPIRES,
    DEFAULT_LIMIT,
    DEFAULT_LOOKBACK,
    DEFAULT_MEMBERS,
    DEFAULT_MIN_SIZE,
    LEAST_CLEARS,
)
from hypersync.model.actions import undo_name
from hypersync.rulebook.expression import constant
from hypersync.rulebook.rules import Lookback, MembersLimit, Rule, RuleKind, ThresholdSpec

_CONTENT = "undo"
"""What approvals of an undo bind to besides its change: the rule itself may change meanwhile."""


def undoing(rule: Rule, name: str, target: str) -> Rule:
    """Return the rule that judges what takes back actions called ``name``.

    ``rule`` is the one behind them, ``target`` the slot they wrote. That a rule is simulated by now
    does not keep its past actions from being undone.
    """
    return replace(
        rule,
        id=undo_name(name),
        target=target,
        simulate=False,
        counting=None,
        throttle=None,
        wake=None,
        threshold=replace(rule.threshold, on_expiry="clear", approve_deletes=False),
        content_hash=_CONTENT,
    )


def undoing_gone(name: str, kind: RuleKind, target: str, vips: tuple[str, ...]) -> Rule:
    """Return the rule that judges an undo whose rule is no longer in the rulebook.

    ``vips`` are all VIP rules: which of them the rule listed is not known any more.
    """
    return Rule(
        index=-1,
        id=undo_name(name),
        ruleset="",
        kind=kind,
        target=target,
        file="",
        line=0,
        simulate=False,
        pure=constant(True),
        counting=None,
        set={},
        once={},
        place=None,
        required=(),
        clear_if_missing=frozenset(),
        do=None,
        group=None,
        mode="additive",
        precedence=None,
        throttle=None,
        threshold=_BUILT_IN,
        vips=vips,
        wake=None,
        on_failure=None,
        owner=None,
        repeatable=False,
        content_hash=_CONTENT,
    )


_BUILT_IN = ThresholdSpec(
    limit=DEFAULT_LIMIT,
    lookback=Lookback(span=DEFAULT_LOOKBACK),
    expires=DEFAULT_EXPIRES,
    on_expiry="clear",
    plan=None,
    template=None,
    clears=DEFAULT_CLEARS,
    least_clears=LEAST_CLEARS,
    members=MembersLimit(limit=DEFAULT_MEMBERS, min_size=DEFAULT_MIN_SIZE),
    attribute={},
    approve_deletes=False,
)
