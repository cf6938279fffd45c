"""What the SQL connector says a database has, and what the account may do there."""

from hypersync.model.rights import Right, Verb
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
    with database.connect({"user": user}, url=url).open() as session:
        found = {each.verb: each for each in session.rights()}
    if database.backend != "postgresql":
        assert {each.granted for each in found.values()} == {None}
        return
    assert found[Verb.READ] == Right(type="user", verb=Verb.READ, granted=True)
    assert found[Verb.UPDATE].granted
    assert found[Verb.CREATE].lacking == ("INSERT on Users",)
    assert found[Verb.DELETE].lacking == ("DELETE on Users", "DELETE on phones")
