"""Leaves a silo alone that fails again and again: the engine pauses it, and tries it again later.

    closed ── failures in a row, or a refusal at the door ──▶ open ── pause over ──▶ one try
      ▲                                                        ▲                        │
      └──────────────────────── it answered ───────────────────┼────────────────────────┤
                                                               └── longer pause ── failed

What counts is whether the silo was reached. A failure is a session that could not be opened or that
broke off, or a silo that says it is not available; a refusal at the door opens the circuit at once,
because trying again would lock the account. An answer is whatever a session says of changes and
objects, a refusal too. A request to wait is neither, nor is a scan that fails because of what it
read; but who tries a paused silo and gets as far as that has been let in, which is what the try was
for.

While the circuit is open nobody opens a session; actions wait as in a silo that people paused. When
the pause is over the first who comes tries it: one scan, one action or one look back, of however
many processes. Only the answer to that try closes the circuit: a session from before goes on even
if the password was changed since. A try in which no session was asked for is given back. People
are told once, by an incident, again when the door refuses what was out of reach before or the other
way round, and once more when it ends because the silo answers or is resumed.

Failure direction: what cannot be read of a circuit holds the silo.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from enum import Enum

from hypersync.errors import (
    ConnectionLost,
    SiloBusy,
    SiloError,
    SiloPaused,
    SiloRefused,
    SiloUnavailable,
    SiloUnreachable,
)
from hypersync.model.circuit import CircuitState, CircuitTerms
from hypersync.model.objects import Outcome, RetryAfter, Unknown
from hypersync.model.requests import RequestDraft, RequestKind
from hypersync.pipeline.engine import Engine, OpenRequest, TellEnd
from hypersync.pipeline.incidents import update_incidents
from hypersync.ports.store import UnitOfWork
from hypersync.ports.store.events import Event

OUT_OF_REACH = "circuit:"
"""How the causes of these incidents begin."""

_logger = logging.getLogger(__name__)


class Way(Enum):
    """How a silo may be used: as usual, for one try, or not."""

    FREE = "free"
    TRIAL = "trial"
    SHUT = "shut"


class Circuit:
    """The circuit of one silo, as one scan or one run meets it."""

    def __init__(
        self,
        silo: str,
        terms: CircuitTerms,
        open_request: OpenRequest,
        tell_end: TellEnd | None = None,
    ) -> None:
        self._silo = silo
        self._terms = terms
        self._open_request = open_request
        self._tell_end = tell_end
        self._try: datetime | None = None  # the end of the pause that our try began

    def looks(self, unit: UnitOfWork, now: datetime) -> Way:
        """Say how the silo may be used, and take nothing."""
        state = unit.silos.circuit(self._silo)
        if not state.is_open:
            return Way.FREE
        return Way.TRIAL if state.is_due(now) else Way.SHUT

    def enter(self, unit: UnitOfWork, now: datetime) -> Way:
        """Take the one try of a silo that is due, or say how else it may be used.

        The try is kept by a new pause, which is what is left should this process die.
        """
        state = unit.silos.circuit(self._silo)
        self._try = None
        if not state.is_open:
            return Way.FREE
        until = now + self._terms.pause_of(state.pauses)
        if not (state.is_due(now) and unit.silos.try_circuit(self._silo, now, until)):
            return Way.SHUT
        self._try = until
        _logger.info("silo %s: its pause is over, it is tried once", self._silo)
        return Way.TRIAL

    def check(self, unit: UnitOfWork, now: datetime) -> None:
        """Enter; raises `SiloPaused` when the silo may not be used."""
        if self.enter(unit, now) is Way.SHUT:
            raise SiloPaused(unit.silos.circuit(self._silo).sentence)

    def shut_out(self, unit: UnitOfWork, error: SiloError, now: datetime) -> None:
        """Count that no session could be opened, or that nothing could be begun with it."""
        if asks_to_wait(error):
            self._give_back(unit, now)
        elif not isinstance(error, SiloPaused):
            self._count(unit, error.message, now, is_refusal=is_refusal(error))

    def broke(self, unit: UnitOfWork, error: SiloError, now: datetime) -> bool:
        """Note that a session ended with an error; false when that was not that it broke off."""
        is_lost = _is_any(error, SiloUnreachable, ConnectionLost, OSError)
        if is_lost and not asks_to_wait(error):
            self._count(unit, error.message, now)
            return True
        self._was_let_in(unit, now)
        return False

    def judge(self, unit: UnitOfWork, outcomes: Sequence[Outcome], now: datetime) -> None:
        """Tell from what became of changes whether the silo was reached; none: it was not asked.

        One that asks to wait at one of them was reached; what it was not asked after that is lost.
        """
        unclear = [each for each in outcomes if isinstance(each, RetryAfter | Unknown)]
        lost = [each for each in unclear if each.is_lost]
        waits = [each for each in unclear if isinstance(each, RetryAfter) and not each.is_lost]
        if not outcomes:
            self._give_back(unit, now)
        elif len(outcomes) > len(lost) + len(waits):
            self.answered(unit, now)
        elif not waits:
            self._count(unit, lost[0].reason, now)
        else:
            self._was_let_in(unit, now)

    def answered(self, unit: UnitOfWork, now: datetime) -> None:
        """Note an answer: failures are forgotten; an open circuit closes if this was its try."""
        state = unit.silos.circuit(self._silo)
        is_try = self._take_try(state)
        if state == CircuitState() or (state.is_open and not is_try):
            return
        unit.silos.close_circuit(self._silo)
        if state.is_open:
            unit.events.record(Event(kind="circuit_closed", at=now, silo=self._silo))
            self._tell(unit, {}, now, self._tell_end)
            _logger.info("silo %s answers again; it is no longer paused by the engine", self._silo)

    @property
    def is_trying(self) -> bool:
        """Tell whether the one try of a paused silo is ours, and not over."""
        return self._try is not None

    def is_spotless(self, unit: UnitOfWork) -> bool:
        """Tell whether nothing failed since the silo was reached last."""
        return unit.silos.circuit(self._silo) == CircuitState()

    def _was_let_in(self, unit: UnitOfWork, now: datetime) -> None:
        """Note what is neither failure nor answer, except in a try, which it ends well."""
        if self._try is not None:
            self.answered(unit, now)

    def _give_back(self, unit: UnitOfWork, now: datetime) -> None:
        """Leave the try, if we hold it, to whoever comes next: it said nothing of the silo."""
        state = unit.silos.circuit(self._silo)
        if self._take_try(state):
            unit.silos.open_circuit(self._silo, replace(state, until=now))

    def _take_try(self, state: CircuitState) -> bool:
        """Tell whether the try of the circuit is ours, which ends by this."""
        mine, self._try = self._try, None
        return mine is not None and state.until == mine

    def _count(
        self, unit: UnitOfWork, because: str, now: datetime, *, is_refusal: bool = False
    ) -> None:
        state = unit.silos.count_failure(self._silo)
        is_try = self._take_try(state)
        if state.is_open and not is_try:
            return  # it was under way when the circuit opened
        if is_try or is_refusal or state.failures >= self._terms.failures:
            self._open(unit, state, because, now, is_refusal=is_refusal)

    def _open(
        self,
        unit: UnitOfWork,
        state: CircuitState,
        because: str,
        now: datetime,
        *,
        is_refusal: bool,
    ) -> None:
        pauses = state.pauses + 1
        paused = replace(
            state,
            pauses=pauses,
            opened_at=state.opened_at or now,
            until=now + self._terms.pause_of(pauses),
            because=because,
        )
        unit.silos.open_circuit(self._silo, paused)
        data = {"failures": state.failures, "because": because, "pauses": pauses}
        unit.events.record(Event(kind="circuit_opened", at=now, silo=self._silo, data=data))
        if not state.is_open:  # one that is left over would keep people from hearing of this
            self._tell(unit, {}, now)
        notice = _notice(self._silo, state.failures, because)
        self._tell(unit, {"refused" if is_refusal else "": notice}, now)
        _logger.warning("silo %s: %s", self._silo, paused.sentence)

    def _tell(
        self,
        unit: UnitOfWork,
        found: Mapping[str, RequestDraft],
        now: datetime,
        tell_end: TellEnd | None = None,
    ) -> None:
        about, ask = _about(self._silo), self._open_request
        update_incidents(unit, about, found, now, open_request=ask, tell_end=tell_end)


Circuits = Callable[[str], Circuit]
"""Returns the circuit of a silo by its name."""


def circuits_of(engine: Engine) -> Circuits:
    """Return the circuits of the silos of an engine."""

    def circuit(silo: str) -> Circuit:
        terms = engine.circuits.get(silo, CircuitTerms())
        return Circuit(silo, terms, engine.open_request, engine.tell_end)

    return circuit


def is_refusal(error: SiloError) -> bool:
    """Tell whether it was refused to let us in; what is behind `NothingWritten` counts, too."""
    return isinstance(error, SiloRefused) or isinstance(error.__cause__, SiloRefused)


def resume(
    unit: UnitOfWork,
    silo: str,
    now: datetime,
    open_request: OpenRequest,
    tell_end: TellEnd | None,
) -> bool:
    """Let a silo go on, whoever paused it, and end what was told of it; false if it was not paused.

    What was told may be left over from a circuit that is gone.
    """
    is_paused = silo in unit.silos.paused()
    if is_paused:
        unit.silos.resume(silo)
    update_incidents(
        unit,
        _about(silo),
        {},
        now,
        open_request=open_request,
        tell_end=tell_end,
        is_resumed=True,
    )
    return is_paused


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what it came of, also where that is not to be shown."""
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__


def _is_any(error: BaseException, *kinds: type[BaseException]) -> bool:
    return any(isinstance(each, kinds) for each in _chain(error))


def asks_to_wait(error: BaseException) -> bool:
    """Tell whether a silo is there and asks to wait; that it is not available is none of this."""
    return _is_any(error, SiloBusy) and not _is_any(error, SiloUnavailable)


def _about(silo: str) -> str:
    return f"{OUT_OF_REACH}{silo}:"


def _notice(silo: str, failures: int, because: str) -> RequestDraft:
    tries = f" after {failures} failures in a row" if failures > 1 else ""
    return RequestDraft(
        kind=RequestKind.INCIDENT,
        sentence=(
            f"The silo {silo} is paused by the engine{tries}: {because}. Its actions wait. It is "
            "tried again from time to time and goes on when it answers; `hypersync silo resume "
            f"{silo}` tries it with the next sync."
        ),
        count=1,
        silo=silo,
    )
