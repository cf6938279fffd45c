"""Finds what waits for a decision; see the port.

Text is looked for with LIKE, which knows no capitals beyond ASCII on SQLite: a word is tried as it
was typed, in small letters, in capitals and with one capital.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Select, Text, and_, case, cast, func, or_, select, true, type_coerce
from sqlalchemy.engine import Connection
from sqlalchemy.sql.elements import ColumnElement

from hypersync.model.actions import DOUBT, Action, ActionState, OnExpiry
from hypersync.model.ids import ActionId, RequestId
from hypersync.ports.store.requests import Vote
from hypersync.ports.store.waiting import Choices, Newest, Slip, Sought
from hypersync.store import tables
from hypersync.store.action_rows import action_of

_ACTION = tables.action
_DECISION = tables.decision
_ATTRIBUTES = [type_coerce(column, Text) for column in (_ACTION.c.before, _ACTION.c.after)]
"""Attributes before and after, as the canonical JSON in which they are stored."""

_PAGE = 1_000
_DOUBTED = f'%{{"guard":"{DOUBT}"%'
"""Stands in the canonical JSON of the reasons; a text that says so is spelled otherwise there."""

_ENDED = (
    ActionState.APPROVED,
    ActionState.REJECTED,
    ActionState.CLEARED,
    ActionState.STALE,
    ActionState.VOID,
)


class Waiting:
    """What can still be decided."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def slips(self, request: RequestId, now: datetime) -> Sequence[Slip]:
        """Return what can be decided of a request, in the order it was proposed."""
        columns = (_ACTION.c.id, _ACTION.c.fingerprint, _ACTION.c.cluster, _ACTION.c.identity)
        query = select(*columns)
        query = query.where(_ACTION.c.request == request, _waits(now)).order_by(_ACTION.c.seq)
        return [Slip(*row) for row in self._connection.execute(query)]

    def counts(self, sought: Sought, now: datetime) -> Mapping[RequestId | None, int]:
        """Count what is looked for by the request that asks about it."""
        query = select(_ACTION.c.request, func.count()).where(*_found(sought, now))
        rows = self._connection.execute(query.group_by(_ACTION.c.request))
        return {row[0]: row[1] for row in rows}

    def page(
        self,
        sought: Sought,
        now: datetime,
        *,
        clusters: Sequence[str] = (),
        first: int = 0,
        limit: int | None = None,
    ) -> Sequence[Action]:
        """Return what is looked for from the ``first`` on, at most ``limit``."""
        query = select(_ACTION).where(*_found(sought, now))
        if clusters:
            places = {key: place for place, key in enumerate(clusters)}
            query = query.order_by(case(places, value=_ACTION.c.cluster, else_=len(places)))
        query = query.order_by(_ACTION.c.seq).limit(limit).offset(first or None)
        return self._read(query)

    def each(self, sought: Sought, now: datetime) -> Iterator[Action]:
        """Yield everything that is looked for as it was proposed, without gathering it first."""
        query = select(_ACTION).where(*_found(sought, now)).order_by(_ACTION.c.seq).limit(_PAGE)
        rows = self._connection.execute(query).all()
        while rows:
            yield from map(action_of, rows)
            rows = self._connection.execute(query.where(_ACTION.c.seq > rows[-1].seq)).all()

    def states(
        self, request: RequestId, now: datetime, cluster: str | None = None
    ) -> Mapping[ActionState, int]:
        """Count by state what cannot be decided any more of a request, or of a cluster of it."""
        query = select(_ACTION.c.state, func.count()).where(*_of(request, cluster), ~_waits(now))
        rows = self._connection.execute(query.group_by(_ACTION.c.state))
        return {row[0]: row[1] for row in rows}

    def decided(
        self, request: RequestId, limit: int, cluster: str | None = None
    ) -> Sequence[Action]:
        """Return the first actions of a request, or of a cluster of it, whatever their state."""
        query = select(_ACTION).where(*_of(request, cluster)).order_by(_ACTION.c.seq)
        return self._read(query.limit(limit))

    def answers(
        self,
        request: RequestId,
        *,
        actions: Collection[ActionId] | None = None,
        cluster: str | None = None,
    ) -> Sequence[tuple[Vote, int]]:
        """Return the answers about a request, oldest first, and of each how many are alike."""
        names = ("request", "answer", "by", "at", "proof", "comment")
        columns = [_DECISION.c[name] for name in names]
        query = select(*columns, func.count()).where(_DECISION.c.request == request)
        if actions is not None:
            query = query.where(_about(_DECISION.c.action.in_(list(actions))))
        elif cluster is not None:
            those = select(_ACTION.c.id).where(*_of(request, cluster))
            query = query.where(_about(_DECISION.c.action.in_(those)))
        query = query.group_by(*columns).order_by(func.min(_DECISION.c.id))
        return [
            (Vote(**dict(zip(names, values, strict=True)), action=None), count)
            for *values, count in self._connection.execute(query)
        ]

    def attributes(self, now: datetime) -> frozenset[tuple[str, str, str]]:
        """Return which attributes what waits would change, by silo, type and name."""
        found: set[tuple[str, str, str]] = set()
        for column in (_ACTION.c.before, _ACTION.c.after):
            text: ColumnElement[Any] = type_coerce(column, Text)
            if self._connection.dialect.name != "sqlite":
                text = cast(text, JSON)
            names = func.json_each(text).table_valued("key").alias()
            query = select(_ACTION.c.silo, _ACTION.c.type, names.c.key).join(names, true())
            rows = self._connection.execute(
                query.where(_waits(now), column.is_not(None)).distinct()
            )
            found |= {(row[0], row[1], row[2]) for row in rows}
        return frozenset(found)

    def choices(self, now: datetime) -> Choices:
        """Return the rules, silos and operations of what waits."""
        query = select(_ACTION.c.rule, _ACTION.c.silo, _ACTION.c.operation)
        rows = self._connection.execute(query.where(_waits(now)).distinct()).all()
        operations = {row.operation for row in rows}
        return Choices(
            rules=sorted({row.rule for row in rows}),
            silos=sorted({row.silo for row in rows if row.silo}),
            operations=sorted(operations, key=lambda each: each.value),
        )

    def newest(self, sought: Sought, now: datetime, *, after: int = 0) -> Newest:
        """Count what is looked for behind a place in line, and say where the last of it stands."""
        query = select(func.count(), func.max(_ACTION.c.seq)).where(*_found(sought, now))
        count, place = self._connection.execute(query.where(_ACTION.c.seq > after)).one()
        return Newest(count, place or 0)

    def ended(
        self, requests: Collection[RequestId], since: datetime, limit: int
    ) -> Sequence[Action]:
        """Return what was decided or ended of these requests since then, the newest first."""
        at = func.coalesce(_ACTION.c.decided_at, _ACTION.c.finished_at)
        query = select(_ACTION).where(
            _ACTION.c.request.in_(sorted(requests)), _ACTION.c.state.in_(_ENDED), at >= since
        )
        return self._read(query.order_by(at.desc(), _ACTION.c.seq).limit(limit))

    def _read(self, query: Select[tuple[object, ...]]) -> list[Action]:
        return [action_of(row) for row in self._connection.execute(query)]


def _of(request: RequestId, cluster: str | None) -> Iterator[ColumnElement[bool]]:
    yield _ACTION.c.request == request
    if cluster is not None:
        yield _ACTION.c.cluster == cluster


def _about(these: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return the condition that an answer is about these actions, or about a scan."""
    return or_(_DECISION.c.action.is_(None), these)


def _waits(now: datetime) -> ColumnElement[bool]:
    """Return the condition that somebody may still decide; the same as `voting.undecided_of`."""
    in_time = or_(
        _ACTION.c.expires_at.is_(None),
        _ACTION.c.expires_at > now,
        _ACTION.c.on_expiry == OnExpiry.APPROVE,
    )
    doubted = type_coerce(_ACTION.c.reasons, Text).like(_DOUBTED)
    return and_(
        _ACTION.c.state.in_((ActionState.SUSPENDED, ActionState.UNKNOWN)),
        or_(_ACTION.c.state == ActionState.UNKNOWN, in_time),
        or_(_ACTION.c.state == ActionState.SUSPENDED, doubted),
    )


def _found(sought: Sought, now: datetime) -> Iterator[ColumnElement[bool]]:
    """Yield the conditions of what is looked for."""
    yield _waits(now)
    if sought.requests is not None:
        yield _ACTION.c.request.in_(sorted(sought.requests))
    for column, wanted in (
        (_ACTION.c.rule, sought.rule),
        (_ACTION.c.silo, sought.silo),
        (_ACTION.c.operation, sought.operation),
        (_ACTION.c.cluster, sought.cluster),
    ):
        if wanted is not None:
            yield column == wanted
    if sought.is_vip is not None:
        yield _ACTION.c.vip.is_not(None) if sought.is_vip else _ACTION.c.vip.is_(None)
    if sought.ends_before is not None:
        yield _ACTION.c.expires_at < sought.ends_before
    for word in sought.words:
        yield or_(*_says(word, sought.unread))


def _says(word: str, unread: Collection[str]) -> Iterator[ColumnElement[bool]]:
    """Yield where a word may stand, in the ways it may be written."""
    for text in _spellings(word):
        for column in (_ACTION.c.title, _ACTION.c.anchor):
            yield column.icontains(text, autoescape=True)
        for values in _ATTRIBUTES:
            says = values.icontains(_in_json(text), autoescape=True)
            yield and_(says, *(~_has(name) for name in sorted(unread)))


def _has(name: str) -> ColumnElement[bool]:
    """Return the condition that an action has an attribute, before or after."""
    key = f'"{_in_json(name)}":'
    return or_(
        *(func.coalesce(values, "").contains(key, autoescape=True) for values in _ATTRIBUTES)
    )


def _in_json(text: str) -> str:
    """Return a text as it is spelled inside of JSON."""
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _spellings(word: str) -> Iterable[str]:
    """Return a word in the ways in which it may be stored; ASCII is compared without capitals."""
    plain = unicodedata.normalize("NFC", word)
    if plain.isascii():
        return (plain,)
    return dict.fromkeys((plain, plain.lower(), plain.upper(), plain.title()))
