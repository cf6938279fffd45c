"""Stores what rules remember: throttle marks, holds, quotas and reservations."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, delete, false, func, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.engine import Connection
from sqlalchemy.sql.elements import ColumnElement

from hypersync.model.ids import ActionId, IdentityId
from hypersync.ports.store.marks import Hold, Mark, QuotaState, UndoHold
from hypersync.store import tables, undo_holds
from hypersync.store.aftermath import UNANSWERED

_MARK = tables.execution_mark
_HOLD = tables.hold


class Marks:
    """What rules remember from run to run."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        sqlite = connection.dialect.name == "sqlite"
        self._insert: Any = sqlite_insert if sqlite else postgresql_insert

    def last_starts(
        self, rules: Collection[str], since: datetime, identities: Collection[int] | None
    ) -> Mapping[Mark, datetime]:
        """Return the last starts of rules after ``since``, of these identities or of all."""
        found: dict[Mark, datetime] = {}
        for rule in sorted(rules):
            query = select(_MARK.c.identity, _MARK.c.target, _MARK.c.last_start).where(
                _MARK.c.rule == rule, _MARK.c.last_start > since
            )
            for identity, target, started in self._rows(query, _MARK.c.identity, identities):
                found[rule, identity, target] = started
        return found

    def start(self, marks: Sequence[Mark], now: datetime) -> None:
        """Remember that rules start now."""
        rows = [
            {"rule": rule, "identity": identity, "target": target, "last_start": now, "held": True}
            for rule, identity, target in sorted(marks)
        ]
        if rows:
            fresh = self._insert(_MARK)
            upsert = fresh.on_conflict_do_update(
                index_elements=["rule", "identity", "target"],
                set_={"last_start": fresh.excluded.last_start},
            )
            self._connection.execute(upsert, rows)

    def held(
        self, rules: Collection[str], identities: Collection[int] | None
    ) -> frozenset[tuple[str, IdentityId]]:
        """Return for which identities the conditions of event rules held at the last look."""
        found: set[tuple[str, IdentityId]] = set()
        for rule in rules:
            query = select(_MARK.c.identity).where(
                _MARK.c.rule == rule, _MARK.c.target == "", _MARK.c.held
            )
            found |= {(rule, row[0]) for row in self._rows(query, _MARK.c.identity, identities)}
        return frozenset(found)

    def set_held(self, marks: Sequence[tuple[str, IdentityId]], *, held: bool) -> None:
        """Remember whether the conditions of event rules hold."""
        rows = [
            {"rule": rule, "identity": identity, "target": "", "last_start": None, "held": held}
            for rule, identity in sorted(marks)
        ]
        if rows:
            fresh = self._insert(_MARK)
            upsert = fresh.on_conflict_do_update(
                index_elements=["rule", "identity", "target"], set_={"held": fresh.excluded.held}
            )
            self._connection.execute(upsert, rows)

    def holds(self, identities: Collection[int] | None) -> Mapping[str, Hold]:
        """Return what is remembered of asked keys, of these identities or of all."""
        names = ("key", "rule", "identity", "fingerprint", "until", "times", "at", "by")
        unanswered = func.coalesce(_HOLD.c.by.in_(UNANSWERED), false()).label("is_unanswered")
        query = select(*(_HOLD.c[name] for name in names), unanswered)
        rows = self._rows(query, _HOLD.c.identity, identities)
        return {row.key: Hold(**row._mapping) for row in rows}

    def drop_holds(self, keys: Collection[str]) -> None:
        """End rejections."""
        ordered = sorted(keys)
        for start in range(0, len(ordered), 500):
            part = ordered[start : start + 500]
            self._connection.execute(delete(_HOLD).where(_HOLD.c.key.in_(part)))

    def undone(self, identities: Collection[int] | None) -> Mapping[IdentityId, Sequence[UndoHold]]:
        """Return what was taken back, of these identities or of all."""
        column = tables.undo_hold.c.identity
        found: dict[IdentityId, list[UndoHold]] = {}
        for row in self._rows(select(tables.undo_hold), column, identities):
            found.setdefault(IdentityId(row.identity), []).append(undo_holds.hold_of(row))
        return found

    def hold_undone(self, holds: Sequence[UndoHold], now: datetime) -> None:
        """Hold back what is taken back from now on."""
        undo_holds.hold(self._connection, holds, now)

    def drop_undone(self, holds: Collection[tuple[ActionId, IdentityId]]) -> None:
        """Let what these undos took back from these identities be done again."""
        undo_holds.drop(self._connection, holds)

    def quotas(self) -> Mapping[str, QuotaState]:
        """Return the state of every quota by context."""
        rows = self._connection.execute(select(tables.quota))
        return {row.context: QuotaState(row.window_start, row.used) for row in rows}

    def save_quotas(self, quotas: Mapping[str, QuotaState]) -> None:
        """Write the state of quotas."""
        rows = [
            {"context": context, "window_start": state.start, "used": state.used}
            for context, state in quotas.items()
        ]
        if rows:
            fresh = self._insert(tables.quota)
            upsert = fresh.on_conflict_do_update(
                index_elements=["context"],
                set_={"window_start": fresh.excluded.window_start, "used": fresh.excluded.used},
            )
            self._connection.execute(upsert, rows)

    def reservations(self, namespace: str) -> Mapping[str, IdentityId]:
        """Return the reserved values of a name space, and whose they are."""
        table = tables.reservation
        query = select(table.c.value, table.c.identity).where(table.c.namespace == namespace)
        return {row.value: row.identity for row in self._connection.execute(query)}

    def reserved(
        self, identities: Collection[IdentityId]
    ) -> Mapping[IdentityId, Sequence[tuple[str, str]]]:
        """Return what is reserved for these identities: (name space, value)."""
        table = tables.reservation
        query = select(table.c.identity, table.c.namespace, table.c.value)
        found: dict[IdentityId, list[tuple[str, str]]] = {}
        for row in self._rows(query, table.c.identity, identities):
            found.setdefault(IdentityId(row[0]), []).append((row[1], row[2]))
        return found

    def reserve(self, rows: Sequence[tuple[str, str, IdentityId, str]], now: datetime) -> None:
        """Reserve values: (name space, value, identity, rule); one taken already stays as it is."""
        names = ("namespace", "value", "identity", "rule")
        values = [{**dict(zip(names, row, strict=True)), "at": now} for row in rows]
        if values:
            fresh = self._insert(tables.reservation).on_conflict_do_nothing()
            self._connection.execute(fresh, values)

    def _rows(
        self,
        query: Select[Any],
        column: ColumnElement[int],
        identities: Collection[int] | None,
    ) -> Iterator[Any]:
        if identities is None:
            yield from self._connection.execute(query)
            return
        ordered = sorted(identities)
        for start in range(0, len(ordered), 500):
            part = ordered[start : start + 500]
            yield from self._connection.execute(query.where(column.in_(part)))
