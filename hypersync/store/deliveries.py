"""Stores the outbox and the tokens of its links."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.engine import Connection, Row
from sqlalchemy.sql.elements import ColumnElement

from hypersync.model.ids import RequestId
from hypersync.ports.store.deliveries import Delivery, DeliveryState, Token
from hypersync.store import tables

_DELIVERY = tables.delivery
_TOKEN = tables.token
_UNSENT = (DeliveryState.WAITING.value, DeliveryState.SENDING.value)


class Deliveries:
    """The outbox and the tokens of its links."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        sqlite = connection.dialect.name == "sqlite"
        self._insert: Any = sqlite_insert if sqlite else postgresql_insert

    def add(self, deliveries: Sequence[Delivery]) -> None:
        """Put messages into the outbox; one that is there already stays as it is."""
        if deliveries:
            fresh = self._insert(_DELIVERY).on_conflict_do_nothing()
            self._connection.execute(fresh, [_values(delivery) for delivery in deliveries])

    def claim(
        self, worker: str, now: datetime, *, again_at: datetime, limit: int
    ) -> Sequence[Delivery]:
        """Take messages that are due; unless settled they are due again at ``again_at``."""
        due = (
            select(_DELIVERY.c.id)
            .where(_DELIVERY.c.state.in_(_UNSENT), _DELIVERY.c.next_at <= now)
            .order_by(_DELIVERY.c.next_at, _DELIVERY.c.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
            .cte("due")  # asked once; a subquery may be asked again for each row, past the limit
        )
        statement = (
            update(_DELIVERY)
            .where(_DELIVERY.c.id.in_(select(due.c.id)), _DELIVERY.c.state.in_(_UNSENT))
            .values(
                state=DeliveryState.SENDING.value,
                worker=worker,
                next_at=again_at,
                attempts=_DELIVERY.c.attempts + 1,
            )
            .returning(_DELIVERY)
        )
        rows = self._connection.execute(statement).all()
        return [_delivery_of(row) for row in sorted(rows, key=lambda row: row.id)]

    def sent(self, delivery: int, worker: str, now: datetime) -> bool:
        """Record that a message was sent; false when it is not this worker's any more."""
        return self._mine(
            delivery,
            worker,
            state=DeliveryState.SENT.value,
            sent_at=now,
            next_at=None,
            error=None,
        )

    def failed(self, delivery: int, worker: str, reason: str, *, retry_at: datetime | None) -> bool:
        """Record a failure, to be tried again at ``retry_at`` or, without one, for good."""
        state = DeliveryState.FAILED if retry_at is None else DeliveryState.WAITING
        return self._mine(delivery, worker, state=state.value, error=reason, next_at=retry_at)

    def postpone(self, delivery: int, worker: str, until: datetime) -> bool:
        """Put a message back until then, as if it had not been tried."""
        return self._mine(
            delivery,
            worker,
            state=DeliveryState.WAITING.value,
            next_at=until,
            attempts=_DELIVERY.c.attempts - 1,
        )

    def cancel(
        self, request: RequestId, *, kind: str | None = None, ids: Collection[int] | None = None
    ) -> int:
        """Cancel the unsent messages of a request, all or those of a kind or with these ids."""
        conditions = [_DELIVERY.c.request == request, _DELIVERY.c.state.in_(_UNSENT)]
        if kind is not None:
            conditions.append(_DELIVERY.c.kind == kind)
        if ids is not None:
            conditions.append(_DELIVERY.c.id.in_(ids))
        done = self._connection.execute(
            update(_DELIVERY)
            .where(*conditions)
            .values(state=DeliveryState.CANCELLED.value, next_at=None)
        )
        return done.rowcount

    def of_request(self, request: RequestId) -> Sequence[Delivery]:
        """Return the messages of a request, oldest first."""
        return self._where(_DELIVERY.c.request == request)

    def sent_since(self, address: str, kind: str, since: datetime) -> Sequence[Delivery]:
        """Return what was sent to an address since then, oldest first."""
        return self._where(
            _DELIVERY.c.address == address,
            _DELIVERY.c.kind == kind,
            _DELIVERY.c.sent_at > since,
        )

    def waiting(self) -> int:
        """Return how many messages wait to be sent."""
        query = select(func.count()).select_from(_DELIVERY).where(_DELIVERY.c.state.in_(_UNSENT))
        return self._connection.execute(query).scalar_one()

    def add_token(self, token: Token) -> None:
        """Store a token; one that is there already stays as it is."""
        values = {name: getattr(token, name) for name in _TOKEN_NAMES}
        self._connection.execute(self._insert(_TOKEN).on_conflict_do_nothing(), [values])

    def token(self, token_hash: str) -> Token | None:
        """Return the token with this hash."""
        query = select(_TOKEN).where(_TOKEN.c.hash == token_hash)
        row = self._connection.execute(query).one_or_none()
        return None if row is None else Token(**{name: getattr(row, name) for name in _TOKEN_NAMES})

    def wrong_code(self, token_hash: str, most: int) -> bool:
        """Count a wrong code; false when there were ``most`` already."""
        done = self._connection.execute(
            update(_TOKEN)
            .where(_TOKEN.c.hash == token_hash, _TOKEN.c.wrong_codes < most)
            .values(wrong_codes=_TOKEN.c.wrong_codes + 1)
        )
        return done.rowcount > 0

    def _mine(self, delivery: int, worker: str, **values: object) -> bool:
        done = self._connection.execute(
            update(_DELIVERY)
            .where(
                _DELIVERY.c.id == delivery,
                _DELIVERY.c.worker == worker,
                _DELIVERY.c.state == DeliveryState.SENDING.value,
            )
            .values(**values)
        )
        return done.rowcount > 0

    def _where(self, *conditions: ColumnElement[bool]) -> list[Delivery]:
        query = select(_DELIVERY).where(*conditions).order_by(_DELIVERY.c.id)
        return [_delivery_of(row) for row in self._connection.execute(query)]


_TOKEN_NAMES = (
    "hash",
    "request",
    "address",
    "nonce",
    "created_at",
    "person",
    "expires_at",
    "wrong_codes",
)
_NAMES = (
    "request",
    "kind",
    "channel",
    "address",
    "nonce",
    "message_id",
    "created_at",
    "step",
    "round",
    "person",
    "attempts",
    "next_at",
    "sent_at",
    "error",
)


def _values(delivery: Delivery) -> dict[str, object]:
    return {
        **{name: getattr(delivery, name) for name in _NAMES},
        "state": delivery.state.value,
        "payload": dict(delivery.payload) or None,
    }


def _delivery_of(row: Row[Any]) -> Delivery:
    return Delivery(
        id=row.id,
        **{name: getattr(row, name) for name in _NAMES},
        state=DeliveryState(row.state),
        payload=row.payload or {},
    )
