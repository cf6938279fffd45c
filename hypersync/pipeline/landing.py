"""What becomes of a scan that ended: applied, suspended with a question, or failed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from hypersync.model.objects import ObjectType
from hypersync.model.requests import RequestDraft, RequestKind, RequestState
from hypersync.model.said import joined, say
from hypersync.model.scans import (
    Scan,
    ScanState,
    SiloType,
    Staged,
    TypeVerdict,
    absences,
    claims,
)
from hypersync.pipeline.apply import apply
from hypersync.pipeline.causes.missing import cause_of_missing
from hypersync.pipeline.dispute import in_dispute, with_doubts
from hypersync.pipeline.engine import OpenRequest
from hypersync.pipeline.graph import Target
from hypersync.pipeline.join import Joins
from hypersync.ports.store import Store, UnitOfWork
from hypersync.ports.store.events import Event
from hypersync.ports.store.leases import Fence

BATCH = 2_000
"""How many staged changes are applied in one transaction."""

REJECTION_HOLDS = timedelta(days=1)
"""How long people are not asked again about a scan that they rejected."""

LISTED = 500
"""The most missing objects that a request lists."""

_WAITING = (ScanState.SUSPENDED, ScanState.APPROVED, ScanState.REJECTED)
_LANDS_FROM = (ScanState.RUNNING, ScanState.APPROVED, ScanState.APPLYING)

_logger = logging.getLogger(__name__)


class Landing:
    """Ends scans; every transaction checks that the silo's lease is still held."""

    def __init__(
        self,
        store: Store,
        joins: Joins,
        fence: Fence,
        clock: Callable[[], datetime],
        unsaid: frozenset[str],
    ) -> None:
        self._store = store
        self._unsaid = unsaid
        self._joins = joins
        self._fence = fence
        self._clock = clock

    def fail(self, scan: Scan, types: Mapping[str, SiloType], reason: str) -> Scan:
        """Drop everything that a scan staged or loaded."""
        failed = replace(
            scan,
            state=ScanState.FAILED,
            finished_at=self._clock(),
            reason=reason,
            cursor=None,
        )
        with self._store.begin(self._fence) as unit:
            for name in scan.stream.split(","):
                kind = types.get(name)
                if kind is not None and kind.is_loading:
                    unit.objects.discard(kind.id)
                    unit.scans.set_loading(kind.id, loading=False)
            unit.scans.unstage(scan.id)
            unit.scans.save(failed, [ScanState.RUNNING])
        return failed

    # --- believed ------------------------------------------------------------------------------

    def land(self, scan: Scan, kinds: Mapping[str, ObjectType]) -> Scan:
        """Apply what a scan staged, batch by batch, and save its cursor with the last.

        The cursor is lost when it told something else than an action that ended since it began.
        """
        applying = replace(scan, state=ScanState.APPLYING)
        with self._store.begin(self._fence) as unit:
            if not unit.scans.save(applying, _LANDS_FROM):
                return unit.scans.get(scan.id) or scan
            types = unit.scans.register(scan.silo, scan.stream.split(","))
            empty = [kind for kind in types.values() if not (kind.is_loaded or kind.is_loading)]
            for kind in empty:
                unit.scans.set_loading(kind.id, loading=True)
            types = unit.scans.register(scan.silo, types) if empty else types
        is_more = True
        while is_more:
            applying, is_more = self._apply_batch(applying, types, kinds)
        return self._finish(applying, types, kinds)

    def _apply_batch(
        self, scan: Scan, types: Mapping[str, SiloType], kinds: Mapping[str, ObjectType]
    ) -> tuple[Scan, bool]:
        """Apply and drop the next staged changes; return the scan and whether there may be more.

        The scan is stored as `in_dispute` says it with the first change that is in dispute, so
        that whoever finishes it knows.
        """
        disputed: dict[str, list[str]] = {}
        by_id = {kind.id: name for name, kind in types.items()}
        now = self._clock()
        with self._store.begin(self._fence) as unit:
            rows = unit.scans.staged(scan.id, 0, BATCH)
            for silo_type, some in _portions(rows):
                name = by_id[silo_type]
                target = Target(
                    silo_type=types[name],
                    kind=kinds[name],
                    joins=self._joins,
                    source=f"scan:{scan.id}",
                    now=now,
                    read_at=scan.started_at,
                )
                disputed.setdefault(name, []).extend(apply(unit, target, some))
            if rows:
                unit.scans.unstage(scan.id, rows[-1][0])
            if any(disputed.values()):
                scan = in_dispute(scan, types, kinds, disputed)
                unit.scans.save(scan, [ScanState.APPLYING])
        return scan, len(rows) == BATCH

    def _finish(
        self, scan: Scan, types: Mapping[str, SiloType], kinds: Mapping[str, ObjectType]
    ) -> Scan:
        now = self._clock()
        with self._store.begin(self._fence) as unit:
            scan = with_doubts(unit, scan, types, kinds)
            applied = replace(scan, state=ScanState.APPLIED, finished_at=now)
            for name, kind in types.items():
                if kind.is_loading:
                    unit.scans.pend_all(kind.id)
                    unit.scans.set_join_revision(kind.id, self._joins.revision(scan.silo, name))
                if scan.types[name].reasons and scan.types[name].missing:
                    unit.scans.forget_high(kind.id)  # people agreed to what is missing
                unit.scans.applied_type(kind.id, scan.scope, now)
            unit.scans.save_cursor(scan.silo, scan.stream, scan.cursor)
            unit.scans.save(applied, [ScanState.APPLYING])
            self._supersede(unit, scan, now)
            self._withdraw(unit, scan, now)
            unit.identities.confirm()
            if any(kind.is_loading for kind in types.values()):
                unit.identities.wake_waiting(None)
        _logger.info("scan %s of silo %s applied", scan.id, scan.silo)
        return applied

    def _supersede(self, unit: UnitOfWork, newer: Scan, now: datetime) -> None:
        """Close earlier scans of the stream that were not applied."""
        for earlier in unit.scans.in_state(_WAITING, newer.silo, newer.stream):
            if earlier.id != newer.id:
                closed = replace(earlier, state=ScanState.SUPERSEDED, finished_at=now)
                unit.scans.save(closed, _WAITING)
                unit.scans.unstage(earlier.id)

    def _withdraw(self, unit: UnitOfWork, applied: Scan, now: datetime) -> None:
        """Close the questions that a believed scan answered by itself."""
        for name in applied.types:
            request = unit.requests.of_silo(applied.silo, name)
            if request is not None:
                unit.requests.close(request.id, RequestState.VOID, {}, now)
                unit.deliveries.cancel(request.id)
                unit.events.record(
                    Event(kind="void", at=now, request=request.id, silo=applied.silo)
                )

    # --- not believed --------------------------------------------------------------------------

    def suspend(self, scan: Scan, types: Mapping[str, SiloType], open_request: OpenRequest) -> Scan:
        """Keep a scan staged until people decide; a newer one takes the place of the earlier.

        People are not asked again about what they rejected within the last day, as long as
        nothing more is missing.
        """
        now = self._clock()
        reason = "; ".join(
            f"{name}: {each}" for name, verdict in scan.types.items() for each in verdict.reasons
        )
        _logger.warning("scan %s of silo %s suspended: %s", scan.id, scan.silo, reason)
        since = now - REJECTION_HOLDS
        if self.is_covered(scan, types, ScanState.REJECTED, since=since):
            return self._reject_again(scan, now, f"{reason}; rejected before")
        suspended = replace(scan, state=ScanState.SUSPENDED, finished_at=now, reason=reason)
        causes = {
            name: cause_of_missing(
                self._store,
                scan.id,
                types[name].id,
                absences(scan, types[name]),
                now,
                unsaid=self._unsaid,
            )
            for name, verdict in scan.types.items()
            if verdict.reasons
        }
        with self._store.begin(self._fence) as unit:
            unit.scans.save(suspended, [ScanState.RUNNING])
            self._supersede(unit, suspended, now)
            for name, verdict in scan.types.items():
                if verdict.reasons:
                    draft = self._draft(unit, suspended, types[name], verdict)
                    open_request(unit, replace(draft, cause=causes[name]), now)
        return suspended

    def _reject_again(self, scan: Scan, now: datetime, reason: str) -> Scan:
        """Drop what a scan staged: people said already that they do not believe it."""
        rejected = replace(scan, state=ScanState.REJECTED, finished_at=now, reason=reason)
        with self._store.begin(self._fence) as unit:
            unit.scans.save(rejected, [ScanState.RUNNING])
            unit.scans.unstage(scan.id)
        return rejected

    def is_covered(
        self,
        scan: Scan,
        types: Mapping[str, SiloType],
        state: ScanState,
        *,
        since: datetime | None = None,
    ) -> bool:
        """Tell whether people decided about an earlier scan that claimed at least the same."""
        with self._store.snapshot() as unit:
            return any(
                all(_claims(unit, earlier, scan, kind) for kind in types.values())
                for earlier in unit.scans.in_state([state], scan.silo, scan.stream)
                if since is None or earlier.started_at > since
            )

    def _draft(
        self, unit: UnitOfWork, scan: Scan, kind: SiloType, verdict: TypeVerdict
    ) -> RequestDraft:
        missing = unit.scans.staged_anchors(scan.id, kind.id, absences(scan, kind))
        why = joined("; ", verdict.reasons)
        return RequestDraft(
            kind=RequestKind.SCAN,
            sentence=say(
                "The scan of {scan} was stopped: {why}.",
                scan=f"{scan.silo}/{kind.name}",
                why=why,
            ),
            count=max(1, len(missing)),
            silo=scan.silo,
            type=kind.name,
            scan=scan.id,
            detail={
                "reasons": list(verdict.reasons),
                "missing": list(missing[:LISTED]),
                "missing_total": len(missing),
            },
        )


def _claims(unit: UnitOfWork, earlier: Scan, later: Scan, kind: SiloType) -> bool:
    """Tell whether the earlier scan claims of a type what the later one has to be asked about."""
    verdict = later.types[kind.name]
    if not verdict.reasons:
        return True
    if kind.name not in earlier.types or not earlier.types[kind.name].reasons:
        return False
    asked = claims(later, kind)
    found, known = (
        set(unit.scans.staged_anchors(each.id, kind.id, asked)) for each in (later, earlier)
    )
    return found <= known


def _portions(rows: Sequence[tuple[int, int, Staged]]) -> Iterator[tuple[int, list[Staged]]]:
    """Yield runs of one type in which each anchor stands once, in order."""
    current: list[Staged] = []
    anchors: set[str] = set()
    last = None
    for _, silo_type, row in rows:
        if current and (silo_type != last or row.anchor in anchors):
            yield last or 0, current
            current, anchors = [], set()
        last = silo_type
        current.append(row)
        anchors.add(row.anchor)
    if current and last is not None:
        yield last, current
