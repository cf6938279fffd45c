"""The silos: how many objects they have, their last scans, and whether they are paused."""

from __future__ import annotations

from datetime import datetime

from flask import Response
from pydantic import BaseModel, Field

from hypersync.insight.dashboard import SiloNow, silos_now
from hypersync.model.scans import Scan
from webui.api.answers import answer
from webui.api.routes import Routes


class TypeOut(BaseModel):
    """One type of object of a silo."""

    name: str
    live: int = Field(description="How many there are.")
    is_loaded: bool = Field(description="Whether a scan of it was ever applied.")


class ScanOut(BaseModel):
    """One scan."""

    id: str
    stream: str
    kind: str
    state: str
    started_at: datetime
    finished_at: datetime | None
    reason: str | None


class SiloOut(BaseModel):
    """One silo."""

    name: str
    connector: str
    writes: bool = Field(description="Whether it is written to at all.")
    is_paused: bool
    paused_because: str
    types: list[TypeOut]
    scans: list[ScanOut] = Field(description="The last scan of each stream.")


class SiloList(BaseModel):
    """Every silo, in the order of the configuration."""

    items: list[SiloOut]


def add_to(routes: Routes) -> None:
    """Add the call about silos."""
    app = routes.app

    @routes.get("/silos", SiloList, tag="silos")
    def list_silos() -> Response:
        """List every silo."""
        with app.store.snapshot() as unit:
            found = silos_now(unit, list(app.connectors))
        known = app.configuration.silos
        return answer(
            SiloList(
                items=[
                    _silo(each, known[each.name].connector, writes=known[each.name].write)
                    for each in found
                ]
            )
        )


def _silo(silo: SiloNow, connector: str, *, writes: bool) -> SiloOut:
    return SiloOut(
        name=silo.name,
        connector=connector,
        writes=writes,
        is_paused=silo.is_paused,
        paused_because=silo.paused_because,
        types=[
            TypeOut(name=each.name, live=each.live, is_loaded=each.is_loaded) for each in silo.types
        ],
        scans=[_scan(each) for each in silo.scans],
    )


def _scan(scan: Scan) -> ScanOut:
    return ScanOut(
        id=scan.id,
        stream=scan.stream,
        kind=scan.kind.value,
        state=scan.state.value,
        started_at=scan.started_at,
        finished_at=scan.finished_at,
        reason=scan.reason,
    )
