"""Reads a silo into the graph: the first loop.

    connector ──▶ staged changes ──▶ source guard ──▶ applied to objects, joined ──▶ pending

Only one scan of a silo runs at a time. Each stream is read completely before anything of it is
believed; what the source guard does not believe stays staged and people are asked. What is believed
is applied batch by batch, and the cursor is saved with the last, so that a crash in between is
finished by whoever comes next.

Failure direction: a stream that does not end completely changes nothing. A newer scan of a stream
takes the place of one that waits for a decision; an approval covers what people saw: that very
scan, or a newer one in which nothing else is missing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from hypersync.errors import CursorLost, ScanFailed, SiloError, SiloPaused
from hypersync.model import scopes
from hypersync.model.circuit import CircuitTerms
from hypersync.model.ids import new_public_id
from hypersync.model.objects import ObjectType
from hypersync.model.scans import (
    Scan,
    ScanId,
    ScanKind,
    ScanReport,
    ScanState,
    SiloType,
    TypeVerdict,
)
from hypersync.pipeline import parting
from hypersync.pipeline.alarms import Alarms
from hypersync.pipeline.circuit import Circuit
from hypersync.pipeline.delta import Delta
from hypersync.pipeline.engine import OpenRequest, TellEnd
from hypersync.pipeline.entrance import Entrance
from hypersync.pipeline.join import Joins
from hypersync.pipeline.landing import Landing
from hypersync.pipeline.lease import holding
from hypersync.pipeline.reading import Reading, TypeReading
from hypersync.pipeline.rekey import rekey
from hypersync.pipeline.scan_reports import failures, report, together
from hypersync.pipeline.source_guard import HIGH_WITHIN, SourceGuard, judge
from hypersync.ports.connector import Connector, Session
from hypersync.ports.progress import NoProgress, Progress
from hypersync.ports.store import Store
from hypersync.ports.store.leases import Fence

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A silo as scans need it."""

    silo: str
    connector: Connector
    guard: SourceGuard


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanning:
    """What every scan needs; ``open_request`` asks people inside the transaction that suspends.

    ``unsaid`` are the attributes, in lower case, of which causes say nothing, ``circuits`` says by
    silo when one that fails is paused.
    """

    store: Store
    joins: Joins
    clock: Callable[[], datetime]
    open_request: OpenRequest
    holder: str = "scan"
    unsaid: frozenset[str] = frozenset()
    circuits: Mapping[str, CircuitTerms] = field(default_factory=dict)
    tell_end: TellEnd | None = None


def scan(
    scanning: Scanning, source: Source, *, full: bool, progress: Progress | None = None
) -> ScanReport:
    """Scan every stream of a silo: changes only, where the stream has a cursor and not ``full``.

    A silo that cannot be read is reported as failed. Raises `LeaseHeld` when another scan of the
    silo is running.
    """
    lease = f"scan:{source.silo}"
    with holding(scanning.store, lease, scanning.holder, scanning.clock) as fence:
        _catch_up(scanning, source, fence)
        terms = scanning.circuits.get(source.silo, CircuitTerms())
        circuit = Circuit(source.silo, terms, scanning.open_request, scanning.tell_end)
        entrance = Entrance(scanning.store, circuit, scanning.clock)
        alarms = Alarms(scanning.store, source.silo, scanning.clock, scanning.open_request)
        shown = progress or NoProgress()
        reports = [
            _Stream(scanning, source, kinds, fence, shown, entrance, alarms).scan(full=full)
            for kinds in source.connector.streams()
        ]
        for why in failures(reports):
            _logger.warning("scan of silo %s failed: %s", source.silo, why)
        whole = together(source.silo, reports)
        if whole.state is not ScanState.FAILED:
            alarms.calm_down()
    return whole


def apply_approved(scanning: Scanning, sources: Sequence[Source]) -> list[ScanReport]:
    """Apply the suspended scans that people approved, and finish what a crash interrupted.

    Raises `LeaseHeld` when one of the silos is being scanned.
    """
    with scanning.store.snapshot() as unit:
        waiting = {
            each.silo for each in unit.scans.in_state([ScanState.APPROVED, ScanState.APPLYING])
        }
    reports = []
    for source in sources:
        if source.silo in waiting:
            lease = f"scan:{source.silo}"
            with holding(scanning.store, lease, scanning.holder, scanning.clock) as fence:
                scans = _catch_up(scanning, source, fence)
            reports += [report(each) for each in scans]
    return reports


def _catch_up(scanning: Scanning, source: Source, fence: Fence) -> list[Scan]:
    """Clean up after scans that died, finish what was being applied, apply what was approved."""
    kinds = {kind.name: kind for stream in source.connector.streams() for kind in stream}
    store, silo = scanning.store, source.silo
    with store.begin(fence) as unit:
        types = unit.scans.register(silo, kinds)
        dead = unit.scans.in_state([ScanState.RUNNING], silo)
        unfinished = unit.scans.in_state([ScanState.APPLYING, ScanState.APPROVED], silo)
    landing = Landing(store, scanning.joins, fence, scanning.clock, scanning.unsaid)
    for each in dead:
        landing.fail(each, types, "the process ended while it was scanning")
    done = [landing.land(each, parting.as_read(each, kinds)) for each in unfinished]
    for kind in types.values():
        rekey(store, scanning.joins, kind, fence, scanning.clock)
    return done


class _Stream:
    """Scans one stream of a silo."""

    def __init__(
        self,
        scanning: Scanning,
        source: Source,
        kinds: Sequence[ObjectType],
        fence: Fence,
        progress: Progress,
        entrance: Entrance,
        alarms: Alarms,
    ) -> None:
        self._scanning = scanning
        self._store = scanning.store
        self._source = source
        self._kinds = {kind.name: kind for kind in kinds}
        self._name = ",".join(self._kinds)
        self._fence = fence
        self._progress = progress
        self._entrance = entrance
        self._alarms = alarms
        self._landing = Landing(
            scanning.store, scanning.joins, fence, scanning.clock, scanning.unsaid
        )
        self._types: Mapping[str, SiloType] = {}

    def scan(self, *, full: bool) -> ScanReport:
        """Read the stream, and read it in full when its cursor is lost."""
        try:
            self._entrance.check()
            return report(self._scan_once(full=full))
        except SiloPaused as error:
            return report(self._failed(None, full=full, error=error))
        except CursorLost as lost:
            _logger.info("silo %s: %s; scanning in full", self._source.silo, lost.message)
            self._alarms.lost(lost)
            return report(self._scan_once(full=True))

    def _scan_once(self, *, full: bool) -> Scan:
        started: Scan | None = None
        try:
            with self._entrance.session(self._source.connector) as session:
                kinds = tuple(self._kinds.values())
                scope = parting.with_members(session.scope(kinds), kinds)
                started = self._start(scope, full=full)
                reading = self._read(session, started)
        except CursorLost as lost:
            if started is not None:
                self._landing.fail(started, self._types, lost.message)
            if started is None or started.kind is ScanKind.FULL:
                return self._failed(started, full=full, error=lost)
            raise
        except SiloError as error:
            return self._failed(started, full=full, error=error)
        return self._judge(replace(started, cursor=reading.cursor), reading)

    def _failed(self, started: Scan | None, *, full: bool, error: SiloError) -> Scan:
        """Record that the stream could not be read; nothing of it is believed."""
        if started is None:
            started = self._new(ScanKind.FULL if full else ScanKind.DELTA, None, None)
            with self._store.begin(self._fence) as unit:
                self._types = unit.scans.register(self._source.silo, self._kinds)
                unit.scans.start(started)
        return self._landing.fail(started, self._types, error.message)

    def _start(self, scope: str, *, full: bool) -> Scan:
        """Write the scan down; a delta needs a cursor made under the same scope."""
        silo = self._source.silo
        with self._store.begin(self._fence) as unit:
            self._types = unit.scans.register(silo, self._kinds)
            if parting.note(unit, self._types.values(), self._kinds):
                self._types = unit.scans.register(silo, self._kinds)
            cursor = unit.scans.cursor(silo, self._name)
            is_same = all(kind.scope == scope for kind in self._types.values())
            if full or not is_same:
                cursor = None
            started = self._new(ScanKind.FULL if cursor is None else ScanKind.DELTA, cursor, scope)
            unit.scans.start(started)
            if self._may_load(unit.scans.is_unknown) and cursor is None:
                for kind in self._types.values():
                    unit.scans.set_loading(kind.id, loading=True)
                self._types = unit.scans.register(silo, self._kinds)
        return started

    def _may_load(self, is_unknown: Callable[[int], bool]) -> bool:
        """Tell whether objects may go straight into place: nobody could miss what is not there."""
        return not self._source.guard.canaries and all(
            is_unknown(kind.id) for kind in self._types.values()
        )

    def _new(self, kind: ScanKind, cursor: str | None, scope: str | None) -> Scan:
        return Scan(
            id=ScanId(new_public_id()),
            silo=self._source.silo,
            stream=self._name,
            kind=kind,
            state=ScanState.RUNNING,
            started_at=self._scanning.clock(),
            cursor=cursor,
            scope=scope,
        )

    # --- reading -------------------------------------------------------------------------------

    def _read(self, session: Session, started: Scan) -> Reading:
        types = {
            name: TypeReading(stored, self._kinds[name], is_direct=stored.is_loading)
            for name, stored in self._types.items()
        }
        reading = Reading(
            self._store,
            self._fence,
            started.id,
            types,
            self._scanning.joins,
            self._source.guard,
            self._scanning.clock,
        )
        is_full = started.kind is ScanKind.FULL
        take = reading.take if is_full else Delta(self._store, reading, session).take
        if is_full:
            reading.load_map()
        total = sum(kind.live for kind in self._types.values()) if is_full else None
        self._progress.start(f"scanning {self._source.silo}", total or None)
        for batch in session.scan(tuple(self._kinds.values()), started.cursor):
            take(batch)
            self._progress.advance(len(batch))
        if not reading.is_complete:
            raise ScanFailed
        reading.finish(session)
        return reading

    # --- judging -------------------------------------------------------------------------------

    def _judge(self, ended: Scan, reading: Reading) -> Scan:
        """Let the source guard look at every type; apply the scan or ask people about it."""
        verdicts = {
            name: self._verdict(ended, reading, each) for name, each in reading.types.items()
        }
        judged = replace(ended, types=verdicts)
        if any(verdict.reasons for verdict in verdicts.values()):
            if not self._landing.is_covered(judged, self._types, ScanState.APPROVED):
                return self._landing.suspend(judged, self._types, self._scanning.open_request)
            _logger.info("scan %s of silo %s: approved before", ended.id, ended.silo)
        return self._landing.land(judged, self._kinds)

    def _verdict(self, ended: Scan, reading: Reading, each: TypeReading) -> TypeVerdict:
        now = self._scanning.clock()
        with self._store.snapshot() as unit:
            high = unit.scans.high(each.silo_type.id, now - HIGH_WITHIN)
        lost = reading.lost_canaries(each, is_only_type=self._has_one_type())
        scope = ended.scope
        if scopes.told(scope) == scopes.told(each.silo_type.scope):
            scope = each.silo_type.scope  # who is missing has nothing to do with members
        evidence = each.evidence(high=high, scope=scope or "", lost_canaries=lost)
        return TypeVerdict(
            counts=each.counts,
            reasons=judge(evidence, self._source.guard),
            missing=evidence.missing,
            rekeyed=evidence.rekeyed,
        )

    def _has_one_type(self) -> bool:
        return sum(len(stream) for stream in self._source.connector.streams()) == 1
