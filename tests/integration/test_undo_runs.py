"""Taking back what a run did: the inverse of every kind of action, and what stays as it is."""

from __future__ import annotations

import pytest

from hypersync.errors import NotFound, UsageError
from hypersync.model.actions import ActionState
from hypersync.model.runs import Run, RunKind, RunState
from hypersync.pipeline.undo.survey import Undone
from tests.worlds import TITLES, World

LEAVERS = """\
ruleset: leavers
rules:
  - {id: disable-leaver, kind: deprovision, target: account, throttle: 1h,
     when: "hr.status == 'left' and account.enabled", do: disable, threshold: {limit: 3}}
"""


def undo(world: World, run: Run, rule: str | None = None, *, commit: bool = True) -> Run:
    return undo_of(world, run, rule, commit=commit)[0]


def undo_of(
    world: World, run: Run, rule: str | None = None, *, commit: bool = True
) -> tuple[Run, Undone]:
    world.later(minutes=1)
    return world.app.undo(run.id, rule, commit=commit)


def why(undone: Undone) -> list[tuple[str, str]]:
    return [(kept.because.value, kept.text) for _, kept in undone.cannot]


@pytest.fixture
def left(world: World) -> Run:
    """Two of four left and were disabled."""
    world.rules(LEAVERS)
    world.people(range(1, 5))
    world.run("full")
    world.leave(1, 2)
    return world.run()


def test_undo_enables_what_a_run_disabled(world: World, left: Run) -> None:
    assert world.disabled() == {"u1", "u2"}

    done = undo(world, left)

    assert world.disabled() == set()
    assert (done.kind, done.state, done.undoes) == (RunKind.UNDO, RunState.DONE, left.id)
    assert done.counts.succeeded == 2
    assert {each.operation.value for each in world.actions(done)} == {"enable"}
    assert set(done.rules) == {"undo:disable-leaver"}


def test_preview_of_an_undo_changes_nothing(world: World, left: Run) -> None:
    tables = (
        "hold",
        "undo_hold",
        "request",
        "pending_identity",
        "object",
        "execution_mark",
        "event",
    )
    before = {name: world.rows(name) for name in tables}

    run, undone = undo_of(world, left, commit=False)

    assert {name: world.rows(name) for name in tables} == before
    assert world.disabled() == {"u1", "u2"}
    assert [each.state for each in world.actions(run)] == [ActionState.PLANNED] * 2
    assert undone.cannot == []


def test_rule_does_not_redo_at_once_what_was_undone(world: World, left: Run) -> None:
    done = undo(world, left)
    world.later(hours=2)

    again = world.run("full")

    assert world.disabled() == set()
    assert again.counts.proposed == 0
    assert "held back" in (again.rules["disable-leaver"].reason or "")
    held = [row for row in world.rows("verdict_row") if "held" in row]
    assert len(held) == 2
    assert all(f"undone by run {done.id}" in str(row) for row in held)


def test_why_says_that_an_undo_holds_a_rule_back(world: World, left: Run) -> None:
    done = undo(world, left)
    answer = world.app.why(world.identity(1))
    (note,) = [rule.note for rule in answer.rules if rule.rule == "disable-leaver"]
    assert note.startswith(f"held back: undone by run {done.id}; it holds until 2026-04-01")
    other = world.app.why(world.identity(3))
    assert [rule.note for rule in other.rules] == [""]


def test_rule_acts_again_after_its_condition_was_false_once(world: World, left: Run) -> None:
    undo(world, left)
    world.change(1, status="active")
    world.later(hours=2)
    world.run()
    world.leave(1)

    world.run()

    assert world.disabled() == {"u1"}


# --- every kind of action ------------------------------------------------------------------------

BOOK = """\
ruleset: book
defaults: {{throttle: 1s, threshold: {{limit: 50}}}}
rules:
{rules}
"""
TITLE = (
    "{id: flow-title, kind: update, target: account, set: {title: hr.title}, "
    "clear_if_missing: [title]}"
)
JOIN = (
    "{id: provision, kind: provision, target: account, when: \"hr.status == 'active'\", "
    "once: {uid: \"'u' + hr.id[1:]\"}, set: {number: hr.id, title: hr.title}}"
)
DELETE = (
    "{id: delete, kind: deprovision, target: account, when: \"hr.status == 'gone'\", do: delete}"
)
TEAM = (
    "{id: staff, kind: membership, member: account, group: {slot: team, "
    "where: \"cn == 'staff'\"}, when: \"hr.status == 'active'\", mode: authoritative}"
)
WELCOME = (
    "{id: welcome, kind: event, when: \"hr.title == 'chief'\", "
    'do: {webhook: "https://example.org/x"}}'
)
MOVE = (
    "{id: move, kind: update, target: account, when: \"hr.status == 'left'\", "
    "do: {move: \"'ou=left,o=x'\"}}"
)


def book(*rules: str) -> str:
    return BOOK.format(rules="\n".join(f"  - {rule}" for rule in rules))


def test_undo_writes_old_values_back_and_clears_what_was_not_there(world):
    world.rules(book(TITLE))
    world.person(1, title="chief")
    world.account(1, title="clerk")
    world.person(2, title="chief")
    world.account(2)
    world.person(3)
    world.account(3, title="clerk")
    run = world.run("full")
    assert [world.get(n).get("title") for n in (1, 2, 3)] == ["chief", "chief", None]

    undo(world, run)

    assert [world.get(n).get("title") for n in (1, 2, 3)] == ["clerk", None, "clerk"]


def test_undo_deletes_what_a_run_created(world):
    world.rules(book(JOIN))
    world.person(1, title="chief")
    run = world.run("full")
    assert world.get(1) is not None

    undo(world, run)

    assert world.get(1) is None
    assert world.run("full").counts.proposed == 0


def test_undo_restores_what_a_run_deleted_under_the_same_anchor(world):
    world.rules(book(DELETE))
    world.people(range(1, 3))
    world.change(1, status="gone")
    before = world.get(1)
    run = world.run("full")
    assert world.get(1) is None

    done, undone = undo_of(world, run)

    assert world.get(1) == before
    assert done.counts.succeeded == 1
    assert [text for _, text in undone.incomplete.values()] == [
        "comes back without attributes that are not read and passwords"
    ]
    assert world.run("full").counts.proposed == 0
    assert world.identity(1) is not None


def test_undo_gives_and_takes_memberships_back(world):
    world.rules(book(TEAM))
    world.people(range(1, 3))
    world.person(3, status="left")
    world.account(3)
    world.people(range(5, 20))
    world.group("staff", "u2", "u3", *(f"u{n}" for n in range(5, 20)))
    before = set(world.members("staff"))
    run = world.run("full")
    assert "u1" in world.members("staff")
    assert "u3" not in world.members("staff")

    undo(world, run)

    assert set(world.members("staff")) == before
    assert world.run("full").counts.proposed == 0
    assert set(world.members("staff")) == before


def test_undo_moves_back(world):
    world.rules(book(MOVE))
    world.person(1, status="left")
    world.account(1, dn="cn=One,ou=staff,o=x")
    run = world.run("full")
    assert world.get(1)["dn"] == "cn=One,ou=left,o=x"

    undo(world, run)

    assert world.get(1)["dn"] == "cn=One,ou=staff,o=x"


def test_call_that_was_made_is_said_not_to_be_taken_back(world):
    world.rules(book(WELCOME, TITLE))
    world.person(1, title="chief")
    world.account(1)
    run = world.run("full")
    assert len(world.sink.fired) == 1

    done, undone = undo_of(world, run)

    assert why(undone) == [("irreversible", "a call that was made cannot be taken back")]
    assert done.counts.succeeded == 1
    assert len(world.sink.fired) == 1


# --- what is left as it is -----------------------------------------------------------------------


def test_what_somebody_changed_since_is_left_and_said(world, left):
    world.account(1, active="true", title="by hand")
    world.scan("dir")

    done, undone = undo_of(world, left)

    assert why(undone) == [("changed", "changed since: active")]
    assert done.counts.succeeded == 1
    assert "left" in str(world.rows("verdict_row"))


def test_what_changed_since_the_last_scan_is_a_conflict_and_is_not_overwritten(world, left):
    world.account(1, active="suspended by hand")

    done = undo(world, left)

    assert world.get(1)["active"] == "suspended by hand"
    assert (done.counts.succeeded, done.counts.conflict) == (1, 1)


def test_run_is_undone_once(world, left):
    first = undo(world, left)

    again, undone = undo_of(world, left)

    assert again.counts.proposed == 0
    assert why(undone) == [("undone", f"already undone by run {first.id}")] * 2


def test_undo_of_one_rule_leaves_the_others_alone(world):
    world.rules(book(TITLE, JOIN))
    world.person(1, title="chief")
    world.person(2, title="chief")
    world.account(2)
    run = world.run("full")

    undo(world, run, "flow-title")

    assert world.get(1) is not None
    assert world.get(2).get("title") is None


def test_undoing_an_undo_does_it_again_and_lets_the_rule_go_on(world, left):
    first = undo(world, left)
    assert world.disabled() == set()

    second = undo(world, first)

    assert world.disabled() == {"u1", "u2"}
    assert set(second.rules) == {"undo:undo:disable-leaver"}
    assert world.rows("undo_hold") == []
    world.later(hours=2)
    world.account(1, active="true")
    world.run()
    assert world.disabled() == {"u1", "u2"}


def test_what_was_done_again_can_be_undone_again(world, left):
    second = undo(world, undo(world, left))
    world.later(minutes=1)

    undo(world, second)

    assert world.disabled() == set()
    assert len(world.rows("undo_hold")) == 2
    world.later(hours=2)
    world.run("full")
    assert world.disabled() == set()


def test_rule_that_is_gone_is_undone_under_the_built_in_threshold(world, left):
    world.rules(TITLES)

    run = undo(world, left, commit=False)

    report = run.rules["undo:disable-leaver"]
    assert (report.limit, report.limit_text) == (1, "5% of 4")
    assert report.counts.suspended == 2


def test_rule_that_is_only_simulated_by_now_does_not_keep_from_undoing(world, left):
    world.rules(LEAVERS.replace("ruleset: leavers", "ruleset: leavers\nsimulate: true"))

    undo(world, left)

    assert world.disabled() == set()


def test_nothing_is_undone_while_everything_is_simulated(world, left):
    world.set_guards(simulate=True)

    run = undo(world, left)

    assert world.disabled() == {"u1", "u2"}
    assert run.counts.planned == 2


# --- what cannot be undone at all ----------------------------------------------------------------


def test_run_that_does_not_exist_is_not_undone(world, left):
    with pytest.raises(NotFound, match="there is no run 'nothing'"):
        world.app.undo("nothing")


def test_preview_is_not_undone(world, left):
    preview = world.sync("full", commit=False)
    with pytest.raises(UsageError, match="was a preview"):
        world.app.undo(preview.id)


def test_rule_without_actions_in_the_run_is_named_with_those_that_have_some(world, left):
    with pytest.raises(NotFound, match="it acted for disable-leaver"):
        world.app.undo(left.id, "other")


@pytest.mark.parametrize(
    ("state", "says"), [("executing", "still executing"), ("failed", "failed before")]
)
def test_run_that_has_not_ended_well_is_not_undone(world, left, state, says):
    world.execute("UPDATE run SET state = ? WHERE id = ?", state, left.id)
    with pytest.raises(UsageError, match=says):
        world.app.undo(left.id)
