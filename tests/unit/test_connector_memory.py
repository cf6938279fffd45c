from collections import deque
from datetime import timedelta

import pytest

from hypersync.connectors.contract import Bench, ConnectorContract
from hypersync.connectors.memory import (
    MemoryConnector,
    MemoryOptions,
    MemorySilo,
    MemoryTypeOptions,
)
from hypersync.connectors.settings import SiloSettings
from hypersync.errors import CursorLost, ScanFailed, SiloRefused, SiloUnreachable
from hypersync.model.objects import (
    Complete,
    Conflict,
    Deleted,
    DeletionKind,
    Invalid,
    ObjectType,
    Operation,
    RetryAfter,
    Succeeded,
    Unknown,
)
from tests.memory_bench import USER, MemoryHands, bench_of, make_silo


@pytest.fixture
def silo() -> MemorySilo:
    return make_silo()


@pytest.fixture
def bench(silo: MemorySilo) -> Bench:
    return bench_of(silo)


class TestMemory(ConnectorContract):
    @pytest.fixture
    def bench(self, silo: MemorySilo, bench: Bench) -> Bench:
        return bench


def test_broken_scan_never_completes(silo: MemorySilo, bench: Bench):
    silo.faults.break_after = 1
    with bench.connector.open() as session:
        stream = session.scan([USER], None)
        assert len(next(stream)) == 2
        with pytest.raises(ScanFailed):
            next(stream)


def test_an_old_cursor_is_lost(silo: MemorySilo, bench: Bench):
    end = bench.scan(USER)[-1]
    assert isinstance(end, Complete)
    silo.forget_changes()
    with pytest.raises(CursorLost):
        bench.scan(USER, end.cursor)


def test_tombstones_say_how_the_object_went(silo: MemorySilo, bench: Bench):
    end = bench.scan(USER)[-1]
    assert isinstance(end, Complete)
    silo.remove("user", "ann", DeletionKind.SOFT)
    assert bench.scan(USER, end.cursor)[0] == Deleted("user", "ann", DeletionKind.SOFT)


def test_unreachable_and_refusing_silos_do_not_open(silo: MemorySilo, bench: Bench):
    silo.faults.unreachable = "no route"
    with pytest.raises(SiloUnreachable, match="no route"), bench.connector.open():
        pass
    silo.faults.unreachable = ""
    silo.faults.refused = "wrong password"
    with pytest.raises(SiloRefused, match="wrong password"), bench.connector.open():
        pass


def test_told_outcomes_are_answered_and_nothing_is_written(silo: MemorySilo, bench: Bench):
    told = [Conflict("told to"), RetryAfter(timedelta(seconds=3))]
    silo.faults.outcomes = deque(told)
    change = bench.update("ann", {"title": "Clerk"}, {"title": "Boss"})
    assert [bench.apply(change), bench.apply(change)] == told
    assert silo.writes == 0
    assert isinstance(bench.apply(change), Succeeded)


def test_unknown_outcome_has_written_all_the_same(silo: MemorySilo, bench: Bench):
    silo.faults.unknown_after_write = 1
    change = bench.update("ann", {"title": "Clerk"}, {"title": "Boss"})
    assert isinstance(bench.apply(change), Unknown)
    assert bench.read("ann")["title"] == "Boss"
    assert isinstance(bench.apply(change), Succeeded)
    assert silo.writes == 1


def test_invalid_objects_are_reported_as_such(silo: MemorySilo, bench: Bench):
    silo.faults.invalid.add("bob")
    assert [e.anchor for e in bench.scan(USER) if isinstance(e, Invalid)] == ["bob"]


def test_a_silo_that_assigns_anchors_gives_a_retry_the_same_one():
    kind = ObjectType(silo="fake", name="user", options=MemoryTypeOptions())
    options = MemoryOptions.model_validate({"types": {"user": {}}})
    settings = SiloSettings(silo="fake", options=options, types=(kind,), write=True)
    bench = Bench(
        connector=MemoryConnector(settings),
        read_only_connector=MemoryConnector(settings),
        hands=MemoryHands(MemorySilo()),
        user=kind,
        group=kind,
        new_user={},
    )
    change = bench.change(Operation.CREATE, None, None, {"title": "Clerk"})
    first = bench.apply(change)
    assert isinstance(first, Succeeded)
    assert bench.apply(change) == first
