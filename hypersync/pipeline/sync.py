"""Plans and commits: the second loop.

    pending ──▶ evaluate ──▶ (release approved) ──▶ guard ──▶ queued | suspended | planned

A run evaluates everything before anything is queued: a threshold cannot hold back what already
ran. Proposals are spooled invisibly; one transaction at the end makes the whole plan visible, or
nothing of it. A preview stops after the guards and writes nothing but itself. A committing run
then executes what it queued.

Failure direction: a run that dies while planning leaves nothing; its claims are freed by the next
committing run. An identity leaves the pending set only when nothing about it is unfinished.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from hypersync.errors import PlanMoved
from hypersync.model.actions import ActionState, undone_rule
from hypersync.model.ids import ActionId, RunId, new_public_id
from hypersync.model.runs import Run, RunError, RunMode, RunState
from hypersync.pipeline.carried import carried_on
from hypersync.pipeline.circuit import circuits_of
from hypersync.pipeline.engine import Engine, Order
from hypersync.pipeline.execute import execute
from hypersync.pipeline.lease import holding
from hypersync.pipeline.outcomes import Execution
from hypersync.pipeline.plan import MOST_ERRORS, Planner
from hypersync.pipeline.startable import resting
from hypersync.pipeline.unknown import Asking, settle_unknown
from hypersync.pipeline.unlock import note_expiries
from hypersync.ports.progress import NoProgress, Progress
from hypersync.ports.store import UnitOfWork
from hypersync.ports.store.events import Event
from hypersync.ports.store.leases import Fence

LONGEST_PREVIEW = timedelta(days=1)
_INTERRUPTED = RunError(None, None, "interrupted", "stopped while planning; nothing was changed")


def sync(engine: Engine, order: Order, progress: Progress | None = None) -> Run:
    """Run once, as ordered, and return the run.

    Raises `LeaseHeld` when another committing sync runs, and `NotFound` when the object of an
    object sync is not in the store.
    """
    shown = progress or NoProgress()

    def plan(run_id: RunId, fence: Fence | None) -> Run:
        return Planner(engine, order, run_id, fence, shown).plan()

    return run_once(engine, order, plan, shown)


def run_once(
    engine: Engine,
    order: Order,
    plan: Callable[[RunId, Fence | None], Run],
    progress: Progress,
) -> Run:
    """Run once with a plan that ``plan`` makes and stores; a committing run then carries it out.

    Raises `LeaseHeld` when another committing run is under way. What ``plan`` raises leaves nothing
    but a failed run.
    """
    run_id = RunId(new_public_id())
    commit = order.mode is RunMode.COMMIT
    holder = order.started_by or "somebody"
    lease = (
        holding(engine.store, "sync", f"{holder} (run {run_id})", engine.clock)
        if commit
        else nullcontext()
    )
    settled = Execution()
    with lease as fence:
        engine.note_rules(engine.store, run_id, engine.clock(), fence, is_preview=not commit)
        if fence is not None:
            _bury_the_dead(engine, fence)
            note_expiries(engine.store, engine.lock, engine.clock())
            settled = _settle_lost(engine, run_id, fence)
        try:
            run = plan(run_id, fence)
        except PlanMoved as error:
            _abandon(engine, run_id, RunError(None, None, error.code, error.message))
            raise
        except BaseException:
            _abandon(engine, run_id)
            raise
        if commit:
            run = _carry_out(engine, run, fence, progress, settled)
    return run


def _settle_lost(engine: Engine, run_id: RunId, fence: Fence) -> Execution:
    """Find out what became of what lost processes were doing, so that the plan can count on it."""
    with engine.store.snapshot() as unit:
        rest = resting(engine, unit, engine.clock())
    return settle_unknown(
        engine.store,
        engine.silos,
        worker=run_id,
        clock=engine.clock,
        asking=Asking(open_request=engine.open_request, plan_of=partial(_plan_of, engine)),
        circuits=circuits_of(engine),
        fence=fence,
        resting=rest,
    )


def _plan_of(engine: Engine, rule: str) -> str | None:
    """Return who is asked about what a rule did; everybody who may when it is gone."""
    known = engine.rulebook.rule(undone_rule(rule))
    return None if known is None else known.threshold.plan


def _abandon(engine: Engine, run_id: RunId, why: RunError = _INTERRUPTED) -> None:
    """Take back a run that was stopped while it planned."""
    with engine.store.begin() as unit:
        run = unit.runs.get(run_id)
        if run is not None and run.state is RunState.PLANNING:
            _fail(unit, run, engine.clock(), why)


def _fail(unit: UnitOfWork, run: Run, now: datetime, why: RunError = _INTERRUPTED) -> None:
    unit.actions.discard(run.id)
    unit.identities.free(run.id)
    unit.runs.save(replace(run, state=RunState.FAILED, finished_at=now))
    unit.runs.report_errors(run.id, [why])
    unit.events.record(Event(kind="run_failed", at=now, run=run.id, by=run.started_by))


def _bury_the_dead(engine: Engine, fence: Fence) -> None:
    """Clean up after runs whose process is gone: we hold the lease of the committing ones."""
    now = engine.clock()
    with engine.store.begin(fence) as unit:
        for run in unit.runs.in_state(RunState.PLANNING):
            if run.mode is RunMode.COMMIT or now - run.started_at > LONGEST_PREVIEW:
                _fail(unit, run, now)
        for run in unit.runs.in_state(RunState.EXECUTING):
            text = "the process ended while executing; the next run goes on where it was"
            unit.runs.report_errors(run.id, [RunError(None, None, "interrupted", text)])
            done = _finished(unit, run, now)
            done.counts.errors += 1
            unit.runs.save(done)


def _carry_out(
    engine: Engine,
    run: Run,
    fence: Fence | None,
    progress: Progress | None,
    settled: Execution,
) -> Run:
    """Execute what is queued and write down how it went."""
    with engine.store.snapshot() as unit:
        rest = resting(engine, unit, engine.clock())
    execution = execute(
        engine.store,
        engine.silos,
        worker=run.id,
        clock=engine.clock,
        circuits=circuits_of(engine),
        fence=fence,
        resting=rest,
        is_blackout=engine.is_blackout,
        progress=progress,
    )
    execution.errors[:0] = settled.errors
    now = engine.clock()
    with engine.store.begin() as unit:
        unit.runs.report_errors(run.id, execution.errors[:MOST_ERRORS])
        done = _finished(unit, run, now, settled.done)
        done.counts.errors += len(execution.errors)
        unit.runs.save(done)
        unit.events.record(Event(kind="run_finished", at=now, run=run.id, by=run.started_by))
    return done


def _finished(
    unit: UnitOfWork,
    run: Run,
    now: datetime,
    settled: Mapping[ActionId, ActionState] | None = None,
) -> Run:
    """Return the run with the outcomes of its actions, and of what it carried on, counted in."""
    outcomes = (
        ("succeeded", ActionState.SUCCEEDED),
        ("failed", ActionState.FAILED),
        ("conflict", ActionState.CONFLICT),
        ("unknown", ActionState.UNKNOWN),
    )
    states = unit.actions.states(run.id)
    for rule, report in run.rules.items():
        for name, state in outcomes:
            setattr(report.counts, name, states.get(rule, {}).get(state, 0))
    for name, state in outcomes:
        setattr(run.counts, name, sum(each.get(state, 0) for each in states.values()))
    taken = carried_on(unit, run, settled or {})
    return replace(run, state=RunState.DONE, finished_at=now, carried_on=taken)
