"""Who there is to ask: people, their roles and the configured plans. Pure.

Everything else here takes a `Directory`; `directory_of` builds it from the configuration. Without
a plan everybody with the role approver is asked at once.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from hypersync.model.requests import OnTimeout, Plan, Step

if TYPE_CHECKING:
    from hypersync.config.models import Configuration
    from hypersync.config.people_models import PersonConfig, PlanConfig, StepConfig

EVERYBODY = Plan(name="", steps=(Step(to="role:approver"),), comment="never")
"""The plan of requests whose rule names none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who can be told or asked.

    ``identity`` is their own join value in normal form, ``subject`` what a sign-in calls them,
    ``language`` what they read, ``None`` for the installation's.
    """

    id: str
    email: str
    name: str
    roles: frozenset[str] = frozenset()
    os_user: str | None = None
    identity: str | None = None
    delegate: str | None = None
    timezone: str = "UTC"
    subject: str | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Recipient:
    """One address that a step reaches, and whose it is; nobody's for lists."""

    address: str
    person: str | None = None


@dataclass(frozen=True, slots=True)
class Directory:
    """People by id and plans by name, as the configuration has them now."""

    people: Mapping[str, Person] = field(default_factory=dict)
    plans: Mapping[str, Plan] = field(default_factory=dict)

    def plan(self, name: str | None) -> Plan:
        """Return the plan of that name; everybody who may approve when there is none."""
        return EVERYBODY if name is None else self.plans.get(name, EVERYBODY)

    def resolve(self, uri: str) -> frozenset[str]:
        """Return the ids of the people that a destination reaches, or that may answer."""
        scheme, _, rest = uri.partition(":")
        return frozenset(
            person.id
            for person in self.people.values()
            if (scheme == "person" and person.id == rest)
            or (scheme == "role" and rest in person.roles)
            or (scheme == "email" and person.email.casefold() == rest.casefold())
        )

    def recipients(self, uri: str) -> tuple[Recipient, ...]:
        """Return the mail addresses of a destination, in a stable order; none for nobody."""
        found = sorted(self.resolve(uri))
        if found:
            return tuple(Recipient(self.people[each].email, each) for each in found)
        scheme, _, rest = uri.partition(":")
        return (Recipient(rest),) if scheme == "email" and rest else ()

    def entitled(self, plan: Plan) -> frozenset[str]:
        """Return who may answer under a plan: its approvers, or whom its steps ask.

        The delegates of those people are not in it; see `seats`.
        """
        uris: Iterable[str] = plan.approvers or [step.to for step in plan.steps if not step.inform]
        return frozenset(person for uri in uris for person in self.resolve(uri))

    def seats(self, entitled: frozenset[str], person: str) -> frozenset[str]:
        """Return in whose places a person may answer: their own, and those they are delegate of."""
        return frozenset(
            each
            for each in entitled
            if each == person or (each in self.people and self.people[each].delegate == person)
        )

    def of_os_user(self, user: str) -> Person | None:
        """Return the person with this system user."""
        return next((each for each in self.people.values() if each.os_user == user), None)

    def name(self, by: str | None) -> str:
        """Return how people call whoever is recorded as ``person:ID``, ``cli:USER`` or expiry."""
        scheme, _, rest = (by or "").partition(":")
        if scheme == "person" and rest in self.people:
            return self.people[rest].name
        return rest or scheme


def normal_identity(text: str) -> str:
    """Return a person's join value in the form in which identities are compared."""
    return unicodedata.normalize("NFC", text).strip().casefold()


def directory_of(configuration: Configuration) -> Directory:
    """Build the directory of a configuration."""
    people = {name: _person(name, each) for name, each in configuration.people.items()}
    plans = {
        name: _plan(name, plan, configuration.people) for name, plan in configuration.plans.items()
    }
    return Directory(people=people, plans=plans)


def _person(name: str, person: PersonConfig) -> Person:
    return Person(
        id=name,
        email=person.email,
        name=person.name or name,
        roles=frozenset(person.roles),
        os_user=person.os_user,
        identity=None if person.identity is None else normal_identity(person.identity),
        delegate=person.delegate,
        timezone=person.timezone,
        language=person.language,
        subject=person.subject,
    )


def _plan(name: str, plan: PlanConfig, people: Mapping[str, PersonConfig]) -> Plan:
    return Plan(
        name=name,
        steps=tuple(_step(step, people) for step in plan.steps),
        on_timeout=OnTimeout(plan.on_timeout),
        on_delivery_failure=plan.on_delivery_failure,
        repeat=plan.repeat,
        on_exhausted=plan.on_exhausted,
        approvers=plan.approvers or (),
        need=plan.need,
        allow_self=plan.allow_self,
        comment=plan.comment,
        exclusive=plan.exclusive,
        acknowledge_for=plan.acknowledge_for,
    )


def _step(step: StepConfig, people: Mapping[str, PersonConfig]) -> Step:
    return Step(to=step.to, until=_until(step, people), inform=step.inform)


def _until(step: StepConfig, people: Mapping[str, PersonConfig]) -> timedelta | None:
    """Return how long a step has; steps of a person's own plan add up.

    A step of theirs without an end makes it none: it waits to the expiry.
    """
    until = step.until
    if until is None or until.span is not None:
        return None if until is None else until.span
    own = people[step.to.removeprefix("person:")].plan if step.to.startswith("person:") else ()
    counted = own if until.plan else own[: until.steps]
    spans = [_until(each, people) for each in counted]
    known = [span for span in spans if span is not None]
    return sum(known, timedelta()) if known and len(known) == len(spans) else None
