"""The report of everything that waits for a decision: looking through it, and deciding in it.

GET only shows. A POST decides what was chosen on the page, all of it or nothing, as whoever is
signed in; each thing chosen is bound to what was shown. Somebody whom nobody knows sees, with the
link of a mail, the request it invites to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

from flask import Blueprint, Response, request
from werkzeug.exceptions import BadRequest

from hypersync.app import App
from hypersync.approvals.invite import answer_in_session, check_invited
from hypersync.errors import DecisionLost, DecisionRefused
from hypersync.insight.hidden import hidden_of
from hypersync.insight.pending import By, Search, Seen, every, listed_again, look, news
from hypersync.messages.pages.pending import PendingPage, RowsPart
from hypersync.model.actions import Action
from hypersync.ports.store.waiting import Sought
from webui.decisions.build import decided_by
from webui.decisions.outcome import outcome_of, status_of
from webui.decisions.reading import answer_of, comment_of
from webui.exports import Exports, as_file
from webui.frame import part as show_part
from webui.frame import show as show_page
from webui.pending.build import NEWS, PAGE, Looker, news_part, pending_page, waiting_view
from webui.pending.choice import choice_of
from webui.pending.export import csv_of, json_of
from webui.pending.search import search_of
from webui.visitors import needs, stranger, visitor, zone_of

_KINDS: dict[str, tuple[str, Callable[[Iterator[Action]], Iterator[str]]]] = {
    "csv": ("text/csv; charset=utf-8", csv_of),
    "json": ("application/json", json_of),
}


def blueprint(app: App) -> Blueprint:
    """Return the page of what waits."""
    pages, exports = Blueprint("pending", __name__), Exports()

    @pages.get(PAGE)
    def pending() -> Response:
        return show_page(app, "web/pending.html", _page(app, _looker(app)), is_invited=True)

    @pages.post(PAGE)
    def decide() -> Response:
        return _decide(app)

    @pages.get(f"{PAGE}/rows")
    def rows() -> Response:
        return show_part(app, "web/_pending_rows.html", _rows(app, _looker(app)))

    @pages.get(NEWS)
    def whats_new() -> Response:
        return _news(app)

    @pages.get(f"{PAGE}.<any(csv, json):kind>")
    def export(kind: str) -> Response:
        return _export(app, exports, kind)

    return pages


# --- looking -----------------------------------------------------------------------------------


def _looker(app: App, *, chosen: frozenset[str] = frozenset()) -> Looker:
    """Return who looks at what: everything to a viewer, to others what one was invited to."""
    known, search = visitor(app), search_of(request.args)
    token = None
    if known is None or not known.may("viewer"):
        token = request.args.get("token") or None
        if known is None and (token is None or search.request is None):
            raise stranger(app, "Open the whole link from your mail; it says who was invited.")
        if token is None or search.request is None:
            raise DecisionRefused("This takes the role viewer.")
        check_invited(app.store, search.request, token, settings=app.settings)
        part = Sought(cluster=search.sought.cluster)
        search = Search(sought=part, request=search.request, page=search.page)
    return Looker(
        settings=app.settings,
        zone=zone_of(app),
        now=app.clock.now(),
        search=search,
        person=None if known is None else known.person,
        token=token,
        chosen=chosen,
    )


def _by(app: App, person: str | None, now: datetime) -> By:
    return By(person=person, now=now, settings=app.settings, hidden=hidden_of(app.engine))


def _page(app: App, looker: Looker) -> PendingPage:
    found = look(app.store, looker.search, _by(app, looker.person, looker.now))
    page = pending_page(found, looker)
    if looker.person is not None:
        return page
    can_sign_in = app.configuration.sign_in is not None
    how = (
        "sign in"
        if can_sign_in
        else "use the links of your mail; they open with Approve and Reject"
    )
    return replace(page, how=f"To decide, {how}.")


def _rows(app: App, looker: Looker) -> RowsPart:
    if looker.search.request is None:
        raise BadRequest("The address is not whole. Open the page anew.")
    found = look(app.store, looker.search, _by(app, looker.person, looker.now))
    if not found.listed:
        raise BadRequest("Nothing of this waits any more. Open the page anew.")
    return RowsPart(request=waiting_view(found.listed[0], looker))


def _export(app: App, exports: Exports, kind: str) -> Response:
    """Send what is shown as a file."""
    known, search = needs(app, "viewer"), search_of(request.args)
    actions = every(app.store, search, _by(app, known.person, app.clock.now()))
    content_type, write = _KINDS[kind]
    return as_file(
        app,
        exports,
        known.person or "",
        write(actions),
        name=f"pending.{kind}",
        content_type=content_type,
    )


# --- deciding ----------------------------------------------------------------------------------


def _decide(app: App) -> Response:
    """Decide what was chosen, as whoever is signed in; refused, the choice is shown again."""
    known = needs(app, "viewer")
    if known.person is None:
        raise stranger(app, "To decide, use the link in your mail.")
    form = request.form
    actions, parts = form.getlist("action"), form.getlist("part")
    target, answer = choice_of(actions, parts), answer_of(form.get("answer", ""))
    comment = comment_of(form.get("comment", ""))
    try:
        decided = answer_in_session(
            app.store,
            target,
            answer,
            person=known.person,
            comment=comment,
            now=app.clock.now(),
            settings=app.settings,
        )
    except (DecisionRefused, DecisionLost) as error:
        page = _page(app, _looker(app, chosen=frozenset([*actions, *parts])))
        page = replace(page, error=_sentence(error.message), comment=comment or "")
        return show_page(
            app, "web/pending.html", page, 409 if isinstance(error, DecisionLost) else 403
        )
    outcome = outcome_of(decided, answer)
    page = _page(app, _looker(app))
    if outcome.is_done and not decided.lost:
        return show_page(
            app, "web/pending.html", replace(page, done=outcome.title, after=outcome.after)
        )
    lines = [*dict.fromkeys(decided_by(each, app.settings, zone_of(app)) for each in decided.lost)]
    title = "Nothing was changed: some of what was chosen is decided already or no longer waits"
    page = replace(page, error=_sentence(title), decided=lines[:20])
    return show_page(app, "web/pending.html", page, status_of(decided))


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


# --- what happened meanwhile -------------------------------------------------------------------


def _news(app: App) -> Response:
    """Say what happened since the page was opened, with what of it has to be drawn anew."""
    needs(app, "viewer")
    looker = _looker(app)
    by = _by(app, looker.person, looker.now)
    base = request.args.get("base", "")
    last = request.args.get("last", "")
    seen = _seen(base)
    since = _moment(last) if last else seen.at
    told = news(app.store, looker.search, seen, since, by)
    touched = [*told.opened, *told.changed]
    listed = listed_again(app.store, touched, looker.search, by)
    opened = set(told.opened)
    now = str(int(looker.now.timestamp() * 1000))
    view = news_part(
        told,
        [each for each in listed if each.request.id in opened],
        [each for each in listed if each.request.id not in opened],
        looker.address(NEWS, looker.search, base=base, last=now),
        looker,
    )
    return show_part(app, "web/_pending_news.html", view)


def _seen(text: str) -> Seen:
    parts = text.split(".")
    if len(parts) != 4 or not all(_is_number(each) for each in parts):
        raise BadRequest("The address is not whole. Open the page anew.")
    count, place, requests, at = parts
    return Seen(int(count), int(place), int(requests), _moment(at))


def _moment(text: str) -> datetime:
    if not _is_number(text):
        raise BadRequest("The address is not whole. Open the page anew.")
    return datetime.fromtimestamp(int(text) / 1000, UTC)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 13
