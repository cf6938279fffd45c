"""The store port for what rules remember: throttle marks, holds, quotas and reservations."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from hypersync.model.ids import ActionId, IdentityId, ObjectId, RunId
from hypersync.model.objects import Attributes, Operation


@dataclass(frozen=True, slots=True)
class Hold:
    """What is remembered of one action key after people were asked about it.

    A rejection holds the same change back; another one under its key is asked about, and so is
    ``is_unanswered``: what nobody answered, or what became void before it was done. ``times`` is
    how often it came to that, ``by`` who or what did it: a person, ``expiry`` or ``void``.
    """

    key: str
    rule: str
    identity: IdentityId
    fingerprint: str
    until: datetime
    times: int
    at: datetime | None = None
    is_unanswered: bool = False
    by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoHold:
    """A change of a rule that was taken back, or is to be: the rule does not redo it.

    ``undo`` is the action that takes it back, in ``run``; what follows describes the undone change.
    ``object_id`` is the object it was made to, for memberships the group. ``target`` names group
    and member.
    """

    undo: ActionId
    run: RunId
    rule: str
    identity: IdentityId
    object_id: ObjectId | None
    slot: str
    target: str
    operation: Operation
    before: Attributes | None
    after: Attributes | None
    until: datetime


@dataclass(frozen=True, slots=True)
class QuotaState:
    """How much of a quota is used in the window that began at ``start``."""

    start: datetime
    used: int


Mark = tuple[str, IdentityId, str]
"""Rule, identity, and the target (group and member for memberships, else empty)."""


class Marks(Protocol):
    """What rules remember from run to run."""

    def last_starts(
        self, rules: Collection[str], since: datetime, identities: Collection[int] | None
    ) -> Mapping[Mark, datetime]:
        """Return the last starts of rules after ``since``, of these identities or of all."""

    def start(self, marks: Sequence[Mark], now: datetime) -> None:
        """Remember that rules start now."""

    def held(
        self, rules: Collection[str], identities: Collection[int] | None
    ) -> frozenset[tuple[str, IdentityId]]:
        """Return for which identities the conditions of event rules held at the last look."""

    def set_held(self, marks: Sequence[tuple[str, IdentityId]], *, held: bool) -> None:
        """Remember whether the conditions of event rules hold."""

    def holds(self, identities: Collection[int] | None) -> Mapping[str, Hold]:
        """Return what is remembered of asked keys, of these identities or of all."""

    def drop_holds(self, keys: Collection[str]) -> None:
        """Forget what is remembered of asked keys."""

    def undone(self, identities: Collection[int] | None) -> Mapping[IdentityId, Sequence[UndoHold]]:
        """Return what was taken back, of these identities or of all."""

    def hold_undone(self, holds: Sequence[UndoHold], now: datetime) -> None:
        """Hold back what is taken back from now on."""

    def drop_undone(self, holds: Collection[tuple[ActionId, IdentityId]]) -> None:
        """Let what these undos took back from these identities be done again."""

    def quotas(self) -> Mapping[str, QuotaState]:
        """Return the state of every quota by context."""

    def save_quotas(self, quotas: Mapping[str, QuotaState]) -> None:
        """Write the state of quotas."""

    def reservations(self, namespace: str) -> Mapping[str, IdentityId]:
        """Return the reserved values of a name space, and whose they are."""

    def reserved(
        self, identities: Collection[IdentityId]
    ) -> Mapping[IdentityId, Sequence[tuple[str, str]]]:
        """Return what is reserved for these identities: (name space, value)."""

    def reserve(self, rows: Sequence[tuple[str, str, IdentityId, str]], now: datetime) -> None:
        """Reserve values: (name space, value, identity, rule); one taken already stays as it is."""
