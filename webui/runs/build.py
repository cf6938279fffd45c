"""Builds the views of the pages of runs. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from hypersync.insight.runs import Page, RunInsight
from hypersync.messages import wording
from hypersync.messages.pages.runs import ChoiceView, LinkView, ListPage, RunPage, RunsPage
from hypersync.model.actions import ActionState
from hypersync.model.ids import RunId
from hypersync.model.runs import Run, RunError, RunMode, RunState
from hypersync.ports.store.ledger import VerdictRow
from webui.runs.filters import (
    address,
    put_off_fields,
    run_fields,
    runs_fields,
)
from webui.runs.words import (
    VERDICTS,
    action_view,
    error_line,
    rule_line,
    run_line,
    short_line,
    took,
)

HOME = "/report/runs"


def runs_page(
    found: Page[Run, RunId],
    became: Mapping[RunId, Mapping[ActionState, int]],
    asked: Mapping[str, str],
    zone: str,
    *,
    may_run: bool,
    job: str,
) -> RunsPage:
    """Return the history; ``became`` are the states that the counts of some runs do not say."""
    kept = {name: value for name, value in asked.items() if name != "after"}
    return RunsPage(
        title="Runs",
        runs=[run_line(run, zone, became.get(run.id)) for run in found.rows],
        fields=runs_fields(asked),
        is_filtered=bool(kept),
        is_first="after" not in asked,
        more=address(HOME, kept, found.next),
        may_run=may_run,
        job=job,
    )


def run_page(
    found: RunInsight,
    others: Sequence[Run],
    asked: Mapping[str, str],
    zone: str,
    *,
    may_undo: bool,
) -> RunPage:
    """Return one run with a page of its actions."""
    run = found.run
    home = f"{HOME}/{run.id}"
    kept = {name: value for name, value in asked.items() if name != "after"}
    return RunPage(
        title=f"Run {run.id}",
        run=run_line(run, zone, found.now),
        facts=_facts(found, zone),
        rules=[rule_line(rule, report) for rule, report in run.rules.items()],
        errors=[error_line(error) for error in found.errors.rows],
        more_errors=f"{home}/errors" if found.errors.next is not None else "",
        put_off=[
            LinkView(
                f"{wording.number(count)} {VERDICTS.get(verdict, verdict)}",
                address(f"{home}/put-off", {"verdict": verdict}),
            )
            for verdict, count in sorted(found.put_off.items())
        ],
        fields=run_fields(asked, list(run.rules)),
        is_filtered=bool(kept),
        is_first="after" not in asked,
        actions=[action_view(action, zone) for action in found.actions.rows],
        more=address(home, kept, found.actions.next),
        others=[
            ChoiceView(each.id, short_line(each, zone)) for each in others if each.id != run.id
        ],
        may_undo=may_undo and run.mode is RunMode.COMMIT and run.state is RunState.DONE,
    )


def _facts(found: RunInsight, zone: str) -> list[tuple[str, str]]:
    """Return when a run began and ended, and how long it planned and executed."""
    run = found.run
    facts = [("Started", wording.moment(run.started_at, zone))]
    if run.started_by:
        facts.append(("By", wording.visible(run.started_by, 80)))
    if run.finished_at is not None:
        facts.append(("Took", took(run.finished_at - run.started_at)))
    if found.first_start is not None:
        facts.append(("Planning", took(found.first_start - run.started_at)))
        facts.append(("Executing", took(_end(found, found.first_start) - found.first_start)))
    facts.append(("Looked at", wording.counted(run.counts.identities, "identity", "identities")))
    if run.scans:
        facts.append(("Scans", wording.visible(", ".join(run.scans), 300)))
    facts.append(("Rules", f"revision {wording.visible(run.config[:12])}"))
    return facts


def _end(found: RunInsight, begin: datetime) -> datetime:
    return found.last_end or found.run.finished_at or begin


def errors_page(run: Run, found: Page[RunError, int], asked: Mapping[str, str]) -> ListPage:
    """Return a page of a run's errors."""
    kept = {name: value for name, value in asked.items() if name != "after"}
    return ListPage(
        title=f"Errors of run {run.id}",
        run=run.id,
        columns=("Rule", "Identity", "Kind", "What went wrong"),
        rows=[
            (
                wording.visible(error.rule or "\N{EN DASH}", 80),
                "\N{EN DASH}" if error.identity is None else str(error.identity),
                wording.visible(error.code, 40),
                wording.visible(error.message, 500),
            )
            for error in found.rows
        ],
        more=address(f"{HOME}/{run.id}/errors", kept, found.next),
        nothing="Nothing went wrong.",
    )


def put_off_page(run: Run, found: Page[VerdictRow, int], asked: Mapping[str, str]) -> ListPage:
    """Return a page of what a run put off."""
    kept = {name: value for name, value in asked.items() if name != "after"}
    return ListPage(
        title=f"What run {run.id} put off",
        run=run.id,
        columns=("Rule", "Identity", "Put off", "Why"),
        rows=[
            (
                wording.visible(row.rule, 80),
                str(row.identity),
                VERDICTS.get(row.verdict, wording.visible(row.verdict, 40)),
                wording.visible(row.text, 500),
            )
            for row in found.rows
        ],
        fields=put_off_fields(asked, list(run.rules), VERDICTS),
        more=address(f"{HOME}/{run.id}/put-off", kept, found.next),
        nothing="Nothing of this kind.",
    )
