"""The stage of a rehearsal: the application with other rules, a store of its own, and paper silos.

The store is an SQLite file in a folder of its own that is gone when the rehearsal ends. Nothing
here reaches the project's silos, mail or webhooks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from hypersync.app import App, build
from hypersync.config.models import Configuration
from hypersync.config.values import Secret
from hypersync.rehearse.folder import rehearsal_folder
from hypersync.rehearse.paper import Anchors, PaperConnector, PaperEvents, PaperMail


@dataclass(slots=True)
class MovedClock:
    """Stands still until it is moved; the rehearsal's time, never the real one."""

    time: datetime

    def now(self) -> datetime:
        """Return the time it was moved to."""
        return self.time

    def monotonic(self) -> float:
        """Return the same as a number of seconds."""
        return self.time.timestamp()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What a rehearsal works with."""

    app: App
    clock: MovedClock
    anchors: Anchors


@contextmanager
def open_stage(app: App, configuration: Configuration, start: datetime) -> Iterator[Stage]:
    """Build the application on paper, from a configuration with other rules.

    ``app`` is the real one, of which only the description of its silos and what its store
    remembers are used. Raises `ConfigurationError`.
    """
    with rehearsal_folder() as folder:
        database = Secret(f"sqlite:///{folder}/rehearsal.db")
        clock = MovedClock(start)
        made = build(
            configuration.model_copy(update={"database": database}),
            started_by="rehearsal",
            clock=clock,
        )
        try:
            with app.store.snapshot() as unit:
                anchors = Anchors(made.engine.silos.joins, unit.past.created(start))
            yield Stage(app=_on_paper(made, anchors), clock=clock, anchors=anchors)
        finally:
            made.close()


def _on_paper(made: App, anchors: Anchors) -> App:
    """Return the application with everything outside replaced by paper."""
    connectors = {
        name: PaperConnector(
            connector.streams(),
            made.store,
            anchors,
            _named(made.configuration, name),
            recreates=getattr(connector, "recreates", False),
        )
        for name, connector in made.connectors.items()
    }
    silos = replace(
        made.engine.silos, connectors=connectors, events=PaperEvents(), settle={}, vaults={}
    )
    return replace(
        made,
        connectors=connectors,
        channels=dict.fromkeys(made.channels, PaperMail()),
        engine=replace(made.engine, silos=silos),
    )


def _named(configuration: Configuration, silo: str) -> Mapping[str, str | None]:
    return {name: kind.anchor for name, kind in configuration.silos[silo].types.items()}
