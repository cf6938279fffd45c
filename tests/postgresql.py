"""A real PostgreSQL server for tests: own folder, free port, a new database for each test.

``@both_databases`` runs a test that asks for `database_url` (or for a fixture that does, such as
``world``) on SQLite and on PostgreSQL; without it `database_url` is SQLite's. PostgreSQL's has our
tables already, unless it is to be empty; SQLite's is a file that is not there yet.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import psycopg
import pytest

from hypersync.store.engine import open_engine
from hypersync.store.schema import upgrade
from tests.processes import free_port

_EMPTY = "empty postgresql"


def _on(*databases: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("database_url", databases, indirect=True)


both_databases = _on("sqlite", "postgresql")
both_databases_empty = _on("sqlite", _EMPTY)
postgresql_only = _on("postgresql")
empty_postgresql_only = _on(_EMPTY)

_TABLES = "hypersync_template"


@dataclass
class Server:
    """One server on 127.0.0.1; everybody who can connect may do everything."""

    folder: Path
    port: int
    _numbers: Iterator[int] = field(default_factory=count)

    def start(self) -> None:
        """Make a cluster, start it and make a database with our tables to copy from."""
        _run("initdb", "-A", "trust", "-U", "postgres", "--no-sync", "-E", "UTF8", cwd=self.folder)
        self.resume()
        engine = open_engine(self.create(_TABLES))
        upgrade(engine)
        engine.dispose()

    def resume(self) -> None:
        """Start the cluster, also once it was stopped."""
        faster = "-c fsync=off -c full_page_writes=off -c synchronous_commit=off"
        options = f"-p {self.port} -h 127.0.0.1 -k {self.folder} {faster}"
        _run("pg_ctl", "-w", "-l", "log", "-o", options, "start", cwd=self.folder)

    def stop(self) -> None:
        """Stop it; whoever is connected is cut off."""
        _run("pg_ctl", "-w", "-m", "immediate", "stop", cwd=self.folder)

    def create(self, name: str | None = None, *, empty: bool = True) -> str:
        """Make a database and return its URL; unless ``empty`` it has our tables."""
        name = name or f"test_{next(self._numbers)}"
        template = "template0" if empty else _TABLES
        self._execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/{name}"

    def drop(self, url: str) -> None:
        """Remove a database; whoever is connected is cut off."""
        self._execute(f"DROP DATABASE {url.rpartition('/')[2]} WITH (FORCE)")

    def _execute(self, statement: str) -> None:
        url = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(statement.encode())


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Server]:
    """A server that all tests share."""
    # pytest's folders are closed to the user that the server runs as
    folder = Path(tempfile.mkdtemp(prefix="hypersync-postgresql-"))
    if os.getuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    server = Server(folder, free_port())
    try:
        server.start()
        yield server
        server.stop()
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a new database; see `both_databases`."""
    database = getattr(request, "param", "sqlite")
    if database == "sqlite":
        yield f"sqlite:///{tmp_path}/var/hypersync.db"
        return
    server = request.getfixturevalue("postgresql_server")
    url = server.create(empty=database == _EMPTY)
    yield url
    server.drop(url)


def _run(program: str, *arguments: str, cwd: Path) -> None:
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))
    assert found, f"{program} is missing; install the package postgresql"
    # the server refuses to run as root
    user = {"user": "postgres", "group": "postgres"} if os.getuid() == 0 else {}
    done = subprocess.run(  # noqa: S603 - our own command lines
        [str(found[-1]), "-D", "data", *arguments],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        **user,
    )
    assert done.returncode == 0, f"{program}: {done.stderr}"
