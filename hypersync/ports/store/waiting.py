"""The store port for what waits for a decision: found, counted and read by the page.

A request may ask about thousands of actions. What is shown of them is looked for, ordered and cut
where they are stored; only what binds an answer to the list, `Slip`, is read of all of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from hypersync.model.actions import Action, ActionState
from hypersync.model.ids import ActionId, IdentityId, RequestId
from hypersync.model.objects import Operation
from hypersync.ports.store.requests import Vote


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """Which waiting actions are looked for; what is ``None`` or empty does not matter.

    ``words`` all have to stand in the name, the anchor or the attributes, however they are spelled
    in capitals. Of actions with one of the attributes ``unread`` only the name and the anchor are
    looked at. ``ends_before`` are those whose time is over by then.
    """

    requests: Collection[RequestId] | None = None
    rule: str | None = None
    silo: str | None = None
    operation: Operation | None = None
    is_vip: bool | None = None
    cluster: str | None = None
    ends_before: datetime | None = None
    words: Sequence[str] = ()
    unread: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Slip:
    """What an answer binds to of one action, whom it is about, and the cluster that holds it."""

    id: ActionId
    fingerprint: str
    cluster: str | None
    identity: IdentityId


@dataclass(frozen=True, slots=True)
class Choices:
    """What the waiting actions can be told apart by."""

    rules: Sequence[str] = ()
    silos: Sequence[str] = ()
    operations: Sequence[Operation] = ()


@dataclass(frozen=True, slots=True)
class Newest:
    """How many actions wait, and the place in line of the last of them; 0 for none."""

    count: int
    place: int


class Waiting(Protocol):
    """What can still be decided: suspended and in time, or asked about whether it happened."""

    def slips(self, request: RequestId, now: datetime) -> Sequence[Slip]:
        """Return what can be decided of a request, in the order it was proposed."""

    def counts(self, sought: Sought, now: datetime) -> Mapping[RequestId | None, int]:
        """Count what is looked for by the request that asks about it."""

    def page(
        self,
        sought: Sought,
        now: datetime,
        *,
        clusters: Sequence[str] = (),
        first: int = 0,
        limit: int | None = None,
    ) -> Sequence[Action]:
        """Return what is looked for from the ``first`` on, at most ``limit``.

        Actions of ``clusters`` come first, in their order, and within one as they were proposed.
        """

    def each(self, sought: Sought, now: datetime) -> Iterator[Action]:
        """Yield everything that is looked for as it was proposed, without gathering it first."""

    def states(
        self, request: RequestId, now: datetime, cluster: str | None = None
    ) -> Mapping[ActionState, int]:
        """Count by state what cannot be decided any more of a request, or of a cluster of it."""

    def decided(
        self, request: RequestId, limit: int, cluster: str | None = None
    ) -> Sequence[Action]:
        """Return the first actions of a request, or of a cluster of it, whatever their state."""

    def answers(
        self,
        request: RequestId,
        *,
        actions: Collection[ActionId] | None = None,
        cluster: str | None = None,
    ) -> Sequence[tuple[Vote, int]]:
        """Return the answers about a request, oldest first, and of each how many are alike.

        About these ``actions`` or this ``cluster`` of it only, and about its scan. The action of a
        vote is left out.
        """

    def attributes(self, now: datetime) -> frozenset[tuple[str, str, str]]:
        """Return which attributes what waits would change, by silo, type and name."""

    def choices(self, now: datetime) -> Choices:
        """Return the rules, silos and operations of what waits."""

    def newest(self, sought: Sought, now: datetime, *, after: int = 0) -> Newest:
        """Count what is looked for behind a place in line, and say where the last of it stands."""

    def ended(
        self, requests: Collection[RequestId], since: datetime, limit: int
    ) -> Sequence[Action]:
        """Return what was decided or ended of these requests since then, the newest first."""
