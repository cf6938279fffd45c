"""Stores scans, their staged changes, cursors and populations."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, Select, func, insert, select, update
from sqlalchemy.engine import Connection

from hypersync.model.scans import (
    Finding,
    Scan,
    ScanId,
    ScanKind,
    ScanState,
    SiloType,
    Staged,
    TypeCounts,
    TypeVerdict,
)
from hypersync.ports.store.scans import Stretch
from hypersync.store import tables
from hypersync.store.bulk import chunks, marks, read, run, run_many, stored_time

KEEP_POPULATIONS = timedelta(days=8)

_SCAN = tables.scan
_TYPE = tables.silo_type
_PEND_ALL = """
INSERT INTO pending_identity (identity)
SELECT DISTINCT identity FROM object WHERE silo_type = ? ORDER BY identity
ON CONFLICT (identity) DO UPDATE SET run = NULL, not_before = NULL
"""


class Scans:
    """Scans, their staged changes, cursors and populations."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # --- silo types ----------------------------------------------------------------------------

    def register(self, silo: str, type_names: Iterable[str]) -> Mapping[str, SiloType]:
        """Return what is stored of these types, by name; new ones are made."""
        names = list(type_names)
        query = select(_TYPE).where(_TYPE.c.silo == silo)
        known = {row.type: row for row in self._connection.execute(query)}
        missing = [{"silo": silo, "type": name} for name in names if name not in known]
        if missing:
            self._connection.execute(insert(_TYPE), missing)
            known = {row.type: row for row in self._connection.execute(query)}
        return {name: _silo_type(known[name]) for name in names}

    def types(self) -> Sequence[SiloType]:
        """Return all types of all silos."""
        query = select(_TYPE).order_by(_TYPE.c.silo, _TYPE.c.type)
        return [_silo_type(row) for row in self._connection.execute(query)]

    def is_unknown(self, silo_type: int) -> bool:
        """Tell whether a type has no objects at all, not even absent ones."""
        statement = "SELECT 1 FROM object WHERE silo_type = ? LIMIT 1"
        return not read(self._connection, statement, (silo_type,))

    def set_loading(self, silo_type: int, *, loading: bool) -> None:
        """Hide the objects of a type from runs, or show them."""
        self._change_type(silo_type, loading=loading)

    def raise_live(self, silo_type: int, by: int) -> None:
        """Add to the number of live objects; ``by`` may be negative."""
        if by:
            self._change_type(silo_type, live=_TYPE.c.live + by)

    def applied_type(self, silo_type: int, scope: str | None, now: datetime) -> None:
        """Note that a scan of the type was applied: its scope, and how many live then."""
        self._change_type(silo_type, scope=scope, loaded=True, loading=False)
        at, old = (stored_time(self._connection, each) for each in (now, now - KEEP_POPULATIONS))
        run(
            self._connection,
            "DELETE FROM population WHERE silo_type = ? AND at < "
            "(SELECT max(at) FROM population WHERE silo_type = ? AND at <= ?)",
            (silo_type, silo_type, old),
        )
        run(
            self._connection,
            "INSERT INTO population (silo_type, at, live) "
            "SELECT id, ?, live FROM silo_type WHERE id = ? "
            "ON CONFLICT (silo_type, at) DO UPDATE SET live = excluded.live",
            (at, silo_type),
        )

    def set_scope(self, silo_type: int, scope: str) -> None:
        """Say under which scope the type was scanned last, in other words than before."""
        self._change_type(silo_type, scope=scope)

    def set_join_revision(self, silo_type: int, revision: str) -> None:
        """Note which joins the keys of the type's objects were made with."""
        self._change_type(silo_type, join_revision=revision)

    def _change_type(self, silo_type: int, **values: object) -> None:
        self._connection.execute(update(_TYPE).where(_TYPE.c.id == silo_type).values(**values))

    def high(self, silo_type: int, since: datetime) -> int:
        """Return the most live objects of a type that applied scans left since then; 0 for none.

        The last scan before counts too: what it left stood when the time began, however long ago.
        """
        statement = (
            "SELECT coalesce(max(live), 0) FROM population WHERE silo_type = ? AND (at >= ? "
            "OR at = (SELECT max(at) FROM population WHERE silo_type = ? AND at < ?))"
        )
        at = stored_time(self._connection, since)
        return int(read(self._connection, statement, (silo_type, at, silo_type, at))[0][0])

    def populations(self, silo_type: int, since: datetime) -> Sequence[Stretch]:
        """Return by the hour how many objects of a type applied scans left, oldest first.

        They are kept for `KEEP_POPULATIONS`.
        """
        table = tables.population
        is_sqlite = self._connection.dialect.name == "sqlite"
        hour = func.substr(table.c.at, 1, 13) if is_sqlite else func.date_trunc("hour", table.c.at)
        newest = func.max(table.c.at)
        query = (
            select(newest, func.min(table.c.live), func.max(table.c.live), func.count())
            .where(table.c.silo_type == silo_type, table.c.at >= since)
            .group_by(hour)
            .order_by(newest)
        )
        return [Stretch._make(row) for row in self._connection.execute(query)]

    def forget_high(self, silo_type: int) -> None:
        """Forget how many there were: people approved that there are fewer."""
        run(self._connection, "DELETE FROM population WHERE silo_type = ?", (silo_type,))

    def pend_all(self, silo_type: int) -> None:
        """Make the identities of all objects of a type pending."""
        run(self._connection, _PEND_ALL, (silo_type,))

    # --- scans ---------------------------------------------------------------------------------

    def start(self, scan: Scan) -> None:
        """Write a new scan."""
        self._connection.execute(insert(_SCAN), [_scan_row(scan)])

    def get(self, scan: ScanId) -> Scan | None:
        """Return a scan."""
        found = self._scans(select(_SCAN).where(_SCAN.c.id == scan))
        return found[0] if found else None

    def some(self, scans: Collection[ScanId]) -> Mapping[ScanId, Scan]:
        """Return these scans by id; unknown ones are left out."""
        found: list[Scan] = []
        for few in chunks(sorted(scans)):
            found += self._scans(select(_SCAN).where(_SCAN.c.id.in_(few)))
        return {scan.id: scan for scan in found}

    def save(self, scan: Scan, states: Collection[ScanState]) -> bool:
        """Replace a scan that is in one of ``states``; false when it is not."""
        statement = (
            update(_SCAN)
            .where(_SCAN.c.id == scan.id, _SCAN.c.state.in_([state.value for state in states]))
            .values(_scan_row(scan))
        )
        return self._connection.execute(statement).rowcount > 0

    def in_state(
        self, states: Collection[ScanState], silo: str | None = None, stream: str | None = None
    ) -> Sequence[Scan]:
        """Return the scans in these states, oldest first, of all silos and streams or of one."""
        query = select(_SCAN).where(_SCAN.c.state.in_([state.value for state in states]))
        if silo is not None:
            query = query.where(_SCAN.c.silo == silo)
        if stream is not None:
            query = query.where(_SCAN.c.stream == stream)
        return self._scans(query.order_by(_SCAN.c.started_at, _SCAN.c.id))

    def newest_applied(self) -> Sequence[Scan]:
        """Return the newest applied scan of each stream of each silo."""
        newest = (
            select(_SCAN.c.silo, _SCAN.c.stream, func.max(_SCAN.c.started_at).label("at"))
            .where(_SCAN.c.state == ScanState.APPLIED.value)
            .group_by(_SCAN.c.silo, _SCAN.c.stream)
            .subquery()
        )
        query = select(_SCAN).join(
            newest,
            (_SCAN.c.silo == newest.c.silo)
            & (_SCAN.c.stream == newest.c.stream)
            & (_SCAN.c.started_at == newest.c.at),
        )
        query = query.where(_SCAN.c.state == ScanState.APPLIED.value)
        found = self._scans(query.order_by(_SCAN.c.silo, _SCAN.c.stream, _SCAN.c.id))
        return list({(scan.silo, scan.stream): scan for scan in found}.values())

    def recent(self, limit: int, silo: str | None = None) -> Sequence[Scan]:
        """Return the newest scans first."""
        query = select(_SCAN).order_by(_SCAN.c.started_at.desc(), _SCAN.c.id.desc()).limit(limit)
        return self._scans(query if silo is None else query.where(_SCAN.c.silo == silo))

    def before(self, scan: Scan) -> Scan | None:
        """Return the last scan of the same kind and stream that was applied before this one."""
        query = select(_SCAN).where(
            _SCAN.c.silo == scan.silo,
            _SCAN.c.stream == scan.stream,
            _SCAN.c.kind == scan.kind.value,
            _SCAN.c.state == ScanState.APPLIED.value,
            _SCAN.c.started_at < scan.started_at,
        )
        found = self._scans(query.order_by(_SCAN.c.started_at.desc()).limit(1))
        return found[0] if found else None

    def _scans(self, query: Select[Any]) -> list[Scan]:
        return [scan_of(row) for row in self._connection.execute(query)]

    def decide(self, scan: ScanId, *, approved: bool, type_name: str | None = None) -> bool:
        """Write down an answer for one type of a suspended scan, or for all; false: too late.

        A scan is approved once every type that was not believed is, and rejected by one.
        """
        # locked: another type of it may be decided at the same moment
        rows = self._scans(select(_SCAN).where(_SCAN.c.id == scan).with_for_update())
        found = rows[0] if rows else None
        if found is None or found.state is not ScanState.SUSPENDED:
            return False
        types = {
            name: replace(verdict, answer=approved)
            if verdict.reasons and type_name in (None, name)
            else verdict
            for name, verdict in found.types.items()
        }
        answers = [verdict.answer for verdict in types.values() if verdict.reasons]
        state = ScanState.SUSPENDED
        if False in answers:
            state = ScanState.REJECTED
        elif None not in answers:
            state = ScanState.APPROVED
        return self.save(replace(found, types=types, state=state), [ScanState.SUSPENDED])

    def applied_since(self, silo: str, time: datetime) -> bool:
        """Tell whether every stream of a silo had a scan applied that began after ``time``."""
        query = (
            select(func.max(_SCAN.c.started_at))
            .where(_SCAN.c.silo == silo, _SCAN.c.state == ScanState.APPLIED.value)
            .group_by(_SCAN.c.stream)
        )
        newest = self._connection.execute(query).scalars().all()
        return bool(newest) and all(each > time for each in newest)

    def applying(self) -> frozenset[str]:
        """Return the silos whose scans are being applied; runs leave them alone."""
        return frozenset(scan.silo for scan in self.in_state([ScanState.APPLYING]))

    # --- cursors -------------------------------------------------------------------------------

    def cursor(self, silo: str, stream: str) -> str | None:
        """Return where the next delta of a stream starts."""
        statement = "SELECT cursor FROM stream WHERE silo = ? AND name = ?"
        rows = read(self._connection, statement, (silo, stream))
        return rows[0][0] if rows else None

    def save_cursor(self, silo: str, stream: str, cursor: str | None) -> None:
        """Remember where the next delta of a stream starts."""
        run(
            self._connection,
            "INSERT INTO stream (silo, name, cursor) VALUES (?, ?, ?) "
            "ON CONFLICT (silo, name) DO UPDATE SET cursor = excluded.cursor",
            (silo, stream, cursor),
        )

    # --- staged changes ------------------------------------------------------------------------

    def stage(self, scan: ScanId, silo_type: int, rows: Sequence[Staged]) -> None:
        """Write changes that a scan found."""
        run_many(
            self._connection,
            "INSERT INTO scan_change (scan, silo_type, anchor, kind, attributes, hash, why) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (scan, silo_type, row.anchor, row.finding.value, row.attributes, row.hash, row.why)
                for row in rows
            ],
        )

    def staged(self, scan: ScanId, after: int, limit: int) -> Sequence[tuple[int, int, Staged]]:
        """Return staged changes in order: (number, silo type, change)."""
        rows = read(
            self._connection,
            "SELECT id, silo_type, anchor, kind, attributes, hash, why FROM scan_change "
            "WHERE scan = ? AND id > ? ORDER BY id LIMIT ?",
            (scan, after, limit),
        )
        return [(row[0], row[1], Staged(row[2], Finding(row[3]), *row[4:])) for row in rows]

    def unstage(self, scan: ScanId, up_to: int | None = None) -> None:
        """Drop the staged changes of a scan, all or up to a number."""
        if up_to is None:
            run(self._connection, "DELETE FROM scan_change WHERE scan = ?", (scan,))
            return
        run(self._connection, "DELETE FROM scan_change WHERE scan = ? AND id <= ?", (scan, up_to))

    def staged_anchors(
        self, scan: ScanId, silo_type: int, findings: Collection[Finding]
    ) -> Sequence[str]:
        """Return the anchors of which a scan says one of these."""
        wanted = [finding.value for finding in findings]
        rows = read(
            self._connection,
            "SELECT anchor FROM scan_change WHERE scan = ? AND silo_type = ? "  # noqa: S608
            f"AND kind IN ({marks(len(wanted))}) ORDER BY id",
            (scan, silo_type, *wanted),
        )
        return [row[0] for row in rows]


def _silo_type(row: Row[Any]) -> SiloType:
    return SiloType(
        id=row.id,
        silo=row.silo,
        name=row.type,
        live=row.live,
        scope=row.scope,
        is_loaded=row.loaded,
        is_loading=row.loading,
        join_revision=row.join_revision,
    )


def _scan_row(scan: Scan) -> dict[str, object]:
    return {
        "id": scan.id,
        "silo": scan.silo,
        "stream": scan.stream,
        "kind": scan.kind.value,
        "state": scan.state.value,
        "started_at": scan.started_at,
        "finished_at": scan.finished_at,
        "cursor": scan.cursor,
        "scope": scan.scope,
        "types": {name: asdict(verdict) for name, verdict in scan.types.items()},
        "reason": scan.reason,
    }


def scan_of(row: Row[Any]) -> Scan:
    """Make a scan out of a stored row."""
    return Scan(
        id=ScanId(row.id),
        silo=row.silo,
        stream=row.stream,
        kind=ScanKind(row.kind),
        state=ScanState(row.state),
        started_at=row.started_at,
        finished_at=row.finished_at,
        cursor=row.cursor,
        scope=row.scope,
        types={name: _verdict(stored) for name, stored in (row.types or {}).items()},
        reason=row.reason,
    )


def _verdict(stored: Mapping[str, Any]) -> TypeVerdict:
    return TypeVerdict(
        counts=TypeCounts(**stored["counts"]),
        reasons=tuple(stored["reasons"]),
        missing=stored["missing"],
        rekeyed=stored["rekeyed"],
        answer=stored["answer"],
    )
