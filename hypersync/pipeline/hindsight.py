"""Looks back over the stored runs, and has every rule's limit advised on from them.

Only committing runs count; of a rule only those since it has been there. What is older than the
store remembers is not guessed.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from datetime import datetime

from hypersync.errors import NotFound
from hypersync.model.limit import Limit
from hypersync.model.runs import RuleReport, Run, RunKind
from hypersync.model.verdicts import Candidate
from hypersync.pipeline.advise import Advice, Asked, Terms, Trials
from hypersync.pipeline.engine import Engine
from hypersync.pipeline.limits import unit as counted
from hypersync.ports.progress import NoProgress, Progress
from hypersync.ports.store import UnitOfWork
from hypersync.ports.store.past import LIMIT, SIMULATED, Wanted
from hypersync.rulebook.rules import Rule, RuleKind


def advise(
    engine: Engine,
    *,
    since: datetime,
    rule: str | None = None,
    more: Sequence[Limit] = (),
    progress: Progress | None = None,
) -> Mapping[str, Advice]:
    """Return by rule, or for one, what the runs since then say about its limit.

    ``more`` are limits to try besides the ladder. Raises `NotFound` when there is no such rule.
    """
    rules = _chosen(engine, rule)
    shown = progress or NoProgress()
    with engine.store.snapshot() as unit:
        trials = {each.id: Trials(_terms(engine, each, unit), more) for each in rules}
        shown.start("looking back")
        for run in unit.past.committed(since):
            _look(unit, run, trials)
            shown.advance()
    now = engine.clock()
    return {name: each.advice(now) for name, each in trials.items()}


def _chosen(engine: Engine, name: str | None) -> Sequence[Rule]:
    if name is None:
        return engine.rulebook.rules
    found = engine.rulebook.rule(name)
    if found is None:
        known = ", ".join(each.id for each in engine.rulebook.rules)
        raise NotFound(f"there is no rule {name!r}; there are {known}")
    return (found,)


def _terms(engine: Engine, rule: Rule, unit: UnitOfWork) -> Terms:
    is_event = rule.kind is RuleKind.EVENT
    return Terms(
        limit=rule.threshold.limit,
        lookback=rule.threshold.lookback,
        silo_population=None if is_event else _silo_population(engine, rule, unit),
        is_event=is_event,
    )


def _silo_population(engine: Engine, rule: Rule, unit: UnitOfWork) -> int:
    silo = engine.rulebook.slot(rule.target).silo
    return sum(each.live for each in unit.scans.types() if each.silo == silo)


def _look(unit: UnitOfWork, run: Run, trials: Mapping[str, Trials]) -> None:
    reports = {name: run.rules[name] for name in trials if name in run.rules}
    is_asking = any(report.counts.proposed for report in reports.values())
    wanted = unit.past.wanted(run.id) if is_asking else {}
    for name, report in reports.items():
        trials[name].look(_asked(run, report, wanted.get(name, ())))


def _asked(run: Run, report: RuleReport, wanted: Sequence[Wanted]) -> Asked:
    free = {_unit(each) for each in wanted if each.stops <= {LIMIT}}
    kept = {_unit(each) for each in wanted if _is_uncounted(each)}
    return Asked(
        at=run.started_at,
        is_full=run.kind is RunKind.FULL,
        units={_unit(each) for each in wanted},
        free=free,
        held=kept,
        population=report.population,
        allowed=report.limit,
        earlier=report.lookback,
    )


def _unit(wanted: Wanted) -> Hashable:
    identity, operation, target = wanted.unit
    return counted(Candidate(None, identity, operation, target))


def _is_uncounted(wanted: Wanted) -> bool:
    """Tell whether no lookback counts it: a VIP, or only simulated."""
    return SIMULATED in wanted.stops or any(guard == "vip" for guard, _ in wanted.stops)
