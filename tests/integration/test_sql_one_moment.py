"""One transaction of the SQL connector for each scan: what it reads in parts is of one moment."""

from hypersync.model.objects import Anchors, Seen
from tests.sql import Sql, cursor_of, scan

OLD = 2_500
TYPES = {"user": {"table": "users", "anchor": "id", "delta": "version", "overlap": "5000"}}


def test_a_delta_and_the_anchors_after_it_are_of_one_moment_while_others_write(database: Sql):
    database.run("CREATE TABLE users (id INTEGER PRIMARY KEY, version INTEGER)")
    if database.backend == "sqlite":
        database.run("PRAGMA journal_mode = WAL")
    rows = ", ".join(f"({number}, {number})" for number in range(OLD))
    database.run(f"INSERT INTO users VALUES {rows}")  # noqa: S608 - numbers
    connector = database.connect(TYPES)
    cursor = cursor_of(scan(connector))
    with connector.open() as session:
        batches = session.scan(connector.streams()[0], cursor)
        first = next(batches)
        database.run(
            "DELETE FROM users WHERE id > 2000", "INSERT INTO users VALUES (-1, 9000), (-2, 9001)"
        )
        events = [*first, *(event for batch in batches for event in batch)]
    everybody = {str(number) for number in range(OLD)}
    assert len(first) < OLD
    assert {each.anchor for each in events if isinstance(each, Seen)} == everybody
    assert [each.anchors for each in events if isinstance(each, Anchors)] == [everybody]


def test_what_others_wrote_during_a_delta_comes_with_the_next_one(database: Sql):
    database.run(
        "CREATE TABLE users (id INTEGER PRIMARY KEY, version INTEGER)",
        "INSERT INTO users VALUES (1, 1), (2, 2)",
    )
    if database.backend == "sqlite":
        database.run("PRAGMA journal_mode = WAL")
    connector = database.connect(TYPES)
    cursor = cursor_of(scan(connector))
    with connector.open() as session:
        batches = session.scan(connector.streams()[0], cursor)
        events = [*next(batches)]
        database.run("DELETE FROM users WHERE id = 1", "INSERT INTO users VALUES (3, 3)")
        events += [event for batch in batches for event in batch]
    following = scan(connector, cursor=cursor_of(events))
    (anchors,) = [each.anchors for each in following if isinstance(each, Anchors)]
    assert anchors == {"2", "3"}
    assert "3" in {each.anchor for each in following if isinstance(each, Seen)}
