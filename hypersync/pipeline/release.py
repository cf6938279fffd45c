"""Decides about actions that wait, when their identity is looked at again. Pure.

One open action per key. What a rule wants again is compared with the open action of the same key by
fingerprint: what was approved is what runs, or it is asked again. Only a clean false, or nothing
left to change, ends an action undecided; what cannot be told waits.

Failure direction: a change that was not shown is never released; a volume approval does not cover
somebody who became a VIP.
"""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from hashlib import blake2b
from typing import Protocol

from hypersync.model.actions import ActionState
from hypersync.model.canonical import encode_value
from hypersync.model.ids import IdentityId, ObjectId
from hypersync.model.objects import Attributes, Operation
from hypersync.ports.store.actions import OpenAction
from hypersync.ports.store.marks import Hold

MOST_REPLACEMENTS = 3
"""How often a waiting action may be replaced before its rule is in error for the identity."""


class Wanted(Protocol):
    """What a fingerprint is taken of: a change that a rule wants for an identity."""

    identity: IdentityId
    object_id: ObjectId | None
    silo: str
    type: str
    slot: str
    target: str
    operation: Operation
    before: Attributes | None
    after: Attributes | None


def fingerprint(wanted: Wanted, content_hash: str) -> str:
    """Return what an approval of this change binds to, 40 hexadecimal digits.

    Covers identity, object, operation, the written attributes before and after, and the hash of
    the rule's content. Values of ``once`` are not in it, nor the anchor of an object to create,
    which may be one of them.
    """
    parts = (
        wanted.identity,
        wanted.object_id,
        wanted.silo,
        wanted.type,
        wanted.slot,
        wanted.target,
        wanted.operation.value,
        wanted.before,
        wanted.after,
        content_hash,
    )
    return blake2b(encode_value(parts), digest_size=20).hexdigest()


class Against(Enum):
    """What becomes of an open action when its rule wants something under the same key again."""

    NOTHING = "nothing"
    RELEASE = "release"
    AGAIN = "again"
    REPLACE = "replace"
    UNSTABLE = "unstable"


def against_open(existing: OpenAction, fresh: str) -> Against:
    """Compare an open action with what its rule wants now, by fingerprint.

    ``RELEASE``: it was approved and is the same. ``AGAIN``: it was queued and is the same, so it
    may start. ``REPLACE``: void it; the new one is asked about, or judged when the old one was only
    queued. ``UNSTABLE``: it would be replaced
    once too often; the rule is in error for this identity.
    """
    is_same = existing.fingerprint == fresh
    match existing.state:
        case ActionState.QUEUED:
            return Against.AGAIN if is_same else Against.REPLACE
        case ActionState.APPROVED if is_same:
            return Against.RELEASE
        case ActionState.SUSPENDED | ActionState.APPROVED if not is_same:
            is_unstable = existing.replacements >= MOST_REPLACEMENTS
            return Against.UNSTABLE if is_unstable else Against.REPLACE
        case _:
            return Against.NOTHING


class Truth(Enum):
    """What a rule says for an identity now; error includes everything that cannot be asked."""

    TRUE = "true"
    FALSE = "false"
    UNKNOWN = "unknown"
    ERROR = "error"


class Recheck(Enum):
    """What becomes of an approved or queued action when it is looked at before it starts."""

    SAME = "same"
    STALE = "stale"
    DIFFERS = "differs"
    VIP = "vip"
    WAIT = "wait"


def recheck(action: OpenAction, truth: Truth, fresh: str | None, *, is_vip: bool) -> Recheck:
    """Compare what was let through with what its rule wants now.

    ``fresh`` is the fingerprint of the change the rule would make, ``None`` when there is nothing
    left to change. ``is_vip`` is whether a VIP rule holds the identity now.
    """
    if truth in (Truth.UNKNOWN, Truth.ERROR):
        return Recheck.WAIT
    if truth is Truth.FALSE or fresh is None:
        return Recheck.STALE
    if action.fingerprint != fresh:
        return Recheck.DIFFERS
    if is_vip and action.vip is None:
        return Recheck.VIP
    return Recheck.SAME


def is_withdrawn(state: ActionState, truth: Truth) -> bool:
    """Tell whether an undecided action lost its cause: only a clean false decides."""
    return state is ActionState.SUSPENDED and truth is Truth.FALSE


def hold_applies(hold: Hold, fresh: str, now: datetime) -> bool:
    """Tell whether a rejection still holds for this change; it ends with ``until``.

    Holds whose condition was once false are dropped by the run that sees it.
    """
    return hold.fingerprint == fresh and now < hold.until
