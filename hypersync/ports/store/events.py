"""The store port for the audit trail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened. Attribute values and secrets never stand in ``data``."""

    kind: str
    at: datetime
    run: str | None = None
    rule: str | None = None
    request: str | None = None
    action: str | None = None
    silo: str | None = None
    by: str | None = None
    data: Mapping[str, object] = field(default_factory=dict)


class Events(Protocol):
    """The audit trail: written with the change that it tells, never changed."""

    def record(self, event: Event) -> None:
        """Write one event."""

    def recent(self, limit: int, request: str | None = None) -> Sequence[Event]:
        """Return the newest events first, of one request when given."""
