"""Asks the audit trail: events by what they say, a page at a time.

Who was asked, and where a request went next, says who may approve: it is left out unless whoever
reads may know that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from hypersync.ports.store import Store
from hypersync.ports.store.events import EventFilter, Recorded

_OF_APPROVERS: Final = frozenset({"told", "destination", "from", "to", "skipped", "problem"})
HIDDEN: Final = "(not shown)"


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events, newest first; ``older`` is the key to go on before, ``None`` at the end."""

    events: Sequence[Recorded]
    older: int | None


def find_events(
    store: Store,
    wanted: EventFilter,
    *,
    limit: int,
    before: int | None = None,
    shows_approvers: bool = False,
) -> EventPage:
    """Return a page of events."""
    with store.snapshot() as unit:
        found = unit.events.find(wanted, limit=limit + 1, before=before)
    shown = [each if shows_approvers else _without_approvers(each) for each in found[:limit]]
    return EventPage(shown, shown[-1].id if len(found) > limit else None)


def _without_approvers(recorded: Recorded) -> Recorded:
    data = recorded.event.data
    if not _OF_APPROVERS & data.keys():
        return recorded
    kept = {name: HIDDEN if name in _OF_APPROVERS else value for name, value in data.items()}
    return replace(recorded, event=replace(recorded.event, data=kept))
