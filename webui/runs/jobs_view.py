"""Builds the view of a run that was started from the page. Pure."""

from __future__ import annotations

from hypersync.messages import wording
from hypersync.messages.pages.runs import ConfirmView, JobPage
from hypersync.model.runs import Run
from hypersync.pipeline.undo.irreversible import Irreversible
from webui.jobs import Job, JobState, Order
from webui.runs.words import whole_text


def job_page(
    job: Job,
    run: Run | None,
    *,
    irreversible: Irreversible,
    approved: int,
    is_mine: bool,
) -> JobPage:
    """Return how far a job is; ``approved`` actions wait for the next committing run."""
    is_over = job.state is JobState.DONE and run is not None
    can_commit = is_over and is_mine and not job.order.commit and not job.is_used
    return JobPage(
        title=_title(job.order),
        id=job.id,
        sentence=_sentence(job),
        is_running=job.state is JobState.RUNNING,
        stage=wording.visible(job.stage, 80),
        done=job.done,
        total=job.total or 0,
        error=wording.visible(job.error, 500),
        run=job.run or "",
        counts="" if run is None else _counts(run),
        notes=_notes(job),
        leaves=job.cannot > 0,
        scans=wording.visible(", ".join(job.scans), 300),
        confirm=_confirm(job, run, irreversible, approved)
        if can_commit and run is not None
        else None,
    )


def _counts(run: Run) -> str:
    text = whole_text(run)
    return text[:1].upper() + text[1:]


def _title(order: Order) -> str:
    what = "an undo" if order.undoes is not None else f"a {order.kind or 'delta'} sync"
    if order.target is not None:
        what = "a sync of one object"
    return f"Commit of {what}" if order.commit else f"Preview of {what}"


def _sentence(job: Job) -> str:
    who = wording.visible(job.name, 80)
    match job.state:
        case JobState.RUNNING:
            return f"Started by {who}, under way."
        case JobState.FAILED:
            return f"Started by {who}. It did not work."
        case JobState.DONE:
            changed = "It was carried out." if job.order.commit else "Nothing was changed."
            return f"Started by {who}. {changed}"


def _notes(job: Job) -> list[str]:
    """Say what an undo leaves, before anything else."""
    be = "stays as it is" if job.order.commit else "would stay as it is"
    notes = []
    if job.cannot:
        notes.append(f"{wording.counted(job.cannot, 'change')} {be}: it cannot be taken back.")
    if job.incomplete:
        notes.append(f"{wording.counted(job.incomplete, 'change')} cannot be brought back whole.")
    return notes


def _confirm(job: Job, run: Run, irreversible: Irreversible, approved: int) -> ConfirmView | None:
    """Return what is to be confirmed; nothing when there is nothing to do."""
    counts = run.counts
    releases = 0 if job.order.undoes is not None else approved
    if not (counts.queued or counts.suspended or releases):
        return None
    changes = wording.counted(counts.queued, "change")
    lines = [f"{changes} would be made, as things stand now.", *_stopped(run)]
    if counts.suspended:
        lines.append(f"{wording.counted(counts.suspended, 'change')} would be asked about.")
    if releases:
        lines.append(f"It also releases {wording.counted(releases, 'approved action')}.")
    if irreversible.count:
        lines.append(f"{irreversible}.")
    lines.append("You start it, so that you may not approve what it suspends.")
    what = "Undo" if job.order.undoes is not None else "Commit"
    return ConfirmView(
        button=f"{what}: make {changes}",
        lines=lines,
        stays=job.cannot,
    )


def _stopped(run: Run) -> list[str]:
    """Say which rules would be stopped, and why."""
    return [
        f"{wording.visible(rule, 80)} would be stopped: {wording.visible(report.reason, 300)}."
        for rule, report in run.rules.items()
        if report.reason
    ]
