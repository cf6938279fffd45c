"""The runs: their history, and each with its rules, actions, errors and what it put off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Annotated

from flask import Response
from pydantic import BaseModel, Field

from hypersync.errors import NotFound
from hypersync.insight.became import what_became
from hypersync.insight.hidden import hidden_of
from hypersync.model.actions import ActionState
from hypersync.model.ids import ActionId, RunId
from hypersync.model.objects import Operation
from hypersync.model.runs import Counts, RuleReport, Run, RunKind, RunMode, RunState
from hypersync.ports.store import UnitOfWork
from hypersync.ports.store.ledger import ActionsWanted, RunsWanted, VerdictRow
from webui.api.actions import ActionPage, action_page
from webui.api.answers import Page, Paged, answer, number_key, page_from, text_key
from webui.api.routes import Routes
from webui.api.words import ById, Moment, Word


class CountsOut(BaseModel):
    """What became of actions; see the reference of `--json`."""

    identities: int
    proposed: int
    throttled: int
    limited: int
    suspended: int
    planned: int
    queued: int
    released: int
    succeeded: int
    failed: int
    conflict: int
    unknown: int
    stale: int
    void: int
    errors: int


class CarriedOnOut(BaseModel):
    """What became of the actions of an earlier run while a later one had them."""

    run: str
    succeeded: int
    failed: int
    conflict: int
    unknown: int
    found: int
    waiting: int


class RunOut(BaseModel):
    """One execution of the pipeline."""

    id: str
    kind: RunKind
    mode: RunMode
    state: RunState
    config: str = Field(description="The revision of the rules.")
    started_at: datetime
    finished_at: datetime | None
    started_by: str | None
    counts: CountsOut = Field(description="Of its own plan, as they were when it ended.")
    carried_on: list[CarriedOnOut] = Field(description="Besides, of what earlier runs queued.")
    undoes: str | None = Field(description="The run that it takes back.")
    reason: str | None
    applied_plan: str | None = Field(description="The hash of the plan file that it carries out.")


class RunPage(Page[RunOut]):
    """A page of runs."""


class RuleReportOut(BaseModel):
    """What one rule did in a run, under which limit."""

    rule: str
    counts: CountsOut
    limit: int | None
    limit_text: str | None
    population: int | None
    lookback: int
    reason: str | None = Field(description="Why it was stopped.")
    cause: str = Field(description="What the stopped actions share.")


class RunDetail(RunOut):
    """A run with what each rule did."""

    rules: list[RuleReportOut]
    scans: list[str]
    irreversible: int = Field(description="How many of its actions nothing takes back.")
    now: Mapping[ActionState, int] | None = Field(
        description="Its actions by state as they are now, without zeros; null for a preview."
    )


class ErrorOut(BaseModel):
    """One thing that went wrong in a run."""

    rule: str | None
    identity: int | None
    code: str
    message: str


class ErrorPage(Page[ErrorOut]):
    """A page of errors."""


class PutOffOut(BaseModel):
    """What a guard put off without an action of its own."""

    rule: str
    identity: int
    verdict: str = Field(description="throttled, limited, held or left.")
    text: str


class PutOffPage(Page[PutOffOut]):
    """A page of what was put off."""


class RunQuery(Paged):
    """Which runs are asked for."""

    kind: RunKind | None = None
    mode: RunMode | None = None
    state: RunState | None = None
    by: Word | None = Field(None, description="Part of who started it.")
    has_errors: bool = False
    since: Moment | None = None


class RunActionQuery(Paged):
    """Which actions of a run are asked for."""

    rule: Word | None = None
    state: ActionState | None = None
    operation: Operation | None = None
    text: Word | None = Field(None, description="Part of the name or the anchor.")


class OfRuleQuery(Paged):
    """Of which rule."""

    rule: Word | None = None


class PutOffQuery(OfRuleQuery):
    """What was put off of which rule, and how."""

    verdict: Annotated[str | None, Field(pattern="^(throttled|limited|held|left)$")] = None


def add_to(routes: Routes) -> None:
    """Add the calls that look at runs."""
    app = routes.app
    hidden = hidden_of(app.engine)

    @routes.get("/runs", RunPage, tag="runs")
    def list_runs(query: RunQuery) -> Response:
        """List runs, the newest first."""
        wanted = RunsWanted(
            kind=query.kind,
            mode=query.mode,
            state=query.state,
            by=query.by or "",
            has_errors=query.has_errors,
            since=query.since,
        )
        after = text_key(query)
        with app.store.snapshot() as unit:
            found = unit.ledger.runs(
                wanted, after=None if after is None else RunId(after), limit=query.limit + 1
            )
        return page_from(RunPage, found, query.limit, run_out, lambda run: run.id)

    @routes.get("/runs/<id>", RunDetail, tag="runs")
    def get_run(path: ById) -> Response:
        """Return one run, and what each rule did in it."""
        with app.store.snapshot() as unit:
            run = hidden.of_run(_run(unit, path.id))
            now = what_became(unit, [run]).get(run.id)
        shown = run_out(run).model_dump()
        rules = [_rule(name, report) for name, report in run.rules.items()]
        count = app.irreversible(run).count
        scans = list(run.scans)
        return answer(RunDetail(**shown, rules=rules, scans=scans, irreversible=count, now=now))

    _add_lists_of_one(routes)


def _add_lists_of_one(routes: Routes) -> None:
    app = routes.app
    hidden = hidden_of(app.engine)

    @routes.get("/runs/<id>/actions", ActionPage, tag="runs")
    def list_run_actions(path: ById, query: RunActionQuery) -> Response:
        """List what a run wanted, and what it released, by rule."""
        after = text_key(query)
        wanted = ActionsWanted(
            rule=query.rule, state=query.state, operation=query.operation, text=query.text or ""
        )
        with app.store.snapshot() as unit:
            found = unit.ledger.actions(
                _run(unit, path.id).id,
                wanted,
                after=None if after is None else ActionId(after),
                limit=query.limit + 1,
            )
        return action_page(found, query.limit, hidden)

    @routes.get("/runs/<id>/errors", ErrorPage, tag="runs")
    def list_run_errors(path: ById, query: OfRuleQuery) -> Response:
        """List what went wrong in a run, in the order it was met."""
        after = number_key(query) or 0
        with app.store.snapshot() as unit:
            run = _run(unit, path.id)
            found = unit.ledger.errors(run.id, rule=query.rule, after=after, limit=query.limit + 1)
        return page_from(
            ErrorPage,
            found,
            query.limit,
            lambda numbered: ErrorOut(**asdict(hidden.of_error(numbered[1]))),
            lambda numbered: numbered[0],
        )

    @routes.get("/runs/<id>/put-off", PutOffPage, tag="runs")
    def list_run_put_off(path: ById, query: PutOffQuery) -> Response:
        """List what throttles, rates and earlier rejections put off in a run."""
        after = number_key(query) or 0
        with app.store.snapshot() as unit:
            run = _run(unit, path.id)
            found = unit.ledger.verdicts(
                run.id,
                rule=query.rule,
                verdict=query.verdict,
                after=after,
                limit=query.limit + 1,
            )
        return page_from(PutOffPage, found, query.limit, _put_off, lambda row: row.number)


def _run(unit: UnitOfWork, name: str) -> Run:
    run = unit.runs.get(RunId(name))
    if run is None or run.state is RunState.PLANNING:
        raise NotFound("there is no such run")
    return run


def run_out(run: Run) -> RunOut:
    """Return a run as the API shows it."""
    return RunOut(
        id=run.id,
        kind=run.kind,
        mode=run.mode,
        state=run.state,
        config=run.config,
        started_at=run.started_at,
        finished_at=run.finished_at,
        started_by=run.started_by,
        counts=_counts(run.counts),
        carried_on=[CarriedOnOut(**asdict(each)) for each in run.carried_on],
        undoes=run.undoes,
        reason=run.reason,
        applied_plan=run.applied_plan,
    )


def _rule(name: str, report: RuleReport) -> RuleReportOut:
    return RuleReportOut(
        rule=name,
        counts=_counts(report.counts),
        limit=report.limit,
        limit_text=report.limit_text,
        population=report.population,
        lookback=report.lookback,
        reason=report.reason,
        cause=report.cause,
    )


def _counts(counts: Counts) -> CountsOut:
    return CountsOut(**asdict(counts))


def _put_off(row: VerdictRow) -> PutOffOut:
    return PutOffOut(rule=row.rule, identity=row.identity, verdict=row.verdict, text=row.text)
