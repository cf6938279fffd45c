"""A delta of 100 changes at 10 000 and 100 000 identities: its cost must not grow with the graph.

The number of SQL statements must be the same; that no query plan scans a table is a test.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from sqlalchemy import event, text

from benchmarks.company import account, make, person

SMALL, LARGE = 10_000, 100_000
CHANGES = 100
ROUNDS = 7


def run() -> list[dict]:
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        apps = {SMALL: make(Path(one), SMALL), LARGE: make(Path(other), LARGE)}
        seconds = {SMALL: [], LARGE: []}
        statements = {}
        for app in apps.values():
            app.sync("full", commit=True)
        for number in range(ROUNDS):
            for size, app in apps.items():
                _change(app, size, number)
                with _counted(app) as counts:
                    began = time.perf_counter()
                    found = app.sync("delta", commit=False)
                    seconds[size].append(time.perf_counter() - began)
                assert found.counts.planned + found.counts.queued == CHANGES, found.counts
                statements[size] = len(counts)
                _change_back(app, size, number)
        for app in apps.values():
            app.close()
    small, large = (statistics.median(seconds[size]) for size in (SMALL, LARGE))
    return [
        {
            "case": f"delta of {CHANGES} changes at {LARGE} identities, against {SMALL}",
            "figure": large * 1000,
            "floor": small * 1000,
            "unit": "ms",
            "ratio": large / small,
            "target": 2.0,
        },
        {
            "case": "the same, SQL statements",
            "figure": statements[LARGE],
            "floor": statements[SMALL],
            "unit": "",
            "ratio": statements[LARGE] / statements[SMALL],
            "target": 1.0,
        },
    ]


def _changed(size: int, number: int) -> list[int]:
    step = size // CHANGES
    return [step * place + number for place in range(CHANGES)]


def _change(app, size: int, number: int) -> None:
    """Give 100 people another department in the store, as a scan would."""
    _write(app, size, number, "Department of Changes")


def _change_back(app, size: int, number: int) -> None:
    _write(app, size, number, None)


def _write(app, size: int, number: int, department: str | None) -> None:
    with app.store.begin() as unit:
        identities = []
        for who in _changed(size, number):
            stored = unit.objects.get("dir", "user", account(person(who))["uid"])
            identities.append(stored.identity)
            wanted = department or person(who)["department"]
            unit._connection.execute(  # the benchmark stands in for a scan
                text(
                    "UPDATE object SET attributes = json_set(attributes, '$.department', :value) "
                    "WHERE id = :id"
                ),
                {"value": wanted, "id": stored.id},
            )
        if department is not None:
            unit.identities.upsert_pending(identities)
        else:
            unit._connection.execute(text("DELETE FROM pending_identity"))


class _counted:
    """Counts the statements that reach SQLite in a block, the driver's own ones too."""

    def __init__(self, app) -> None:
        self._engine = app.store.engine
        self._seen: list[str] = []
        self._traced = []

    def __enter__(self) -> list[str]:
        event.listen(self._engine, "checkout", self._trace)
        return self._seen

    def __exit__(self, *_) -> None:
        event.remove(self._engine, "checkout", self._trace)
        for connection in self._traced:
            connection.set_trace_callback(None)

    def _trace(self, connection, _record, _proxy) -> None:
        connection.set_trace_callback(self._seen.append)
        self._traced.append(connection)


if __name__ == "__main__":
    print(run())
