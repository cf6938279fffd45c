"""Writes to one silo over several sessions at once, as many as the silo's ``parallel`` allows.

What belongs together stays in one lane and in its order (`shares`). Each further lane is a thread
with a session of its own, opened, used and closed in it. Once one cannot be opened no other is
tried in this run, and what it should have done is left to the first lane.

The further lanes write a piece at a time, so that they end soon when the first one is interrupted:
what they did not begin is not written then, and what became of the rest can be asked for.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from threading import Event, Lock
from typing import Final

from hypersync.errors import NothingWritten, SiloError
from hypersync.model.objects import Change, Outcome, RetryAfter, Unknown
from hypersync.pipeline.shares import shares
from hypersync.pipeline.silos import Reach, Silos
from hypersync.ports.connector import Session

PIECE: Final = 20
"""How many changes a further lane writes before it looks whether to go on; fills a Graph batch."""
LATER: Final = timedelta(minutes=1)
_log = logging.getLogger(__name__)


class Lanes:
    """The sessions over which one silo is written.

    ``reach`` is the first lane's, which is this thread's.
    """

    def __init__(self, silos: Silos, silo: str, stack: ExitStack) -> None:
        self.reach = Reach(silos, silo, stack)
        self._came: dict[int, Outcome] = {}
        self._under_way: list[tuple[Future[list[Outcome]], Sequence[int]]] = []
        self._unwritten: NothingWritten | None = None
        self._door = _Door(silo)
        more = silos.parallel.get(silo, 1) - 1
        self._more = [stack.enter_context(_lane(silos, silo, self._door)) for _ in range(more)]

    def apply(self, changes: Sequence[Change]) -> list[Outcome]:
        """Return one outcome for each change, in their order.

        Raises `SiloError` when the silo cannot be opened or nothing was written for another reason.
        What a session did before it broke off has to be read back.
        """
        self._came, self._under_way, self._unwritten = {}, [], None
        if not changes:
            return []
        self.reach.opened()
        more = [each for each in self._more if each.is_usable]
        dealt = shares(changes, 1 + len(more))
        stop = Event()
        try:
            for lane, share in zip(more, dealt[1:], strict=True):
                if share:
                    begun = lane.begin([changes[each] for each in share], stop)
                    self._under_way.append((begun, share))
            self._first(changes, dealt[0])
            self._first(changes, sorted(self._gather()))
        except BaseException:  # interrupted, too: the other lanes end after their piece
            stop.set()
            raise
        return self._outcomes()

    def _first(self, changes: Sequence[Change], share: Sequence[int]) -> None:
        """Apply what is the first lane's, a second time only what another lane left."""
        if not share:
            return
        try:
            outcomes = _told(self.reach, [changes[each] for each in share])
        except SiloError as error:
            self._unwritten = error if isinstance(error, NothingWritten) else None
            outcomes = _broken_off(self.reach, error, len(share))
        self._came.update(zip(share, outcomes, strict=True))

    def finish(self) -> Mapping[int, Outcome]:
        """Return what is known of the last call, by the places of its changes.

        After an interruption that is not all; the pieces that were under way are waited for.
        """
        for future, share in self._under_way:
            if future.exception() is None:
                self._came.update(zip(share, future.result(), strict=False))
        return self._came

    def _gather(self) -> list[int]:
        """Take what became of the other lanes' shares; return what they did not begin."""
        left: list[int] = []
        for future, share in self._under_way:
            answers = future.result()
            self._came.update(zip(share, answers, strict=False))
            left += share[len(answers) :]
        return left

    def _outcomes(self) -> list[Outcome]:
        """Return all outcomes; raises `NothingWritten` when no lane wrote anything."""
        outcomes = [self._came[each] for each in range(len(self._came))]
        if self._unwritten and all(isinstance(each, RetryAfter) for each in outcomes):
            raise self._unwritten
        return outcomes


class _Door:
    """Opens the sessions of further lanes, one after the other, until the first that fails.

    So a password that is no longer right is tried once, which locks no account.
    """

    def __init__(self, silo: str) -> None:
        self._silo = silo
        self._lock = Lock()
        self.is_shut = False

    def enter(self, reach: Reach) -> bool:
        """Open a session unless it is open; false when there is none."""
        with self._lock:
            if self.is_shut:
                return reach.is_open
            try:
                reach.opened()
            except SiloError as error:
                self.is_shut = True
                _log.warning(
                    "%s: no further session can be opened, this run writes over those it has; "
                    "lower 'parallel' if this comes again: %s",
                    self._silo,
                    error.message,
                )
                return False
        return True


class _Lane:
    """A thread with a session of its own, opened when it is needed first."""

    def __init__(self, reach: Reach, thread: ThreadPoolExecutor, door: _Door) -> None:
        self._reach = reach
        self._thread = thread
        self._door = door

    @property
    def is_usable(self) -> bool:
        """Tell whether there is a session, or one may be tried."""
        return self._reach.is_open or not self._door.is_shut

    def begin(self, changes: Sequence[Change], stop: Event) -> Future[list[Outcome]]:
        """Apply the changes in the thread, a piece at a time, until told to stop.

        There are no outcomes for those at the end that were not begun.
        """
        return self._thread.submit(self._apply, changes, stop)

    def _apply(self, changes: Sequence[Change], stop: Event) -> list[Outcome]:
        outcomes: list[Outcome] = []
        if stop.is_set() or not self._door.enter(self._reach):
            return outcomes
        for start in range(0, len(changes), PIECE):
            if stop.is_set():
                break
            if not self._reach.is_open:  # what comes may build on what is in doubt now
                text = "the session broke off before this was tried"
                later = RetryAfter(LATER, text, is_lost=True)
                return [*outcomes, *[later] * (len(changes) - start)]
            outcomes += _applied(self._reach, changes[start : start + PIECE])
        return outcomes


@contextmanager
def _lane(silos: Silos, silo: str, door: _Door) -> Iterator[_Lane]:
    with ThreadPoolExecutor(1, thread_name_prefix=f"writes-{silo}") as thread:
        stack = ExitStack()
        try:
            yield _Lane(Reach(silos, silo, stack), thread, door)
        finally:
            thread.submit(stack.close).result()


def _applied(reach: Reach, changes: Sequence[Change]) -> list[Outcome]:
    try:
        return _told(reach, changes)
    except SiloError as error:
        return _broken_off(reach, error, len(changes))


def _told(reach: Reach, changes: Sequence[Change]) -> list[Outcome]:
    """Apply changes; a session that is lost afterwards did not ask to wait with what is left."""
    outcomes = _again(reach).apply(changes)
    if reach.is_open:
        return list(outcomes)
    return [
        replace(each, is_lost=True) if isinstance(each, RetryAfter) else each for each in outcomes
    ]


def _again(reach: Reach) -> Session:
    """Return the session or another one; raises `NothingWritten` when there is none."""
    try:
        return reach.opened()
    except SiloError as error:
        raise NothingWritten(error.message) from error


def _broken_off(reach: Reach, error: SiloError, count: int) -> list[Outcome]:
    """Return what is known of a call that broke off: what it did has to be read back, if it did."""
    reach.broke_off()
    if isinstance(error, NothingWritten):
        return [RetryAfter(LATER, error.message, is_lost=True)] * count
    return [Unknown(error.message)] * count
