"""The store port for what rules remember: throttle marks, holds, quotas and reservations."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from hypersync.model.ids import ActionId, IdentityId


@dataclass(frozen=True, slots=True)
class Hold:
    """What is remembered of one action key after people were asked about it.

    A rejection holds the same change back. ``is_unanswered`` is what nobody answered in time: it
    is asked again. ``times`` is how often it came to that. ``by`` is who decided,
    ``undo:RUN`` where a run took the change back.
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

    def hold(
        self, actions: Collection[ActionId], *, by: str, now: datetime, until: datetime
    ) -> None:
        """Hold these changes back as if they had been rejected."""

    def drop_holds(self, keys: Collection[str]) -> None:
        """Forget what is remembered of asked keys."""

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
