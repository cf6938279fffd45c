"""New databases that have all tables: of SQLite a copy of one, because migrating takes long."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from hypersync.store.engine import open_engine
from hypersync.store.schema import prepare
from hypersync.store.unit import Store

if TYPE_CHECKING:
    from sqlalchemy import Engine

_SQLITE = "sqlite:///"


def open_store(place: Path | str) -> Store:
    """Return an empty store: in a file of its own in a folder, or at a URL."""
    return Store(prepared(place if isinstance(place, str) else f"{_SQLITE}{place}/hypersync.db"))


def prepared(url: str) -> Engine:
    """Return a database that is ready for the product."""
    if url.startswith(_SQLITE):
        lay_tables(Path(url.removeprefix(_SQLITE)))
    engine = open_engine(url)
    prepare(engine)
    return engine


def lay_tables(place: Path) -> None:
    """Put a database with all tables where none is."""
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(_migrated())


@cache
def _migrated() -> bytes:
    """Return a database file with all tables and nothing in them."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "hypersync.db"
        engine = open_engine(f"{_SQLITE}{path}")
        prepare(engine)
        engine.dispose()
        return path.read_bytes()
