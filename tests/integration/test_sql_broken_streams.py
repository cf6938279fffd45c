"""What is left of a connection to MariaDB that broke while rows came."""

import gc

import pytest
from pymysql.connections import MySQLResult

from hypersync.errors import ScanFailed
from tests.mariadb import MariaDb
from tests.sql import Sql
from tests.wires import Wire

TYPES = {"user": {"table": "people", "anchor": "uid"}}


@pytest.fixture
def many(mariadb_for_silos: MariaDb) -> Sql:
    """More rows than wait between a server and its client."""
    database = Sql("mariadb", mariadb_for_silos.create())
    database.run(
        "CREATE TABLE people (uid VARCHAR(100) PRIMARY KEY, title VARCHAR(200))",
        "INSERT INTO people SELECT concat('p', seq), repeat('x', 200) FROM seq_1_to_100000",
    )
    return database


def test_of_a_stream_that_broke_nothing_is_read_when_it_is_tidied_up(many: Sql):
    with Wire(many.port) as wire:
        connector = many.connect(TYPES, url=many.by(wire.port))
        with connector.open() as session:
            batches = iter(session.scan(connector.streams()[0], None))
            next(batches)
            streams = [each for each in gc.get_objects() if is_open(each)]
            assert len(streams) == 1
            wire.cut()
            with pytest.raises(ScanFailed):
                list(batches)
            assert not any(map(is_open, streams))


def is_open(found: object) -> bool:
    """Tell whether it is the answer to a query of which rows are still to come."""
    return isinstance(found, MySQLResult) and found.unbuffered_active
