"""Builds the views of the pages of runs. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from hypersync.messages import wording
from hypersync.messages.pages.runs import RuleLine, RunActionView, RunLine, RunPage
from hypersync.messages.views import row_view
from hypersync.model.actions import Action
from hypersync.model.runs import Run, RunError


def run_line(run: Run, zone: str) -> RunLine:
    """Return one run on a line."""
    return RunLine(
        id=run.id,
        kind=run.kind.value,
        mode=run.mode.value,
        state=run.state.value,
        started=wording.moment(run.started_at, zone),
        by=wording.visible(run.started_by or "", 80),
        counts=counts_text(asdict(run.counts)),
        reason=wording.visible(run.reason or "", 300),
        plan=run.applied_plan or "",
    )


def run_page(
    run: Run,
    actions: Sequence[Action],
    total: int,
    errors: Sequence[RunError],
    zone: str,
) -> RunPage:
    """Return one run with its first actions."""
    return RunPage(
        title=f"Run {run.id}",
        run=run_line(run, zone),
        rules=[
            RuleLine(
                rule=wording.visible(rule, 80),
                counts=counts_text(asdict(report.counts)),
                limit=wording.visible(report.limit_text or "", 120),
                reason=wording.visible(report.reason or "", 300),
            )
            for rule, report in run.rules.items()
        ],
        errors=[
            wording.visible(": ".join(part for part in (error.rule, error.message) if part), 500)
            for error in errors
        ],
        actions=[_run_action(action, zone) for action in actions],
        rest=max(total - len(actions), 0),
    )


def _run_action(action: Action, zone: str) -> RunActionView:
    decided = ""
    if action.decided_by is not None and action.decided_at is not None:
        when = wording.moment(action.decided_at, zone)
        decided = f"decided by {wording.visible(action.decided_by, 80)} on {when}"
    return RunActionView(
        row=row_view(action),
        state=action.state.value,
        decided=decided,
        error=wording.visible(action.error or "", 300),
    )


def counts_text(counts: dict[str, object]) -> str:
    """Return the counts that are not zero."""
    hidden = ("identities", "proposed")
    return ", ".join(
        f"{wording.number(count)} {name}"
        for name, count in counts.items()
        if isinstance(count, int) and count and name not in hidden
    )
