"""LDAP: L1 a full scan of a directory into an unchanged store, L2 a delta of 100 changes.

A real slapd holds the people, of fifteen attributes each. The floors of L1 do nothing but iterate
over the same entries in pages: stock ldap3 by its ``paged_search``, python-ldap by its loop over
results. The scans do all a scan does (they read the change stamp and the anchor besides, decode,
hash and compare) up to the finished run. The floor of L2 is the full scan by the same wire. Sides
take turns, and the best of them count.
"""

from __future__ import annotations

import gc
import os
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

import ldap
from ldap.controls import SimplePagedResultsControl

from hypersync.config.models import SiloConfig, TypeConfig
from hypersync.connectors.directory.client import ldap3
from hypersync.connectors.registry import build
from hypersync.model.ids import RequestId
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
from tests.slapd import PASSWORD, PEOPLE, SERVICE, Slapd, person, running

SIZE = int(os.environ.get("HYPERSYNC_BENCH_ENTRIES", "100000"))
ROUNDS = int(os.environ.get("HYPERSYNC_BENCH_ROUNDS", "3"))
CHANGES = 100
PAGE = 1_000
FILTER = "(objectClass=inetOrgPerson)"
NAMES = (
    "cn", "sn", "givenName", "displayName", "mail", "uid", "employeeNumber", "employeeType",
    "departmentNumber", "title", "telephoneNumber", "l", "street", "postalCode", "o",
)  # fmt: skip


def people() -> str:
    return "".join(
        person(
            f"p{number:06}",
            givenName=f"Given{number % 997}",
            displayName=f"Given{number % 997} p{number:06}",
            mail=f"p{number:06}@example.org",
            uid=f"p{number:06}",
            employeeNumber=f"E{number:06}",
            employeeType="active",
            departmentNumber=f"D{number % 40:02}",
            title=f"Title {number % 113}",
            telephoneNumber=f"+33 1 23 45 {number % 10_000:04}",
            l=f"City {number % 211}",
            street=f"{number % 300} Long Street",
            postalCode=f"{number % 99_999:05}",
            o="ACME Corporation",
        )
        for number in range(SIZE)
    )


def run() -> list[dict]:
    with (
        tempfile.TemporaryDirectory() as folder,
        running(Path(folder) / "slapd", people()) as server,
    ):
        stock = Side(lambda: by_ldap3(server.url))
        plain = Side(lambda: by_python_ldap(server.url))
        wires = {kind: Project(Path(folder), kind, server.url) for kind in ("ldap3", "c")}
        full = {kind: Side(each.scan_in_full) for kind, each in wires.items()}
        delta = {kind: Side(each.scan_changes) for kind, each in wires.items()}
        for each in wires.values():
            each.scan_in_full()  # the first one, after which nothing changes
        change(server, ROUNDS)
        for each in wires.values():
            each.scan_changes()  # the next one begins an overlap before these, not in the loading
        for number in range(ROUNDS):
            for side in (stock, full["ldap3"], plain, full["c"]):
                side.time()
            change(server, number)
            for side in delta.values():
                side.time()
    size = f"{SIZE:,} entries"
    return [
        row(f"L1 full scan of {size}, default wire, against stock ldap3 iterating",
            full["ldap3"], stock, 0.6),
        row(f"L1 full scan of {size}, C wire, against python-ldap iterating",
            full["c"], plain, 2.0),
        *(
            row(f"L2 delta of {CHANGES} changes at {size}, {name}, against the full scan",
                delta[kind], full[kind], 0.2)
            for kind, name in (("ldap3", "default wire"), ("c", "C wire"))
        ),
    ]  # fmt: skip


class Side:
    """Something that reads the directory; the best of its times counts."""

    def __init__(self, read: Callable[[], None]) -> None:
        self.best = float("inf")
        self._read = read

    def time(self) -> None:
        gc.collect()
        begun = perf_counter()
        self._read()
        self.best = min(self.best, perf_counter() - begun)


def row(case: str, side: Side, floor: Side, target: float) -> dict:
    return {
        "case": case,
        "figure": side.best,
        "floor": floor.best,
        "ratio": side.best / floor.best,
        "target": target,
        "unit": "s",
    }


def by_ldap3(url: str) -> None:
    """Read every entry as the library does by itself."""
    connection = ldap3.Connection(ldap3.Server(url), SERVICE, PASSWORD, auto_bind=True)
    found = connection.extend.standard.paged_search(
        PEOPLE, FILTER, attributes=list(NAMES), paged_size=PAGE, generator=True
    )
    assert sum(1 for each in found if each["attributes"]) == SIZE
    connection.unbind()


def by_python_ldap(url: str) -> None:
    """Read every entry as the library does by itself."""
    connection = ldap.initialize(url)
    connection.simple_bind_s(SERVICE, PASSWORD)
    paged = SimplePagedResultsControl(True, size=PAGE, cookie=b"")
    count = 0
    while True:
        number = connection.search_ext(
            PEOPLE, ldap.SCOPE_SUBTREE, FILTER, list(NAMES), serverctrls=[paged]
        )
        _, found, _, controls = connection.result3(number)
        count += sum(1 for _, attributes in found if attributes)
        paged.cookie = controls[0].cookie
        if not paged.cookie:
            break
    assert count == SIZE
    connection.unbind_s()


class Project:
    """A store and a silo that reads the directory by one wire."""

    def __init__(self, folder: Path, wire: str, url: str) -> None:
        engine = open_engine(f"sqlite:///{folder / wire}.db")
        prepare(engine)
        names = Names(bare=True, slots={BARE: None})
        value = parse("employeeNumber", names)
        rule = JoinRule(index=0, slot="dir", silo="dir", type="user", value=value)
        self._scanning = Scanning(
            store=Store(engine),
            joins=Joins([rule]),
            clock=lambda: datetime.now(UTC),  # noqa: TID251 - a benchmark runs in real time
            open_request=lambda *_: RequestId("none"),
        )
        user = TypeConfig(attributes=NAMES, options={"base": PEOPLE, "filter": FILTER})
        bind = {"user": SERVICE, "password": PASSWORD}
        options = {"url": url, "wire": wire, "bind": bind}
        config = SiloConfig(connector="ldap", types={"user": user}, options=options)
        connector = build("dir", config, root=folder)
        self._source = Source(silo="dir", connector=connector, guard=SourceGuard())

    def scan_in_full(self) -> None:
        report = scan(self._scanning, self._source, full=True)
        assert report.state is ScanState.APPLIED, report
        assert report.types["user"].seen == SIZE

    def scan_changes(self) -> None:
        report = scan(self._scanning, self._source, full=False)
        assert report.state is ScanState.APPLIED, report
        assert report.types["user"].updated == CHANGES, report.types


def change(server: Slapd, number: int) -> None:
    """Give a hundred people another title."""
    step = SIZE // CHANGES
    server.modify(
        "\n".join(
            f"dn: cn=p{step * place + number:06},{PEOPLE}\nchangetype: modify\nreplace: title\n"
            f"title: Title of round {number}\n"
            for place in range(CHANGES)
        )
    )


if __name__ == "__main__":
    print(run())
