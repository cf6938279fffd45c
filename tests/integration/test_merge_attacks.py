"""Identities that merge or split while something is open: nothing runs twice, or unasked."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import insert

from hypersync.model.actions import ActionState
from hypersync.model.objects import Unknown
from hypersync.store import tables
from tests.integration.test_sync_unknown import JOINERS, open_requests
from tests.postgresql import both_databases
from tests.worlds import CONFIGURATION, START, World

S = ActionState

pytestmark = both_databases


@pytest.fixture(autouse=True)
def _accounts_get_their_anchors_from_the_silo(monkeypatch):
    without = CONFIGURATION.replace("        anchor: uid\n", "", 1)
    monkeypatch.setattr("tests.worlds.CONFIGURATION", without)


@pytest.fixture
def merged(world: World) -> World:
    """Person 1, whose account was made without an answer, got the number of an older identity.

    That identity has nobody any more.
    """
    world.rules(JOINERS)
    world.person(2, status="coming")
    world.person(9, status="coming")
    world.run()
    world.hr.remove("person", "e2")
    world.run()
    world.person(1)
    world.dir.faults.outcomes.append(Unknown("no answer"))
    world.run()
    world.younger = world.identity(1)
    world.hr.put("person", "e1", {"id": "e2", "name": "Person 1", "status": "active"})
    return world


def make(world: World, anchor: str, number: str) -> None:
    """The silo has an account that nobody told us of."""
    account = {"uid": anchor, "number": number, "dn": "person 1", "active": "true"}
    world.dir.put("account", anchor, account)


def accounts(world: World) -> set[str]:
    return {anchor for kind, anchor in world.dir._versions if kind == "account"}


def creates(world: World) -> list[ActionState]:
    with world.app.store.snapshot() as unit:
        found = unit.actions.get([row[1] for row in world.rows("action")])
    return [action.state for action in found if action.rule == "provision"]


# --- creates of unknown outcome -----------------------------------------------------------------


def test_a_create_of_unknown_outcome_is_not_made_again_after_a_merge(merged):
    make(merged, "real", "e1")
    for _ in range(3):
        merged.later(minutes=1)
        merged.scan("hr")
        merged.sync("delta")
    assert merged.identity(1) < merged.younger
    assert accounts(merged) == {"real"}
    assert creates(merged) == [S.UNKNOWN]


def test_what_it_made_under_the_number_before_is_an_incident_that_people_end(merged):
    make(merged, "real", "e1")
    for kind in ("delta", "full", "delta"):
        merged.run(kind)
    assert accounts(merged) == {"real"}
    (incident,) = open_requests(merged)
    assert "real in dir has the join value that was written for Person 1" in incident.sentence
    assert "not joined to them; give it its join value, or remove it" in incident.sentence
    make(merged, "real", "e2")
    for _ in range(3):
        merged.run("delta")
    assert accounts(merged) == {"real"}
    assert creates(merged) == [S.SUCCEEDED]
    assert open_requests(merged) == []


def test_it_is_made_once_for_the_heir_when_it_was_not_made_before(merged):
    for _ in range(4):
        merged.run("delta")
    assert len(accounts(merged)) == 1
    assert creates(merged).count(S.SUCCEEDED) == 1
    assert S.UNKNOWN not in creates(merged)
    assert [version.attributes["number"] for version in merged.dir._versions.values()] == ["e2"]


def test_what_it_made_under_the_number_of_the_heir_is_found(merged):
    for _ in range(2):
        merged.later(minutes=1)
        merged.scan("hr")
        merged.sync("delta")
    assert creates(merged) == [S.UNKNOWN]
    make(merged, "real", "e2")
    for _ in range(2):
        merged.run("delta")
    assert accounts(merged) == {"real"}
    assert creates(merged) == [S.SUCCEEDED]


def test_two_creates_of_unknown_outcome_that_become_one_identity_are_not_repeated(world):
    world.rules(JOINERS)
    world.person(9)
    world.dir.faults.outcomes.append(Unknown("no answer"))
    world.run()
    world.person(1)
    world.dir.faults.outcomes.append(Unknown("no answer"))
    world.later(minutes=1)
    world.scan("hr")
    world.sync("delta")
    assert creates(world) == [S.UNKNOWN, S.UNKNOWN]
    world.hr.remove("person", "e9")
    world.hr.put("person", "e1", {"id": "e9", "name": "Person 1", "status": "active"})
    make(world, "real", "e1")
    for kind in ("delta", "delta", "full"):
        world.run(kind)
    assert accounts(world) == {"real"}
    assert creates(world) == [S.UNKNOWN, S.UNKNOWN]
    make(world, "real", "e9")
    for _ in range(2):
        world.run("delta")
    assert accounts(world) == {"real"}
    assert creates(world) == [S.SUCCEEDED, S.SUCCEEDED]
    assert open_requests(world) == []


# --- renumbered, without a merge ----------------------------------------------------------------


@pytest.fixture
def renumbered(world: World) -> World:
    """Person 1, whose account was made without an answer, got a number that nobody had."""
    world.rules(JOINERS)
    world.dir.put("account", "old", {"uid": "old", "number": "e8", "active": "true"})
    world.run()
    world.person(1)
    world.dir.faults.outcomes.append(Unknown("no answer"))
    world.run()
    world.hr.put("person", "e1", {"id": "e5", "name": "Person 1", "status": "active"})
    world.later(minutes=1)
    world.scan("hr")
    return world


def test_a_create_of_unknown_outcome_is_not_made_again_under_another_number(renumbered):
    renumbered.dir.put("account", "new", {"uid": "new", "number": "e1", "active": "true"})
    for kind in ("delta", "full", "delta"):
        renumbered.run(kind)
    assert accounts(renumbered) == {"old", "new"}
    assert creates(renumbered) == [S.UNKNOWN]
    (incident,) = open_requests(renumbered)
    assert incident.sentence.startswith("new in dir has the join value that was written")


def test_an_account_that_was_there_before_and_got_the_number_is_no_trace_of_it(renumbered):
    renumbered.dir.put("account", "old", {"uid": "old", "number": "e1", "active": "true"})
    for kind in ("delta", "full", "delta"):
        renumbered.run(kind)
    assert len(accounts(renumbered)) == 2
    assert creates(renumbered).count(S.SUCCEEDED) == 1
    assert open_requests(renumbered) == []


# --- what is remembered of both -----------------------------------------------------------------


def remember(world: World, identity: int, by: str | None, days: int) -> None:
    """Something of this rule and object was answered, or not; it holds for some days."""
    row = {
        "key": f"leave|{identity}|7",
        "rule": "leave",
        "identity": identity,
        "fingerprint": f"of {identity}",
        "until": START + timedelta(days=days),
        "at": START,
        "by": by,
        "times": identity,
    }
    with world.app.store.engine.connect() as connection:
        connection.execution_options(hypersync_write=True)
        with connection.begin():
            connection.execute(insert(tables.hold).values(row))


@pytest.mark.parametrize(
    ("younger", "older", "by", "whose"),
    [
        (("cli:ann", 9), ("expiry", 30), "cli:ann", 2),
        (("cli:ann", 30), ("void", 9), "cli:ann", 2),
        ((None, 9), ("void", 30), None, 2),
        (("expiry", 30), ("cli:bob", 9), "cli:bob", 1),
        (("void", 9), (None, 30), None, 1),
        (("cli:ann", 30), ("cli:bob", 9), "cli:bob", 1),
        (("void", 30), ("expiry", 9), "expiry", 1),
    ],
)
def test_a_rejection_and_the_longer_time_win_when_both_know_something(
    world, younger, older, by, whose
):
    for number in (1, 2):
        world.person(number)
    world.scan("hr")
    remember(world, 1, *older)
    remember(world, 2, *younger)
    with world.app.store.begin() as unit:
        unit.identities.merge([(2, 1)], START)
    with world.app.store.snapshot() as unit:
        hold = unit.marks.holds([1])["leave|1|7"]
    assert (hold.by, hold.fingerprint, hold.times) == (by, f"of {whose}", whose)
    assert hold.until == START + timedelta(days=30)
