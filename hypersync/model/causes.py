"""What stopped actions have in common, as people are told it. Pure.

A cause is advice: it says what is likely behind a tripped limit and lets people answer about its
clusters one by one. It never decides anything by itself.
"""

from __future__ import annotations

from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Cause:
    """What the actions of a request share, in a sentence, and the clusters they fall into.

    The sentence is empty when most of them share nothing that others do not share too. There are
    either no clusters or such that hold every action exactly once.
    """

    text: str = ""
    clusters: tuple[Cluster, ...] = ()
