"""The store port for scans, their staged changes, cursors and populations."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from hypersync.model.scans import Finding, Scan, ScanId, ScanState, SiloType, Staged


class Stretch(NamedTuple):
    """What the applied scans of an hour left: when the last was, how few, how many, how often."""

    at: datetime
    lowest: int
    highest: int
    scans: int


class Scans(Protocol):
    """Scans, their staged changes, cursors and populations."""

    # --- silo types

    def register(self, silo: str, type_names: Iterable[str]) -> Mapping[str, SiloType]:
        """Return what is stored of these types, by name; new ones are made."""

    def types(self) -> Sequence[SiloType]:
        """Return all types of all silos."""

    def is_unknown(self, silo_type: int) -> bool:
        """Tell whether a type has no objects at all, not even absent ones."""

    def set_loading(self, silo_type: int, *, loading: bool) -> None:
        """Hide the objects of a type from runs, or show them."""

    def raise_live(self, silo_type: int, by: int) -> None:
        """Add to the number of live objects; ``by`` may be negative."""

    def applied_type(self, silo_type: int, scope: str | None, now: datetime) -> None:
        """Note that a scan of the type was applied: its scope, and how many live then."""

    def set_scope(self, silo_type: int, scope: str) -> None:
        """Say under which scope the type was scanned last, in other words than before."""

    def set_join_revision(self, silo_type: int, revision: str) -> None:
        """Note which joins the keys of the type's objects were made with."""

    def high(self, silo_type: int, since: datetime) -> int:
        """Return the most live objects of a type that applied scans left since then; 0 for none.

        The last scan before counts too: what it left stood when the time began.
        """

    def populations(self, silo_type: int, since: datetime) -> Sequence[Stretch]:
        """Return by the hour how many objects of a type applied scans left, oldest first.

        They are kept for some days only.
        """

    def forget_high(self, silo_type: int) -> None:
        """Forget how many there were: people approved that there are fewer."""

    def pend_all(self, silo_type: int) -> None:
        """Make the identities of all objects of a type pending."""

    # --- scans

    def start(self, scan: Scan) -> None:
        """Write a new scan."""

    def get(self, scan: ScanId) -> Scan | None:
        """Return a scan."""

    def some(self, scans: Collection[ScanId]) -> Mapping[ScanId, Scan]:
        """Return these scans by id; unknown ones are left out."""

    def save(self, scan: Scan, states: Collection[ScanState]) -> bool:
        """Replace a scan that is in one of ``states``; false when it is not."""

    def in_state(
        self, states: Collection[ScanState], silo: str | None = None, stream: str | None = None
    ) -> Sequence[Scan]:
        """Return the scans in these states, oldest first, of all silos and streams or of one."""

    def newest_applied(self) -> Sequence[Scan]:
        """Return the newest applied scan of each stream of each silo."""

    def recent(self, limit: int, silo: str | None = None) -> Sequence[Scan]:
        """Return the newest scans first."""

    def before(self, scan: Scan) -> Scan | None:
        """Return the last scan of the same kind and stream that was applied before this one."""

    def decide(self, scan: ScanId, *, approved: bool, type_name: str | None = None) -> bool:
        """Write down an answer for one type of a suspended scan, or for all; false: too late.

        A scan is approved once every type that was not believed is, and rejected by one.
        """

    def applied_since(self, silo: str, time: datetime) -> bool:
        """Tell whether every stream of a silo had a scan applied that began after ``time``."""

    def applying(self) -> frozenset[str]:
        """Return the silos whose scans are being applied; runs leave them alone."""

    # --- cursors

    def cursor(self, silo: str, stream: str) -> str | None:
        """Return where the next delta of a stream starts."""

    def save_cursor(self, silo: str, stream: str, cursor: str | None) -> None:
        """Remember where the next delta of a stream starts."""

    # --- staged changes

    def stage(self, scan: ScanId, silo_type: int, rows: Sequence[Staged]) -> None:
        """Write changes that a scan found."""

    def staged(self, scan: ScanId, after: int, limit: int) -> Sequence[tuple[int, int, Staged]]:
        """Return staged changes in order: (number, silo type, change)."""

    def unstage(self, scan: ScanId, up_to: int | None = None) -> None:
        """Drop the staged changes of a scan, all or up to a number."""

    def staged_anchors(
        self, scan: ScanId, silo_type: int, findings: Collection[Finding]
    ) -> Sequence[str]:
        """Return the anchors of which a scan says one of these."""
