"""The SQL connector keeps the contract on each database."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from hypersync.connectors.contract import Bench, ConnectorContract, Fragile
from hypersync.connectors.sql_database.connector import SqlConnector
from tests.sql import STRANGER, Sql
from tests.wires import Wire

PEOPLE = """CREATE TABLE people (
    uid VARCHAR(100) PRIMARY KEY,
    title VARCHAR(200),
    "departmentNumber" VARCHAR(200),
    "employeeType" VARCHAR(20),
    "telephoneNumber" VARCHAR(50),
    initials VARCHAR(100) GENERATED ALWAYS AS (upper(uid)) STORED,
    modified {moment}
)"""
TEAMS = "CREATE TABLE teams (cn VARCHAR(100) PRIMARY KEY, description VARCHAR(200))"
MEMBERS = """CREATE TABLE team_members (
    team VARCHAR(100) NOT NULL REFERENCES teams (cn),
    person VARCHAR(100) NOT NULL,
    PRIMARY KEY (team, person)
)"""
ANN_AND_OTHERS = """INSERT INTO people
    (uid, title, "departmentNumber", "employeeType", modified) VALUES
    ('ann', 'Clerk', 'Sales', 'active', '2026-01-01 00:00:00'),
    ('bob', 'Clerk', 'Sales', 'active', '2026-01-01 00:00:00'),
    ('zoë', 'Clerk', 'Sales', 'active', '2026-01-01 00:00:00')"""
MOMENT = {
    "sqlite": "DATETIME",
    "postgresql": "TIMESTAMP WITH TIME ZONE",
    "mariadb": "DATETIME(6)",
}
TYPES = {
    "user": {
        "table": "people",
        "anchor": "uid",
        "enabled": {"attribute": "employeeType", "when_on": "active", "when_off": "disabled"},
        "delta": "modified",
        "overlap": "0s",
    },
    "group": {
        "table": "teams",
        "anchor": "cn",
        "members": "member",
        "lists": {"member": {"table": "team_members", "of": "team", "value": "person"}},
    },
}
DATED = {
    "sqlite": [
        """CREATE TRIGGER dated AFTER UPDATE ON people BEGIN
        UPDATE people SET modified = CURRENT_TIMESTAMP WHERE uid = NEW.uid; END"""
    ],
    "postgresql": [
        """CREATE FUNCTION dated() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN NEW.modified = CURRENT_TIMESTAMP; RETURN NEW; END'""",
        "CREATE TRIGGER dated BEFORE UPDATE ON people FOR EACH ROW EXECUTE FUNCTION dated()",
    ],
    "mariadb": [
        "CREATE TRIGGER dated BEFORE UPDATE ON people FOR EACH ROW SET NEW.modified = now(6)"
    ],
}
MANY = {
    "postgresql": "SELECT 'p' || n, repeat('x', 200) FROM generate_series(1, 10000) AS n",
    "mariadb": "SELECT concat('p', seq), repeat('x', 200) FROM seq_1_to_10000",
}
LACKS = {"duplicate_anchors": "the anchor is the primary key; see test_sql_scan for tables without"}
LACKS_OF_A_FILE = {
    **LACKS,
    "wrong_password": "a file has no passwords",
    "truncated_stream": "a file does not go away while it is open",
    "server_gone": "a file does not go away while it is open",
}


class SqlHands:
    """Somebody with a client of the database."""

    def __init__(self, database: Sql) -> None:
        self.database = database

    def anchor(self, name: str) -> str:
        return name

    def set(self, name: str, attribute: str, value: str) -> None:
        changed = f'"{attribute}" = :value'
        statement = f"UPDATE people SET {changed} WHERE uid = :name"  # noqa: S608 - our own words
        self.database.run(statement, name=name, value=value)

    def delete(self, name: str) -> None:
        self.database.run("DELETE FROM people WHERE uid = :name", name=name)


class TestSql(ConnectorContract):
    @pytest.fixture
    def bench(self, database: Sql, request: pytest.FixtureRequest) -> Bench:
        if database.backend == "sqlite" and "during_a_scan" in request.node.name:
            database.run("PRAGMA journal_mode = WAL")  # else who writes waits for who reads
        people = PEOPLE.format(moment=MOMENT[database.backend])
        database.run(people, TEAMS, MEMBERS, ANN_AND_OTHERS, *DATED[database.backend])
        database.run(
            "INSERT INTO teams (cn) VALUES ('staff')",
            "INSERT INTO team_members VALUES ('staff', 'ann')",
        )
        connector = database.connect(TYPES)
        (user,), (group,) = connector.streams()
        is_file = database.backend == "sqlite"
        return Bench(
            connector=connector,
            read_only_connector=database.connect(TYPES, write=False),
            hands=SqlHands(database),
            user=user,
            group=group,
            new_user={"uid": "new", "title": "Trainee", "employeeType": "active"},
            has_deltas=True,
            read_only_attribute="initials",
            wrong_password=None if is_file else by_a_stranger(database),
            fragile=None if is_file else lambda: fragile(database),
            lacks=LACKS_OF_A_FILE if is_file else LACKS,
            many_members=20_000 if is_file else 2_000,
        )


def by_a_stranger(database: Sql) -> SqlConnector:
    """Sign in with a password that is wrong."""
    scheme, _, where = database.url.partition("://")
    url = f"{scheme}://{STRANGER}:wrong@{where.partition('@')[2]}"
    return database.connect(TYPES, url=url)


@contextmanager
def fragile(database: Sql) -> Iterator[Fragile]:
    """Reach the database by a wire that can be cut; the rows take many answers."""
    database.run(f"INSERT INTO people (uid, title) {MANY[database.backend]}")
    with Wire(database.port) as wire:
        yield Fragile(connector=database.connect(TYPES, url=database.by(wire.port)), cut=wire.cut)
