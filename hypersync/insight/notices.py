"""What everybody is to know at the moment, whatever page they look at.

Unlock keys in force, a broken audit trail, a simulation, silos that are paused, errors of the last
committing run, a blackout, a missing sign-in. Each costs a look at an index or two, however much
there is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from hypersync.model.ids import RunId
from hypersync.model.runs import Run, RunMode, RunState
from hypersync.pipeline.engine import Engine
from hypersync.pipeline.unlock import in_force
from hypersync.ports.store import UnitOfWork
from hypersync.ports.store.ledger import RunsWanted

_MOST_ERRORS = 200
_BROKEN_FOR = timedelta(days=7)
"""How long everybody is told that the audit trail was found broken."""
_GUARD = "guard"
"""The code of errors of the guards themselves."""


class Severity(Enum):
    """How much a notice matters: something is wrong, is not as usual, or is good to know."""

    BAD = "bad"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One thing that everybody is to know; ``run`` is where to read more."""

    severity: Severity
    text: str
    run: RunId | None = None


def unlocked(unit: UnitOfWork, engine: Engine, now: datetime) -> list[Notice]:
    """Return what whoever decides anything is to know: which limits do not hold."""
    return [
        Notice(severity=Severity.BAD, text=f"Unlocked: {key.banner}")
        for key in in_force(unit, engine.lock, now)
    ]


def notices(
    unit: UnitOfWork, engine: Engine, now: datetime, *, has_sign_in: bool
) -> Iterator[Notice]:
    """Yield everything that people of the installation are to know, the worst first."""
    yield from unlocked(unit, engine, now)
    yield from _broken(unit, now)
    yield from _errors(unit)
    yield from _paused(unit)
    if engine.guards.simulate:
        text = "Simulation: runs plan and report only; nothing is asked, released or executed"
        yield Notice(severity=Severity.WARNING, text=text)
    if engine.is_blackout(now):
        text = "A blackout is in force: nothing is released or executed until it ends"
        yield Notice(severity=Severity.WARNING, text=text)
    if not has_sign_in:
        text = "No sign-in is configured: these pages are shown on this machine only"
        yield Notice(severity=Severity.NOTE, text=text)


def _paused(unit: UnitOfWork) -> Iterator[Notice]:
    """Yield which silos are paused: by people nothing is written, by the engine nothing read."""
    reasons, by_people = unit.silos.reasons(), unit.silos.by_people()
    for silo in sorted(unit.silos.paused()):
        why = reasons.get(silo, "")
        if silo not in by_people:
            text = f"The silo {silo} is {why}; until then nothing is read from it or written to it"
        else:
            text = f"The silo {silo} is paused; nothing is written to it{why and f': {why}'}"
        yield Notice(severity=Severity.WARNING, text=text)


def _broken(unit: UnitOfWork, now: datetime) -> Iterator[Notice]:
    """Yield that whoever seals found the audit trail broken."""
    found = unit.events.latest("audit_broken", now - _BROKEN_FOR)
    if found is not None:
        when = f"{found.event.at:%Y-%m-%d %H:%M} UTC"
        text = f"The audit trail was found broken at {when}: see event {found.id} there"
        yield Notice(severity=Severity.BAD, text=text)


def _errors(unit: UnitOfWork) -> Iterator[Notice]:
    """Yield what went wrong in the last committing run."""
    run = last_committing(unit)
    if run is None:
        return
    if run.state is RunState.FAILED:
        yield Notice(severity=Severity.BAD, text="The last committing run failed", run=run.id)
        return
    if not run.counts.errors:
        return
    codes = [error.code for error in unit.runs.errors(run.id, limit=_MOST_ERRORS)]
    of_guards = codes.count(_GUARD)
    if of_guards:
        text = f"The guards met {_errors_text(of_guards)} in the last committing run; what they"
        text += " could not judge did not run"
        yield Notice(severity=Severity.BAD, text=text, run=run.id)
    else:
        text = f"The last committing run met {_errors_text(run.counts.errors)}"
        yield Notice(severity=Severity.WARNING, text=text, run=run.id)


def last_committing(unit: UnitOfWork) -> Run | None:
    """Return the newest committing run, without what its rules did."""
    found = unit.ledger.runs(RunsWanted(mode=RunMode.COMMIT), after=None, limit=1)
    return found[0] if found else None


def _errors_text(count: int) -> str:
    return "1 error" if count == 1 else f"{count} errors"
