"""Writes down what became of an action: its state, the object, and what is looked at again.

The outcome and the object are one transaction of the caller. What was not done puts the identity
back into the pending set after `BACK_OFF`, so that nothing is forgotten and nothing is hammered.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hypersync.errors import SiloError
from hypersync.model.actions import Action, ActionState
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
            case RetryAfter(span, reason, is_lost) if is_lost or action.attempts < MOST_ATTEMPTS:
                unit.actions.retry(
                    action.id,
                    now + span,
                    reason or "the silo asked to wait",
                    worker=self._mine,
                    is_begun=not is_lost,
                )
                self._fail(
                    action, "retry_later", f"waits until {now + span:%H:%M:%S} UTC: {reason}"
                )
            case RetryAfter(_, reason):
                text = f"given up after {action.attempts} attempts: {reason}"
                self._finish(unit, action, ActionState.FAILED, now, error=text)
            case Unknown(reason):
                unit.actions.move(
                    [action.id], [ActionState.EXECUTING], ActionState.UNKNOWN, now, error=reason
                )
                self._fail(action, "unknown_outcome", reason)

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
