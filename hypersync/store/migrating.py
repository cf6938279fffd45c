"""The migrations themselves, which Alembic runs from code; there is no ``alembic.ini`` to lose."""

from __future__ import annotations

from functools import cache

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Engine

from hypersync.shipped import shipped


def _config(engine: Engine) -> Config:
    config = _settings()
    config.attributes["engine"] = engine
    return config


def _settings() -> Config:
    config = Config()
    config.set_main_option("script_location", str(shipped("migrations")).replace("%", "%%"))
    return config


@cache
def scripts() -> ScriptDirectory:
    """Return the migrations, each of them a file that is compiled and run when it is read."""
    return ScriptDirectory.from_config(_settings())


def knows(revision: str) -> bool:
    """Tell whether a revision is one of this program's."""
    try:
        scripts().get_revision(revision)
    except CommandError:
        return False
    return True


def upgrade(engine: Engine) -> None:
    """Bring a database to the newest revision."""
    command.upgrade(_config(engine), "head")


def downgrade(engine: Engine, revision: str) -> None:
    """Take a database back to an older revision."""
    command.downgrade(_config(engine), revision)
