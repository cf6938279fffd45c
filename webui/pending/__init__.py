"""The report of everything that waits for a decision. It only shows."""

from __future__ import annotations

from flask import Blueprint, Response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from hypersync.app import App
from hypersync.approvals.decide import OfRequest
from hypersync.approvals.invite import show
from hypersync.approvals.look import waiting
from hypersync.errors import DecisionRefused
from hypersync.messages.pages.pending import PendingPage
from hypersync.messages.views import row_view
from hypersync.model.ids import RequestId
from webui.frame import show as show_page
from webui.pending.build import waiting_view
from webui.visitors import visitor, zone_of

MOST_ROWS = 200


def blueprint(app: App) -> Blueprint:
    """Return the page of what waits."""
    pages = Blueprint("pending", __name__)

    @pages.get("/")
    def start() -> AnyResponse:
        return redirect("/report/pending", 302)

    @pages.get("/report/pending")
    def pending() -> Response:
        return show_page(app, "web/pending.html", _pending(app), is_invited=True)

    return pages


def _pending(app: App) -> PendingPage:
    """Return what waits: everything to a viewer, to others the request one was invited to."""
    known = visitor(app)
    if known is None or not known.may("viewer"):
        return _invited(app)
    found = waiting(app.store)
    return PendingPage(
        title="Waiting for a decision",
        requests=[
            waiting_view(each, actions, app.settings, zone_of(app), MOST_ROWS)
            for each, actions in found.requests
        ],
        others=[row_view(action) for action in found.others[:MOST_ROWS]],
    )


def _invited(app: App) -> PendingPage:
    token, wanted = request.args.get("token"), request.args.get("request")
    if not token or not wanted:
        raise DecisionRefused("Open the whole link from your mail; it says who was invited.")
    subject = show(
        app.store,
        OfRequest(RequestId(wanted)),
        token,
        now=app.clock.now(),
        settings=app.settings,
    )
    most = len(subject.undecided)
    one = waiting_view(subject.request, subject.undecided, app.settings, zone_of(app), most)
    return PendingPage(title="Waiting for a decision", requests=[one], others=[])
