"""The models of people and plans: who is told and asked, in what order, how long each has. Pure."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from hypersync.config.located import Located
from hypersync.config.values import (
    Flag,
    Line,
    PositiveNumber,
    PositiveSpan,
    Text,
    WholeNumber,
    Zone,
)

Role = Literal["viewer", "approver", "operator", "admin"]
Language = Literal["en", "de"]
"""The languages that mails are written in: those there is a catalogue of."""
_DESTINATION = re.compile(r"(email|person):(.*)", re.DOTALL)
_ADDRESS = re.compile(r"[^@\s,;<>\"]+@[^@\s,;<>\"]+")


def _check_address(address: str) -> str:
    if not _ADDRESS.fullmatch(address):
        raise ValueError(f"{address!r} is no mail address; write for instance ann@example.org")
    return address


def _check_destination(uri: str) -> str:
    match = _DESTINATION.fullmatch(uri)
    if match is None:
        raise ValueError(f"{uri!r} is no destination; write 'person:NAME' or 'email:ADDRESS'")
    scheme, rest = match.groups()
    if scheme == "email" and rest:
        _check_address(rest)
    elif scheme == "person" and not rest:
        raise ValueError(f"{uri!r} names nobody; write 'person:NAME'")
    return uri


def _check_approver(uri: str) -> str:
    if not re.fullmatch(r"person:.+|role:(viewer|approver|operator|admin)", uri):
        raise ValueError(f"{uri!r} names no approver; write 'person:NAME' or 'role:approver'")
    return uri


def _as_until(value: object) -> object:
    """Read ``10m``, ``plan`` or ``{steps: 2}``."""
    if not isinstance(value, str):
        return value
    return {"plan": "true"} if value == "plan" else {"span": value}


Address = Annotated[str, AfterValidator(_check_address)]
Destination = Annotated[str, AfterValidator(_check_destination)]
Approver = Annotated[str, AfterValidator(_check_approver)]


class UntilConfig(Located):
    """How long a step has: a time span, so many steps of the person's own plan, or all of it."""

    span: PositiveSpan | None = None
    """A time span."""
    steps: PositiveNumber | None = None
    """So many steps of that person's own plan."""
    plan: Flag = False
    """That person's whole plan, once."""

    @model_validator(mode="after")
    def _check_one(self) -> Self:
        if (self.span is not None) + (self.steps is not None) + self.plan != 1:
            raise ValueError("until takes one of a time span, {steps: N} or plan; write one")
        return self


Until = Annotated[UntilConfig, BeforeValidator(_as_until, json_schema_input_type=str | UntilConfig)]


class StepConfig(Located):
    """One destination of a plan; without ``until`` it stays until the request expires."""

    to: Destination
    """`person:NAME` or `email:ADDRESS`; `email:` alone in a person's own plan."""
    until: Until | None = None
    """How long it has: a time span, `{steps: N}`, `plan`; without, to the expiry."""
    every: PositiveSpan | None = None
    """How often the message is repeated meanwhile."""
    inform: Flag = False
    """Told, but not asked."""


class PersonConfig(Located):
    """Somebody who is told and asked; ``plan`` says how, by mail when it is empty."""

    email: Address
    """Their mail address."""
    name: Line | None = None
    """Their full name."""
    roles: tuple[Role, ...] = ()
    """What they may do."""
    os_user: Line | None = None
    """Their system user: decides on the command line in their name."""
    subject: Line | None = None
    """What the sign-in's provider or proxy calls them, where that is not their mail address."""
    timezone: Zone = "UTC"
    """On whose clocks they live."""
    language: Language | None = None
    """What they read: `en` or `de`; the installation's when not said."""
    identity: Text | None = None
    """Their join value, so that nobody decides about themselves."""
    plan: tuple[StepConfig, ...] = ()
    """How they are told, by mail when empty."""
    delegate: str | None = None
    """Who may answer in their place."""


class PlanConfig(Located):
    """Who is asked about a request, one destination after the other."""

    steps: tuple[StepConfig, ...] = Field(min_length=1)
    """The destinations, one after the other."""
    on_timeout: Literal["next", "expire"] = "next"
    """What happens when a step's time is over."""
    on_delivery_failure: Literal["next", "stop"] = "next"
    """What happens when nothing of a step could be delivered."""
    repeat: WholeNumber = 0
    """How often the steps are gone through again."""
    on_exhausted: Literal["expire"] = "expire"
    """What happens after the last step."""
    approvers: tuple[Approver, ...] | None = None
    """Who may answer: `person:NAME` or `role:ROLE`; by default whom the steps reach."""
    need: PositiveNumber = 1
    """How many different people must approve."""
    allow_self: Flag = False
    """Whether those concerned may decide about themselves."""
    comment: Literal["never", "on_reject", "always"] = "on_reject"
    """When a reason must be given."""
    acknowledge_for: PositiveSpan = timedelta(minutes=30)
    """How long `I have seen it` stops further messages."""
    exclusive: Flag = False
    """Whether only the current destination may answer."""
