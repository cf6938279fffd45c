"""What waits for a decision, for the report and the command line. Changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hypersync.model.actions import Action
from hypersync.model.ids import RequestId
from hypersync.model.requests import Request, RequestKind
from hypersync.ports.store import Store, UnitOfWork


@dataclass(frozen=True, slots=True)
class Waiting:
    """Open requests with what waits in them; ``others`` belong to no open request."""

    requests: Sequence[tuple[Request, Sequence[Action]]]
    others: Sequence[Action]


def waiting(store: Store) -> Waiting:
    """Return everything that waits, oldest first."""
    with store.snapshot() as unit:
        requests = unit.requests.open()
        actions = [*unit.actions.suspended(), *_in_doubt(unit, requests)]
    by_request: dict[RequestId, list[Action]] = {request.id: [] for request in requests}
    others: list[Action] = []
    for action in actions:
        known = None if action.request is None else by_request.get(action.request)
        (others if known is None else known).append(action)
    return Waiting([(request, by_request[request.id]) for request in requests], others)


def _in_doubt(unit: UnitOfWork, requests: Sequence[Request]) -> list[Action]:
    """Return the actions of which people are asked whether they happened."""
    incidents = [request.id for request in requests if request.kind is RequestKind.INCIDENT]
    return [
        action
        for request in incidents
        for action in unit.actions.of_request(request)
        if action.is_in_doubt
    ]
