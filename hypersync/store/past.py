"""Reads what happened, in order, a piece at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from heapq import merge
from itertools import groupby
from operator import attrgetter

from sqlalchemy import func, select
from sqlalchemy.engine import Connection

from hypersync.model.actions import ActionState
from hypersync.model.ids import RunId
from hypersync.model.objects import Value
from hypersync.model.runs import Run, RunMode, RunState
from hypersync.model.scans import Scan, ScanState
from hypersync.ports.store.actions import Unit
from hypersync.ports.store.objects import ObjectChange, StoredObject
from hypersync.ports.store.past import SIMULATED, Fact, Wanted
from hypersync.store import tables
from hypersync.store.bulk import read_in, stored_time, stream
from hypersync.store.history import change_of, undone
from hypersync.store.objects import STORED, stored_object
from hypersync.store.replica import copy_knowledge
from hypersync.store.runs import run_of
from hypersync.store.scans import scan_of

_ACTION = tables.action
_RUN = tables.run
_SCAN = tables.scan
_RUNS = 200
"""How many runs are in memory at a time; each holds a report of every rule."""
_OBJECTS = 2_000
"""About how many objects are in memory at a time."""
_CHANGE = "at, source, before, after, absence_before, absence_after"
_OURS = """
SELECT action.object FROM action JOIN object ON object.id = action.object
WHERE action.object IN ({}) AND action.operation = 'create' AND action.state = 'succeeded'
    AND action.finished_at = object.created_at
"""
_HISTORY = f"""
SELECT {_CHANGE}, object FROM object_change WHERE object IN ({{}}) ORDER BY id DESC
"""  # noqa: S608 - the names are written above
_FOUND = f"""
SELECT {", ".join("object_change." + each for each in _CHANGE.split(", "))},
    object.id, silo_type.silo, silo_type.type, object.anchor, object.identity, object.slot,
    object.key, '{{}}', object.absence, object.source, object.created_at, object.changed_at,
    object.deleted_at
FROM object_change JOIN object ON object.id = object_change.object
JOIN silo_type ON silo_type.id = object.silo_type
WHERE object_change.at > ? AND substr(object_change.source, 1, 5) = 'scan:'
ORDER BY object_change.at, object_change.id
"""  # noqa: S608 - the names are written above


class Past:
    """What happened, oldest first. Nothing is ever written here."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # --- runs ----------------------------------------------------------------------------------

    def first_run(self) -> datetime | None:
        """Return when the first committing run began that the store knows of."""
        query = select(func.min(_RUN.c.started_at)).where(_RUN.c.mode == RunMode.COMMIT)
        return self._connection.execute(query).scalar()

    def committed(self, since: datetime) -> Iterator[Run]:
        """Yield the committing runs that began since then and whose plan was made."""
        query = (
            select(_RUN)
            .where(
                _RUN.c.started_at >= since,
                _RUN.c.mode == RunMode.COMMIT,
                _RUN.c.state.in_((RunState.EXECUTING, RunState.DONE)),
            )
            .order_by(_RUN.c.started_at, _RUN.c.id)
            .execution_options(yield_per=_RUNS)
        )
        with self._connection.execute(query) as rows:
            yield from map(run_of, rows)

    def wanted(self, run: RunId) -> Mapping[str, Sequence[Wanted]]:
        """Return by rule what a run's thresholds counted; throttled and limited is not."""
        query = select(
            _ACTION.c.rule,
            _ACTION.c.identity,
            _ACTION.c.operation,
            _ACTION.c.target,
            _ACTION.c.state,
            _ACTION.c.reasons,
        ).where(_ACTION.c.run == run, _ACTION.c.state != ActionState.PROPOSED)
        found: dict[str, list[Wanted]] = {}
        for rule, identity, operation, target, state, reasons in self._connection.execute(query):
            stops = {(reason["guard"], reason["name"]) for reason in reasons or ()}
            if state is ActionState.PLANNED:
                stops.add(SIMULATED)
            unit = Unit(identity, operation, target)
            found.setdefault(rule, []).append(Wanted(unit, frozenset(stops)))
        return found

    def scans(self, after: datetime | None, until: datetime) -> Sequence[Scan]:
        """Return the scans that were applied after one moment (``None``: ever) up to another."""
        query = select(_SCAN).where(
            _SCAN.c.state == ScanState.APPLIED.value, _SCAN.c.finished_at <= until
        )
        if after is not None:
            query = query.where(_SCAN.c.finished_at > after)
        rows = self._connection.execute(query.order_by(_SCAN.c.finished_at, _SCAN.c.started_at))
        return [scan_of(row) for row in rows]

    def copy_knowledge(self, into: Past, *, before: datetime, window: timedelta) -> None:
        """Copy what was known of rules and identities before a run; see `store.replica`."""
        copy_knowledge(self._connection, into._connection, before=before, window=window)

    # --- objects -------------------------------------------------------------------------------

    def objects(self, before: datetime) -> Iterator[Sequence[StoredObject]]:
        """Yield the objects as they were before the run that began then, by identity."""
        condition = "WHERE object.created_at <= ? ORDER BY object.identity, object.id"
        rows = self._stored(condition, before)
        for some in _portions(rows):
            kept = self._known_before(some, before)
            yield list(self._as_they_were(kept, lambda each: _is_after(each, before)))

    def _known_before(
        self, some: Sequence[StoredObject], before: datetime
    ) -> Sequence[StoredObject]:
        """Leave out what that very run made: it began when it is said to have created it."""
        ours = self._ours([each.id for each in some if each.created_at == before])
        return [each for each in some if each.id not in ours]

    def facts(self, since: datetime) -> Iterator[Fact]:
        """Yield what scans found after the run that began then, oldest first."""
        return merge(self._news(since), self._changes(since), key=attrgetter("at"))

    def _changes(self, since: datetime) -> Iterator[Fact]:
        at = stored_time(self._connection, since)
        for row in stream(self._connection, _FOUND, (at,)):
            change = change_of(row[:6])
            yield Fact(change.at, stored_object(row[6:]), change)

    def _news(self, since: datetime) -> Iterator[Fact]:
        for some in self._born(since):
            ours = self._ours([each.id for each in some])
            theirs = [each for each in some if each.id not in ours]
            for each in self._as_they_were(theirs, lambda _: True):
                yield Fact(each.created_at, each, None)

    def created(self, since: datetime) -> Iterator[StoredObject]:
        """Yield the objects that our own actions created since then, as they were when new."""
        for some in self._born(since, is_since_included=True):
            ours = self._ours([each.id for each in some])
            yield from self._as_they_were(
                [each for each in some if each.id in ours], lambda _: True
            )

    def _born(
        self, since: datetime, *, is_since_included: bool = False
    ) -> Iterator[Sequence[StoredObject]]:
        compared = ">=" if is_since_included else ">"
        rows = self._stored(
            f"WHERE object.created_at {compared} ? ORDER BY object.created_at, object.id", since
        )
        return _portions(rows)

    def _stored(self, condition: str, moment: datetime) -> Iterator[StoredObject]:
        at = stored_time(self._connection, moment)
        return map(stored_object, stream(self._connection, STORED + condition, (at,)))

    def _ours(self, ids: Sequence[int]) -> frozenset[int]:
        """Return those of these objects that are there because an action of ours created them.

        One that was there before, went, and was created again has an earlier beginning.
        """
        return frozenset(row[0] for row in read_in(self._connection, _OURS, ids))

    def _as_they_were(
        self, some: Sequence[StoredObject], is_undone: Callable[[ObjectChange], bool]
    ) -> Iterator[StoredObject]:
        """Yield objects with their references, without the changes that are to be undone."""
        ids = [each.id for each in some]
        changes: dict[int, list[ObjectChange]] = {}
        for row in read_in(self._connection, _HISTORY, ids):
            change = change_of(row[:6])
            if is_undone(change):
                changes.setdefault(row[6], []).append(change)
        references = self._references(ids)
        for each in some:
            attributes = {**each.attributes, **references.get(each.id, {})}
            yield undone(replace(each, attributes=attributes), changes.get(each.id, ()))

    def _references(self, ids: Sequence[int]) -> Mapping[int, Mapping[str, Value]]:
        """Return what these objects refer to now, by object and attribute."""
        statement = "SELECT object, attribute, target FROM reference WHERE object IN ({})"
        found: dict[int, dict[str, list[str]]] = {}
        for number, attribute, target in read_in(self._connection, statement, ids):
            found.setdefault(number, {}).setdefault(attribute, []).append(target)
        return {
            number: {name: tuple(sorted(targets)) for name, targets in attributes.items()}
            for number, attributes in found.items()
        }


def _is_after(change: ObjectChange, before: datetime) -> bool:
    """Tell whether a change came after a run began: one of that very moment is the run's own."""
    return change.at > before or (change.at == before and change.source.startswith("action:"))


def _portions(rows: Iterable[StoredObject]) -> Iterator[Sequence[StoredObject]]:
    """Cut into portions; neighbours of one identity stay together."""
    portion: list[StoredObject] = []
    for _, together in groupby(rows, key=attrgetter("identity")):
        portion += together
        if len(portion) >= _OBJECTS:
            yield portion
            portion = []
    if portion:
        yield portion
