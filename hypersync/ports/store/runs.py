"""The store port for runs, their reports and errors."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from hypersync.model.ids import RunId
from hypersync.model.runs import Run, RunError, RunState


class Runs(Protocol):
    """Runs; one that is still planning is visible to nobody."""

    def start(self, run: Run) -> None:
        """Store a run that begins to plan."""

    def save(self, run: Run) -> None:
        """Write state, counts, rules and end of a run."""

    def report_errors(self, run: RunId, errors: Sequence[RunError]) -> None:
        """Add errors to a run."""

    def errors(self, run: RunId, limit: int | None = None) -> Sequence[RunError]:
        """Return the errors of a run in the order they were met."""

    def get(self, run: RunId) -> Run | None:
        """Return one run."""

    def of_plan(self, plan_hash: str) -> Run | None:
        """Return the run that carried out a reviewed plan, by the hash of its file."""

    def recent(self, limit: int) -> Sequence[Run]:
        """Return the newest runs first, those still planning left out."""

    def in_state(self, state: RunState) -> Sequence[Run]:
        """Return the runs in a state, oldest first."""

    def record_verdicts(self, run: RunId, rows: Sequence[tuple[str, int, str, str, str]]) -> None:
        """Keep what was throttled, limited or held: (rule, identity, key, verdict, text)."""

    def last_rules(self) -> tuple[str, Collection[str]] | None:
        """Return the revision and the rules of the last committing sync whose plan was made."""

    def last_full_revision(self) -> str | None:
        """Return the rulebook revision of the last committing full sync that ended."""
