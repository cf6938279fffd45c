"""Nothing that people stopped or did not answer comes back unasked: every way there, by hand."""

from __future__ import annotations

import pytest

from hypersync.model.actions import ActionState as S
from tests.worlds import DISABLE, World
from tests.worlds import world as world

DISABLED = DISABLE.replace("{id: disable-leaver,", "{id: disable-leaver, enabled: false,")
EDITED = DISABLE.replace("account.enabled", "account.enabled and hr.exists")
HAIL = """\
ruleset: events
rules:
  - {id: hail, kind: event, when: "hr.title == 'new'", throttle: 1s, threshold: {limit: 0},
     do: {webhook: "https://hooks.example.org/hail"}}
"""
RENAMED = DISABLE.replace("disable-leaver", "leaver-disable")
COPIED = DISABLED.replace("leavers", "old") + RENAMED.partition("rules:\n")[2]
LEAVERS = 6


@pytest.fixture
def stopped(world: World) -> World:
    """Twenty people with accounts; six left, which trips the limit of two."""
    world.people(range(20))
    world.run()
    world.leave(*range(LEAVERS))
    world.run()
    assert len(world.suspended()) == LEAVERS
    assert world.disabled() == set()
    return world


def apart(world: World, *numbers: int) -> None:
    """For one scan accounts have another join value, then their own again."""
    for number in numbers:
        join(world, number, f"x{number}")
    world.run("delta")
    for number in numbers:
        world.account(number)
    world.run("delta")


def join(world: World, number: int, value: str) -> None:
    """Give an account another join value."""
    account = {"uid": f"u{number}", "number": value, "active": "true"}
    world.dir.put("account", f"u{number}", account)


def sync_objects(world: World, *numbers: int) -> None:
    for number in numbers:
        world.sync(object_key=("dir", "account", f"u{number}"))


def waiting(world: World) -> set[str | None]:
    return {action.anchor for action in world.suspended()}


def reasons(world: World) -> set[str]:
    return {reason.text for action in world.suspended() for reason in action.reasons}


# --- void ---------------------------------------------------------------------------------------


def test_what_was_stopped_is_asked_again_after_its_identities_were_apart(stopped):
    apart(stopped, 0, 1)
    for _ in range(3):
        stopped.run("delta")
    assert stopped.disabled() == set()
    assert waiting(stopped) == {f"u{n}" for n in range(LEAVERS)}
    assert any("became void at 2026" in text for text in reasons(stopped))


def test_what_was_approved_is_asked_again_after_its_identity_was_apart(stopped):
    stopped.approve(*stopped.suspended())
    join(stopped, 0, "x0")
    stopped.later(minutes=1)
    stopped.scan()
    stopped.account(0)
    stopped.run("delta")
    stopped.run("delta")
    assert stopped.disabled() == {f"u{n}" for n in range(1, LEAVERS)}
    assert waiting(stopped) == {"u0"}


def test_what_is_void_is_asked_again_for_the_identity_that_the_object_went_to(stopped):
    join(stopped, 0, "e10")
    stopped.dir.remove("account", "u10")
    stopped.leave(10)
    for _ in range(3):
        stopped.run("delta")
    assert stopped.identity("0") != stopped.identity("10")
    assert stopped.disabled() == set()
    assert "u0" in waiting(stopped)


def test_what_was_stopped_is_asked_again_after_its_rule_was_disabled_for_a_while(stopped):
    actions = stopped.suspended()
    stopped.rules(DISABLED)
    assert stopped.run("full").counts.void == LEAVERS
    assert set(stopped.states(actions)) == {S.VOID}
    stopped.rules(DISABLE)
    sync_objects(stopped, 0, 1)
    stopped.later(hours=2)
    sync_objects(stopped, 2, 3)
    assert stopped.disabled() == set()
    assert waiting(stopped) == {"u0", "u1", "u2", "u3"}
    assert all(action.reasons[0].guard == "expiry" for action in stopped.suspended())


def test_what_became_void_runs_when_somebody_approves_it(stopped):
    stopped.rules(DISABLED)
    stopped.run("full")
    stopped.rules(DISABLE)
    sync_objects(stopped, 0)
    stopped.approve(*stopped.suspended())
    sync_objects(stopped, 0)
    assert stopped.disabled() == {"u0"}
    assert not any(str(stopped.identity(0)) == row[0].split("|")[1] for row in stopped.rows("hold"))


def test_what_became_void_is_forgotten_when_its_cause_was_gone_once(stopped):
    stopped.rules(DISABLED)
    stopped.run("full")
    stopped.rules(DISABLE)
    stopped.change(0, status="active")
    stopped.run("delta")
    stopped.leave(0)
    stopped.run("delta")
    assert stopped.disabled() == {"u0"}


def test_what_was_only_queued_is_not_asked_about_when_its_rule_was_disabled_for_a_while(world):
    world.people(range(5))
    world.run()
    with world.app.store.begin() as unit:
        unit.silos.pause("dir", "a test")
    world.leave(0)
    world.run("delta")
    world.rules(DISABLED)
    world.run("full")
    world.rules(DISABLE)
    with world.app.store.begin() as unit:
        unit.silos.resume("dir")
    world.run("full")
    assert world.disabled() == {"u0"}
    assert world.rows("hold") == []


# --- rejected ------------------------------------------------------------------------------------


def test_an_edited_rule_asks_about_each_that_was_rejected(stopped):
    stopped.reject(*stopped.suspended())
    stopped.later(hours=1)
    stopped.rules(EDITED)
    sync_objects(stopped, 0, 1)
    stopped.later(hours=2)
    sync_objects(stopped, 2)
    assert stopped.disabled() == set()
    assert waiting(stopped) == {"u0", "u1", "u2"}
    assert reasons(stopped) == {
        "rejected by cli:tester at 2026-03-02 08:02 UTC; it is another change now"
    }


def test_a_rejection_that_is_not_another_change_holds_back_without_asking(stopped):
    stopped.reject(*stopped.suspended())
    stopped.later(hours=1)
    run = stopped.sync(object_key=("dir", "account", "u0"))
    assert stopped.suspended() == []
    assert "held back" in (run.rules["disable-leaver"].reason or "")


def test_a_rejected_change_runs_unasked_once_its_cause_was_gone(stopped):
    stopped.reject(*stopped.suspended())
    stopped.rules(EDITED)
    stopped.change(0, status="active")
    stopped.run("delta")
    stopped.leave(0)
    stopped.run("delta")
    assert stopped.disabled() == {"u0"}


def test_a_rejection_asks_about_another_change_until_its_time_is_over(stopped):
    stopped.reject(*stopped.suspended())
    stopped.rules(EDITED)
    stopped.later(days=30)
    sync_objects(stopped, 0)
    assert stopped.disabled() == {"u0"}


def test_another_change_runs_when_it_is_approved_and_the_rejection_stays(stopped):
    stopped.reject(*stopped.suspended())
    stopped.rules(EDITED)
    stopped.later(hours=1)
    sync_objects(stopped, 0)
    stopped.approve(*stopped.suspended())
    sync_objects(stopped, 0)
    assert stopped.disabled() == {"u0"}
    assert len(stopped.rows("hold")) == LEAVERS


# --- events --------------------------------------------------------------------------------------


@pytest.fixture
def hailed(world: World) -> World:
    """An event that is to be asked about."""
    world.rules(HAIL)
    world.people(range(3))
    world.run("full")
    world.change(1, title="new")
    world.run("full")
    assert len(world.suspended()) == 1
    return world


def test_an_event_is_asked_again_after_its_rule_was_disabled_for_a_while(hailed):
    hailed.rules(HAIL.replace("{id: hail,", "{id: hail, enabled: false,"))
    hailed.run("full")
    assert hailed.suspended() == []
    hailed.rules(HAIL)
    hailed.run("full")
    assert len(hailed.suspended()) == 1
    hailed.run("full")
    assert len(hailed.suspended()) == 1
    assert hailed.sink.fired == []


def test_an_event_is_asked_again_after_its_identity_was_apart(hailed):
    apart(hailed, 1)
    hailed.run("delta")
    assert len(hailed.suspended()) == 1
    hailed.approve(*hailed.suspended())
    hailed.run("delta")
    hailed.run("full")
    assert len(hailed.sink.fired) == 1


# --- a rule of another name ----------------------------------------------------------------------


@pytest.mark.parametrize("rules", [RENAMED, COPIED], ids=["renamed", "copied"])
def test_what_was_rejected_is_asked_again_under_the_next_name_of_its_rule(stopped, rules):
    stopped.reject(*stopped.suspended())
    stopped.later(hours=1)
    stopped.rules(rules)
    sync_objects(stopped, 0, 1)
    assert stopped.disabled() == set()
    assert {action.rule for action in stopped.suspended()} == {"leaver-disable"}
    assert reasons(stopped) == {
        "disable-leaver, which is gone, did the same: "
        "rejected by cli:tester at 2026-03-02 08:02 UTC; it is another rule now"
    }


def test_what_nobody_answered_is_asked_again_under_the_next_name_of_its_rule(stopped):
    stopped.later(hours=25)
    stopped.tick()
    stopped.rules(RENAMED)
    sync_objects(stopped, 0, 1)
    assert stopped.disabled() == set()
    assert waiting(stopped) == {"u0", "u1"}


def test_what_waits_is_asked_again_under_the_next_name_of_its_rule_in_the_same_run(stopped):
    stopped.later(hours=2)
    stopped.rules(RENAMED)
    sync_objects(stopped, 0, 1)
    stopped.later(hours=2)
    sync_objects(stopped, 2)
    assert stopped.disabled() == set()
    assert waiting(stopped) == {"u0", "u1", "u2"}


def test_approving_under_the_next_name_ends_what_was_remembered_of_the_old_one(stopped):
    stopped.reject(*stopped.suspended())
    stopped.rules(RENAMED)
    sync_objects(stopped, 0)
    stopped.approve(*stopped.suspended())
    sync_objects(stopped, 0)
    assert stopped.disabled() == {"u0"}
    stopped.account(0)
    stopped.later(hours=2)
    stopped.run("delta")
    assert stopped.disabled() == {"u0"}


def test_what_a_rule_that_does_something_else_was_rejected_for_asks_nobody(stopped):
    stopped.reject(*stopped.suspended())
    stopped.rules(RENAMED.replace("do: disable", "do: delete"))
    sync_objects(stopped, 0)
    assert stopped.suspended() == []
    assert stopped.get(0) is None
