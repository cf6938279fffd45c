"""Takes back what a run did: plans the inverse of its actions, newest first, like any other run.

What it proposes goes through the guards as ``undo:RULE``, with the threshold, the plan and the VIP
rules of the rule behind it. In the transaction that makes a committing undo visible the undone
changes are held back, so that their rule does not redo them at once; undoing an undo lets them go
again.

Failure direction: what cannot be taken back, was changed since, or cannot be told is left as it is
and said beforehand.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from hypersync.errors import NotFound, UsageError
from hypersync.model.actions import undo_name
from hypersync.model.ids import IdentityId, RunId
from hypersync.model.runs import Run, RunKind, RunMode, RunState
from hypersync.pipeline.collect import Before, Collector
from hypersync.pipeline.drafts import Draft
from hypersync.pipeline.engine import Engine, Order
from hypersync.pipeline.evaluate import Look, Scope, evaluate
from hypersync.pipeline.explain_stops import explain_stops
from hypersync.pipeline.judge import Judge
from hypersync.pipeline.judgement import Judgement
from hypersync.pipeline.plan import known_vips, planned_run, save
from hypersync.pipeline.propose import Proposer
from hypersync.pipeline.settle import settle
from hypersync.pipeline.spool import Spool
from hypersync.pipeline.sync import run_once
from hypersync.pipeline.undo.inverse import Because, Kept
from hypersync.pipeline.undo.survey import Survey, Undone
from hypersync.pipeline.world import World
from hypersync.ports.progress import NoProgress, Progress
from hypersync.ports.store import UnitOfWork
from hypersync.ports.store.events import Event
from hypersync.ports.store.leases import Fence


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoOrder:
    """Which run is to be undone, all of it or the actions of one rule."""

    run: RunId
    rule: str | None = None
    mode: RunMode = RunMode.PREVIEW
    started_by: str | None = None


def undo(engine: Engine, order: UndoOrder, progress: Progress | None = None) -> tuple[Run, Undone]:
    """Undo a run once, as ordered; return the run that did, and what it leaves.

    Raises `NotFound` for a run that does not exist or a rule without actions in it, `UsageError`
    for one that did nothing or still does, and `LeaseHeld` when another committing run is under
    way.
    """
    with engine.store.snapshot() as unit:
        check(unit, order)
    shown = progress or NoProgress()
    undone = Undone()

    def plan(run_id: RunId, fence: Fence | None) -> Run:
        return _Undoing(engine, order, run_id, fence, undone).plan(shown)

    as_order = Order(mode=order.mode, kind=RunKind.UNDO, started_by=order.started_by)
    return run_once(engine, as_order, plan, shown), undone


def check(unit: UnitOfWork, order: UndoOrder) -> None:
    """Raise `NotFound` or `UsageError` for what cannot be undone at all."""
    run = unit.runs.get(order.run)
    if run is None or (run.state is RunState.PLANNING and run.mode is RunMode.PREVIEW):
        raise NotFound(f"there is no run {order.run!r}; `hypersync history` lists them")
    if run.mode is RunMode.PREVIEW:
        raise UsageError(f"the run {run.id} was a preview; it did nothing that could be undone")
    if run.state is RunState.FAILED:
        raise UsageError(f"the run {run.id} failed before it did anything; nothing is to be undone")
    if run.state is not RunState.DONE:
        raise UsageError(f"the run {run.id} is still {run.state.value}; undo it when it has ended")
    rules = sorted(unit.actions.states(run.id))
    if order.rule is not None and order.rule not in rules:
        known = f"it acted for {', '.join(rules)}" if rules else "it has no actions"
        raise NotFound(f"the run {run.id} has no actions of a rule {order.rule!r}; {known}")


class _Undoing:
    """Makes the plan of one undo."""

    def __init__(
        self,
        engine: Engine,
        order: UndoOrder,
        run: RunId,
        fence: Fence | None,
        undone: Undone,
    ) -> None:
        self._engine = engine
        self._order = order
        self._id = run
        self._fence = fence
        self._undone = undone
        self._now = engine.clock()
        self._survey = Survey(engine, undone)

    def plan(self, progress: Progress) -> Run:
        """Find what to take back, guard it, and make the plan visible in one transaction."""
        run = self._start()
        spool = Spool(self._engine.store, self._id, self._fence, self._now)
        with self._engine.store.snapshot() as unit:
            drafts = self._survey.drafts(unit, self._order.run, self._order.rule, progress)
            before = self._before(unit, drafts)
            collector = Collector(
                before,
                {},
                spool.add,
                spool.discard,
                now=self._now,
                rests=lambda _action, _draft: "an undo releases nothing",
                vips=known_vips(self._engine, unit),
            )
            judging = self._judging()
            judge = Judge(judging, self._as_order(), run, unit, before, self._now)
            for look in self._looks(unit, drafts, judge):
                collector.take(look)
        spool.flush()
        found = collector.found
        found.identities = len(drafts)
        with self._engine.store.snapshot() as unit:
            judgement = judge.judge(found, unit)
        self._let_wait(judgement)
        explain_stops(judging, judgement, self._now)
        planned = planned_run(self._engine, run, found, judgement)
        with self._engine.store.begin(self._fence) as unit:
            settle(judging, unit, planned, before, found, judgement, self._now)
            self._record(unit, planned)
            save(unit, planned, found, judgement)
        return planned

    def _start(self) -> Run:
        run = Run(
            id=self._id,
            kind=RunKind.UNDO,
            mode=self._order.mode,
            state=RunState.PLANNING,
            config=self._engine.rulebook.revision,
            started_at=self._now,
            started_by=self._order.started_by,
            undoes=self._order.run,
        )
        with self._engine.store.begin(self._fence) as unit:
            unit.runs.start(run)
        return run

    def _as_order(self) -> Order:
        return Order(mode=self._order.mode, kind=RunKind.UNDO, started_by=self._order.started_by)

    def _judging(self) -> Engine:
        """Return the engine with the rules that judge this undo in the place of all others."""
        rules = tuple(self._survey.drafter.rules.values())
        return replace(self._engine, rulebook=replace(self._engine.rulebook, rules=rules))

    # --- what the guards need to know ----------------------------------------------------------

    def _before(self, unit: UnitOfWork, drafts: dict[IdentityId, list[Draft]]) -> Before:
        """Return what stands under the keys of this undo, and who was a VIP."""
        keys = {draft.key for some in drafts.values() for draft in some}
        identities = list(drafts)
        known = unit.actions.open(identities)
        return Before(
            open={key: action for key, action in known.items() if key in keys},
            holds={k: h for k, h in unit.marks.holds(identities).items() if k in keys},
            memory=dict(unit.identities.vips(identities)),
        )

    def _looks(
        self, unit: UnitOfWork, drafts: dict[IdentityId, list[Draft]], judge: Judge
    ) -> Iterator[Look]:
        """Yield what to do for each identity, and which VIP rules hold for it now.

        Whoever cannot be looked at, because nothing of him is stored any more, is a VIP.
        """
        rulebook = self._engine.rulebook
        world = World(unit, rulebook, count=judge.count, quota=judge.quota)
        evaluator = rulebook.bind(self._now, world)
        judge.use(evaluator, world)
        identities = sorted(drafts)
        scope = Scope(
            rules=dict.fromkeys(identities, frozenset()),
            watched=frozenset(identities),
            waiting=unit.identities.waiting(set(identities)),
        )
        seen = evaluate(
            unit.objects.of_identities(identities),
            rulebook,
            evaluator,
            Proposer(rulebook, evaluator, self._engine.types, {}),
            scope,
            now=self._now,
            enter=world.enter,
        )
        looks = {look.identity: look for look in seen if look is not None}
        asked = frozenset(rule.id for rule in self._survey.drafter.rules.values())
        nothing = dict.fromkeys((vip.name for vip in rulebook.vips), False)
        for identity, wanted in drafts.items():
            known = looks.get(identity) or Look(identity, vips=nothing)
            if known.waits:
                self._survey.leave(wanted, Kept(Because.UNKNOWN, known.waits))
                continue
            yield Look(identity, drafts=wanted, vips=known.vips, asked=asked)

    def _let_wait(self, judgement: Judgement) -> None:
        """Leave for another undo what writes to objects that do not come back in this one."""
        needs = self._survey.needs
        stopped = {each.draft.undoes for each in judgement.suspended}
        early = {
            each.id: each
            for each in judgement.queued
            if each.draft.undoes in needs and needs[each.draft.undoes] in stopped
        }
        judgement.queued = [each for each in judgement.queued if each.id not in early]
        judgement.skipped += early.values()
        for each in early.values():
            counts = judgement.reports[each.draft.rule.id].counts
            counts.queued -= 1
            counts.proposed -= 1
        text = "its object comes back first; undo the run again then"
        self._survey.leave([each.draft for each in early.values()], Kept(Because.WAITING, text))

    # --- what is written -----------------------------------------------------------------------

    def _record(self, unit: UnitOfWork, run: Run) -> None:
        """Keep what is left as it is with the run, and say that another one is undone."""
        rows = [
            (undo_name(each.rule), each.identity, each.key, "left", kept.text)
            for each, kept in self._undone.cannot
        ]
        unit.runs.record_verdicts(run.id, rows)
        if run.mode is RunMode.COMMIT:
            data = {"undoes": self._order.run, "left": len(rows)}
            unit.events.record(
                Event(kind="undo", at=self._now, run=run.id, by=run.started_by, data=data)
            )
