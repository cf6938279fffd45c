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
    reduced = f"reduced to {limit_text(CEILING, population)}"
    error = (
        f"the limit {text} is above the ceiling of 5%; it was {reduced}, which is {number(most)}"
    )
    return Force(most, f"{text}, {reduced}", f"{error}. Lower it, or apply an unlock key")


def _is_high(limit: Limit, population: int) -> bool:
    if limit.parts is not None and CEILING.parts is not None:
        return limit.parts > CEILING.parts
    return limit.allowed(population) > CEILING.allowed(population)


def limit_text(limit: Limit, population: int) -> str:
    """Write a limit, a percentage with what it is taken of."""
    if limit.is_percent:
        return f"{limit} of {number(population)}"
    return number(limit.allowed(population))


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
    actions = "1 action" if fired == 1 else f"{number(fired)} actions"
    if force.allowed is None:
        return f"{actions}, and how many objects there are is not known, so nothing is allowed"
    if earlier is None:
        return f"{actions}, and those of the last {short(limits.span)} cannot be read"
    if fired + earlier <= force.allowed:
        return ""
    how = f" ({force.text})" if "%" in force.text else ""
    return f"{actions}{_since(earlier, limits)}, {number(force.allowed)} allowed{how}"


def _clears(counted: Sequence[Candidate[Any]], limits: RuleLimits) -> Iterator[Reason]:
    cleared = _cleared(counted)
    if limits.clears is None or not cleared:
        return
    earlier = len(_cleared(limits.past) - cleared)
    least = limits.least_clears if limits.clears.is_percent and limits.clears.parts != 0 else 0
    text = _too_many(len(cleared) + earlier, limits.clears, limits.population, least)
    if text:
        what = "1 value becomes" if len(cleared) == 1 else f"{number(len(cleared))} values become"
        yield Reason("threshold", "clears", f"{what} empty{_since(earlier, limits)}, {text}")


def _cleared(candidates: Iterable[Candidate[Any]]) -> set[tuple[Hashable, str]]:
    """Return which values become empty: whose, and which attribute."""
    return {(unit(each), name) for each in candidates for name in each.clears}


def _attributes(counted: Sequence[Candidate[Any]], limits: RuleLimits) -> Iterator[Reason]:
    for name, limit in sorted(limits.attributes.items()):
        changing = _changing(counted, name)
        earlier = len(_changing(limits.past, name) - changing)
        text = _too_many(len(changing) + earlier, limit, limits.population)
        if changing and text:
            of = "1 object" if len(changing) == 1 else f"{number(len(changing))} objects"
            text = f"{name} changes on {of}{_since(earlier, limits)}, {text}"
            yield Reason("threshold", f"attribute {name}", text)


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
    members = "1 member leaves" if leaving == 1 else f"{number(leaving)} members leave"
    size = limits.groups.get(group)
    if size is None:
        return f"{members} the group {group}, whose size is not known"
    if leaving >= size.members:
        return f"the group {size.name} becomes empty: {members}"
    before = size.members + size.left
    if limits.members is None or before < limits.min_size:
        return ""
    text = _too_many(leaving + earlier, limits.members, before)
    return f"{members} the group {size.name}{_since(earlier, limits)}, {text}" if text else ""


def _since(earlier: int, limits: RuleLimits) -> str:
    """Say how many of the lookback are counted besides, or nothing."""
    return f" and {number(earlier)} in the last {short(limits.span)}" if earlier else ""


def _too_many(count: int, limit: Limit, population: int | None, least: int = 0) -> str:
    """Say how many would be allowed when these are more; nothing when they are not."""
    if population is None:
        if limit.is_percent:
            return f"and {limit} of an unknown number of objects cannot be told"
        population = 0
    allowed = limit.allowed(population)
    how = f" ({limit_text(limit, population)})" if limit.is_percent else ""
    if allowed < least:
        allowed, how = least, f" ({limit_text(limit, population)}, at least {least})"
    return f"{number(allowed)} allowed{how}" if count > allowed else ""


def number(count: int) -> str:
    """Write a whole number with spaces between thousands, which no locale misreads."""
    return f"{count:,}".replace(",", " ")


def short(span: timedelta) -> str:
    """Write a time span after "in the last"."""
    return "hour" if span == timedelta(hours=1) else format_time_span(span)
