"""A silo in memory, a store in a file, a clock that is moved, and scans of one into the other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hypersync.connectors.memory import (
    MemoryConnector,
    MemoryOptions,
    MemorySilo,
    MemoryTypeOptions,
)
from hypersync.connectors.settings import SiloSettings
from hypersync.model.ids import RequestId
from hypersync.model.objects import Attributes, ObjectType
from hypersync.model.requests import RequestDraft
from hypersync.model.scans import ScanReport, ScanState
from hypersync.pipeline.join import Joins
from hypersync.pipeline.scan import Scanning, Source, apply_approved, scan
from hypersync.pipeline.source_guard import SourceGuard
from hypersync.rulebook.expression import parse
from hypersync.rulebook.joins import JoinRule
from hypersync.rulebook.names import Names
from hypersync.rulebook.nodes import BARE
from hypersync.store.unit import Store, UnitOfWork

MORNING = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
_ANY = Names(bare=True, slots={BARE: None})


def join_rule(
    silo: str,
    type_name: str,
    value: str | None,
    *,
    slot: str | None = None,
    where: str | None = None,
    index: int = 0,
    exact: bool = False,
    never_join: Sequence[str] = (),
) -> JoinRule:
    """Return a join rule; ``value`` None is ``join: none``."""
    return JoinRule(
        index=index,
        slot=slot or silo,
        silo=silo,
        type=type_name,
        value=None if value is None else parse(value, _ANY),
        where=None if where is None else parse(where, _ANY),
        never_join=frozenset(never_join),
        exact=exact,
        none=value is None,
    )


@dataclass
class Silo:
    """A silo in memory with its connector."""

    name: str
    types: Sequence[ObjectType]
    memory: MemorySilo = field(default_factory=MemorySilo)
    guard: SourceGuard = field(default_factory=SourceGuard)
    batch_size: int = 50

    @property
    def source(self) -> Source:
        options = MemoryOptions.model_validate({"types": {kind.name: {} for kind in self.types}})
        settings = SiloSettings(
            silo=self.name, options=options, types=tuple(self.types), write=True
        )
        connector = MemoryConnector(settings, self.memory, self.batch_size)
        return Source(silo=self.name, connector=connector, guard=self.guard)


def silo(name: str, *types: str, members: Mapping[str, str] | None = None, **more) -> Silo:
    """Return a silo in memory with these types; ``members`` names the attribute by type."""
    kinds = [
        ObjectType(
            silo=name, name=each, members=(members or {}).get(each), options=MemoryTypeOptions()
        )
        for each in types
    ]
    return Silo(name, kinds, **more)


@dataclass
class Desk:
    """The store, the clock, the joins, and what people were asked."""

    store: Store
    joins: Sequence[JoinRule]
    now: datetime = MORNING
    asked: list[RequestDraft] = field(default_factory=list)

    def scanning(self) -> Scanning:
        return Scanning(
            store=self.store,
            joins=Joins(self.joins),
            clock=self._tick,
            open_request=self._ask,
            holder="a test",
        )

    def _tick(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now

    def _ask(self, unit: UnitOfWork, draft: RequestDraft, now: datetime) -> RequestId:
        self.asked.append(draft)
        return RequestId(f"request-{len(self.asked)}")

    def scan(self, silo: Silo, *, full: bool = False) -> ScanReport:
        return scan(self.scanning(), silo.source, full=full)

    def applied(self, silo: Silo, *, full: bool = False) -> ScanReport:
        """Scan, and insist that it is believed."""
        report = self.scan(silo, full=full)
        assert report.state is ScanState.APPLIED, report.reason
        return report

    def apply_approved(self, *silos: Silo) -> list[ScanReport]:
        return apply_approved(self.scanning(), [each.source for each in silos])

    # --- looking -------------------------------------------------------------------------------

    def get(self, silo: Silo, anchor: str, type_name: str | None = None):
        with self.store.snapshot() as unit:
            return unit.objects.get(silo.name, type_name or silo.types[0].name, anchor)

    def live(self, silo: Silo) -> int:
        with self.store.snapshot() as unit:
            return unit.objects.live(silo.name, silo.types[0].name)

    def pending(self) -> list[int]:
        with self.store.snapshot() as unit:
            return list(unit.identities.pending(self.now))

    def settle(self) -> None:
        """Let a run take all that is pending, so that only what comes next is."""
        with self.store.begin() as unit:
            unit.identities.claim_all("run")
            unit.identities.finish("run", {})

    def waiting(self) -> dict[int, str]:
        with self.store.snapshot() as unit:
            return dict(unit.identities.waiting(None))

    def count(self, table: str) -> int:
        with self.store.engine.connect() as connection:
            return connection.exec_driver_sql(
                f"SELECT count(*) FROM {table}"  # noqa: S608 - a test names the table
            ).scalar_one()


def people(silo: Silo, numbers: range, **attributes: str) -> None:
    """Put numbered people into a silo."""
    for number in numbers:
        put(silo, f"p{number}", {"id": str(number), "name": f"Person {number}", **attributes})


def put(silo: Silo, anchor: str, attributes: Attributes, type_name: str | None = None) -> None:
    silo.memory.put(type_name or silo.types[0].name, anchor, attributes)


def remove(silo: Silo, *anchors: str) -> None:
    for anchor in anchors:
        silo.memory.remove(silo.types[0].name, anchor)
