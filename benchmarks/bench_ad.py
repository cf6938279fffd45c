"""Reading Active Directory: a delta of 100 changes by DirSync, against the full scan.

Samba is the domain controller, with 2 000 users of fifteen attributes and 200 groups (as in the
tests, so this takes root and its packages). A1 opens a session and reads whatever it reports. A2 is
a scan up to the finished run, into a store that had the same before, but for the changes. Both are
told by the clock and by the processor time of the two ends, which others on the machine disturb
less. Sides take turns, and the best of them count.
"""

from __future__ import annotations

import gc
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter, process_time

from hypersync.config.models import SiloConfig, TypeConfig
from hypersync.connectors.registry import build
from hypersync.model.ids import RequestId
from hypersync.model.objects import Complete, ScanEvent, Seen
from hypersync.model.scans import ScanState
from hypersync.pipeline.join import Joins
from hypersync.pipeline.scan import Scanning, Source, scan
from hypersync.pipeline.source_guard import SourceGuard
from hypersync.rulebook.expression import parse
from hypersync.rulebook.joins import JoinRule
from hypersync.rulebook.names import Names
from hypersync.rulebook.nodes import BARE
from hypersync.store.engine import open_engine
from hypersync.store.schema import prepare
from hypersync.store.unit import Store
from tests.ad_silos import BIG, load
from tests.samba import PASSWORD, SERVICE, Samba, entry, group, provision, started

PEOPLE, GROUPS, LARGE, CHANGES = 2_000, 200, 1_800, 100
ROUNDS = int(os.environ.get("HYPERSYNC_BENCH_ROUNDS", "7"))
NAMES = (
    "cn", "sn", "givenName", "displayName", "mail", "sAMAccountName", "employeeNumber",
    "employeeType", "department", "title", "telephoneNumber", "l", "streetAddress", "postalCode",
    "company",
)  # fmt: skip
TYPES = {"user": NAMES, "group": ("cn",)}


def company() -> str:
    """Return everybody; they have no passwords, which take longer than all the rest."""
    parts = [entry(BIG, {"objectClass": "organizationalUnit"})]
    for number in range(PEOPLE):
        name = f"p{number:04}"
        attributes = {
            "objectClass": "user",
            "sAMAccountName": name,
            "sn": name,
            "givenName": f"Given{number % 997}",
            "displayName": f"Given{number % 997} {name}",
            "mail": f"{name}@example.org",
            "employeeNumber": f"E{number:06}",
            "employeeType": "active",
            "department": f"D{number % 40:02}",
            "title": f"Title {number % 113}",
            "telephoneNumber": f"+33 1 23 45 {number % 10_000:04}",
            "l": f"City {number % 211}",
            "streetAddress": f"{number % 300} Long Street",
            "postalCode": f"{number % 99_999:05}",
            "company": "ACME Corporation",
        }
        parts.append(entry(f"CN={name},{BIG}", attributes))
    for number in range(GROUPS):
        members = range(LARGE) if number == 0 else range(number, PEOPLE, GROUPS)
        parts.append(
            group(f"g{number:03}", [f"CN=p{each:04},{BIG}" for each in members], below=BIG)
        )
    return "".join(parts)


def run() -> list[dict]:
    with tempfile.TemporaryDirectory() as folder:
        domain = provision(Path(folder) / "domain")
        with started(Path(folder) / "dc", domain) as server:
            server.stop()
            load(server, company())
            server.start()
            return measured(server, Path(folder))


def measured(server: Samba, folder: Path) -> list[dict]:
    project = Project(folder, server)
    sides = {
        "A1": (Side(server, project.read_changes), Side(server, project.read)),
        "A2": (Side(server, project.scan_changes), Side(server, project.scan_in_full)),
    }
    project.scan_in_full()
    project.read()
    for number in range(ROUNDS):
        change(server, f"Boss {number}")
        for delta, full in sides.values():
            delta.time()
            full.time()
    what = f"delta of {CHANGES} changes by DirSync, {PEOPLE:,} users on Samba"
    cases = {"A1": f"A1 {what}, read", "A2": f"A2 {what}, up to the finished run"}
    return [
        row(f"{cases[name]}{of}", min(getattr(delta, kind)), min(getattr(full, kind)))
        for name, (delta, full) in sides.items()
        for kind, of in (("wall", ""), ("processor", ", processor time"))
    ]


def row(case: str, figure: float, floor: float) -> dict:
    return {
        "case": case,
        "figure": figure * 1000,
        "floor": floor * 1000,
        "ratio": figure / floor,
        "target": 0.1,
        "unit": "ms",
    }


@dataclass
class Side:
    """Something that reads the directory, and how long it took each time, in seconds."""

    server: Samba
    read: Callable[[], None]
    wall: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)

    def time(self) -> None:
        gc.collect()
        begun, used = perf_counter(), self._used()
        self.read()
        self.wall.append(perf_counter() - begun)
        self.processor.append(self._used() - used)

    def _used(self) -> float:
        """Return the processor time of this process and of the server."""
        number = (self.server.folder / "run" / "samba.pid").read_text().strip()
        nanoseconds = Path(f"/proc/{number}/schedstat").read_text().split()[0]
        return process_time() + int(nanoseconds) / 1e9


class Project:
    """A store and a silo; what is read beside the store goes on from a cursor of its own."""

    def __init__(self, folder: Path, server: Samba) -> None:
        engine = open_engine(f"sqlite:///{folder}/state.db")
        prepare(engine)
        value = parse("employeeNumber", Names(bare=True, slots={BARE: None}))
        rule = JoinRule(index=0, slot="ad", silo="ad", type="user", value=value)
        self._scanning = Scanning(
            store=Store(engine),
            joins=Joins([rule]),
            clock=lambda: datetime.now(UTC),  # noqa: TID251 - a benchmark runs in real time
            open_request=lambda *_: RequestId("none"),
        )
        types = {
            name: TypeConfig(attributes=attributes, options={"base": BIG})
            for name, attributes in TYPES.items()
        }
        bind = {"user": SERVICE, "password": PASSWORD}
        options = {"url": server.url, "bind": bind, "delta": "dirsync"}
        config = SiloConfig(connector="ad", types=types, options=options)
        self._connector = build("ad", config, root=folder)
        self._source = Source(silo="ad", connector=self._connector, guard=SourceGuard())
        self._cursor: str | None = None

    def scan_in_full(self) -> None:
        report = scan(self._scanning, self._source, full=True)
        assert report.state is ScanState.APPLIED, report
        assert [report.types[name].seen for name in TYPES] == [PEOPLE, GROUPS], report.types

    def scan_changes(self) -> None:
        report = scan(self._scanning, self._source, full=False)
        assert report.state is ScanState.APPLIED, report
        assert report.types["user"].updated == CHANGES, report.types

    def read(self) -> None:
        events = self._events(None)
        assert sum(isinstance(each, Seen) for each in events) == PEOPLE + GROUPS
        end = events[-1]
        assert isinstance(end, Complete)
        self._cursor = end.cursor

    def read_changes(self) -> None:
        events = self._events(self._cursor)
        assert sum(isinstance(each, Seen) for each in events) == CHANGES

    def _events(self, cursor: str | None) -> Sequence[ScanEvent]:
        (types,) = self._connector.streams()
        with self._connector.open() as session:
            return [event for batch in session.scan(types, cursor) for event in batch]


def change(server: Samba, title: str) -> None:
    """Change people far from each other."""
    chosen = range(0, PEOPLE, PEOPLE // CHANGES)
    server.modify(
        "".join(
            f"dn: CN=p{number:04},{BIG}\nchangetype: modify\nreplace: title\ntitle: {title}\n\n"
            for number in chosen
        )
    )


if __name__ == "__main__":
    print(run())
