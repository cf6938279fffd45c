"""The requests: lists of them, each with what an answer binds to, and its actions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from flask import Response
from pydantic import BaseModel, Field

from hypersync.access.visitor import Visitor
from hypersync.app import App
from hypersync.approvals.ballot import OfRequest
from hypersync.approvals.invite import show
from hypersync.approvals.links import list_digest
from hypersync.errors import NotFound
from hypersync.insight.hidden import hidden_of
from hypersync.model.actions import ActionState
from hypersync.model.causes import Cluster
from hypersync.model.ids import ActionId, RequestId
from hypersync.model.requests import Answer, Request, RequestKind, RequestState
from hypersync.ports.store.listing import ActionsWanted, RequestsWanted
from hypersync.ports.store.requests import Vote
from hypersync.ports.store.waiting import Slip
from webui.api.actions import ActionPage, action_page
from webui.api.answers import Page, Paged, answer, page_from, text_key
from webui.api.routes import Routes
from webui.api.words import ById, Word
from webui.visitors import visitor

OPEN = (RequestState.OPEN, RequestState.ACKNOWLEDGED)


class RequestOut(BaseModel):
    """One question to people."""

    id: str
    kind: RequestKind
    state: RequestState
    sentence: str = Field(description="What happened.")
    cause: str = Field(description="What the stopped actions share.")
    count: int = Field(description="How many actions, or missing objects, it asked about.")
    run: str | None
    rule: str | None
    vip: str | None
    silo: str | None
    type: str | None
    scan: str | None
    nth: int = Field(description="How often the same was asked within 30 days.")
    need: int = Field(description="How many different people an approval takes.")
    opened_at: datetime
    expires_at: datetime | None
    on_expiry: str
    closed_at: datetime | None
    counts: dict[str, int] = Field(description="How its actions ended.")


class RequestPage(Page[RequestOut]):
    """A page of requests."""


class ClusterOut(BaseModel):
    """Some actions of a request that share something."""

    key: str
    text: str
    count: int = Field(description="How many of them wait.")
    digest: str = Field(description="What an answer about this cluster binds to.")


class VoteOut(BaseModel):
    """What somebody answered about so many actions."""

    answer: Answer
    by: str
    at: datetime
    proof: str
    comment: str | None
    count: int


class AskedOut(BaseModel):
    """Who is asked; for administrators only."""

    plan: str
    steps: list[str]
    step: int
    approvers: list[str]


class RequestDetail(RequestOut):
    """A request, and what an answer to it binds to."""

    waiting: int = Field(description="How many actions can still be decided.")
    digest: str = Field(description="What an answer about all that waits binds to.")
    clusters: list[ClusterOut]
    votes: list[VoteOut]
    proof: str = Field(description="What deciding by a link takes: code or session.")
    why_not: str = Field(description="Why the caller may not decide; empty when they may.")
    asked: AskedOut | None


class RequestQuery(Paged):
    """Which requests are asked for."""

    state: RequestState | None = None
    kind: RequestKind | None = None
    run: Word | None = None
    rule: Word | None = None
    silo: Word | None = None


class RequestActionQuery(Paged):
    """Which actions of a request are asked for."""

    state: ActionState | None = None


def add_to(routes: Routes) -> None:
    """Add the calls that look at requests."""
    app = routes.app
    hidden = hidden_of(app.engine)

    @routes.get("/requests", RequestPage, tag="requests")
    def list_requests(query: RequestQuery) -> Response:
        """List requests, the newest first."""
        wanted = RequestsWanted(
            state=query.state, kind=query.kind, run=query.run, rule=query.rule, silo=query.silo
        )
        after = text_key(query)
        with app.store.snapshot() as unit:
            found = unit.listing.requests(
                wanted, after=None if after is None else RequestId(after), limit=query.limit + 1
            )
        return page_from(RequestPage, found, query.limit, request_out, lambda each: each.id)

    @routes.get("/requests/<id>", RequestDetail, tag="requests")
    def get_request(path: ById) -> Response:
        """Return one request, and the digests that answers to it bind to."""
        return answer(_detail(app, RequestId(path.id), visitor(app)))

    @routes.get("/requests/<id>/actions", ActionPage, tag="requests")
    def list_request_actions(path: ById, query: RequestActionQuery) -> Response:
        """List the actions that a request asks about, whatever became of them."""
        after = text_key(query)
        with app.store.snapshot() as unit:
            if unit.requests.get(RequestId(path.id)) is None:
                raise NotFound("there is no such request")
            found = unit.listing.actions(
                ActionsWanted(request=path.id, state=query.state),
                after=None if after is None else ActionId(after),
                limit=query.limit + 1,
            )
        return action_page(found, query.limit, hidden)


def request_out(request: Request) -> RequestOut:
    """Return a request as the API shows it: not who may answer it."""
    return RequestOut(
        id=request.id,
        kind=request.kind,
        state=request.state,
        sentence=request.sentence,
        cause=request.cause,
        count=request.count,
        run=request.run,
        rule=request.rule,
        vip=request.vip,
        silo=request.silo,
        type=request.type,
        scan=request.scan,
        nth=request.nth,
        need=request.plan.need,
        opened_at=request.opened_at,
        expires_at=request.expires_at,
        on_expiry=request.on_expiry.value,
        closed_at=request.closed_at,
        counts=dict(request.counts),
    )


def _detail(app: App, request: RequestId, known: Visitor | None) -> RequestDetail:
    now, settings = app.clock.now(), app.settings
    person = None if known is None else known.person
    target = OfRequest(request)
    found = show(app.store, target, None, now=now, settings=settings, person=person)
    with app.store.snapshot() as unit:
        slips = unit.waiting.slips(request, now) if found.clusters else []
    return RequestDetail(
        **request_out(found.request).model_dump(),
        waiting=found.count,
        digest=found.digest,
        clusters=[_cluster(each, slips) for each in found.clusters],
        votes=[_vote(vote, count) for vote, count in found.answers],
        proof=found.proof,
        why_not=found.why_not if found.request.state in OPEN else "it is over",
        asked=_asked(found.request) if known is not None and sees_approvers(known) else None,
    )


def _cluster(cluster: Cluster, slips: Sequence[Slip]) -> ClusterOut:
    mine = [(slip.id, slip.fingerprint) for slip in slips if slip.cluster == cluster.key]
    return ClusterOut(
        key=cluster.key, text=cluster.text, count=cluster.count, digest=list_digest(mine)
    )


def sees_approvers(known: Visitor) -> bool:
    """Tell whether somebody may see who may answer: administrators, with a token that says so."""
    return known.may("admin") and known.has("admin")


def _asked(request: Request) -> AskedOut:
    return AskedOut(
        plan=request.plan.name,
        steps=[step.to for step in request.plan.steps],
        step=request.step,
        approvers=sorted(request.approvers),
    )


def _vote(vote: Vote, count: int) -> VoteOut:
    return VoteOut(
        answer=vote.answer,
        by=vote.by,
        at=vote.at,
        proof=vote.proof,
        comment=vote.comment,
        count=count,
    )
