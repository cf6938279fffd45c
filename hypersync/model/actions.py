"""Actions: one intended change each, and the states of its life. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from hypersync.model.ids import ActionId, IdentityId, ObjectId, RequestId, RunId
from hypersync.model.objects import Attributes, Operation


class ActionState(Enum):
    """Where an action is in its life."""

    PROPOSED = "proposed"
    PLANNED = "planned"
    SUSPENDED = "suspended"
    APPROVED = "approved"
    QUEUED = "queued"
    EXECUTING = "executing"
    SUCCEEDED = "succeeded"
    CONFLICT = "conflict"
    FAILED = "failed"
    UNKNOWN = "unknown"
    REJECTED = "rejected"
    CLEARED = "cleared"
    STALE = "stale"
    VOID = "void"


OPEN_STATES = frozenset(
    {
        ActionState.SUSPENDED,
        ActionState.APPROVED,
        ActionState.QUEUED,
        ActionState.EXECUTING,
        ActionState.UNKNOWN,
    }
)


DOUBT = "unknown"
"""The guard of the reason for which people are asked whether something happened."""


class OnExpiry(Enum):
    """What the end of an undecided action's time does."""

    CLEAR = "clear"
    APPROVE = "approve"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a guard stopped an action, in a sentence a person understands.

    ``guard`` is throttle, vip, count, quota, threshold, limit, plan, change, expiry or unknown;
    ``name`` names the VIP rule, the context or the limit.
    """

    guard: str
    name: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One action as it is stored.

    ``cluster`` is the key of the `Cluster` of its request that holds it, ``None`` without any;
    ``undoes`` is the action that this one takes back; ``kind`` that of its rule.
    """

    id: ActionId
    run: RunId
    rule: str
    identity: IdentityId
    object_id: ObjectId | None
    silo: str
    type: str
    anchor: str | None
    slot: str
    operation: Operation
    key: str
    state: ActionState
    before: Attributes | None
    after: Attributes | None
    fingerprint: str
    title: str = ""
    reasons: Sequence[Reason] = ()
    vip: str | None = None
    request: RequestId | None = None
    cluster: str | None = None
    on_expiry: OnExpiry = OnExpiry.CLEAR
    suspended_at: datetime | None = None
    expires_at: datetime | None = None
    queued_at: datetime | None = None
    started_at: datetime | None = None
    attempts: int = 0
    retry_at: datetime | None = None
    replacements: int = 0
    decided_by: str | None = None
    decided_at: datetime | None = None
    approved_until: datetime | None = None
    released_by: RunId | None = None
    error: str | None = None
    is_suspect: bool = False
    waits: str | None = None
    once: Attributes = field(default_factory=dict)
    undoes: ActionId | None = None
    kind: str = ""

    @property
    def was_in_doubt(self) -> bool:
        """Whether people were asked if it happened, because its outcome was lost."""
        return any(reason.guard == DOUBT for reason in self.reasons)

    @property
    def is_in_doubt(self) -> bool:
        """Whether people are asked if it happened."""
        return self.state is ActionState.UNKNOWN and self.was_in_doubt


UNDO = "undo:"
"""What stands before the rule whose actions are taken back."""


def undo_name(rule: str) -> str:
    """Return the name under which the actions of a rule are undone; no rule can be called so."""
    return f"{UNDO}{rule}"


def is_undo(rule: str) -> bool:
    """Tell whether actions under this name take others back."""
    return rule.startswith(UNDO)


def takes_back(rule: str) -> bool:
    """Tell whether undos under this name take back what a rule did, rather than doing it again."""
    return rule.count(UNDO) % 2 == 1


def undone_rule(rule: str) -> str:
    """Return the rule whose actions are undone, or done again, under this name."""
    while is_undo(rule):
        rule = rule.removeprefix(UNDO)
    return rule
