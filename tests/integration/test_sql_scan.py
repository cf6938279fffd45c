"""What the SQL connector reads, on each database: values, names, moments, deltas, complaints."""

import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import create_engine, text

from hypersync.connectors.sql_database.options import SqlOptions
from hypersync.errors import CursorLost, ScanFailed, SiloRefused, SiloUnreachable
from hypersync.model.mistake import Level
from hypersync.model.objects import (
    Anchors,
    Change,
    Complete,
    Invalid,
    ObjectType,
    Operation,
    ScanEvent,
    Seen,
    Succeeded,
)
from tests.sql import STRANGER, Sql, cursor_of, scan

USERS = {"user": {"table": "users", "anchor": "id"}}


def seen(events: list[ScanEvent]) -> dict[str, Any]:
    return {each.anchor: dict(each.attributes) for each in events if isinstance(each, Seen)}


def invalid(events: list[ScanEvent]) -> list[tuple[str | None, str]]:
    return [(each.anchor, each.why) for each in events if isinstance(each, Invalid)]


def only(database: Sql, *backends: str) -> bool:
    """Whether a test is about this database; the others have nothing of the kind."""
    return database.backend in backends


# --- values --------------------------------------------------------------------------------------

DECLARED = {
    "sqlite": "num DECIMAL(12,2), real_ REAL, yes BOOLEAN, raw BLOB, day DATE, "
    "at DATETIME, doc JSON",
    "postgresql": "num NUMERIC(12,2), real_ FLOAT8, yes BOOLEAN, raw BYTEA, day DATE, "
    "at TIMESTAMP, doc JSONB",
    "mariadb": "num DECIMAL(12,2), real_ DOUBLE, yes BOOLEAN, raw BLOB, day DATE, "
    "at DATETIME(6), doc JSON",
}
HEX = {"sqlite": "x'00ff'", "postgresql": r"'\x00ff'", "mariadb": "x'00ff'"}


def test_values_of_every_type_are_told_alike(database: Sql):
    raw, declared = HEX[database.backend], DECLARED[database.backend]
    database.run(
        f"CREATE TABLE users (id INTEGER PRIMARY KEY, name VARCHAR(20), {declared})",
        "INSERT INTO users VALUES "  # noqa: S608 - our own words
        f"(1, 'Zoë 🛠', 10.50, 0.1, true, {raw}, '2026-02-03', '2026-02-03 04:05:06', :list), "
        "(2, '', 7.00, NULL, false, NULL, NULL, '2026-02-03 04:05:06.25', :object), "
        "(3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, :text)",
        list='["b", "a", null]',
        object='{"b": 1, "a": [2]}',
        text='"plain"',
    )
    found = seen(scan(database.connect(USERS)))
    assert found["1"] == {
        "id": 1,
        "name": "Zoë 🛠",
        "num": 10.5,
        "real_": 0.1,
        "yes": True,
        "raw": b"\x00\xff",
        "day": "2026-02-03",
        "at": "2026-02-03T04:05:06Z",
        "doc": ("a", "b"),
    }
    assert found["2"] == {
        "id": 2,
        "num": 7,
        "yes": False,
        "at": "2026-02-03T04:05:06.250000Z",
        "doc": '{"a":[2],"b":1}',
    }
    assert found["3"] == {"id": 3, "doc": "plain"}


def test_what_only_postgresql_has_is_told_too(database: Sql):
    if not only(database, "postgresql"):
        return
    database.run(
        "CREATE TYPE mood AS ENUM ('calm', 'busy')",
        "CREATE TABLE users (id UUID PRIMARY KEY, mood mood, code CHAR(5), roles TEXT[], "
        "at TIMESTAMPTZ, big NUMERIC(40), exact NUMERIC(30,20), host INET, ends TIMESTAMPTZ, "
        "old DATE)",
        "INSERT INTO users VALUES ('C56A4180-65AA-42EC-A945-5FD21DEC0538', 'busy', 'ab', "
        "ARRAY['b', NULL, 'a', 'b'], '2026-02-03 04:05:06+02', 123456789012345678901234567890, "
        "0.12345678901234567891, '10.0.0.1', 'infinity', '0044-03-15 BC')",
    )
    (found,) = seen(scan(database.connect(USERS))).items()
    assert found == (
        "c56a4180-65aa-42ec-a945-5fd21dec0538",
        {
            "id": "c56a4180-65aa-42ec-a945-5fd21dec0538",
            "mood": "busy",
            "code": "ab",
            "roles": ("a", "b"),
            "at": "2026-02-03T02:05:06Z",
            "big": "123456789012345678901234567890",
            "exact": "0.12345678901234567891",
            "host": "10.0.0.1",
            "ends": "infinity",
            "old": "0044-03-15 BC",
        },
    )
    with database.connect(USERS).open() as session:
        read = session.read(database.connect(USERS).streams()[0][0], found[0])
    assert read is not None
    assert read.attributes == found[1]


@pytest.mark.parametrize(
    ("backend", "column", "value", "why"),
    [
        ("sqlite", "BOOLEAN", "7", "'bad': 7 is neither true nor false"),
        ("mariadb", "BOOLEAN", "7", "'bad': 7 is neither true nor false"),
        ("sqlite", "JSON", "'{'", "'bad': this is not JSON"),
        ("postgresql", "FLOAT8", "'NaN'", "'bad': this is no number"),
        ("sqlite", "REAL", "9e999", "'bad': this is no number"),
    ],
)
@pytest.mark.parametrize("database", ["sqlite", "postgresql", "mariadb"], indirect=True)
def test_a_value_that_cannot_be_told_makes_the_object_invalid(
    database: Sql, backend: str, column: str, value: str, why: str
):
    if not only(database, backend):
        return
    database.run(
        f"CREATE TABLE users (id INTEGER PRIMARY KEY, bad {column})",
        f"INSERT INTO users VALUES (1, {value}), (2, NULL)",  # noqa: S608 - our own words
    )
    events = scan(database.connect(USERS))
    assert invalid(events) == [("1", why)]
    assert list(seen(events)) == ["2"]
    connector = database.connect(USERS)
    with connector.open() as session, pytest.raises(SiloRefused, match="user 1 cannot be read"):
        session.read(connector.streams()[0][0], "1")


def test_the_state_is_told_as_the_configuration_writes_it(database: Sql):
    database.run(
        "CREATE TABLE users (id INTEGER PRIMARY KEY, active BOOLEAN, level INTEGER)",
        "INSERT INTO users VALUES (1, true, 1), (2, false, 0), (3, NULL, 5)",
    )
    for enabled in (
        {"attribute": "active", "when_on": "true", "when_off": "false"},
        {"attribute": "level", "when_on": "1", "when_off": "0"},
    ):
        connector = database.connect({"user": {**USERS["user"], "enabled": enabled}})
        ((kind,),) = connector.streams()
        assert kind.enabled is not None
        found = seen(scan(connector))
        states = [kind.enabled.state(attributes) for attributes in found.values()]
        assert states == [True, False, None]


# --- rows ----------------------------------------------------------------------------------------


def test_rows_without_an_anchor_or_with_one_that_another_has_are_invalid(database: Sql):
    database.run(
        "CREATE TABLE users (id VARCHAR(9), name VARCHAR(9))",
        "INSERT INTO users VALUES ('1', 'ann'), ('2', 'bob'), ('1', 'eve'), (NULL, 'zoë')",
    )
    events = scan(database.connect(USERS))
    assert sorted(invalid(events), key=str) == [
        ("1", "another row has the 'id' too"),
        (None, "it has no 'id'"),
    ]
    connector = database.connect(USERS)
    with connector.open() as session:
        with pytest.raises(SiloRefused, match="2 rows of the table 'users' have id 1"):
            session.read(connector.streams()[0][0], "1")
        (mistake,) = session.check()
    assert mistake.message == (
        "the column 'id' of 'users' may hold the same value twice; give it a unique index"
    )


def test_a_query_and_a_condition_say_which_rows_are_meant(database: Sql):
    database.run(
        "CREATE TABLE users (id INTEGER PRIMARY KEY, name VARCHAR(20), since VARCHAR(20))",
        "INSERT INTO users VALUES (1, 'a:b', '12:30:45'), (2, '100%', '12:30:45'), (3, 'c', 'x')",
    )
    query = "SELECT id, name AS \"Full Name\", since FROM users WHERE name NOT LIKE 'z%:y' ;"
    if database.backend == "mariadb":
        query = query.replace('"', "`")
    user = {"query": query, "anchor": "id", "where": "since = '12:30:45' -- until noon"}
    connector = database.connect({"user": user})
    assert seen(scan(connector)) == {
        "1": {"id": 1, "Full Name": "a:b", "since": "12:30:45"},
        "2": {"id": 2, "Full Name": "100%", "since": "12:30:45"},
    }
    with connector.open() as session:
        found = session.read(connector.streams()[0][0], "3")
        assert found is not None, "reading one object asks for no condition"
        assert session.read(connector.streams()[0][0], "3 OR 1=1") is None
        assert all(each.read_only for each in session.schema().types["user"].values())
        assert session.check() == []


def test_names_of_any_letters_stay_names(database: Sql):
    inner = "'" if database.backend == "mariadb" else '""'
    table = f"od{inner}d; DROP TABLE x.y"
    names = [f"a b%c:d{inner}e", "Ünï", "(sel)"]
    columns = ", ".join(f'"{name}" VARCHAR(50)' for name in names).replace(":", "\\:")
    database.run(f'CREATE TABLE "{table}" (id VARCHAR(50) PRIMARY KEY, {columns})')
    attributes = {name.replace('""', '"'): f"v'{n}" for n, name in enumerate(names)}
    user = {"table": table.replace('""', '"'), "anchor": "id"}
    connector = database.connect({"user": user})
    ((kind,),) = connector.streams()
    anchor = "x'; DROP TABLE users; --"
    with connector.open() as session:
        (made,) = session.apply([creation(kind, {"id": anchor, **attributes})])
        assert isinstance(made, Succeeded)
        assert session.read(kind, anchor) == made.object
        assert session.read(kind, "' OR ''='") is None
    assert seen(scan(connector)) == {anchor: {"id": anchor, **attributes}}


def creation(kind: ObjectType, after: dict[str, Any]) -> Change:
    return Change(
        key="k", operation=Operation.CREATE, type=kind, anchor=None, before=None, after=after
    )


def test_anchors_that_a_collation_takes_for_the_same_are_not(database: Sql):
    database.run(
        "CREATE TABLE users (id VARCHAR(9) PRIMARY KEY)", "INSERT INTO users VALUES ('Ann')"
    )
    connector = database.connect(USERS)
    with connector.open() as session:
        kind = connector.streams()[0][0]
        assert session.read(kind, "Ann") is not None
        assert session.read(kind, "ann") is None
        assert session.read(kind, "Ann ") is None


def test_numbers_as_anchors_have_one_form(database: Sql):
    database.run("CREATE TABLE users (id INTEGER PRIMARY KEY)", "INSERT INTO users VALUES (7)")
    connector = database.connect(USERS)
    with connector.open() as session:
        kind = connector.streams()[0][0]
        assert session.read(kind, "7") is not None
        for other in ("07", "7.0", "+7", "x", "", "9" * 30):
            assert session.read(kind, other) is None, other


def test_a_scan_reads_one_moment_while_others_write(database: Sql):
    database.run("CREATE TABLE users (id INTEGER PRIMARY KEY)")
    if database.backend == "sqlite":
        database.run("PRAGMA journal_mode = WAL")
    for start in range(0, 3000, 500):
        rows = ", ".join(f"({n})" for n in range(start, start + 500))
        database.run(f"INSERT INTO users VALUES {rows}")  # noqa: S608 - numbers
    connector = database.connect(USERS)
    with connector.open() as session:
        batches = session.scan(connector.streams()[0], None)
        first = next(batches)
        database.run("DELETE FROM users WHERE id > 1500", "INSERT INTO users VALUES (-1)")
        events = [*first, *(event for batch in batches for event in batch)]
    assert len(first) == 1000
    assert sorted(map(int, seen(events))) == list(range(3000))
    assert len(seen(scan(connector))) == 1502


def test_a_source_that_changes_within_one_moment_fails_the_scan(database: Sql):
    if not only(database, "postgresql"):
        return
    known = "coalesce(nullif(current_setting('test.turn', true), ''), '0')"
    database.run(
        "CREATE TABLE users (id INTEGER PRIMARY KEY)",
        "INSERT INTO users VALUES (1), (2), (3), (4)",
        "CREATE FUNCTION turn() RETURNS text VOLATILE LANGUAGE sql AS $$ SELECT "
        f"set_config('test.turn', CAST(CAST({known} AS integer) + 1 AS text), false) $$",
    )
    query = "SELECT id FROM users WHERE turn()::integer <= 5"
    connector = database.connect({"user": {"query": query, "anchor": "id"}})
    with pytest.raises(ScanFailed, match="1 rows were read where the database counted 4"):
        scan(connector)


def test_a_table_without_transactions_is_not_believed(database: Sql):
    if not only(database, "mariadb"):
        return
    database.run("CREATE TABLE users (id INTEGER PRIMARY KEY) ENGINE=MyISAM")
    connector = database.connect(USERS)
    with pytest.raises(ScanFailed, match="its engine is MyISAM"):
        scan(connector)
    with connector.open() as session:
        (mistake,) = session.check()
    assert "no transactions" in mistake.message


def test_second_tables_hold_several_values(database: Sql):
    database.run(
        "CREATE TABLE users (id INTEGER PRIMARY KEY)",
        "CREATE TABLE phones (owner INTEGER, number VARCHAR(20))",
        "CREATE TABLE friends (owner INTEGER, friend INTEGER)",
        "INSERT INTO users VALUES (1), (2)",
        "INSERT INTO phones VALUES (1, '+33'), (1, '+31'), (1, '+33'), (1, '')",
        "INSERT INTO phones VALUES (9, '+99'), (NULL, 'x')",
        "INSERT INTO friends VALUES (1, 2), (1, 10), (2, 1)",
    )
    user = {
        **USERS["user"],
        "members": "friend",
        "lists": {
            "phone": {"table": "phones", "of": "owner", "value": "number"},
            "friend": {"table": "friends", "of": "owner", "value": "friend"},
        },
    }
    connector = database.connect({"user": user})
    found = seen(scan(connector))
    assert found == {
        "1": {"id": 1, "phone": ("+31", "+33"), "friend": ("10", "2")},
        "2": {"id": 2, "friend": ("1",)},
    }
    with connector.open() as session:
        read = session.read(connector.streams()[0][0], "1")
        schema = session.schema().types["user"]
    assert read is not None
    assert read.attributes == found["1"]
    assert schema is not None
    assert schema["phone"].multi_valued


def test_text_that_is_none_fails_the_scan_and_is_not_shown(database: Sql):
    if not only(database, "sqlite"):
        return
    database.run(
        "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)",
        "INSERT INTO users VALUES (1, CAST(x'736563726574ff' AS TEXT))",
    )
    with pytest.raises(ScanFailed, match=r"Could not decode to UTF-8 column 'name'$"):
        scan(database.connect(USERS))


# --- deltas --------------------------------------------------------------------------------------

STAMP = {"sqlite": "TEXT", "postgresql": "TIMESTAMPTZ", "mariadb": "TIMESTAMP(6) NULL"}
CHANGING = {"user": {**USERS["user"], "delta": "changed", "overlap": "10s"}}


def changing(database: Sql, *rows: str, declared: str = "") -> None:
    declared = declared or STAMP[database.backend]
    database.run(f"CREATE TABLE users (id INTEGER PRIMARY KEY, changed {declared})")
    for row in rows:
        database.run(f"INSERT INTO users VALUES {row}")  # noqa: S608 - our own words


def anchors(events: list[ScanEvent]) -> list[str]:
    (found,) = [each.anchors for each in events if isinstance(each, Anchors)]
    return sorted(found)


def test_a_delta_reads_what_changed_since_and_a_little_before(database: Sql):
    changing(
        database,
        "(1, '2026-01-01 10:00:00')",
        "(2, '2026-01-01 11:59:55')",
        "(3, '2026-01-01 12:00:00')",
        "(4, NULL)",
    )
    connector = database.connect(CHANGING)
    cursor = cursor_of(scan(connector))
    database.run(
        "INSERT INTO users VALUES (5, '2026-01-01 12:00:00')",  # as late as the last, and later
        "DELETE FROM users WHERE id = 1",
    )
    events = scan(connector, cursor=cursor)
    assert sorted(seen(events)) == ["2", "3", "4", "5"]
    assert anchors(events) == ["2", "3", "4", "5"]
    assert cursor_of(events) == cursor


def test_numbers_can_tell_changes_too(database: Sql):
    changing(database, "(1, 5)", "(2, 50)", "(3, 60)", declared="BIGINT")
    connector = database.connect({"user": {**CHANGING["user"], "overlap": "9"}})
    cursor = cursor_of(scan(connector))
    database.run("INSERT INTO users VALUES (4, 61), (5, 52)")
    assert sorted(seen(scan(connector, cursor=cursor))) == ["3", "4", "5"]


def test_a_row_from_the_future_hides_nothing(database: Sql):
    changing(database, "(1, '2026-01-01 10:00:00')", "(2, '2037-12-31 10:00:00')")
    connector = database.connect(CHANGING)
    cursor = cursor_of(scan(connector))
    database.run("INSERT INTO users VALUES (3, CURRENT_TIMESTAMP)")
    assert sorted(seen(scan(connector, cursor=cursor))) == ["2", "3"]


NAIVE = {"sqlite": "TEXT", "postgresql": "TIMESTAMP", "mariadb": "DATETIME"}


@pytest.mark.parametrize("offset", [timedelta(hours=14), timedelta(hours=-12)])
def test_a_delta_column_in_the_local_time_of_any_zone_hides_nothing(
    database: Sql, offset: timedelta
):
    changing(database, declared=NAIVE[database.backend])
    connector = database.connect(CHANGING)
    local = datetime.now(UTC) + offset  # noqa: TID251 - the databases' clock is the real one

    def put(number: int, after: timedelta) -> None:
        stamp = f"{local + after:%Y-%m-%d %H:%M:%S}"
        database.run(f"INSERT INTO users VALUES ({number}, '{stamp}')")  # noqa: S608 - ours

    put(1, timedelta(hours=-30))
    put(2, timedelta(0))
    cursor = cursor_of(scan(connector))
    for number in (3, 4):
        put(number, timedelta(seconds=number))
        events = scan(connector, cursor=cursor)
        found = sorted(seen(events))
        assert str(number) in found
        assert "1" not in found
        cursor = cursor_of(events)


def test_the_hour_that_comes_twice_is_read_again_with_an_overlap_of_more_than_it(database: Sql):
    changing(
        database,
        "(1, '2026-10-25 02:59:00')",  # in Paris, before the clocks are set back
        declared=NAIVE[database.backend],
    )
    kinds = {
        overlap: {"user": {**CHANGING["user"], "overlap": overlap}} for overlap in ("5m", "70m")
    }
    cursors = {each: cursor_of(scan(database.connect(kinds[each]))) for each in kinds}
    database.run("INSERT INTO users VALUES (2, '2026-10-25 02:01:00')")  # two minutes later
    found = {
        each: sorted(seen(scan(database.connect(kinds[each]), cursor=cursors[each])))
        for each in kinds
    }
    assert found == {"5m": ["1"], "70m": ["1", "2"]}
    assert sorted(seen(scan(database.connect(kinds["5m"])))) == ["1", "2"]  # a full scan


@pytest.mark.parametrize(("overlap", "is_found"), [("10m", True), ("1m", False)])
def test_a_transaction_that_ends_long_after_its_stamp_is_found_within_the_overlap(
    database: Sql, overlap: str, is_found: bool
):
    if database.backend == "sqlite":
        return  # there is one writer at a time
    changing(database, "(1, '2026-01-01 12:00:00')")
    kinds = {"user": {**CHANGING["user"], "overlap": overlap}}
    connector = database.connect(kinds)
    engine = create_engine(database.url.replace("mariadb:", "mariadb+pymysql:"))
    with engine.connect() as slow:
        slow.execute(text("UPDATE users SET changed = '2026-01-01 12:01:00' WHERE id = 1"))
        database.run("INSERT INTO users VALUES (2, '2026-01-01 12:05:00')")
        events = scan(connector)  # sees what was committed
        assert "12:00:00" in str(seen(events)["1"]["changed"])
        slow.commit()
    engine.dispose()
    late = scan(connector, cursor=cursor_of(events))
    assert ("1" in seen(late)) is is_found
    assert "12:01:00" in str(seen(scan(connector))["1"]["changed"])  # a full scan finds it anyway


def test_an_old_copy_or_another_source_needs_a_full_scan(database: Sql):
    changing(database, "(1, '2026-01-01 10:00:00')", "(2, '2026-01-01 12:00:00')")
    connector = database.connect(CHANGING)
    cursor = cursor_of(scan(connector))
    others = (
        {**CHANGING["user"], "where": "id > 1"},
        {**CHANGING["user"], "attributes": ["changed"]},
        USERS["user"],
    )
    for other in others:
        with pytest.raises(CursorLost):
            scan(database.connect({"user": other}), cursor=cursor)
    for nonsense in ("", "{}", "[]", '{"since": 1, "scope": "x"}'):
        with pytest.raises(CursorLost):
            scan(connector, cursor=nonsense)
    database.run("DELETE FROM users WHERE id = 2")
    with pytest.raises(CursorLost, match="went back"):
        scan(connector, cursor=cursor)
    database.run("DELETE FROM users")
    with pytest.raises(CursorLost):
        scan(connector, cursor=cursor)


def test_times_in_several_forms_are_compared_as_times_by_sqlite(database: Sql):
    if not only(database, "sqlite"):
        return
    changing(
        database,
        "(1, '2026-01-01T12:00:00Z')",
        "(2, '2026-01-01 11:59:59.5')",
        "(3, '2026-01-01T14:30:00+02:00')",
        "(4, 'yesterday')",
        "(5, '2026-01-01 11:00:00')",
    )
    connector = database.connect({"user": {**CHANGING["user"], "overlap": "31m"}})
    cursor = cursor_of(scan(connector))
    assert sorted(seen(scan(connector, cursor=cursor))) == ["1", "2", "3", "4"]


@pytest.mark.parametrize(
    ("declared", "value", "overlap", "why"),
    [
        ("VARCHAR(9)", "'a'", "1m", "takes a column of whole numbers or times"),
        ("BIGINT", "1", "1m", "'1m' is a time and the 'delta' column holds numbers"),
    ],
)
def test_a_column_that_cannot_tell_changes_fails_the_scan(
    database: Sql, declared: str, value: str, overlap: str, why: str
):
    if database.backend == "sqlite" and "a" in value:
        return  # SQLite has times as text, and finds none in this one
    changing(database, f"(1, {value})", declared=declared)
    connector = database.connect({"user": {**CHANGING["user"], "overlap": overlap}})
    with pytest.raises(ScanFailed, match=why):
        scan(connector)


# --- complaints ----------------------------------------------------------------------------------


def mistakes(database: Sql, **user: object) -> list[str]:
    with database.connect({"user": {**USERS["user"], **user}}).open() as session:
        return [each.message for each in session.check()]


def test_a_way_without_certificates_is_warned_of(database: Sql):
    database.run("CREATE TABLE users (id INTEGER PRIMARY KEY)")
    if database.backend == "sqlite":
        assert mistakes(database) == []
        return
    # an address of this machine that is not known as one
    url = database.url.replace("@127.0.0.1:", "@0.0.0.0:")
    assert url != database.url
    with database.connect(USERS, url=url).open() as session:
        (warning,) = session.check()
    assert warning.level is Level.WARNING
    assert "is the server that is meant is not checked" in warning.message
    missing = {"postgresql": "sslmode=verify-full&", "mariadb": "ssl_ca="}[database.backend]
    assert warning.remedy.startswith(f"write {missing}")
    with database.connect(USERS).open() as session:
        assert session.check() == []


def test_tables_and_columns_that_are_not_there_are_named(database: Sql):
    database.run("CREATE TABLE users (id INTEGER PRIMARY KEY, title VARCHAR(9))")
    assert mistakes(database, table="usres") == [
        "there is no table 'usres' that this account may see; did you mean 'users'?"
    ]
    assert mistakes(database, attributes=["tilte"]) == [
        "the table 'users' has no column 'tilte'; did you mean 'title'?"
    ]
    assert mistakes(database, delta="changed") == ["the table 'users' has no column 'changed'"]
    lists = {"phone": {"table": "users", "of": "id", "value": "number"}}
    assert mistakes(database, lists=lists) == ["the table 'users' has no column 'number'"]
    (wrong,) = mistakes(database, where="nonsense = 1")
    assert "nonsense" in wrong
    (wrong,) = mistakes(database, table=None, query="SELEKT 1")
    assert "syntax" in wrong
    with pytest.raises(ScanFailed, match="no column 'tilte'"):
        scan(database.connect({"user": {**USERS["user"], "attributes": ["tilte"]}}))
    assert mistakes(database) == []


def test_a_database_that_cannot_be_reached_is_named_without_its_password(database: Sql):
    scheme, _, rest = database.url.partition("://")
    if database.backend == "sqlite":
        urls = {"sqlite:////nowhere/at/all.db": SiloUnreachable}
    else:
        where = rest.partition("@")[2]
        name = where.rpartition("/")[2]
        urls = {
            f"{scheme}://{STRANGER}:s3cret@{where}": SiloRefused,
            f"{scheme}://root:s3cret@127.0.0.1:1/{name}": SiloUnreachable,
            f"{scheme}://root:s3cret@nowhere.invalid/{name}": SiloUnreachable,
            database.url.removesuffix(name) + "nothing": SiloRefused,
        }
    for url, kind in urls.items():
        connector = database.connect(USERS, url=url, timeout=timedelta(seconds=5))
        with pytest.raises(kind) as caught, connector.open():
            pass
        assert "s3cret" not in caught.value.message
        assert caught.value.message.count("\n") == 0
    assert "s3cret" not in repr(
        SqlOptions.model_validate({"url": "mariadb://a:s3cret@b/c", "types": USERS})
    )


def test_a_statement_that_takes_too_long_is_stopped(database: Sql):
    if not only(database, "postgresql"):
        return
    query = "SELECT 1 AS id FROM pg_sleep(60)"
    user = {"user": {"query": query, "anchor": "id"}}
    connector = database.connect(user, timeout=timedelta(seconds=1))
    with pytest.raises(ScanFailed, match="longer than the 'timeout' of the silo"):
        scan(connector)


def test_a_driver_that_is_missing_is_named(database: Sql, monkeypatch: pytest.MonkeyPatch):
    if not only(database, "mariadb"):
        return
    monkeypatch.setitem(sys.modules, "pymysql", None)
    with (
        pytest.raises(SiloRefused, match=r"install hypersync\[mariadb\]"),
        database.connect(USERS).open(),
    ):
        pass


@pytest.mark.parametrize(
    "options",
    [
        {"url": "oracle://x/y"},
        {"url": "nonsense"},
        {"url": "sqlite://"},
        {"url": "sqlite:///:memory:"},
        {"url": "postgresql://host"},
        {"url": "sqlite:///x", "types": {"user": {"anchor": "id"}}},
        {"url": "sqlite:///x", "types": {"user": {"table": "t"}}},
        {"url": "sqlite:///x", "types": {"user": {"table": "t", "anchor": "id", "overlap": "x"}}},
        {
            "url": "sqlite:///x",
            "types": {
                "user": {
                    "table": "t",
                    "anchor": "id",
                    "delta": "d",
                    "lists": {"p": {"table": "p", "of": "o", "value": "v"}},
                }
            },
        },
    ],
)
def test_wrong_options_are_refused(options: dict[str, object]):
    with pytest.raises(ValidationError) as caught:
        SqlOptions.model_validate({"types": USERS, **options})
    assert all(
        "Value error" in each["msg"] or each["type"] == "missing" for each in caught.value.errors()
    )


def test_a_scan_without_rows_is_complete(database: Sql):
    changing(database)
    assert scan(database.connect(CHANGING)) == [Complete(None)]
