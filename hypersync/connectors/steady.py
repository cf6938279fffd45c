"""A connector that tries again and does not hurry: what every configured silo is wrapped in.

Opening is tried again, with growing and random pauses, while the silo does not answer and never
longer than its ``timeout``; a refusal (a wrong password) is not tried again, which would lock the
account. Writes are spread to ``writes_per_second``, counted per session. What a connector answers
to single changes is left to the caller, who knows what else waits.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta

from pydantic import BaseModel
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, stop_after_delay
from tenacity.wait import wait_random_exponential

from hypersync.errors import SiloUnreachable
from hypersync.model.mistake import Mistake
from hypersync.model.objects import Batch, Change, ObjectType, Outcome, Schema, SiloObject
from hypersync.ports.connector import Connector, Session, recreates

ATTEMPTS = 3
_LONGEST_PAUSE_SECONDS = 2


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
        self._rate = writes_per_second
        self._pause = pause or Pause()
        self.options: type[BaseModel] = connector.options
        self.can_write: bool = connector.can_write
        self.recreates: bool = recreates(connector)

    def streams(self) -> Sequence[Sequence[ObjectType]]:
        """Return the streams of the connector."""
        return self._connector.streams()

    @contextmanager
    def open(self) -> Iterator[Session]:
        """Open a session; raises what the last of three attempts raised."""
        attempts = Retrying(
            retry=retry_if_exception_type(SiloUnreachable),
            stop=stop_after_attempt(ATTEMPTS) | stop_after_delay(self._timeout),
            wait=wait_random_exponential(multiplier=0.1, max=_LONGEST_PAUSE_SECONDS),
            sleep=self._pause.sleep,
            reraise=True,
        )
        with ExitStack() as stack:
            session: Session = attempts(lambda: stack.enter_context(self._connector.open()))
            yield session if self._rate is None else PacedSession(session, self._rate, self._pause)


class PacedSession:
    """Another session, ``wrapped``, whose writes are spread over time."""

    def __init__(self, session: Session, per_second: int, pause: Pause) -> None:
        self.wrapped = session
        self._per_second = per_second
        self._pause = pause
        self._free_at = pause.monotonic()

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
        """Write a second's worth at a time, and wait in between."""
        outcomes: list[Outcome] = []
        for start in range(0, len(changes), self._per_second):
            some = changes[start : start + self._per_second]
            self._wait()
            outcomes += self.wrapped.apply(some)
            self._free_at = self._pause.monotonic() + len(some) / self._per_second
        return outcomes

    def _wait(self) -> None:
        seconds = self._free_at - self._pause.monotonic()
        if seconds > 0:
            self._pause.sleep(seconds)

    def check(self) -> Sequence[Mistake]:
        """Check as the session does."""
        return self.wrapped.check()
