"""Says how often a limit would have tripped on what a rule asked for in the past. Pure.

Each limit is tried on one run after the other with the guard's own measure: the same ceiling, the
same lookback, the same rounding. What it would have stopped does not count in a later lookback, and
what another limit stopped then, and this one would not have, does. The runs themselves are taken as
they were: had a run been stopped, its changes might have been asked for again.

A limit is advised from a month of history on. It is the lowest of the ladder that would have
tripped at most once in 30 days and above which none tripped more often; on a large silo never one
above the ceiling. Failure direction: with too little history, or none that fits, nothing is
advised.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta

from hypersync.model.limit import Limit, parse_limit
from hypersync.model.objects import Operation
from hypersync.model.verdicts import Candidate, RuleLimits
from hypersync.pipeline.limits import limit_in_force, trips
from hypersync.pipeline.limits import number as number_text
from hypersync.rulebook.rules import Lookback

MONTH = timedelta(days=30)
"""The least history from which anything is advised, and the time in which one trip is welcome."""
PERCENTAGES = tuple(parse_limit(each) for each in ("0.1%", "0.2%", "0.5%", "1%", "2%", "5%"))
"""The percentages that are tried; none is above the ceiling."""
NUMBERS = tuple(Limit(number=step * 10**power) for power in range(7) for step in (1, 2, 5))
"""The numbers that are tried."""
_ONE: Sequence[Candidate[Hashable]] = (Candidate("", 0, Operation.UPDATE),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What one run asked of one rule.

    ``units`` are what its threshold counted, ``free`` those of them that nothing but the limit
    stopped, ``held`` those that no lookback ever counts: VIPs, and what was only simulated.
    ``allowed`` (``None``: not known) and ``earlier`` are the limit in force then and what its
    lookback added.
    """

    at: datetime
    is_full: bool
    units: AbstractSet[Hashable]
    free: AbstractSet[Hashable]
    held: AbstractSet[Hashable]
    population: int | None
    allowed: int | None
    earlier: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How a rule's limit is measured now; ``is_event`` is without population and ceiling.

    ``silo_population`` is how many live objects the silo of its target has now.
    """

    limit: Limit
    lookback: Lookback
    silo_population: int | None
    is_event: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """How often a limit would have tripped.

    ``allowed`` is how many it allows after the last run (``None``: not known), ``text`` how that
    comes about. ``is_reduced`` says that it is above the ceiling.
    """

    limit: Limit
    allowed: int | None
    text: str
    tripped: int
    is_reduced: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What the past says about one rule's limit.

    ``runs`` were looked at, the rule asked for something in ``asking`` of them: ``largest``,
    ``median`` and ``most`` (of 95 % of them) are how much, ``largest_measured`` with the lookback
    of then. ``tripped`` is how often the limit in force at the time did. ``percentage`` and
    ``number`` are advised, ``None`` when nothing is; ``text`` says it, or why not.
    """

    limit: Limit
    runs: int
    asking: int
    largest: int
    median: int
    most: int
    largest_measured: int
    tripped: int
    tried: tuple[Tried, ...]
    percentage: Limit | None
    number: Limit | None
    text: str


class Trials:
    """Tries a ladder of limits on the runs of one rule, which are given oldest first."""

    def __init__(self, terms: Terms, more: Sequence[Limit] = ()) -> None:
        self._terms = terms
        ladder = (*NUMBERS, terms.limit, *more)
        if not terms.is_event:
            ladder = (*PERCENTAGES, *ladder)
        wanted = [each for each in ladder if not (terms.is_event and each.is_percent)]
        self._trials = [_Trial(limit, terms) for limit in dict.fromkeys(wanted)]
        self._named = {terms.limit, *more}
        self._sizes: list[int] = []
        self._measured = self._runs = self._tripped = 0
        self._first: datetime | None = None
        self._population: int | None = None

    def look(self, asked: Asked) -> None:
        """Try every limit on one more run."""
        self._runs += 1
        self._first = self._first or asked.at
        self._population = asked.population
        if not asked.units:
            return
        size = len(asked.units)
        self._sizes.append(size)
        self._measured = max(self._measured, size + asked.earlier)
        self._tripped += asked.allowed is None or size + asked.earlier > asked.allowed
        for trial in self._trials:
            trial.look(asked)

    def advice(self, now: datetime) -> Advice:
        """Return what the runs say."""
        history = timedelta(0) if self._first is None else now - self._first
        tried = [each.tried(self._population) for each in self._trials]
        percentage, number = self._advised(tried, history)
        sizes = sorted(self._sizes)
        return Advice(
            limit=self._terms.limit,
            runs=self._runs,
            asking=len(sizes),
            largest=_rank(sizes, 100),
            median=_rank(sizes, 50),
            most=_rank(sizes, 95),
            largest_measured=self._measured,
            tripped=self._tripped,
            tried=tuple(self._shown(tried)),
            percentage=None if percentage is None else percentage.limit,
            number=None if number is None else number.limit,
            text=self._text(percentage, number, history),
        )

    def _advised(
        self, tried: Sequence[Tried], history: timedelta
    ) -> tuple[Tried | None, Tried | None]:
        if history < MONTH or not self._sizes:
            return None, None
        welcome = history // MONTH
        percentages = [each for each in tried if each.limit in PERCENTAGES]
        numbers = [each for each in tried if each.limit in NUMBERS and not each.is_reduced]
        return _lowest(percentages, welcome), _lowest(numbers, welcome)

    def _shown(self, tried: Sequence[Tried]) -> list[Tried]:
        """Leave out what the ladder has above the first number that would never have tripped."""
        shown, is_enough = [], False
        for each in tried:
            if each.limit in self._named or each.limit.is_percent or not is_enough:
                shown.append(each)
            is_enough |= not each.limit.is_percent and each.tripped == 0
        return shown

    def _text(self, percentage: Tried | None, number: Tried | None, history: timedelta) -> str:
        days = history // timedelta(days=1)
        if not self._runs:
            return "no committing run yet"
        if history < MONTH:
            runs = "1 run" if self._runs == 1 else f"{self._runs} runs"
            span = "1 day" if days == 1 else f"{days} days" if days else "less than a day"
            return f"{runs} in {span}: too few to say; needs about {MONTH.days} days"
        if not self._sizes:
            return f"it asked for nothing in {days} days, so there is nothing to go by"
        named = [each for each in (percentage, number) if each is not None]
        if not named:
            return (
                f"even the highest limit that may be advised would have tripped more often than "
                f"once in {MONTH.days} days; look at why the rule asks for so much"
            )
        return " or ".join(
            f"{each.limit} (would have tripped {times(each.tripped)})" for each in named
        )


class _Trial:
    """One limit, tried on one run after the other."""

    def __init__(self, limit: Limit, terms: Terms) -> None:
        self._limit = limit
        self._terms = terms
        self._recent: deque[tuple[datetime, AbstractSet[Hashable]]] = deque()
        self._tripped = 0

    def look(self, asked: Asked) -> None:
        lookback = self._terms.lookback
        while self._recent and self._recent[0][0] < asked.at - lookback.span:
            self._recent.popleft()
        earlier: set[Hashable] = set()
        if lookback.full or not asked.is_full:
            earlier = set().union(*(units for _, units in self._recent)) - asked.units
        limits = self._limits(asked.population)
        is_tripped = any(trips(_ONE, len(asked.units), len(earlier), limits))
        self._tripped += is_tripped
        self._recent.append((asked.at, self._counted_later(asked, is_tripped=is_tripped)))

    def _counted_later(self, asked: Asked, *, is_tripped: bool) -> AbstractSet[Hashable]:
        """Return what later runs look back at: what went through, or what was asked for too."""
        if self._terms.lookback.suspended:
            return asked.units - asked.held
        return frozenset() if is_tripped else asked.free

    def tried(self, population: int | None) -> Tried:
        force = limit_in_force(self._limits(population))
        return Tried(
            limit=self._limit,
            allowed=force.allowed,
            text=force.text,
            tripped=self._tripped,
            is_reduced=bool(force.error),
        )

    def _limits(self, population: int | None) -> RuleLimits:
        is_event = self._terms.is_event
        return RuleLimits(
            limit=self._limit,
            population=0 if is_event else population,
            silo_population=None if is_event else self._terms.silo_population,
            ceiling=not is_event,
        )


def _lowest(ladder: Sequence[Tried], welcome: int) -> Tried | None:
    """Return the lowest limit that tripped no more than is welcome, as did all above it."""
    found = None
    for each in reversed(ladder):
        if each.tripped > welcome:
            break
        found = each
    return found


def _rank(sizes: Sequence[int], percent: int) -> int:
    """Return the smallest size that so many percent of all do not exceed; 0 of none."""
    if not sizes:
        return 0
    return sizes[(len(sizes) * percent + 99) // 100 - 1]


def times(count: int) -> str:
    """Write how often something happened."""
    return "once" if count == 1 else f"{number_text(count)} times"
