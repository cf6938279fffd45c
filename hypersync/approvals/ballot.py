"""What is decided, how, and what came of it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from hypersync.model.actions import Action
from hypersync.model.ids import ActionId, RequestId, RunId
from hypersync.model.requests import Answer, Request


@dataclass(frozen=True, slots=True)
class OfActions:
    """These actions, all or none."""

    actions: tuple[ActionId, ...]


@dataclass(frozen=True, slots=True)
class OfRequest:
    """Every undecided action of a request, or its scan; ``digest`` is of the list shown.

    With ``cluster`` those of one of its clusters only.
    """

    request: RequestId
    digest: str | None = None
    cluster: str | None = None


@dataclass(frozen=True, slots=True)
class OfRule:
    """Every undecided action of the volume request of a rule in a run, or of one cluster of it."""

    run: RunId
    rule: str
    digest: str | None = None
    cluster: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OfSeveral:
    """What somebody chose on a page, all or none: actions one by one and parts of requests.

    ``marks`` are of the actions as they were shown, one each; parts carry their digest.
    """

    actions: tuple[ActionId, ...] = ()
    marks: tuple[str, ...] = ()
    parts: tuple[OfRequest, ...] = ()


Target = OfActions | OfRequest | OfRule


@dataclass(frozen=True, slots=True, kw_only=True)
class Ballot:
    """An answer: by whom (``person:ID`` or ``cli:USER``), proven how, and why.

    ``proof`` is code, session, token or shell.
    """

    answer: Answer
    by: str
    proof: str
    comment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What an answer did.

    ``decided`` have that answer now, given just now or before; ``lost`` were decided otherwise, or
    their time is over; ``waiting`` got this approval and need another person's. Nothing was written
    when something was lost of several named actions. ``needs_another`` says that ``scan`` takes
    another person's approval as well.
    """

    decided: Sequence[Action] = ()
    lost: Sequence[Action] = ()
    waiting: Sequence[Action] = ()
    requests: Sequence[Request] = field(default_factory=tuple)
    scan: str | None = None
    needs_another: bool = False
