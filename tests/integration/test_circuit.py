"""A silo that is not reached is paused by the engine, tried again later, and told of once."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from hypersync.cli.silo_state import pause_state, pause_text
from hypersync.errors import NothingWritten, SiloPaused, SiloRefused, SiloUnreachable
from hypersync.insight.dashboard import silos_now
from hypersync.insight.notices import notices
from hypersync.model.actions import ActionState
from hypersync.model.circuit import CircuitTerms
from hypersync.model.objects import Operation, Refused, RetryAfter, Unknown
from hypersync.model.requests import RequestState
from hypersync.model.scans import ScanState
from hypersync.pipeline.circuit import circuits_of
from hypersync.pipeline.outcomes import MOST_ATTEMPTS
from tests.circuits import CIRCUIT, MANY, Watched, mails, watched, watched_actions, with_door
from tests.postgresql import both_databases

__all__ = ["watched"]


@pytest.fixture
def opened(watched):
    """Its directory was not reached three times while six titles were to be written."""
    watched.retitle("new")
    watched.dir.faults.unreachable = "no route to host"
    watched.try_to_write(3)
    return watched


# --- it opens ------------------------------------------------------------------------------------


@both_databases
def test_a_silo_that_fails_again_and_again_is_paused_and_its_actions_wait(opened):
    assert opened.state.failures == 3
    assert opened.paused == {"dir"}
    assert set(opened.titles()) == {"old"}
    before = opened.door.opened
    opened.dir.faults.unreachable = None
    opened.try_to_write(3)  # it would answer by now, and is left alone all the same
    assert opened.door.opened == before
    assert set(opened.titles()) == {"old"}
    with opened.app.store.snapshot() as unit:
        due = unit.actions.due(opened.clock.now() + timedelta(days=1))
    assert due == {("dir", Operation.UPDATE): 6}


def test_an_answer_in_between_begins_the_count_anew(watched):
    watched.retitle("new")
    watched.fail_to_write(2)
    watched.try_to_write(1)
    assert set(watched.titles()) == {"new"}
    watched.retitle("newer")
    watched.dir.faults.unreachable = "no route to host"
    watched.try_to_write(2)
    assert watched.paused == set()
    assert watched.state.failures == 2


def test_a_refused_sign_in_pauses_at_once_and_is_not_tried_again(watched):
    watched.retitle("new")
    watched.dir.faults.refused = "the password is wrong"
    before = watched.door.opened
    watched.try_to_write(3)
    assert watched.door.opened == before + 1
    assert watched.paused == {"dir"}
    assert "because the password is wrong" in watched.state.sentence


def test_a_scan_that_cannot_get_in_counts_and_a_paused_silo_is_not_scanned(watched):
    watched.dir.faults.unreachable = "no route to host"
    for _ in range(3):
        (report,) = watched.app.scan(["dir"])
        assert (report.state, report.reason) == (ScanState.FAILED, "no route to host")
    before = watched.door.opened
    watched.dir.faults.unreachable = ""
    (report,) = watched.app.scan(["dir"])
    assert watched.door.opened == before
    assert report.state is ScanState.FAILED
    assert report.reason.startswith("paused by the engine since 2026-03-02 08:01 UTC, because no r")


def test_a_scan_that_fails_because_of_what_it_read_is_no_failure_to_reach_the_silo(watched):
    watched.dir.faults.break_after = 0
    for _ in range(5):
        watched.app.scan(["dir"], full=True)
    assert watched.state.failures == 0


def test_refusals_of_single_changes_are_answers(watched):
    watched.retitle("new")
    watched.fail_to_write(2)
    watched.dir.faults.outcomes.extend([Refused("no right")] * 6)
    watched.try_to_write(1)
    assert (watched.state.failures, watched.paused) == (0, frozenset())


def test_batches_of_which_nobody_knows_what_became_count_once_each(watched):
    watched.retitle("new")
    watched.dir.faults.outcomes.extend([Unknown("500 Internal Server Error")] * 6)
    watched.try_to_write(1)
    assert watched.state.failures == 1


def test_to_be_asked_to_wait_counts_neither_way(watched):
    watched.retitle("new")
    watched.fail_to_write(2)
    watched.dir.faults.outcomes.extend([RetryAfter(timedelta(minutes=1), "busy")] * 6)
    watched.try_to_write(1)
    assert (watched.state.failures, watched.paused) == (2, frozenset())


def test_a_silo_that_breaks_off_whenever_it_is_read_back_is_paused(watched):
    watched.retitle("new")
    watched.dir.faults.unknown_after_write = 6
    watched.try_to_write(1)
    watched.dir.faults.unreachable = "no route to host"
    watched.try_to_write(2)
    assert watched.paused == {"dir"}
    before = watched.door.opened
    watched.try_to_write(2)
    assert watched.door.opened == before


def test_a_silo_that_asks_to_wait_at_the_first_of_a_batch_does_not_fail(watched):
    watched.retitle("new")
    waits = RetryAfter(timedelta(seconds=5), "429")
    watched.dir.faults.outcomes.extend([waits, *[replace(waits, is_lost=True)] * 5])
    watched.try_to_write(1)
    assert watched.state.failures == 0
    assert sorted(each.attempts for each in watched_actions(watched)) == [0, 0, 0, 0, 0, 1]


class NeverBegun:
    """A directory that lets in and then refuses before anything is written."""

    can_write = True

    def __init__(self, inner, error) -> None:
        self._inner, self._error = inner, error

    def __getattr__(self, name):
        return getattr(self._inner, name)

    @contextmanager
    def open(self):
        with self._inner.open() as session:
            session.apply = self._refuse
            yield session

    def _refuse(self, changes):
        raise NothingWritten("not as far as the first change") from self._error


@pytest.mark.parametrize(
    ("error", "is_paused"), [(SiloUnreachable("gone"), False), (SiloRefused("password"), True)]
)
def test_what_was_not_begun_waits_and_is_not_in_doubt(watched, error, is_paused):
    watched.retitle("new")
    app = watched.app
    watched.app = with_door(app, "dir", NeverBegun(app.connectors["dir"], error))
    watched.try_to_write(1)
    assert {each.state for each in watched_actions(watched)} == {ActionState.QUEUED}
    assert bool(watched.paused) is is_paused
    assert watched.state.failures == 1
    watched.app = app
    watched.later(minutes=11)
    watched.sync()
    assert set(watched.titles()) == {"new"}


def test_what_could_not_begin_for_long_is_not_given_up_at_the_first_request_to_wait(opened):
    for _ in range(MOST_ATTEMPTS + 1):
        opened.later(hours=1)
        opened.sync()
    opened.dir.faults.unreachable = ""
    opened.dir.faults.outcomes.extend([RetryAfter(timedelta(minutes=1), "busy")] * 6)
    opened.later(hours=1)
    opened.sync()
    assert {each.state for each in watched_actions(opened)} == {ActionState.QUEUED}
    for _ in range(2):
        opened.later(hours=1)
        opened.sync()
    assert set(opened.titles()) == {"new"}


# --- it is tried again ---------------------------------------------------------------------------


@both_databases
def test_when_the_pause_is_over_one_action_tries_and_an_answer_lets_the_others_follow(opened):
    opened.dir.faults.unreachable = ""
    opened.later(minutes=11)
    opened.sync()
    assert set(opened.titles()) == {"new"}
    assert opened.paused == set()
    assert opened.events() == ["circuit_opened", "circuit_closed"]


def test_a_try_is_a_single_action_and_its_failure_begins_a_longer_pause(opened):
    opened.dir.faults.unreachable = ""
    opened.dir.faults.outcomes.append(Unknown("502 Bad Gateway"))
    opened.later(minutes=11)
    before = opened.door.opened
    opened.sync()
    assert opened.door.opened == before + 1
    assert set(opened.titles()) == {"old"}
    assert not opened.dir.faults.outcomes  # one change was asked for, and no more
    assert opened.state.until - opened.clock.now() == timedelta(minutes=20)
    assert opened.paused == {"dir"}


def test_pauses_grow_to_the_longest_and_no_further(opened):
    since, spans = opened.state.opened_at, []
    for _ in range(4):
        opened.later(hours=1)
        opened.sync()
        spans.append(opened.state.until - opened.clock.now())
    assert spans == [timedelta(minutes=20), *[timedelta(minutes=30)] * 3]
    assert opened.state.opened_at == since


def test_a_scan_may_be_the_try_and_its_answer_ends_the_pause(opened):
    opened.dir.faults.unreachable = ""
    opened.later(minutes=11)
    opened.scan("dir")
    assert opened.paused == set()
    opened.sync()
    assert set(opened.titles()) == {"new"}


def test_a_scan_whose_cursor_is_lost_is_one_try_with_the_full_scan_that_follows(opened):
    opened.dir.faults.unreachable = ""
    opened.dir.forget_changes()
    opened.later(minutes=11)
    opened.scan("dir")
    assert opened.paused == set()


def test_what_lost_its_outcome_is_read_back_by_the_try(watched):
    watched.retitle("new")
    watched.dir.faults.unknown_after_write = 6
    watched.try_to_write(1)
    watched.fail_to_write(2)
    watched.later(minutes=11)
    watched.sync()
    assert watched.paused == set()
    assert {row.state for row in watched_actions(watched)} == {ActionState.SUCCEEDED}


@both_databases
def test_of_several_processes_one_tries(opened):
    opened.later(minutes=11)
    now = opened.clock.now()
    circuits = [circuits_of(opened.app.engine)("dir") for _ in range(3)]
    ways = []
    for each in circuits:
        with opened.app.store.begin() as unit:
            ways.append(each.enter(unit, now).value)
    assert ways == ["trial", "shut", "shut"]
    opened.dir.faults.unreachable = ""
    opened.sync()  # it is tried elsewhere
    assert set(opened.titles()) == {"old"}


def test_a_process_that_dies_in_its_try_leaves_the_silo_paused(opened):
    opened.later(minutes=11)
    with opened.app.store.begin() as unit:
        circuits_of(opened.app.engine)("dir").enter(unit, opened.clock.now())
    opened.rules(MANY)  # the next process
    assert opened.state.until - opened.clock.now() == timedelta(minutes=10)
    opened.dir.faults.unreachable = ""
    opened.later(minutes=11)
    opened.sync()
    assert set(opened.titles()) == {"new"}


def test_what_fails_late_does_not_lengthen_a_pause_that_began_meanwhile(opened):
    until = opened.state.until
    late = circuits_of(opened.app.engine)("dir")
    with opened.app.store.begin() as unit:
        late.broke(unit, SiloUnreachable("reset by peer"), opened.clock.now())
    assert opened.state.until == until


# --- the state -----------------------------------------------------------------------------------


@both_databases
def test_a_restart_forgets_neither_failures_nor_a_pause(watched):
    watched.retitle("new")
    watched.dir.faults.unreachable = "no route to host"
    for _ in range(3):
        watched.rules(MANY)
        watched.try_to_write(1)
    watched.rules(MANY)
    assert watched.paused == {"dir"}
    watched.dir.faults.unreachable = ""
    watched.try_to_write(1)
    assert watched.door.opened == 0
    assert set(watched.titles()) == {"old"}


@pytest.mark.parametrize(
    "broken",
    ["until = 'tomorrow'", "until = NULL", "opened_at = 'x'", "pauses = 'many'", "pauses = 0"],
)
def test_a_state_that_cannot_be_read_holds_the_silo_until_people_resume_it(opened, broken):
    opened.dir.faults.unreachable = ""
    opened.execute(f"UPDATE circuit SET {broken}")  # noqa: S608 - a test says it
    opened.later(days=30)
    opened.sync()
    (report,) = opened.app.scan(["dir"])
    assert "resume it to go on" in report.reason
    assert set(opened.titles()) == {"old"}
    with opened.app.store.begin() as unit:
        unit.silos.resume("dir")
    opened.sync()
    assert set(opened.titles()) == {"new"}


def test_a_silo_that_people_paused_too_stays_paused_when_it_answers(opened):
    with opened.app.store.begin() as unit:
        unit.silos.pause("dir", "maintenance")
    opened.dir.faults.unreachable = ""
    opened.later(minutes=11)
    opened.scan("dir")  # people pause writing, not reading
    opened.sync()
    assert opened.paused == {"dir"}
    assert set(opened.titles()) == {"old"}


def test_other_silos_go_on(opened):
    opened.retitle("newer")  # reads HR
    assert opened.paused == {"dir"}


# --- people --------------------------------------------------------------------------------------


def test_people_get_one_mail_however_often_the_silo_is_paused_again(opened):
    for _ in range(3):
        opened.later(hours=1)
        opened.sync()
    (message,) = mails(opened)
    text = message.text.replace("\n", " ")
    assert (
        "The silo dir is paused by the engine after 3 failures in a row: no route to host" in text
    )
    assert "hypersync silo resume dir" in text
    (incident,) = opened.incidents()
    assert incident.state is RequestState.OPEN


def test_the_incident_ends_when_the_silo_answers_and_the_next_pause_is_told_again(opened):
    mails(opened)
    opened.dir.faults.unreachable = ""
    opened.later(minutes=11)
    opened.sync()
    assert opened.incidents(RequestState.OPEN) == []
    (message,) = mails(opened)
    assert message.subject.startswith("Re: ")
    assert "Over" in message.text
    assert "Its cause is gone." in message.text
    opened.retitle("newer")
    opened.dir.faults.unreachable = "no route to host"
    opened.try_to_write(3)
    assert len(opened.incidents(RequestState.OPEN)) == 1
    assert len(opened.incidents()) == 2


def test_it_is_said_since_when_and_why_everywhere(opened):
    since = "paused by the engine since 2026-03-02 08:07 UTC, because no route to host"
    state = pause_state(opened.app, "dir")
    assert state["paused"] is True
    assert str(state["reason"]).startswith(since)
    assert state["circuit"] == {
        "since": opened.state.opened_at,
        "until": opened.state.until,
        "because": "no route to host",
        "failures": 3,
    }
    with opened.app.store.snapshot() as unit:
        (_, now) = silos_now(unit, ["hr", "dir"])
        told = [
            each.text
            for each in notices(unit, opened.app.engine, opened.clock.now(), has_sign_in=True)
        ]
    assert now.is_paused
    assert now.paused_because.startswith(since)
    assert any(each.startswith(f"The silo dir is {since}") for each in told)
    json.dumps({**state, "circuit": None})
    assert pause_text(state).startswith(f"dir is {since}")


def test_who_pauses_what_the_engine_paused_is_told_beside_it(opened):
    with opened.app.store.begin() as unit:
        unit.silos.pause("dir", "paused for the audit")
        (told,) = [
            each.text
            for each in notices(unit, opened.app.engine, opened.clock.now(), has_sign_in=True)
            if "paused" in each.text
        ]
    state = pause_state(opened.app, "dir")
    assert state["paused_by"] == ["people", "engine"]
    both = "paused: paused for the audit; paused by the engine since"
    assert pause_text(state).startswith(f"dir is {both}")
    assert both in told.replace("; nothing is written to it", "")


def test_a_scan_in_the_pause_says_what_to_do(opened):
    entrance = circuits_of(opened.app.engine)("dir")
    with (
        opened.app.store.begin() as unit,
        pytest.raises(SiloPaused, match=r"at once when it is resumed"),
    ):
        entrance.check(unit, opened.clock.now())


def test_the_configuration_says_when_and_how_long(tmp_path):
    made = Watched(tmp_path, MANY, limits=CIRCUIT)
    wanted = CircuitTerms(failures=3, pause=timedelta(minutes=10), longest=timedelta(minutes=30))
    assert made.app.engine.circuits == {"hr": CircuitTerms(), "dir": wanted}
    made.close()


def test_a_refusal_behind_another_error_is_one(watched):
    circuit = circuits_of(watched.app.engine)("dir")
    error = SiloUnreachable("nobody let us in")
    error.__cause__ = SiloRefused("the password is wrong")
    with watched.app.store.begin() as unit:
        circuit.shut_out(unit, error, watched.clock.now())
    assert watched.paused == {"dir"}
