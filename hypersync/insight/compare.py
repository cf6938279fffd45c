"""Compares what two runs wanted: both, only one, or something else of the same object.

Runs are compared by what they proposed, whatever became of it: what was throttled or limited in one
of them was wanted there too. Two changes are the same when operation and values are, even under
another text of the rule. A run proposes nothing where an action of an earlier one is still open, so
that such an action stands on one side only; those are counted apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from hashlib import sha256
from itertools import islice
from typing import NamedTuple

from hypersync.errors import NotFound
from hypersync.insight.hidden import Hidden
from hypersync.insight.runs import Page
from hypersync.model.actions import OPEN_STATES, Action
from hypersync.model.ids import ActionId, IdentityId, RunId
from hypersync.model.runs import Run
from hypersync.ports.store import Store, UnitOfWork
from hypersync.ports.store.ledger import Wish

ROWS = 50
_BATCH = 500
_OPEN = frozenset(state.value for state in OPEN_STATES)


class Part(Enum):
    """On which side a change was wanted; ``CHANGED`` is another change of the same thing."""

    CHANGED = "changed"
    ONLY_A = "only_a"
    ONLY_B = "only_b"
    BOTH = "both"


class Pair(NamedTuple):
    """What two runs wanted of the same thing; at least one of them did."""

    a: Wish | None
    b: Wish | None

    @property
    def key(self) -> str:
        """A name for it that tells nothing: it follows the identity, so that pages can."""
        wish = self.a or self.b
        assert wish is not None  # noqa: S101 - at least one of them is there
        digest = sha256(wish.key.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        return f"{wish.identity:020d}-{digest}"

    @property
    def identity(self) -> IdentityId:
        """Whom it is about."""
        wish = self.a or self.b
        assert wish is not None  # noqa: S101 - at least one of them is there
        return wish.identity


@dataclass(slots=True)
class RuleCompared:
    """One rule in two runs: how many changes are of which part."""

    rule: str
    counts: dict[Part, int] = field(default_factory=lambda: dict.fromkeys(Part, 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One change of the part that is shown, with the actions of both sides where there are some."""

    pair: Pair
    a: Action | None
    b: Action | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two runs beside each other, and a page of one part of one rule.

    ``still_open`` counts what only one wanted because its action is still open.
    """

    a: Run
    b: Run
    rules: Sequence[RuleCompared]
    still_open: int
    shown: Page[Row, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """Which rows are to be shown: of this part and rule, behind a key."""

    part: Part
    rule: str
    after: str = ""


def compare(
    store: Store, hidden: Hidden, a: RunId, b: RunId, shown: Shown | None = None
) -> Comparison:
    """Return two runs beside each other; raises `NotFound`."""
    with store.snapshot() as unit:
        first, second = _run(unit, a), _run(unit, b)
        rules = unit.ledger.rules_of([a, b])
        found: list[RuleCompared] = []
        rows: list[Pair] = []
        still_open = 0
        for rule in rules:
            compared = RuleCompared(rule)
            for part, pair in _compared(unit, rule, a, b):
                compared.counts[part] += 1
                still_open += _is_still_open(part, pair)
                if shown is not None and (rule, part) == (shown.rule, shown.part):
                    rows.append(pair)
            found.append(compared)
        return Comparison(
            a=first,
            b=second,
            rules=[each for each in found if any(each.counts.values())],
            still_open=still_open,
            shown=_page(unit, hidden, rows, "" if shown is None else shown.after),
        )


def _run(unit: UnitOfWork, name: RunId) -> Run:
    run = unit.runs.get(name)
    if run is None:
        raise NotFound(f"there is no run {name!r}")
    return run


def _compared(unit: UnitOfWork, rule: str, a: RunId, b: RunId) -> Iterator[tuple[Part, Pair]]:
    """Yield what two runs wanted of a rule, and on which side."""
    others = {wish.key: wish for wish in unit.ledger.wishes(b, rule)}
    doubtful: list[Pair] = []
    for wish in unit.ledger.wishes(a, rule):
        pair = Pair(wish, others.pop(wish.key, None))
        if pair.b is None:
            yield Part.ONLY_A, pair
        elif not _may_differ(pair):
            yield Part.BOTH, pair
        else:
            doubtful.append(pair)
    yield from ((Part.ONLY_B, Pair(None, wish)) for wish in others.values())
    yield from _looked_at(unit, doubtful)


def _may_differ(pair: Pair) -> bool:
    """Tell whether the two actions are not known to be the same change."""
    if pair.a is None or pair.b is None or pair.a.id is None or pair.b.id is None:
        return False
    return pair.a.fingerprint != pair.b.fingerprint


def _looked_at(unit: UnitOfWork, doubtful: Iterable[Pair]) -> Iterator[tuple[Part, Pair]]:
    """Yield pairs after a look at what they write: only the text of the rule may differ."""
    pairs = iter(doubtful)
    while some := list(islice(pairs, _BATCH)):
        known = _actions(unit, some)
        for pair in some:
            a, b = (known.get(each.id) if each and each.id else None for each in pair)
            yield (Part.BOTH if _is_same(a, b) else Part.CHANGED), pair


def _is_same(a: Action | None, b: Action | None) -> bool:
    if a is None or b is None:
        return False
    return (a.operation, a.before, a.after) == (b.operation, b.before, b.after)


def _actions(unit: UnitOfWork, pairs: Iterable[Pair]) -> dict[ActionId, Action]:
    ids = [each.id for pair in pairs for each in pair if each is not None and each.id is not None]
    return {action.id: action for action in unit.actions.get(ids)}


def _is_still_open(part: Part, pair: Pair) -> bool:
    wish = {Part.ONLY_A: pair.a, Part.ONLY_B: pair.b}.get(part)
    return wish is not None and wish.state in _OPEN


def _page(unit: UnitOfWork, hidden: Hidden, rows: Iterable[Pair], after: str) -> Page[Row, str]:
    """Return the rows behind a key, by identity."""
    behind = sorted((each for each in rows if each.key > after), key=lambda each: each.key)
    shown = behind[:ROWS]
    known = {name: hidden.of_action(each) for name, each in _actions(unit, shown).items()}
    return Page(
        [
            Row(
                pair=pair,
                a=known.get(pair.a.id) if pair.a and pair.a.id else None,
                b=known.get(pair.b.id) if pair.b and pair.b.id else None,
            )
            for pair in shown
        ],
        shown[-1].key if len(behind) > ROWS else None,
    )
