"""The identities: searched, looked at, and why each rule is true or false for one."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Response
from pydantic import BaseModel, Field, JsonValue

from hypersync.insight.hidden import Hidden, hidden_of
from hypersync.insight.identities import search
from hypersync.insight.portrait import ChangeLine, ObjectLines, Origin, portrait
from hypersync.insight.standing import RuleStanding, standing
from hypersync.model.ids import IdentityId
from hypersync.ports.store.objects import StoredObject
from webui.api.actions import ActionOut, Number, TraceOut, action_out, traces
from webui.api.answers import Sent, answer
from webui.api.requests import sees_approvers
from webui.api.routes import Routes
from webui.api.words import Values, Word, value_json, values
from webui.visitors import needs


class ByNumber(BaseModel):
    """The path of one identity."""

    id: Number = Field(description="Its number.")


class SearchQuery(Sent):
    """What is looked for: a number, the beginning of an anchor or a join value, or words."""

    q: Word
    after: Number = Field(0, description="`go_on` of the answer before: read on from there.")


class PlaceOut(BaseModel):
    """Where an object is."""

    silo: str
    type: str
    anchor: str
    slot: str | None
    absence: str | None = Field(description="Why it is away; null while it is there.")


class FoundOut(BaseModel):
    """An identity that was found, and what was found of it."""

    identity: int
    name: str
    by: str
    text: str
    objects: list[PlaceOut]


class SearchOut(BaseModel):
    """What was found; `go_on` says that not all objects were read yet."""

    items: list[FoundOut]
    is_cut: bool = Field(description="More was found than is shown; say more.")
    looked_at: int
    go_on: int | None


class OriginOut(BaseModel):
    """Who wrote something, and when: a scan or an action."""

    at: datetime
    scan: str | None
    action: str | None


class AttributeOut(BaseModel):
    """One attribute now; hidden ones have no value."""

    name: str
    value: JsonValue
    is_hidden: bool
    origin: OriginOut | None = Field(description="Who wrote it; null: too long ago to say.")


class ObjectOut(PlaceOut):
    """One object of an identity."""

    attributes: list[AttributeOut]
    members: dict[str, list[str]]
    has_more_members: bool


class ChangeOut(BaseModel):
    """One change of an object; what was missing before or after is null."""

    silo: str
    type: str
    anchor: str
    origin: OriginOut
    before: Values
    after: Values


class IdentityOut(BaseModel):
    """One identity: its objects, and the newest of their changes."""

    identity: int
    name: str
    key: str = Field(description="The value that it was joined by.")
    objects: list[ObjectOut]
    changes: list[ChangeOut]
    has_more_changes: bool


class RuleAnswerOut(BaseModel):
    """One rule for an identity: true, false, unknown or error, and the values it read."""

    rule: str
    result: str
    note: str
    values: list[TraceOut]
    last_start: datetime | None
    again: datetime | None = Field(description="From when its throttle lets it start again.")


class VipAnswerOut(BaseModel):
    """A VIP rule for an identity.

    Without a result it stands for who answers requests: that is shown to administrators only.
    """

    name: str
    holds: bool
    result: str | None
    is_remembered: bool


class WhyOut(BaseModel):
    """Every rule for one identity."""

    identity: int
    waits: str = Field(description="Why no rule runs for it at all; empty when they do.")
    rules: list[RuleAnswerOut]
    vips: list[VipAnswerOut]
    actions: list[ActionOut] = Field(description="Its newest actions.")


def add_to(routes: Routes) -> None:
    """Add the calls about identities."""
    app = routes.app
    hidden = hidden_of(app.engine)

    @routes.get("/identities", SearchOut, tag="identities")
    def search_identities(query: SearchQuery) -> Response:
        """Find identities."""
        found = search(app.store, hidden, query.q, after=query.after)
        items = [
            FoundOut(
                identity=each.identity,
                name=each.name,
                by=each.by,
                text=each.text,
                objects=[PlaceOut(**_place(stored)) for stored in each.objects],
            )
            for each in found.found
        ]
        return answer(
            SearchOut(
                items=items, is_cut=found.is_cut, looked_at=found.looked_at, go_on=found.go_on
            )
        )

    @routes.get("/identities/<int:id>", IdentityOut, tag="identities")
    def get_identity(path: ByNumber) -> Response:
        """Return an identity with its objects, and who wrote each attribute."""
        with app.store.snapshot() as unit:
            found = portrait(unit, app.rulebook, hidden, IdentityId(path.id))
        return answer(
            IdentityOut(
                identity=found.identity,
                name=found.name,
                key=found.key,
                objects=[_object(each) for each in found.objects],
                changes=[_change(each) for each in found.changes],
                has_more_changes=found.has_more_changes,
            )
        )

    @routes.get("/identities/<int:id>/why", WhyOut, tag="identities")
    def get_identity_why(path: ByNumber) -> Response:
        """Return every rule for an identity, true or false, with the values it read."""
        return answer(_why(routes, hidden, IdentityId(path.id)))


def _place(stored: StoredObject) -> dict[str, Any]:
    return {
        "silo": stored.silo,
        "type": stored.type,
        "anchor": stored.anchor,
        "slot": stored.slot,
        "absence": stored.absence,
    }


def _object(lines: ObjectLines) -> ObjectOut:
    attributes = [
        AttributeOut(
            name=each.name,
            value=value_json(each.value),
            is_hidden=each.is_hidden,
            origin=None if each.origin is None else _origin(each.origin),
        )
        for each in lines.attributes
    ]
    return ObjectOut(
        **_place(lines.stored),
        attributes=attributes,
        members={name: list(targets) for name, targets in lines.members.items()},
        has_more_members=lines.has_more_members,
    )


def _origin(origin: Origin) -> OriginOut:
    return OriginOut(
        at=origin.at,
        scan=None if origin.scan is None else origin.scan.id,
        action=None if origin.action is None else origin.action.id,
    )


def _change(line: ChangeLine) -> ChangeOut:
    return ChangeOut(
        silo=line.stored.silo,
        type=line.stored.type,
        anchor=line.stored.anchor,
        origin=_origin(line.origin),
        before=values({name: before for name, before, _ in line.changes}),
        after=values({name: after for name, _, after in line.changes}),
    )


def _why(routes: Routes, hidden: Hidden, identity: IdentityId) -> WhyOut:
    app = routes.app
    found = standing(app.engine, hidden, identity, app.clock.now())
    return WhyOut(
        identity=identity,
        waits=found.waits,
        rules=[_rule(each) for each in found.rules],
        vips=[
            VipAnswerOut(
                name=each.name,
                holds=each.holds,
                result=None if each.answer is None else each.answer.result,
                is_remembered=each.is_remembered,
            )
            for each in found.vips
            if each.answer is not None or sees_approvers(needs(app, "viewer"))
        ],
        actions=[action_out(each) for each in found.actions],
    )


def _rule(found: RuleStanding) -> RuleAnswerOut:
    return RuleAnswerOut(
        rule=found.answer.rule,
        result=found.answer.result,
        note=found.answer.note,
        values=traces(found.answer.values),
        last_start=found.last_start,
        again=found.again,
    )
