"""Builds the views of the pages of rules. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from hypersync.approvals.directory import Directory
from hypersync.config.models import Configuration
from hypersync.insight.rules import Day, LimitInForce, RuleInsight, RuleLine, asked
from hypersync.messages import wording
from hypersync.messages.pages.plots import PlotView
from hypersync.messages.pages.rules import AdvicePage, RulePage, RuleRow, RulesPage, RunRef
from hypersync.model.runs import Counts, RuleReport
from hypersync.model.time_span import format_time_span
from hypersync.pipeline.advise import Advice, times
from hypersync.ports.store.ledger import RuleInRun
from hypersync.ports.store.publications import Publication, Tried
from hypersync.rulebook.nodes import Compiled
from hypersync.rulebook.rules import Rule, RuleKind, VipRule
from webui.drawing import Bar, bars

_NONE = "none"


def rules_page(lines: Sequence[RuleLine], directory: Directory, zone: str) -> RulesPage:
    """Return every rule on a line."""
    return RulesPage(
        title="Rules",
        rules=[
            RuleRow(
                id=line.rule.id,
                kind=line.rule.kind.value,
                what=_what(line.rule),
                limit=_limit_text(line.limit),
                throttle=_span(line.rule.throttle),
                week=_week(line.week),
                changed="" if line.changed is None else _change(line.changed, directory, zone),
                place=_place(line.rule),
            )
            for line in lines
        ],
    )


def rule_page(
    found: RuleInsight,
    text: str,
    configuration: Configuration,
    directory: Directory,
    zone: str,
) -> RulePage:
    """Return one rule."""
    rule = found.rule
    return RulePage(
        title=f"Rule {rule.id}",
        id=rule.id,
        facts=list(_facts(rule)),
        warnings=list(_warnings(found, directory, zone)),
        place=_place(rule),
        text=wording.visible(text, 20_000) if "\n" not in text else _visible_lines(text),
        scopes=_scopes(rule, configuration),
        limits=list(_limits(found)),
        vips=[(wording.visible(vip.name, 80), _vip(vip)) for vip in found.vips],
        closeness=closeness(found.runs, zone),
        month=month(found.days),
        raised=[
            RunRef(each.run, wording.moment(each.at, zone), wording.visible(each.reason or "", 300))
            for each in found.raised
        ],
        changes=[_change(each, directory, zone) for each in found.changes],
        errors=[
            RunRef(run, wording.moment(at, zone), _error(error.identity, error.message))
            for run, at, error in found.errors
        ],
    )


def _visible_lines(text: str) -> str:
    return "\n".join(wording.visible(line, 500) for line in text.splitlines())


def _error(identity: int | None, message: str) -> str:
    whom = "" if identity is None else f"identity {identity}: "
    return wording.visible(f"{whom}{message}", 500)


# --- what it says ------------------------------------------------------------------------------


def _what(rule: Rule) -> str:
    """Return what a rule does and to what."""
    verb = rule.do.operation.value.replace("_", " ") if rule.do is not None else "write"
    if rule.kind is RuleKind.EVENT:
        return "calls an address"
    if rule.group is not None:
        return f"{rule.mode} members of {rule.group.slot}, from {rule.target}"
    return f"{'create' if rule.kind is RuleKind.PROVISION else verb} {rule.target}"


def _facts(rule: Rule) -> Iterator[tuple[str, str]]:
    yield "Kind", rule.kind.value
    yield "Does", _what(rule)
    yield "Throttle", _span(rule.throttle)
    if rule.simulate:
        yield "Simulated", "it plans and reports, and never acts"
    if rule.set:
        yield "Writes", wording.visible(", ".join(sorted(rule.set)), 300)
    if rule.wake is not None:
        yield "Looks again", wording.visible(rule.wake.source, 300)
    if rule.owner:
        yield "Owner", wording.visible(rule.owner, 80)
    yield "Rule set", wording.visible(rule.ruleset, 80)


def _scopes(rule: Rule, configuration: Configuration) -> list[tuple[str, str]]:
    """Return the named conditions that must hold besides, as they stand in the file."""
    for rule_file in configuration.rule_files:
        for config in rule_file.rules:
            if config.id == rule.id:
                return [
                    (wording.visible(name, 80), wording.visible(rule_file.scopes[name], 1000))
                    for name in config.scopes
                    if name in rule_file.scopes
                ]
    return []


def _vip(vip: VipRule) -> str:
    about = ", ".join(sorted(vip.attributes)) or "every change"
    whose = "all rules" if vip.is_global else "the rules that list it"
    return (
        f"when {wording.visible(vip.when.source, 500)}; about {wording.visible(about, 200)}; for "
        f"{whose}; {_span(vip.expires)} to answer"
    )


def _span(span: timedelta | Compiled | None) -> str:
    if span is None:
        return _NONE
    if isinstance(span, Compiled):
        return wording.visible(span.source, 200)
    return format_time_span(span)


def _place(rule: Rule) -> str:
    return f"{wording.visible(rule.file, 200)}, line {rule.line}"


# --- its limits --------------------------------------------------------------------------------


def _limit_text(limit: LimitInForce) -> str:
    allowed = limit.force.allowed
    if allowed is None:
        return f"{limit.force.text} (unknown: nothing is allowed)"
    how = f" ({limit.force.text}{limit.how})" if limit.force.text != str(allowed) else limit.how
    return f"{wording.number(allowed)}{how}"


def _limits(found: RuleInsight) -> Iterator[tuple[str, str]]:
    threshold, limit = found.rule.threshold, found.limit
    yield "As written", str(threshold.limit)
    yield "Allowed in one run now", _limit_text(limit)
    if found.rule.kind is not RuleKind.EVENT:
        yield "Of", _population(limit)
        yield "Changes to empty", f"{threshold.clears}, at least {threshold.least_clears}"
        for name, each in sorted(threshold.attribute.items()):
            yield f"Changes of {wording.visible(name, 60)}", str(each)
    if found.rule.kind is RuleKind.MEMBERSHIP:
        members = threshold.members
        yield "Removed from one group", f"{members.limit}, of groups of {members.min_size} and more"
    yield "Looks back", _lookback(found.rule)
    yield "Time to answer", f"{_span(threshold.expires)}, then {threshold.on_expiry}"
    yield "Asked", wording.visible(threshold.plan or "everybody with the role approver", 80)


def _population(limit: LimitInForce) -> str:
    if limit.population is None:
        return "not known: no scan was applied yet"
    of = wording.counted(limit.population, "live object")
    silo = limit.silo_population
    if silo is None or silo == limit.population:
        return of
    return f"{of} of its type, {wording.number(silo)} in its silo"


def _lookback(rule: Rule) -> str:
    lookback = rule.threshold.lookback
    what = (
        "what was let through and what was suspended"
        if lookback.suspended
        else ("what was let through")
    )
    when = "every sync" if lookback.full else "delta and object syncs"
    return f"{format_time_span(lookback.span)}: {when} count {what} besides"


def _warnings(found: RuleInsight, directory: Directory, zone: str) -> Iterator[str]:
    error = found.limit.force.error
    if error:
        yield wording.visible(f"{error}{found.limit.note}.", 500)
    if found.is_new:
        by = "" if found.tried is None else f" {_tried(found.tried, directory, zone)}"
        yield f"No committing run has worked with this text yet.{by}"


def _tried(tried: Tried, directory: Directory, zone: str) -> str:
    who = _authors(tried.people, tried.by, directory)
    return f"{who} brought it at {wording.moment(tried.brought_at, zone)}."


# --- who changed it ----------------------------------------------------------------------------


def _change(change: Publication, directory: Directory, zone: str) -> str:
    when = wording.moment(change.brought_at, zone)
    if change.is_first:
        return f"{when}, with the first rules of this database"
    who = _authors(change.people, change.by, directory)
    what = " took it out" if change.content is None else ""
    return f"{when}, {who}{what}"


def _authors(people: frozenset[str], by: str, directory: Directory) -> str:
    if not people:
        return f"somebody unknown ({wording.visible(by, 80)})"
    names = (directory.name(f"person:{each}") for each in sorted(people))
    return wording.visible(", ".join(names), 200)


# --- plots -------------------------------------------------------------------------------------


def closeness(runs: Sequence[RuleInRun], zone: str) -> PlotView:
    """Return the last runs beside the limit that held in each."""
    shown = list(reversed(runs))
    tripped = sum(1 for each in shown if each.report.reason)
    return bars(
        "closeness",
        "How close the last runs came to the limit",
        f"{wording.counted(len(shown), 'run')} in which the rule asked for anything, the oldest "
        f"first; {times(tripped)} it was stopped. The line across is the limit of that run.",
        parts=("asked for", "counted from before"),
        mark="limit",
        head="Run",
        all_bars=[
            Bar(
                label=_day(each.at.astimezone(ZoneInfo(zone)).date()),
                text=f"{wording.moment(each.at, zone)}, {each.kind.value}{_stopped(each.report)}",
                values=(asked(each.report.counts), each.report.lookback),
                mark=each.report.limit,
            )
            for each in shown
        ],
    )


def _stopped(report: RuleReport) -> str:
    return f" (stopped: {wording.visible(report.reason, 200)})" if report.reason else ""


def month(days: Sequence[Day]) -> PlotView:
    """Return what a rule did on each day of a month; nothing for a month of nothing."""
    is_empty = not any(_parts(day.counts) != (0, 0, 0, 0) or day.counts.succeeded for day in days)
    return bars(
        "month",
        "What it did in 30 days",
        "How much it proposed each day, by what became of it; the line across is how much was "
        "executed that day, what people had approved among it.",
        parts=("let through", "stopped", "put off", "only simulated"),
        mark="executed",
        head="Day",
        all_bars=[]
        if is_empty
        else [
            Bar(
                label=_day(day.day),
                text=f"{day.day:%a} {_day(day.day)} {day.day.year}",
                values=_parts(day.counts),
                mark=day.counts.succeeded or None,
            )
            for day in days
        ],
    )


def _parts(counts: Counts) -> tuple[int, int, int, int]:
    put_off = counts.throttled + counts.limited
    return counts.queued, counts.suspended, put_off, counts.planned


def _day(day: date) -> str:
    return f"{day.day} {day:%b}"


def _week(counts: Counts) -> str:
    named: Mapping[str, int] = {
        "proposed": counts.proposed,
        "executed": counts.succeeded,
        "stopped": counts.suspended,
        "errors": counts.errors,
    }
    said = [f"{wording.number(count)} {name}" for name, count in named.items() if count]
    return ", ".join(said) or "nothing"


# --- advice ------------------------------------------------------------------------------------


def advice_page(name: str, advice: Advice) -> AdvicePage:
    """Return what the past says about a limit."""
    is_advised = advice.percentage is not None or advice.number is not None
    facts = [
        ("Runs", f"asked for something in {advice.asking} of {wording.counted(advice.runs, 'run')}")
    ]
    if advice.asking:
        facts += [
            ("In the median", wording.number(advice.median)),
            ("In 95% of them up to", wording.number(advice.most)),
            ("At most", wording.number(advice.largest)),
            ("With the lookback", wording.number(advice.largest_measured)),
            ("The limit in force", f"{advice.limit}, tripped {times(advice.tripped)}"),
        ]
    return AdvicePage(
        title=f"Advice for {name}",
        id=name,
        sentence=f"Advised: {advice.text}."
        if is_advised
        else f"{advice.text[:1].upper()}{advice.text[1:]}.",
        facts=facts,
        rows=[
            (
                str(each.limit),
                times(each.tripped),
                "unknown" if each.allowed is None else wording.number(each.allowed),
                "above the ceiling" if each.is_reduced else "",
            )
            for each in (advice.tried if advice.asking else ())
        ],
    )
