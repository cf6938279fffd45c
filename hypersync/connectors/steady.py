"""A connector that tries again and does not hurry: what every configured silo is wrapped in.

Opening is tried again, after growing and random pauses, while the silo does not answer. One that
asks to wait is left alone for at least as long. No pause is begun that would end after the silo's
``timeout``. A refusal (a wrong password) is not tried again, which would lock the account. Writes
are spread to ``writes_per_second``, over all sessions together. What a connector answers to single
changes is left to the caller, who knows what else waits.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta

from pydantic import BaseModel
from tenacity import RetryCallState, Retrying, retry_if_exception_type
from tenacity.wait import wait_exponential, wait_random

from hypersync.connectors.settings import batches
from hypersync.errors import NothingWritten, SiloBusy, SiloError, SiloUnreachable
from hypersync.model.mistake import Mistake
from hypersync.model.objects import (
    Batch,
    Change,
    ObjectType,
    Outcome,
    RetryAfter,
    Schema,
    SiloObject,
    Unknown,
)
from hypersync.ports.connector import Connector, Session, lag

ATTEMPTS = 3
_growing = wait_exponential(multiplier=0.1) + wait_random(0, 0.1)
_LATER = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Pause:
    """How time passes and how to let it pass; tests bring their own."""

    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class SteadyConnector:
    """Another connector, opened patiently and written to at a steady rate."""

    def __init__(
        self,
        connector: Connector,
        *,
        timeout: timedelta,
        writes_per_second: int | None = None,
        pause: Pause | None = None,
    ) -> None:
        self._connector = connector
        self._timeout = timeout
        self._pause = pause or Pause()
        self._pace = None if writes_per_second is None else Pace(writes_per_second, self._pause)
        self.options: type[BaseModel] = connector.options
        self.can_write: bool = connector.can_write
        self.recreates: object = getattr(connector, "recreates", False)
        self.lag: timedelta = lag(connector)

    def streams(self) -> Sequence[Sequence[ObjectType]]:
        """Return the streams of the connector."""
        return self._connector.streams()

    @contextmanager
    def open(self) -> Iterator[Session]:
        """Open a session; raises what the last of at most three attempts raised."""
        with ExitStack() as stack:
            session: Session = self._attempts()(lambda: stack.enter_context(self._connector.open()))
            yield session if self._pace is None else PacedSession(session, self._pace)

    def _attempts(self) -> Retrying:
        began = self._pause.monotonic()

        def is_over(state: RetryCallState) -> bool:
            ends = self._pause.monotonic() + state.upcoming_sleep
            is_late = ends - began > self._timeout.total_seconds()
            return is_late or state.attempt_number == ATTEMPTS

        return Retrying(
            retry=retry_if_exception_type(SiloUnreachable),
            stop=is_over,
            wait=_pause_after,
            sleep=self._pause.sleep,
            reraise=True,
        )


def _pause_after(state: RetryCallState) -> float:
    """Return how many seconds to wait before the next attempt."""
    error = None if state.outcome is None else state.outcome.exception()
    asked = error.wait.total_seconds() if isinstance(error, SiloBusy) else 0.0
    return max(_growing(state), asked)


class Pace:
    """How fast one silo may be written, by whatever sessions. Thread-safe."""

    def __init__(self, per_second: int, pause: Pause) -> None:
        self.per_second = per_second
        self._pause = pause
        self._free_at = pause.monotonic()
        self._lock = threading.Lock()

    def wait(self, writes: int) -> None:
        """Wait until so many writes, a second's worth at most, may begin."""
        with self._lock:
            now = self._pause.monotonic()
            begins = max(self._free_at, now)
            self._free_at = begins + writes / self.per_second
        if begins > now:
            self._pause.sleep(begins - now)


class PacedSession:
    """Another session, ``wrapped``, whose writes are spread over time."""

    def __init__(self, session: Session, pace: Pace) -> None:
        self.wrapped = session
        self._pace = pace

    def schema(self) -> Schema:
        """Return the schema of the session."""
        return self.wrapped.schema()

    def scope(self, types: Sequence[ObjectType]) -> str:
        """Return the fingerprint of the session."""
        return self.wrapped.scope(types)

    def scan(self, types: Sequence[ObjectType], cursor: str | None) -> Iterator[Batch]:
        """Scan as the session does."""
        return self.wrapped.scan(types, cursor)

    def read(self, object_type: ObjectType, anchor: str) -> SiloObject | None:
        """Read as the session does."""
        return self.wrapped.read(object_type, anchor)

    def apply(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """Write a second's worth at a time, and wait in between.

        When the session breaks off, what became of the parts before is kept, and what was not begun
        is left for later. Raises what the session raises at the first part.
        """
        outcomes: list[Outcome] = []
        for some in batches(changes, self._pace.per_second):
            self._pace.wait(len(some))
            try:
                outcomes += self.wrapped.apply(some)
            except SiloError as error:
                if not outcomes:
                    raise
                later = RetryAfter(_LATER, error.message, is_lost=True)
                doubt = later if isinstance(error, NothingWritten) else Unknown(error.message)
                left = len(changes) - len(outcomes) - len(some)
                return [*outcomes, *[doubt] * len(some), *[later] * left]
        return outcomes

    def check(self) -> Sequence[Mistake]:
        """Check as the session does."""
        return self.wrapped.check()
