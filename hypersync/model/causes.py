"""What stopped actions have in common, as people are told it. Pure.

A cause is advice: it says what is likely behind a tripped limit and lets people answer about its
clusters one by one. It never decides anything by itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar


class Clustered(Protocol):
    """An action that may be in a cluster."""

    @property
    def cluster(self) -> str | None:
        """The key of its cluster."""


T = TypeVar("T", bound=Clustered)

REST = "rest"
"""The key of the cluster of the actions that share nothing with the others."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """Some actions of a request that share something, and which no other cluster holds.

    ``key`` is what people name it by in an answer: "1", "2" and so on, or ``REST``. ``text`` says
    what they share ("company=ACME"), ``count`` how many they are.
    """

    key: str
    text: str
    count: int


def waiting_in(clusters: Sequence[Cluster], waiting: Iterable[str | None]) -> tuple[Cluster, ...]:
    """Return the clusters of what waits, counted anew, the smallest first.

    ``waiting`` are the clusters' keys of the actions. The few odd ones are what people look at and
    may want to approve; nobody reads past a thousand rows to find them.
    """
    counts = Counter(waiting)
    left = [replace(each, count=counts[each.key]) for each in clusters if counts[each.key]]
    return tuple(sorted(left, key=lambda each: each.count))


def by_cluster(actions: Sequence[T], clusters: Sequence[Cluster]) -> list[T]:
    """Return actions in the order of their clusters, and as they were within one."""
    place = {each.key: index for index, each in enumerate(clusters)}
    return sorted(actions, key=lambda action: place.get(action.cluster or "", len(place)))


@dataclass(frozen=True, slots=True)
class Cause:
    """What the actions of a request share, in a sentence, and the clusters they fall into.

    The sentence is empty when most of them share nothing that others do not share too. There are
    either no clusters or such that hold every action exactly once.
    """

    text: str = ""
    clusters: tuple[Cluster, ...] = ()
