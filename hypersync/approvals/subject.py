"""What a link is about: its request, what can be decided of that, and what was answered so far.

Of thousands of actions only the first are read whole; an answer binds to a slip of each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from hypersync.approvals.ballot import OfActions, Target
from hypersync.approvals.decide import check_cluster, request_of
from hypersync.approvals.links import list_digest
from hypersync.approvals.proof import Proof
from hypersync.approvals.voting import digest_of, undecided_of
from hypersync.errors import NotFound
from hypersync.model.actions import Action, ActionState
from hypersync.model.causes import Cluster, waiting_in
from hypersync.model.objects import Operation
from hypersync.model.requests import Request, RequestKind
from hypersync.ports.store import UnitOfWork
from hypersync.ports.store.requests import Vote
from hypersync.ports.store.waiting import Slip, Sought


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a link is about, as it is now.

    ``count`` says how many of the actions it names can still be decided, ``actions`` are the first
    of those, or of all when there are none, and ``ended`` counts the others by what became of them.
    ``clusters`` are those of what can be decided, the smallest first, and none for a single action;
    ``cluster`` is the one that the link is about. ``answers`` are those given so far, and of each
    how many are alike. ``invited`` is the person who would answer: who signed in, or the one the
    token stands for. ``may_answer`` says whether they may decide; ``why_not`` why they may not.
    ``proof`` is what deciding this takes.
    """

    request: Request
    actions: tuple[Action, ...]
    count: int
    ended: Mapping[ActionState, int]
    digest: str
    answers: tuple[tuple[Vote, int], ...]
    clusters: tuple[Cluster, ...] = ()
    cluster: Cluster | None = None
    is_single: bool = False
    invited: str | None = None
    may_answer: bool = False
    why_not: str = ""
    proof: Proof = "code"


SHOWN = 100
"""How many of the actions that a link is about its page lists; the report has all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What a target names of its request: what can be decided, the first rows, and the rest."""

    slips: Sequence[Slip]
    actions: Sequence[Action]
    ended: Mapping[ActionState, int]
    answers: Sequence[tuple[Vote, int]]
    clusters: tuple[Cluster, ...] = ()
    cluster: str | None = None


def named_by(unit: UnitOfWork, request: Request, target: Target, now: datetime) -> Named:
    """Return what a target names; of thousands of actions only the first are read whole."""
    if isinstance(target, OfActions):
        actions = unit.actions.get(target.actions)
        open_ones = undecided_of(actions, now)
        ended = Counter(action.state for action in actions if action not in open_ones)
        slips = [Slip(each.id, each.fingerprint, None, each.identity) for each in open_ones]
        answers = unit.waiting.answers(request.id, actions=target.actions)
        return Named(slips=slips, actions=open_ones or actions, ended=ended, answers=answers)
    check_cluster(request, target.cluster)
    slips = [
        slip
        for slip in unit.waiting.slips(request.id, now)
        if target.cluster in (None, slip.cluster)
    ]
    clusters = waiting_in(request.clusters, (slip.cluster for slip in slips))
    return Named(
        slips=slips,
        actions=unit.waiting.page(
            Sought(requests=(request.id,), cluster=target.cluster),
            now,
            clusters=[each.key for each in clusters],
            limit=SHOWN,
        )
        or unit.waiting.decided(request.id, SHOWN, target.cluster),
        ended=unit.waiting.states(request.id, now, target.cluster),
        answers=unit.waiting.answers(request.id, cluster=target.cluster),
        clusters=clusters,
        cluster=target.cluster,
    )


def digest_of_slips(request: Request, slips: Sequence[Slip]) -> str:
    """Return what stands for a list; the same as `voting.digest_of` of its actions."""
    if request.kind is RequestKind.SCAN:
        return digest_of(request, ())
    return list_digest([(slip.id, slip.fingerprint) for slip in slips])


def telling(unit: UnitOfWork, request: Request, found: Named, now: datetime) -> Sequence[Action]:
    """Return actions that tell what deciding all of them takes: a delete and a VIP among them."""
    if len(found.slips) <= len(found.actions):
        return found.actions
    mine = Sought(requests=(request.id,), cluster=found.cluster)
    deletes = unit.waiting.page(replace(mine, operation=Operation.DELETE), now, limit=1)
    vips = unit.waiting.page(replace(mine, is_vip=True), now, limit=1)
    return [*found.actions, *deletes, *vips]


def asking(unit: UnitOfWork, target: Target) -> Request:
    """Return the request that a target is about; one action belongs to the one that asks."""
    if not isinstance(target, OfActions):
        request = request_of(unit, target)
    else:
        actions = unit.actions.get(target.actions)
        asked = {action.request for action in actions if len(actions) == len(target.actions)}
        request_id = asked.pop() if len(asked) == 1 else None
        request = None if request_id is None else unit.requests.get(request_id)
    if request is None:
        raise NotFound
    return request
