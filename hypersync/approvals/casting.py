"""Casts one person's votes about actions, and writes what they decide.

One rejection decides; an approval takes as many different people as the plan needs. Each change is
one guarded UPDATE; whoever finds that somebody was faster begins anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from hypersync.approvals.ballot import Ballot
from hypersync.approvals.plan import entitled_now, seats_taken
from hypersync.approvals.settings import Settings
from hypersync.approvals.voting import OvertakenError, record_answer, write_votes
from hypersync.model.actions import Action, ActionState
from hypersync.model.ids import ActionId
from hypersync.model.requests import Answer, Request
from hypersync.ports.store import UnitOfWork


def cast(
    unit: UnitOfWork,
    request: Request,
    actions: list[Action],
    ballot: Ballot,
    now: datetime,
    settings: Settings,
) -> list[Action]:
    """Write down the votes and what they decide; return the actions that need another person."""
    write_votes(unit, request, [action.id for action in actions], ballot, now)
    ids = [action.id for action in actions]
    waiting: list[Action] = []
    if ballot.answer is Answer.APPROVE:
        enough = _approved_by_enough(unit, request, ids, ballot, settings)
        waiting = [action for action in actions if action.id not in enough]
    behind = {action.id for action in waiting}
    decided = [action for action in actions if action.id not in behind]
    if len(_write(unit, decided, ballot, now, settings)) < len(decided):
        raise OvertakenError
    record_answer(unit, request, len(decided), len(waiting), ballot, now)
    return waiting


def _write(
    unit: UnitOfWork,
    actions: Sequence[Action],
    ballot: Ballot,
    now: datetime,
    settings: Settings,
) -> list[ActionId]:
    """Write what was decided; return the actions about which nobody was faster."""
    is_yes = ballot.answer is Answer.APPROVE
    doubts = [action.id for action in actions if action.is_in_doubt]
    done = list(unit.requests.settle_doubt(doubts, happened=is_yes, by=ballot.by, now=now))
    ids = [action.id for action in actions if not action.is_in_doubt]
    if is_yes:
        until = now + settings.approval_valid
        return [*done, *unit.requests.approve(ids, by=ballot.by, now=now, until=until)]
    until = now + settings.reject_hold
    return [*done, *unit.requests.reject(ids, by=ballot.by, now=now, hold_until=until)]


def _approved_by_enough(
    unit: UnitOfWork,
    request: Request,
    ids: list[ActionId],
    ballot: Ballot,
    settings: Settings,
) -> frozenset[ActionId]:
    """Return the actions that as many different people approved as the plan needs."""
    if request.plan.need <= 1 or not ballot.by.startswith("person:"):
        return frozenset(ids)
    voters: dict[ActionId, set[str]] = {each: set() for each in ids}
    for vote in unit.requests.votes(request.id):
        if vote.action is not None and vote.action in voters and vote.answer is Answer.APPROVE:
            voters[vote.action].add(vote.by.removeprefix("person:"))
    entitled = entitled_now(request, settings.directory)
    return frozenset(
        each
        for each, people in voters.items()
        if seats_taken(people, entitled, settings.directory) >= request.plan.need
    )


def as_decided(action: Action, ballot: Ballot, now: datetime, settings: Settings) -> Action:
    """Return an action as it is now that this was written about it."""
    is_yes = ballot.answer is Answer.APPROVE
    if action.is_in_doubt:
        state = ActionState.SUCCEEDED if is_yes else ActionState.FAILED
    else:
        state = ActionState.APPROVED if is_yes else ActionState.REJECTED
    return replace(
        action,
        state=state,
        decided_by=ballot.by,
        decided_at=now,
        approved_until=now + settings.approval_valid if state is ActionState.APPROVED else None,
        error="it did not happen" if state is ActionState.FAILED else action.error,
        waits=action.waits if state is ActionState.APPROVED else None,
    )
