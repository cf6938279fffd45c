"""Writes to servers that lag behind: what they do not know yet is not done already."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hypersync.model.actions import ActionState
from hypersync.model.objects import Unknown
from tests.postgresql import both_databases
from tests.worlds import World

S = ActionState
RULES = """\
ruleset: all
defaults: {throttle: 1s, threshold: {limit: 9}}
rules:
  - {id: delete, kind: deprovision, target: account, do: delete, when: "hr.status == 'gone'"}
  - {id: title, kind: update, target: account, set: {title: hr.title}, when: "hr.status != 'gone'"}
  - {id: sales, kind: membership, group: {slot: team, where: "cn == 'sales'"}, member: account,
     when: "hr.level == 'sales'", mode: authoritative}
"""

pytestmark = both_databases


@pytest.fixture
def world(tmp_path, database_url) -> Iterator[World]:
    """Two people whose accounts were made, and one whose was put into a group, just now."""
    world = World(tmp_path, RULES, limits="    settle: 15m\n", database=database_url)
    world.people(range(2), title="old", level="sales")
    for number in range(2):
        world.account(number, title="old")
    world.group("sales", "u0", "u1")
    world.run()
    world.later(minutes=5)
    yield world
    world.close()


def write(world: World) -> None:
    """Sync what people are now, without a look at the silo that is written."""
    world.scan("hr")
    world.sync()


def states(world: World) -> list[S]:
    with world.app.store.snapshot() as unit:
        return [each.state for each in unit.actions.get([row[1] for row in world.rows("action")])]


def absence(world: World, number: int) -> str | None:
    with world.app.store.snapshot() as unit:
        return unit.objects.get("dir", "account", f"u{number}").absence


def test_who_is_not_there_yet_is_deleted_once_the_server_had_time_to_know(world):
    account = world.get(0)
    world.change(0, status="gone")
    world.dir.remove("account", "u0")
    write(world)
    assert states(world) == [S.QUEUED]
    assert absence(world, 0) is None
    world.dir.put("account", "u0", account)
    world.later(minutes=11)
    world.sync()
    assert states(world) == [S.SUCCEEDED]
    assert world.get(0) is None


def test_who_is_not_there_when_the_server_had_time_to_know_is_gone(world):
    world.change(0, status="gone")
    world.dir.remove("account", "u0")
    for minutes, state in ((1, S.QUEUED), (8, S.QUEUED), (2, S.SUCCEEDED)):
        world.later(minutes=minutes)
        write(world)
        assert states(world) == [state]
    assert absence(world, 0) == "gone"


def test_a_deletion_in_doubt_is_not_done_because_a_server_that_lags_has_no_such_object(world):
    world.dir.faults.outcomes.append(Unknown("the connection broke"))
    world.change(0, status="gone")
    write(world)
    assert states(world) == [S.UNKNOWN]
    account = world.get(0)
    world.dir.remove("account", "u0")
    world.sync()
    assert states(world) == [S.QUEUED]
    assert absence(world, 0) is None
    world.dir.put("account", "u0", account)
    world.later(minutes=11)
    world.sync()
    assert states(world) == [S.SUCCEEDED]
    assert world.get(0) is None


@pytest.mark.parametrize("outcomes", [[], [Unknown("the connection broke")]])
def test_who_is_no_member_yet_is_removed_once_the_server_had_time_to_know(world, outcomes):
    world.dir.faults.outcomes += outcomes
    world.change(0, level="x")
    world.group("sales", "u1")
    write(world)
    if outcomes:
        assert states(world) == [S.UNKNOWN]
        world.sync()
    assert states(world) == [S.QUEUED]
    world.group("sales", "u0", "u1")
    world.later(minutes=11)
    world.sync()
    assert states(world) == [S.SUCCEEDED]
    assert world.members("sales") == ("u1",)


def test_a_value_that_a_lagging_server_still_has_is_written_once_it_had_time(world):
    world.change(0, title="new")
    world.dir.put("account", "u0", {**world.get(0), "title": "new"})
    write(world)
    assert states(world) == [S.QUEUED]
    world.dir.put("account", "u0", {**world.get(0), "title": "old"})
    world.later(minutes=11)
    world.sync()
    assert world.get(0)["title"] == "new"


def test_a_value_in_doubt_is_not_done_because_a_server_that_lags_still_has_it(world):
    world.dir.faults.outcomes.append(Unknown("the connection broke"))
    world.change(0, title="new")
    write(world)
    assert states(world) == [S.UNKNOWN]
    world.dir.put("account", "u0", {**world.get(0), "title": "new"})
    world.sync()
    assert states(world) == [S.QUEUED]
    world.dir.put("account", "u0", {**world.get(0), "title": "old"})
    world.later(minutes=11)
    world.sync()
    assert states(world) == [S.SUCCEEDED]
    assert world.get(0)["title"] == "new"


def test_what_a_scan_found_after_an_action_in_doubt_began_is_fresh_too(world):
    world.later(minutes=30)
    world.dir.faults.outcomes.append(Unknown("the connection broke"))
    world.change(0, status="gone")
    write(world)
    assert states(world) == [S.UNKNOWN]
    world.later(minutes=1)
    world.dir.put("account", "u0", {**world.get(0), "office": "2"})
    world.scan("dir")
    world.later(minutes=1)
    account = world.get(0)
    world.dir.remove("account", "u0")
    world.sync()
    assert states(world) == [S.VOID, S.QUEUED]  # planned anew, for the office is another one
    assert absence(world, 0) is None
    world.dir.put("account", "u0", account)
    world.later(minutes=15)
    world.sync()
    assert states(world) == [S.VOID, S.SUCCEEDED]
    assert world.get(0) is None


def test_what_changed_long_ago_is_believed(world):
    world.later(minutes=11)
    world.change(0, status="gone")
    world.dir.remove("account", "u0")
    write(world)
    assert states(world) == [S.SUCCEEDED]
