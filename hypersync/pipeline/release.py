"""Decides about actions that wait, when their identity is looked at again. Pure.

One open action per key, and one place that says what becomes of it: `next_of`. What a rule wants
again is compared with the open action of the same key by fingerprint: what was approved is what
runs, or it is asked again. Only a clean false, or nothing left to change, ends an action undecided;
what cannot be told waits.

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

UNDONE = (ActionState.SUSPENDED, ActionState.APPROVED, ActionState.QUEUED)
"""The open states in which nothing of the action was begun."""

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


class Truth(Enum):
    """What a rule says for an identity now; error includes everything that cannot be asked."""

    TRUE = "true"
    FALSE = "false"
    UNKNOWN = "unknown"
    ERROR = "error"


class Next(Enum):
    """What becomes of an open action when its identity is looked at again."""

    NOTHING = "nothing"
    WAIT = "wait"
    STALE = "stale"
    RELEASE = "release"
    AGAIN = "again"
    REPLACE = "replace"
    UNSTABLE = "unstable"


def next_of(existing: OpenAction, truth: Truth, fresh: str | None, *, is_vip: bool) -> Next:
    """Compare an open action with what its rule wants now.

    ``fresh`` is the fingerprint of the change under the same key that the rule wants now, ``None``
    when it wants none; ``is_vip`` is whether a VIP rule holds that change now.

    ``NOTHING``: it goes on as it is. ``WAIT``: it cannot be told. ``STALE``: certainly no longer
    wanted, or nothing is left to change. ``RELEASE``: it was approved and is the same. ``AGAIN``:
    it was queued and is the same, so it may start. ``REPLACE``: void it; the new one is asked
    about, or judged when the old one was only queued. ``UNSTABLE``: it would be replaced once too
    often; the rule is in error for this identity.
    """
    if existing.state not in UNDONE:
        return Next.NOTHING
    if truth in (Truth.UNKNOWN, Truth.ERROR):
        return Next.WAIT
    if fresh is None:
        return Next.STALE
    if existing.fingerprint != fresh:
        return _when_it_differs(existing)
    if existing.state is ActionState.SUSPENDED:
        return Next.NOTHING
    if is_vip and existing.vip is None:
        return Next.REPLACE
    return Next.RELEASE if existing.state is ActionState.APPROVED else Next.AGAIN


def _when_it_differs(existing: OpenAction) -> Next:
    """Ask again, but not for ever; nobody was asked about what is only queued."""
    is_asked = existing.state is not ActionState.QUEUED
    return (
        Next.UNSTABLE if is_asked and existing.replacements >= MOST_REPLACEMENTS else Next.REPLACE
    )


def hold_applies(hold: Hold, fresh: str, now: datetime) -> bool:
    """Tell whether a rejection holds this change back; that ends with ``until``.

    Holds whose condition was once false are dropped by the run that sees it.
    """
    return not hold.is_unanswered and hold.fingerprint == fresh and now < hold.until


def asks_again(hold: Hold, now: datetime) -> bool:
    """Tell whether people have to be asked about what a hold does not hold back, however few.

    Nobody answered before, or another change under that key was rejected: what was stopped among
    many does not come back in another shape or in small portions.
    """
    return now < hold.until


def hold_text(hold: Hold) -> str:
    """Say how often a change was rejected, and until when that holds."""
    until = f"it holds until {hold.until:%Y-%m-%d %H:%M} UTC"
    times = "" if hold.times < 2 else f" {hold.times} times"
    return f"rejected{times}; {until}"
