"""Who may end the pause of a silo, what is an answer, and what counts as a failure."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta

import pytest

from hypersync.errors import ScanFailed, SiloBusy, SiloRefused
from hypersync.model.actions import ActionState
from hypersync.model.objects import RetryAfter, Unknown
from hypersync.model.requests import RequestState
from hypersync.pipeline import execute
from hypersync.pipeline.circuit import circuits_of, resume
from hypersync.pipeline.outcomes import MOST_ATTEMPTS
from hypersync.store.schema import downgrade, upgrade
from tests.circuits import mails, watched, watched_actions, with_door
from tests.postgresql import both_databases

__all__ = ["watched"]


class Hooked:
    """A connector that counts its sessions, and those refused, and lets tests into each call."""

    can_write = True

    def __init__(self, inner, **hooks) -> None:
        self._inner, self._hooks = inner, hooks
        self.opened = self.refused = 0

    def __getattr__(self, name):
        return getattr(self._inner, name)

    def streams(self):
        streams = self._hooks.get("streams")
        return streams() if streams else self._inner.streams()

    @contextmanager
    def open(self):
        self.opened += 1
        self._hooks.get("at_door", list)()
        try:
            entered = self._inner.open()
            session = entered.__enter__()
        except SiloRefused:
            self.refused += 1
            raise
        for name in ("apply", "read", "scan"):
            if name in self._hooks:
                setattr(session, name, self._hooked(name, getattr(session, name)))
        yield session

    def _hooked(self, name, real):
        return lambda *given: self._hooks[name](real, *given)


def hook(world, **hooks) -> Hooked:
    """Put a hooked connector in the place of the directory's."""
    door = Hooked(world.app.connectors["dir"], **hooks)
    world.app = with_door(world.app, "dir", door)
    return door


@pytest.fixture
def opened(watched):
    """It was not reached three times, and would answer by now."""
    watched.retitle("new")
    watched.fail_to_write(3)
    assert watched.paused == {"dir"}
    return watched


# --- who may close -------------------------------------------------------------------------------


def test_what_is_written_over_an_old_session_opens_no_door_that_a_refusal_shut(
    watched, monkeypatch
):
    monkeypatch.setattr(execute, "BATCH", 1)
    watched.retitle("new")

    def apply(real, changes):  # another thread scans, after the password was changed
        watched.dir.faults.refused = "wrong password"
        watched.app.scan(["dir"])
        return real(changes)

    door = hook(watched, apply=apply)
    watched.try_to_write(1)
    assert (door.refused, watched.paused) == (1, {"dir"})
    assert watched.events() == ["circuit_opened"]
    assert sorted(watched.titles()) == ["new", *["old"] * 5]
    assert len(mails(watched)) == 1


def test_a_scan_over_an_old_session_opens_no_door_that_a_refusal_shut(watched):
    watched.retitle("new")

    def scan(real, types, cursor):
        watched.dir.faults.refused = "wrong password"
        watched.sync()
        yield from real(types, cursor)

    hook(watched, scan=scan)
    watched.later(minutes=2)
    watched.app.scan(["dir"], full=True)
    assert watched.paused == {"dir"}
    assert watched.events() == ["circuit_opened"]


@both_databases
def test_of_tries_that_overlap_the_last_one_closes(opened):
    first, last = (circuits_of(opened.app.engine)("dir") for _ in range(2))
    for each in (first, last):
        opened.later(minutes=31)
        with opened.app.store.begin() as unit:
            assert each.enter(unit, opened.clock.now()).value == "trial"
    for each, paused in ((first, {"dir"}), (last, set())):
        with opened.app.store.begin() as unit:
            each.answered(unit, opened.clock.now())
        assert opened.paused == paused


# --- how a try ends ------------------------------------------------------------------------------


def test_a_scan_that_fails_because_of_what_it_read_ends_the_pause(opened):
    opened.dir.faults.break_after = 0
    opened.later(minutes=31)
    opened.app.scan(["dir"])
    assert opened.paused == set()
    opened.sync()
    assert set(opened.titles()) == {"new"}


def test_an_object_that_may_not_be_read_back_ends_the_pause(watched):
    watched.retitle("new")
    watched.dir.faults.unknown_after_write = 1
    watched.try_to_write(1)
    watched.retitle("newer")
    watched.fail_to_write(4)
    assert watched.paused == {"dir"}

    def read(_real, _kind, _anchor):
        raise SiloRefused("the answer is larger than the server allows")

    hook(watched, read=read)
    watched.later(minutes=31)
    watched.sync()
    assert watched.paused == set()
    assert "newer" in watched.titles()


def test_a_try_that_is_asked_to_wait_ends_the_pause(opened):
    opened.dir.faults.outcomes.append(RetryAfter(timedelta(seconds=5), "429"))
    opened.later(minutes=11)
    opened.sync()
    assert opened.paused == set()
    assert opened.titles().count("new") == 5


@both_databases
def test_a_try_in_which_no_session_was_asked_for_is_given_back(opened, monkeypatch):
    held = []

    def hand_over(_vault, actions, _changes):  # as if the vault refused the first one
        held.extend(each.id for each in actions if not held)
        later = RetryAfter(timedelta(minutes=1), "not created, because the vault says no")
        return {each.id: later for each in actions if each.id in held}

    monkeypatch.setattr(execute, "hand_over", hand_over)
    opened.later(minutes=11)
    opened.sync()
    assert opened.paused == set()
    assert opened.titles().count("new") == 5


def test_a_silo_that_asks_to_wait_at_its_door_counts_neither_way(watched):
    busy = []

    def at_door():
        if busy:
            raise SiloBusy("503 Service Unavailable")

    hook(watched, at_door=at_door)
    watched.retitle("new")
    watched.dir.faults.unreachable = "no route to host"
    watched.try_to_write(2)
    busy.append(True)
    watched.try_to_write(3)
    watched.app.scan(["dir"])
    assert (watched.state.failures, watched.paused) == (2, set())
    busy.clear()
    watched.try_to_write(1)
    assert watched.paused == {"dir"}
    watched.later(minutes=11)
    busy.append(True)
    watched.sync()
    assert watched.state.pauses == 1
    assert watched.state.is_due(watched.clock.now())  # the try was given back


# --- what counts ---------------------------------------------------------------------------------


def test_a_server_that_lets_in_and_then_goes_away_is_paused_and_uses_up_no_attempts(watched):
    watched.retitle("new")

    def apply(real, changes):  # as the session of a directory answers that is lost
        real.__self__.is_lost = True
        return [RetryAfter(timedelta(seconds=30), "the server went away")] * len(changes)

    door = hook(watched, apply=apply)
    watched.try_to_write(3)
    assert watched.paused == {"dir"}
    for _ in range(MOST_ATTEMPTS):
        watched.later(hours=1)
        watched.sync()
    assert door.opened == 3 + MOST_ATTEMPTS
    assert {(each.state, each.attempts) for each in watched_actions(watched)} == {
        (ActionState.QUEUED, 0)
    }


def test_a_silo_of_many_types_is_tried_once_a_scan_when_it_is_not_reached(watched):
    kinds = watched.app.connectors["dir"].streams()[0]
    door = hook(watched, streams=lambda: tuple((each,) for each in kinds))
    assert len(kinds) > 1
    watched.dir.faults.unreachable = "one blip"
    (report,) = watched.app.scan(["dir"])
    assert (watched.state.failures, door.opened) == (1, 1)
    assert report.reason == "one blip"


def test_streams_that_break_off_count_once_a_scan(watched):
    kinds = watched.app.connectors["dir"].streams()[0]

    def scan(_real, _types, _cursor):
        raise ScanFailed("the session broke off") from OSError("reset by peer")

    door = hook(watched, streams=lambda: tuple((each,) for each in kinds), scan=scan)
    watched.app.scan(["dir"])
    assert (watched.state.failures, door.opened) == (1, len(kinds))


def test_what_a_silo_took_and_does_not_show_is_an_answer(watched, monkeypatch):
    monkeypatch.setattr(execute, "BATCH", 1)
    watched.retitle("new")

    def apply(real, changes):
        real(changes)
        return [Unknown("accepted, and not shown", is_lost=False)] * len(changes)

    hook(watched, apply=apply)
    watched.try_to_write(1)
    assert (watched.state.failures, watched.paused) == (0, set())


# --- people --------------------------------------------------------------------------------------


def test_an_incident_that_is_left_over_keeps_nobody_from_hearing_of_the_next_pause(opened):
    mails(opened)
    opened.execute("DELETE FROM circuit")
    opened.dir.faults.unreachable = "the second outage"
    opened.try_to_write(3)
    (incident,) = opened.incidents(RequestState.OPEN)
    assert "the second outage" in incident.sentence
    assert len(mails(opened)) == 1


@both_databases
def test_a_step_back_to_before_there_were_circuits_ends_what_was_told_of_them(opened):
    engine = opened.app.store.engine
    downgrade(engine, "0003")
    upgrade(engine)
    (incident,) = opened.incidents()
    assert incident.state is RequestState.VOID
    assert mails(opened) == []  # not sent yet, and not true any more


def test_resuming_a_silo_that_is_not_paused_any_more_ends_what_was_told_of_it(opened):
    mails(opened)
    opened.execute("DELETE FROM circuit")
    with opened.app.store.begin() as unit:
        engine = opened.app.engine
        resume(unit, "dir", opened.clock.now(), engine.open_request, engine.tell_end)
    assert opened.incidents(RequestState.OPEN) == []


def test_the_mail_about_a_resumed_silo_does_not_say_that_it_answers(opened):
    mails(opened)
    with opened.app.store.begin() as unit:
        engine = opened.app.engine
        resume(unit, "dir", opened.clock.now(), engine.open_request, engine.tell_end)
    (message,) = mails(opened)
    text = message.text.replace("\n", " ")
    assert "Resumed" in text
    assert "Its cause is gone." not in text
    assert "the next sync or scan finds out" in text


def test_people_hear_that_the_door_refuses_what_was_out_of_reach_before(opened):
    mails(opened)
    opened.dir.faults.refused = "wrong password"
    for _ in range(3):
        opened.later(hours=1)
        opened.sync()
    (message,) = mails(opened)
    assert "wrong password" in message.text.replace("\n", " ")
    (incident,) = opened.incidents(RequestState.OPEN)
    assert "wrong password" in incident.sentence
