"""What scans and runs ask of the store."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from hypersync.model.ids import IdentityId, RunId
from hypersync.model.scans import ScanState
from tests.databases import open_store
from tests.postgresql import both_databases
from tests.scanning import MORNING, Desk, join_rule, people, put, remove, silo

pytestmark = both_databases

RUN, OTHER = RunId("one"), RunId("other")
LATER = MORNING + timedelta(hours=1)


@pytest.fixture
def desk(database_url) -> Iterator[Desk]:
    desk = Desk(open_store(database_url), [join_rule("hr", "person", "id")])
    yield desk
    desk.store.engine.dispose()


@pytest.fixture
def unit(desk):
    with desk.store.begin() as unit:
        yield unit


# --- pending identities ------------------------------------------------------------------------


def test_a_run_claims_what_is_due_and_nobody_else_claimed(unit):
    unit.identities.upsert_pending([3, 1])
    unit.identities.upsert_pending([2], LATER)
    assert unit.identities.pending(MORNING) == [1, 3]
    assert unit.identities.count_pending(MORNING) == 2
    assert unit.identities.claim(RUN, MORNING) == [1, 3]
    assert unit.identities.claim(OTHER, MORNING) == []
    assert unit.identities.claim(OTHER, LATER) == [2]


def test_a_full_run_claims_what_is_not_due_too(unit):
    unit.identities.upsert_pending([1], LATER)
    unit.identities.claim_all(RUN)
    assert unit.identities.claim(OTHER, LATER) == []


def test_a_change_during_a_run_is_not_lost(unit):
    unit.identities.upsert_pending([1, 2])
    unit.identities.claim(RUN, MORNING)
    unit.identities.upsert_pending([2])
    unit.identities.finish(RUN, {})
    assert unit.identities.pending(MORNING) == [2]


def test_what_is_not_finished_is_pending_again_from_a_time_on(unit):
    unit.identities.upsert_pending([1, 2])
    unit.identities.claim(RUN, MORNING)
    unit.identities.finish(RUN, {IdentityId(1): LATER, IdentityId(7): None})
    assert unit.identities.pending(MORNING) == [7]
    assert unit.identities.pending(LATER) == [1, 7]


def test_a_run_that_died_gives_back_what_it_claimed(unit):
    unit.identities.upsert_pending([1])
    unit.identities.claim(RUN, MORNING)
    unit.identities.free(RUN)
    assert unit.identities.pending(MORNING) == [1]


def test_the_earlier_of_two_times_holds(unit):
    unit.identities.upsert_pending([1], LATER)
    unit.identities.upsert_pending([1], LATER + timedelta(hours=1))
    assert unit.identities.pending(LATER) == [1]
    unit.identities.upsert_pending([1])
    assert unit.identities.pending(MORNING) == [1]
    unit.identities.upsert_pending([1], LATER)
    assert unit.identities.pending(MORNING) == [1]


def test_an_object_sync_claims_its_identity_pending_or_not(unit):
    unit.identities.upsert_pending([1, 2])
    unit.identities.claim(OTHER, MORNING)
    assert unit.identities.claim_these(RUN, [2, 9]) == [9]


def test_what_is_remembered_of_vips_is_replaced(unit):
    first, second = unit.identities.reserve(2)
    unit.identities.add([(first, None), (second, "value:x")])
    unit.identities.remember_vips({first: {"boss": None}, second: {"boss": "then"}})
    unit.identities.remember_vips({second: {}})
    assert unit.identities.vips(None) == {first: {"boss": None}}
    assert unit.identities.vips([second]) == {}


# --- objects -----------------------------------------------------------------------------------


def test_objects_come_in_identity_order_whole_or_in_ranges(desk):
    hr = silo("hr", "person")
    people(hr, range(30))
    desk.applied(hr)
    with desk.store.snapshot() as unit:
        everything = list(unit.objects.in_identity_order())
        parts = [*unit.objects.in_identity_order(None, 11), *unit.objects.in_identity_order(11)]
        some = list(unit.objects.of_identities([2, 5, 99]))
    assert [row[0] for row in everything] == sorted(row[0] for row in everything)
    assert parts == everything
    assert [row[0] for row in some] == [2, 5]
    assert everything[0][1] == "hr"
    assert everything[0][5] is None


def test_the_values_of_an_attribute_come_with_their_identities(desk):
    hr = silo("hr", "person")
    put(hr, "p1", {"id": "1", "mail": ("a@x", "b@x")})
    put(hr, "p2", {"id": "2", "mail": "c@x"})
    put(hr, "p3", {"id": "3", "age": 7})
    desk.applied(hr)
    with desk.store.snapshot() as unit:
        found = sorted(unit.objects.values("hr", "person", "mail"))
        assert list(unit.objects.values("hr", "person", "age")) == []
    first, second = desk.get(hr, "p1").identity, desk.get(hr, "p2").identity
    assert found == [("a@x", first), ("b@x", first), ("c@x", second)]


def test_a_transaction_that_reads_many_rows_can_still_write(desk):
    hr = silo("hr", "person")
    people(hr, range(3))
    desk.applied(hr)
    with desk.store.begin() as unit:
        assert len(list(unit.objects.values("hr", "person", "name"))) == 3
        unit.silos.pause("hr", "moved")
    with desk.store.snapshot() as unit:
        assert unit.silos.paused() == {"hr"}


def test_the_time_machine_shows_every_version(desk):
    hr = silo("hr", "person")
    people(hr, range(30))
    desk.applied(hr)
    times = [desk.now]
    for title in ("Clerk", "Boss", None):
        desk.now += timedelta(days=1)
        put(hr, "p1", {"id": "1", "title": title})
        desk.applied(hr)
        times.append(desk.now)
    desk.now += timedelta(days=1)
    remove(hr, "p1")
    desk.applied(hr)
    object_id = desk.get(hr, "p1").id
    with desk.store.snapshot() as unit:
        versions = [unit.objects.at(object_id, time) for time in times]
        assert unit.objects.at(object_id, MORNING - timedelta(days=1)) is None
        assert unit.objects.at(object_id, desk.now).absence == "gone"
        assert len(unit.objects.history(object_id)) == 4
        assert len(unit.objects.history(object_id, limit=2)) == 2
    assert [each.attributes for each in versions] == [
        {"id": "1", "name": "Person 1"},
        {"id": "1", "title": "Clerk"},
        {"id": "1", "title": "Boss"},
        {"id": "1"},
    ]
    assert {each.absence for each in versions} == {None}


def test_objects_of_a_slot_and_of_an_identity_are_found(desk):
    hr = silo("hr", "person")
    people(hr, range(30))
    desk.applied(hr)
    remove(hr, "p3")
    desk.applied(hr)
    with desk.store.snapshot() as unit:
        assert len(unit.objects.of_slot("hr", "person", "hr")) == 29
        gone = unit.objects.get("hr", "person", "p3")
        assert [each.anchor for each in unit.objects.of_identity(gone.identity)] == ["p3"]
        assert unit.identities.exists(gone.identity)
        assert unit.objects.live("hr", "nothing") is None


# --- scans and silos ---------------------------------------------------------------------------


def test_a_silo_was_scanned_since_when_all_its_streams_were(desk):
    hr = silo("hr", "person")
    people(hr, range(3))
    before = desk.now
    desk.applied(hr)
    with desk.store.snapshot() as unit:
        assert unit.scans.applied_since("hr", before)
        assert not unit.scans.applied_since("hr", desk.now)
        assert not unit.scans.applied_since("ad", before)
        assert [each.state for each in unit.scans.recent(5)] == [ScanState.APPLIED]
        assert unit.scans.recent(5, "ad") == []
        assert [(each.silo, each.name, each.live) for each in unit.scans.types()] == [
            ("hr", "person", 3)
        ]
        assert unit.scans.applying() == frozenset()


def test_a_paused_silo_says_why_until_it_is_resumed(unit):
    unit.silos.pause("ad", "the domain controller is replaced")
    unit.silos.pause("ad", "still")
    unit.silos.pause("hr", "")
    unit.silos.resume("hr")
    assert unit.silos.paused() == {"ad"}
    assert unit.silos.reasons() == {"ad": "still"}
