"""No statement that runs for each change, each identity or each delta walks through a table."""

import re
from collections.abc import Iterator

import pytest
from sqlalchemy import event

from hypersync.model.ids import RunId
from hypersync.model.objects import SiloObject
from hypersync.pipeline.apply import write_back
from hypersync.pipeline.join import Joins
from tests.databases import open_store
from tests.integration.test_scan_of_scripted_silos import Scripted, anchors, run, seen
from tests.scanning import Desk, join_rule, people, put, remove, silo

LARGE = ("object", "identity", "object_change", "reference", "pending_identity", "scan_change")
SCAN = re.compile(r"SCAN (\w+)(?! USING (?:COVERING )?INDEX)")


@pytest.fixture
def desk(tmp_path) -> Iterator[Desk]:
    joins = [
        join_rule("hr", "person", "id"),
        join_rule("ad", "user", "number", index=1),
        join_rule("ad", "group", None, slot="ad_group", index=2),
    ]
    desk = Desk(open_store(tmp_path), joins)
    yield desk
    desk.store.engine.dispose()


def watched(desk: Desk) -> set[str]:
    """Return the set into which every statement goes from now on."""
    seen: set[str] = set()

    @event.listens_for(desk.store.engine, "before_cursor_execute")
    def note(connection, cursor, statement, parameters, context, executemany):
        seen.add(statement)

    @event.listens_for(desk.store.engine, "checkout")
    def trace(connection, record, proxy):
        connection.set_trace_callback(seen.add)

    return seen


def table_scans(desk: Desk, statements: set[str]) -> set[tuple[str, str]]:
    found = set()
    with desk.store.engine.connect() as connection:
        raw = connection.connection.driver_connection
        raw.set_trace_callback(None)
        for statement in sorted(statements):
            if not statement.startswith(("SELECT", "UPDATE", "DELETE", "INSERT", "\n")):
                continue
            if "?" in statement:
                continue
            for row in raw.execute(f"EXPLAIN QUERY PLAN {statement}"):
                match = SCAN.match(row[3])
                if match and match[1] in LARGE:
                    found.add((match[1], " ".join(statement.split())))
    return found


def test_a_delta_of_two_silos_walks_through_no_table(desk):
    hr, ad = silo("hr", "person"), silo("ad", "user", "group", members={"group": "member"})
    people(hr, range(50))
    for number in range(250):
        put(ad, f"u{number}", {"number": str(number)})
    put(ad, "staff", {"member": ("u1", "u2")}, "group")
    desk.applied(hr)
    desk.applied(ad)
    desk.settle()
    people(hr, range(3), title="Boss")
    people(hr, range(50, 52))
    remove(hr, "p9")
    put(ad, "u3", {"number": None})
    put(ad, "u4", {"number": "5"})
    put(ad, "staff", {"member": ("u1", "u3")}, "group")
    seen = watched(desk)
    desk.applied(hr)
    desk.applied(ad)
    assert any("scan_change" in each for each in seen)
    assert table_scans(desk, seen) == set()


def test_a_delta_with_all_anchors_reads_them_from_their_index(desk):
    ad = Scripted(full=[seen(number) for number in range(250)])
    run(desk, ad)
    desk.settle()
    ad.delta = [seen(3, title="Boss"), anchors(*range(1, 250))]
    statements = watched(desk)
    assert run(desk, ad).types["user"].deleted == 1
    assert table_scans(desk, statements) == set()


def test_what_a_sync_asks_of_some_identities_walks_through_no_table(desk):
    hr = silo("hr", "person")
    people(hr, range(50))
    desk.applied(hr)
    seen = watched(desk)
    with desk.store.begin() as unit:
        run = RunId("run")
        claimed = unit.identities.claim(run, desk.now)
        assert len(list(unit.objects.of_identities(claimed))) == 50
        unit.identities.waiting(claimed)
        unit.identities.vips(claimed)
        unit.identities.finish(run, {claimed[0]: desk.now})
        stored = unit.objects.get("hr", "person", "p1")
        unit.objects.in_slot(stored.identity, "hr")
        unit.objects.in_slot_by_key("hr", "1")
        unit.objects.of_identity(stored.identity)
        unit.objects.references(stored.id)
        unit.objects.refers(stored.id, "x")
        unit.objects.history(stored.id, limit=5)
        unit.identities.pending(desk.now)
    assert table_scans(desk, seen) == set()


def test_writing_an_action_back_walks_through_no_table(desk):
    ad = silo("ad", "user")
    put(ad, "u1", {"number": "1"})
    desk.applied(ad)
    seen = watched(desk)
    found = SiloObject("user", "u1", {"number": "2"})
    with desk.store.begin() as unit:
        write_back(
            unit,
            Joins(desk.joins),
            ad.types[0],
            found,
            anchor="u1",
            source="action:1",
            now=desk.now,
        )
    assert table_scans(desk, seen) == set()


def test_the_map_of_a_full_scan_reads_the_table_and_not_an_index(desk):
    hr = silo("hr", "person")
    people(hr, range(50))
    desk.applied(hr)
    with desk.store.engine.connect() as connection:
        raw = connection.connection.driver_connection
        query = "SELECT anchor, hash FROM object WHERE +silo_type = 1"
        (plan,) = raw.execute(f"EXPLAIN QUERY PLAN {query}").fetchall()
    assert plan[3] == "SCAN object"


def test_identity_order_comes_from_the_index(desk):
    with desk.store.engine.connect() as connection:
        raw = connection.connection.driver_connection
        query = "SELECT identity, attributes FROM object ORDER BY identity"
        plan = [row[3] for row in raw.execute(f"EXPLAIN QUERY PLAN {query}")]
    assert plan == ["SCAN object USING INDEX ix_object_identity"]


def test_what_is_away_comes_from_an_index_of_its_own(desk):
    with desk.store.engine.connect() as connection:
        raw = connection.connection.driver_connection
        query = (
            "SELECT anchor, absence, misses FROM object "
            "WHERE silo_type = 1 AND (absence IS NOT NULL OR misses > 0)"
        )
        plan = [row[3] for row in raw.execute(f"EXPLAIN QUERY PLAN {query}")]
    assert plan == ["SEARCH object USING INDEX ix_object_odd (silo_type=?)"]
