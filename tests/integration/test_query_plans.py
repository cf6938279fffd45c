"""What a delta costs: no walk through a table, and as many statements however much there is."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import event

from tests.worlds import EXECUTIVES, World

LARGE = frozenset(
    {
        "object",
        "identity",
        "object_change",
        "reference",
        "action",
        "execution_mark",
        "hold",
        "undo_hold",
        "verdict_row",
        "run_error",
        "decision",
        "delivery",
    }
)
WALK = re.compile(r"SCAN (\w+)")

RULES = """\
ruleset: everything
defaults: {throttle: 1h, threshold: {limit: 100}}
rules:
  - {id: provision, kind: provision, target: account, when: "hr.status == 'active'",
     set: {uid: hr.id, number: hr.id, title: hr.title, active: {text: "true"}}}
  - {id: flow-title, kind: update, target: account, set: {title: hr.title}}
  - {id: enable, kind: update, target: account, do: enable,
     when: "hr.status == 'active' and not account.enabled and disabled_by_us(account)"}
  - {id: sales, kind: membership, group: {slot: team, where: "cn == 'sales'"}, member: account,
     when: "hr.title == 'sales'", mode: authoritative}
  - {id: disable-leaver, kind: deprovision, target: account, do: disable, threshold: {limit: 5},
     when: "hr.status == 'left' and account.enabled"}
  - {id: delete, kind: deprovision, target: account, do: delete,
     when: "hr.status == 'gone' and Count(True, 'delete', '1h') <= 10"}
  - {id: welcome, kind: event, when: "account.exists and hr.title == 'new'",
     do: {webhook: "https://hooks.example.org/welcome"}}
"""


def company(folder, size: int) -> World:
    """A world that has settled, with an open question and marks of everything."""
    world = World(folder, RULES, more=EXECUTIVES)
    for number in range(size):
        world.person(number, level="E", title="clerk")
        world.account(number, title="clerk")
    world.group("sales", *(f"u{number}" for number in range(900, 950)))
    for number in range(900, 950):
        world.change(number, title="sales")
        world.account(number, title="sales")
    world.leave(*range(800, 820))
    world.run("full")
    world.run("delta")
    assert len(world.suspended()) == 20
    return world


def hundred_changes(world: World) -> None:
    """Some of everything that may happen."""
    for number in range(100, 140):
        world.change(number, title="boss")
    for number in range(140, 160):
        world.change(number, title="new")
    for number in range(160, 170):
        world.change(number, status="left")
    for number in range(170, 180):
        world.change(number, status="gone")
    for number in range(180, 190):
        world.change(number, title="sales")
    for number in range(10):
        world.person(f"fresh{number}", level="E", title="clerk")


@contextmanager
def traced(world: World) -> Iterator[list[str]]:
    """Collect every statement that the database runs, with its values, until the block ends."""
    statements: list[str] = []
    engine = world.app.store.engine

    def listen(connection, record, proxy):
        connection.set_trace_callback(statements.append)

    def leave(connection, record):
        connection.set_trace_callback(None)

    event.listen(engine, "checkout", listen)
    event.listen(engine, "checkin", leave)
    try:
        yield statements
    finally:
        event.remove(engine, "checkout", listen)
        event.remove(engine, "checkin", leave)


def walks(world: World, statements: list[str]) -> set[tuple[str, str]]:
    """Return the large tables that are walked through, and by which statement."""
    found = set()
    shapes = {re.sub(r"'[^']*'|\b\d+\b", "?", each): each for each in statements}
    with world.app.store.engine.connect() as connection:
        for statement in shapes.values():
            if not statement.lstrip().startswith(("SELECT", "UPDATE", "DELETE", "INSERT", "WITH")):
                continue
            raw = connection.connection.driver_connection
            for row in raw.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall():
                match = WALK.match(row[3])
                if match and match[1] in LARGE:
                    found.add((match[1], " ".join(statement.split())[:300]))
    return found


def shape(statements: list[str]) -> Counter[str]:
    """Count statements by their first words and table, values left out."""
    words = [re.sub(r"\s+", " ", each.strip()) for each in statements]
    return Counter(re.sub(r"'[^']*'|\b\d+\b", "?", each)[:60] for each in words)


@pytest.fixture(scope="module")
def traces(tmp_path_factory):
    """The statements of the same delta in a small and in a large company."""
    found = {}
    for size in (2_000, 20_000):
        world = company(tmp_path_factory.mktemp(f"company{size}"), size)
        world.approve(*world.suspended()[:3])
        hundred_changes(world)
        world.later(minutes=1)
        world.scan()
        with traced(world) as statements:
            run = world.sync("delta")
        with traced(world) as undoing:
            undone = world.app.undo(run.id, commit=True)[0]
        walked = walks(world, statements) | walks(world, undoing)
        found[size] = statements, run, walked, undoing, undone
        world.close()
    return found


def test_a_delta_walks_through_no_table(traces):
    for _, _, walked, _, _ in traces.values():
        assert walked == set()


def test_a_delta_of_a_hundred_changes_takes_as_many_statements_at_any_size(traces):
    (small, first, *_), (large, second, *_) = traces.values()
    assert first.counts.identities == second.counts.identities
    assert first.counts.proposed == second.counts.proposed > 90
    assert first.counts.released == second.counts.released == 3
    assert shape(small) - shape(large) == shape(large) - shape(small) == Counter()
    assert len(small) == len(large)


def test_undoing_a_delta_takes_as_many_statements_at_any_size(traces):
    (*_, small, first), (*_, large, second) = traces.values()
    assert first.counts.succeeded == second.counts.succeeded > 70
    assert shape(small) - shape(large) == shape(large) - shape(small) == Counter()


def test_the_delta_looked_at_what_changed_only(traces):
    for _, run, *_ in traces.values():
        assert run.counts.identities == 103
        assert run.counts.succeeded > 90
        assert run.counts.suspended == 10


def test_a_walk_through_a_table_would_be_found(world):
    world.run()
    query = "SELECT id FROM object WHERE attributes = '{}'"
    assert walks(world, [query]) == {("object", query)}


def test_a_delta_looks_again_at_what_was_missed_by_an_index_of_nothing_else(world):
    world.run()
    with traced(world) as statements, world.app.store.snapshot() as unit:
        unit.objects.missed(1)
    (asked,) = (each for each in statements if "misses > 0" in each)
    with world.app.store.engine.connect() as connection:
        raw = connection.connection.driver_connection
        steps = [row[3] for row in raw.execute(f"EXPLAIN QUERY PLAN {asked}")]
    assert steps == ["SEARCH object USING INDEX ix_object_missed (silo_type=?)"]
