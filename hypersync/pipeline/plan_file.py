"""Between runs and plan files: writes down what a run planned, and admits a reviewed plan once.

Everything a run found is in its plan, what would be held back with the reason why. Initial
passwords are not: a mark stands in their place until the account is made. Failure direction: a plan
made under other rules, or carried out already, starts nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from hypersync.errors import PlanFileRefused, PlanMoved
from hypersync.model.actions import Reason
from hypersync.model.ids import ActionId
from hypersync.model.plan_file import Basis, PlanHeader, PlannedAction, Verdict, count
from hypersync.model.runs import Run, RunMode
from hypersync.pipeline.engine import Engine, Order
from hypersync.pipeline.found import Candidate, Collected
from hypersync.pipeline.judgement import Judgement
from hypersync.pipeline.reviewed import check_revision, planned_action
from hypersync.pipeline.undo.irreversible import is_irreversible
from hypersync.ports.connector import recreates
from hypersync.ports.store import UnitOfWork
from hypersync.ports.store.events import Event


def write_plan(
    engine: Engine,
    order: Order,
    unit: UnitOfWork,
    run: Run,
    found: Collected,
    judgement: Judgement,
) -> Run:
    """Hand the plan to whom the order names, if anybody, and return the run.

    The run keeps the hash of what it made: whoever edits the file, and its hash with it, has a plan
    that no run made.
    """
    if order.out is None:
        return run
    actions = _planned_actions(engine, found, judgement)
    header = PlanHeader(
        version=order.out.version,
        installation=order.out.installation,
        environment=order.out.environment,
        run=run.id,
        kind=run.kind,
        object_key=order.object_key,
        made_at=run.started_at,
        made_by=run.started_by,
        revision=run.config,
        scans=basis(unit, run.started_at),
        counts=count(actions),
        raises=dict(order.raises),
        reason=order.reason,
    )
    return replace(run, plan=order.out.write(header, actions))


def check_expected(engine: Engine, order: Order, unit: UnitOfWork) -> None:
    """Raise `PlanMoved` when the reviewed plan of an order cannot be carried out at all.

    Raises `PlanFileRefused` when no run of this database made it.
    """
    if order.expected is None:
        return
    header = order.expected.header
    made = unit.runs.get(header.run)
    if made is None or made.started_at != header.made_at or made.config != header.revision:
        raise PlanFileRefused(
            f"the plan was made with another database: this one knows no such run {header.run}"
        )
    if made.mode is not RunMode.PREVIEW or made.plan != order.expected.hash:
        raise PlanFileRefused(
            f"the plan is not the one that run {header.run} made: its hash is another one; "
            "make it again with `sync --out`"
        )
    earlier = unit.runs.of_plan(order.expected.hash)
    if earlier is not None:
        at = f"{earlier.started_at:%Y-%m-%d %H:%M} UTC"
        raise PlanMoved([f"the plan was applied already, by run {earlier.id} at {at}"])
    check_revision(order.expected, engine.rulebook.revision)


def record_plan(unit: UnitOfWork, order: Order, run: Run) -> Run:
    """Write down that a committing run carries out a reviewed plan, and return the run."""
    if order.expected is None:
        return run
    applied = replace(run, plan=order.expected.hash)
    unit.runs.save(applied)
    unit.events.record(
        Event(
            kind="plan_applied",
            at=run.started_at,
            run=run.id,
            by=run.started_by,
            data={"hash": order.expected.hash, "signed_by": list(order.expected.signed_by)},
        )
    )
    return applied


def basis(unit: UnitOfWork, now: datetime) -> tuple[Basis, ...]:
    """Return the scans that the store rests on."""
    return tuple(
        Basis(
            silo=scan.silo,
            types=tuple(sorted(scan.types)),
            scan=scan.id,
            at=scan.finished_at or now,
        )
        for scan in unit.scans.newest_applied()
    )


def _planned_actions(
    engine: Engine, found: Collected, judgement: Judgement
) -> Sequence[PlannedAction]:
    """Return everything a run found with its verdict, by rule in file order."""
    known = dict(_verdicts(judgement))
    order = [rule.id for rule in engine.rulebook.rules]
    others = [rule for rule in found.candidates if rule not in order]
    return [
        planned_action(candidate, *known[candidate.id], _lasting(engine, candidate))
        for rule in (*order, *others)
        for candidate in found.candidates.get(rule, {}).values()
    ]


def _lasting(engine: Engine, candidate: Candidate) -> str:
    """Say why an action cannot be undone, or nothing."""
    draft = candidate.draft
    connector = engine.silos.connectors.get(draft.silo)
    can = connector is not None and recreates(connector, draft.type)
    return is_irreversible(draft.operation, recreates=can)


def _verdicts(
    judgement: Judgement,
) -> Iterator[tuple[ActionId, tuple[Verdict, tuple[Reason, ...]]]]:
    texts = judgement.texts
    for each in judgement.queued:
        yield each.id, (Verdict.QUEUED, ())
    for each in judgement.suspended:
        yield each.id, (Verdict.SUSPENDED, judgement.stops[each.id].reasons)
    for each in judgement.throttled:
        yield each.id, (Verdict.THROTTLED, (Reason("throttle", "", texts[each.id]),))
    for each in judgement.limited:
        yield each.id, (Verdict.LIMITED, (Reason("count", "", texts[each.id]),))
    for each in judgement.planned:
        yield each.id, (Verdict.SIMULATED, ())
    for each in judgement.skipped:
        yield each.id, (Verdict.SKIPPED, ())
