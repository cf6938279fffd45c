"""What the guards look at and what they say: the nouns of `hypersync.pipeline.guard`. Pure."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Generic, NamedTuple, Protocol, TypeAlias, TypeVar

from hypersync.model.actions import Reason
from hypersync.model.limit import Limit
from hypersync.model.objects import Operation

K = TypeVar("K", bound=Hashable)
Asker: TypeAlias = Callable[[], bool | None]
"""Asks a rule's Count or Quota for one candidate: ``None`` is unknown; raises `EvaluationError`."""


class Holder(Protocol):
    """The VIP rule that holds an action, and the sentence that says why."""

    @property
    def name(self) -> str:
        """The name of the VIP rule."""

    @property
    def text(self) -> str:
        """Why it holds."""


class Candidate(NamedTuple, Generic[K]):
    """One action of one rule, as far as guards care; a tuple, as there are hundreds of thousands.

    ``key`` is the caller's. ``target`` is group and member, empty when it is no membership.
    ``throttle`` is the least time since ``last_start``; ``None`` is no throttle, and never started.
    ``allows`` asks the rule's Count or Quota; unknown does not let through. ``changed`` marks an
    action that takes the place of one people were asked about, ``unanswered`` says that the time to
    answer ran out before: both are asked again. ``clears`` are the attributes that become empty,
    ``attributes`` all that change. ``group`` is set for removals from a group.
    """

    key: K
    identity: int
    operation: Operation
    target: str = ""
    throttle: timedelta | None = None
    last_start: datetime | None = None
    vip: Holder | None = None
    allows: Asker | None = None
    changed: bool = False
    unanswered: str = ""
    clears: AbstractSet[str] = frozenset()
    attributes: AbstractSet[str] = frozenset()
    group: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupSize:
    """How many members a group has now, and what people call it.

    ``left`` is how many of those that it had at the begin of the lookback it no longer has.
    """

    name: str
    members: int
    left: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleLimits:
    """What a rule may do in this run.

    ``population`` is how many live objects of the target's type there are (``None``: not known),
    ``silo_population`` how many of all types, where that is more. ``earlier`` are the `unit` of
    what was let through in the last ``span`` and counts together with this run's (``None``: cannot
    be read); ``past`` is what of it empties values, changes limited attributes or takes members out
    of groups, and counts together with what this run does of that. ``ceiling`` is off while an
    unlock key is in force and for events, which have no population. ``raised`` takes the limit's
    place for one run, within the ceiling.

    ``clears`` limits changes to empty, a percentage allows at least ``least_clears``;
    ``attributes`` the objects whose attribute changes; ``members`` the removals from groups of at
    least ``min_size``, of the size in ``groups``. ``None`` is no limit.
    """

    limit: Limit
    population: int | None
    silo_population: int | None = None
    earlier: AbstractSet[Hashable] | None = frozenset()
    past: Sequence[Candidate[Any]] = ()
    span: timedelta = timedelta(hours=1)
    ceiling: bool = True
    raised: int | None = None
    clears: Limit | None = None
    least_clears: int = 5
    attributes: Mapping[str, Limit] = field(default_factory=dict)
    members: Limit | None = None
    min_size: int = 10
    groups: Mapping[str, GroupSize] = field(default_factory=dict)


@dataclass(slots=True)
class Verdicts(Generic[K]):
    """What the guards decided about one rule's candidates, and the limit that was in force.

    Each candidate's key is in exactly one of the first four. ``due`` says when a throttled one may
    start again. ``allowed`` is ``None`` when it cannot be told; ``lookback`` is how many earlier
    ones were counted besides; ``reason`` says why the threshold tripped, empty when it did not.
    ``errors`` are the rule's; ``failed`` those of single candidates.
    """

    throttled: dict[K, str] = field(default_factory=dict)
    limited: dict[K, str] = field(default_factory=dict)
    suspended: dict[K, list[Reason]] = field(default_factory=dict)
    queued: list[K] = field(default_factory=list)
    due: dict[K, datetime] = field(default_factory=dict)
    allowed: int | None = None
    limit_text: str = ""
    lookback: int = 0
    reason: str = ""
    errors: list[str] = field(default_factory=list)
    failed: dict[K, str] = field(default_factory=dict)
