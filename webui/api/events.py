"""The audit trail, and the state of its hash chain."""

from __future__ import annotations

from datetime import datetime

from flask import Response
from pydantic import BaseModel, Field, JsonValue

from hypersync.audit.state import chain_state
from hypersync.insight.events import find_events
from hypersync.insight.hidden import hidden_of
from hypersync.ports.store.events import EventFilter, Recorded
from webui.api.answers import Page, Paged, Sent, answer, number_key, page
from webui.api.requests import sees_approvers
from webui.api.routes import Routes
from webui.api.words import Moment, Word
from webui.audit.verified import verifier
from webui.visitors import needs


class EventOut(BaseModel):
    """Something that happened. Who was asked stands there for administrators only."""

    event: int = Field(description="Its number in the trail.")
    at: datetime
    kind: str
    run: str | None
    rule: str | None
    request: str | None
    action: str | None
    silo: str | None
    by: str | None
    data: dict[str, JsonValue]
    is_sealed: bool


class EventPage(Page[EventOut]):
    """A page of events."""


class EventQuery(Paged):
    """Which events are asked for; times are since (with) to until (without)."""

    kind: Word | None = None
    run: Word | None = None
    rule: Word | None = None
    request: Word | None = None
    action: Word | None = None
    silo: Word | None = None
    by: Word | None = Field(None, description="Who: person:ID, cli:USER, schedule:NAME.")
    since: Moment | None = None
    until: Moment | None = None


class ChainQuery(Sent):
    """Whether seals are to be verified."""

    verify: bool = Field(
        False,
        description="Verify every seal, which takes long with many events. Only for "
        "administrators; for others what is new is verified, when it is not much.",
    )


class FaultOut(BaseModel):
    """One broken place of the chain."""

    event: int
    wrong: str
    text: str


class ChainOut(BaseModel):
    """The state of the hash chain, and what was found when it was verified last.

    `intact` is null when it was not since the server started.
    """

    number: int = Field(description="How many events are sealed.")
    event: int | None = Field(description="The last sealed event.")
    seal: str | None
    sealed_at: datetime | None
    unsealed: int
    intact: bool | None
    verified_event: int | None = Field(description="Up to which event it was verified.")
    verified_at: datetime | None
    broken: int
    faults: list[FaultOut]


def add_to(routes: Routes) -> None:
    """Add the calls about the audit trail."""
    app = routes.app

    @routes.get("/events", EventPage, tag="audit")
    def list_events(query: EventQuery) -> Response:
        """List events, the newest first."""
        names = ("kind", "run", "rule", "request", "action", "silo", "by", "since", "until")
        wanted = EventFilter(**{name: getattr(query, name) for name in names})
        found = find_events(
            app.store,
            wanted,
            limit=query.limit,
            before=number_key(query),
            shows_approvers=sees_approvers(needs(app, "viewer")),
            hidden=hidden_of(app.engine),
        )
        return page(EventPage, [_event(each) for each in found.events], found.older)

    @routes.get("/audit/chain", ChainOut, tag="audit")
    def get_chain(query: ChainQuery) -> Response:
        """Return where the hash chain ends, and verify it when asked to."""
        state = chain_state(app.store)
        checked = verifier().last
        if query.verify:
            is_admin = sees_approvers(needs(app, "viewer"))
            checked = verifier().verify_all() if is_admin else verifier().look(state)
        found = None if checked is None else checked.found
        faults = () if found is None else found.faults
        return answer(
            ChainOut(
                number=state.head.number,
                event=state.head.event,
                seal=state.head.seal or None,
                sealed_at=state.sealed_at,
                unsealed=state.unsealed,
                intact=None if found is None else found.is_intact,
                verified_event=None if found is None else found.head.event,
                verified_at=None if checked is None else checked.at,
                broken=0 if found is None else found.broken,
                faults=[
                    FaultOut(event=each.event, wrong=each.wrong.value, text=each.text)
                    for each in faults
                ],
            )
        )


def _event(recorded: Recorded) -> EventOut:
    event = recorded.event
    return EventOut(
        event=recorded.id,
        at=event.at,
        kind=event.kind,
        run=event.run,
        rule=event.rule,
        request=event.request,
        action=event.action,
        silo=event.silo,
        by=event.by,
        data=dict(event.data),  # type: ignore[arg-type] # JSON as it was stored
        is_sealed=recorded.seal is not None,
    )
