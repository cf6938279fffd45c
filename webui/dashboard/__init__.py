"""The start page: what is going on, in short. Parts of it are asked for again by themselves."""

from __future__ import annotations

from flask import Blueprint, Response, redirect
from werkzeug.wrappers import Response as AnyResponse

from hypersync.access.visitor import Visitor
from hypersync.app import App
from hypersync.insight.dashboard import (
    asked_now,
    open_requests,
    populations,
    silos_now,
)
from hypersync.messages.pages.dashboard import DashboardPage, NowView
from hypersync.pipeline.source_guard import SourceGuard
from hypersync.ports.store.ledger import RunsWanted
from hypersync.timetable import next_due, timetable
from webui.dashboard.build import asked_view, now_view, plot_of
from webui.dashboard.schedules import Coming
from webui.frame import part, show
from webui.visitors import needs, visitor, zone_of

_RUNS = 6


def blueprint(app: App) -> Blueprint:
    """Return the start page and the dashboard."""
    pages = Blueprint("dashboard", __name__)

    @pages.get("/")
    def start() -> AnyResponse:
        known = visitor(app)
        is_viewer = known is not None and known.may("viewer")
        return redirect("/dashboard" if is_viewer else "/report/pending", 302)

    @pages.get("/dashboard")
    def dashboard() -> Response:
        known = needs(app, "viewer")
        return show(app, "web/dashboard.html", _page(app, known))

    @pages.get("/dashboard/now")
    def now() -> Response:
        needs(app, "viewer")
        return part(app, "web/_dashboard_now.html", _now(app))

    return pages


def _page(app: App, known: Visitor) -> DashboardPage:
    zone, directory = zone_of(app), app.settings.directory
    with app.store.snapshot() as unit:
        counts = populations(unit, _guards(app), app.clock.now())
    may_know = known.proof == "local" or any(
        role in known.roles for role in ("approver", "operator", "admin")
    )
    return DashboardPage(
        title="Dashboard",
        now=_now(app),
        plots=[plot_of(each, zone) for each in counts],
        asked=[asked_view(each) for each in asked_now(directory)] if may_know else [],
        asked_note="" if may_know else "Who is asked is shown to approvers, operators and admins.",
    )


def _guards(app: App) -> dict[str, SourceGuard]:
    """Return what counts are compared with, by silo."""
    return {
        name: SourceGuard(
            drop=silo.source_guard.drop, min_population=silo.source_guard.min_population
        )
        for name, silo in app.configuration.silos.items()
    }


def _now(app: App) -> NowView:
    now = app.clock.now()
    with app.store.snapshot() as unit:
        last = {each.name: unit.schedules.last(each.name) for each in timetable(app.configuration)}
        return now_view(
            silos=silos_now(unit, list(app.configuration.silos)),
            waiting=open_requests(unit),
            runs=unit.ledger.runs(RunsWanted(), after=None, limit=_RUNS),
            coming=[
                Coming(each, next_due(each, last[each.name], now), last[each.name])
                for each in timetable(app.configuration)
            ],
            leader=unit.leases.holder("leader", now),
            now=now,
            zone=zone_of(app),
        )
