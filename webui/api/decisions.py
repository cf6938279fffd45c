"""Decisions: approve and reject requests, parts of them, what a rule did in a run, and actions.

An answer binds to what was looked at: with the digest of a request or the mark of an action. What
changed since is refused (409), and so is what somebody else decided otherwise. As everywhere, the
first decision wins, the same answer twice is fine, and whoever may not answer is told why (403).
"""

from __future__ import annotations

from typing import Annotated

from flask import Response
from pydantic import BaseModel, Field

from hypersync.access.visitor import Visitor
from hypersync.app import App
from hypersync.approvals.acknowledge import acknowledge
from hypersync.approvals.ballot import Ballot, Decided, OfRequest, OfRule, OfSeveral
from hypersync.approvals.decide import decide, decide_several
from hypersync.errors import DecisionRefused
from hypersync.model.actions import Action, ActionState
from hypersync.model.ids import ActionId, RequestId, RunId
from hypersync.model.requests import Answer, RequestState
from webui.api.answers import Sent, answer
from webui.api.problems import LostAction, ProblemError
from webui.api.routes import Routes
from webui.api.words import ById, Digest, Id, Said, Word
from webui.visitors import needs

MOST_ACTIONS = 1000
_ENDED = (ActionState.SUSPENDED, ActionState.CLEARED, ActionState.STALE, ActionState.VOID)


class AnswerIn(Sent):
    """An answer to all that waits of a request, or of one of its clusters."""

    digest: Digest = Field(description="`digest` of the request or cluster, as it was looked at.")
    cluster: Word | None = Field(None, description="The key of the cluster that it is about.")
    comment: Said | None = Field(None, description="Why; some plans want a reason.")


class ChosenAction(Sent):
    """An action as it was looked at."""

    id: Id
    mark: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$", description="`mark` of the action.")]


class ChosenIn(Sent):
    """An answer to several actions: to all of them, or to none."""

    actions: list[ChosenAction] = Field(min_length=1, max_length=MOST_ACTIONS)
    comment: Said | None = Field(None, description="Why; some plans want a reason.")


class SeenIn(Sent):
    """Nothing has to be said."""


class RuleInRun(BaseModel):
    """The path of what a rule did in a run."""

    run: Id
    rule: Word


class AnsweredRequest(BaseModel):
    """A request that an answer was about, as it is now."""

    id: str
    state: RequestState


class DecisionOut(BaseModel):
    """What an answer did."""

    answer: Answer
    decided: list[str] = Field(description="Actions that have this answer now.")
    waiting: list[str] = Field(description="Actions that need another person's approval as well.")
    lost: list[LostAction] = Field(description="Actions that were decided otherwise, or ended.")
    scan: str | None = Field(description="The scan that was decided.")
    needs_another: bool
    requests: list[AnsweredRequest]


def add_to(routes: Routes) -> None:
    """Add the calls that decide."""
    app = routes.app

    @routes.post("/requests/<id>/approve", DecisionOut, tag="requests", scope="decide")
    def approve_request(path: ById, body: AnswerIn) -> Response:
        """Approve all that waits of a request, or of one of its clusters."""
        return _answer_request(app, path, body, Answer.APPROVE)

    @routes.post("/requests/<id>/reject", DecisionOut, tag="requests", scope="decide")
    def reject_request(path: ById, body: AnswerIn) -> Response:
        """Reject all that waits of a request, or of one of its clusters."""
        return _answer_request(app, path, body, Answer.REJECT)

    @routes.post("/requests/<id>/acknowledge", AnsweredRequest, tag="requests", scope="decide")
    def acknowledge_request(path: ById, body: SeenIn) -> Response:  # noqa: ARG001 - it is empty
        """Say "I have seen it": nobody else is told for a while. It decides nothing."""
        return _acknowledge(app, RequestId(path.id))

    @routes.post("/runs/<run>/rules/<rule>/approve", DecisionOut, tag="runs", scope="decide")
    def approve_rule(path: RuleInRun, body: AnswerIn) -> Response:
        """Approve what was stopped of a rule in a run."""
        return _answer_rule(app, path, body, Answer.APPROVE)

    @routes.post("/runs/<run>/rules/<rule>/reject", DecisionOut, tag="runs", scope="decide")
    def reject_rule(path: RuleInRun, body: AnswerIn) -> Response:
        """Reject what was stopped of a rule in a run."""
        return _answer_rule(app, path, body, Answer.REJECT)

    @routes.post("/actions/approve", DecisionOut, tag="actions", scope="decide")
    def approve_actions(body: ChosenIn) -> Response:
        """Approve these actions, all of them or none."""
        return _answer_chosen(app, body, Answer.APPROVE)

    @routes.post("/actions/reject", DecisionOut, tag="actions", scope="decide")
    def reject_actions(body: ChosenIn) -> Response:
        """Reject these actions, all of them or none."""
        return _answer_chosen(app, body, Answer.REJECT)


def _answer_request(app: App, path: ById, body: AnswerIn, given: Answer) -> Response:
    target = OfRequest(RequestId(path.id), digest=body.digest, cluster=body.cluster)
    return _decide(app, target, given, body.comment)


def _answer_rule(app: App, path: RuleInRun, body: AnswerIn, given: Answer) -> Response:
    target = OfRule(RunId(path.run), path.rule, digest=body.digest, cluster=body.cluster)
    return _decide(app, target, given, body.comment)


def _answer_chosen(app: App, body: ChosenIn, given: Answer) -> Response:
    marks = {each.id: each.mark for each in body.actions}
    target = OfSeveral(actions=tuple(ActionId(each) for each in marks), marks=tuple(marks.values()))
    return _decide(app, target, given, body.comment)


def _decide(
    app: App, target: OfRequest | OfRule | OfSeveral, given: Answer, comment: str | None
) -> Response:
    ballot = _ballot(needs(app, "viewer"), given, comment)
    now, settings = app.clock.now(), app.settings
    if isinstance(target, OfSeveral):
        decided = decide_several(app.store, target, ballot, now=now, settings=settings)
    else:
        decided = decide(app.store, target, ballot, now=now, settings=settings)
    if decided.lost and not decided.decided and not decided.waiting:
        raise _lost(decided)
    return answer(_out(decided, given))


def _acknowledge(app: App, request: RequestId) -> Response:
    known = needs(app, "viewer")
    if known.person is None:
        raise DecisionRefused("Only a person acknowledges; send their token.")
    found = acknowledge(
        app.store,
        request,
        known.person,
        proof=known.proof,
        now=app.clock.now(),
        settings=app.settings,
    )
    return answer(AnsweredRequest(id=found.id, state=found.state))


def _ballot(known: Visitor, given: Answer, comment: str | None) -> Ballot:
    """Return the answer of whoever calls, as a person and proven as they proved it."""
    if known.person is None:
        raise DecisionRefused("Only a person decides; send their token.")
    return Ballot(
        answer=given,
        by=f"person:{known.person}",
        proof=known.proof,
        comment=(comment or "").strip() or None,
    )


def _lost(decided: Decided) -> ProblemError:
    lost = [_lost_action(each) for each in decided.lost]
    if all(each.state in _ENDED for each in decided.lost):
        return ProblemError(410, "gone", "The time of this is over; nothing was done.", lost=lost)
    text = "This was decided otherwise already; nothing was changed."
    return ProblemError(409, "decision_lost", text, lost=lost)


def _lost_action(action: Action) -> LostAction:
    return LostAction(id=action.id, state=action.state.value, decided_by=action.decided_by)


def _out(decided: Decided, given: Answer) -> DecisionOut:
    return DecisionOut(
        answer=given,
        decided=[each.id for each in decided.decided],
        waiting=[each.id for each in decided.waiting],
        lost=[_lost_action(each) for each in decided.lost],
        scan=decided.scan,
        needs_another=decided.needs_another,
        requests=[AnsweredRequest(id=each.id, state=each.state) for each in decided.requests],
    )
