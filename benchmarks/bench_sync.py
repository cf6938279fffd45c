"""A full sync of 100 000 identities in two silos with nothing to do, against reading them.

The floor reads every row in identity order through the driver and decodes it with orjson. Memory is
that of a process of its own that only syncs.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import orjson

from benchmarks.company import make
from hypersync.config.load import load_configuration

SIZE = int(os.environ.get("BENCH_SIZE", "100000"))
MOST_MEGABYTES = 300.0


def run() -> list[dict]:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        app = make(root, SIZE)
        app.sync("full", commit=False)
        floors, figures = [], []
        for _ in range(3):
            floors.append(_floor(app))
            figures.append(_timed(lambda: _sync(app)))
        app.close()
        command = [sys.executable, "-m", "benchmarks.bench_sync", str(root)]
        measured = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
        megabytes = float(measured.stdout)
    floor, figure = min(floors), min(figures)
    return [
        {
            "case": f"full sync, {SIZE} identities, nothing to do",
            "figure": figure,
            "floor": floor,
            "unit": "s",
            "ratio": figure / floor,
            "target": 3.0,
        },
        {
            "case": "the same, resident memory",
            "figure": megabytes,
            "floor": MOST_MEGABYTES,
            "unit": "MB",
            "ratio": megabytes / MOST_MEGABYTES,
            "target": 1.0,
        },
    ]


def _sync(app) -> None:
    found = app.sync("full", commit=True)
    assert found.counts.proposed == 0, found.counts
    assert found.counts.identities == SIZE


def _floor(app) -> float:
    connection = app.store.engine.raw_connection()
    try:
        began = time.perf_counter()
        rows = connection.cursor().execute(
            "SELECT identity, attributes FROM object ORDER BY identity"
        )
        count = 0
        for _, attributes in rows:
            orjson.loads(attributes)
            count += 1
        assert count == 2 * SIZE
        return time.perf_counter() - began
    finally:
        connection.close()


def _timed(work) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _alone(root: str) -> None:
    """Sync once in this process and print the most memory it had, in MB."""
    from hypersync.app import build

    configuration = load_configuration(
        Path(root) / "config/hypersync.yaml", None, process_environment={}
    )
    app = build(configuration, started_by="benchmark")
    _sync(app)
    print(_most_megabytes())


def _most_megabytes() -> float:
    """Return the most memory this process had.

    The kernel's high-water mark of this program; ``ru_maxrss`` would count what the process that
    started it had as well.
    """
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (each for each in status.read_text().splitlines() if each.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    _alone(sys.argv[1])
