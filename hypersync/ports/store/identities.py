"""The store port for identities, their keys, and which are pending."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from hypersync.model.ids import IdentityId, RunId


class Identities(Protocol):
    """Identities, their keys, and which are pending.

    A pending identity is one that a delta has to look at. A run claims those that are due; a
    change that comes while the run goes on takes the claim away, so that it is not lost.
    """

    # --- pending

    def pending(self, now: datetime) -> Sequence[IdentityId]:
        """Return the pending identities that are due and claimed by nobody, in order."""

    def claim(self, run: RunId, now: datetime) -> Sequence[IdentityId]:
        """Claim the pending identities that are due; return those that were claimed now."""

    def claim_all(self, run: RunId) -> None:
        """Claim every pending identity, due or not."""

    def claim_these(self, run: RunId, identities: Iterable[int]) -> Sequence[IdentityId]:
        """Claim these identities, pending or not, that nobody else has claimed."""

    def free(self, run: RunId) -> None:
        """Give back what a run claimed."""

    def finish(self, run: RunId, keep: Mapping[IdentityId, datetime | None]) -> None:
        """End a run's claims; those in ``keep`` are pending again, from a time on when given."""

    def upsert_pending(self, identities: Iterable[int], not_before: datetime | None = None) -> None:
        """Make identities pending, now or from a time on; the earlier of two times holds."""

    def count_pending(self, now: datetime) -> int:
        """Return how many pending identities are due and claimed by nobody."""

    # --- what is known of identities

    def count(self) -> int:
        """Return how many identities there are."""

    def heirs(self, identities: Collection[IdentityId]) -> Mapping[IdentityId, IdentityId]:
        """Return whom these identities were merged into; those that were not stay themselves."""

    def exists(self, identity: IdentityId) -> bool:
        """Tell whether there is such an identity; merged ones are not there any more."""

    def waiting(self, identities: Collection[int] | None) -> Mapping[int, str]:
        """Return why identities run no rule: ambiguous, or regrouped and not confirmed yet."""

    def vips(
        self, identities: Collection[int] | None
    ) -> Mapping[IdentityId, Mapping[str, str | None]]:
        """Return the VIP rules that hold (``None``) or held until when, by identity."""

    def remember_vips(self, vips: Mapping[IdentityId, Mapping[str, str | None]]) -> None:
        """Replace what is remembered of these identities."""

    def await_references(self, rows: Iterable[tuple[str, str, int]]) -> None:
        """Remember who waits for an object: (slot, key of its identity, who waits).

        Who waits for one that appeared meanwhile is pending instead. To be called first in a
        transaction: it waits until nobody joins.
        """

    def wake_waiting(self, identities: Collection[int] | None) -> None:
        """Make those pending who waited for what these identities, or all, have now."""

    # --- joining

    def join_alone(self) -> None:
        """Wait until nobody else joins; nobody does until this transaction ends."""

    def owners(self, keys: Iterable[str]) -> Mapping[str, int]:
        """Return the identities that have these keys."""

    def keys(self, identities: Iterable[int]) -> Mapping[int, str | None]:
        """Return the keys of these identities."""

    def reserve(self, count: int) -> Sequence[int]:
        """Return so many identity ids that nobody else will use."""

    def add(self, rows: Sequence[tuple[int, str | None]]) -> None:
        """Store new identities: (id, key)."""

    def set_keys(self, rows: Sequence[tuple[int, str | None]]) -> None:
        """Change the keys of identities, whatever the order: (id, key)."""

    def merge(self, rows: Sequence[tuple[int, int]], now: datetime) -> None:
        """Give what is known of identities to those they are merged into: (younger, older)."""

    def split(self, rows: Sequence[tuple[int, int]], now: datetime) -> None:
        """Give what is known of identities also to those split off: (from, to)."""

    def mark_regrouped(self, identities: Iterable[int], now: datetime) -> None:
        """Let identities propose nothing until one more scan of their silos confirms them."""

    def confirm(self) -> Sequence[int]:
        """End the waiting of regrouped identities whose silos were all scanned since."""

    def ambiguous(self, identities: Collection[int]) -> Mapping[IdentityId, datetime]:
        """Return since when identities are ambiguous, of those that are."""

    def note_ambiguous(self, identities: Collection[int], now: datetime) -> None:
        """Look whether identities have two objects in one slot, and remember it."""

    def note_replaced(
        self,
        identities: Collection[int],
        came: Collection[int],
        went: Collection[int],
        now: datetime,
    ) -> None:
        """Remember in which slots of identities an object took the place of one that is gone.

        ``came`` and ``went`` are objects that are new there, or gone since.
        """
