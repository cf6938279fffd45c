"""What waits for a decision, for the report and the command line. Changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hypersync.model.actions import Action
from hypersync.model.ids import RequestId
from hypersync.model.requests import Request
from hypersync.ports.store import Store


@dataclass(frozen=True, slots=True)
class Waiting:
    """Open requests with their suspended actions; ``others`` belong to no open request."""

    requests: Sequence[tuple[Request, Sequence[Action]]]
    others: Sequence[Action]


def waiting(store: Store) -> Waiting:
    """Return everything that waits, oldest first."""
    with store.snapshot() as unit:
        requests = unit.requests.open()
        actions = unit.actions.suspended()
    by_request: dict[RequestId, list[Action]] = {request.id: [] for request in requests}
    others: list[Action] = []
    for action in actions:
        known = None if action.request is None else by_request.get(action.request)
        (others if known is None else known).append(action)
    return Waiting([(request, by_request[request.id]) for request in requests], others)
