"""The pages of runs: the history, one run with its actions, two runs compared.

What starts a run is in ``start``; everything here only looks.
"""

from __future__ import annotations

from flask import Blueprint, Response, request
from werkzeug.exceptions import BadRequest

from hypersync.access.visitor import Visitor
from hypersync.app import App
from hypersync.insight.compare import Part, Shown, compare
from hypersync.insight.hidden import hidden_of
from hypersync.insight.runs import became, errors_of, history, one_run, put_off_by
from hypersync.model.ids import ActionId, RunId
from hypersync.ports.store.ledger import RunsWanted
from webui.frame import show
from webui.jobs import jobs
from webui.runs import filters, start
from webui.runs.build import errors_page, put_off_page, run_page, runs_page
from webui.runs.compared import compare_page, which_page
from webui.visitors import needs, zone_of


def blueprint(app: App) -> Blueprint:
    """Return the pages of runs."""
    pages = Blueprint("runs", __name__, url_prefix="/report/runs")

    @pages.get("")
    def runs() -> Response:
        return _history(app, needs(app, "viewer"))

    @pages.get("/compare")
    def compared() -> Response:
        needs(app, "viewer")
        return _compared(app)

    @pages.get("/<name>")
    def run(name: str) -> Response:
        return _one(app, needs(app, "viewer"), RunId(name))

    @pages.get("/<name>/errors")
    def errors(name: str) -> Response:
        needs(app, "viewer")
        asked = filters.asked(request.args, filters.ERRORS)
        after = filters.number_after(asked)
        of, found = errors_of(
            app.store, hidden_of(app.engine), RunId(name), rule=asked.get("rule"), after=after
        )
        return show(app, "web/run-list.html", errors_page(of, found, asked))

    @pages.get("/<name>/put-off")
    def put_off(name: str) -> Response:
        needs(app, "viewer")
        asked = filters.asked(request.args, filters.PUT_OFF)
        of, found = put_off_by(
            app.store,
            RunId(name),
            rule=asked.get("rule"),
            verdict=asked.get("verdict"),
            after=filters.number_after(asked),
        )
        return show(app, "web/run-list.html", put_off_page(of, found, asked))

    start.add(pages, app)
    return pages


def _history(app: App, known: Visitor) -> Response:
    asked = filters.asked(request.args, filters.RUNS)
    wanted = filters.runs_wanted(asked, app.clock.now())
    after = RunId(asked["after"]) if "after" in asked else None
    found = history(app.store, wanted, after=after)
    running = jobs().running
    view = runs_page(
        found,
        became(app.store, found.rows),
        asked,
        zone_of(app),
        may_run=known.may("operator"),
        job="" if running is None else running.id,
    )
    return show(app, "web/runs.html", view)


def _one(app: App, known: Visitor, name: RunId) -> Response:
    asked = filters.asked(request.args, filters.ACTIONS)
    after = ActionId(asked["after"]) if "after" in asked else None
    wanted = filters.actions_wanted(asked)
    found = one_run(app.store, hidden_of(app.engine), name, wanted, after=after)
    others = history(app.store, RunsWanted()).rows
    view = run_page(found, others, asked, zone_of(app), may_undo=known.may("operator"))
    return show(app, "web/run.html", view)


def _compared(app: App) -> Response:
    asked = filters.asked(request.args, ("a", "b", "rule", "part", "after"))
    recent = history(app.store, RunsWanted()).rows
    if "a" not in asked or "b" not in asked:
        view = which_page(recent, zone_of(app), asked.get("a", ""), asked.get("b", ""))
        return show(app, "web/compare.html", view)
    shown = _shown(asked)
    found = compare(app.store, hidden_of(app.engine), RunId(asked["a"]), RunId(asked["b"]), shown)
    return show(app, "web/compare.html", compare_page(found, shown, recent, zone_of(app)))


def _shown(asked: dict[str, str]) -> Shown | None:
    """Return which changes are to be listed; nothing when only counts are asked for."""
    if "rule" not in asked or "part" not in asked:
        return None
    try:
        part = Part(asked["part"])
    except ValueError:
        raise BadRequest(f"part is one of {', '.join(each.value for each in Part)}.") from None
    return Shown(part=part, rule=asked["rule"], after=asked.get("after", ""))
