"""The schema's version: upgrade it, and refuse what this program does not know.

Migrations run from code; there is no ``alembic.ini`` to lose.
"""

from __future__ import annotations

from functools import cache

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Engine

from hypersync.errors import StoreNewer, StoreOlder
from hypersync.shipped import shipped
from hypersync.store.engine import refusals


def _config(engine: Engine) -> Config:
    config = _settings()
    config.attributes["engine"] = engine
    return config


def _settings() -> Config:
    config = Config()
    config.set_main_option("script_location", str(shipped("migrations")).replace("%", "%%"))
    return config


@cache
def _scripts() -> ScriptDirectory:
    """Return the migrations, each of them a file that is compiled and run when it is read."""
    return ScriptDirectory.from_config(_settings())


def current(engine: Engine) -> str | None:
    """Return the revision the database is at, ``None`` when it is empty."""
    with refusals(), engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def newest() -> str | None:
    """Return the revision this program wants."""
    return _scripts().get_current_head()


def upgrade(engine: Engine) -> None:
    """Bring the database to the newest revision; raises `StoreNewer` when it is beyond that."""
    _refuse_newer(engine)
    _upgrade(engine)


def _upgrade(engine: Engine) -> None:
    with refusals():
        command.upgrade(_config(engine), "head")


def downgrade(engine: Engine, revision: str) -> None:
    """Take the database back to an older revision, with its data where the older one has room."""
    with refusals():
        command.downgrade(_config(engine), revision)


def prepare(engine: Engine) -> None:
    """Make an empty database ready, and refuse one that is too old or too new.

    Raises `StoreOlder` when it needs ``hypersync db upgrade`` and `StoreNewer` when it was written
    by a newer program.
    """
    found = current(engine)
    if found is None:
        _upgrade(engine)
        return
    _refuse_newer(engine)
    if found != newest():
        raise StoreOlder(
            f"the database is at revision {found}, this program needs {newest()}; "
            "run `hypersync db upgrade`"
        )


def _refuse_newer(engine: Engine) -> None:
    found = current(engine)
    if found is None:
        return
    try:
        _scripts().get_revision(found)
    except CommandError as error:
        raise StoreNewer(
            f"the database is at revision {found}, which this program does not know; it was "
            "written by a newer HyperSync: install that version or restore a backup"
        ) from error
