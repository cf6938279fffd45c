from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import pairwise

import pytest

from hypersync.connectors.contract import Bench, ConnectorContract
from hypersync.connectors.memory import MemoryConnector, MemorySilo
from hypersync.connectors.steady import Pace, PacedSession, Pause, SteadyConnector
from hypersync.errors import (
    NothingWritten,
    SiloBusy,
    SiloRefused,
    SiloUnavailable,
    SiloUnreachable,
)
from hypersync.model.objects import RetryAfter, Succeeded, Unknown
from tests.memory_bench import bench_of, make_connector, make_silo


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.naps: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.seconds += seconds

    def pause(self) -> Pause:
        return Pause(monotonic=lambda: self.seconds, sleep=self.sleep)


class FlakyConnector(MemoryConnector):
    """Raises what it is told before it opens."""

    failures: tuple[Exception, ...] = ()
    opened = 0
    clock: Clock | None = None
    takes = 0.0

    @contextmanager
    def open(self) -> Iterator:
        self.opened += 1
        if self.clock is not None:
            self.clock.seconds += self.takes
        if self.opened <= len(self.failures):
            raise self.failures[self.opened - 1]
        with super().open() as session:
            yield session


def flaky(*failures: Exception) -> FlakyConnector:
    connector = make_connector(make_silo(), kind=FlakyConnector)
    connector.failures = failures
    return connector


def steady(connector: MemoryConnector, clock: Clock, rate: int | None = None) -> SteadyConnector:
    timeout = timedelta(seconds=60)
    return SteadyConnector(connector, timeout=timeout, writes_per_second=rate, pause=clock.pause())


class TestPaced(ConnectorContract):
    @pytest.fixture
    def bench(self) -> Bench:
        silo = make_silo()
        return bench_of(silo, steady(make_connector(silo), Clock(), rate=1))


def test_a_silo_that_does_not_answer_is_tried_again_after_growing_pauses():
    clock = Clock()
    connector = flaky(SiloUnreachable("one"), SiloUnreachable("two"))
    with steady(connector, clock).open() as session:
        assert session.check() == ()
    assert connector.opened == 3
    first, second = clock.naps
    assert 0.1 <= first <= 0.2 <= second <= 0.3


def test_those_who_try_at_once_do_not_try_again_at_once():
    clocks = [Clock() for _ in range(5)]
    for clock in clocks:
        with steady(flaky(SiloUnreachable("one"), SiloUnreachable("two")), clock).open():
            pass
    assert len({clock.naps[0] for clock in clocks}) > 1
    assert len({clock.naps[1] for clock in clocks}) > 1


@pytest.mark.parametrize(("takes", "tries"), [(59, 2), (60, 1), (29, 3)])
def test_no_pause_is_begun_that_would_end_after_the_timeout(takes, tries):
    clock = Clock()
    connector = flaky(*(SiloUnreachable(str(number)) for number in range(5)))
    connector.clock, connector.takes = clock, takes
    with pytest.raises(SiloUnreachable, match=str(tries - 1)), steady(connector, clock).open():
        pass
    assert (connector.opened, len(clock.naps)) == (tries, tries - 1)


@pytest.mark.parametrize("kind", [SiloBusy, SiloUnavailable])
def test_a_silo_that_asks_to_wait_is_left_alone_for_as_long(kind):
    clock = Clock()
    connector = flaky(kind("later", timedelta(seconds=7)), kind("later", timedelta(seconds=9)))
    with steady(connector, clock).open():
        pass
    assert clock.naps == [7, 9]


def test_a_silo_that_asks_to_wait_and_does_not_say_how_long_is_tried_after_growing_pauses():
    clock = Clock()
    with steady(flaky(SiloBusy("later"), SiloBusy("later")), clock).open():
        pass
    first, second = clock.naps
    assert 0.1 <= first <= 0.2 <= second <= 0.3


@pytest.mark.parametrize(("asked", "naps"), [(61, []), (40, [40])])
def test_a_silo_that_asks_to_wait_beyond_the_timeout_is_left_for_later(asked, naps):
    clock = Clock()
    connector = flaky(*[SiloBusy("later", timedelta(seconds=asked))] * 5)
    with pytest.raises(SiloBusy, match="later"), steady(connector, clock).open():
        pass
    assert (clock.naps, connector.opened) == (naps, len(naps) + 1)


def test_the_third_failure_is_the_last():
    connector = flaky(*(SiloUnreachable(str(number)) for number in range(5)))
    with pytest.raises(SiloUnreachable, match="2"), steady(connector, Clock()).open():
        pass
    assert connector.opened == 3


def test_a_refusal_is_not_tried_again():
    connector = flaky(SiloRefused("wrong password"))
    with pytest.raises(SiloRefused), steady(connector, Clock()).open():
        pass
    assert connector.opened == 1


def test_what_fails_in_the_session_is_not_tried_again():
    connector, clock = flaky(), Clock()
    with pytest.raises(SiloUnreachable), steady(connector, clock).open():
        raise SiloUnreachable("later")
    assert (connector.opened, clock.naps) == (1, [])


def test_writes_are_spread_over_time():
    silo: MemorySilo = make_silo()
    clock = Clock()
    connector = steady(make_connector(silo), clock, rate=2)
    bench = bench_of(silo, connector)
    titles = ["Clerk", "a", "b", "c", "d", "e"]
    changes = [bench.update("ann", {"title": old}, {"title": new}) for old, new in pairwise(titles)]
    with connector.open() as session:
        outcomes = [*session.apply(changes[:4]), *session.apply(changes[4:])]
    assert [type(each) for each in outcomes] == [Succeeded] * 5
    assert clock.naps == [1.0, 1.0]


class BreakingSession:
    """Breaks off at its second part."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.parts: list[int] = []

    def apply(self, changes):
        self.parts.append(len(changes))
        if len(self.parts) == 2:
            raise self.error
        return [Succeeded(None)] * len(changes)


@pytest.mark.parametrize(
    ("error", "doubt"), [(SiloUnreachable("gone"), Unknown), (NothingWritten("gone"), RetryAfter)]
)
def test_a_session_that_breaks_off_keeps_what_became_of_the_parts_before(error, doubt):
    session = BreakingSession(error)
    silo = make_silo()
    bench = bench_of(silo, make_connector(silo))
    change = bench.update("ann", {"title": "Clerk"}, {"title": "a"})
    outcomes = PacedSession(session, Pace(2, Clock().pause())).apply([change] * 6)
    assert session.parts == [2, 2]
    assert [type(each) for each in outcomes] == [*[Succeeded] * 2, *[doubt] * 2, *[RetryAfter] * 2]


def test_what_breaks_off_at_its_first_part_is_raised():
    session = BreakingSession(SiloUnreachable("gone"))
    session.parts.append(0)
    with pytest.raises(SiloUnreachable):
        PacedSession(session, Pace(2, Clock().pause())).apply([object()])
