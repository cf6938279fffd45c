"""Shows rules: limits in force, how close runs came, what happened in a month, who changed what.

What runs did is read from their reports, only of those in which anything happened.
A rule's limit is measured as the next run would: of what is in the store now, with the unlock keys
that are in force. Failure direction: what cannot be measured is said to be unknown.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypersync.errors import NotFound
from hypersync.insight.hidden import Hidden
from hypersync.model.ids import RunId
from hypersync.model.runs import Counts, RunError, RunKind
from hypersync.model.verdicts import RuleLimits
from hypersync.pipeline.advise import Advice
from hypersync.pipeline.engine import Engine
from hypersync.pipeline.hindsight import advise
from hypersync.pipeline.limits import Force, limit_in_force
from hypersync.pipeline.measure import silos_of
from hypersync.pipeline.unlock import Unlocks, unlocks
from hypersync.ports.store import UnitOfWork
from hypersync.ports.store.ledger import RuleInRun
from hypersync.ports.store.publications import Publication, Tried
from hypersync.rulebook.rules import Rule, RuleKind, VipRule

MONTH = timedelta(days=30)
WEEK = timedelta(days=7)
ADVISED_FROM = timedelta(days=90)
LAST_RUNS = 30
"""How many runs are compared with the limit."""
MOST_CHANGES = 10
MOST_ERRORS = 20
ERRONEOUS_RUNS = 5
"""Of how many of the newest runs with errors these are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitInForce:
    """What a rule may do now.

    ``force`` is the limit as the next run would take it; ``how`` names the unlock keys that let it
    stand, ``note`` why one no longer does.
    """

    force: Force
    population: int | None
    silo_population: int | None
    how: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleLine:
    """One rule among all: the limit in force, when it was changed, and its last week."""

    rule: Rule
    limit: LimitInForce
    changed: Publication | None
    week: Counts


@dataclass(frozen=True, slots=True)
class Day:
    """What a rule did on one day, on somebody's clocks."""

    day: date
    counts: Counts


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleInsight:
    """One rule.

    ``runs`` are the last in which it asked for anything, the newest first; ``raised`` those of a
    month in which its limit may have been raised, with the reason. ``changes`` are its texts, the
    newest first; ``is_new`` says that no committing run had the text of now, ``tried`` who was the
    first to preview it.
    """

    rule: Rule
    limit: LimitInForce
    vips: Sequence[VipRule]
    runs: Sequence[RuleInRun]
    days: Sequence[Day]
    raised: Sequence[RuleInRun]
    changes: Sequence[Publication]
    is_new: bool
    tried: Tried | None
    errors: Sequence[tuple[RunId, datetime, RunError]]


def all_rules(engine: Engine) -> Sequence[RuleLine]:
    """Return every rule in file order."""
    now = engine.clock()
    with engine.store.snapshot() as unit:
        week = _by_rule(unit.ledger.reports(now - WEEK))
        keys = unlocks(unit, engine.lock, now)
        changed = unit.publications.in_force()
        return [
            RuleLine(
                rule=rule,
                limit=_limit(engine, rule, unit, keys),
                changed=changed.get(rule.id),
                week=week.get(rule.id, Counts()),
            )
            for rule in engine.rulebook.rules
        ]


def one_rule(engine: Engine, hidden: Hidden, name: str, zone: str) -> RuleInsight:
    """Return one rule without hidden values; days are those of a zone. Raises `NotFound`."""
    rule = engine.rulebook.rule(name)
    if rule is None:
        raise NotFound(f"there is no rule {name!r}")
    now = engine.clock()
    with engine.store.snapshot() as unit:
        month = [
            replace(each, report=hidden.of_report(name, each.report))
            for each in unit.ledger.reports(now - MONTH, rule=name)
        ]
        changes = unit.publications.of_rule(name, MOST_CHANGES)
        is_new = not changes or changes[0].content != rule.text_hash
        return RuleInsight(
            rule=rule,
            limit=_limit(engine, rule, unit, unlocks(unit, engine.lock, now)),
            vips=[vip for vip in engine.rulebook.vips if vip.is_global or vip.name in rule.vips],
            runs=[each for each in month if is_asking(each.report.counts)][:LAST_RUNS],
            days=days(month, now, zone),
            raised=[each for each in month if each.reason and each.kind is not RunKind.UNDO],
            changes=changes,
            is_new=is_new,
            tried=unit.publications.tried(name, rule.text_hash) if is_new else None,
            errors=_errors(unit, hidden, month, name),
        )


def advice(engine: Engine, name: str) -> Advice:
    """Return what the runs of three months say about a rule's limit; raises `NotFound`."""
    found: Mapping[str, Advice] = advise(engine, since=engine.clock() - ADVISED_FROM, rule=name)
    return found[name]


# --- the limit ---------------------------------------------------------------------------------


def _limit(engine: Engine, rule: Rule, unit: UnitOfWork, keys: Unlocks) -> LimitInForce:
    if rule.kind is RuleKind.EVENT:
        limits = RuleLimits(limit=rule.threshold.limit, population=0, ceiling=False)
        force = limit_in_force(limits)
        return LimitInForce(force=force, population=None, silo_population=None)
    slot = engine.rulebook.slot(rule.target)
    population = unit.objects.live(slot.silo, slot.type)
    silo_population = sum(each.live for each in unit.scans.types() if each.silo == slot.silo)
    limits = RuleLimits(
        limit=rule.threshold.limit, population=population, silo_population=silo_population
    )
    lifted = keys.lift(rule.id, silos_of(engine, rule), limits)
    return LimitInForce(
        force=limit_in_force(lifted.limits),
        population=population,
        silo_population=silo_population,
        how=lifted.how,
        note=lifted.note,
    )


# --- what runs did -----------------------------------------------------------------------------


def asked(counts: Counts) -> int:
    """Return how much of what a rule proposed its threshold counts: what was put off is not."""
    return counts.queued + counts.suspended + counts.planned


def is_asking(counts: Counts) -> bool:
    """Tell whether a threshold counted anything."""
    return asked(counts) > 0


def days(runs: Iterable[RuleInRun], now: datetime, zone: str) -> list[Day]:
    """Return the last 30 days and today, the oldest first; runs belong to the day they began."""
    place = ZoneInfo(zone)
    today = now.astimezone(place).date()
    found = {today - timedelta(days=back): Counts() for back in range(MONTH.days, -1, -1)}
    for each in runs:
        day = found.get(each.at.astimezone(place).date())
        if day is not None:
            day.add(each.report.counts)
    return [Day(day, counts) for day, counts in found.items()]


def _by_rule(runs: Iterable[RuleInRun]) -> dict[str, Counts]:
    found: dict[str, Counts] = {}
    for each in runs:
        found.setdefault(each.rule, Counts()).add(each.report.counts)
    return found


def _errors(
    unit: UnitOfWork, hidden: Hidden, runs: Collection[RuleInRun], rule: str
) -> list[tuple[RunId, datetime, RunError]]:
    found: list[tuple[RunId, datetime, RunError]] = []
    for each in [run for run in runs if run.report.counts.errors][:ERRONEOUS_RUNS]:
        rows = unit.ledger.errors(each.run, rule=rule, limit=MOST_ERRORS - len(found))
        found += [(each.run, each.at, hidden.of_error(error)) for _, error in rows]
        if len(found) == MOST_ERRORS:
            break
    return found
