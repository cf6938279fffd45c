"""The pages of identities: the search, one identity, and how it was.

Looking costs the same whatever there is: every question is bounded, and says what it left out.
Syncing one identity is a preview that is committed on its own page, see `webui.jobs`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, redirect, request, url_for
from werkzeug.exceptions import BadRequest, Conflict
from werkzeug.wrappers import Response as AnyResponse

from hypersync.app import App
from hypersync.errors import DecisionRefused, NotFound
from hypersync.insight.hidden import hidden_of
from hypersync.insight.identities import search
from hypersync.insight.past import moment_of, past
from hypersync.insight.portrait import own_objects, portrait
from hypersync.insight.standing import standing
from hypersync.messages.pages.identities import PastPage
from hypersync.model.ids import IdentityId
from webui.frame import part, show
from webui.identities.build import identity_page, search_page
from webui.identities.past_view import past_page
from webui.jobs import Busy, Order, jobs
from webui.visitors import needs, zone_of

_MOST_NUMBER = 2**62


def blueprint(app: App) -> Blueprint:
    """Return the pages of identities."""
    pages = Blueprint("identities", __name__, url_prefix="/identities")

    @pages.get("")
    def find() -> Response:
        needs(app, "viewer")
        hidden = hidden_of(app.engine)
        found = search(app.store, hidden, request.args.get("q", ""), after=_number("after"))
        with app.store.snapshot() as unit:
            total = sum(each.live for each in unit.scans.types())
        return show(app, "web/identities.html", search_page(found, total=total))

    @pages.get("/<int:number>")
    def one(number: int) -> Response:
        known = needs(app, "viewer")
        identity, hidden = _identity(number), hidden_of(app.engine)
        now = app.clock.now()
        with app.store.snapshot() as unit:
            seen = portrait(unit, app.rulebook, hidden, identity)
        decides = standing(app.engine, hidden, identity, now)
        may_sync = known.may("operator") and known.person is not None
        view = identity_page(
            seen,
            decides,
            zone_of(app),
            now,
            may_sync=may_sync,
            sees_approvers=known.may("admin"),
        )
        return show(app, "web/identity.html", view)

    @pages.get("/<int:number>/past")
    def then(number: int) -> Response:
        needs(app, "viewer")
        view = _past(app, _identity(number))
        if request.headers.get("HX-Target") == "then":
            return part(app, "web/_past.html", view)
        return show(app, "web/past.html", view)

    @pages.post("/<int:number>/sync")
    def sync(number: int) -> AnyResponse:
        known = needs(app, "operator")
        if known.person is None:
            raise DecisionRefused("Sign in to start a run: it is written down whose it is.")
        order = Order(target=_target(app, _identity(number)))
        try:
            job = jobs().start(order, person=known.person, name=known.name)
        except Busy as busy:
            raise Conflict(f"{busy.message}.") from busy
        return redirect(url_for("runs.job", name=job.id), 303)

    return pages


def _identity(number: int) -> IdentityId:
    """Return the id of an identity; raises `NotFound` for what can be none."""
    if number > _MOST_NUMBER:
        raise NotFound
    return IdentityId(number)


def _number(name: str) -> int:
    """Return a number of the address, 0 when there is none."""
    text = request.args.get(name, "")
    is_number = text.isascii() and text.isdecimal() and len(text) < 19
    if text and not is_number:
        raise BadRequest(f"'{name}' is a number. Follow the links of the page.")
    return int(text or 0)


def _past(app: App, identity: IdentityId) -> PastPage:
    now = app.clock.now()
    with app.store.snapshot() as unit:
        if "place" in request.args:
            at = moment_of(unit, identity, _number("place"))
        else:
            at = _moment(request.args.get("at", ""), zone_of(app)) or now
        return past_page(past(unit, hidden_of(app.engine), identity, min(at, now)), zone_of(app))


def _moment(text: str, zone: str) -> datetime | None:
    """Read a time, on the clocks of the visitor unless it says of which; nothing for no text."""
    if not text:
        return None
    try:
        read = datetime.fromisoformat(text)
        at = read.replace(tzinfo=ZoneInfo(zone)) if read.tzinfo is None else read
        return at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadRequest("This is no time. Write for instance 2026-01-31T09:00.") from None


def _target(app: App, identity: IdentityId) -> tuple[str, str, str]:
    """Return an object of the identity, one that is there if any is."""
    with app.store.snapshot() as unit:
        objects = own_objects(unit, identity)
    chosen = next((each for each in objects if each.absence is None), objects[0])
    return chosen.silo, chosen.type, chosen.anchor
