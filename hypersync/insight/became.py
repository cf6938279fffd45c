"""Says what has become of the actions of runs by now, where it is not what the runs stored.

A run stores its counts when it ends. What it left in the queue is carried on by later runs, what
was suspended is decided and released, and what was unknown is found out, so its actions are counted
as they are now: by no other count could all of this be true at once. An action that was approved
is one of the run that proposed it and one of the run that released it, now as in their counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from hypersync.model.actions import ActionState
from hypersync.model.ids import RunId
from hypersync.model.runs import Run, RunMode, RunState
from hypersync.ports.store import UnitOfWork

_OUTCOMES = {
    ActionState.SUCCEEDED: "succeeded",
    ActionState.FAILED: "failed",
    ActionState.CONFLICT: "conflict",
    ActionState.UNKNOWN: "unknown",
    ActionState.SUSPENDED: "suspended",
}
"""What a run's counts say of states. Queued in them is whatever was let through, done or not."""


def what_became(unit: UnitOfWork, runs: Iterable[Run]) -> Mapping[RunId, Mapping[ActionState, int]]:
    """Return how many actions of each committing run are in which state now, without zeros.

    Nothing is asked about runs whose counts say that all their actions came to their end.
    """
    found: dict[RunId, Mapping[ActionState, int]] = {}
    for run in runs:
        if run.mode is RunMode.COMMIT and run.state is not RunState.PLANNING:
            found[run.id] = _at_its_end(run) if _is_over(run) else _now(unit, run.id)
    return found


def news_of(unit: UnitOfWork, runs: Sequence[Run]) -> Mapping[RunId, Mapping[ActionState, int]]:
    """Return the same of those runs only whose counts say something else."""
    became = what_became(unit, runs)
    return {run.id: now for run in runs if (now := became.get(run.id)) and is_news(run, now)}


def is_news(run: Run, now: Mapping[ActionState, int]) -> bool:
    """Tell whether its actions are in other states than the run's counts say.

    That some of what they call queued came to no end and still is queued is none.
    """
    known = {state: getattr(run.counts, name) for state, name in _OUTCOMES.items()}
    told = {*known, ActionState.QUEUED, ActionState.PLANNED}
    return any(now.get(state, 0) != count for state, count in known.items()) or any(
        count for state, count in now.items() if state not in told
    )


def _is_over(run: Run) -> bool:
    """Tell whether no action of a run can come to another state than it is in."""
    counts = run.counts
    ended = counts.succeeded + counts.failed + counts.conflict
    return counts.suspended == 0 and ended == counts.queued + counts.released


def _at_its_end(run: Run) -> Mapping[ActionState, int]:
    counts = run.counts
    found = {
        ActionState.SUCCEEDED: counts.succeeded,
        ActionState.FAILED: counts.failed,
        ActionState.CONFLICT: counts.conflict,
        ActionState.PLANNED: counts.planned,
    }
    return {state: count for state, count in found.items() if count}


def _now(unit: UnitOfWork, run: RunId) -> Mapping[ActionState, int]:
    found: Counter[ActionState] = Counter()
    for states in unit.actions.states(run).values():
        found.update(states)
    return {state: found[state] for state in ActionState if found[state]}
