"""The reports: everything that waits, and the history of runs. They only show."""

from __future__ import annotations

from flask import Blueprint, Response, make_response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from hypersync.approvals.decide import OfRequest
from hypersync.approvals.invite import show
from hypersync.approvals.look import waiting
from hypersync.errors import DecisionRefused, NotFound
from hypersync.messages.pages import PendingPage, RunsPage
from hypersync.messages.views import row_view
from hypersync.model.ids import RequestId, RunId
from hypersync.pipeline.unlock import in_force
from webui.bundle import Bundle
from webui.pages import run_line, run_page, unlock_lines, waiting_view
from webui.security import is_local

MOST_ROWS = 200
MOST_RUNS = 100
MOST_ACTIONS = 1000


def blueprint(bundle: Bundle) -> Blueprint:
    """Return the report pages."""
    pages = Blueprint("reports", __name__)

    @pages.get("/")
    def start() -> AnyResponse:
        return redirect("/report/pending", 302)

    @pages.get("/report/pending")
    def pending() -> Response:
        return make_response(bundle.renderer.render("web/pending.html", _pending(bundle)))

    @pages.get("/report/runs")
    def runs() -> Response:
        _only_here(bundle)
        with bundle.store.snapshot() as unit:
            recent = unit.runs.recent(MOST_RUNS)
            keys = in_force(unit, bundle.lock, bundle.clock())
        lines = [run_line(run) for run in recent]
        view = RunsPage(title="Runs", unlocks=unlock_lines(keys), runs=lines)
        return make_response(bundle.renderer.render("web/runs.html", view))

    @pages.get("/report/runs/<run_id>")
    def run(run_id: str) -> Response:
        _only_here(bundle)
        which = RunId(run_id)
        with bundle.store.snapshot() as unit:
            found = unit.runs.get(which)
            if found is None:
                raise NotFound
            actions = unit.actions.of_run(which, limit=MOST_ACTIONS)
            total = unit.actions.count_of_run(which)
            errors = unit.runs.errors(which, limit=MOST_ACTIONS)
            keys = in_force(unit, bundle.lock, bundle.clock())
        view = run_page(found, actions, total, errors, keys)
        return make_response(bundle.renderer.render("web/run.html", view))

    return pages


def _only_here(bundle: Bundle) -> None:
    if not is_local(bundle):
        raise DecisionRefused("Until there is a sign-in, this page is shown on its machine only.")


def _pending(bundle: Bundle) -> PendingPage:
    """Return what waits: everything here, elsewhere the request one was invited to."""
    if is_local(bundle):
        found = waiting(bundle.store)
        return PendingPage(
            title="Waiting for a decision",
            unlocks=_unlocks(bundle),
            requests=[
                waiting_view(each, actions, bundle.settings, MOST_ROWS)
                for each, actions in found.requests
            ],
            others=[row_view(action) for action in found.others[:MOST_ROWS]],
        )
    token, wanted = request.args.get("token"), request.args.get("request")
    if not token or not wanted:
        raise DecisionRefused("Open the whole link from your mail; it says who was invited.")
    target = OfRequest(RequestId(wanted))
    now = bundle.clock()
    subject = show(bundle.store, target, token, now=now, settings=bundle.settings)
    one = waiting_view(subject.request, subject.undecided, bundle.settings, len(subject.undecided))
    return PendingPage(
        title="Waiting for a decision", unlocks=_unlocks(bundle), requests=[one], others=[]
    )


def _unlocks(bundle: Bundle) -> list[str]:
    with bundle.store.snapshot() as unit:
        return unlock_lines(in_force(unit, bundle.lock, bundle.clock()))
