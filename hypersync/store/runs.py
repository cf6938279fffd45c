"""Stores runs, their reports and errors."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.engine import Connection, Row

from hypersync.model.ids import RunId
from hypersync.model.runs import (
    CarriedOn,
    Counts,
    RuleReport,
    Run,
    RunError,
    RunKind,
    RunMode,
    RunState,
)
from hypersync.store import tables

_RUN = tables.run


class Runs:
    """Runs; one that is still planning is visible to nobody."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def start(self, run: Run) -> None:
        """Store a run that begins to plan."""
        self._connection.execute(insert(_RUN).values(id=run.id, **_values(run)))

    def save(self, run: Run) -> None:
        """Write state, counts, rules and end of a run."""
        self._connection.execute(update(_RUN).where(_RUN.c.id == run.id).values(**_values(run)))

    def report_errors(self, run: RunId, errors: Sequence[RunError]) -> None:
        """Add errors to a run."""
        if errors:
            rows = [{"run": run, **asdict(error)} for error in errors]
            self._connection.execute(insert(tables.run_error), rows)

    def errors(self, run: RunId, limit: int | None = None) -> Sequence[RunError]:
        """Return the errors of a run in the order they were met."""
        table = tables.run_error
        query = select(table).where(table.c.run == run).order_by(table.c.id)
        if limit is not None:
            query = query.limit(limit)
        return [
            RunError(row.rule, row.identity, row.code, row.message)
            for row in self._connection.execute(query)
        ]

    def get(self, run: RunId) -> Run | None:
        """Return one run."""
        row = self._connection.execute(select(_RUN).where(_RUN.c.id == run)).one_or_none()
        return None if row is None else run_of(row)

    def of_plan(self, plan_hash: str) -> Run | None:
        """Return the run that carried out a reviewed plan, by the hash of its file."""
        query = select(_RUN).where(_RUN.c.plan == plan_hash, _RUN.c.mode == RunMode.COMMIT)
        row = self._connection.execute(query).one_or_none()
        return None if row is None else run_of(row)

    def recent(self, limit: int) -> Sequence[Run]:
        """Return the newest runs first, those still planning left out."""
        query = (
            select(_RUN)
            .where(_RUN.c.state != RunState.PLANNING)
            .order_by(_RUN.c.started_at.desc())
            .limit(limit)
        )
        return [run_of(row) for row in self._connection.execute(query)]

    def in_state(self, state: RunState) -> Sequence[Run]:
        """Return the runs in a state, oldest first."""
        query = select(_RUN).where(_RUN.c.state == state).order_by(_RUN.c.started_at)
        return [run_of(row) for row in self._connection.execute(query)]

    def record_verdicts(self, run: RunId, rows: Sequence[tuple[str, int, str, str, str]]) -> None:
        """Keep what was throttled, limited or held: (rule, identity, key, verdict, text)."""
        if rows:
            names = ("rule", "identity", "key", "verdict", "text")
            values = [{"run": run, **dict(zip(names, row, strict=True))} for row in rows]
            self._connection.execute(insert(tables.verdict_row), values)

    def last_rules(self) -> tuple[str, Collection[str]] | None:
        """Return the revision and the rules of the last committing sync whose plan was made."""
        query = (
            select(_RUN.c.config, _RUN.c.rules)
            .where(
                _RUN.c.kind != RunKind.UNDO,
                _RUN.c.mode == RunMode.COMMIT,
                _RUN.c.state.in_((RunState.EXECUTING, RunState.DONE)),
            )
            .order_by(_RUN.c.started_at.desc(), _RUN.c.id.desc())
            .limit(1)
        )
        row = self._connection.execute(query).one_or_none()
        return None if row is None else (row.config, frozenset(row.rules or ()))

    def last_full_revision(self) -> str | None:
        """Return the rulebook revision of the last committing full sync that ended."""
        query = (
            select(_RUN.c.config)
            .where(
                _RUN.c.kind == RunKind.FULL,
                _RUN.c.mode == RunMode.COMMIT,
                _RUN.c.state == RunState.DONE,
            )
            .order_by(_RUN.c.started_at.desc())
            .limit(1)
        )
        return self._connection.execute(query).scalar()


def _values(run: Run) -> dict[str, object]:
    return {
        "kind": run.kind,
        "mode": run.mode,
        "state": run.state,
        "config": run.config,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "started_by": run.started_by,
        "counts": asdict(run.counts),
        "rules": {rule: asdict(report) for rule, report in run.rules.items()},
        "scans": list(run.scans),
        "undoes": run.undoes,
        "plan": run.plan,
        "reason": run.reason,
        "carried_on": [asdict(each) for each in run.carried_on],
    }


def run_of(row: Row[Any]) -> Run:
    """Make a run out of a stored row."""
    return Run(
        id=row.id,
        kind=row.kind,
        mode=row.mode,
        state=row.state,
        config=row.config,
        started_at=row.started_at,
        finished_at=row.finished_at,
        started_by=row.started_by,
        counts=Counts(**(row.counts or {})),
        rules={rule: report_of(report) for rule, report in (row.rules or {}).items()},
        scans=tuple(row.scans or ()),
        undoes=row.undoes,
        plan=row.plan,
        reason=row.reason,
        carried_on=carried_on_of(row.carried_on),
    )


def carried_on_of(stored: Sequence[Mapping[str, Any]] | None) -> tuple[CarriedOn, ...]:
    """Make what a run carried on out of what is stored; nothing is known of older runs."""
    return tuple(CarriedOn(**each) for each in stored or ())


def report_of(stored: dict[str, Any]) -> RuleReport:
    """Make the report of a rule out of what is stored."""
    return RuleReport(**{**stored, "counts": Counts(**stored["counts"])})
