"""Measures the candidates of one rule against its limits: what trips, and the sentence. Pure.

A limit is the number allowed: it trips when the count is greater. On a silo of 10 000 live objects
or more nothing is allowed above 5 % of the target's type unless an unlock key is in force; a limit
above is reduced and is an error of every run. Members that are added do not offset those removed:
an addition may fail, and a group must not become empty unasked.

Failure direction: what cannot be measured trips.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
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
    since = f" and {number(earlier)} in the last {short(limits.span)}" if earlier else ""
    how = f" ({force.text})" if "%" in force.text else ""
    return f"{actions}{since}, {number(force.allowed)} allowed{how}"


def _clears(counted: Sequence[Candidate[Any]], limits: RuleLimits) -> Iterator[Reason]:
    cleared = sum([each.clears for each in counted])
    if limits.clears is None or not cleared:
        return
    least = limits.least_clears if limits.clears.is_percent and limits.clears.parts != 0 else 0
    text = _too_many(cleared, limits.clears, limits.population, least)
    if text:
        what = "value becomes" if cleared == 1 else "values become"
        yield Reason("threshold", "clears", f"{number(cleared)} {what} empty, {text}")


def _attributes(counted: Sequence[Candidate[Any]], limits: RuleLimits) -> Iterator[Reason]:
    for name, limit in sorted(limits.attributes.items()):
        changing = len({unit(each) for each in counted if name in each.attributes})
        text = _too_many(changing, limit, limits.population)
        if changing and text:
            of = "1 object" if changing == 1 else f"{number(changing)} objects"
            yield Reason("threshold", f"attribute {name}", f"{name} changes on {of}, {text}")


def _members(counted: Sequence[Candidate[Any]], limits: RuleLimits) -> Iterator[Reason]:
    leaving: dict[str, set[str]] = {}
    for each in counted:
        if each.group is not None:
            leaving.setdefault(each.group, set()).add(each.target)
    for group, targets in sorted(leaving.items()):
        text = _group_text(group, len(targets), limits)
        if text:
            yield Reason("threshold", "members", text)


def _group_text(group: str, leaving: int, limits: RuleLimits) -> str:
    members = "1 member leaves" if leaving == 1 else f"{number(leaving)} members leave"
    size = limits.groups.get(group)
    if size is None:
        return f"{members} the group {group}, whose size is not known"
    if leaving >= size.members:
        return f"the group {size.name} becomes empty: {members}"
    if limits.members is None or size.members < limits.min_size:
        return ""
    text = _too_many(leaving, limits.members, size.members)
    return f"{members} the group {size.name}, {text}" if text else ""


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
