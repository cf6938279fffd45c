"""The store port for actions and their states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from hypersync.model.actions import Action
from hypersync.model.ids import ActionId, RequestId


class Actions(Protocol):
    """Actions; every state change is one guarded UPDATE."""

    def get(self, ids: Sequence[ActionId]) -> Sequence[Action]:
        """Return these actions in the order they were proposed; unknown ids are left out."""

    def of_request(self, request: RequestId) -> Sequence[Action]:
        """Return the actions that a request asks about, whatever their state."""
