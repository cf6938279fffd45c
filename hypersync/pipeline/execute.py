"""Carries out queued actions: the third loop.

    queued ──▶ executing ──▶ connector.apply ──▶ outcome written to action, object and history

Intent before effect: an action is stored as ``executing``, with its throttle started, before the
silo is called, and its outcome is written in the transaction that also writes the object. After a
crash it is ``unknown`` and is settled by reading the silo back, so nothing is lost and nothing
runs twice. Creates run before references, references before deletes. What was
queued before the run began is left to a sync, which looks at its condition again.

One silo that does not answer leaves its actions queued; the others go on.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from hypersync.errors import SiloError
from hypersync.model.actions import Action, ActionState
from hypersync.model.ids import ActionId
from hypersync.model.objects import (
    Attributes,
    Change,
    Conflict,
    ObjectType,
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
from hypersync.pipeline.join import Joins
from hypersync.pipeline.passwords import with_passwords, without_passwords
from hypersync.pipeline.read_back import judge_read_back
from hypersync.ports.connector import Connector, Session
from hypersync.ports.progress import NoProgress, Progress
from hypersync.ports.store import Store, UnitOfWork
from hypersync.ports.store.events import Event
from hypersync.ports.store.leases import Fence

BATCH = 200
RETRY_UNREACHABLE = timedelta(minutes=1)
MOST_ATTEMPTS = 10
BACK_OFF = timedelta(minutes=10)
TYPE_GONE = "its object type is no longer in the configuration"

_CHANGES = (
    Operation.UPDATE,
    Operation.MOVE,
    Operation.RENAME,
    Operation.ENABLE,
    Operation.DISABLE,
)
PHASES: tuple[tuple[Operation, ...], ...] = (
    (Operation.CREATE,),
    _CHANGES,
    (Operation.ADD_MEMBER, Operation.REMOVE_MEMBER),
    (Operation.DELETE,),
    (Operation.EVENT,),
)


class EventSink(Protocol):
    """Where the effects of event rules go."""

    def fire(self, action: Action) -> Outcome:
        """Carry out one event; never raises for what the other side does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Silos:
    """The silos as execution needs them: connectors, object types by (silo, type), joins."""

    connectors: Mapping[str, Connector]
    types: Mapping[tuple[str, str], ObjectType]
    slots: Mapping[str, tuple[str, str]]
    joins: Joins
    events: EventSink
    settle: Mapping[str, timedelta] = field(default_factory=dict)


@dataclass(slots=True)
class Execution:
    """What became of the queued actions."""

    done: dict[ActionId, ActionState] = field(default_factory=dict)
    errors: list[RunError] = field(default_factory=list)


def execute(
    store: Store,
    silos: Silos,
    *,
    worker: str,
    clock: Callable[[], datetime],
    fence: Fence | None = None,
    resting: Collection[str] = (),
    queued_since: datetime | None = None,
    is_blackout: Callable[[datetime], bool] | None = None,
    progress: Progress | None = None,
) -> Execution:
    """Carry out what is queued and due, silo by silo, except in silos that are ``resting``.

    Nothing is begun that was queued before ``queued_since``, by default anything may: its condition
    has to be looked at again. Pauses and blackouts that begin meanwhile are kept. With a fence
    nothing more is begun once the lease is lost (`FenceLost`); what was begun is still recorded.
    """
    terms = _Terms(worker, clock, fence, queued_since, is_blackout)
    shown = progress or NoProgress()
    report = Execution()
    open_silos = [silo for silo in (*sorted(silos.connectors), "") if silo not in resting]
    with store.snapshot() as unit:
        shown.start("executing", unit.actions.due(clock()))
    for silo in open_silos:
        with ExitStack() as stack:
            _Worker(store, silos, silo, terms, shown, report, stack).work()
    return report


def settle_unknown(
    store: Store,
    silos: Silos,
    *,
    worker: str,
    clock: Callable[[], datetime],
    fence: Fence | None = None,
    resting: Collection[str] = (),
) -> Execution:
    """Find out what became of actions whose process or connection was lost.

    To be called before a plan is made: what was not done after all goes back into the queue and
    starts when its condition was looked at again.
    """
    report = Execution()
    terms = _Terms(worker, clock, fence)
    with store.begin(fence) as unit:
        unit.actions.lost(worker)
    for silo in (*sorted(silos.connectors), ""):
        if silo not in resting:
            with ExitStack() as stack:
                quiet = NoProgress()
                _Worker(store, silos, silo, terms, quiet, report, stack).settle()
    return report


@dataclass(frozen=True, slots=True)
class _Terms:
    """Under which name and conditions actions are carried out."""

    worker: str
    clock: Callable[[], datetime]
    fence: Fence | None
    queued_since: datetime | None = None
    is_blackout: Callable[[datetime], bool] | None = None


class _Worker:
    """Carries out the actions of one silo over one session, opened when the first is there."""

    def __init__(
        self,
        store: Store,
        silos: Silos,
        silo: str,
        terms: _Terms,
        progress: Progress,
        report: Execution,
        stack: ExitStack,
    ) -> None:
        self._store = store
        self._silos = silos
        self._silo = silo
        self._terms = terms
        self._clock = terms.clock
        self._mine: str | None = terms.worker
        self._progress = progress
        self._report = report
        self._stack = stack
        self._session: Session | None = None

    def settle(self) -> None:
        """Read back what may or may not have been done, whoever did it."""
        self._mine = None
        try:
            self._settle_unknown()
        except SiloError as error:
            self._complain(error)

    def work(self) -> None:
        """Carry out what is queued, phase by phase."""
        for operations in PHASES:
            for batch in self._batches(operations):
                if not self._carry_out(batch):
                    return

    def _batches(self, operations: Collection[Operation]) -> Iterator[Sequence[Action]]:
        while True:
            now = self._clock()
            with self._store.begin(self._terms.fence) as unit:
                if self._is_resting(unit, now):
                    return
                batch = unit.actions.claim(
                    self._terms.worker,
                    silo=self._silo,
                    operations=operations,
                    queued_since=self._terms.queued_since,
                    limit=BATCH,
                    now=now,
                )
                unit.marks.start([(a.rule, a.identity, _target(a)) for a in batch], now)
            if not batch:
                return
            yield batch

    def _is_resting(self, unit: UnitOfWork, now: datetime) -> bool:
        """Tell whether a pause or a blackout began since the plan was made."""
        is_blackout = self._terms.is_blackout
        return self._silo in unit.silos.paused() or (is_blackout is not None and is_blackout(now))

    def _carry_out(self, batch: Sequence[Action]) -> bool:
        """Apply one batch; false when the silo does not answer and the rest has to wait."""
        try:
            outcomes = self._outcomes(batch)
        except SiloError as error:
            self._put_back(batch, error)
            return False
        with self._store.begin() as unit:
            now = self._clock()
            for action, outcome in zip(batch, outcomes, strict=True):
                self._record(unit, action, outcome, now)
        self._progress.advance(len(batch))
        return True

    def _outcomes(self, batch: Sequence[Action]) -> Sequence[Outcome]:
        if not self._silo:
            return [self._silos.events.fire(action) for action in batch]
        known = [action for action in batch if (action.silo, action.type) in self._silos.types]
        session = self._opened()
        with self._store.snapshot() as unit:
            changes = [self._change(unit, action) for action in known]
        outcomes: Sequence[Outcome]
        try:
            outcomes = session.apply(changes)
        except SiloError as error:
            # the call broke off: what it did before that has to be read back
            self._session = None
            outcomes = [Unknown(error.message)] * len(known)
        answers = dict(zip((action.id for action in known), outcomes, strict=True))
        return [answers.get(action.id, Refused(TYPE_GONE)) for action in batch]

    def _opened(self) -> Session:
        if self._session is None:
            connector = self._silos.connectors[self._silo]
            self._session = self._stack.enter_context(connector.open())
        return self._session

    def _change(self, unit: UnitOfWork, action: Action) -> Change:
        before, after = action.before, action.after
        if action.operation is Operation.CREATE and after is not None:
            after = with_passwords({**after, **action.once})
        if action.operation in (Operation.ADD_MEMBER, Operation.REMOVE_MEMBER):
            before, after = (self._refer(unit, action, side) for side in (before, after))
        return Change(
            key=action.id,
            operation=action.operation,
            type=self._silos.types[action.silo, action.type],
            anchor=action.anchor,
            before=before,
            after=after,
        )

    def _refer(
        self, unit: UnitOfWork, action: Action, side: Attributes | None
    ) -> Attributes | None:
        """Turn the member's anchor into what the silo stores: its DN where it has one."""
        if side is None:
            return None
        silo, kind = self._silos.slots[action.slot]
        anchor = str(side["member"])
        member = unit.objects.get(silo, kind, anchor)
        dn = None if member is None else member.attributes.get("dn")
        return {"member": anchor if dn is None else dn}

    # --- outcomes ------------------------------------------------------------------------------

    def _record(self, unit: UnitOfWork, action: Action, outcome: Outcome, now: datetime) -> None:
        match outcome:
            case Succeeded(found):
                self._finish(unit, action, ActionState.SUCCEEDED, now, found=found)
            case Conflict(why, found):
                self._finish(unit, action, ActionState.CONFLICT, now, found=found, error=why)
            case Refused(reason):
                self._finish(unit, action, ActionState.FAILED, now, error=reason)
            case RetryAfter(span, reason) if action.attempts < MOST_ATTEMPTS:
                unit.actions.retry(
                    action.id, now + span, reason or "the silo asked to wait", worker=self._mine
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

    def _put_back(self, batch: Sequence[Action], error: SiloError) -> None:
        """Leave a batch queued whose silo could not even be opened: nothing was written."""
        now = self._clock()
        with self._store.begin() as unit:
            for action in batch:
                unit.actions.retry(
                    action.id, now + RETRY_UNREACHABLE, error.message, worker=self._mine
                )
        self._complain(error)

    def _complain(self, error: SiloError) -> None:
        text = f"{self._silo}: {error.message}; its actions stay queued"
        self._report.errors.append(RunError(None, None, error.code, text))

    def _fail(self, action: Action, code: str, text: str) -> None:
        self._report.errors.append(RunError(action.rule, action.identity, code, text))

    # --- unknown outcomes ----------------------------------------------------------------------

    def _settle_unknown(self) -> None:
        """Read back what may or may not have been done."""
        with self._store.snapshot() as unit:
            unknown = unit.actions.unknown(self._silo)
        for action in unknown:
            outcome = self._read_back(action)
            if outcome is None:
                continue
            with self._store.begin() as unit:
                now = self._clock()
                if isinstance(outcome, RetryAfter):
                    unit.actions.retry(action.id, now, outcome.reason, recheck=True)
                    unit.identities.upsert_pending([action.identity])
                else:
                    self._record(unit, action, outcome, now)

    def _read_back(self, action: Action) -> Outcome | None:
        """Find out what became of an action; ``None`` when it cannot be told yet."""
        if not self._silo:
            if (action.after or {}).get("repeatable") is True:
                return RetryAfter(timedelta(0), "nobody knows whether it happened; repeated")
            return Refused("nobody knows whether this event happened; it is not repeated")
        kind = self._silos.types.get((action.silo, action.type))
        if kind is None:
            return Refused(TYPE_GONE)
        if action.anchor is None:
            return self._created(action)
        found = self._opened().read(kind, action.anchor)
        with self._store.snapshot() as unit:
            change = self._change(unit, action)
        return judge_read_back(change, found, kind)

    def _created(self, action: Action) -> Outcome | None:
        """Look for a created object in a scan that ended after the silo had time to settle."""
        started = action.queued_at if action.started_at is None else action.started_at
        if started is None:
            return None
        settled = started + self._silos.settle.get(self._silo, timedelta(0))
        with self._store.snapshot() as unit:
            if not unit.scans.applied_since(self._silo, settled):
                return None
            found = unit.objects.in_slot(action.identity, action.slot)
        if found is None:
            return RetryAfter(timedelta(0), "a later scan did not find it; tried again")
        return Succeeded(SiloObject(found.type, found.anchor, found.attributes))


def _target(action: Action) -> str:
    """Return the throttle key: group and member for memberships, else empty."""
    member = (action.after or action.before or {}).get("member")
    if action.operation in (Operation.ADD_MEMBER, Operation.REMOVE_MEMBER):
        return f"{action.anchor}\x1f{member!s}"
    return ""


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
