"""Reads what runs did, a page at a time. Every page is found by its key in an index."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Select, Text, and_, exists, func, or_, select, type_coerce

from hypersync.model.actions import Action, ActionState
from hypersync.model.ids import ActionId, RunId
from hypersync.model.runs import Counts, Run, RunError, RunMode, RunState
from hypersync.ports.store.ledger import (
    ActionsWanted,
    RuleInRun,
    RunsWanted,
    VerdictRow,
    Wish,
)
from hypersync.store import tables
from hypersync.store.action_rows import action_of
from hypersync.store.carried import Carried
from hypersync.store.runs import carried_on_of, report_of

_ACTION = tables.action
_ERROR = tables.run_error
_RUN = tables.run
_VERDICT = tables.verdict_row
_HEAD = tuple(column for column in _RUN.c if column.name not in ("rules", "scans", "error"))
_PORTION = 100
"""How many runs' reports are read at a time."""


class Ledger(Carried):
    """What runs did. Nothing is written here."""

    # --- runs ----------------------------------------------------------------------------------

    def runs(self, wanted: RunsWanted, *, after: RunId | None, limit: int) -> Sequence[Run]:
        """Return runs whose plan was made, the newest first, without what their rules did."""
        query = select(*_HEAD).where(_RUN.c.state != RunState.PLANNING, *_runs_that(wanted))
        if after is not None:
            behind = self._behind(after)
            if behind is None:
                return []
            query = query.where(behind)
        query = query.order_by(_RUN.c.started_at.desc(), _RUN.c.id.desc()).limit(limit)
        return [_head_of(row) for row in self._connection.execute(query).mappings()]

    def _behind(self, run: RunId) -> ColumnElement[bool] | None:
        at = self._connection.execute(select(_RUN.c.started_at).where(_RUN.c.id == run)).scalar()
        if at is None:
            return None
        return and_(
            _RUN.c.started_at <= at,
            or_(_RUN.c.started_at < at, _RUN.c.id < run),
        )

    def spent(self, run: RunId) -> tuple[datetime | None, datetime | None]:
        """Return when the first of a run's actions started and when the last one ended."""
        begin: list[datetime] = []
        end: list[datetime] = []
        for mine in (_ACTION.c.run == run, _ACTION.c.released_by == run):
            query = select(func.min(_ACTION.c.started_at), func.max(_ACTION.c.finished_at))
            row = self._connection.execute(query.where(mine, _ACTION.c.worker == run)).one()
            begin += [row[0]] * (row[0] is not None)
            end += [row[1]] * (row[1] is not None)
        return min(begin, default=None), max(end, default=None)

    # --- actions -------------------------------------------------------------------------------

    def actions(
        self, run: RunId, wanted: ActionsWanted, *, after: ActionId | None, limit: int
    ) -> Sequence[Action]:
        """Return a run's visible actions by rule, then those that it only released."""
        found: list[Action] = []
        for query in self._pages(run, wanted, after):
            rows = self._connection.execute(query.limit(limit - len(found)))
            found += map(action_of, rows)
            if len(found) == limit:
                break
        return found

    def _pages(
        self, run: RunId, wanted: ActionsWanted, after: ActionId | None
    ) -> Sequence[Select[Any]]:
        """Return what to read one after the other; each follows an index from a key on."""
        those = _actions_that(wanted)
        own = select(_ACTION).where(
            _ACTION.c.run == run, _ACTION.c.state != ActionState.PROPOSED, *those
        )
        own = own.order_by(_ACTION.c.rule, _ACTION.c.seq)
        released = select(_ACTION).where(_ACTION.c.released_by == run, _ACTION.c.run != run, *those)
        released = released.order_by(_ACTION.c.seq)
        if after is None:
            return own, released
        columns = (_ACTION.c.run, _ACTION.c.rule, _ACTION.c.seq)
        row = self._connection.execute(select(*columns).where(_ACTION.c.id == after)).one_or_none()
        if row is None:
            return ()
        if row.run != run:
            return (released.where(_ACTION.c.seq > row.seq),)
        same = own.where(_ACTION.c.rule == row.rule, _ACTION.c.seq > row.seq)
        return same, own.where(_ACTION.c.rule > row.rule), released

    # --- what was put off, and what went wrong -------------------------------------------------

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
        query = select(_VERDICT).where(_VERDICT.c.run == run, _VERDICT.c.id > after)
        if rule is not None:
            query = query.where(_VERDICT.c.rule == rule)
        if verdict is not None:
            query = query.where(_VERDICT.c.verdict == verdict)
        rows = self._connection.execute(query.order_by(_VERDICT.c.id).limit(limit))
        return [
            VerdictRow(row.id, row.rule, row.identity, row.key, row.verdict, row.text)
            for row in rows
        ]

    def verdict_counts(self, run: RunId) -> Mapping[str, int]:
        """Count what a run put off by verdict."""
        query = (
            select(_VERDICT.c.verdict, func.count())
            .where(_VERDICT.c.run == run)
            .group_by(_VERDICT.c.verdict)
        )
        return {row[0]: row[1] for row in self._connection.execute(query)}

    def errors(
        self, run: RunId, *, rule: str | None = None, after: int = 0, limit: int
    ) -> Sequence[tuple[int, RunError]]:
        """Return a run's errors with their numbers, in the order they were met."""
        query = select(_ERROR).where(_ERROR.c.run == run, _ERROR.c.id > after)
        if rule is not None:
            query = query.where(_ERROR.c.rule == rule)
        rows = self._connection.execute(query.order_by(_ERROR.c.id).limit(limit))
        return [(row.id, RunError(row.rule, row.identity, row.code, row.message)) for row in rows]

    # --- what runs wanted ----------------------------------------------------------------------

    def wishes(self, run: RunId, rule: str) -> Iterator[Wish]:
        """Yield what a run proposed for a rule, what was put off among it."""
        names = ("key", "identity", "state", "id", "fingerprint")
        query = (
            select(*(_ACTION.c[name] for name in names))
            .where(
                _ACTION.c.run == run,
                _ACTION.c.rule == rule,
                _ACTION.c.state != ActionState.PROPOSED,
            )
            .order_by(_ACTION.c.seq)
        )
        for key, identity, state, name, fingerprint in self._connection.execute(query):
            yield Wish(rule, key, identity, state.value, name, fingerprint)
        put_off = (
            select(_VERDICT.c.key, _VERDICT.c.identity, _VERDICT.c.verdict)
            .where(_VERDICT.c.run == run, _VERDICT.c.rule == rule, _VERDICT.c.verdict != "left")
            .order_by(_VERDICT.c.id)
        )
        for key, identity, verdict in self._connection.execute(put_off):
            yield Wish(rule, key, identity, verdict, None, "")

    def rules_of(self, runs: Collection[RunId]) -> Sequence[str]:
        """Return the rules that proposed something in these runs, by name."""
        query = select(_RUN.c.rules).where(_RUN.c.id.in_(runs))
        found: set[str] = set()
        for rules in self._connection.execute(query).scalars():
            found.update(name for name, each in (rules or {}).items() if _is_anything(each))
        held = select(_VERDICT.c.rule).where(_VERDICT.c.run.in_(runs), _VERDICT.c.verdict == "held")
        found.update(self._connection.execute(held.distinct()).scalars())
        return sorted(found)

    def reports(
        self, since: datetime, *, rule: str | None = None, most: int | None = None
    ) -> Iterator[RuleInRun]:
        """Yield what rules, or one, did in committing runs since then, the newest run first."""
        busy = islice(self._busy(since), most)
        while some := {row.id: row for row in islice(busy, _PORTION)}:
            query = select(_RUN.c.id, type_coerce(_RUN.c.rules, Text)).where(_RUN.c.id.in_(some))
            stored = dict(self._connection.execute(query).tuples().all())
            for run, row in some.items():
                rules = orjson.loads(stored.get(run) or "{}")
                wanted = rules if rule is None else {rule: rules[rule]} if rule in rules else {}
                for name, each in wanted.items():
                    if _is_anything(each):
                        yield RuleInRun(
                            run=run,
                            kind=row.kind,
                            at=row.started_at,
                            rule=name,
                            report=report_of(each),
                            reason=row.reason,
                        )

    def _busy(self, since: datetime) -> Iterator[Any]:
        """Yield the committing runs that did anything, as far as their own counts say."""
        query = (
            select(_RUN.c.id, _RUN.c.kind, _RUN.c.started_at, _RUN.c.reason, _RUN.c.counts)
            .where(
                _RUN.c.started_at >= since,
                _RUN.c.mode == RunMode.COMMIT,
                _RUN.c.state.in_((RunState.EXECUTING, RunState.DONE)),
            )
            .order_by(_RUN.c.started_at.desc(), _RUN.c.id.desc())
        )
        return (row for row in self._connection.execute(query) if _is_anything(row))


def _is_anything(stored: Any) -> bool:  # noqa: ANN401 - a row, or a report as JSON
    """Tell whether anything was counted besides the identities that were looked at."""
    counts = stored["counts"] if isinstance(stored, dict) else stored.counts
    return any(count for name, count in (counts or {}).items() if name != "identities")


def _runs_that(wanted: RunsWanted) -> Sequence[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    for column, value in (
        (_RUN.c.kind, wanted.kind),
        (_RUN.c.mode, wanted.mode),
        (_RUN.c.state, wanted.state),
    ):
        if value is not None:
            found.append(column == value)
    if wanted.since is not None:
        found.append(_RUN.c.started_at >= wanted.since)
    if wanted.by:
        found.append(_RUN.c.started_by.icontains(wanted.by, autoescape=True))
    if wanted.has_errors:
        found.append(exists().where(_ERROR.c.run == _RUN.c.id))
    return found


def _actions_that(wanted: ActionsWanted) -> Sequence[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    for column, value in (
        (_ACTION.c.rule, wanted.rule),
        (_ACTION.c.state, wanted.state),
        (_ACTION.c.operation, wanted.operation),
    ):
        if value is not None:
            found.append(column == value)
    if wanted.text:
        found.append(_named(wanted.text))
    return found


def _named(text: str) -> ColumnElement[bool]:
    either = [
        _ACTION.c.title.icontains(text, autoescape=True),
        _ACTION.c.anchor.icontains(text, autoescape=True),
        _ACTION.c.id == text,
    ]
    if text.isascii() and text.isdecimal() and len(text) < 19:
        either.append(_ACTION.c.identity == int(text))
    return or_(*either)


def _head_of(row: Mapping[Any, Any]) -> Run:
    """Make a run out of its row without its rules and scans."""
    counts = Counts(**(row["counts"] or {}))
    return Run(**{**row, "counts": counts, "carried_on": carried_on_of(row["carried_on"])})
