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


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event with its key in the trail, and the seal that it got, if it has one yet."""

    id: int
    event: Event
    seal: str | None


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the trail as it is stored, for sealing and verifying.

    ``content`` is everything that the event says: texts as they stand, ``None`` for what is not
    set, the time as ISO 8601 in UTC. What is no time or no text any more stands there as it was
    found, and ``unreadable`` names its column: HyperSync did not write that.
    """

    id: int
    content: tuple[object, ...]
    seal: str | None
    unreadable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """Which events are asked for; ``None`` is any. Times are ``since`` (with) to ``until``."""

    kind: str | None = None
    run: str | None = None
    rule: str | None = None
    request: str | None = None
    action: str | None = None
    silo: str | None = None
    by: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class Events(Protocol):
    """The audit trail: written with the change that it tells, never changed."""

    def record(self, event: Event) -> None:
        """Write one event."""

    def recent(self, limit: int, request: str | None = None) -> Sequence[Event]:
        """Return the newest events first, of one request when given."""

    def find(
        self, wanted: EventFilter, *, limit: int, before: int | None = None
    ) -> Sequence[Recorded]:
        """Return events, newest first; those before a key when given."""

    def get(self, event: int) -> Recorded | None:
        """Return one event."""

    def latest(self, kind: str, since: datetime) -> Recorded | None:
        """Return the event of a kind that happened last, from a time on."""

    # --- the chain -----------------------------------------------------------------------------

    def is_quiet(self) -> bool:
        """Keep everybody from writing events until this transaction ends.

        False when somebody is writing one right now: an event with a lower key might still come.
        """

    def newest(self) -> Entry | None:
        """Return the event with the highest key."""

    def last_sealed(self, limit: int) -> Sequence[Entry]:
        """Return the sealed events with the highest keys, highest first."""

    def entries(self, after: int | None, limit: int) -> Sequence[Entry]:
        """Return events by key, those after a key when given."""

    def seal(self, seals: Sequence[tuple[int, str]]) -> None:
        """Write the seals of events that have none."""

    def count_sealed(self, up_to: int | None = None) -> int:
        """Count the sealed events, those up to a key when given."""

    def count_unsealed(self, after: int | None) -> int:
        """Count the events after a key that have no seal."""
