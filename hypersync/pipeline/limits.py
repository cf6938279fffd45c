"""Measures the candidates of one rule against its limits: what trips, and the sentence. Pure.

A limit is the number allowed: it trips when the count is greater. On a silo of 10 000 live objects
or more nothing is allowed above 5 % of the target's type unless an unlock key is in force; a limit
above is reduced and is an error of every run. Members that are added do not offset those removed:
an addition may fail, and a group must not become empty unasked.

Every limit looks back: what was let through in the last span counts with this run's, each identity,
value and member once. Only what this run does more of can trip.

Failure direction: what cannot be measured trips.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from hypersync.model.actions import Reason
from hypersync.model.limit import Limit, parse_limit
from hypersync.model.said import Said, say, say_many
from hypersync.model.time_span import format_time_span
from hypersync.model.verdicts import Candidate, RuleLimits

CEILING = parse_limit("5%")
"""The most a rule may do to a large silo without an unlock key."""
LARGE_SILO = 10_000
"""From so many live objects on the ceiling holds."""


def unit(candidate: Candidate[Any]) -> Hashable:
    """Return what a threshold counts: identities, for memberships additions and removals."""
    if candidate.target:
        return candidate.operation, candidate.target
    return candidate.identity


@dataclass(frozen=True, slots=True)
class Force:
    """The limit in force: how many are ``allowed``, ``None`` when that cannot be told.

    ``text`` says how it came about, and ``error`` that it had to be reduced.
    """

    allowed: int | None
    text: str
    error: str = ""


def limit_in_force(limits: RuleLimits) -> Force:
    """Return how many actions a rule may take in this run, the ceiling considered."""
    limit = limits.limit if limits.raised is None else Limit(number=limits.raised)
    population = limits.population
    if population is None:
        is_known = not limits.ceiling and not limit.is_percent
        return Force(limit.allowed(0) if is_known else None, str(limit))
    text = limit_text(limit, population)
    large = max(population, limits.silo_population or 0) >= LARGE_SILO
    if not (limits.ceiling and large and _is_high(limit, population)):
        return Force(limit.allowed(population), text)
    most = CEILING.allowed(population)
    less = limit_text(CEILING, population)
    error = (
        f"the limit {text} is above the ceiling of 5%; it was reduced to {less}, which is "
        f"{number(most)}. Lower it, or apply an unlock key"
    )
    return Force(most, say("{limit}, reduced to {less}", limit=text, less=less), error)


def _is_high(limit: Limit, population: int) -> bool:
    if limit.parts is not None and CEILING.parts is not None:
        return limit.parts > CEILING.parts
    return limit.allowed(population) > CEILING.allowed(population)


def limit_text(limit: Limit, population: int) -> str:
    """Write a limit, a percentage with what it is taken of."""
    if limit.is_percent:
        return say("{percent} of {count}", percent=str(limit), count=population)
    return say("{count}", count=limit.allowed(population))


def trips(
    counted: Sequence[Candidate[Any]], fired: int, earlier: int | None, limits: RuleLimits
) -> Iterator[Reason]:
    """Yield every way in which these candidates are too many.

    ``fired`` counts their units, ``earlier`` what the lookback adds, ``None`` when that cannot be
    read.
    """
    if not counted:
        return
    text = _volume(fired, earlier, limits)
    if text:
        yield Reason("threshold", "limit", text)
    yield from _clears(counted, limits)
    yield from _attributes(counted, limits)
    yield from _members(counted, limits)


def _volume(fired: int, earlier: int | None, limits: RuleLimits) -> str:
    force = limit_in_force(limits)
    actions = say_many("{count} action", "{count} actions", fired)
    if force.allowed is None:
        return say(
            "{actions}, and how many objects there are is not known, so nothing is allowed",
            actions=actions,
        )
    if earlier is None:
        return say(
            "{actions}, and those of the last {span} cannot be read",
            actions=actions,
            span=short(limits.span),
        )
    if fired + earlier <= force.allowed:
        return ""
    tail = allowed_text(force.allowed, force.text if "%" in force.text else "")
    return say(
        "{actions}{since}, {allowed}", actions=actions, since=_since(earlier, limits), allowed=tail
    )


def unless_said(reason: str, count: int) -> str:
    """Return a reason without the number of actions, where that is said already."""
    if not isinstance(reason, Said) or reason.values.get("since") != "":
        return reason
    actions, allowed = reason.values.get("actions"), reason.values.get("allowed")
    if isinstance(actions, Said) and actions.values.get("count") == count:
        return allowed if isinstance(allowed, Said) else reason
    return reason


def allowed_text(allowed: int, how: str) -> Said:
    """Say how many are allowed, and how that came about."""
    if not how:
        return say("{count} allowed", count=allowed)
    return say("{count} allowed ({how})", count=allowed, how=how)


def _clears(counted: Sequence[Candidate[Any]], limits: RuleLimits) -> Iterator[Reason]:
    cleared = _cleared(counted)
    if limits.clears is None or not cleared:
        return
    earlier = len(_cleared(limits.past) - cleared)
    least = limits.least_clears if limits.clears.is_percent and limits.clears.parts != 0 else 0
    text = _too_many(len(cleared) + earlier, limits.clears, limits.population, least)
    if text:
        said = say_many(
            "{count} value becomes empty{since}, {allowed}",
            "{count} values become empty{since}, {allowed}",
            len(cleared),
            since=_since(earlier, limits),
            allowed=text,
        )
        yield Reason("threshold", "clears", said)


def _cleared(candidates: Iterable[Candidate[Any]]) -> set[tuple[Hashable, str]]:
    """Return which values become empty: whose, and which attribute."""
    return {(unit(each), name) for each in candidates for name in each.clears}


def _attributes(counted: Sequence[Candidate[Any]], limits: RuleLimits) -> Iterator[Reason]:
    for name, limit in sorted(limits.attributes.items()):
        changing = _changing(counted, name)
        earlier = len(_changing(limits.past, name) - changing)
        text = _too_many(len(changing) + earlier, limit, limits.population)
        if changing and text:
            said = say_many(
                "{name} changes on {count} object{since}, {allowed}",
                "{name} changes on {count} objects{since}, {allowed}",
                len(changing),
                name=name,
                since=_since(earlier, limits),
                allowed=text,
            )
            yield Reason("threshold", f"attribute {name}", said)


def _changing(candidates: Iterable[Candidate[Any]], name: str) -> set[Hashable]:
    """Return whose attribute changes."""
    return {unit(each) for each in candidates if name in each.attributes}


def _members(counted: Sequence[Candidate[Any]], limits: RuleLimits) -> Iterator[Reason]:
    past = _leaving(limits.past)
    for group, targets in sorted(_leaving(counted).items()):
        earlier = len(past.get(group, set()) - targets)
        text = _group_text(group, len(targets), earlier, limits)
        if text:
            yield Reason("threshold", "members", text)


def _leaving(candidates: Iterable[Candidate[Any]]) -> dict[str, set[str]]:
    """Return by group who leaves it."""
    leaving: dict[str, set[str]] = {}
    for each in candidates:
        if each.group is not None:
            leaving.setdefault(each.group, set()).add(each.target)
    return leaving


def _group_text(group: str, leaving: int, earlier: int, limits: RuleLimits) -> str:
    """Say why a group would lose too many, or nothing; a share is of what it had before."""
    size = limits.groups.get(group)
    if size is None:
        return say_many(
            "{count} member leaves the group {group}, whose size is not known",
            "{count} members leave the group {group}, whose size is not known",
            leaving,
            group=group,
        )
    if leaving >= size.members:
        return say_many(
            "the group {group} becomes empty: {count} member leaves",
            "the group {group} becomes empty: {count} members leave",
            leaving,
            group=size.name,
        )
    before = size.members + size.left
    if limits.members is None or before < limits.min_size:
        return ""
    text = _too_many(leaving + earlier, limits.members, before)
    if not text:
        return ""
    return say_many(
        "{count} member leaves the group {group}{since}, {allowed}",
        "{count} members leave the group {group}{since}, {allowed}",
        leaving,
        group=size.name,
        since=_since(earlier, limits),
        allowed=text,
    )


def _since(earlier: int, limits: RuleLimits) -> str:
    """Say how many of the lookback are counted besides, or nothing."""
    if not earlier:
        return ""
    return say(" and {count} in the last {span}", count=earlier, span=short(limits.span))


def _too_many(count: int, limit: Limit, population: int | None, least: int = 0) -> str:
    """Say how many would be allowed when these are more; nothing when they are not."""
    if population is None:
        if limit.is_percent:
            return say(
                "and {percent} of an unknown number of objects cannot be told", percent=str(limit)
            )
        population = 0
    allowed = limit.allowed(population)
    text = limit_text(limit, population)
    how = text if limit.is_percent else ""
    if allowed < least:
        allowed, how = least, say("{limit}, at least {least}", limit=text, least=least)
    return allowed_text(allowed, how) if count > allowed else ""


def number(count: int) -> str:
    """Write a whole number with spaces between thousands, which no locale misreads."""
    return f"{count:,}".replace(",", " ")


def short(span: timedelta) -> str:
    """Write a time span after "in the last"."""
    return say("hour") if span == timedelta(hours=1) else format_time_span(span)
