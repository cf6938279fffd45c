"""Finds out what became of actions whose process or connection was lost.

Updates and deletes are read back by anchor; creates are looked for in a scan that began after the
silo had time to settle, by join value and reserved names. An event leaves no trace: unless it may
be repeated, people are asked whether it happened. What cannot be told yet stays unknown: nothing
runs twice. What was not done is tried by itself (`outcomes`), and given up after some attempts. So
is what cannot be read though its silo answers when it is asked for something else; nothing waits
for it meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from hypersync.errors import SiloError
from hypersync.model.actions import DOUBT, Action, Reason
from hypersync.model.objects import ObjectType, Outcome, Refused, RetryAfter, SiloObject
from hypersync.model.requests import RequestDraft, RequestKind
from hypersync.pipeline.circuit import Circuits, asks_to_wait
from hypersync.pipeline.creations import Doubt, find_traces, judge_creation
from hypersync.pipeline.engine import OpenRequest
from hypersync.pipeline.entrance import Entrance
from hypersync.pipeline.incidents import update_incidents
from hypersync.pipeline.outcomes import TYPE_GONE, Execution, Recorder, is_put_off
from hypersync.pipeline.read_back import NOT_DONE, judge_read_back
from hypersync.pipeline.silos import Reach, Silos
from hypersync.ports.store import Store, UnitOfWork
from hypersync.ports.store.leases import Fence

CREATED = "create:"
"""How the causes of incidents about creates begin."""
_OTHERS = 3
"""How many other objects a silo is asked for at most before it counts as out of reach."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """How people are asked, and by which plan for a rule."""

    open_request: OpenRequest
    plan_of: Callable[[str], str | None]


def settle_unknown(
    store: Store,
    silos: Silos,
    *,
    worker: str,
    clock: Callable[[], datetime],
    asking: Asking,
    circuits: Circuits,
    fence: Fence | None = None,
    resting: Collection[str] = (),
) -> Execution:
    """Find out what became of actions whose process or connection was lost.

    To be called before a plan is made: what was not done after all goes back into the queue and
    starts when its condition was looked at again.
    """
    report = Execution()
    with store.begin(fence) as unit:
        unit.actions.lost(worker)
    for silo in (*sorted(silos.connectors), ""):
        if silo not in resting:
            with ExitStack() as stack:
                entrance = Entrance(store, circuits(silo), clock)
                _Settler(store, silos, silo, clock, asking, entrance, report, stack).settle()
    return report


class _Settler:
    """Settles the unknown outcomes of one silo."""

    def __init__(
        self,
        store: Store,
        silos: Silos,
        silo: str,
        clock: Callable[[], datetime],
        asking: Asking,
        entrance: Entrance,
        report: Execution,
        stack: ExitStack,
    ) -> None:
        self._store = store
        self._silos = silos
        self._silo = silo
        self._clock = clock
        self._asking = asking
        self._entrance = entrance
        self._report = report
        self._reach = Reach(silos, silo, stack)
        self._recorder = Recorder(silos, silo, None, report)
        self._unread: set[tuple[str, str]] = set()  # types and anchors

    def settle(self) -> None:
        """Read back what may or may not have been done, whoever did it."""
        with self._store.snapshot() as unit:
            unknown = unit.actions.unknown(self._silo)
        try:
            self._settle_creates([each for each in unknown if self._is_create(each)])
            for action in unknown:
                if not self._is_create(action) and not is_put_off(action, self._clock()):
                    self._settle_or_leave(action)
        except SiloError as error:
            self._report.complain(self._silo, error)

    def _is_create(self, action: Action) -> bool:
        """Tell whether the object has to be looked for, because nobody knows its anchor."""
        is_known = (action.silo, action.type) in self._silos.types
        return bool(self._silo) and action.anchor is None and is_known

    def _settle_or_leave(self, action: Action) -> None:
        """Settle an action, or count that it cannot be read; raises `SiloError` if nothing can."""
        try:
            self._settle(action)
        except _Unread as unread:
            error = unread.error
        else:
            return
        # raised out here, so that it does not become part of what it came of itself
        if not self._reads_another():
            self._entrance.broke(error)
            raise error
        with self._store.begin() as unit:
            self._recorder.unread(unit, action, error.message, self._clock())

    def _settle(self, action: Action) -> None:
        if self._silo:
            self._record(action, self._read_back(action))
        elif (action.after or {}).get("repeatable") is True:
            text = "nobody knows whether it happened; repeated"
            self._record(action, RetryAfter(NOT_DONE, text))
        elif not action.is_in_doubt:
            self._ask(action)

    def _record(self, action: Action, outcome: Outcome) -> None:
        with self._store.begin() as unit:
            now = self._clock()
            if isinstance(outcome, RetryAfter):
                reason = "; ".join(filter(None, (action.error, outcome.reason)))
                if self._recorder.not_done(unit, action, reason, now, recheck=True):
                    unit.identities.upsert_pending([action.identity])
            else:
                self._recorder.record(unit, action, outcome, now)

    def _read_back(self, action: Action) -> Outcome:
        """Find out what became of an action on an object whose anchor is known."""
        kind = self._silos.types.get((action.silo, action.type))
        if kind is None or action.anchor is None:
            return Refused(TYPE_GONE)
        with self._store.snapshot() as unit:
            change = self._reach.change(unit, action, self._clock)
        found = self._found(kind, action.anchor)
        told = change.member
        member = None if told is None else self._found(told.type, told.anchor)
        return judge_read_back(change, found, kind, member)

    def _found(self, kind: ObjectType, anchor: str) -> SiloObject | None:
        """Read an object; the first time through the circuit of the silo."""
        if self._reach.is_open:
            return self._read(kind, anchor)
        self._entrance.check()
        try:
            self._reach.opened()
        except SiloError as error:
            self._entrance.shut_out(error)
            raise
        found = self._read(kind, anchor)
        self._entrance.answered()
        return found

    def _read(self, kind: ObjectType, anchor: str) -> SiloObject | None:
        try:
            return self._reach.opened().read(kind, anchor)
        except SiloError as error:
            if asks_to_wait(error):
                self._entrance.broke(error)
                raise
            self._unread.add((kind.name, anchor))
            raise _Unread(error) from error

    def _reads_another(self) -> bool:
        """Tell whether the silo answers over a new session when it is asked for something else.

        Raises `SiloError` when there is no new session.
        """
        for kind, anchor in self._others():
            self._reach.broke_off()
            try:
                session = self._reach.opened()
            except SiloError as error:
                self._entrance.shut_out(error)
                raise
            with suppress(SiloError):
                session.read(kind, anchor)
                self._entrance.answered()
                return True
        self._reach.broke_off()
        return False

    def _others(self) -> Sequence[tuple[ObjectType, str]]:
        """Return some objects of the silo that nobody failed to read, by type and anchor."""
        with self._store.snapshot() as unit:
            found = (
                (self._silos.types[stored.silo, stored.name], anchor)
                for stored in unit.scans.types()
                if stored.silo == self._silo and (stored.silo, stored.name) in self._silos.types
                for anchor in unit.objects.anchors(stored.id)
                if (stored.name, anchor) not in self._unread
            )
            return list(islice(found, _OTHERS))

    def _ask(self, action: Action) -> None:
        """Ask people whether an event happened; whatever they say, it is not repeated."""
        when = action.started_at or action.queued_at
        at = "" if when is None else f" at {when:%Y-%m-%d %H:%M} UTC"
        text = f"nobody knows whether it happened{at}: the answer was lost"
        draft = RequestDraft(
            kind=RequestKind.INCIDENT,
            sentence=(
                f"{action.rule} called its webhook for {action.title or action.identity}{at} and "
                "the answer was lost. Did it happen? Approve says yes, reject says no; it is not "
                "repeated either way."
            ),
            count=1,
            actions=[action.id],
            run=action.run,
            rule=action.rule,
            plan=self._asking.plan_of(action.rule),
            detail={"reasons": [text]},
        )
        with self._store.begin() as unit:
            if unit.actions.doubt(action, Reason(DOUBT, "", text)):
                self._asking.open_request(unit, draft, self._clock())

    # --- creates -------------------------------------------------------------------------------

    def _settle_creates(self, actions: Sequence[Action]) -> None:
        """Settle the creates that can be told; one incident for each that cannot."""
        with self._store.snapshot() as unit:
            ready = [each for each in actions if self._had_time(unit, each)]
            slots, joins = self._silos.slots, self._silos.joins
            traces = find_traces(unit, ready, slots, joins) if ready else {}
        doubts: dict[str, RequestDraft] = {}
        for action in ready:
            outcome = judge_creation(action, traces[action.id])
            if isinstance(outcome, Doubt):
                doubts[action.id] = self._incident(action, outcome)
            else:
                self._record(action, outcome)
        self._keep_incidents(doubts, [each.id for each in actions if each not in ready])

    def _had_time(self, unit: UnitOfWork, action: Action) -> bool:
        """Tell whether a scan was applied that began after the silo had time to settle."""
        started = action.queued_at if action.started_at is None else action.started_at
        if started is None:
            return False
        settled = started + self._silos.settle.get(self._silo, timedelta(0))
        return unit.scans.applied_since(self._silo, settled)

    def _incident(self, action: Action, doubt: Doubt) -> RequestDraft:
        return RequestDraft(
            kind=RequestKind.INCIDENT,
            sentence=doubt.text,
            count=1,
            run=action.run,
            rule=action.rule,
            silo=action.silo,
            type=action.type,
            plan=self._asking.plan_of(action.rule),
        )

    def _keep_incidents(self, doubts: Mapping[str, RequestDraft], later: Sequence[str]) -> None:
        about = f"{CREATED}{self._silo}:"
        with self._store.begin() as unit:
            update_incidents(
                unit,
                about,
                doubts,
                self._clock(),
                open_request=self._asking.open_request,
                lasting=later,
            )


class _Unread(Exception):
    """An object could not be read over a session that had been opened."""

    def __init__(self, error: SiloError) -> None:
        super().__init__(error.message)
        self.error = error
