"""Identities that are merged or split: nobody loses protection, and nothing runs unconfirmed."""

from __future__ import annotations

from hypersync.model.actions import ActionState
from tests.worlds import DISABLE, EXECUTIVES, World

S = ActionState
ONE = DISABLE.replace("limit: 2", "limit: 0")
NAMED = """\
ruleset: joiners
rules:
  - {id: provision, kind: provision, target: account, when: "hr.status == 'active'", throttle: 1s,
     once: {uid: "unique(('account.uid',), lower(hr.name))"}, set: {number: hr.id},
     threshold: {limit: 0}}
"""


def apart(world, number):
    """Somebody in HR, and an account under another number that will turn out to be theirs."""
    world.person(number, status="left")
    world.dir.put("account", f"u{number}", {"uid": f"u{number}", "number": "x9", "active": "true"})


def together(world, number):
    world.dir.put(
        "account", f"u{number}", {"uid": f"u{number}", "number": f"e{number}", "active": "true"}
    )


def test_a_merged_identity_proposes_nothing_until_one_more_scan_of_each_silo(world):
    world.people(range(5))
    apart(world, 7)
    world.run()
    together(world, 7)
    run = world.run("full")
    assert world.disabled() == set()
    (text,) = {each.message for each in world.errors(run) if each.code == "ambiguous"}
    assert text.startswith("regrouped at ")
    world.later(minutes=1)
    world.scan("hr")
    world.sync("full")
    assert world.disabled() == set()
    world.later(minutes=1)
    world.scan("dir")
    world.sync("delta")
    assert world.disabled() == {"u7"}


def test_a_merged_identity_is_a_vip_if_either_was(tmp_path):
    world = World(tmp_path, DISABLE, more=EXECUTIVES)
    world.people(range(5))
    world.person(7, level="C")
    world.dir.put("account", "u7", {"uid": "u7", "number": "x9", "active": "true"})
    world.run()
    world.change(7, level="E", status="left")
    together(world, 7)
    world.run()
    world.run()
    assert world.disabled() == set()
    assert [action.vip for action in world.suspended()] == ["executives"]
    world.close()


def test_the_latest_throttle_of_both_holds(tmp_path):
    world = World(tmp_path, DISABLE.replace("1s", "5h"))
    world.people(range(5))
    world.leave(1)
    world.run()
    assert world.disabled() == {"u1"}
    world.person(7, status="left")
    world.run()
    world.hr.remove("person", "e1")
    world.dir.put("account", "u1", {"uid": "u1", "number": "e7", "active": "true"})
    world.run()
    run = world.run("full")
    assert run.counts.throttled == 1
    assert world.disabled() == set()
    world.close()


def test_open_actions_are_void_and_asked_again(tmp_path):
    world = World(tmp_path, ONE)
    world.people(range(5))
    world.leave(1)
    world.run()
    (before,) = world.suspended()
    world.approve(before)
    world.change(1, id="e1")
    world.dir.put("account", "u1", {"uid": "u1", "number": "x1", "active": "true"})
    world.run()
    assert world.again(before).state is S.VOID
    world.account(1)
    world.run()
    world.run()
    (after,) = world.suspended()
    assert after.id != before.id
    assert world.disabled() == set()
    world.close()


def test_a_rejection_is_asked_about_again_for_both_parts(tmp_path):
    world = World(tmp_path, DISABLE)
    world.people(range(5))
    world.person(50, status="left")
    world.run()
    world.rules(ONE)
    world.leave(1)
    world.run()
    world.reject(*world.suspended())
    world.rules(DISABLE)
    origin = world.identity(1)
    world.dir.put("account", "u1", {"uid": "u1", "number": "e50", "active": "true"})
    world.run("delta")
    heir = world.identity(50)
    assert {(row[2], row[6]) for row in world.rows("hold")} == {
        (origin, "cli:tester"),
        (heir, "cli:tester"),
    }
    for _ in range(3):
        world.run("delta")
    assert world.disabled() == set()
    (asked,) = world.suspended()
    assert (asked.identity, asked.anchor) == (heir, "u1")
    assert asked.reasons[0].text.startswith("rejected by cli:tester at 2026-")
    world.close()


def test_a_rejection_is_asked_about_again_after_a_merge(tmp_path):
    world = World(tmp_path, DISABLE)
    world.people(range(5))
    world.account(60)
    world.run()
    older = world.identity(60)
    world.rules(ONE)
    world.person(61, status="left")
    world.account(61)
    world.run()
    world.reject(*world.suspended())
    world.rules(DISABLE)
    world.dir.remove("account", "u60")
    world.hr.put("person", "e61", {"id": "e60", "name": "Person 61", "status": "left"})
    world.dir.put("account", "u61", {"uid": "u61", "number": "e60", "active": "true"})
    for _ in range(4):
        world.run("delta")
    assert world.disabled() == set()
    (asked,) = world.suspended()
    assert (asked.identity, asked.anchor) == (older, "u61")
    told = [reason.text for reason in asked.reasons]
    assert told[0].startswith("another object is in the place of one that went at 2026-")
    assert any(text.startswith("rejected by cli:tester at 2026-") for text in told)
    world.close()


def test_the_older_identity_keeps_the_name_that_was_reserved_for_the_younger(tmp_path):
    world = World(tmp_path, NAMED)
    world.person(7, status="waiting")
    world.run()
    older = world.identity(7)
    world.person(8)
    world.run()
    (row,) = world.rows("reservation")
    younger = row[2]
    assert older < younger
    world.hr.put("person", "e7", {"id": "e8", "name": "Person 8", "status": "active"})
    world.hr.remove("person", "e8")
    world.run()
    (row,) = world.rows("reservation")
    assert row[2] == min(older, younger)
    world.close()
