"""What the pages work with, as one frozen value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from hypersync.approvals.settings import Settings
from hypersync.model.unlock import Lock
from hypersync.ports.store import Store


class Renderer(Protocol):
    """Fills a template with a view."""

    def render(self, template: str, view: object, **more: Any) -> str:  # noqa: ANN401 - what a page adds
        """Return the page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """Store, settings, renderer and clock; ``lock`` is what unlock keys must fit."""

    store: Store
    settings: Settings
    renderer: Renderer
    clock: Callable[[], datetime]
    lock: Lock
