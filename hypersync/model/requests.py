"""Requests: one question to people each, its plan of steps, and the decisions on it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from hypersync.model.actions import OnExpiry
from hypersync.model.causes import Cluster
from hypersync.model.ids import ActionId, RequestId, RunId
from hypersync.model.said import phrasebook


class RequestKind(Enum):
    """What a request asks about."""

    VOLUME = "volume"
    VIP = "vip"
    SCAN = "scan"
    INCIDENT = "incident"
    ACKNOWLEDGEMENT = "acknowledgement"


RESUMED = "resumed"
"""Under which name the counts of an incident say that people ended it by resuming its silo."""


class RequestState(Enum):
    """How far a request is."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    CLOSED = "closed"
    EXPIRED = "expired"
    VOID = "void"


class Answer(Enum):
    """The two answers there are."""

    APPROVE = "approve"
    REJECT = "reject"


class OnTimeout(Enum):
    """What a step's end without an answer does."""

    NEXT = "next"
    EXPIRE = "expire"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a plan: a destination URI and its time; ``None`` is to the request's expiry."""

    to: str
    until: timedelta | None = None
    inform: bool = False
    allow_self: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Who is told, in what order, how long each has.

    ``approvers`` are person ids or destinations who may answer; empty means everybody the steps
    can resolve to. ``need`` is how many different people an approval takes.
    """

    name: str
    steps: tuple[Step, ...]
    on_timeout: OnTimeout = OnTimeout.NEXT
    on_delivery_failure: str = "next"
    repeat: int = 0
    on_exhausted: str = "expire"
    approvers: tuple[str, ...] = ()
    need: int = 1
    allow_self: bool = False
    comment: str = "on_reject"
    exclusive: bool = False
    acknowledge_for: timedelta = timedelta(minutes=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestDraft:
    """What the pipeline hands over when a guard stopped something: the question, not yet asked.

    ``rule`` and ``run`` are set for volume and VIP requests, ``silo``, ``type`` and ``scan`` for
    scan requests, ``vip`` for VIP requests. ``actions`` are already stored as suspended.
    ``plan`` is the name of the configured plan or ``None`` for everybody who may approve.
    ``count`` is the number of actions, or of missing objects of a scan. ``sentence`` says what
    happened, the way it will stand in the mail, ``cause`` what the actions share, ``clusters`` into
    which groups they fall (none, or every action in exactly one), ``texts`` are further sentences
    about its actions that people may read in another language.
    """

    kind: RequestKind
    sentence: str
    count: int
    actions: Sequence[ActionId] = ()
    run: RunId | None = None
    rule: str | None = None
    vip: str | None = None
    silo: str | None = None
    type: str | None = None
    scan: str | None = None
    plan: str | None = None
    template: str | None = None
    expires_at: datetime | None = None
    on_expiry: OnExpiry = OnExpiry.CLEAR
    cause: str = ""
    clusters: Sequence[Cluster] = ()
    detail: Mapping[str, object] = field(default_factory=dict)
    texts: Sequence[str] = ()

    @property
    def said(self) -> dict[str, object]:
        """How its sentences are made, by their English text, so that they can be said again."""
        clusters = [cluster.text for cluster in self.clusters]
        return phrasebook([self.sentence, self.cause, *clusters, *self.texts])


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request as it is stored.

    ``step`` counts from 0 into ``plan.steps`` and ``rounds`` how often they were repeated;
    ``notifying`` says that the plan has not ended. ``approvers`` are the ids of the people who
    were entitled to answer when it was opened.
    """

    id: RequestId
    kind: RequestKind
    state: RequestState
    sentence: str
    count: int
    opened_at: datetime
    plan: Plan
    step: int
    step_due: datetime | None
    expires_at: datetime | None
    on_expiry: OnExpiry
    run: RunId | None = None
    rule: str | None = None
    vip: str | None = None
    silo: str | None = None
    type: str | None = None
    scan: str | None = None
    template: str | None = None
    cause: str = ""
    clusters: Sequence[Cluster] = ()
    nth: int = 1
    approvers: frozenset[str] = frozenset()
    digest: str = ""
    rounds: int = 0
    notifying: bool = True
    closed_at: datetime | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    detail: Mapping[str, object] = field(default_factory=dict)
