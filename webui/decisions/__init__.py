"""The links that decide. GET and HEAD only show.

A POST decides when it comes with the session of somebody who may answer, or with the token of a
link and the code of its mail where that is enough. Who is signed in answers for themselves,
whosoever link it is. A link without a token leads those whom nobody knows to the sign-in and back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from flask import Blueprint, Response, request
from werkzeug.exceptions import BadRequest

from hypersync.app import App
from hypersync.approvals.decide import Decided, OfActions, OfRequest, OfRule, Target
from hypersync.approvals.invite import answer_by_code, answer_in_session, show
from hypersync.errors import DecisionRefused, WrongCode
from hypersync.insight.hidden import hidden_of
from hypersync.messages.pages.decide import DecidePage
from hypersync.model.ids import ActionId, RequestId, RunId
from hypersync.model.requests import Answer
from webui.decisions.build import Means, decide_page
from webui.decisions.outcome import status_of, with_result
from webui.decisions.reading import comment_of
from webui.frame import show as show_page
from webui.visitors import stranger, visitor, zone_of

_ANSWERS = {answer.value: (answer,) for answer in Answer}


def blueprint(app: App) -> Blueprint:
    """Return the pages of the links."""
    pages = Blueprint("decisions", __name__, url_prefix="/hypersync")

    @pages.get("/<any(approve, reject):answer>")
    def look(answer: str) -> Response:
        return _look(app, _target(request.args), _ANSWERS[answer])

    @pages.post("/<any(approve, reject):answer>")
    def decide(answer: str) -> Response:
        return _decide(app, _target(request.args), _ANSWERS[answer], Answer(answer))

    @pages.get("/run=<path:rest>")
    def look_older(rest: str) -> Response:
        return _look(app, _older(rest), tuple(Answer))

    @pages.post("/run=<path:rest>")
    def decide_older(rest: str) -> Response:
        given = request.form.get("answer", "")
        if given not in _ANSWERS:
            raise BadRequest("Choose one of the two answers.")
        return _decide(app, _older(rest), tuple(Answer), Answer(given))

    return pages


def _target(given: dict[str, str]) -> Target:
    """Read what a link is about; exactly one of its three forms."""
    names = {name for name in ("action", "request", "run", "rule") if given.get(name)}
    cluster = given.get("cluster") or None
    if names == {"action"} and cluster is None:
        return OfActions((ActionId(given["action"]),))
    if names == {"request"}:
        return OfRequest(RequestId(given["request"]), cluster=cluster)
    if names == {"run", "rule"}:
        return OfRule(RunId(given["run"]), given["rule"], cluster=cluster)
    raise BadRequest("The link is not whole. Copy all of it from the mail.")


def _older(rest: str) -> Target:
    run, found, rule = rest.partition("&rule=")
    if not (run and found and rule):
        raise BadRequest("The link is not whole. Copy all of it from the mail.")
    return OfRule(RunId(run), rule)


def _look(app: App, target: Target, answers: Sequence[Answer]) -> Response:
    token = request.args.get("token") or None
    return _show(app, _page(app, target, answers, token))


def _page(
    app: App, target: Target, answers: Sequence[Answer], token: str | None, error: str = ""
) -> DecidePage:
    """Return the page of a link; without a token only for those who may see everything."""
    known = visitor(app)
    if token is None and known is None:
        raise stranger(app, "Open the whole link from your mail; it says who was invited.")
    person = None if known is None else known.person
    now, settings = app.clock.now(), app.settings
    subject = show(app.store, target, token, now=now, settings=settings, person=person)
    if token is None and known is not None and not (known.may("viewer") or subject.may_answer):
        raise DecisionRefused("This takes the role viewer, or to be asked.")
    hidden = hidden_of(app.engine)
    shown = tuple(hidden.of_action(action) for action in subject.actions)
    subject = replace(subject, actions=shown)
    by = Means(
        token=token,
        is_session=person is not None,
        can_sign_in=app.configuration.sign_in is not None,
    )
    return decide_page(subject, answers, by, settings, zone_of(app), error)


def _decide(app: App, target: Target, answers: Sequence[Answer], answer: Answer) -> Response:
    token = request.form.get("token") or None
    known = visitor(app)
    person = None if known is None else known.person
    if person is None and token is None:
        raise stranger(app, "To decide, use the link in your mail.")
    try:
        decided = _answer(app, _as_shown(target, request.form.get("digest")), answer, person, token)
    except WrongCode as error:
        page = _page(app, target, answers, token, error.message)
        return _show(app, page, 403)
    page = _page(app, target, answers, token)
    page = replace(page, answers=[], why_not="", end="")
    return _show(app, with_result(page, decided, answer), status_of(decided))


def _answer(
    app: App, target: Target, answer: Answer, person: str | None, token: str | None
) -> Decided:
    """Decide as whoever is signed in, else as the holder of a mail, if they know its code."""
    comment = comment_of(request.form.get("comment", ""))
    now, settings = app.clock.now(), app.settings
    if person is not None:
        return answer_in_session(
            app.store, target, answer, person=person, comment=comment, now=now, settings=settings
        )
    return answer_by_code(
        app.store,
        target,
        answer,
        token=token or "",
        code=request.form.get("code", ""),
        comment=comment,
        now=now,
        settings=settings,
    )


def _as_shown(target: Target, digest: str | None) -> Target:
    """Bind a decision to the list that was shown."""
    if isinstance(target, OfActions):
        return target
    if not digest:
        raise BadRequest("The page was not sent whole. Open the link again.")
    return replace(target, digest=digest)


def _show(app: App, page: DecidePage, status: int = 200) -> Response:
    return show_page(app, "web/decide.html", page, status, is_invited=True)
