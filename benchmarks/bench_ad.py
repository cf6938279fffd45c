"""Reading Active Directory: A1 a delta of 100 changes by DirSync, against the full scan.

Samba is the domain controller, with 2 000 users and 200 groups (as in the tests, so this takes root
and its packages). Both open a session and read everything they report; the delta asks which objects
changed, looks where they are, and reads them.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

from hypersync.connectors.ad.connector import AdConnector
from hypersync.model.objects import Complete, ScanEvent, Seen
from tests.ad_silos import BIG, company, connect, load
from tests.samba import Samba, provision, started

PEOPLE, GROUPS, LARGE, CHANGES = 2_000, 200, 1_800, 100
ROUNDS = 7
"""Both sides take turns, so that a machine that becomes slow is slow for both."""
ATTRIBUTES = ["sAMAccountName", "title", "department", "employeeNumber", "mail", "manager"]
TYPES = {
    "user": {"base": BIG, "attributes": ATTRIBUTES},
    "group": {"base": BIG, "attributes": ["cn"]},
}


def run() -> list[dict]:
    with tempfile.TemporaryDirectory() as folder:
        domain = provision(Path(folder) / "domain")
        with started(Path(folder) / "dc", domain) as server:
            server.stop()
            load(server, company(PEOPLE, GROUPS, large=LARGE))
            server.start()
            figures, floors = measured(server)
    return [
        {
            "case": f"A1 delta of {CHANGES} changes by DirSync, {PEOPLE:,} users on Samba",
            "figure": median(figures) * 1000,
            "floor": median(floors) * 1000,
            "ratio": median(figures) / median(floors),
            "target": 0.1,
            "unit": "ms",
        }
    ]


def measured(server: Samba) -> tuple[list[float], list[float]]:
    connector = connect(server, TYPES, delta="dirsync")
    events, _ = timed(connector, None)
    figures, floors = [], []
    for number in range(ROUNDS):
        change(server, f"Boss {number}")
        events, taken = timed(connector, cursor_of(events))
        assert sum(isinstance(each, Seen) for each in events) == CHANGES
        figures.append(taken)
        whole, taken = timed(connector, None)
        assert sum(isinstance(each, Seen) for each in whole) == PEOPLE + GROUPS
        floors.append(taken)
    return figures, floors


def timed(connector: AdConnector, cursor: str | None) -> tuple[list[ScanEvent], float]:
    (types,) = connector.streams()
    begun = perf_counter()
    with connector.open() as session:
        events = [event for batch in session.scan(types, cursor) for event in batch]
    return events, perf_counter() - begun


def cursor_of(events: list[ScanEvent]) -> str:
    end = events[-1]
    assert isinstance(end, Complete)
    assert end.cursor is not None
    return end.cursor


def change(server: Samba, title: str) -> None:
    """Change people far from each other."""
    chosen = range(0, PEOPLE, PEOPLE // CHANGES)
    server.modify(
        "".join(
            f"dn: CN=p{number:04},{BIG}\nchangetype: modify\nreplace: title\ntitle: {title}\n\n"
            for number in chosen
        )
    )
