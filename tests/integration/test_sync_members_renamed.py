"""The attribute that holds the members of groups is another one: nobody is lost or left behind."""

import pytest

import tests.worlds
from hypersync.model.actions import ActionState
from tests.worlds import TITLES, World

SALES = """\
ruleset: groups
rules:
  - {id: sales, kind: membership, group: {slot: team, where: "cn == 'sales'"}, member: account,
     when: "hr.title == 'Sales'", mode: authoritative, throttle: 1s, threshold: {limit: 1000}}
"""
AFTER = tests.worlds.CONFIGURATION
BEFORE = {
    "named": AFTER.replace("attributes: [cn], members: member", "attributes: [cn, member]"),
    "renamed": AFTER.replace("[cn], members: member", "[cn, member], members: uniqueMember"),
}


@pytest.fixture(params=BEFORE)
def world(request, tmp_path, monkeypatch):
    """Groups that were read, and then it is said that ``member`` holds their members."""
    monkeypatch.setattr(tests.worlds, "CONFIGURATION", BEFORE[request.param])
    world = World(tmp_path, TITLES)
    world.people(range(30), title="Sales")
    world.group("sales", *(f"u{number}" for number in range(30)))
    world.scan()
    monkeypatch.setattr(tests.worlds, "CONFIGURATION", AFTER)
    world.rules(SALES)
    yield world
    world.close()


def test_who_must_leave_leaves_and_nobody_is_added_again(world):
    world.scan()
    assert world.actions(world.sync("full"), "sales") == []
    world.change(7, title="Support")
    world.later(minutes=5)
    world.scan()
    (action,) = world.actions(world.sync("full"), "sales")
    assert action.state is ActionState.SUCCEEDED, action
    assert "u7" not in world.members("sales")
    assert len(world.members("sales")) == 29


def test_membership_rules_ask_nobody_before_the_groups_are_read_again(world):
    world.change(7, title="Support")
    world.scan("hr")
    run = world.sync("full")
    assert world.actions(run, "sales") == []
    (error,) = {error.message for error in world.errors(run) if error.identity is None}
    assert error == (
        "its groups cannot be told: the members of dir/group are held by another attribute than "
        "when it was scanned last; scan dir"
    )
    assert len(world.members("sales")) == 30


def test_an_undo_takes_nobody_out_of_a_group_that_is_not_read_again(tmp_path, monkeypatch):
    world = World(tmp_path, SALES)
    world.people(range(30), title="Sales")
    world.group("sales", *(f"u{number}" for number in range(29)))
    run = world.run("full")
    assert len(world.members("sales")) == 30
    monkeypatch.setattr(
        tests.worlds, "CONFIGURATION", AFTER.replace("members: member", "members: uniqueMember")
    )
    world.rules(SALES)
    world.later(minutes=1)
    world.app.undo(run.id, commit=True)
    (action,) = world.suspended()
    (reason,) = action.reasons
    assert "whose size is not known" in reason.text
    assert len(world.members("sales")) == 30
    world.close()
