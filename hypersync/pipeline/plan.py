"""Makes the plan of one run: the middle of the second loop.

    pending ──▶ evaluate ──▶ (release approved) ──▶ guard ──▶ queued | suspended | planned

Proposals are spooled invisibly; one transaction at the end makes the whole plan visible, or nothing
of it. A delta takes in what changes while it runs, until it is sealed; then the guards look at all
of it once. A preview claims nothing and writes nothing but itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from hypersync.errors import NotFound
from hypersync.model.ids import IdentityId, RunId
from hypersync.model.runs import Run, RunError, RunKind, RunMode, RunState
from hypersync.pipeline.carried import carries_on
from hypersync.pipeline.collect import Before, Collected, Collector
from hypersync.pipeline.engine import Engine, Order
from hypersync.pipeline.evaluate import Row, Scope, evaluate
from hypersync.pipeline.explain_stops import explain_stops
from hypersync.pipeline.flows import steady
from hypersync.pipeline.groups import load_groups
from hypersync.pipeline.judge import Judge
from hypersync.pipeline.judgement import Judgement
from hypersync.pipeline.kin import renamed
from hypersync.pipeline.measure import gone
from hypersync.pipeline.plan_file import basis, check_expected, record_plan, write_plan
from hypersync.pipeline.propose import Proposer
from hypersync.pipeline.raises import record_raises
from hypersync.pipeline.reviewed import check_same
from hypersync.pipeline.settle import settle
from hypersync.pipeline.spool import Spool
from hypersync.pipeline.startable import Releases, note_rests, startable
from hypersync.pipeline.undo.open import OpenUndos
from hypersync.pipeline.unlock import record_uses
from hypersync.pipeline.vip import Vips
from hypersync.pipeline.world import World
from hypersync.ports.progress import Progress
from hypersync.ports.store import UnitOfWork
from hypersync.ports.store.leases import Fence
from hypersync.rulebook.compile import Evaluator
from hypersync.rulebook.rules import RuleKind

MOST_ERRORS = 10_000


class Planner:
    """Makes the plan of one run."""

    def __init__(
        self, engine: Engine, order: Order, run: RunId, fence: Fence | None, progress: Progress
    ) -> None:
        self._engine = engine
        self._order = order
        self._id = run
        self._fence = fence
        self._progress = progress
        self._now = engine.clock()
        self._commit = order.mode is RunMode.COMMIT
        self._rules = {rule.id: rule for rule in engine.rulebook.rules}
        self._spool = Spool(engine.store, run, fence, self._now)
        self._claimed: set[IdentityId] = set()
        self._seen: set[int] = set()
        self._releases = Releases(engine, order, self._now, self._claimed)
        self._bound: tuple[World, Evaluator] | None = None

    def plan(self) -> Run:
        """Evaluate, guard, and make the plan visible in one transaction.

        Raises `PlanMoved` when a reviewed plan is expected and the world is another one.
        """
        run = self._start()
        with self._engine.store.snapshot() as unit:
            before, wanted = self._look_back(unit, run)
            judge = Judge(self._engine, self._order, run, unit, before, self._now)
            collector = Collector(
                before,
                self._rules,
                self._spool.add,
                self._spool.discard,
                now=self._now,
                rests=self._releases.why_not,
                vips=known_vips(self._engine, unit),
                gone=gone(self._engine, unit),
            )
            collector.void_orphans(is_simulated=self._engine.guards.simulate)
            collector.found.complain(self._renamed(unit))
            self._evaluate(unit, before, wanted, collector, judge)
        self._enrol(run, before, collector, judge)
        self._spool.flush()
        found = collector.found
        with self._engine.store.snapshot() as unit:
            self._insist(unit, found, before)
            judgement = judge.judge(found, unit)
            run = write_plan(self._engine, self._order, unit, run, found, judgement)
        explain_stops(self._engine, judgement, self._now)
        return self._settle(run, before, found, judgement)

    # --- what the run looks at -----------------------------------------------------------------

    def _start(self) -> Run:
        with self._engine.store.snapshot() as unit:
            kind = self._kind(unit)
            check_expected(self._engine, self._order, unit)
        run = Run(
            id=self._id,
            kind=kind,
            mode=self._order.mode,
            state=RunState.PLANNING,
            config=self._engine.rulebook.revision,
            started_at=self._now,
            started_by=self._order.started_by,
            scans=tuple(self._order.scans),
            reason=self._order.reason,
        )
        with self._engine.store.begin(self._fence) as unit:
            unit.runs.start(run)
            if self._commit:
                self._claim(unit, kind)
        return run

    def _kind(self, unit: UnitOfWork) -> RunKind:
        """Delta when nothing was said; full when no full run committed under these rules yet."""
        if self._order.object_key is not None:
            return RunKind.OBJECT
        if self._order.kind is not None:
            return self._order.kind
        known = unit.runs.last_full_revision()
        return RunKind.DELTA if known == self._engine.rulebook.revision else RunKind.FULL

    def _claim(self, unit: UnitOfWork, kind: RunKind) -> None:
        if kind is RunKind.FULL:
            unit.identities.claim_all(self._id)
        elif kind is RunKind.DELTA:
            self._claimed |= set(unit.identities.claim(self._id, self._now))
        else:
            self._claimed |= set(unit.identities.claim_these(self._id, [self._object(unit)]))

    def _object(self, unit: UnitOfWork) -> IdentityId:
        assert self._order.object_key is not None  # noqa: S101 - the caller looked
        silo, kind, anchor = self._order.object_key
        found = unit.objects.get(silo, kind, anchor)
        if found is None:
            raise NotFound(f"there is no object {silo}/{kind}/{anchor}; scan the silo first")
        return found.identity

    def _look_back(
        self, unit: UnitOfWork, run: Run
    ) -> tuple[Before, Mapping[int, frozenset[str]] | None]:
        """Return what stands already, and the identities to look at (``None``: all).

        The value of each is the rules that are asked, empty for all of them.
        """
        self._releases.look(unit)
        if run.kind is RunKind.FULL:
            return self._before(unit, None), None
        mine: set[IdentityId]
        if run.kind is RunKind.OBJECT:
            mine = {self._object(unit)}
        elif self._commit:
            mine = set(self._claimed)
        else:
            mine = set(unit.identities.pending(self._now))
        wanted: dict[int, frozenset[str]] = dict.fromkeys(mine, frozenset())
        left = startable(self._engine, self._order, unit, self._now)
        wanted |= {identity: rules for identity, rules in left.items() if identity not in mine}
        return self._before(unit, set(wanted)), wanted

    def _before(self, unit: UnitOfWork, identities: Collection[int] | None) -> Before:
        events = [rule.id for rule in self._rules.values() if rule.kind is RuleKind.EVENT]
        everything = self._engine.guards.simulate
        simulated = [each.id for each in self._rules.values() if everything or each.simulate]
        orphans = unit.actions.orphans(list(self._rules), simulated)
        return Before(
            open={**orphans, **unit.actions.open(identities)},
            holds=dict(unit.marks.holds(identities)),
            undone=dict(unit.marks.undone(identities)),
            held=set(unit.marks.held(events, identities)),
            memory=dict(unit.identities.vips(identities)),
        )

    def _renamed(self, unit: UnitOfWork) -> list[RunError]:
        """Say which rules seem to be renamed since the last committing sync."""
        last = unit.runs.last_rules()
        rulebook = self._engine.rulebook
        if last is None or last[0] == rulebook.revision:
            return []
        return renamed(rulebook.rules, last[1], unit.actions.others(self._rules.keys()))

    # --- evaluating ----------------------------------------------------------------------------

    def _evaluate(
        self,
        unit: UnitOfWork,
        before: Before,
        wanted: Mapping[int, frozenset[str]] | None,
        collector: Collector,
        judge: Judge,
    ) -> None:
        rulebook = self._engine.rulebook
        world, evaluator = self._bind(unit, judge)
        errors: list[RunError] = []
        types = self._engine.silos.types
        groups = load_groups(unit, rulebook, types, errors, everybody=wanted is None)
        collector.found.complain(errors)
        proposer = Proposer(rulebook, evaluator, self._engine.types, groups)
        scope = Scope(
            rules={identity: rules for identity, rules in (wanted or {}).items() if rules},
            watched=before.watched(),
            waiting=unit.identities.waiting(None if wanted is None else set(wanted)),
        )
        rows: Iterable[Row]
        if wanted is None:
            self._progress.start("evaluating", unit.identities.count())
            rows = unit.objects.in_identity_order()
        else:
            self._progress.start("evaluating", len(wanted))
            rows = self._noted(unit.objects.of_identities(sorted(wanted)))
        open_ = (e for e in before.open.values() if wanted is None or e.identity in wanted)
        undos = OpenUndos.read(unit, self._engine, open_)
        looks = evaluate(
            rows, rulebook, evaluator, proposer, scope, now=self._now, enter=world.enter
        )
        count = 0
        for look in steady(looks, unit, self._now):
            count += 1
            if look is not None:
                collector.take(undos.join(look))
            if count % 1000 == 0:
                self._progress.advance(1000)
        collector.found.identities = len(self._seen) or count

    def _noted(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Note whose rows these are: an identity may join a delta twice and counts once."""
        for row in rows:
            self._seen.add(row[0])
            yield row

    def _bind(self, unit: UnitOfWork, judge: Judge) -> tuple[World, Evaluator]:
        """Return the one world and evaluator of this run, which answer from this snapshot now."""
        if self._bound is None:
            world = World(unit, self._engine.rulebook, count=judge.count, quota=judge.quota)
            self._bound = world, self._engine.rulebook.bind(self._now, world)
            judge.use(self._bound[1], world)
        self._bound[0].see(unit)
        return self._bound

    def _enrol(self, run: Run, before: Before, collector: Collector, judge: Judge) -> None:
        """Let identities that changed meanwhile join a delta, until it is sealed."""
        if not self._commit or run.kind is not RunKind.DELTA:
            return
        guards = self._engine.guards
        while (
            self._engine.clock() - self._now < guards.delta_duration
            and len(self._claimed) < guards.delta_identities
        ):
            with self._engine.store.begin(self._fence) as unit:
                more = set(unit.identities.claim(self._id, self._engine.clock()))
            if not more:
                return
            self._claimed |= more
            with self._engine.store.snapshot() as unit:
                collector.learn(self._before(unit, more), more)
                everything: dict[int, frozenset[str]] = dict.fromkeys(more, frozenset())
                self._evaluate(unit, before, everything, collector, judge)

    def _insist(self, unit: UnitOfWork, found: Collected, before: Before) -> None:
        """Refuse to go on when something else is found than a reviewed plan has.

        What earlier runs left in the queue is no part of it and waits for the next sync.
        """
        if self._order.expected is not None:
            check_same(self._order.expected, found, before, basis(unit, self._now))
            found.again.clear()

    # --- the end of the plan -------------------------------------------------------------------

    def _settle(self, run: Run, before: Before, found: Collected, judgement: Judgement) -> Run:
        planned = planned_run(self._engine, run, found, judgement)
        self._await_references()
        with self._engine.store.begin(self._fence) as unit:
            settle(self._engine, unit, planned, before, found, judgement, self._now)
            if self._commit:
                planned = replace(planned, carried_on=carries_on(unit, found.again))
            save(unit, planned, found, judgement)
            if self._commit:
                note_rests(self._engine, unit, self._now)
                record_raises(unit, self._order.raises, planned)
                planned = record_plan(unit, self._order, planned)
        return planned

    def _await_references(self) -> None:
        """Remember who refers to an object that is not there yet.

        In a transaction of its own, because joins stand still for it. If the run dies afterwards,
        somebody is looked at once more than necessary.
        """
        if self._commit and self._bound is not None and self._bound[0].awaited:
            with self._engine.store.begin(self._fence) as unit:
                unit.identities.await_references(self._bound[0].awaited)


def known_vips(engine: Engine, unit: UnitOfWork) -> Vips:
    """Return the VIP rules, and who of the people who answer has which identity."""
    people = set()
    for slot, key in engine.vip_keys:
        found = unit.objects.in_slot_by_key(slot, key)
        if found is not None:
            people.add(found.identity)
    return Vips(engine.rulebook.vips, people, engine.guards.vip_memory, engine.role_groups)


def planned_run(engine: Engine, run: Run, found: Collected, judgement: Judgement) -> Run:
    """Return a run as it is once its plan is visible, everything counted."""
    is_commit = run.mode is RunMode.COMMIT
    planned = replace(
        run,
        state=RunState.EXECUTING if is_commit else RunState.DONE,
        finished_at=None if is_commit else engine.clock(),
        rules=judgement.reports,
    )
    for report in judgement.reports.values():
        planned.counts.add(report.counts)
    planned.counts.identities = found.identities
    planned.counts.errors = len(found.errors) + len(judgement.errors)
    return planned


def save(unit: UnitOfWork, run: Run, found: Collected, judgement: Judgement) -> None:
    """Write a planned run and what went wrong."""
    unit.runs.report_errors(run.id, (found.errors + judgement.errors)[:MOST_ERRORS])
    unit.runs.save(run)
    if run.mode is RunMode.COMMIT:
        record_uses(unit, judgement.unlocked, run)
