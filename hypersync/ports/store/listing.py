"""The store port for lists of requests and actions, a page at a time, each following by its key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from hypersync.model.actions import Action, ActionState
from hypersync.model.ids import ActionId, IdentityId, RequestId
from hypersync.model.requests import Request, RequestKind, RequestState


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestsWanted:
    """Which requests are asked for; ``None`` is any."""

    state: RequestState | None = None
    kind: RequestKind | None = None
    run: str | None = None
    rule: str | None = None
    silo: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionsWanted:
    """Which actions are asked for; ``None`` is any."""

    request: str | None = None
    state: ActionState | None = None
    rule: str | None = None
    silo: str | None = None
    identity: IdentityId | None = None


class Listing(Protocol):
    """Requests and actions in order. Behind a key that there is not there is nothing."""

    def requests(
        self, wanted: RequestsWanted, *, after: RequestId | None, limit: int
    ) -> Sequence[Request]:
        """Return requests, the newest first."""

    def actions(
        self, wanted: ActionsWanted, *, after: ActionId | None, limit: int
    ) -> Sequence[Action]:
        """Return actions as they were proposed, those of plans still being made left out."""
