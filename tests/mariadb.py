"""A real MariaDB server for tests: own folder, free port, a new database for each test."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pymysql
import pytest

from tests.processes import free_port, program, until


@dataclass
class MariaDb:
    """One server on 127.0.0.1; root has no password there."""

    folder: Path
    port: int
    _process: subprocess.Popen[bytes] | None = None
    _numbers: Iterator[int] = field(default_factory=count)

    def start(self) -> None:
        """Make the system tables, start the server and wait until it answers."""
        data = f"--datadir={self.folder}/data"
        # the little that the server needs to come up small and fast, and without the disk
        # a server that starts removes the temporary tables of every other in its folder for them
        common = (data, f"--tmpdir={self.folder}", *_SMALL)
        self._run("mariadb-install-db", "--no-defaults", *common, *_AS_ROOT)
        command = [program("mariadbd"), "--no-defaults", *common, *self._options()]
        self._process = subprocess.Popen(  # noqa: S603 - our own command line
            command,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **_as_its_user(),
        )
        until(self._answers, self._process)

    def _answers(self) -> bool:
        try:
            self.execute("SELECT 1")
        except pymysql.err.OperationalError:
            return False
        return True

    def _options(self) -> list[str]:
        return [
            f"--port={self.port}",
            "--bind-address=127.0.0.1",
            f"--socket={self.folder}/socket",
            f"--pid-file={self.folder}/pid",
            "--character-set-server=utf8mb4",
            "--skip-log-bin",
        ]

    def stop(self) -> None:
        """Stop it at once; nothing of it is kept."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=20)
            self._process = None

    def create(self) -> str:
        """Make a database and return its URL."""
        name = f"test_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name}")
        return f"mariadb://root@127.0.0.1:{self.port}/{name}"

    def drop(self, url: str) -> None:
        """Remove a database."""
        self.execute(f"DROP DATABASE {url.rpartition('/')[2]}")

    def execute(self, statement: str) -> None:
        """Run one statement as root."""
        # else each connection reads the certificates of this machine, to no end
        plain = {"user": "root", "autocommit": True, "ssl_disabled": True}
        connection = pymysql.connect(host="127.0.0.1", port=self.port, **plain)
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)

    def _run(self, tool: str, *arguments: str) -> None:
        done = subprocess.run(  # noqa: S603 - our own command lines
            [program(tool), *arguments],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            **_as_its_user(),
        )
        assert done.returncode == 0, f"{tool}: {done.stdout}"


_AS_ROOT = ("--auth-root-authentication-method=normal", "--skip-test-db")
_SMALL = (
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-flush-method=nosync",
    "--innodb-doublewrite=0",
    "--innodb-log-file-size=16M",
    "--innodb-buffer-pool-size=32M",
    "--performance-schema=0",
)


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[MariaDb]:
    """A server that all tests share."""
    # pytest's folders are closed to the user that the server runs as
    folder = Path(tempfile.mkdtemp(prefix="hypersync-mariadb-"))
    if os.getuid() == 0:
        shutil.chown(folder, "mysql", "mysql")
    server = MariaDb(folder, free_port())
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


def _as_its_user() -> dict[str, str]:
    """Return who the server runs as: it refuses to run as root."""
    return {"user": "mysql", "group": "mysql"} if os.getuid() == 0 else {}
