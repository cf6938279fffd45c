"""Scanning: S1 a full scan of unchanged objects, S2 a first scan, each against its bare work.

Objects of 20 attributes come from a generator on both sides. The floor of S1 loads the map of
hashes, encodes, hashes and compares; that of S2 encodes, hashes and inserts the same rows into the
same tables with all their indices by ``executemany``, 5 000 rows a transaction.
"""

from __future__ import annotations

import gc
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from time import perf_counter

from hypersync.model.canonical import digest, encode
from hypersync.model.ids import RequestId
from hypersync.model.objects import Batch, Complete, ObjectType, Seen
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

SIZE = int(os.environ.get("HYPERSYNC_BENCH_OBJECTS", "200000"))
BATCH = 1_000
NAMES = ("employeeId", *(f"attribute{number:02}" for number in range(19)))
KIND = ObjectType(silo="hr", name="person")


def people() -> Iterator[Seen]:
    for number in range(SIZE):
        anchor = f"E{number:07}"
        tail = f"{number % 977} of the whole"
        yield Seen("person", anchor, dict.fromkeys(NAMES, tail) | {"employeeId": anchor})


class Generated:
    """A silo that makes its objects up as it is read."""

    def streams(self) -> Sequence[Sequence[ObjectType]]:
        return ((KIND,),)

    @contextmanager
    def open(self) -> Iterator[Generated]:
        yield self

    def scope(self, _types: Sequence[ObjectType]) -> str:
        return "everything"

    def scan(self, _types: Sequence[ObjectType], _cursor: str | None) -> Iterator[Batch]:
        events = people()
        while batch := list(islice(events, BATCH)):
            yield batch
        yield [Complete()]


def run() -> list[dict]:
    with tempfile.TemporaryDirectory() as folder:
        store = make_store(Path(folder), "scanned")
        first = timed_scan(store)
        figures = [timed_scan(store) for _ in range(3)]
        floors = [unchanged_floor(store) for _ in range(3)]
        store.engine.dispose()
        bare = make_store(Path(folder), "bare")
        first_floor = first_scan_floor(bare)
        bare.engine.dispose()
    return [
        row(f"S1 full scan, {SIZE:,} unchanged", min(figures), min(floors), 1.3),
        row(f"S2 first scan of {SIZE:,}", first, first_floor, 1.6),
    ]


def row(case: str, figure: float, floor: float, target: float) -> dict:
    return {
        "case": case,
        "figure": figure,
        "floor": floor,
        "ratio": figure / floor,
        "target": target,
        "unit": "s",
    }


def make_store(folder: Path, name: str) -> Store:
    engine = open_engine(f"sqlite:///{folder / name}.db")
    prepare(engine)
    return Store(engine)


def timed_scan(store: Store) -> float:
    names = Names(bare=True, slots={BARE: None})
    rule = JoinRule(index=0, slot="hr", silo="hr", type="person", value=parse("employeeId", names))
    scanning = Scanning(
        store=store,
        joins=Joins([rule]),
        clock=lambda: datetime.now(UTC),  # noqa: TID251 - a benchmark runs in real time
        open_request=lambda *_: RequestId("none"),
    )
    source = Source(silo="hr", connector=Generated(), guard=SourceGuard())
    gc.collect()
    begun = perf_counter()
    report = scan(scanning, source, full=True)
    taken = perf_counter() - begun
    assert report.state is ScanState.APPLIED
    assert report.types["person"].seen == SIZE
    return taken


def unchanged_floor(store: Store) -> float:
    gc.collect()
    begun = perf_counter()
    with store.engine.connect() as connection:
        raw = connection.connection.driver_connection
        known = dict(raw.execute("SELECT anchor, hash FROM object WHERE +silo_type = 1"))
    differ = 0
    for each in people():
        if known.pop(each.anchor, None) != digest(encode(each.attributes)):
            differ += 1
    taken = perf_counter() - begun
    assert (differ, len(known)) == (0, 0)
    return taken


def first_scan_floor(store: Store) -> float:
    gc.collect()
    with store.engine.connect() as connection:
        raw = connection.connection.driver_connection
        raw.execute("INSERT INTO silo_type VALUES (1, 'hr', 'person', 0, NULL, 0, 0, NULL)")
        begun = perf_counter()
        numbered = enumerate(people(), start=1)
        while some := list(islice(numbered, 5_000)):
            write_bare(raw, some)
        taken = perf_counter() - begun
        (count,) = raw.execute("SELECT count(*) FROM object").fetchone()
    assert count == SIZE
    return taken


def write_bare(raw, some: list[tuple[int, Seen]]) -> None:
    at = "2026-03-02 08:00:00.000000"
    objects, identities = [], []
    for number, each in some:
        text = encode(each.attributes)
        key = f"value:{each.anchor.casefold()}"
        hashed = digest(text)
        identities.append((number, key))
        objects.append(
            (number, 1, each.anchor, number, "hr", key, hashed, text.decode(), 0, at, at, "scan:1")
        )
    raw.execute("BEGIN IMMEDIATE")
    raw.executemany("INSERT INTO identity (id, key) VALUES (?, ?)", identities)
    raw.executemany(
        "INSERT INTO object (id, silo_type, anchor, identity, slot, key, hash, attributes, misses, "
        "created_at, changed_at, source) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        objects,
    )
    raw.executemany(
        "INSERT INTO pending_identity (identity) VALUES (?)", [(row[0],) for row in identities]
    )
    raw.execute("COMMIT")
