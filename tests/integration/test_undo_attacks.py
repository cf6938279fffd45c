"""What a hostile reader tried on undos: to lose a rejection, a question, a VIP or an approval."""

from __future__ import annotations

import pytest

from hypersync.model.actions import ActionState
from hypersync.model.runs import Run
from hypersync.pipeline.undo.survey import Undone
from tests.integration.test_query_plans import traced
from tests.postgresql import both_databases
from tests.worlds import CONFIGURATION, DISABLE, TITLES, World

ASK_ALWAYS = TITLES.replace("limit: 2", "limit: 0")
NO_RULES = "ruleset: none\nrules: []\n"


def undo(world: World, run: Run, *, commit: bool = True) -> tuple[Run, Undone]:
    world.later(minutes=1)
    return world.app.undo(run.id, commit=commit)


def why(undone: Undone) -> list[tuple[str, str]]:
    return [(kept.because.value, kept.text) for _, kept in undone.cannot]


def titles(world: World) -> list[str]:
    return [str(world.get(number)["title"]) for number in range(1, 7)]


@pytest.fixture
def titled(world: World) -> World:
    """Six accounts with title A."""
    world.rules(TITLES)
    for number in range(1, 7):
        world.person(number, title="A")
        world.account(number, title="A")
    world.run("full")
    return world


@pytest.fixture
def staffed(world: World) -> World:
    """Six accounts; two may be disabled in a run."""
    world.people(range(1, 7))
    world.run("full")
    return world


def promote(world: World, title: str, *numbers: int) -> Run:
    for number in numbers:
        world.change(number, title=title)
    return world.run("delta")


# --- rejections and questions ------------------------------------------------------------------


@both_databases
def test_undo_leaves_what_a_person_rejected_rejected(titled):
    first = promote(titled, "B", 1)
    promote(titled, "C", *range(1, 7))
    titled.reject(*titled.suspended())
    before = titled.rows("hold")
    titled.rules(ASK_ALWAYS)

    undone, _ = undo(titled, first)
    titled.rules(TITLES)
    titled.run("full")

    assert undone.counts.suspended == 1
    assert titled.rows("hold") == before
    assert titled.get(1)["title"] == "B"
    titled.later(hours=25)
    titled.tick()
    titled.run("full")
    assert titles(titled) == ["B", "A", "A", "A", "A", "A"]


@both_databases
def test_what_nobody_answered_is_asked_again_whatever_is_undone_besides(titled):
    first = promote(titled, "B", 1, 2)
    promote(titled, "C", *range(1, 7))
    titled.later(hours=25)
    titled.tick()
    assert titled.suspended() == []
    titled.rules(ASK_ALWAYS)
    undo(titled, first)
    titled.rules(TITLES.replace("limit: 2", "limit: 10"))

    run = titled.run("full")

    assert run.counts.queued == 0
    assert titles(titled) == ["B", "B", "A", "A", "A", "A"]
    assert len([each for each in titled.suspended() if each.rule == "flow-title"]) == 6


def test_change_that_was_rejected_stays_rejected_when_a_part_of_it_is_undone(world):
    flows = staff(world, limit=2)
    first = move(flows, 1, title="B")
    flows.account(1, title="A", office="X")
    flows.change(1, company="Y")
    flows.rules(BOTH.replace("LIMIT", "0"))
    flows.run("delta")
    flows.reject(*flows.suspended())
    flows.account(1, title="B", office="X")
    flows.scan()
    flows.rules(BOTH.replace("LIMIT", "2"))
    undo(flows, first)
    assert flows.get(1)["title"] == "A"

    flows.run("full")

    assert (flows.get(1)["title"], flows.get(1)["office"]) == ("A", "X")


# --- the end of a hold -------------------------------------------------------------------------


@both_databases
def test_undo_that_comes_to_nothing_lets_the_next_delta_look_again(staffed):
    staffed.leave(1)
    first = staffed.run()
    staffed.rules(DISABLE.replace("limit: 2", "limit: 0"))
    undone, _ = undo(staffed, first)
    assert undone.counts.suspended == 1
    staffed.rules(DISABLE)
    staffed.run("full")
    staffed.account(1, active="true")
    staffed.run("delta")
    assert staffed.states(staffed.actions(undone)) == [ActionState.STALE]
    assert staffed.rows("undo_hold") == []

    staffed.run("delta")

    assert staffed.disabled() == {"u1"}


@both_databases
def test_time_that_ends_a_hold_lets_the_next_delta_look_again(staffed):
    staffed.leave(1)
    undo(staffed, staffed.run())
    staffed.run("delta")
    assert staffed.disabled() == set()
    staffed.later(days=30)
    staffed.tick()
    assert staffed.rows("undo_hold") == []

    staffed.run("delta")

    assert staffed.disabled() == {"u1"}


def test_preview_of_an_undo_keeps_nothing_held(staffed):
    staffed.leave(1)
    first = staffed.run()
    staffed.rules(DISABLE.replace("limit: 2", "limit: 0"))
    undo(staffed, first)
    undo(staffed, first, commit=False)
    staffed.reject(*staffed.suspended())
    assert staffed.rows("undo_hold") == []


# --- the rule changes --------------------------------------------------------------------------


@both_databases
def test_rule_that_was_touched_meanwhile_does_not_redo_what_was_undone(staffed):
    staffed.leave(1, 2)
    first = staffed.run()
    assert staffed.disabled() == {"u1", "u2"}
    touched = "account.enabled and hr.name != 'x'"
    staffed.rules(DISABLE.replace("account.enabled", touched))

    undo(staffed, first)
    run = staffed.run("full")

    assert staffed.disabled() == set()
    assert run.counts.proposed == 0
    assert "2 held back" in run.rules["disable-leaver"].reason
    staffed.rules(DISABLE.replace("account.enabled", f"{touched} and hr.name != 'y'"))
    staffed.run("full")
    assert staffed.disabled() == set()


# --- several undos of one object ---------------------------------------------------------------

BOTH = """\
ruleset: flows
rules:
  - {id: flow, kind: update, target: account, throttle: 1s, threshold: {limit: LIMIT},
     set: {title: hr.title, office: hr.company}}
"""


def staff(world: World, *, limit: int) -> World:
    """Six accounts, whose title and office come from HR."""
    world.rules(BOTH.replace("LIMIT", str(limit)))
    for number in range(1, 7):
        world.person(number, title="A", company="X")
        world.account(number, title="A", office="X")
    world.run("full")
    return world


def move(world: World, number: int, **attributes: str) -> Run:
    world.change(number, **attributes)
    return world.run("delta")


@both_databases
def test_second_undo_of_an_object_waits_for_the_first_and_voids_nothing(world):
    flows = staff(world, limit=2)
    titled = move(flows, 1, title="B")
    moved = move(flows, 1, company="Y")
    flows.rules(BOTH.replace("LIMIT", "0"))
    undo(flows, moved)
    (waiting,) = flows.suspended()
    flows.approve(waiting)

    for commit in (False, True):
        second, undone = undo(flows, titled, commit=commit)
        assert second.counts.proposed == 0
        assert why(undone) == [
            (
                "waiting",
                f"run {waiting.run} undoes another of its changes: undo it after {waiting.id}, "
                "which is approved",
            )
        ]

    assert flows.again(waiting).state is ActionState.APPROVED
    flows.run("delta")
    assert (flows.get(1)["title"], flows.get(1)["office"]) == ("B", "X")
    third, undone = undo(flows, titled)
    assert (third.counts.suspended, undone.cannot) == (1, [])


@both_databases
def test_what_two_undos_took_back_is_not_redone_together(world):
    flows = staff(world, limit=2)
    titled = move(flows, 1, title="B")
    moved = move(flows, 1, company="Y")
    undo(flows, moved)
    undo(flows, titled)
    assert (flows.get(1)["title"], flows.get(1)["office"]) == ("A", "X")

    run = flows.run("full")

    assert run.counts.proposed == 0
    assert (flows.get(1)["title"], flows.get(1)["office"]) == ("A", "X")


def test_two_undos_of_one_attribute_hold_what_lies_between_them_too(world):
    flows = staff(world, limit=2)
    once = move(flows, 1, title="B")
    twice = move(flows, 1, title="C")
    undo(flows, twice)
    undo(flows, once)
    assert flows.get(1)["title"] == "A"

    flows.run("full")
    assert flows.get(1)["title"] == "A"

    move(flows, 1, title="B")
    assert flows.get(1)["title"] == "A"
    move(flows, 1, title="D")
    assert flows.get(1)["title"] == "D"


@both_databases
def test_undone_attribute_stays_while_others_of_the_same_rule_flow(world):
    flows = staff(world, limit=2)
    titled = move(flows, 1, title="B")
    done, _ = undo(flows, titled)

    run = move(flows, 1, company="Y")

    assert (flows.get(1)["title"], flows.get(1)["office"]) == ("A", "Y")
    assert run.counts.succeeded == 1
    texts = [row[-1] for row in flows.rows("verdict_row") if "held" in row]
    assert f"held back (title): undone by run {done.id}; it holds until" in texts[-1]


def test_two_changes_of_one_run_to_one_object_are_taken_back_one_after_the_other(world):
    flows = staff(world, limit=2)
    titled = move(flows, 1, title="B")
    moved = move(flows, 1, company="Y")
    flows.execute("UPDATE action SET run = ? WHERE run = ?", titled.id, moved.id)

    _, undone = undo(flows, titled)

    text = "a later change of the same run is taken back first; undo the run again then"
    assert why(undone) == [("waiting", text)]
    assert (flows.get(1)["title"], flows.get(1)["office"]) == ("B", "X")
    undo(flows, titled)
    assert (flows.get(1)["title"], flows.get(1)["office"]) == ("A", "X")


MEMBERS = """\
ruleset: members
defaults: {throttle: 1s, threshold: {limit: 5, members: 5}}
rules:
  - {id: sales, kind: membership, group: {slot: team, where: "cn == 'sales'"}, member: account,
     when: "hr.title == 'sales'", mode: authoritative}
"""


def test_membership_that_was_given_back_is_taken_again_only_after_it_was_wanted_once(world):
    world.rules(MEMBERS)
    world.people(range(1, 5), title="sales")
    world.group("sales", "u1", "u2", "u3", "u4")
    world.run("full")
    world.change(1, title="clerk")
    undo(world, world.run("delta"))
    world.run("full")
    assert set(world.members("sales")) == {"u1", "u2", "u3", "u4"}

    move(world, 1, title="sales")
    assert world.rows("undo_hold") == []
    move(world, 1, title="clerk")

    assert set(world.members("sales")) == {"u2", "u3", "u4"}


# --- identities that become one ----------------------------------------------------------------


@both_databases
def test_what_was_undone_stays_so_for_the_older_identity_of_two_that_become_one(world):
    world.person(7, status="left")
    world.run("full")
    world.people(range(1, 5))
    world.run("full")
    world.leave(1)
    undo(world, world.run("delta"))
    assert world.identity(7) < world.identity(1)
    world.hr.remove("person", "e1")
    world.dir.put("account", "u1", {"uid": "u1", "number": "e7", "active": "true"})

    for kind in ("delta", "delta", "full"):
        world.run(kind)

    assert world.disabled() == set()
    owners = [row[1] for row in world.rows("undo_hold")]
    assert world.identity(7) in owners


# --- what it costs -----------------------------------------------------------------------------


def test_groups_are_read_together_however_many_there_are(tmp_path):
    everywhere = MEMBERS.replace("cn == 'sales'", "cn != ''").replace("limit: 5", "limit: 50")
    for size in (2, 20):
        world = World(tmp_path / str(size), everywhere.replace("authoritative", "additive"))
        world.people(range(1, 4), title="clerk")
        for number in range(size):
            world.group(f"g{number}", "u2", "u3")
        world.run("full")
        first = move(world, 1, title="sales")
        assert first.counts.succeeded == size
        with traced(world) as statements:
            undo(world, first, commit=False)
        together = [each for each in statements if "SELECT object, target FROM reference" in each]
        assert len(together) == 1
        world.close()


def test_delta_reads_open_undos_once_however_often_others_join_it(staffed):
    staffed.leave(1)
    first = staffed.run("delta")
    staffed.rules(DISABLE.replace("limit: 2", "limit: 0"))
    undo(staffed, first)
    (waiting,) = staffed.suspended()
    staffed.change(1, title="new")
    staffed.scan()

    def joins() -> None:
        staffed.change(5, title="new")
        staffed.scan()

    staffed.meanwhile.done = [joins, joins]
    with traced(staffed) as statements:
        run = staffed.sync("delta")

    assert run.counts.identities == 2
    assert sum(f"action.id IN ('{waiting.id}')" in each for each in statements) == 1


# --- rules that are gone -----------------------------------------------------------------------

LISTED = DISABLE.replace("throttle: 1s,", "throttle: 1s, vip: [executives],")
ONLY_LISTED = "vip: [{name: executives, when: \"hr.level == 'C'\", expires: 72h, global: false}]"


@both_databases
def test_undo_of_a_rule_that_is_gone_asks_about_everybody_whom_any_vip_rule_names(world):
    world.rules(LISTED, more=ONLY_LISTED)
    world.people(range(1, 7), level="A")
    world.run("full")
    world.leave(1)
    first = world.run("delta")
    world.change(1, level="C")
    world.run("delta")
    world.rules(NO_RULES)

    undone, _ = undo(world, first)

    assert world.disabled() == {"u1"}
    (waiting,) = world.suspended()
    assert (waiting.vip, undone.counts.queued) == ("executives", 0)
    world.approve(waiting)
    world.run("delta")
    assert world.disabled() == set()


def test_undo_of_a_rule_that_is_of_another_kind_by_now_is_measured_as_what_it_was(world):
    world.rules(LISTED, more=ONLY_LISTED)
    world.people(range(1, 7), level="C")
    world.change(2, level="A")
    world.run("full")
    world.leave(2)
    first = world.run("delta")
    assert world.disabled() == {"u2"}
    world.rules(
        "ruleset: leavers\nrules:\n"
        "  - {id: disable-leaver, kind: event, when: \"hr.status == 'left'\", throttle: 1s,\n"
        '     do: {webhook: "https://hooks.example.org/left"}, threshold: {limit: 100}}\n'
    )

    undone, _ = undo(world, first)

    report = undone.rules["undo:disable-leaver"]
    assert (report.limit_text, report.population) == ("5% of 6", 6)
    assert world.disabled() == set()


# --- silos that are not written any more -------------------------------------------------------


def test_undo_in_a_silo_that_is_read_only_by_now_says_so_beforehand(tmp_path, monkeypatch):
    world = World(tmp_path)
    world.people(range(1, 4))
    world.run("full")
    world.leave(1)
    first = world.run()
    monkeypatch.setattr(
        "tests.worlds.CONFIGURATION", CONFIGURATION.replace("write: true", "write: false")
    )
    world.rules(NO_RULES)

    for commit in (False, True):
        run, undone = undo(world, first, commit=commit)
        assert why(undone) == [("read_only", "the silo dir is read only: `write: false`")]
        assert run.counts.proposed == 0
    assert world.rows("undo_hold") == []
    world.close()
