"""Compares what really happened with what a rehearsal did, change by change. Pure.

Two actions are the same when they would do the same: one operation on one object, for updates with
the same values. Which rule did it does not count, so that a renamed rule makes no difference; for
events it does. What is created, or fired for somebody, is known by the key of the identity. A
change that came about several times counts once, by the most that became of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import NamedTuple

from hypersync.model.actions import Action, ActionState
from hypersync.model.canonical import digest, encode_value
from hypersync.model.objects import Operation

_BY_PERSON = (Operation.CREATE, Operation.EVENT)
_WITH_VALUES = (Operation.UPDATE, Operation.MOVE, Operation.RENAME)
_MEMBERS = (Operation.ADD_MEMBER, Operation.REMOVE_MEMBER)


class Fate(IntEnum):
    """What became of a change: people were asked first, or it went through."""

    STOPPED = 1
    DONE = 2


class Effect(NamedTuple):
    """One change that a rule made or was stopped from making; ``why`` says what stopped it."""

    at: datetime
    rule: str
    operation: Operation
    silo: str
    type: str
    anchor: str | None
    title: str
    why: str


@dataclass(frozen=True, slots=True)
class Difference:
    """A change of which something else became; ``None`` is that it did not come up at all."""

    effect: Effect
    was: Fate | None
    would_be: Fate | None


@dataclass(slots=True)
class Side:
    """What happened on one side: counts by rule and operation, and every change."""

    done: Counter[tuple[str, str]] = field(default_factory=Counter)
    stopped: Counter[tuple[str, str]] = field(default_factory=Counter)
    effects: dict[bytes, tuple[Fate, Effect]] = field(default_factory=dict)

    def take(self, actions: Iterable[Action], at: datetime, keys: Mapping[int, str | None]) -> None:
        """Take in the actions that a run proposed; ``keys`` are their identities' join keys."""
        for action in actions:
            fate = fate_of(action)
            if fate is None:
                continue
            counts = self.done if fate is Fate.DONE else self.stopped
            counts[action.rule, action.operation.value] += 1
            which = digest(encode_value(_identity_of(action, keys.get(action.identity))))
            known = self.effects.get(which)
            if known is None or known[0] < fate:
                self.effects[which] = (fate, _effect(action, at))


def fate_of(action: Action) -> Fate | None:
    """Return what a run made of an action; ``None`` when it was only planned."""
    if action.state is ActionState.PLANNED:
        return None
    return Fate.DONE if action.suspended_at is None else Fate.STOPPED


def differences(was: Side, would_be: Side) -> list[Difference]:
    """Return the changes of which something else became, in the order in which they came up."""
    found = []
    for which in was.effects.keys() | would_be.effects.keys():
        before, after = was.effects.get(which), would_be.effects.get(which)
        fates = (None if before is None else before[0], None if after is None else after[0])
        if fates[0] is not fates[1]:
            shown = after or before
            assert shown is not None  # noqa: S101 - it is on one of the sides
            found.append(Difference(shown[1], *fates))
    return sorted(found, key=lambda each: (each.effect.at, each.effect[1:2], each.effect.title))


def _identity_of(action: Action, key: str | None) -> list[object]:
    """Return what makes two actions the same."""
    what: list[object] = [action.operation.value, action.silo, action.type]
    if action.operation in _BY_PERSON:
        rule = action.rule if action.operation is Operation.EVENT else ""
        return [*what, rule, key or action.title]
    what.append(action.anchor)
    if action.operation in _MEMBERS:
        what.append(action.after or action.before)
    if action.operation in _WITH_VALUES:
        what.append(action.after)
    return what


def _effect(action: Action, at: datetime) -> Effect:
    return Effect(
        at=at,
        rule=action.rule,
        operation=action.operation,
        silo=action.silo,
        type=action.type,
        anchor=action.anchor,
        title=action.title,
        why="; ".join(reason.text for reason in action.reasons),
    )
