"""Other rules over a history that really happened: what they do, stop and miss."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import timedelta

import pytest

from hypersync.config.load import load_configuration
from hypersync.errors import ConfigurationError, NotFound
from hypersync.rehearse import Fate, Rehearsal, rehearse
from tests.postgresql import both_databases
from tests.worlds import DISABLE, START, World

PROVISION = """\
  - {id: provision, kind: provision, target: account, when: "hr.status == 'active'", throttle: 1s,
     set: {uid: "'u' + hr.id[1:]", number: hr.id, title: hr.title, active: {text: "true"}}}
"""
TITLE = """\
  - {id: flow-title, kind: update, target: account, throttle: 1s, set: {title: hr.title},
     threshold: {limit: 20}}
"""
RULES = DISABLE + PROVISION + TITLE


def rehearsed(world: World, text: str, *, days: int = 60) -> Rehearsal:
    folder = world.folder / "new"
    folder.mkdir(exist_ok=True)
    (folder / "rules.yaml").write_text(text, encoding="utf-8")
    file = world.folder / "config" / "hypersync.yaml"
    configuration = load_configuration(file, None, process_environment={}, rules=folder)
    since = world.clock.now() - timedelta(days=days)
    return rehearse(world.app, configuration, since=since)


def fates(rehearsal: Rehearsal) -> set[tuple[str, str | None, Fate | None, Fate | None]]:
    return {
        (
            each.effect.operation.value,
            each.effect.anchor or each.effect.title,
            each.was,
            each.would_be,
        )
        for each in rehearsal.differences
    }


def day(world: World, kind: str = "delta"):
    world.later(days=1)
    world.scan()
    run = world.sync(kind)
    world.app.tick()
    return run


def weeks(world: World) -> None:
    """Three weeks: joiners, leavers, new titles, a threshold that tripped, somebody interfering."""
    world.rules(RULES)
    world.people(range(20), title="clerk")
    world.scan()
    world.sync("full")
    for number in range(20, 24):
        world.person(number, title="clerk")
        day(world)
    world.leave(1, 2)
    day(world)
    world.change(3, title="chief")
    world.change(21, title="chief")
    day(world)
    world.leave(4, 5, 6)  # three, and two are allowed
    day(world)
    day(world, "full")
    world.dir.put("account", "u7", {"uid": "u7", "number": "e7", "title": "hacked"})
    day(world)
    world.hr.remove("person", "e8")
    world.dir.remove("account", "u9")
    day(world)
    world.leave(10)
    day(world, "full")


@pytest.fixture(scope="module")
def past(tmp_path_factory) -> Iterator[World]:
    """Three weeks that several tests look back on; none changes anything."""
    made = World(tmp_path_factory.mktemp("past"))
    weeks(made)
    yield made
    made.close()


@both_databases
def test_the_same_rules_over_their_own_history_make_no_difference(world):
    weeks(world)
    before = world.tables()
    found = rehearsed(world, RULES)
    assert fates(found) == set()
    assert found.was.done == found.would_be.done
    assert found.was.stopped == found.would_be.stopped
    assert found.was.done["disable-leaver", "disable"] == 2
    assert found.was.done["provision", "create"] == 5
    assert found.was.stopped["disable-leaver", "disable"] >= 4
    assert (found.errors, found.unread) == ({}, [])
    assert found.runs == found.rehearsed == 12
    assert world.tables() == before


def test_the_same_rules_from_any_day_on_make_no_difference(past):
    for ago in range(11):
        found = rehearsed(past, RULES, days=ago)
        assert (ago, fates(found)) == (ago, set())
        assert found.start == past.clock.now() - timedelta(days=ago)
        assert found.known_since < found.start


def test_a_narrower_condition_lists_what_it_would_have_missed(past):
    narrower = RULES.replace("hr.status == 'left'", "hr.status == 'left' and hr.id != 'e2'")
    found = rehearsed(past, narrower)
    assert fates(found) == {("disable", "u2", Fate.DONE, None)}
    assert found.would_be.done["disable-leaver", "disable"] == 1


def test_a_lower_limit_stops_what_went_through(past):
    found = rehearsed(past, RULES.replace("limit: 2}", "limit: 1}"))
    assert fates(found) == {
        ("disable", "u1", Fate.DONE, Fate.STOPPED),
        ("disable", "u2", Fate.DONE, Fate.STOPPED),
    }
    first = found.stopped[0]
    assert (first.rule, first.count, first.reason) == (
        "disable-leaver",
        2,
        "2 actions, 1 allowed",
    )


def test_a_higher_limit_does_what_people_were_asked_about(past):
    found = rehearsed(past, RULES.replace("limit: 2}", "limit: 5}"))
    assert fates(found) == {
        ("disable", f"u{number}", Fate.STOPPED, Fate.DONE) for number in (4, 5, 6, 10)
    }
    assert found.stopped == []


def test_another_value_is_another_change_and_what_follows_is_played_on_it(past):
    found = rehearsed(past, RULES.replace("title: hr.title", "title: upper(hr.title)"))
    updates = {each for each in fates(found) if each[0] == "update"}
    assert ("update", "u3", None, Fate.DONE) in updates
    assert ("update", "u3", Fate.DONE, None) in updates
    assert ("update", "u7", None, Fate.DONE) in updates


def test_a_rule_that_creates_nobody_leaves_nobody_to_update(past):
    found = rehearsed(past, DISABLE + TITLE)
    creates = {each for each in fates(found) if each[0] == "create"}
    assert {each[2:] for each in creates} == {(Fate.DONE, None)}
    assert len(creates) == 5
    assert ("update", "u21", Fate.DONE, None) in fates(found)


def test_a_renamed_rule_makes_no_difference(past):
    renamed = RULES.replace("id: disable-leaver", "id: switch-off").replace(
        "id: provision", "id: p"
    )
    assert fates(rehearsed(past, renamed)) == set()


# --- what was known at the start ---------------------------------------------------------------


def test_what_people_approved_before_the_start_is_released_by_the_first_run(world):
    world.rules(RULES)
    world.people(range(9), title="clerk")
    day(world, "full")
    world.leave(1, 2, 3)
    day(world)
    world.approve(*world.suspended())
    day(world)
    found = rehearsed(world, RULES, days=0)
    assert (found.runs, fates(found)) == (1, set())
    assert found.stopped == []


def test_what_people_decide_is_not_played_again(world):
    world.rules(RULES)
    world.people(range(9), title="clerk")
    day(world, "full")
    world.leave(1, 2, 3)
    day(world)
    world.approve(*world.suspended())
    day(world)
    assert world.disabled() == {"u1", "u2", "u3"}
    found = rehearsed(world, RULES)
    assert fates(found) == set()
    assert (found.stopped[0].rule, found.stopped[0].count) == ("disable-leaver", 3)


def test_a_rejection_before_the_start_holds(world):
    world.rules(RULES)
    world.people(range(9), title="clerk")
    day(world, "full")
    world.leave(1, 2, 3)
    day(world)
    world.reject(*world.suspended())
    day(world)
    day(world, "full")
    found = rehearsed(world, RULES, days=1)
    assert (found.runs, fates(found), found.stopped) == (2, set(), [])


def test_what_was_undone_before_the_start_is_not_redone(world):
    world.rules(RULES)
    world.people(range(9), title="clerk")
    day(world, "full")
    world.leave(1, 2)
    run = day(world)
    assert world.disabled() == {"u1", "u2"}
    world.app.undo(run.id, commit=True)
    day(world)
    day(world, "full")
    found = rehearsed(world, RULES, days=1)
    assert (world.disabled(), fates(found), found.stopped) == (set(), set(), [])


def test_a_throttle_that_began_before_the_start_goes_on(world):
    slow = RULES.replace("throttle: 1s", "throttle: 10d")
    world.rules(slow)
    world.people(range(9), title="clerk")
    day(world, "full")
    for title in ("chief", "clerk", "head"):
        world.change(1, title=title)
        day(world)
    assert fates(rehearsed(world, slow, days=1)) == set()


def test_the_lookback_reaches_to_before_the_start(world):
    world.rules(RULES)
    world.people(range(9), title="clerk")
    day(world, "full")
    world.leave(1, 2)
    day(world)
    for number, minutes in ((3, 20), (4, 20)):
        world.later(minutes=minutes)
        world.scan()
        world.leave(number)
        world.scan()
        world.sync("delta")
    found = rehearsed(world, RULES, days=0)
    assert found.runs == 1
    full = rehearsed(world, RULES.replace("limit: 2}", "limit: 2, lookback: {full: true}}"), days=0)
    assert [each.reason for each in full.stopped] == ["1 action and 2 in the last hour, 2 allowed"]


# --- other kinds of rules and changes ----------------------------------------------------------


EVENT = """\
  - {id: welcome, kind: event, throttle: 1s, when: "hr.status == 'active' and account.exists",
     do: {webhook: "https://intranet.example.org/hook"}}
"""


def test_an_event_rule_fires_for_whom_its_condition_became_true(world):
    world.rules(RULES + EVENT)
    world.people(range(9), title="clerk")
    day(world, "full")
    day(world)
    world.person(20, title="clerk")
    day(world)
    day(world)
    fired = len(world.sink.fired)
    assert fired == 10
    for days in (3, 2, 1, 0):
        assert fates(rehearsed(world, RULES + EVENT, days=days)) == set()
    assert len(world.sink.fired) == fired


def test_a_new_event_rule_is_stopped_for_everybody_it_would_tell_at_once(world):
    world.rules(RULES)
    world.people(range(9), title="clerk")
    day(world, "full")
    day(world)
    found = rehearsed(world, RULES + EVENT.replace("throttle: 1s,", "threshold: {limit: 5},"))
    assert (found.stopped[0].rule, found.stopped[0].count) == ("welcome", 9)
    assert world.sink.fired == []


GROUPS = """  - {id: staff, kind: membership, member: account, mode: authoritative, throttle: 1s,
     group: {slot: team, where: "cn == 'staff'"}, when: "hr.status == 'active'",
     threshold: {limit: 9}}
"""


def test_memberships_are_rehearsed_as_they_came_and_went(world):
    world.rules(RULES + GROUPS)
    world.people(range(4), title="clerk")
    world.group("staff", "u0", "u9")
    day(world, "full")
    world.person(20, title="clerk")
    day(world)
    day(world)
    world.leave(1)
    day(world)
    world.group("staff", *(name for name in world.members("staff") if name != "u2"))
    day(world)
    assert "u2" in world.members("staff")
    for days in (9, 3, 2, 1):
        assert fates(rehearsed(world, RULES + GROUPS, days=days)) == set()
    additive = RULES + GROUPS.replace("authoritative", "additive")
    assert ("remove_member", "staff", Fate.DONE, None) in fates(rehearsed(world, additive))


def test_regrouped_identities_wait_for_a_scan_on_paper_too(world):
    world.rules(DISABLE + TITLE)
    world.people(range(6), title="clerk")
    day(world, "full")
    world.dir.put("account", "u3", {"uid": "u3", "number": "e77", "title": "clerk"})
    world.person(77, title="chief")
    day(world)
    world.dir.put("account", "u4", {"uid": "u4", "number": "e5", "active": "true"})
    day(world)
    day(world)
    for days in (3, 2, 1, 0):
        assert (days, fates(rehearsed(world, DISABLE + TITLE, days=days))) == (days, set())


def test_an_account_that_somebody_else_makes_takes_the_place_of_the_one_on_paper(world):
    world.rules(DISABLE + TITLE)
    world.people(range(4), title="clerk")
    day(world, "full")
    world.person(20, title="clerk")
    day(world)
    world.dir.put("account", "other", {"uid": "other", "number": "e20", "active": "true"})
    day(world)
    world.leave(20)
    day(world)
    found = rehearsed(world, RULES)
    assert ("create", "u20", None, Fate.DONE) in fates(found)
    assert ("disable", "u20", None, Fate.DONE) in fates(found)


def test_what_expires_by_its_rule_is_approved_on_paper_as_it_was(world):
    people = """
people: {ann: {email: ann@example.org, roles: [approver]}}
"""
    rules = RULES.replace("limit: 2}", "limit: 2, on_expiry: approve, expires: 4h}")
    world.rules(rules, more=people)
    world.people(range(9), title="clerk")
    day(world, "full")
    world.leave(1, 2, 3)
    day(world)
    day(world)
    found = rehearsed(world, rules)
    assert found.stopped[0].count == 3
    assert "default_approve_refused" not in {code for _, code in found.errors}


class Interrupting:
    """Somebody presses Ctrl-C when a stage of the work begins."""

    def __init__(self, stage: str) -> None:
        self._stage = stage

    def start(self, what: str, total: int | None = None) -> None:
        if what == self._stage:
            raise KeyboardInterrupt

    def advance(self, count: int = 1) -> None:
        pass


@pytest.mark.parametrize("stage", ["setting the stage", "rehearsing"])
def test_nothing_is_left_behind_when_it_is_interrupted(past, stage, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    configuration = past.app.configuration
    with pytest.raises(KeyboardInterrupt):
        rehearse(past.app, configuration, since=START, progress=Interrupting(stage))
    assert list(tmp_path.iterdir()) == []
    rehearse(past.app, configuration, since=START)
    assert list(tmp_path.iterdir()) == []


# --- what cannot be rehearsed ------------------------------------------------------------------


def test_attributes_that_no_scan_read_are_named(past):
    found = rehearsed(past, RULES.replace("title: hr.title", "title: hr.location"))
    assert found.unread == ["hr/person: location"]


def test_mistakes_in_the_other_rules_are_said_with_file_and_line(past):
    with pytest.raises(ConfigurationError, match=r"new/rules\.yaml:4: .*'nobody'"):
        rehearsed(past, DISABLE.replace("hr.status", "nobody.status"))


def test_without_a_run_there_is_nothing_to_rehearse(world):
    with pytest.raises(NotFound, match="there was no committing sync yet"):
        rehearsed(world, RULES)
    day(world, "full")
    world.later(days=9)
    with pytest.raises(NotFound, match="there was no committing full or delta sync since"):
        rehearsed(world, RULES, days=1)
