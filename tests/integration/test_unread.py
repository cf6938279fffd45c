"""Changes of unknown outcome whose object cannot be read: given up, and nothing waits for them."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from hypersync.errors import SiloBusy, SiloRefused, SiloUnreachable
from hypersync.model.actions import ActionState
from hypersync.model.objects import Unknown
from hypersync.pipeline.outcomes import MOST_ATTEMPTS
from tests.circuits import watched, watched_actions
from tests.integration.test_circuit_servers import PEOPLE_THERE
from tests.integration.test_circuit_tries import hook
from tests.integration.test_poisoned_writes import (
    POISON,
    POISONED,
    SCIM,
    Poisoned,
    scim_people,
)
from tests.scim_service import ScimServer, problem

__all__ = ["watched"]

S = ActionState
GIVEN_UP = (
    "given up after 10 attempts, because its answer was lost and what became of it cannot be read: "
)
WHAT_TO_DO = (
    "; it may have been done or not, so look at it in the silo. The next sync plans it anew if its "
    "rule still wants it and its throttle is over"
)


def check_that_it_is_given_up(project: Poisoned, run: str) -> None:
    """See it looked for ten times, most of a day, while its silo is used as ever."""
    began = project.clock.now()
    while (poisoned := project.poisoned(run)).state is S.UNKNOWN:
        assert poisoned.attempts < MOST_ATTEMPTS
        project.later(hours=1)
        project.sync()
        assert (project.paused, project.incidents) == ("", [])
    assert (poisoned.state, poisoned.attempts) == (S.FAILED, MOST_ATTEMPTS)
    assert poisoned.error.startswith(GIVEN_UP)
    assert poisoned.error.endswith(WHAT_TO_DO)
    done = Counter(each.state for each in project.of_run(run))
    assert done == {S.SUCCEEDED: len(PEOPLE_THERE) - 1, S.FAILED: 1}
    assert 18 < (project.clock.now() - began).total_seconds() / 3600 < 30


def test_what_a_service_took_and_fails_to_show_ever_after_is_given_up(
    tmp_path: Path, scim: ScimServer
):
    scim_people(scim)
    ids = {each["userName"]: each["id"] for each in scim.call("GET", "/Users")["Resources"]}
    took: list[object] = []
    shown: list[object] = []

    def instead(request):
        if request.method in ("PATCH", "PUT") and POISON.encode() in request.data:
            took.append(request)  # and it is written
        if took and request.method == "GET" and request.path.endswith(ids[f"E{POISONED}"]):
            return problem(500)
        if request.method == "GET" and request.path.endswith(ids["E2"]):
            shown.append(request)  # somebody else's answer is lost once
            return problem(500) if len(shown) == 2 else None
        return None

    project = Poisoned(tmp_path / "project", SCIM.format(url=scim.url), "userName")
    project.sync()
    project.poison(POISONED)
    scim.instead = instead
    run = project.sync().id
    check_that_it_is_given_up(project, run)
    project.close()


# --- what happens to the rest --------------------------------------------------------------------


@pytest.fixture
def lost(watched):
    """Six changes that were made, and whose answers were lost; what `unread` holds is not read."""
    watched.unread = {}
    watched.retitle("new")

    def apply(real, changes):
        real(changes)
        return [Unknown("reset by peer")] * len(changes)

    def read(real, kind, anchor):
        error = watched.unread.get(anchor) or watched.unread.get("")
        if error is not None:
            raise error
        return real(kind, anchor)

    hook(watched, apply=apply, read=read)
    watched.sync()
    watched.execute("DELETE FROM circuit")
    return watched


def retitled(world):
    return [each for each in watched_actions(world) if (each.after or {}).get("title") == "new"]


@pytest.mark.parametrize(
    "error", [SiloUnreachable("reset by peer"), SiloRefused("it may not be read")]
)
def test_what_comes_behind_an_object_that_cannot_be_read_is_settled_with_it(lost, error):
    first = retitled(lost)[0]
    lost.unread[first.anchor] = error
    lost.sync()
    assert [each.state for each in retitled(lost)] == [S.UNKNOWN, *[S.SUCCEEDED] * 5]
    assert (lost.state.failures, lost.paused) == (0, set())


def test_looks_back_at_what_cannot_be_read_are_as_far_apart_as_tries(lost):
    first = retitled(lost)[0]
    lost.unread[first.anchor] = SiloUnreachable("reset by peer")
    counted = []
    for _ in range(4 * 24):
        lost.sync()
        now = lost.again(first)
        if now.state is S.FAILED:
            break
        if now.attempts > len(counted) + 1:
            counted.append(lost.clock.now())
        lost.later(minutes=15)
    hours = [(later - before).total_seconds() / 3600 for before, later in pairwise(counted)]
    assert hours == [0.25, 0.5, 1, 2, 4, 4, 4]
    assert now.attempts == MOST_ATTEMPTS


def test_an_object_that_can_be_read_again_is_settled(lost):
    first = retitled(lost)[0]
    lost.unread[first.anchor] = SiloUnreachable("reset by peer")
    lost.sync()
    lost.unread.clear()
    lost.later(hours=1)
    lost.sync()
    assert lost.again(first).state is S.SUCCEEDED


def test_a_silo_that_shows_nothing_any_more_is_paused_and_uses_up_no_attempts(lost):
    lost.unread[""] = SiloUnreachable("reset by peer")
    for _ in range(24):
        lost.sync()
        lost.later(hours=1)
    assert lost.paused == {"dir"}
    assert {(each.state, each.attempts) for each in retitled(lost)} == {(S.UNKNOWN, 1)}
    lost.unread.clear()
    lost.sync()
    assert {each.state for each in retitled(lost)} == {S.SUCCEEDED}
    assert lost.paused == set()


def test_a_silo_that_asks_to_wait_when_it_is_read_uses_up_no_attempts(lost):
    lost.unread[retitled(lost)[0].anchor] = SiloBusy("429")
    for _ in range(12):
        lost.later(hours=1)
        lost.sync()
    assert {(each.state, each.attempts) for each in retitled(lost)} == {(S.UNKNOWN, 1)}
