"""An object that breaks the connection when it is read, before or after it is written.

It is given up as a write that does so is, and nothing else suffers. Each silo is a real server.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.test_circuit_servers import PEOPLE_THERE, SQL
from tests.integration.test_poisoned_writes import (
    Poisoned,
    check_that_one_is_given_up,
)
from tests.sql import Sql

# --- databases -----------------------------------------------------------------------------------

ENDS = """
CREATE FUNCTION shown(t TEXT) RETURNS TEXT LANGUAGE plpgsql VOLATILE AS $$ BEGIN
  IF t = 'poison' THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;
  RETURN t;
END $$"""
PUTS = """
CREATE FUNCTION put() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  UPDATE base SET title = NEW.title WHERE id = NEW.id;
  RETURN NEW;
END $$"""


@pytest.fixture
def crm(postgresql_server) -> Sql:
    """A view of people that ends the connection when one title is read."""
    made = Sql("postgresql", postgresql_server.create())
    made.run(
        "CREATE TABLE base (id INTEGER PRIMARY KEY, number TEXT UNIQUE, title TEXT)",
        ENDS,
        "CREATE VIEW users AS SELECT id, number, shown(title) AS title FROM base",
        PUTS,
        "CREATE TRIGGER t INSTEAD OF UPDATE ON users FOR EACH ROW EXECUTE FUNCTION put()",
    )
    for each in PEOPLE_THERE:
        made.run("INSERT INTO base VALUES (:id, :number, 'old')", id=each, number=f"E{each}")
    return made


def test_a_row_that_ends_the_connection_when_it_is_read_back_is_given_up(tmp_path: Path, crm: Sql):
    target = SQL.format(url=crm.url.replace("+psycopg", ""))
    project = Poisoned(tmp_path / "project", target, "number")
    check_that_one_is_given_up(project, lambda: dict(crm.rows("SELECT number, title FROM base")))
    project.close()
