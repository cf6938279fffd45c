"""The links that decide. GET and HEAD only show; a POST with token and code decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from flask import Blueprint, Response, request
from werkzeug.exceptions import BadRequest

from hypersync.app import App
from hypersync.approvals.decide import Decided, OfActions, OfRequest, OfRule, Target
from hypersync.approvals.invite import answer_by_code, show
from hypersync.errors import DecisionRefused, WrongCode
from hypersync.messages import wording
from hypersync.messages.pages.decide import DecidePage
from hypersync.model.actions import Action, ActionState
from hypersync.model.ids import ActionId, RequestId, RunId
from hypersync.model.requests import Answer
from webui.decisions.build import decide_page
from webui.frame import show as show_page
from webui.origin import is_local
from webui.visitors import zone_of

_ANSWERS = {answer.value: (answer,) for answer in Answer}
_ENDED = (ActionState.SUSPENDED, ActionState.CLEARED, ActionState.STALE, ActionState.VOID)


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
    """Return the page of a link; without a token only on this machine."""
    if token is None and not is_local(app):
        raise DecisionRefused("Open the whole link from your mail; it says who was invited.")
    subject = show(app.store, target, token, now=app.clock.now(), settings=app.settings)
    return decide_page(subject, answers, token, app.settings, zone_of(app), error)


def _decide(app: App, target: Target, answers: Sequence[Answer], answer: Answer) -> Response:
    form = request.form
    token = form.get("token")
    if not token:
        raise DecisionRefused("To decide, use the link in your mail.")
    try:
        decided = answer_by_code(
            app.store,
            _as_shown(target, form.get("digest")),
            answer,
            token=token,
            code=form.get("code", ""),
            comment=form.get("comment", "").strip()[:2000] or None,
            now=app.clock.now(),
            settings=app.settings,
        )
    except WrongCode as error:
        page = _page(app, target, answers, token, error.message)
        return _show(app, page, 403)
    page = _page(app, target, answers, token)
    page = replace(page, answers=[], why_not="", end="")
    return _show(app, _with_result(page, decided, answer), _status(decided))


def _as_shown(target: Target, digest: str | None) -> Target:
    """Bind a decision to the list that was shown."""
    if isinstance(target, OfActions):
        return target
    if not digest:
        raise BadRequest("The page was not sent whole. Open the link again.")
    return replace(target, digest=digest)


def _status(decided: Decided) -> int:
    if not decided.lost or decided.decided:
        return 200
    return 410 if all(_has_ended(action) for action in decided.lost) else 409


def _has_ended(action: Action) -> bool:
    return action.state in _ENDED


def _with_result(page: DecidePage, decided: Decided, answer: Answer) -> DecidePage:
    """Say on a page what came of a decision."""
    past = "approved" if answer is Answer.APPROVE else "rejected"
    after = (
        "What is approved is carried out by the next committing sync."
        if answer is Answer.APPROVE
        else "Nothing is changed, and the same is not asked again for a while."
    )
    if decided.waiting or decided.needs_another:
        title = "Your approval is noted"
        return replace(
            page, title=title, done=title, after="Another person has to approve as well."
        )
    if decided.scan is not None:
        title = f"The scan is {past}"
        return replace(page, title=title, done=title, after="")
    if not decided.decided:
        title = "No longer possible" if _status(decided) == 410 else "Decided already"
        return replace(page, title=title, error=f"{title}: nothing was changed.")
    if all(action.was_in_doubt for action in decided.decided):
        title = "It happened" if answer is Answer.APPROVE else "It did not happen"
        return replace(page, title=title, done=title, after="Noted; it is not repeated.")
    title = f"{wording.counted(len(decided.decided), 'action')} {past}"
    return replace(page, title=title, done=title, after=after)


def _show(app: App, page: DecidePage, status: int = 200) -> Response:
    return show_page(app, "web/decide.html", page, status, is_invited=True)
