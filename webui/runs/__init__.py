"""The pages of runs: the history, and one run with its actions."""

from __future__ import annotations

from flask import Blueprint, Response

from hypersync.app import App
from hypersync.errors import NotFound
from hypersync.messages.pages.runs import RunsPage
from hypersync.model.ids import RunId
from webui.frame import show
from webui.runs.build import run_line, run_page
from webui.visitors import needs, zone_of

MOST_RUNS = 100
MOST_ACTIONS = 1000


def blueprint(app: App) -> Blueprint:
    """Return the pages of runs."""
    pages = Blueprint("runs", __name__, url_prefix="/report/runs")

    @pages.get("")
    def runs() -> Response:
        needs(app, "viewer")
        with app.store.snapshot() as unit:
            recent = unit.runs.recent(MOST_RUNS)
        lines = [run_line(run, zone_of(app)) for run in recent]
        return show(app, "web/runs.html", RunsPage(title="Runs", runs=lines))

    @pages.get("/<run_id>")
    def run(run_id: str) -> Response:
        needs(app, "viewer")
        which = RunId(run_id)
        with app.store.snapshot() as unit:
            found = unit.runs.get(which)
            if found is None:
                raise NotFound
            actions = unit.actions.of_run(which, limit=MOST_ACTIONS)
            total = unit.actions.count_of_run(which)
            errors = unit.runs.errors(which, limit=MOST_ACTIONS)
        view = run_page(found, actions, total, errors, zone_of(app))
        return show(app, "web/run.html", view)

    return pages
