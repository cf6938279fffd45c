"""The store port for what happened: runs, what their rules asked for, and objects, in order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from hypersync.model.ids import RunId
from hypersync.model.runs import Run
from hypersync.model.scans import Scan
from hypersync.ports.store.actions import Unit
from hypersync.ports.store.objects import ObjectChange, StoredObject

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


class Fact(NamedTuple):
    """What others than we did to an object, as a scan found it: a change, or that it is new.

    ``object`` is the object as it was when it was new; with a ``change`` only what it is called
    counts.
    """

    at: datetime
    object: StoredObject
    change: ObjectChange | None


class Past(Protocol):
    """What happened, oldest first. Nothing is ever written here.

    "Before" a run means: with everything that scans had found when it began, and without anything
    that it, or a later run, did.
    """

    def first_run(self) -> datetime | None:
        """Return when the first committing run began that the store knows of."""

    def committed(self, since: datetime) -> Iterator[Run]:
        """Yield the committing runs that began since then and whose plan was made."""

    def scans(self, after: datetime | None, until: datetime) -> Sequence[Scan]:
        """Return the scans that were applied after one moment (``None``: ever) up to another."""

    def wanted(self, run: RunId) -> Mapping[str, Sequence[Wanted]]:
        """Return by rule what a run's thresholds counted; throttled and limited is not."""

    def objects(self, before: datetime) -> Iterator[Sequence[StoredObject]]:
        """Yield the objects as they were before the run that began then, references among them.

        By identity in ascending order, the identities of today; those of one come together.
        """

    def facts(self, since: datetime) -> Iterator[Fact]:
        """Yield what scans found after the run that began then, oldest first."""

    def created(self, since: datetime) -> Iterator[StoredObject]:
        """Yield the objects that our own actions created since then, as they were when new."""
