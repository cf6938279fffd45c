"""The VIPs that nothing switches off: HyperSync's own accounts and the groups that grant roles."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hypersync.model.actions import ActionState
from hypersync.pipeline.vip import ROLES, SELF
from tests.projects import MAIN, mistakes_of_project, write_project
from tests.worlds import World

RULES = """\
ruleset: m
rules:
  - {id: staff, kind: membership, group: {slot: team, where: "cn == 'admins'"}, member: account,
     when: "hr.title == 'Admin'", mode: authoritative, throttle: 1s,
     threshold: {limit: 100, members: 100%}}
"""


@pytest.fixture
def make(tmp_path):
    made = []

    def make(more: str = "", own: str | None = None) -> World:
        world = World(tmp_path, RULES, more=more)
        made.append(world)
        world.people(range(5), title="Admin")
        world.group("admins", "u0", "u1", "u2", "u3", "u4")
        if own is not None:
            types = replace(world.app.engine.types, signs_in={"dir": own})
            world.app = replace(world.app, engine=replace(world.app.engine, types=types))
        world.run("full")
        return world

    yield make
    for world in made:
        world.close()


def test_who_leaves_a_group_that_grants_a_role_is_asked_about(make):
    world = make("roles: {admin: {groups: [dir/group/admins]}}\n")
    world.change(1, title="x")
    run = world.run()
    (action,) = world.suspended()
    assert (run.counts.queued, action.vip) == (0, ROLES)
    assert action.reasons[0].text == "this group grants the role admin"
    assert "u1" in world.members("admins")


def test_who_comes_into_a_group_that_grants_a_role_is_asked_about(make):
    world = make("roles: {operator: {groups: [dir/group/admins]}}\n")
    world.people([7], title="Admin")
    world.run()
    (action,) = world.suspended()
    assert action.vip == ROLES
    assert "u7" not in world.members("admins")


def test_another_group_grants_nothing(make):
    world = make("roles: {admin: {groups: [dir/group/others]}}\n")
    world.change(1, title="x")
    world.run()
    assert "u1" not in world.members("admins")


def test_the_own_account_leaves_no_group_unasked(make):
    world = make(own="u1")
    world.change(1, title="x")
    world.change(2, title="x")
    world.run()
    (action,) = world.suspended()
    assert (action.vip, (action.before or {})["member"]) == (SELF, "u1")
    assert "u1" in world.members("admins")
    assert "u2" not in world.members("admins")


def test_an_undo_puts_the_own_account_into_no_group_unasked(make):
    world = make(own="u1")
    world.change(1, title="x")
    world.run()
    world.approve(*world.suspended())
    run = world.run()
    assert "u1" not in world.members("admins")
    world.later(minutes=1)
    world.app.undo(run.id, commit=True)
    (action,) = world.suspended()
    assert (action.vip, action.state) == (SELF, ActionState.SUSPENDED)


@pytest.mark.parametrize(
    "group", ["admins", "app/admins", "nowhere/group/x", "app/team/x", "app/user/"]
)
def test_a_group_that_is_none_is_a_mistake(tmp_path, group):
    file = write_project(tmp_path, MAIN + f"roles: {{admin: {{groups: [{group}]}}}}\n")
    (mistake,) = mistakes_of_project(file)
    assert mistake.message == f"{group!r} names no group of a silo"
    assert "SILO/TYPE/ANCHOR" in mistake.remedy
