"""Writes down what became of an action: its state, the object, and what is looked at again.

The outcome and the object are one transaction of the caller. What was not done puts the identity
back into the pending set after `BACK_OFF`, so that nothing is forgotten and nothing is hammered.

An action on which the connection broke is a suspect: perhaps the silo cannot stand it. Its next
tries are by itself, at once first and then with pauses as long as those of a circuit, so ten of
them take most of a day. That its silo was not reached is no attempt, and makes nobody a suspect.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from hypersync.errors import SiloError
from hypersync.model.actions import Action, ActionState
from hypersync.model.circuit import CircuitTerms
from hypersync.model.ids import ActionId
from hypersync.model.objects import (
    Conflict,
    Operation,
    Outcome,
    Refused,
    RetryAfter,
    SiloObject,
    Succeeded,
    Unknown,
)
from hypersync.model.runs import RunError
from hypersync.pipeline.apply import write_back
from hypersync.pipeline.passwords import without_passwords
from hypersync.pipeline.silos import Silos
from hypersync.ports.store import UnitOfWork
from hypersync.ports.store.events import Event

MOST_ATTEMPTS = 10
BACK_OFF = timedelta(minutes=10)
TYPE_GONE = "its object type is no longer in the configuration"

_PATIENCE = CircuitTerms()
_BY_ITSELF = "tried by itself next, because its answer was lost: "
_UNREAD = (
    "given up after {attempts} attempts, because its answer was lost and {text}; it may have been "
    "done or not, so look at it in the silo. The next sync plans it anew if its rule still wants "
    "it and its throttle is over"
)


def noted_of(action: Action, reason: str) -> str:
    """Return what people read of an action that was not begun, or was asked to wait."""
    return _BY_ITSELF + reason if action.is_suspect else reason


def is_put_off(action: Action, now: datetime) -> bool:
    """Tell whether an unknown action was looked for not long ago and could not be read."""
    return action.retry_at is not None and now < action.retry_at <= now + _PATIENCE.longest


def is_break(outcome: Outcome) -> bool:
    """Tell whether the connection broke on this very change, as far as one can know."""
    match outcome:
        case RetryAfter(is_suspect=found) | Unknown(is_lost=found):
            return found
        case _:
            return False


@dataclass(slots=True)
class Execution:
    """What became of the queued actions."""

    done: dict[ActionId, ActionState] = field(default_factory=dict)
    errors: list[RunError] = field(default_factory=list)

    def complain(self, silo: str, error: SiloError) -> None:
        """Note that a silo does not answer."""
        text = f"{silo}: {error.message}; its actions stay queued"
        self.errors.append(RunError(None, None, error.code, text))


class Recorder:
    """Records the outcomes of one silo's actions.

    ``mine`` is the worker whose actions these are; ``None`` records whoever carried them out.
    """

    def __init__(self, silos: Silos, silo: str, mine: str | None, report: Execution) -> None:
        self._silos = silos
        self._silo = silo
        self._mine = mine
        self._report = report

    def record(self, unit: UnitOfWork, action: Action, outcome: Outcome, now: datetime) -> None:
        """Write one outcome."""
        match outcome:
            case Succeeded(found):
                self._finish(unit, action, ActionState.SUCCEEDED, now, found=found)
            case Conflict(why, found):
                self._finish(unit, action, ActionState.CONFLICT, now, found=found, error=why)
            case Refused(reason):
                self._finish(unit, action, ActionState.FAILED, now, error=reason)
            case RetryAfter(span, reason, is_suspect=True):
                self.not_done(unit, action, reason, now, span)
            case RetryAfter(span, reason, is_lost) if is_lost or action.attempts < MOST_ATTEMPTS:
                why = noted_of(action, reason or "the silo asked to wait")
                self._retry(unit, action, now, span, why, is_begun=not is_lost)
            case RetryAfter(_, reason):
                text = f"given up after {action.attempts} attempts: {reason}"
                self._finish(unit, action, ActionState.FAILED, now, error=text)
            case Unknown(reason):
                unit.actions.move(
                    [action.id], [ActionState.EXECUTING], ActionState.UNKNOWN, now, error=reason
                )
                self._fail(action, "unknown_outcome", reason)

    def not_done(
        self,
        unit: UnitOfWork,
        action: Action,
        reason: str,
        now: datetime,
        span: timedelta = timedelta(0),
        *,
        recheck: bool = False,
    ) -> bool:
        """Queue a suspect that is not done, for ``span`` or longer; false when it is given up.

        With ``recheck`` its condition is looked at again before it starts.
        """
        if action.attempts >= MOST_ATTEMPTS:
            self._finish(unit, action, ActionState.FAILED, now, error=_given_up(action, reason))
            return False
        if action.attempts > 1:
            pause = _PATIENCE.pause_of(action.attempts - 1)
            left = pause if action.started_at is None else action.started_at + pause - now
            span = max(span, min(left, pause))
        suspect = replace(action, is_suspect=True)
        self._retry(unit, suspect, now, span, noted_of(suspect, reason), recheck=recheck)
        return True

    def unread(self, unit: UnitOfWork, action: Action, reason: str, now: datetime) -> None:
        """Count that what became of an unknown action cannot be read, though its silo answers.

        It is looked for again after the pauses of a suspect, and given up as one.
        """
        text = f"what became of it cannot be read: {reason}"
        unit.actions.leave_unknown(action.id, now + _PATIENCE.pause_of(action.attempts), text)
        attempts = action.attempts + 1
        if attempts >= MOST_ATTEMPTS:
            error = _UNREAD.format(attempts=attempts, text=text)
            self._finish(unit, action, ActionState.FAILED, now, error=error)
        else:
            self._fail(action, "unknown_outcome", text)

    def _retry(
        self,
        unit: UnitOfWork,
        action: Action,
        now: datetime,
        span: timedelta,
        reason: str,
        *,
        is_begun: bool = True,
        recheck: bool = False,
    ) -> None:
        """Put an action back into the queue, and tell of it unless it is due at once."""
        unit.actions.retry(
            action.id,
            now + span,
            reason,
            worker=self._mine,
            is_begun=is_begun,
            recheck=recheck,
            is_suspect=action.is_suspect,
        )
        if span or not recheck:
            text = f"waits until {now + span:%H:%M:%S} UTC: {reason}"
            self._fail(action, "retry_later", text)

    def _finish(
        self,
        unit: UnitOfWork,
        action: Action,
        state: ActionState,
        now: datetime,
        *,
        found: SiloObject | None = None,
        error: str | None = None,
    ) -> None:
        object_id = None
        gone = state is ActionState.SUCCEEDED and action.operation is Operation.DELETE
        if self._silo and (found is not None or gone):
            object_id = write_back(
                unit,
                self._silos.joins,
                self._silos.types[action.silo, action.type],
                without_passwords(found, action.once),
                anchor=action.anchor,
                source=f"action:{action.id}",
                now=now,
            )
        anchor = None if found is None else found.anchor
        if not unit.actions.finish(
            action.id,
            state,
            now,
            worker=self._mine,
            error=error,
            anchor=anchor,
            object_id=object_id,
        ):
            return
        not_before = None if state is ActionState.SUCCEEDED else now + BACK_OFF
        unit.identities.upsert_pending([action.identity], not_before)
        self._report.done[action.id] = state
        if state is not ActionState.SUCCEEDED:
            self._fail(action, state.value, error or "")
            unit.events.record(_event(action, "action_failed", now, error))

    def _fail(self, action: Action, code: str, text: str) -> None:
        self._report.errors.append(RunError(action.rule, action.identity, code, text))


def _given_up(action: Action, reason: str) -> str:
    """Say that a suspect was tried often enough, and what to do about it."""
    why = f"given up after {action.attempts} attempts, because its answer was lost again: {reason}"
    if not action.silo:
        return why
    return (
        f"{why}; find out what it is about this change that breaks the connection. The next sync "
        "plans it anew if its rule still wants it and its throttle is over"
    )


def _event(action: Action, kind: str, now: datetime, error: str | None) -> Event:
    return Event(
        kind=kind,
        at=now,
        run=action.run,
        rule=action.rule,
        action=action.id,
        silo=action.silo or None,
        data={"error": error},
    )
