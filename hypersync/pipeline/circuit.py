"""Leaves a silo alone that fails again and again: the engine pauses it, and tries it again later.

    closed ── failures in a row, or a refusal at the door ──▶ open ── pause over ──▶ one try
      ▲                                                        ▲                        │
      └──────────────────────── it answered ───────────────────┼────────────────────────┤
                                                               └── longer pause ── failed

What counts is whether the silo was reached: a connection that fails, a session that is lost, no
answer worth the name. That it refuses single changes is an answer. A refusal to let us in opens the
circuit at once, because trying again would lock the account. While it is open nobody opens a
session; actions wait as in a silo that people paused. When the pause is over the first who comes
tries it: one scan, one action or one look back, of however many processes. People are told once,
by an incident, and once more when it ends because the silo answers or is resumed.

Failure direction: what cannot be read of a circuit holds the silo.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from enum import Enum

from hypersync.errors import ConnectionLost, SiloError, SiloPaused, SiloRefused, SiloUnreachable
from hypersync.model.circuit import CircuitState, CircuitTerms
from hypersync.model.objects import Conflict, Outcome, Refused, Succeeded, Unknown
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
        self._is_trial = False

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
        self._is_trial = False
        if not state.is_open:
            return Way.FREE
        until = now + self._terms.pause_of(state.pauses)
        if not (state.is_due(now) and unit.silos.try_circuit(self._silo, now, until)):
            return Way.SHUT
        self._is_trial = True
        _logger.info("silo %s: its pause is over, it is tried once", self._silo)
        return Way.TRIAL

    def check(self, unit: UnitOfWork, now: datetime) -> None:
        """Enter; raises `SiloPaused` when the silo may not be used."""
        if self.enter(unit, now) is Way.SHUT:
            raise SiloPaused(unit.silos.circuit(self._silo).sentence)

    def shut_out(self, unit: UnitOfWork, error: SiloError, now: datetime) -> None:
        """Count that no session could be opened; a refusal opens the circuit at once."""
        if not isinstance(error, SiloPaused):
            is_refusal = isinstance(error, SiloRefused) or isinstance(error.__cause__, SiloRefused)
            self._count(unit, error.message, now, is_enough=is_refusal)

    def broke(self, unit: UnitOfWork, error: SiloError, now: datetime) -> None:
        """Count that a session broke off.

        What ended it for another reason, such as what a file holds or a missing right, is neither a
        failure to reach the silo nor an answer.
        """
        signs = (SiloUnreachable, ConnectionLost, OSError)
        if any(isinstance(each, signs) for each in _chain(error)):
            self._count(unit, error.message, now)

    def _count(
        self, unit: UnitOfWork, because: str, now: datetime, *, is_enough: bool = False
    ) -> None:
        state = unit.silos.count_failure(self._silo)
        is_trial, self._is_trial = self._is_trial, False
        if state.is_open and not is_trial:
            return  # it was under way when the circuit opened
        if is_trial or is_enough or state.failures >= self._terms.failures:
            self._open(unit, state, because, now)

    def answered(self, unit: UnitOfWork, now: datetime) -> None:
        """Note that the silo was reached: its failures are forgotten, an open circuit closes."""
        self._is_trial = False
        if self.is_spotless(unit):
            return
        state = unit.silos.circuit(self._silo)
        unit.silos.close_circuit(self._silo)
        if state.is_open:
            unit.events.record(Event(kind="circuit_closed", at=now, silo=self._silo))
            end_notice(unit, self._silo, now, self._open_request, self._tell_end)
            _logger.info("silo %s answers again; it is no longer paused by the engine", self._silo)

    def is_spotless(self, unit: UnitOfWork) -> bool:
        """Tell whether nothing failed since the silo was reached last."""
        return unit.silos.circuit(self._silo) == CircuitState()

    def judge(self, unit: UnitOfWork, outcomes: Sequence[Outcome], now: datetime) -> None:
        """Tell from what became of changes whether the silo was reached.

        To be asked to wait says neither.
        """
        if any(isinstance(each, Succeeded | Conflict | Refused) for each in outcomes):
            self.answered(unit, now)
            return
        lost = next((each for each in outcomes if isinstance(each, Unknown)), None)
        if lost is not None:
            self._count(unit, lost.reason, now)

    def _open(self, unit: UnitOfWork, state: CircuitState, because: str, now: datetime) -> None:
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
        update_incidents(
            unit,
            _about(self._silo),
            {"": _notice(self._silo, state.failures, because)},
            now,
            open_request=self._open_request,
        )
        _logger.warning("silo %s: %s", self._silo, paused.sentence)


Circuits = Callable[[str], Circuit]
"""Returns the circuit of a silo by its name."""


def circuits_of(engine: Engine) -> Circuits:
    """Return the circuits of the silos of an engine."""

    def circuit(silo: str) -> Circuit:
        terms = engine.circuits.get(silo, CircuitTerms())
        return Circuit(silo, terms, engine.open_request, engine.tell_end)

    return circuit


def end_notice(
    unit: UnitOfWork,
    silo: str,
    now: datetime,
    open_request: OpenRequest,
    tell_end: TellEnd | None,
) -> None:
    """End what people were told about a silo out of reach, because it is no longer; tell them."""
    update_incidents(unit, _about(silo), {}, now, open_request=open_request, tell_end=tell_end)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what it came of, also where that is not to be shown."""
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__


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
