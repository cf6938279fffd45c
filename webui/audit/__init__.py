"""The page of the audit trail: its events, and the state of its hash chain. It only shows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, request

from hypersync.access.visitor import Visitor
from hypersync.app import App
from hypersync.audit.state import chain_state
from hypersync.errors import UsageError
from hypersync.insight.events import EventPage, find_events
from hypersync.insight.hidden import hidden_of
from hypersync.messages.pages.audit import AuditPage, ChainView
from hypersync.ports.store.events import EventFilter
from webui.audit.build import chain_view, event_view, fields, query
from webui.audit.verified import verifier
from webui.frame import show
from webui.visitors import needs, zone_of

MOST_EVENTS = 50


def blueprint(app: App) -> Blueprint:
    """Return the page of the audit trail."""
    pages = Blueprint("audit", __name__)

    @pages.get("/audit")
    def audit() -> Response:
        known = needs(app, "viewer")
        given = {name: text.strip() for name, text in request.args.items()}
        page, error = EventPage([], None), ""
        try:
            page = _events(app, known, given)
        except UsageError as refused:
            error = refused.message
        view = _view(app, known, given, page, error)
        return show(app, "web/audit.html", view, 400 if error else 200)

    return pages


def _events(app: App, known: Visitor, given: Mapping[str, str]) -> EventPage:
    """Return the page of events that was asked for; raises `UsageError` for what is no filter."""
    zone = zone_of(app)
    names = ("kind", "run", "rule", "request", "action", "silo", "by")
    said = {name: given[name] for name in names if given.get(name)}
    if "kind" in said:
        said["kind"] = said["kind"].replace(" ", "_")
    wanted = EventFilter(
        **said, since=_moment(given.get("since"), zone), until=_moment(given.get("until"), zone)
    )
    before = given.get("before") or None
    if before is not None and not (before.isascii() and before.isdecimal() and len(before) < 19):
        raise UsageError("The address is not whole: choose a page by its link.")
    return find_events(
        app.store,
        wanted,
        limit=MOST_EVENTS,
        before=None if before is None else int(before),
        shows_approvers=known.may("admin"),
        hidden=hidden_of(app.engine),
    )


def _moment(text: str | None, zone: str) -> datetime | None:
    """Read a time on the clocks of whoever looks."""
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise UsageError("That is no time; write for instance 2026-01-31T09:00.") from error


def _view(
    app: App, known: Visitor, given: Mapping[str, str], page: EventPage, error: str
) -> AuditPage:
    zone, directory = zone_of(app), app.settings.directory
    filled = fields(given)
    return AuditPage(
        title="Audit trail",
        chain=_chain(app, known, given, zone),
        fields=filled,
        is_filtered=any(each.value for each in filled),
        events=[event_view(each, directory, zone) for each in page.events],
        older="" if page.older is None else query(given, before=str(page.older)),
        error=error,
    )


def _chain(app: App, known: Visitor, given: Mapping[str, str], zone: str) -> ChainView:
    state, is_admin = chain_state(app.store), known.may("admin")
    is_wanted = is_admin and given.get("verify") == "all"
    checked = verifier().verify_all() if is_wanted else verifier().look(state)
    return chain_view(state, checked, query(given, verify="all") if is_admin else "", zone)
