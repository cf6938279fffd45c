"""Runs: one execution of the pipeline each, what it counted and what went wrong. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import Enum

from hypersync.model.ids import IdentityId, RunId


class RunKind(Enum):
    """What a run looked at."""

    FULL = "full"
    DELTA = "delta"
    OBJECT = "object"
    UNDO = "undo"


class RunMode(Enum):
    """Whether a run may change anything."""

    PREVIEW = "preview"
    COMMIT = "commit"


class RunState(Enum):
    """How far a run is; while it is planning nothing of it is visible."""

    PLANNING = "planning"
    EXECUTING = "executing"
    DONE = "done"
    FAILED = "failed"


@dataclass(slots=True)
class Counts:
    """What became of a run's, or of one rule's, actions.

    ``proposed`` is the sum of throttled, limited, suspended, planned and queued; ``released`` are
    earlier actions that were approved and queued by this run, ``stale`` and ``void`` earlier ones
    that it closed.
    """

    identities: int = 0
    proposed: int = 0
    throttled: int = 0
    limited: int = 0
    suspended: int = 0
    planned: int = 0
    queued: int = 0
    released: int = 0
    succeeded: int = 0
    failed: int = 0
    conflict: int = 0
    unknown: int = 0
    stale: int = 0
    void: int = 0
    errors: int = 0

    def add(self, other: Counts) -> None:
        """Add another rule's counts to these."""
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))


@dataclass(frozen=True, slots=True)
class RunError:
    """One thing that went wrong for a rule, an identity, both or neither."""

    rule: str | None
    identity: IdentityId | None
    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CarriedOn:
    """What a run carried on of an earlier one, which had queued it and was not done with it.

    They are how many actions came to which end while the later run had them. Those ``found`` the
    earlier run had done, which was not known before they were read back; those ``waiting`` came to
    no end. While the run is under way all of them wait; a preview carries nothing on.
    """

    run: RunId
    succeeded: int = 0
    failed: int = 0
    conflict: int = 0
    unknown: int = 0
    found: int = 0
    waiting: int = 0

    @property
    def total(self) -> int:
        """How many actions these are."""
        known = self.succeeded + self.failed + self.conflict + self.found
        return known + self.unknown + self.waiting


@dataclass(slots=True)
class RuleReport:
    """One rule's counts in one run, the limit that was in force, and what the stopped share."""

    counts: Counts = field(default_factory=Counts)
    limit: int | None = None
    limit_text: str | None = None
    population: int | None = None
    lookback: int = 0
    reason: str | None = None
    cause: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run as it is stored.

    ``undoes`` is the run that this one takes back, ``reason`` why, or why a limit was raised, in
    the words of who started it. ``plan`` is the hash of the plan file that a
    preview made, or that a committing run carries out. ``counts`` and ``rules`` are of its own
    plan as it was when the run ended; ``carried_on`` is besides them, by earlier run.
    """

    id: RunId
    kind: RunKind
    mode: RunMode
    state: RunState
    config: str
    started_at: datetime
    finished_at: datetime | None = None
    started_by: str | None = None
    counts: Counts = field(default_factory=Counts)
    rules: Mapping[str, RuleReport] = field(default_factory=dict)
    scans: Sequence[str] = ()
    undoes: RunId | None = None
    plan: str | None = None
    reason: str | None = None
    carried_on: Sequence[CarriedOn] = ()

    @property
    def applied_plan(self) -> str | None:
        """The hash of the reviewed plan that it carries out."""
        return self.plan if self.mode is RunMode.COMMIT else None
