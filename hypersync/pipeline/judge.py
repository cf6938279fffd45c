"""Brings candidates before the guards.

Gathers what the guards need to know and asks them, rule by rule in file order, then silo by silo;
says what every candidate becomes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from hypersync.errors import EvaluationError
from hypersync.model.actions import ActionState, Reason
from hypersync.model.ids import ActionId, IdentityId, ObjectId
from hypersync.model.joins import normal_reference
from hypersync.model.objects import Operation
from hypersync.model.plan_file import Verdict
from hypersync.model.runs import RuleReport, Run, RunError
from hypersync.model.time_span import parse_time_span
from hypersync.pipeline import guard
from hypersync.pipeline.collect import Before, Collected
from hypersync.pipeline.collect import Candidate as Wish
from hypersync.pipeline.count import Contexts
from hypersync.pipeline.engine import Engine, Order
from hypersync.pipeline.judgement import Judgement
from hypersync.pipeline.measure import cleared, gone, group_left, limits_of, silos_of, total
from hypersync.pipeline.reviewed import held_back, reason_of
from hypersync.pipeline.stops import Stops
from hypersync.pipeline.unlock import unlocks
from hypersync.pipeline.world import World
from hypersync.ports.store import UnitOfWork
from hypersync.ports.store.actions import Trace
from hypersync.rulebook.compile import Evaluator
from hypersync.rulebook.nodes import Compiled
from hypersync.rulebook.rules import Rule

_MANY = 5_000
_NAMING = (Operation.CREATE, Operation.MOVE, Operation.RENAME)
_LONG_AGO = timedelta(days=36_500)


class Judge:
    """Judges the candidates of one run."""

    def __init__(
        self,
        engine: Engine,
        order: Order,
        run: Run,
        unit: UnitOfWork,
        before: Before,
        now: datetime,
    ) -> None:
        self._engine = engine
        self._order = order
        self._run = run
        self._before = before
        self._now = now
        self._contexts = Contexts(unit.marks.quotas(), now)
        self._unlocks = unlocks(unit, engine.lock, now)
        self._drawn: dict[ActionId, Counter[str]] = {}
        self._evaluator: Evaluator | None = None
        self._world: World | None = None
        self._gone: Sequence[Trace] = ()
        self._held = held_back(order.expected)
        self._stops = Stops(engine.rulebook, partial(self._value, wish=None), now)
        self.count = self._contexts.count
        self.quota = self._contexts.quota

    def use(self, evaluator: Evaluator, world: World) -> None:
        """Compute throttles, counts and expiries with these."""
        self._evaluator = evaluator
        self._world = world

    def judge(self, found: Collected, unit: UnitOfWork) -> Judgement:
        """Return what becomes of everything a run found."""
        judgement = Judgement()
        if self._world is not None:
            self._world.see(unit)
        self._gone = gone(self._engine, unit)
        wishes: dict[ActionId, Wish] = {}
        for rule in self._rules(found):
            of_rule = list(found.candidates.get(rule.id, {}).values())
            wishes |= {each.id: each for each in of_rule}
            counted = list(self._set_aside(of_rule, judgement))
            judgement.reports[rule.id] = self._rule(rule, counted, unit, judgement)
        self._simulate(judgement)
        self._silo_limits(unit, judgement)
        self._keep_groups(unit, judgement)
        self._keep_names(unit, judgement)
        self._hold_back(judgement)
        self._count_held(found, judgement)
        for each in judgement.held():
            self._contexts.give_back(self._drawn.pop(each.id, Counter()))
        judgement.quotas = self._contexts.quotas()
        judgement.reservations = self._reservations(judgement)
        self._write_counts(judgement, found)
        return judgement

    def _rules(self, found: Collected) -> Iterator[Rule]:
        """Yield the rules of the rulebook, and those that judge undos which are asked again."""
        yield from self._engine.rulebook.rules
        known = {rule.id for rule in self._engine.rulebook.rules}
        for name, candidates in found.candidates.items():
            if name not in known and candidates:
                yield next(iter(candidates.values())).draft.rule

    # --- one rule ------------------------------------------------------------------------------

    def _rule(
        self, rule: Rule, wishes: list[Wish], unit: UnitOfWork, judgement: Judgement
    ) -> RuleReport:
        limits = limits_of(self._engine, self._order, self._run, rule, wishes, unit, self._gone)
        lifted = self._unlocks.lift(rule.id, silos_of(self._engine, rule), limits)
        try:
            candidates = self._candidates(rule, wishes, unit)
        except EvaluationError as error:
            judgement.errors.append(RunError(rule.id, None, error.code, error.message))
            judgement.skipped += wishes
            return RuleReport(population=limits.population, reason=error.message)
        verdicts = guard.guard(candidates, lifted.limits, self._now)
        judgement.unlocked += lifted.uses
        by_id = {each.id: each for each in wishes}
        judgement.throttled += [by_id[key] for key in verdicts.throttled]
        judgement.limited += [by_id[key] for key in verdicts.limited]
        judgement.queued += [by_id[key] for key in verdicts.queued]
        judgement.texts |= verdicts.throttled | verdicts.limited
        judgement.due |= verdicts.due
        judgement.errors += [
            RunError(rule.id, None, "guard", text + lifted.note) for text in verdicts.errors
        ]
        judgement.errors += [
            RunError(rule.id, by_id[key].draft.identity, "guard", text)
            for key, text in verdicts.failed.items()
        ]
        for key, reasons in verdicts.suspended.items():
            judgement.suspended.append(by_id[key])
            judgement.stops[key] = self._stops.of(rule, by_id[key], tuple(reasons))
        return RuleReport(
            limit=verdicts.allowed,
            limit_text=(verdicts.limit_text + lifted.how) or None,
            population=limits.population,
            lookback=verdicts.lookback,
            reason=verdicts.reason or None,
        )

    def _candidates(
        self, rule: Rule, wishes: list[Wish], unit: UnitOfWork
    ) -> list[guard.Candidate[ActionId]]:
        throttles = {each.id: self._throttle(rule, each) for each in wishes}
        starts = self._last_starts(rule, wishes, throttles, unit)
        return [
            guard.Candidate(
                key=each.id,
                identity=each.draft.identity,
                operation=each.draft.operation,
                target=each.draft.target,
                throttle=throttles[each.id],
                last_start=starts.get((rule.id, each.draft.identity, each.draft.target)),
                vip=each.vip,
                allows=None if rule.counting is None else self._asker(rule.counting, each),
                changed=_was_asked(each),
                unanswered=each.unanswered,
                clears=cleared(each.draft.operation, each.draft.after),
                attributes=frozenset(each.draft.after or ()),
                group=group_left(each),
            )
            for each in wishes
        ]

    def _throttle(self, rule: Rule, wish: Wish) -> timedelta | None:
        """Return the least time between two starts; raises `EvaluationError`."""
        if rule.throttle is None or isinstance(rule.throttle, timedelta):
            return rule.throttle
        value = self._value(rule.throttle, wish)
        if isinstance(value, str):
            try:
                value = parse_time_span(value)
            except ValueError as error:
                raise EvaluationError(f"the throttle is no time span: {error}") from error
        if not isinstance(value, timedelta) or value < timedelta(0):
            raise EvaluationError(f"the throttle must be a time span, it is {value!r}")
        return value

    def _last_starts(
        self,
        rule: Rule,
        wishes: list[Wish],
        throttles: Mapping[ActionId, timedelta | None],
        unit: UnitOfWork,
    ) -> Mapping[tuple[str, IdentityId, str], datetime]:
        longest = max((each for each in throttles.values() if each is not None), default=None)
        if rule.counting is not None:
            longest = _LONG_AGO
        if longest is None or not wishes:
            return {}
        identities = None if len(wishes) > _MANY else {each.draft.identity for each in wishes}
        return unit.marks.last_starts([rule.id], self._now - longest, identities)

    def _asker(self, counting: Compiled, wish: Wish) -> guard.Asker:
        def ask() -> bool | None:
            self._contexts.begin()
            value = self._value(counting, wish)
            drawn = self._contexts.drawn()
            if value is True:
                self._drawn[wish.id] = drawn
            else:
                self._contexts.give_back(drawn)
            return value if isinstance(value, bool) else None

        return ask

    def _value(self, what: Compiled, wish: Wish | None) -> object:
        assert self._evaluator is not None  # noqa: S101 - evaluating comes before judging
        identity = None if wish is None else wish.draft.seen
        if identity is None:
            nothing = [None] * len(self._engine.rulebook.slots)
            return self._evaluator.value(what, nothing, 0, 0, 0)
        if self._world is not None:
            self._world.enter(identity)
        return self._evaluator.value(
            what, identity.objects, identity.gone, identity.outside, identity.invalid
        )

    # --- over all rules -----------------------------------------------------------------------

    def _silo_limits(self, unit: UnitOfWork, judgement: Judgement) -> None:
        """Suspend an operation on a silo that is too much over all rules together.

        What is held for a VIP counts as well, so that making somebody one releases nobody else.
        """
        groups: dict[tuple[str, Operation], list[Wish]] = {}
        for each in judgement.queued:
            groups.setdefault((each.draft.silo, each.draft.operation), []).append(each)
        for (silo, operation), wishes in groups.items():
            limits = self._engine.limits.get(silo)
            limit = None if limits is None else limits.limits.get(operation)
            if limits is None or limit is None:
                continue
            held = [
                each
                for each in judgement.suspended
                if (each.draft.silo, each.draft.operation) == (silo, operation)
                and judgement.stops[each.id].vip is not None
            ]
            now = {f"{w.draft.type}/{w.draft.anchor or w.draft.key}" for w in (*wishes, *held)}
            earlier = unit.actions.objects_touched(silo, operation, self._now - limits.per)
            kinds = {each.draft.type for each in wishes}
            reason = guard.silo_reason(
                silo,
                operation,
                limit,
                objects=len(now | earlier),
                population=total(unit.objects.live(silo, kind) for kind in kinds),
                per=limits.per,
            )
            if reason is not None:
                self._suspend_all(wishes, reason, judgement)

    def _keep_groups(self, unit: UnitOfWork, judgement: Judgement) -> None:
        """Let no group become empty unasked, whichever rules and runs take members out of it."""
        leaving: dict[ObjectId, list[Wish]] = {}
        for each in judgement.queued:
            if each.draft.operation is Operation.REMOVE_MEMBER and each.draft.object_id is not None:
                leaving.setdefault(each.draft.object_id, []).append(each)
        for group, wishes in leaving.items():
            gone = {each.draft.target for each in wishes} | unit.actions.leaving(group)
            if len(gone) >= len(unit.objects.references(group)):
                text = f"the group {wishes[0].draft.anchor} would become empty"
                self._suspend_all(wishes, Reason("threshold", "members", text), judgement)

    def _keep_names(self, unit: UnitOfWork, judgement: Judgement) -> None:
        """Let nobody get a name unasked that a group still lists from whoever had it before.

        Of what is stopped for something else this is said too: an approval covers it as well.
        """
        named: dict[str, dict[str, list[ActionId]]] = {}
        for each in (*judgement.queued, *judgement.suspended):
            if (name := _new_name(each)) is not None:
                named.setdefault(each.draft.silo, {}).setdefault(name, []).append(each.id)
        found: dict[ActionId, Reason] = {}
        for silo, wishes in named.items():
            for name, group in unit.objects.left_behind(silo, wishes).items():
                text = f"{group} still lists {name}: whoever gets this name is in it at once"
                found |= dict.fromkeys(wishes[name], Reason("threshold", "name", text))
        for id_ in found.keys() & judgement.stops.keys():
            stop = judgement.stops[id_]
            judgement.stops[id_] = replace(stop, reasons=(*stop.reasons, found[id_]))
        queued, judgement.queued = judgement.queued, []
        for each in queued:
            if each.id in found:
                self._suspend(each, found[each.id], judgement)
            else:
                judgement.queued.append(each)

    def _suspend_all(self, wishes: Collection[Wish], reason: Reason, judgement: Judgement) -> None:
        stopped = {each.id for each in wishes}
        judgement.queued = [each for each in judgement.queued if each.id not in stopped]
        for each in wishes:
            self._suspend(each, reason, judgement)

    def _suspend(self, wish: Wish, reason: Reason, judgement: Judgement) -> None:
        judgement.suspended.append(wish)
        judgement.stops[wish.id] = self._stops.of(wish.draft.rule, wish, (reason,))
        report = judgement.reports[wish.draft.rule.id]
        report.reason = report.reason or reason.text

    # --- a reviewed plan -----------------------------------------------------------------------

    def _set_aside(self, wishes: Iterable[Wish], judgement: Judgement) -> Iterator[Wish]:
        """Yield the wishes that the reviewed plan let as far as its limits.

        What it did not was not counted then and is not counted now: it takes nobody's place.
        """
        for wish in wishes:
            planned = self._held.get(wish.draft.key)
            if planned is None or planned.verdict in (Verdict.SUSPENDED, Verdict.SIMULATED):
                yield wish
            else:
                judgement.set_aside(wish, planned.verdict, reason_of(planned))

    def _hold_back(self, judgement: Judgement) -> None:
        """Let nothing through that the reviewed plan had held back."""
        queued, judgement.queued = judgement.queued, []
        for wish in queued:
            planned = self._held.get(wish.draft.key)
            if planned is None:
                judgement.queued.append(wish)
            elif planned.verdict is Verdict.SUSPENDED:
                reason = Reason("plan", "reviewed", reason_of(planned))
                self._suspend(wish, reason, judgement)
            else:
                judgement.set_aside(wish, planned.verdict, reason_of(planned))

    # --- what is only looked at, and names that are kept --------------------------------------

    def _simulate(self, judgement: Judgement) -> None:
        """Take the candidates of simulated rules out of what is done, asked or used up."""
        everything = self._engine.guards.simulate
        for name in ("queued", "suspended"):
            wishes: list[Wish] = getattr(judgement, name)
            simulated = [each for each in wishes if everything or each.draft.rule.simulate]
            judgement.planned += simulated
            gone = {each.id for each in simulated}
            setattr(judgement, name, [each for each in wishes if each.id not in gone])

    def _reservations(self, judgement: Judgement) -> list[tuple[str, str, IdentityId, str]]:
        if self._world is None:
            return []
        holders = {each.draft.identity: each.draft.rule.id for each in judgement.suspended}
        holders |= {each.draft.identity: each.draft.rule.id for each in judgement.queued}
        return [
            (namespace, value, identity, holders[identity])
            for (namespace, value), identity in self._world.reserved.items()
            if identity in holders
        ]

    # --- counts --------------------------------------------------------------------------------

    def _count_held(self, found: Collected, judgement: Judgement) -> None:
        """Say how many wishes a rejection or an undo still holds back."""
        held = Counter(rule for rule, *_ in found.repeated.values())
        for rule, count in held.items():
            report = judgement.reports.setdefault(rule, RuleReport())
            text = f"{guard.number(count)} held back by an earlier rejection or undo"
            report.reason = f"{report.reason}; {text}" if report.reason else text

    def _write_counts(self, judgement: Judgement, found: Collected) -> None:
        for name in ("throttled", "limited", "suspended", "planned", "queued"):
            for each in getattr(judgement, name):
                counts = judgement.reports[each.draft.rule.id].counts
                setattr(counts, name, getattr(counts, name) + 1)
                counts.proposed += 1
        _count_identities(judgement)
        for error in (*found.errors, *judgement.errors):
            report = judgement.reports.get(error.rule or "")
            if report is not None:
                report.counts.errors += 1


def _count_identities(judgement: Judgement) -> None:
    seen: dict[str, set[IdentityId]] = {}
    for name in ("throttled", "limited", "suspended", "planned", "queued"):
        for each in getattr(judgement, name):
            seen.setdefault(each.draft.rule.id, set()).add(each.draft.identity)
    for rule, identities in seen.items():
        judgement.reports[rule].counts.identities = len(identities)


def _was_asked(wish: Wish) -> bool:
    """Tell whether this takes the place of an action that people were asked about."""
    old = wish.replaces
    return old is not None and (old.state is not ActionState.QUEUED or old.request is not None)


def _new_name(wish: Wish) -> str | None:
    """Return the name, in normal form, that an object would get; an undo gives its own back."""
    draft = wish.draft
    dn = (draft.after or {}).get("dn")
    is_new = draft.operation in _NAMING and draft.undoes is None
    return normal_reference(dn) if is_new and isinstance(dn, str) else None
