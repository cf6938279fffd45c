"""Carries out queued actions: the third loop.

    queued ──▶ executing ──▶ connector.apply ──▶ outcome written to action, object and history

Intent before effect: an action is stored as ``executing``, with its throttle started, before the
silo is called, and its outcome is written in the transaction that also writes the object. After a
crash it is ``unknown`` and is settled by reading the silo back, so nothing is lost and nothing
runs twice. Creates run before references, references before deletes. What
another run left in the queue is left to a sync, which looks at its condition again.

One silo that does not answer leaves its actions queued; the others go on. One that the engine
paused and that is to be tried again gets a single action first (`circuit`). Actions on which the
connection broke before, suspects, come after the others and one by one, so that one that its
silo, or this process, cannot stand takes nothing with it: the next is taken when the last is
recorded. That one breaks the connection again says nothing of the silo, unless another one does so
right before it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from hypersync.errors import SiloError
from hypersync.model.actions import Action
from hypersync.model.ids import ActionId
from hypersync.model.objects import (
    Change,
    Operation,
    Outcome,
    Refused,
)
from hypersync.pipeline.circuit import Circuit, Circuits, Way
from hypersync.pipeline.hand_over import hand_over, with_their_passwords
from hypersync.pipeline.lanes import Lanes
from hypersync.pipeline.outcomes import (
    TYPE_GONE,
    Execution,
    Recorder,
    is_break,
    noted_of,
)
from hypersync.pipeline.silos import Silos
from hypersync.ports.progress import NoProgress, Progress
from hypersync.ports.store import Store, UnitOfWork
from hypersync.ports.store.leases import Fence

BATCH = 200
RETRY_UNREACHABLE = timedelta(minutes=1)

_CHANGES = (
    Operation.UPDATE,
    Operation.MOVE,
    Operation.RENAME,
    Operation.ENABLE,
    Operation.DISABLE,
)
PHASES: tuple[tuple[Operation, ...], ...] = (
    (Operation.CREATE,),
    (Operation.REMOVE_MEMBER,),  # under the name that the group knows; a move may change it
    _CHANGES,
    (Operation.ADD_MEMBER,),
    (Operation.DELETE,),
    (Operation.EVENT,),
)


def execute(
    store: Store,
    silos: Silos,
    *,
    worker: str,
    clock: Callable[[], datetime],
    circuits: Circuits,
    fence: Fence | None = None,
    resting: Collection[str] = (),
    is_blackout: Callable[[datetime], bool] | None = None,
    progress: Progress | None = None,
) -> Execution:
    """Carry out what is queued and due, silo by silo, except in silos that are ``resting``.

    Nothing is begun that this worker, a run, did not queue, release or confirm itself: the
    condition of everything else has to be looked at again. Pauses and blackouts that
    begin meanwhile are kept. With a fence nothing more is begun once the lease is lost
    (`FenceLost`); what was begun is still recorded.
    """
    terms = _Terms(worker, clock, fence, is_blackout)
    shown = progress or NoProgress()
    report = Execution()
    open_silos = [silo for silo in (*sorted(silos.connectors), "") if silo not in resting]
    with store.snapshot() as unit:
        due = unit.actions.due(clock())
    shown.start("executing", sum(due.values()))
    for silo in open_silos:
        operations = {operation for owner, operation in due if owner == silo}
        if operations:
            with ExitStack() as stack:
                parts = (circuits(silo), silo, terms, shown, report, stack)
                _Worker(store, silos, *parts).work(operations)
    return report


@dataclass(frozen=True, slots=True)
class _Terms:
    """Under which name and conditions actions are carried out."""

    worker: str
    clock: Callable[[], datetime]
    fence: Fence | None
    is_blackout: Callable[[datetime], bool] | None = None


class _Worker:
    """Carries out the actions of one silo, over sessions that are opened when they are needed."""

    def __init__(
        self,
        store: Store,
        silos: Silos,
        circuit: Circuit,
        silo: str,
        terms: _Terms,
        progress: Progress,
        report: Execution,
        stack: ExitStack,
    ) -> None:
        self._store = store
        self._silos = silos
        self._circuit = circuit
        self._silo = silo
        self._terms = terms
        self._clock = terms.clock
        self._progress = progress
        self._report = report
        self._lanes = Lanes(silos, silo, stack)
        self._recorder = Recorder(silos, silo, terms.worker, report)
        self._phases: Sequence[Collection[Operation]] = ()
        self._has_broken = False  # on a suspect, which came last

    def work(self, due: Collection[Operation]) -> None:
        """Carry out what is queued, phase by phase; ``due`` are the operations there is any of."""
        self._phases = [[each for each in phase if each in due] for phase in PHASES]
        for operations in self._phases:
            for batch in self._batches(operations):
                if not self._carry_out(batch):
                    return

    def _batches(self, operations: Collection[Operation]) -> Iterator[Sequence[Action]]:
        while operations and (batch := self._claimed(operations)):
            yield batch

    def _claimed(self, operations: Collection[Operation]) -> Sequence[Action]:
        """Take the next batch; nothing in a silo that rests, one action in one that is tried."""
        now = self._clock()
        with suppress(_Shut), self._store.begin(self._terms.fence) as unit:
            if self._is_resting(unit, now):
                return ()
            is_trial = self._circuit.looks(unit, now) is not Way.FREE
            batch = self._take(unit, self._phases if is_trial else [operations], is_trial, now)
            if batch and is_trial and self._circuit.enter(unit, now) is Way.SHUT:
                raise _Shut
            unit.marks.start([(a.rule, a.identity, _target(a)) for a in batch], now)
            return batch
        return ()

    def _take(
        self,
        unit: UnitOfWork,
        phases: Sequence[Collection[Operation]],
        is_trial: bool,
        now: datetime,
    ) -> Sequence[Action]:
        """Claim what comes next; of suspects one, which is nothing that is not begun.

        A try is spent on a suspect when nothing else waits in any phase.
        """
        # an event cannot be read back: a crash leaves one of them in doubt, not all
        most = BATCH if self._silo and not is_trial else 1
        for suspects, limit in ((False, most), (True, 1)):
            for operations in phases:
                batch = unit.actions.claim(
                    self._terms.worker,
                    silo=self._silo,
                    operations=operations,
                    limit=limit,
                    now=now,
                    suspects=suspects,
                )
                if batch:
                    return batch
        return ()

    def _is_resting(self, unit: UnitOfWork, now: datetime) -> bool:
        """Tell whether a pause or a blackout began since the plan was made."""
        is_blackout = self._terms.is_blackout
        if is_blackout is not None and is_blackout(now):
            return True
        return self._silo in unit.silos.paused(now)

    def _carry_out(self, batch: Sequence[Action]) -> bool:
        """Apply one batch; false when the silo does not answer and the rest has to wait."""
        try:
            outcomes = self._outcomes(batch)
        except SiloError as error:
            self._put_back(batch, error)
            return False
        self._record(batch, outcomes)
        self._progress.advance(len(batch))
        return True

    def _record(self, batch: Sequence[Action], outcomes: Mapping[ActionId, Outcome]) -> None:
        """Write down what became of a batch, and whether its silo was reached."""
        with self._store.begin() as unit:
            now = self._clock()
            for action in batch:
                if action.id in outcomes:
                    self._recorder.record(unit, action, outcomes[action.id], now)
            came = list(self._lanes.finish().values())
            if self._silo and not self._is_excused(batch, came):
                self._circuit.judge(unit, came, now)

    def _is_excused(self, batch: Sequence[Action], came: Sequence[Outcome]) -> bool:
        """Tell whether the connection broke because of a single action, as it did before.

        Of several in a row only the first is, and none in a try.
        """
        had_broken = self._has_broken
        is_alone = len(batch) == 1 and batch[0].is_suspect
        self._has_broken = is_alone and any(map(is_break, came))
        return self._has_broken and not had_broken and not self._circuit.is_trying

    def _outcomes(self, batch: Sequence[Action]) -> Mapping[ActionId, Outcome]:
        if not self._silo:
            return {action.id: self._silos.events.fire(action) for action in batch}
        known = [action for action in batch if (action.silo, action.type) in self._silos.types]
        with self._store.snapshot() as unit:
            changes = [self._lanes.reach.change(unit, action, self._clock) for action in known]
        vault = self._silos.vaults.get(self._silo)
        held = hand_over(vault, known, changes)
        free = [change for change in changes if change.key not in held]
        try:
            self._lanes.apply(free)
        except SiloError:
            raise
        except BaseException:  # interrupted: what came is known, the rest is read back later
            self._record(known, self._answers(known, free, held))
            raise
        gone = {action.id: Refused(TYPE_GONE) for action in batch}
        return {**gone, **self._answers(known, free, held)}

    def _answers(
        self, actions: Sequence[Action], free: Sequence[Change], held: Mapping[str, Outcome]
    ) -> dict[ActionId, Outcome]:
        """Return the outcomes that are known, by action."""
        came = {free[place].key: outcome for place, outcome in self._lanes.finish().items()}
        answers = {**held, **came}
        known = [action for action in actions if action.id in answers]
        if self._silo in self._silos.vaults:
            answers = with_their_passwords(known, answers)
        return {action.id: answers[action.id] for action in known}

    def _put_back(self, batch: Sequence[Action], error: SiloError) -> None:
        """Leave a batch queued whose silo could not even be opened: nothing was written."""
        now = self._clock()
        with self._store.begin() as unit:
            for action in batch:
                unit.actions.retry(
                    action.id,
                    now + RETRY_UNREACHABLE,
                    noted_of(action, error.message),
                    worker=self._terms.worker,
                    is_begun=False,
                )
            self._circuit.shut_out(unit, error, now)
        self._report.complain(self._silo, error)


class _Shut(Exception):
    """Somebody else tries the silo right now; what was claimed is given back."""


def _target(action: Action) -> str:
    """Return the throttle key: group and member for memberships, else empty."""
    member = (action.after or action.before or {}).get("member")
    if action.operation in (Operation.ADD_MEMBER, Operation.REMOVE_MEMBER):
        return f"{action.anchor}\x1f{member!s}"
    return ""
