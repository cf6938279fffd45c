"""Shows runs: the history a page at a time, and one run with what it did and what it put off.

Of a page one row more than shown is read: it says whether there is another page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

from hypersync.errors import NotFound
from hypersync.insight.became import news_of
from hypersync.insight.hidden import Hidden
from hypersync.model.actions import Action, ActionState
from hypersync.model.ids import ActionId, RunId
from hypersync.model.runs import Run, RunError, RunMode
from hypersync.ports.store import Store
from hypersync.ports.store.ledger import ActionsWanted, RunsWanted, VerdictRow

RUNS = 50
ACTIONS = 100
ERRORS = 20
ROWS = 200
"""How many runs, actions, errors and other rows a page shows."""

T = TypeVar("T")
K = TypeVar("K")


@dataclass(frozen=True, slots=True)
class Page(Generic[T, K]):
    """Some rows, and the key behind which the next ones begin; ``None`` at the end."""

    rows: Sequence[T]
    next: K | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInsight:
    """One run: its first actions and errors, and how much it put off, by verdict.

    ``first_start`` and ``last_end`` are of the actions that it carried out itself; ``now`` is how
    many of its actions are in which state where its counts do not say so.
    """

    run: Run
    actions: Page[Action, ActionId]
    errors: Page[RunError, int]
    put_off: Mapping[str, int]
    first_start: datetime | None = None
    last_end: datetime | None = None
    now: Mapping[ActionState, int] = field(default_factory=dict)


def history(store: Store, wanted: RunsWanted, *, after: RunId | None = None) -> Page[Run, RunId]:
    """Return a page of runs, the newest first; behind an unknown run there is nothing."""
    with store.snapshot() as unit:
        found = unit.ledger.runs(wanted, after=after, limit=RUNS + 1)
    return Page(found[:RUNS], found[RUNS - 1].id if len(found) > RUNS else None)


def became(store: Store, runs: Sequence[Run]) -> Mapping[RunId, Mapping[ActionState, int]]:
    """Return the states of the actions of those runs whose counts do not say them."""
    with store.snapshot() as unit:
        return news_of(unit, runs)


def one_run(
    store: Store,
    hidden: Hidden,
    name: RunId,
    wanted: ActionsWanted,
    *,
    after: ActionId | None = None,
) -> RunInsight:
    """Return one run with a page of its actions; raises `NotFound`."""
    with store.snapshot() as unit:
        run = unit.runs.get(name)
        if run is None:
            raise NotFound(f"there is no run {name!r}")
        actions = unit.ledger.actions(name, wanted, after=after, limit=ACTIONS + 1)
        is_commit = run.mode is RunMode.COMMIT
        begin, end = unit.ledger.spent(name) if is_commit else (None, None)
        return RunInsight(
            run=hidden.of_run(run),
            actions=Page(
                [hidden.of_action(each) for each in actions[:ACTIONS]],
                actions[ACTIONS - 1].id if len(actions) > ACTIONS else None,
            ),
            errors=_errors(hidden, unit.ledger.errors(name, limit=ERRORS + 1), ERRORS),
            put_off=unit.ledger.verdict_counts(name),
            first_start=begin,
            last_end=end,
            now=news_of(unit, [run]).get(name, {}),
        )


def errors_of(
    store: Store, hidden: Hidden, name: RunId, *, rule: str | None = None, after: int = 0
) -> tuple[Run, Page[RunError, int]]:
    """Return a page of a run's errors without hidden values; raises `NotFound`."""
    with store.snapshot() as unit:
        run = unit.runs.get(name)
        if run is None:
            raise NotFound(f"there is no run {name!r}")
        found = unit.ledger.errors(name, rule=rule, after=after, limit=ROWS + 1)
    return run, _errors(hidden, found, ROWS)


def put_off_by(
    store: Store,
    name: RunId,
    *,
    rule: str | None = None,
    verdict: str | None = None,
    after: int = 0,
) -> tuple[Run, Page[VerdictRow, int]]:
    """Return a page of what a run put off; raises `NotFound`."""
    with store.snapshot() as unit:
        run = unit.runs.get(name)
        if run is None:
            raise NotFound(f"there is no run {name!r}")
        found = unit.ledger.verdicts(name, rule=rule, verdict=verdict, after=after, limit=ROWS + 1)
    return run, Page(found[:ROWS], found[ROWS - 1].number if len(found) > ROWS else None)


def _errors(
    hidden: Hidden, found: Sequence[tuple[int, RunError]], most: int
) -> Page[RunError, int]:
    shown = found[:most]
    rows = [hidden.of_error(error) for _, error in shown]
    return Page(rows, shown[-1][0] if len(found) > most else None)
