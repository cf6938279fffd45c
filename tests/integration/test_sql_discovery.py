"""What the SQL connector says a database has, and what the account may do there."""

import pytest

from hypersync.model.rights import Right, Verb
from tests.mariadb import MariaDb
from tests.sql import STRANGER, Sql


def test_tables_that_are_not_configured_are_found_with_their_unique_columns(database: Sql):
    database.run(
        "CREATE TABLE users (id INTEGER PRIMARY KEY, mail VARCHAR(20) UNIQUE, title VARCHAR(9))",
        "CREATE TABLE phones (owner INTEGER, number VARCHAR(9))",
        "CREATE TABLE teams (code VARCHAR(9), name VARCHAR(9))",
        "CREATE VIEW bosses AS SELECT id FROM users WHERE title = 'Boss'",
        "INSERT INTO users VALUES (1, 'a@x', 'Boss'), (2, 'b@x', 'Boss')",
    )
    lists = {"phone": {"table": "phones", "of": "owner", "value": "number"}}
    types = {"team": {"table": "teams", "anchor": "code", "lists": lists}}
    with database.connect(types).open() as session:
        team, bosses, users = session.discover()
    assert (team.name, team.objects) == ("team", 0)
    assert (bosses.name, bosses.options, bosses.sampled) == ("bosses", {"table": "bosses"}, 2)
    assert set(users.anchors[:2]) == {"id", "mail"}
    assert users.joins[0] == "mail"
    notes = {each.name: (each.filled, each.is_distinct, each.note) for each in users.attributes}
    assert notes == {
        "id": (2, True, "unique"),
        "mail": (2, True, "unique"),
        "title": (2, False, ""),
    }


def test_rights_are_told_where_the_database_tells(database: Sql):
    database.run(
        'CREATE TABLE "Users" (id INTEGER PRIMARY KEY)',
        "CREATE TABLE phones (owner INTEGER, number VARCHAR(9))",
    )
    lists = {"phone": {"table": "phones", "of": "owner", "value": "number"}}
    user = {"table": "Users", "anchor": "id", "lists": lists}
    url = ""
    if database.backend == "postgresql":
        database.run(
            f'GRANT SELECT, UPDATE ON "Users" TO {STRANGER}',
            f"GRANT SELECT, INSERT ON phones TO {STRANGER}",
            f"GRANT USAGE ON SCHEMA public TO {STRANGER}",
        )
        url = database.url.replace("postgres@", f"{STRANGER}:right@")
    elif database.backend == "mariadb":
        database.run(
            f'GRANT SELECT, UPDATE ON "Users" TO {STRANGER}',
            f"GRANT SELECT, INSERT ON phones TO {STRANGER}",
        )
        url = database.url.replace("root@", f"{STRANGER}:right@")
    with database.connect({"user": user}, url=url).open() as session:
        found = {each.verb: each for each in session.rights()}
    if database.backend == "sqlite":
        assert {each.granted for each in found.values()} == {None}
        return
    assert found[Verb.READ] == Right(type="user", verb=Verb.READ, granted=True)
    assert found[Verb.UPDATE].granted
    assert found[Verb.CREATE].lacking == ("INSERT on Users",)
    assert found[Verb.DELETE].lacking == ("DELETE on Users", "DELETE on phones")


USER = {"user": {"table": "users", "anchor": "id"}}
GRANTS = {
    "to the account": ["GRANT {rights} ON users TO {who}"],
    "to columns": ["GRANT SELECT, INSERT (id), UPDATE (title) ON users TO {who}"],
    "to all of a database": ["GRANT {rights} ON {database}.* TO {who}"],
    "to a pattern of databases": ["GRANT {rights} ON `test\\_%`.* TO {who}"],
    "by a role of a role": [
        "CREATE ROLE writers_of_users",
        "CREATE ROLE staff",
        "GRANT {rights} ON users TO writers_of_users",
        "GRANT writers_of_users TO staff",
        "GRANT staff TO {who}",
        "SET DEFAULT ROLE staff FOR {who}",
    ],
    "to everybody": ["GRANT {rights} ON users TO PUBLIC"],
}


@pytest.mark.parametrize("way", GRANTS)
def test_rights_in_mariadb_are_those_that_hold_however_they_were_given(
    mariadb_for_silos: MariaDb, way: str
):
    database = Sql("mariadb", mariadb_for_silos.create())
    name = database.url.rpartition("/")[2]
    who = "visitor@'%'"
    database.run(
        "CREATE TABLE users (id INTEGER PRIMARY KEY, title VARCHAR(9))",
        "CREATE TABLE other (id INTEGER PRIMARY KEY)",
        f"CREATE USER {who} IDENTIFIED BY 'right'",
        f"GRANT SELECT ON other TO {who}",
    )
    try:
        known = {"rights": "SELECT, INSERT, UPDATE", "who": who, "database": name}
        database.run(*(each.format(**known) for each in GRANTS[way]))
        url = database.url.replace("root@", "visitor:right@")
        with database.connect(USER, url=url).open() as session:
            found = {each.verb: (each.granted, each.lacking) for each in session.rights()}
        assert found == {
            Verb.READ: (True, ()),
            Verb.CREATE: (True, ()),
            Verb.UPDATE: (True, ()),
            Verb.DELETE: (False, ("DELETE on users",)),
        }
        assert database.rows("SELECT count(*) FROM users") == [(0,)]
    finally:
        for each in (f"USER {who}", "ROLE IF EXISTS staff", "ROLE IF EXISTS writers_of_users"):
            mariadb_for_silos.execute(f"DROP {each}")
        mariadb_for_silos.drop(database.url)


def test_of_a_view_in_mariadb_only_what_is_missing_is_told(mariadb_for_silos: MariaDb):
    database = Sql("mariadb", mariadb_for_silos.create())
    database.run(
        "CREATE TABLE people (id INTEGER PRIMARY KEY, title VARCHAR(9))",
        "CREATE VIEW users AS SELECT id, title FROM people",
        f"GRANT SELECT, UPDATE, SHOW VIEW ON users TO {STRANGER}@'%'",
    )
    url = database.url.replace("root@", f"{STRANGER}:right@")
    with database.connect(USER, url=url).open() as session:
        found = {each.verb: each.granted for each in session.rights()}
    mariadb_for_silos.drop(database.url)
    assert found == {
        Verb.READ: None,
        Verb.CREATE: False,
        Verb.UPDATE: None,
        Verb.DELETE: False,
    }
