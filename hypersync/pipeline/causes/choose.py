"""Chooses what stopped actions have in common and parts them accordingly. Pure.

A clue is something that some of the actions share. It tells only when it is much rarer among
everybody else, and too frequent among the actions to be chance: country=FR, shared by everybody, is
no cause. What the rule itself asks for or writes, and is therefore true of all its actions, tells
nothing either. Of those that tell, the one that best divides the actions from the others makes the
first cluster; what is left is looked at again.

Sets of actions are whole numbers: bit *i* stands for the *i*-th action.

Failure direction: a cause is advice. When in doubt there is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from fractions import Fraction
from math import comb
from typing import NamedTuple

MOST_CLUSTERS = 5
"""How many clusters there are at most, besides the rest."""

FEWEST = 3
"""Of fewer actions nothing is said: people see them all at once."""

RARER = 4
"""So many times rarer a clue has to be among the others."""

SURE = 20
"""One clue in so many may be there by chance, over all that were looked at."""

_OBVIOUS = 50
"""From so many actions on, nothing that much rarer elsewhere is chance."""


class Kind(IntEnum):
    """What can be shared, the simplest first; as numbers they are compared by the million."""

    ATTRIBUTE = 0
    CONTAINER = 1
    ANCHOR = 2
    GROUP = 3
    BECOMES = 4
    CHANGED = 5
    SCAN = 6


class Feature(NamedTuple):
    """Something that can be said of an action.

    ``source`` is the silo and type of the object, ``name`` the attribute. ``value`` is what the
    attribute is, becomes by the action or became by the last scan (``None``: empty), the container,
    the beginning of the anchor, the group of a membership, or the id of the scan that changed the
    object last.
    """

    kind: Kind
    source: str
    name: str
    value: str | int | float | bool | None


class Share(NamedTuple):
    """How many of the others have a feature."""

    having: int
    total: int


@dataclass(frozen=True, slots=True)
class Clue:
    """A feature, the actions that have it, and how frequent it is among everybody else.

    ``others`` is ``None`` for what nobody but an action can have. ``is_implied`` says that the rule
    asks for the attribute or writes it.
    """

    feature: Feature
    actions: int
    others: Share | None
    is_implied: bool = False


class Part(NamedTuple):
    """Some actions and the clue that they share, ``None`` for the rest."""

    clue: Clue | None
    actions: int


def partition(clues: Sequence[Clue], count: int) -> tuple[Part, ...]:
    """Part ``count`` actions, the largest part first and the rest last; nothing when none is told.

    Scans are what is said last: nearly everything that is stopped came by one.
    """
    if count < FEWEST:
        return ()
    by_nature = _partition([c for c in clues if c.feature.kind is not Kind.SCAN], count)
    if by_nature and is_most(by_nature[0], count):
        return by_nature
    by_scan = _partition([c for c in clues if c.feature.kind is Kind.SCAN], count)
    if by_scan and is_most(by_scan[0], count):
        return by_scan
    return by_nature


def is_most(part: Part, count: int) -> bool:
    """Tell whether a part holds at least half of the actions and its clue may be named a cause."""
    return part.clue is not None and 2 * part.actions.bit_count() >= count


def tells(clue: Clue, covered: int, asked: int, tested: int) -> bool:
    """Tell whether it says something that ``covered`` of ``asked`` actions share a clue.

    ``tested`` is how many attributes were looked at: the more, the likelier that one fits by
    chance. Of the others one who has it and one who has not are taken for granted, so that few
    others prove little.
    """
    if covered == 0 or (clue.is_implied and covered == asked):
        return False
    if clue.others is None:
        return True
    having, total = clue.others.having + 1, clue.others.total + 2
    if covered * total < RARER * asked * having:
        return False
    if covered >= _OBVIOUS:
        return True
    return bool(comb(asked, covered) * having**covered * tested * SURE < total**covered)


def telling(clues: Sequence[Clue], count: int) -> list[Clue]:
    """Return the clues that tell of all actions, or of what is left beside an earlier cluster."""
    looked_at = tested(clues)
    left = (1 << count) - 1
    kept: dict[Feature, Clue] = {}
    for part in (Part(None, 0), *_partition(clues, count)):
        left &= ~part.actions
        asked = left.bit_count()
        for clue in clues:
            if tells(clue, (clue.actions & left).bit_count(), asked, looked_at):
                kept[clue.feature] = clue
    return list(kept.values())


def companion(clues: Iterable[Clue], actions: int, kind: Kind, tested: int) -> Clue | None:
    """Return the clue of a kind that most of these actions share, if at least half of them do."""
    asked = actions.bit_count()
    found = [
        (covered, clue)
        for clue in clues
        if clue.feature.kind is kind
        and 2 * (covered := (clue.actions & actions).bit_count()) >= asked
        if not clue.is_implied and tells(clue, covered, asked, tested)
    ]
    return min(found, key=lambda each: (-each[0], _order(each[1])))[1] if found else None


def tested(clues: Iterable[Clue]) -> int:
    """Return how many different things were looked at."""
    return len({clue.feature[:3] for clue in clues})


def _partition(clues: Sequence[Clue], count: int) -> tuple[Part, ...]:
    left = (1 << count) - 1
    least = max(2, -(-count // 100))
    looked_at = tested(clues)
    parts: list[Part] = []
    while len(parts) < MOST_CLUSTERS and left:
        best = _best(clues, left, least, looked_at)
        if best is None:
            break
        parts.append(Part(best, best.actions & left))
        left &= ~best.actions
    if not parts:
        return ()
    parts.sort(key=lambda part: -part.actions.bit_count())
    return (*parts, Part(None, left)) if left else tuple(parts)


def _best(clues: Sequence[Clue], left: int, least: int, looked_at: int) -> Clue | None:
    """Return the clue that best divides what is left from the others.

    Hundredths decide; among equals the simpler one is better.
    """
    asked = left.bit_count()
    found = []
    for clue in clues:
        covered = (clue.actions & left).bit_count()
        if covered >= least and tells(clue, covered, asked, looked_at):
            lead = _lead(clue, covered, asked)
            rank = (-int(lead * 100), clue.is_implied, clue.feature.kind.value, -lead)
            found.append((rank, clue))
    return min(found, key=lambda each: (each[0], _order(each[1])))[1] if found else None


def _lead(clue: Clue, covered: int, asked: int) -> Fraction:
    """Return by how much the clue's share of the actions is above that of the others."""
    if clue.others is None:
        return Fraction(covered, asked)
    return Fraction(covered, asked) - Fraction(clue.others.having + 1, clue.others.total + 2)


def _order(clue: Clue) -> tuple[int, int, str, str, str]:
    """Return a fixed order of clues; of several nested containers the innermost comes first."""
    feature = clue.feature
    value = str(feature.value)
    depth = len(value) if feature.kind in (Kind.CONTAINER, Kind.ANCHOR) else 0
    return feature.kind.value, -depth, feature.name, feature.source, value
