"""The store port for what happened: committing runs in order, and what their rules asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from hypersync.model.ids import RunId
from hypersync.model.runs import Run
from hypersync.ports.store.actions import Unit

LIMIT = ("threshold", "limit")
"""How the reason of a rule's limit is called."""
SIMULATED = ("simulate", "")
"""How it is called that the rule only simulated."""


class Wanted(NamedTuple):
    """One action that a threshold counted in a run.

    ``stops`` are guard and name of every reason that stopped it, the limit itself (`LIMIT`) among
    them; `SIMULATED` is one where nothing was to be done. Empty is let through.
    """

    unit: Unit
    stops: frozenset[tuple[str, str]]


class Past(Protocol):
    """What happened, oldest first. Nothing is ever written here."""

    def committed(self, since: datetime) -> Iterator[Run]:
        """Yield the committing runs that began since then and whose plan was made."""

    def wanted(self, run: RunId) -> Mapping[str, Sequence[Wanted]]:
        """Return by rule what a run's thresholds counted; throttled and limited is not."""
