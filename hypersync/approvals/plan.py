"""What happens next to a request, who may answer it, and what its end decides. Pure.

Order at a step's end: an answer stops everything; then the next step, the next round, or the end
of the list, which only ends the notifying: the decision is left to the rule's expiry. Failure
direction: whoever cannot be told to be somebody else is taken for concerned, and a default-approve
that cannot be justified clears.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from hypersync.approvals.directory import Directory, normal_identity
from hypersync.model.actions import Action
from hypersync.model.objects import Operation
from hypersync.model.requests import OnTimeout, Plan, Request, RequestKind
from hypersync.model.said import say


@dataclass(frozen=True, slots=True)
class Place:
    """A step of a plan in one of its rounds."""

    step: int
    rounds: int


def first_place(plan: Plan, directory: Directory) -> Place | None:
    """Return the first step that reaches anybody; none when nobody can be asked."""
    return _reached(plan, directory, range(len(plan.steps)), 0)


def next_place(plan: Plan, here: Place, directory: Directory, *, is_timeout: bool) -> Place | None:
    """Return where a request goes after the step it is at; ``None`` at the end of the list.

    Steps that reach nobody are skipped at once. With ``on_timeout: expire`` a timeout ends it.
    """
    if is_timeout and plan.on_timeout is OnTimeout.EXPIRE:
        return None
    later = range(here.step + 1, len(plan.steps))
    if (place := _reached(plan, directory, later, here.rounds)) is not None:
        return place
    if here.rounds < plan.repeat:
        return _reached(plan, directory, range(len(plan.steps)), here.rounds + 1)
    return None


def _reached(plan: Plan, directory: Directory, steps: Iterable[int], rounds: int) -> Place | None:
    for step in steps:
        if directory.recipients(plan.steps[step].to):
            return Place(step, rounds)
    return None


def step_due(plan: Plan, place: Place, now: datetime) -> datetime | None:
    """Return when the step's time is over; ``None`` waits to the request's expiry."""
    until = plan.steps[place.step].until
    return None if until is None else now + until


# --- who may answer ----------------------------------------------------------------------------


def entitled_now(request: Request, directory: Directory) -> frozenset[str]:
    """Return who may answer: entitled when it was opened, and now.

    A plan that was taken out of the configuration keeps counting as it was.
    """
    known = request.plan.name
    plan = directory.plans.get(known, request.plan) if known else directory.plan(None)
    allowed = request.approvers & directory.entitled(plan)
    if not request.plan.exclusive or not request.notifying:
        return allowed
    return allowed & directory.resolve(request.plan.steps[request.step].to)


def concerned(
    starter: str | None, identities: Collection[str], directory: Directory
) -> frozenset[str]:
    """Return the people for whom deciding would be deciding for themselves.

    ``starter`` is who started the run (``person:ID`` or ``cli:USER``), ``identities`` the normal
    join values of those the actions are about. Their delegates are concerned too.
    """
    own = {normal_identity(each) for each in identities}
    scheme, _, rest = (starter or "").partition(":")
    selves = {
        person.id
        for person in directory.people.values()
        if (scheme == "person" and person.id == rest)
        or (scheme == "cli" and person.os_user == rest)
        or (person.identity is not None and person.identity in own)
    }
    delegates = {directory.people[each].delegate for each in selves}
    return frozenset(selves | {each for each in delegates if each is not None})


def seats_taken(voters: Iterable[str], entitled: frozenset[str], directory: Directory) -> int:
    """Count the different people whose approvals stand; somebody twice is one vote.

    A delegate votes once, in their own place when they have one.
    """
    taken = set()
    for voter in sorted(set(voters)):
        seats = directory.seats(entitled, voter)
        if voter in seats:
            taken.add(voter)
        elif seats:
            taken.add(min(seats))
    return len(taken)


def too_few(request: Request, barred: Collection[str]) -> str:
    """Say that too few people are left who may answer, or nothing.

    ``barred`` are those who would decide about what they did themselves.
    """
    allowed = request.approvers.difference(barred)
    if len(allowed) >= request.plan.need:
        return ""
    if not request.approvers:
        return say("nobody is configured who may answer")
    return say(
        "{need} must approve, but only {count} may answer",
        need=request.plan.need,
        count=len(allowed),
    )


def needs_comment(plan: Plan, *, is_rejection: bool) -> bool:
    """Tell whether an answer needs a reason: the plan says when."""
    return plan.comment == "always" or (plan.comment == "on_reject" and is_rejection)


# --- the end -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What is known at a request's end.

    ``told_at`` are the times at which people who may decide were sent the question;
    ``approve_deletes`` the rules whose deletes may be approved by their expiry, ``approve_vips``
    the VIP rules that let theirs be.
    """

    told_at: Collection[datetime] = ()
    is_part_rejected: bool = False
    approve_deletes: frozenset[str] = frozenset()
    approve_vips: frozenset[str] = frozenset()


def refusal(action: Action, request: Request | None, known: Circumstances) -> str:
    """Say why an action whose time is over is not approved by that, or nothing.

    Only for actions with ``on_expiry: approve``.
    """
    if request is None or request.kind is RequestKind.SCAN:
        return "nobody was asked"
    if action.rule.startswith("undo:"):
        return "an undo is never approved by its expiry"
    if action.vip is not None and action.vip not in known.approve_vips:
        return f"it is about a VIP, and {action.vip} does not say that an expiry approves"
    if known.is_part_rejected:
        return "part of the request was rejected"
    if action.operation is Operation.DELETE and action.rule not in known.approve_deletes:
        return "a delete is approved by its expiry only where the rule says approve_deletes"
    if not was_told_in_time(action, known.told_at):
        return "nobody who may decide was told at least half of the time before"
    return ""


def was_told_in_time(action: Action, told_at: Collection[datetime]) -> bool:
    """Tell whether somebody knew for at least half of the time the action had.

    Nobody was told before it was asked: such a time is from before the clock was set.
    """
    asked, ends = action.suspended_at, action.expires_at
    if asked is None or ends is None:
        return False
    half = asked + (ends - asked) / 2
    return any(asked <= told <= half for told in told_at)
