"""The models of people and plans: who is told and asked, in what order, how long each has. Pure."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from hypersync.config.located import Located
from hypersync.config.values import (
    Filled,
    Flag,
    PositiveNumber,
    PositiveSpan,
    Text,
    WholeNumber,
    Zone,
)

Role = Literal["viewer", "approver", "operator", "admin"]
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
    steps: PositiveNumber | None = None
    plan: Flag = False

    @model_validator(mode="after")
    def _check_one(self) -> Self:
        if (self.span is not None) + (self.steps is not None) + self.plan != 1:
            raise ValueError("until takes one of a time span, {steps: N} or plan; write one")
        return self


Until = Annotated[UntilConfig, BeforeValidator(_as_until)]


class StepConfig(Located):
    """One destination of a plan; without ``until`` it stays until the request expires."""

    to: Destination
    until: Until | None = None
    every: PositiveSpan | None = None
    inform: Flag = False


class PersonConfig(Located):
    """Somebody who is told and asked; ``plan`` says how, by mail when it is empty."""

    email: Address
    name: Filled | None = None
    roles: tuple[Role, ...] = ()
    os_user: Filled | None = None
    timezone: Zone = "UTC"
    identity: Text | None = None
    plan: tuple[StepConfig, ...] = ()
    delegate: str | None = None


class PlanConfig(Located):
    """Who is asked about a request, one destination after the other."""

    steps: tuple[StepConfig, ...] = Field(min_length=1)
    on_timeout: Literal["next", "expire"] = "next"
    on_delivery_failure: Literal["next", "stop"] = "next"
    repeat: WholeNumber = 0
    on_exhausted: Literal["expire"] = "expire"
    approvers: tuple[Approver, ...] | None = None
    need: PositiveNumber = 1
    allow_self: Flag = False
    comment: Literal["never", "on_reject", "always"] = "on_reject"
    acknowledge_for: PositiveSpan = timedelta(minutes=30)
    exclusive: Flag = False
