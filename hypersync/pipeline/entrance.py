"""The way to a silo for whoever only reads: through its circuit, noting how that ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime

from hypersync.errors import SiloError, SiloPaused
from hypersync.pipeline.circuit import Circuit, Way, is_refusal
from hypersync.ports.connector import Connector, Session
from hypersync.ports.store import Store


class Entrance:
    """Opens sessions to one silo where its circuit allows it.

    However many sessions a scan or a look back opens, they count as one failure, and none is tried
    after one that could not be opened.
    """

    def __init__(self, store: Store, circuit: Circuit, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._circuit = circuit
        self._clock = clock
        self._shut_out: SiloError | None = None
        self._has_failed = False

    def check(self) -> None:
        """Raise `SiloPaused` when the silo may not be used; take its one try when it is due."""
        if self._shut_out is not None:
            raise SiloPaused(self._shut_out.message)
        with self._store.snapshot() as unit:
            if self._circuit.looks(unit, self._clock()) is Way.FREE:
                return
        with self._store.begin() as unit:
            self._circuit.check(unit, self._clock())

    @contextmanager
    def session(self, connector: Connector) -> Iterator[Session]:
        """Open a session; what is done in it without an error counts as an answer of the silo."""
        with ExitStack() as stack:
            try:
                session = stack.enter_context(connector.open())
            except SiloError as error:
                self.shut_out(error)
                raise
            try:
                yield session
            except SiloError as error:
                self.broke(error)
                raise
        self.answered()

    def shut_out(self, error: SiloError) -> None:
        """Note that no session could be opened."""
        self._shut_out = error
        if self._has_failed and not is_refusal(error):
            return
        self._has_failed = True
        with self._store.begin() as unit:
            self._circuit.shut_out(unit, error, self._clock())

    def broke(self, error: SiloError) -> None:
        """Note that a session ended with an error."""
        if self._has_failed:
            return
        with self._store.begin() as unit:
            self._has_failed = self._circuit.broke(unit, error, self._clock())

    def answered(self) -> None:
        """Note that the silo was reached; costs a look where nothing failed before."""
        with self._store.snapshot() as unit:
            if self._circuit.is_spotless(unit):
                return
        with self._store.begin() as unit:
            self._circuit.answered(unit, self._clock())
