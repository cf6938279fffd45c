"""Counts what a run carries on of earlier ones, by the run that queued it.

Earlier runs leave actions in the queue: their process ended, a silo did not answer or was paused,
a retry was not due. A sync looks at them again and carries out those that are still wanted. None
of them is in its own counts, which are of its own plan; what went wrong with them is among its
errors. What was approved belongs to the run that released it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from hypersync.model.actions import ActionState
from hypersync.model.ids import ActionId, RunId
from hypersync.model.runs import CarriedOn, Run
from hypersync.ports.store import UnitOfWork

_NAMES = {
    ActionState.SUCCEEDED: "succeeded",
    ActionState.FAILED: "failed",
    ActionState.CONFLICT: "conflict",
    ActionState.UNKNOWN: "unknown",
    ActionState.QUEUED: "waiting",
    ActionState.EXECUTING: "waiting",
}
"""What is counted of a state. What became void meanwhile was not carried on."""


def carries_on(unit: UnitOfWork, confirmed: Collection[ActionId]) -> tuple[CarriedOn, ...]:
    """Return what a committing run is to carry on; nothing of it is done yet."""
    owners = Counter(unit.ledger.owners(confirmed).values())
    return _oldest_first(
        unit, [CarriedOn(run=owner, waiting=count) for owner, count in owners.items()]
    )


def carried_on(
    unit: UnitOfWork, run: Run, settled: Mapping[ActionId, ActionState]
) -> tuple[CarriedOn, ...]:
    """Return what became of what a run carried on, now that it ends.

    ``settled`` is what it found to have come to an end when it read back what was unknown.
    """
    found: dict[RunId, Counter[str]] = {}
    for owner, states in unit.ledger.carried_on(run.id, [o.run for o in run.carried_on]).items():
        for state, count in states.items():
            if state in _NAMES:
                found.setdefault(owner, Counter())[_NAMES[state]] += count
    for action, owner in unit.ledger.owners(settled).items():
        is_done = settled[action] is ActionState.SUCCEEDED
        found.setdefault(owner, Counter())["found" if is_done else _NAMES[settled[action]]] += 1
    return _oldest_first(unit, [CarriedOn(run=owner, **counts) for owner, counts in found.items()])


def _oldest_first(unit: UnitOfWork, found: Sequence[CarriedOn]) -> tuple[CarriedOn, ...]:
    begun = {each.run: unit.runs.get(each.run) for each in found}
    times = {
        name: 0.0 if run is None else run.started_at.timestamp() for name, run in begun.items()
    }
    return tuple(sorted(found, key=lambda each: times[each.run]))
