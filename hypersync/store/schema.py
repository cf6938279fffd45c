"""The schema's version: upgrade it, and refuse what this program does not know.

A database that is at the newest revision, as it is at almost every start, is opened without
Alembic, whose import takes a fifth of such a start: it is imported where something is to be done.
"""

from __future__ import annotations

from functools import cache

from sqlalchemy import Engine, inspect

from hypersync.errors import StoreNewer, StoreOlder
from hypersync.shipped import shipped
from hypersync.store.engine import refusals

_VERSION = "alembic_version"


def current(engine: Engine) -> str | None:
    """Return the revision the database is at, ``None`` when it is empty.

    Several, which no program of ours writes, are returned in one text, which is no revision.
    """
    with refusals(engine), engine.connect() as connection:
        if not inspect(connection).has_table(_VERSION):
            return None
        found = connection.exec_driver_sql(f"SELECT version_num FROM {_VERSION}").scalars()  # noqa: S608 - our own
        return ", ".join(sorted(found)) or None


@cache
def newest() -> str:
    """Return the revision this program wants: its migrations are files by number."""
    return max(path.name for path in shipped("migrations").glob("versions/[0-9]*_*.py"))[:4]


def upgrade(engine: Engine) -> None:
    """Bring the database to the newest revision; raises `StoreNewer` when it is beyond that."""
    _refuse_newer(current(engine))
    _upgrade(engine)


def _upgrade(engine: Engine) -> None:
    from hypersync.store import migrating

    with refusals(engine):
        migrating.upgrade(engine)


def downgrade(engine: Engine, revision: str) -> None:
    """Take the database back to an older revision, with its data where the older one has room."""
    from hypersync.store import migrating

    with refusals(engine):
        migrating.downgrade(engine, revision)


def prepare(engine: Engine) -> None:
    """Make an empty database ready, and refuse one that is too old or too new.

    Raises `StoreOlder` when it needs ``hypersync db upgrade`` and `StoreNewer` when it was written
    by a newer program.
    """
    found = current(engine)
    if found is None:
        _upgrade(engine)
        return
    _refuse_newer(found)
    if found != newest():
        raise StoreOlder(
            f"the database is at revision {found}, this program needs {newest()}; "
            "run `hypersync db upgrade`"
        )


def _refuse_newer(found: str | None) -> None:
    if found in (None, newest()):
        return
    from hypersync.store import migrating

    if not migrating.knows(found):
        raise StoreNewer(
            f"the database is at revision {found}, which this program does not know; it was "
            "written by a newer HyperSync: install that version or restore a backup"
        )
