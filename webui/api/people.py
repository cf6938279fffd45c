"""The people and plans of the configuration, and who calls. Read only.

Who may approve is not for everybody to know: roles, addresses, the steps of plans and their
approvers are shown to administrators, and of oneself to everybody.
"""

from __future__ import annotations

from flask import Response
from pydantic import BaseModel, Field

from hypersync.access.visitor import ROLES, Visitor
from hypersync.approvals.directory import Person
from hypersync.model.requests import Plan
from webui.api.answers import answer
from webui.api.requests import sees_approvers
from webui.api.routes import Routes
from webui.visitors import needs


class MeOut(BaseModel):
    """Who calls, and what they may do by this token or session."""

    person: str | None
    name: str
    roles: list[str]
    proof: str
    scopes: list[str] | None = Field(description="Of the token; null without one.")


class PersonOut(BaseModel):
    """Somebody of the configuration; what is not for the caller to know is null."""

    id: str
    name: str
    email: str | None
    roles: list[str] | None
    timezone: str | None
    delegate: str | None


class PersonList(BaseModel):
    """The people."""

    items: list[PersonOut]


class PlanOut(BaseModel):
    """Who is asked in what order; what is not for the caller to know is null."""

    name: str
    need: int = Field(description="How many different people an approval takes.")
    comment: str = Field(description="When a reason is asked for.")
    allow_self: bool
    steps: list[str] | None
    approvers: list[str] | None
    entitled: list[str] | None = Field(description="The ids of who may answer now.")


class PlanList(BaseModel):
    """The plans."""

    items: list[PlanOut]


def add_to(routes: Routes) -> None:
    """Add the calls about people."""
    app = routes.app

    @routes.get("/me", MeOut, tag="people")
    def get_me() -> Response:
        """Return who calls, and what they may."""
        known = needs(app, "viewer")
        return answer(
            MeOut(
                person=known.person,
                name=known.name,
                roles=[role for role in ROLES if role in known.roles],
                proof=known.proof,
                scopes=None if known.scopes is None else sorted(known.scopes),
            )
        )

    @routes.get("/people", PersonList, tag="people")
    def list_people() -> Response:
        """List the people of the configuration."""
        known = needs(app, "viewer")
        people = app.settings.directory.people.values()
        return answer(PersonList(items=[_person(each, known) for each in people]))

    @routes.get("/plans", PlanList, tag="people")
    def list_plans() -> Response:
        """List the plans by which people are asked."""
        directory = app.settings.directory
        is_shown = sees_approvers(needs(app, "viewer"))
        items = [
            _plan(each, sorted(directory.entitled(each)) if is_shown else None)
            for each in directory.plans.values()
        ]
        return answer(PlanList(items=items))


def _person(person: Person, known: Visitor) -> PersonOut:
    is_shown = known.person == person.id or sees_approvers(known)
    return PersonOut(
        id=person.id,
        name=person.name,
        email=person.email if is_shown else None,
        roles=sorted(person.roles) if is_shown else None,
        timezone=person.timezone if is_shown else None,
        delegate=person.delegate if is_shown else None,
    )


def _plan(plan: Plan, entitled: list[str] | None) -> PlanOut:
    is_shown = entitled is not None
    return PlanOut(
        name=plan.name,
        need=plan.need,
        comment=plan.comment,
        allow_self=plan.allow_self,
        steps=[step.to for step in plan.steps] if is_shown else None,
        approvers=list(plan.approvers) if is_shown else None,
        entitled=entitled,
    )
