"""How what runs did is worded on their pages. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta

from hypersync.messages import wording
from hypersync.messages.carried import MOST_RUNS, became_text, carried_lines
from hypersync.messages.pages.runs import LinkView, RuleLine, RunActionView, RunLine
from hypersync.messages.rows import row_view
from hypersync.model.actions import Action, ActionState, is_undo, undone_rule
from hypersync.model.runs import RuleReport, Run, RunError

VERDICTS = {
    "throttled": "throttled",
    "limited": "limited by Count or Quota",
    "held": "held, because it was rejected before",
    "left": "left as it is by the undo",
}
"""What is said of what a run put off, by verdict."""


def run_line(run: Run, zone: str, now: Mapping[ActionState, int] | None = None) -> RunLine:
    """Return one run on a line; ``now`` are the states that its counts do not say."""
    return RunLine(
        id=run.id,
        kind=run.kind.value,
        mode=run.mode.value,
        state=run.state.value,
        started=wording.moment(run.started_at, zone),
        took="" if run.finished_at is None else took(run.finished_at - run.started_at),
        by=wording.visible(run.started_by or "", 80),
        counts=own_text(run),
        errors=wording.counted(run.counts.errors, "error") if run.counts.errors else "",
        reason=wording.visible(run.reason or "", 300),
        plan=run.applied_plan or "",
        undoes=run.undoes or "",
        carried=_carried(run),
        now=became_text(now) if now else "",
    )


def own_text(run: Run) -> str:
    """Return what a run did by its own plan; empty when there was nothing to do at all."""
    return counts_text(asdict(run.counts)) or ("nothing new" if run.carried_on else "")


def whole_text(run: Run) -> str:
    """Return what a run did, what it carried on of earlier ones among it."""
    own = own_text(run) or "nothing to do"
    return "; ".join([own, *carried_lines(run.carried_on)])


def _carried(run: Run) -> Sequence[LinkView]:
    """Return what a run carried on, each with the earlier run's page where it is of one."""
    lines = carried_lines(run.carried_on)
    pages = [f"/report/runs/{each.run}" for each in run.carried_on[:MOST_RUNS]]
    pages += [""] * (len(lines) - len(pages))
    return [
        LinkView(line[:1].upper() + line[1:], page) for line, page in zip(lines, pages, strict=True)
    ]


def short_line(run: Run, zone: str) -> str:
    """Return one run as a choice among others."""
    when = wording.moment(run.started_at, zone)
    return f"{when}, {run.kind.value}, {run.mode.value}, {run.state.value}"


def rule_line(rule: str, report: RuleReport) -> RuleLine:
    """Return what one rule did in a run."""
    lookback = f", {wording.number(report.lookback)} counted from before" if report.lookback else ""
    return RuleLine(
        rule=wording.visible(rule, 80),
        counts=counts_text(asdict(report.counts)),
        limit=wording.visible(report.limit_text or "", 120) + lookback,
        reason=wording.visible(report.reason or "", 300),
        cause=wording.visible(report.cause, 300),
        address="" if is_undo(rule) and not undone_rule(rule) else undone_rule(rule),
    )


def action_view(action: Action, zone: str) -> RunActionView:
    """Return one action of a run."""
    decided = ""
    if action.decided_by is not None and action.decided_at is not None:
        when = wording.moment(action.decided_at, zone)
        decided = f"decided by {wording.visible(action.decided_by, 80)} on {when}"
    return RunActionView(
        row=row_view(action, is_whole=True),
        state=action.state.value,
        decided=decided,
        error=wording.visible(action.error or "", 300),
        rule=wording.visible(action.rule, 80),
        identity=str(action.identity),
    )


def error_line(error: RunError) -> str:
    """Return one error: of which rule, about whom, and what it is."""
    whom = "" if error.identity is None else f"identity {error.identity}"
    parts = (error.rule or "", whom, error.message)
    return wording.visible(": ".join(part for part in parts if part), 500)


def counts_text(counts: dict[str, object]) -> str:
    """Return the counts that are not zero."""
    hidden = ("identities", "proposed")
    return ", ".join(
        f"{wording.number(count)} {name}"
        for name, count in counts.items()
        if isinstance(count, int) and count and name not in hidden
    )


def took(span: timedelta) -> str:
    """Return how long something took: ``0.4 s``, ``12 s``, ``3 min 5 s``, ``2 h 10 min``."""
    seconds = max(span.total_seconds(), 0)
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{wording.number(whole // 3600)} h {whole % 3600 // 60} min"
