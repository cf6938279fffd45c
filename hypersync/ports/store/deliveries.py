"""The store port for the outbox and the tokens of its links."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Protocol

from hypersync.model.ids import RequestId


class DeliveryState(Enum):
    """How far a delivery is; one that is ``sending`` for too long is tried again."""

    WAITING = "waiting"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One message to one address: what is to be said, not the text.

    ``kind`` is request (the question) or decided (how it ended). ``id`` is 0 before it is stored.
    """

    id: int = 0
    request: RequestId
    kind: str
    channel: str
    address: str
    nonce: str
    message_id: str
    created_at: datetime
    step: int = 0
    round: int = 0
    person: str | None = None
    state: DeliveryState = DeliveryState.WAITING
    attempts: int = 0
    next_at: datetime | None = None
    sent_at: datetime | None = None
    error: str | None = None
    payload: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What a link carries: who was invited to which request. Only the hash is stored."""

    hash: str
    request: RequestId
    address: str
    nonce: str
    created_at: datetime
    person: str | None = None
    expires_at: datetime | None = None
    wrong_codes: int = 0


class Deliveries(Protocol):
    """The outbox and the tokens of its links."""

    def add(self, deliveries: Sequence[Delivery]) -> None:
        """Put messages into the outbox; one that is there already stays as it is."""

    def claim(
        self, worker: str, now: datetime, *, again_at: datetime, limit: int
    ) -> Sequence[Delivery]:
        """Take messages that are due; unless settled they are due again at ``again_at``."""

    def sent(self, delivery: int, worker: str, now: datetime) -> bool:
        """Record that a message was sent; false when it is not this worker's any more."""

    def failed(self, delivery: int, worker: str, reason: str, *, retry_at: datetime | None) -> bool:
        """Record a failure, to be tried again at ``retry_at`` or, without one, for good."""

    def postpone(self, delivery: int, worker: str, until: datetime) -> bool:
        """Put a message back until then, as if it had not been tried."""

    def cancel(
        self, request: RequestId, *, kind: str | None = None, ids: Collection[int] | None = None
    ) -> int:
        """Cancel the unsent messages of a request, all or those of a kind or with these ids."""

    def of_request(self, request: RequestId) -> Sequence[Delivery]:
        """Return the messages of a request, oldest first."""

    def sent_since(self, address: str, kind: str, since: datetime) -> Sequence[Delivery]:
        """Return what was sent to an address since then, oldest first."""

    def waiting(self) -> int:
        """Return how many messages wait to be sent."""

    def add_token(self, token: Token) -> None:
        """Store a token; one that is there already stays as it is."""

    def token(self, token_hash: str) -> Token | None:
        """Return the token with this hash."""

    def wrong_code(self, token_hash: str, most: int) -> bool:
        """Count a wrong code; false when there were ``most`` already."""
