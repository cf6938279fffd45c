"""Starts runs from the page: a preview first, then, by whoever looked at it, its commit.

Each takes an operator who signed in. Nothing runs while somebody waits for an answer: a POST leads
to the page of the job, which looks how far it is.
"""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, redirect, request, url_for
from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Response as AnyResponse

from hypersync.access.visitor import Visitor
from hypersync.app import App
from hypersync.errors import DecisionRefused, UsageError
from hypersync.insight.hidden import hidden_of
from hypersync.messages.pages.frame import MessagePage
from hypersync.messages.pages.runs import JobPage
from hypersync.model.actions import ActionState
from hypersync.model.ids import RunId
from hypersync.pipeline.undo.irreversible import Irreversible
from webui.frame import part, show
from webui.jobs import Busy, Job, JobState, Order, jobs
from webui.runs.jobs_view import job_page
from webui.visitors import needs

_KINDS = ("", "delta", "full")


def add(pages: Blueprint, app: App) -> None:
    """Add the addresses that start runs and show how far they are."""

    @pages.post("/preview")
    def preview() -> AnyResponse:
        known = _operator(app)
        return _started(app, known, _sync_order)

    @pages.post("/<name>/undo")
    def undo(name: str) -> AnyResponse:
        known = _operator(app)
        rule = request.form.get("rule", "").strip() or None
        return _started(app, known, lambda: Order(undoes=RunId(name), rule=rule))

    @pages.post("/jobs/<name>/commit")
    def commit(name: str) -> AnyResponse:
        known = _operator(app)
        person = known.person or ""
        return _started(
            app, known, lambda: jobs().committed(name, person=person, knows=_number("stays"))
        )

    @pages.get("/jobs/<name>")
    def job(name: str) -> Response:
        known = needs(app, "operator")
        return show(app, "web/job.html", _view(app, jobs().get(name), known))

    @pages.get("/jobs/<name>/progress")
    def progress(name: str) -> Response:
        known = needs(app, "operator")
        return part(app, "web/_job.html", _view(app, jobs().get(name), known))


def _operator(app: App) -> Visitor:
    """Return who sends the form; raises `DecisionRefused` for others than known operators."""
    known = needs(app, "operator")
    if known.person is None:
        raise DecisionRefused("Sign in to start a run: it is written down whose it is.")
    return known


def _started(app: App, known: Visitor, order: Callable[[], Order]) -> AnyResponse:
    """Start what was ordered and go to its page; while another one is under way say whose."""
    try:
        started = jobs().start(order(), person=known.person or "", name=known.name)
    except Busy as busy:
        view = MessagePage(title="A run is under way", message=f"{busy.message}.")
        return show(app, "web/message.html", view, 409)
    except UsageError as error:
        raise BadRequest(f"{error.message}.") from error
    return redirect(url_for("runs.job", name=started.id), 303)


def _sync_order() -> Order:
    """Read what kind of sync is wanted; raises `UsageError`."""
    kind = request.form.get("kind", "")
    if kind not in _KINDS:
        raise UsageError("a sync is full or delta")
    return Order(
        kind=kind or None,
        target=_target(request.form.get("target", "").strip()),
        scan="scan" in request.form,
    )


def _target(text: str) -> tuple[str, str, str] | None:
    """Split SILO/TYPE/ANCHOR at the first two slashes."""
    if not text:
        return None
    parts = text.split("/", 2)
    if len(parts) != 3 or not all(parts):
        raise UsageError("an object is written SILO/TYPE/ANCHOR, such as hr/person/E1")
    return parts[0], parts[1], parts[2]


def _number(name: str) -> int | None:
    text = "".join(request.form.get(name, "").split())
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


def _view(app: App, job: Job, known: Visitor) -> JobPage:
    with app.store.snapshot() as unit:
        run = None if job.run is None else unit.runs.get(job.run)
        approved = unit.actions.count(ActionState.APPROVED)
    can_commit = run is not None and job.state is JobState.DONE and not job.order.commit
    return job_page(
        job,
        None if run is None else hidden_of(app.engine).of_run(run),
        irreversible=app.irreversible(run) if can_commit and run else Irreversible(),
        approved=approved,
        is_mine=known.person == job.person,
    )
