"""The guards: how far a plan may go. Pure.

For one rule, in this order: throttle, VIP, Count and Quota, threshold; then over all rules the
limits of a silo. A threshold judges all candidates of a rule in a run together, those held for a
VIP counted in: it suspends all of them or none.

Guards never raise for an action they stop; they give a reason that a person understands. Failure
direction: what cannot be measured (an unknown population, a lookback that cannot be read) suspends,
what cannot be computed (a rate, a throttle) does not run. A limit is the number allowed, so equal
is fine, and ``0`` always asks.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from hypersync.errors import EvaluationError
from hypersync.model.actions import Reason
from hypersync.model.limit import Limit
from hypersync.model.objects import Operation
from hypersync.model.said import joined, say, say_many
from hypersync.model.time_span import format_time_span
from hypersync.model.verdicts import Asker, Candidate, GroupSize, K, RuleLimits, Verdicts
from hypersync.pipeline.limits import (
    CEILING,
    LARGE_SILO,
    allowed_text,
    limit_in_force,
    limit_text,
    number,
    short,
    trips,
    unit,
)

__all__ = [
    "CEILING",
    "LARGE_SILO",
    "Asker",
    "Candidate",
    "GroupSize",
    "RuleLimits",
    "Verdicts",
    "guard",
    "number",
    "silo_reason",
    "unit",
]

_CHANGED = Reason("change", "", say("changed since people were asked"))
_NO_TIME = timedelta(0)
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def guard(candidates: Iterable[Candidate[K]], limits: RuleLimits, now: datetime) -> Verdicts[K]:
    """Give every candidate of one rule its verdict; together they are all of them, each once.

    To be called for a rule without candidates too: a limit above the ceiling is an error of every
    run. ``now`` is the run's time.
    """
    verdicts: Verdicts[K] = Verdicts()
    rested = _throttle(candidates, verdicts, now)
    held, free = _hold(rested, verdicts)
    passed = _limit(free, verdicts, now)
    _threshold(held, passed, limits, verdicts)
    return verdicts


def _throttle(
    candidates: Iterable[Candidate[K]], verdicts: Verdicts[K], now: datetime
) -> list[Candidate[K]]:
    """Stop what started too recently; a start in the future (the clock was set back) is now."""
    rested = []
    texts: dict[tuple[datetime, timedelta], str] = {}
    for each in candidates:
        if each.throttle is None:
            rested.append(each)
            continue
        if each.throttle < _NO_TIME:
            text = f"the throttle is negative: -{format_time_span(-each.throttle)}"
            verdicts.throttled[each.key] = verdicts.failed[each.key] = text
            continue
        started = _LONG_AGO if each.last_start is None else min(each.last_start, now)
        if now - started >= each.throttle:
            rested.append(each)
            continue
        about = started, each.throttle
        if about not in texts:
            texts[about] = _throttle_text(started, each.throttle, now)
        verdicts.throttled[each.key] = texts[about]
        verdicts.due[each.key] = started + each.throttle
    return rested


def _throttle_text(started: datetime, throttle: timedelta, now: datetime) -> str:
    return (
        f"started {format_time_span(now - started)} ago, at most once in "
        f"{format_time_span(throttle)}; again from {started + throttle:%Y-%m-%d %H:%M:%S} UTC"
    )


def _hold(
    candidates: Iterable[Candidate[K]], verdicts: Verdicts[K]
) -> tuple[list[Candidate[K]], list[Candidate[K]]]:
    """Suspend VIPs, and what people have to be asked again; return those, and the others."""
    held: list[Candidate[K]] = []
    free: list[Candidate[K]] = []
    for each in candidates:
        reasons = [] if each.vip is None else [Reason("vip", each.vip.name, each.vip.text)]
        if each.changed:
            reasons.append(_CHANGED)
        if each.unanswered:
            reasons.append(Reason("expiry", "", each.unanswered))
        if reasons:
            verdicts.suspended[each.key] = reasons
        (held if reasons else free).append(each)
    return held, free


def _limit(
    candidates: list[Candidate[K]], verdicts: Verdicts[K], now: datetime
) -> list[Candidate[K]]:
    """Ask Count and Quota, identities whose last start is longest ago first."""
    if not any(each.allows is not None for each in candidates):
        return candidates

    def turn(each: Candidate[K]) -> tuple[datetime, int, str]:
        last = _LONG_AGO if each.last_start is None else min(each.last_start, now)
        return last, each.identity, each.target

    passed = []
    for each in sorted(candidates, key=turn):
        why = _refusal(each, verdicts)
        if why:
            verdicts.limited[each.key] = f"{why}; it is tried again in a later run"
        else:
            passed.append(each)
    return passed


def _refusal(candidate: Candidate[K], verdicts: Verdicts[K]) -> str:
    """Say why the rate limit does not let a candidate through, or nothing."""
    try:
        answer = candidate.allows is None or candidate.allows()
    except EvaluationError as error:
        why = f"the rate limit failed: {error.message}"
        verdicts.failed[candidate.key] = why
        return why
    if answer is None:
        return "the rate limit cannot be told"
    return "" if answer else "the rate limit is reached"


def _threshold(
    held: list[Candidate[K]], passed: list[Candidate[K]], limits: RuleLimits, verdicts: Verdicts[K]
) -> None:
    """Queue what passed, or suspend all of it when anything of it is too much."""
    force = limit_in_force(limits)
    verdicts.allowed, verdicts.limit_text = force.allowed, force.text
    if force.error:
        verdicts.errors.append(force.error)
    counted: list[Candidate[Any]] = [*held, *passed]
    units = {(each.operation, each.target) if each.target else each.identity for each in counted}
    earlier = None if limits.earlier is None else len(limits.earlier - units)
    verdicts.lookback = earlier or 0
    reasons = list(trips(counted, len(units), earlier, limits))
    if not reasons:
        verdicts.queued = [each.key for each in passed]
        return
    verdicts.reason = joined("; ", [reason.text for reason in reasons])
    for each in held:
        verdicts.suspended[each.key] += reasons
    for each in passed:
        verdicts.suspended[each.key] = list(reasons)


def silo_reason(
    silo: str,
    operation: Operation,
    limit: Limit,
    *,
    objects: int | None,
    population: int | None,
    per: timedelta,
) -> Reason | None:
    """Say why one operation on one silo is too much over all rules, or nothing.

    ``objects`` are distinct: those of this run that rules queued or held for a VIP, and those of
    the last ``per``; ``None`` when these cannot be read. When it is too much, every queued action
    of that operation on that silo is to be suspended.
    """
    what = operation.value.replace("_", " ")
    if objects is None:
        text = say(
            "the objects of {silo} to {what} in the last {span} cannot be read",
            silo=silo,
            what=what,
            span=short(per),
        )
        return Reason("limit", silo, text)
    if population is None and limit.is_percent:
        return Reason("limit", silo, say("how many objects {silo} has is not known", silo=silo))
    allowed = limit.allowed(population or 0)
    if objects <= allowed:
        return None
    text = say_many(
        "{count} object of {silo} to {what} within {span}, {allowed}",
        "{count} objects of {silo} to {what} within {span}, {allowed}",
        objects,
        silo=silo,
        what=what,
        span=format_time_span(per),
        allowed=allowed_text(
            allowed, limit_text(limit, population or 0) if limit.is_percent else ""
        ),
    )
    return Reason("limit", silo, text)
