"""Certificates that are no good, of all that is reached by TLS; ldap has tests of its own."""

from __future__ import annotations

import os
import re
import shutil
import socket
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from hypersync.connectors.ad.connector import AdConnector
from hypersync.errors import SiloError, SiloUnreachable
from hypersync.ports.connector import Connector
from tests import graphing, scimming
from tests.ad_silos import BIG
from tests.certificates import Authority, Certificate, self_signed
from tests.mariadb import MariaDb
from tests.place import settings_of
from tests.postgresql import Server
from tests.processes import free_port
from tests.sql import Sql

HOST = "127.0.0.1"
BAD = [
    ("expired", "certificate has expired|certificate verify failed"),
    ("elsewhere", "not valid for|for another name|does not match host name"),
    ("itself", "self-signed certificate|signed by itself|certificate verify failed"),
]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls") / "authority")


@pytest.fixture(scope="module")
def issued(
    authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Certificate]:
    return {
        "good": authority.issue("good", names=[HOST]),
        "expired": authority.issue("expired", names=[HOST], days=(-3, -2)),
        "elsewhere": authority.issue("elsewhere", names=["other.example.org"]),
        "itself": self_signed(tmp_path_factory.mktemp("tls") / "self", HOST),
    }


@contextmanager
def listening(certificate: Certificate) -> Iterator[tuple[int, list[bytes]]]:
    """Serve TLS with a certificate; the port, and what clients sent once they trusted it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.file, certificate.key)
    received: list[bytes] = []

    def serve(server: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = server.accept()
                client.settimeout(20)
                with suppress(OSError), context.wrap_socket(client, server_side=True) as trusted:
                    received.append(trusted.recv(4096))

    with socket.create_server((HOST, 0)) as server:
        thread = threading.Thread(target=serve, args=(server,))
        thread.start()
        try:
            yield server.getsockname()[1], received
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def by_ldaps(port: int, ca_file: Path) -> Connector:
    options = {
        "url": f"ldaps://{HOST}:{port}",
        "bind": {"user": "hypersync@hs.test", "password": "s3cret"},
        "tls": {"ca_file": str(ca_file)},
        "types": {"user": {"base": BIG}},
    }
    return AdConnector(settings_of(AdConnector, Path(), options))


def by_scim(port: int, ca_file: Path) -> Connector:
    return scimming.connect(f"https://{HOST}:{port}/v2", tls={"ca_file": str(ca_file)}, timeout=5)


def by_graph(port: int, ca_file: Path) -> Connector:
    return graphing.connect(f"https://{HOST}:{port}", ca_file=str(ca_file), timeout=5)


def failure(connector: Connector) -> str:
    with pytest.raises(SiloUnreachable) as caught, connector.open() as session:
        session.read(connector.streams()[0][0], "00000000-0000-4000-8000-000000000000")
    return caught.value.message


@pytest.mark.parametrize("connect", [by_ldaps, by_scim, by_graph])
@pytest.mark.parametrize(("kind", "why"), BAD)
def test_nothing_is_sent_to_whom_a_bad_certificate_names(
    issued: dict[str, Certificate],
    authority: Authority,
    connect: Callable[[int, Path], Connector],
    kind: str,
    why: str,
):
    with listening(issued[kind]) as (port, received):
        said = failure(connect(port, authority.file))
    assert re.search(why, said), said
    assert received == []
    with listening(issued["good"]) as (port, received):
        said = failure(connect(port, authority.file))
    assert "ertificate" not in said
    assert len(received) > 0


# --- databases ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class SecurePostgresql:
    """The server that the tests share, with TLS."""

    server: Server
    database: Sql

    def install(self, certificate: Certificate) -> None:
        """Take another certificate."""
        for file, end in ((certificate.file, "pem"), (certificate.key, "key")):
            there = self.server.folder / "data" / f"own.{end}"
            shutil.copy(file, there)
            there.chmod(0o600)
            if os.getuid() == 0:
                shutil.chown(there, "postgres", "postgres")
        self.set(ssl_cert_file="'own.pem'", ssl_key_file="'own.key'", ssl="on")

    def set(self, **values: str) -> None:
        """Change the configuration, and wait until it is read."""
        url = self.database.url.replace("+psycopg", "")
        with psycopg.connect(url, autocommit=True) as connection:
            for name, value in values.items():
                connection.execute(f"ALTER SYSTEM SET {name} = {value}".encode())
        (loaded,) = self.database.rows("SELECT pg_conf_load_time()")
        self.database.run("SELECT pg_reload_conf()")
        for _ in range(600):
            if self.database.rows("SELECT pg_conf_load_time()") != [loaded]:
                return
            self.database.run("SELECT pg_sleep(0.01)")
        raise AssertionError("the server does not read its configuration again")


@pytest.fixture
def postgresql_by_tls(postgresql_server: Server) -> Iterator[SecurePostgresql]:
    """A server with TLS for a while."""
    found = SecurePostgresql(postgresql_server, Sql("postgresql", postgresql_server.create()))
    yield found
    found.set(ssl="DEFAULT", ssl_cert_file="DEFAULT", ssl_key_file="DEFAULT")
    postgresql_server.drop(found.database.url)


class SecureMariaDb(MariaDb):
    """A server that reads its certificate anew when it is told to."""

    def _options(self) -> list[str]:
        files = [f"--ssl-cert={self.folder}/own.pem", f"--ssl-key={self.folder}/own.key"]
        return [*super()._options(), *files]

    def install(self, certificate: Certificate) -> None:
        """Put a certificate where the server looks for its own."""
        shutil.copy(certificate.file, self.folder / "own.pem")
        shutil.copy(certificate.key, self.folder / "own.key")
        for name in ("own.pem", "own.key"):
            (self.folder / name).chmod(0o644)


@pytest.fixture(scope="module")
def mariadb_by_tls(issued: dict[str, Certificate]) -> Iterator[SecureMariaDb]:
    """A server of its own: its certificate is where it was told to look when it started."""
    folder = Path(tempfile.mkdtemp(prefix="hypersync-mariadb-"))
    if os.getuid() == 0:
        shutil.chown(folder, "mysql", "mysql")
    server = SecureMariaDb(folder, free_port())
    server.install(issued["good"])
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


def tried(database: Sql, url: str) -> str:
    """Return why a table cannot be read; empty when it can."""
    connector = database.connect({"user": {"table": "people", "anchor": "uid"}}, url=url)
    try:
        with connector.open() as session:
            session.read(connector.streams()[0][0], "ann")
    except SiloError as error:
        return error.message
    return ""


def test_a_bad_certificate_of_postgresql_is_refused(
    postgresql_by_tls: SecurePostgresql, issued: dict[str, Certificate], authority: Authority
):
    database = postgresql_by_tls.database
    database.run("CREATE TABLE people (uid VARCHAR(9) PRIMARY KEY)")
    url = f"{database.url}?sslmode=verify-full&sslrootcert={authority.file}"
    for kind, why in BAD:
        postgresql_by_tls.install(issued[kind])
        said = tried(database, url)
        assert re.search(why, said), said
    postgresql_by_tls.install(issued["good"])
    assert tried(database, url) == ""


def test_a_bad_certificate_of_mariadb_is_refused(
    mariadb_by_tls: SecureMariaDb, issued: dict[str, Certificate], authority: Authority
):
    database = Sql("mariadb", mariadb_by_tls.create())
    database.run("CREATE TABLE people (uid VARCHAR(9) PRIMARY KEY)")
    url = f"{database.url}?ssl_ca={authority.file}"
    for kind, why in BAD:
        mariadb_by_tls.install(issued[kind])
        mariadb_by_tls.execute("FLUSH SSL")
        said = tried(database, url)
        assert re.search(why, said), said
    mariadb_by_tls.install(issued["good"])
    mariadb_by_tls.execute("FLUSH SSL")
    assert tried(database, url) == ""
