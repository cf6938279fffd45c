"""A project with HR as a file and one silo, for runs that are carried out and taken back."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hypersync.app import App, build
from hypersync.config.load import load_configuration
from hypersync.model.runs import Run
from hypersync.model.scans import ScanState
from tests.projects import write_project

HR = """\
public_url: http://127.0.0.1:8080
database: sqlite:///var/hypersync.db
secret_keys: ["a-key-for-tests-only-0123456789"]
silos:
  hr:
    connector: csv
    types: {person: {path: data/hr.csv, anchor: employeeId}}
"""


@contextmanager
def opened(
    folder: Path, silo_and_joins: str, rules: str, rows: Sequence[Sequence[str]]
) -> Iterator[App]:
    """Open a project; ``rows`` are those of HR, the names of its columns first."""
    file = write_project(folder, HR + silo_and_joins, rules=rules)
    data = folder / "data" / "hr.csv"
    data.parent.mkdir()
    with data.open("w", encoding="utf-8", newline="") as lines:
        csv.writer(lines).writerows(rows)
    app = build(load_configuration(file, None, process_environment={}), started_by="cli:test")
    yield app
    app.close()


def scanned(app: App) -> None:
    """Scan everything."""
    for report in app.scan():
        assert report.state is ScanState.APPLIED, report.reason


def carried_out(app: App) -> Run:
    """Scan, and do everything that is to be done."""
    scanned(app)
    run = app.sync("full", commit=True)
    assert run.counts.failed == run.counts.conflict == run.counts.suspended == 0
    assert run.counts.errors == 0
    return run
