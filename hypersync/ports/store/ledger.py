"""The store port for what runs did, a page at a time.

Pages follow each other by key, never by counting: the next one costs what the first did, however
long the history is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from hypersync.model.actions import Action, ActionState
from hypersync.model.ids import ActionId, IdentityId, RunId
from hypersync.model.objects import Operation
from hypersync.model.runs import RuleReport, Run, RunError, RunKind, RunMode, RunState


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsWanted:
    """Which runs are asked for; ``None`` is any. ``by`` is part of who started them."""

    kind: RunKind | None = None
    mode: RunMode | None = None
    state: RunState | None = None
    by: str = ""
    has_errors: bool = False
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionsWanted:
    """Which actions of a run are asked for; ``None`` is any.

    ``text`` is part of the name or the anchor, or an id or an identity as a whole.
    """

    rule: str | None = None
    state: ActionState | None = None
    operation: Operation | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class VerdictRow:
    """What a run proposed and a guard put off, without an action of its own.

    ``verdict`` is throttled, limited, held (rejected before), or left: an undo leaves it as it is.
    """

    number: int
    rule: str
    identity: IdentityId
    key: str
    verdict: str
    text: str


class Wish(NamedTuple):
    """One change that a run wanted; ``id`` and what it would write are of an action only."""

    rule: str
    key: str
    identity: IdentityId
    state: str
    id: ActionId | None
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleInRun:
    """What one rule did in one committing run."""

    run: RunId
    kind: RunKind
    at: datetime
    rule: str
    report: RuleReport
    reason: str | None


class Ledger(Protocol):
    """What runs did. Nothing is written here."""

    def runs(self, wanted: RunsWanted, *, after: RunId | None, limit: int) -> Sequence[Run]:
        """Return runs whose plan was made, the newest first, without what their rules did.

        They begin behind ``after``, which may be any run.
        """

    def actions(
        self, run: RunId, wanted: ActionsWanted, *, after: ActionId | None, limit: int
    ) -> Sequence[Action]:
        """Return a run's visible actions by rule, then those that it only released."""

    def spent(self, run: RunId) -> tuple[datetime | None, datetime | None]:
        """Return when the first of a run's actions started and when the last one ended."""

    def owners(self, actions: Collection[ActionId]) -> Mapping[ActionId, RunId]:
        """Return which run queued each of these actions: its own, or the one that released it."""

    def carried_on(
        self, run: RunId, owners: Collection[RunId]
    ) -> Mapping[RunId, Mapping[ActionState, int]]:
        """Count by owner and state the actions of these other runs that this run took over.

        Those are what it was the last to confirm, whether it came to start them or not.
        """

    def verdicts(
        self,
        run: RunId,
        *,
        rule: str | None = None,
        verdict: str | None = None,
        after: int = 0,
        limit: int,
    ) -> Sequence[VerdictRow]:
        """Return what a run put off, in the order it was written, behind ``after``."""

    def verdict_counts(self, run: RunId) -> Mapping[str, int]:
        """Count what a run put off by verdict."""

    def errors(
        self, run: RunId, *, rule: str | None = None, after: int = 0, limit: int
    ) -> Sequence[tuple[int, RunError]]:
        """Return a run's errors with their numbers, in the order they were met."""

    def wishes(self, run: RunId, rule: str) -> Iterator[Wish]:
        """Yield what a run proposed for a rule, what was put off among it."""

    def rules_of(self, runs: Collection[RunId]) -> Sequence[str]:
        """Return the rules that proposed something in these runs, by name."""

    def reports(
        self, since: datetime, *, rule: str | None = None, most: int | None = None
    ) -> Iterator[RuleInRun]:
        """Yield what rules, or one, did in committing runs since then, the newest run first.

        Runs in which nothing was proposed, released or went wrong are left out. ``most`` is how
        many runs are looked at.
        """
