"""The actions: lists of them, and each with why it was stopped."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from flask import Response
from pydantic import BaseModel, Field

from hypersync.approvals.links import mark_of
from hypersync.errors import NotFound
from hypersync.insight.hidden import Hidden, hidden_of, traces_shown
from hypersync.model.actions import Action, ActionState
from hypersync.model.ids import ActionId, IdentityId
from hypersync.model.objects import Operation
from hypersync.pipeline.why import Trace
from hypersync.ports.store.listing import ActionsWanted
from webui.api.answers import Page, Paged, answer, page_from, text_key
from webui.api.routes import Routes
from webui.api.words import ById, Values, Word, value_json, values

Number = Annotated[int, Field(ge=0, le=2**53 - 1)]


class ReasonOut(BaseModel):
    """Why a guard stopped an action."""

    guard: str
    name: str
    text: str


class ActionOut(BaseModel):
    """One intended change. Values that are hidden from everybody are "(not shown)"."""

    id: str
    run: str
    rule: str
    identity: int
    silo: str | None
    type: str | None
    anchor: str | None
    title: str
    operation: Operation
    state: ActionState
    before: Values = Field(description="What is written over; null: the object is not there.")
    after: Values = Field(description="What is written; null: the object is taken away.")
    reasons: list[ReasonOut]
    request: str | None = Field(description="The request that asks about it.")
    cluster: str | None
    vip: str | None
    mark: str = Field(description="What an answer about this very change binds to.")
    suspended_at: datetime | None
    expires_at: datetime | None
    on_expiry: str
    decided_by: str | None
    decided_at: datetime | None
    released_by: str | None
    undoes: str | None
    error: str | None
    waits: str | None = Field(description="What it waits for besides a decision.")


class ActionPage(Page[ActionOut]):
    """A page of actions."""


class TraceOut(BaseModel):
    """An expression that the rule reads, and its value now."""

    expression: str
    value: str


class ActionWhy(ActionOut):
    """An action with the values that its rule reads."""

    trace: list[TraceOut]


class ActionQuery(Paged):
    """Which actions are asked for."""

    state: ActionState | None = None
    rule: Word | None = None
    silo: Word | None = None
    request: Word | None = None
    identity: Number | None = None


def add_to(routes: Routes) -> None:
    """Add the calls about actions."""
    app = routes.app
    hidden = hidden_of(app.engine)

    @routes.get("/actions", ActionPage, tag="actions")
    def list_actions(query: ActionQuery) -> Response:
        """List actions, as they were proposed."""
        wanted = ActionsWanted(
            state=query.state,
            rule=query.rule,
            silo=query.silo,
            request=query.request,
            identity=None if query.identity is None else IdentityId(query.identity),
        )
        after = text_key(query)
        with app.store.snapshot() as unit:
            found = unit.listing.actions(
                wanted, after=None if after is None else ActionId(after), limit=query.limit + 1
            )
        return action_page(found, query.limit, hidden)

    @routes.get("/actions/<id>", ActionWhy, tag="actions")
    def get_action(path: ById) -> Response:
        """Return one action, and the values that its rule reads now."""
        with app.store.snapshot() as unit:
            found = unit.actions.get([ActionId(path.id)])
        if not found or found[0].state is ActionState.PROPOSED:
            raise NotFound("there is no such action")
        read = traces_shown(hidden, app.explain(found[0]))
        shown = action_out(hidden.of_action(found[0]))
        return answer(ActionWhy(**shown.model_dump(), trace=traces(read)))


def traces(read: Sequence[Trace]) -> list[TraceOut]:
    """Return what a rule read."""
    return [TraceOut(expression=each.source, value=_text(each.value)) for each in read]


def _text(value: object) -> str:
    if isinstance(value, (tuple, bytes)):
        return str(value_json(value))
    return str(value)


def action_page(found: Sequence[Action], limit: int, hidden: Hidden) -> Response:
    """Return a page of actions, of which one more than the page has was read."""
    return page_from(
        ActionPage, found, limit, lambda each: action_out(hidden.of_action(each)), lambda a: a.id
    )


def action_out(action: Action) -> ActionOut:
    """Return an action as the API shows it; what is hidden was covered before."""
    return ActionOut(
        id=action.id,
        run=action.run,
        rule=action.rule,
        identity=action.identity,
        silo=action.silo or None,
        type=action.type or None,
        anchor=action.anchor,
        title=action.title,
        operation=action.operation,
        state=action.state,
        before=values(action.before),
        after=values(action.after),
        reasons=[ReasonOut(guard=r.guard, name=r.name, text=r.text) for r in action.reasons],
        request=action.request,
        cluster=action.cluster,
        vip=action.vip,
        mark=mark_of(action.id, action.fingerprint),
        suspended_at=action.suspended_at,
        expires_at=action.expires_at,
        on_expiry=action.on_expiry.value,
        decided_by=action.decided_by,
        decided_at=action.decided_at,
        released_by=action.released_by,
        undoes=action.undoes,
        error=action.error,
        waits=action.waits,
    )
