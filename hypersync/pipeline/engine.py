"""What the pipeline works with: ports, rulebook and settings in one frozen bundle."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from hypersync.model.circuit import CircuitTerms
from hypersync.model.ids import RequestId, RunId
from hypersync.model.limit import Limit
from hypersync.model.objects import Operation
from hypersync.model.plan_file import PlanHeader, PlannedAction, ReviewedPlan
from hypersync.model.requests import RequestDraft
from hypersync.model.runs import RunKind, RunMode
from hypersync.model.unlock import Lock
from hypersync.pipeline.drafts import Types
from hypersync.pipeline.silos import Silos
from hypersync.ports.store import Store, UnitOfWork
from hypersync.ports.store.leases import Fence
from hypersync.rulebook.rules import Rulebook

OpenRequest = Callable[[UnitOfWork, RequestDraft, datetime], RequestId]
TellEnd = Callable[[UnitOfWork, RequestId, datetime], None]
"""Tells whoever heard of a request that it ended."""
WritePlan = Callable[[PlanHeader, Iterable[PlannedAction]], str]
"""Writes a plan down and returns its hash."""


class NoteRules(Protocol):
    """Writes down whose rules a run works with; only a committing one puts them in force."""

    def __call__(
        self, store: Store, run: RunId, now: datetime, fence: Fence | None, *, is_preview: bool
    ) -> None:
        """Note them, within the lease of a committing run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardSettings:
    """What holds for every rule; ``release_any`` lets an object sync release others' approvals.

    ``unsaid`` are the attributes, in lower case, of which causes say nothing.
    """

    simulate: bool = False
    release_any: bool = True
    vip_memory: timedelta = timedelta(days=30)
    reject_hold: timedelta = timedelta(days=30)
    delta_duration: timedelta = timedelta(seconds=60)
    delta_identities: int = 100_000
    unsaid: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class SiloLimits:
    """The most objects per operation in one silo, over all rules and the last ``per``."""

    limits: Mapping[Operation, Limit]
    per: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """What a sync needs.

    ``vip_keys`` are (slot, normal join value) of people who are always VIPs, ``role_groups`` the
    roles that groups grant, by silo, type and anchor. ``is_blackout`` says
    whether nothing may be released or executed at a time. ``open_request`` asks people, inside the
    plan's transaction. ``note_rules`` writes down whose rules a run works with, before it starts.
    ``lock`` is what unlock keys must fit, ``files``
    names the silos that are read from files, ``circuits`` says when one that fails is paused,
    and ``tell_end`` tells those who heard of that when it is over.
    """

    store: Store
    rulebook: Rulebook
    silos: Silos
    types: Types
    guards: GuardSettings
    limits: Mapping[str, SiloLimits]
    clock: Callable[[], datetime]
    open_request: OpenRequest
    note_rules: NoteRules
    is_blackout: Callable[[datetime], bool]
    lock: Lock
    vip_keys: Sequence[tuple[str, str]] = ()
    role_groups: Mapping[tuple[str, str, str], str] = field(default_factory=dict)
    files: frozenset[str] = frozenset()
    circuits: Mapping[str, CircuitTerms] = field(default_factory=dict)
    tell_end: TellEnd | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanOut:
    """Where the plan of a run is written down, and what its header says of this installation."""

    version: str
    installation: str
    environment: str
    write: WritePlan


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What kind of sync is wanted; ``kind`` None is a delta, or a full one when one is due.

    ``object_key`` names silo, type and anchor for an object sync. ``raises`` allows more for one
    run: rule to number, within the ceiling; ``reason`` says why, in the words of who ordered it.
    ``out`` gets the plan; ``expected`` is the reviewed plan that the run carries out, and nothing
    else.
    """

    mode: RunMode = RunMode.PREVIEW
    kind: RunKind | None = None
    object_key: tuple[str, str, str] | None = None
    raises: Mapping[str, int] = field(default_factory=dict)
    reason: str | None = None
    started_by: str | None = None
    scans: Sequence[str] = ()
    out: PlanOut | None = None
    expected: ReviewedPlan | None = None
