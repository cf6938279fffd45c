"""Says what came of a decision. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hypersync.approvals.decide import Decided
from hypersync.messages import wording
from hypersync.messages.pages.decide import DecidePage
from hypersync.model.actions import Action, ActionState
from hypersync.model.requests import Answer

_ENDED = (ActionState.SUSPENDED, ActionState.CLEARED, ActionState.STALE, ActionState.VOID)
_AFTER = {
    Answer.APPROVE: "What is approved is carried out by the next committing sync.",
    Answer.REJECT: "Nothing is changed, and the same is not asked again for a while.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a decision in a title and a sentence; ``is_done`` unless it came too late."""

    title: str
    after: str = ""
    is_done: bool = True


def status_of(decided: Decided) -> int:
    """Return the HTTP status that stands for what came of a decision."""
    if not decided.lost or decided.decided:
        return 200
    return 410 if all(_has_ended(action) for action in decided.lost) else 409


def _has_ended(action: Action) -> bool:
    return action.state in _ENDED


def outcome_of(decided: Decided, answer: Answer) -> Outcome:
    """Return what came of a decision."""
    past = "approved" if answer is Answer.APPROVE else "rejected"
    if decided.waiting or decided.needs_another:
        return Outcome(
            title="Your approval is noted", after="Another person has to approve as well."
        )
    if decided.scan is not None and not decided.decided:
        return Outcome(title=f"The scan is {past}")
    if not decided.decided:
        title = "No longer possible" if status_of(decided) == 410 else "Decided already"
        return Outcome(title=title, is_done=False)
    if all(action.was_in_doubt for action in decided.decided):
        title = "It happened" if answer is Answer.APPROVE else "It did not happen"
        return Outcome(title=title, after="Noted; it is not repeated.")
    what = wording.counted(len(decided.decided), "action")
    and_scan = " and the scan" if decided.scan is not None else ""
    return Outcome(title=f"{what}{and_scan} {past}", after=_AFTER[answer])


def with_result(page: DecidePage, decided: Decided, answer: Answer) -> DecidePage:
    """Say on a page what came of a decision."""
    found = outcome_of(decided, answer)
    if not found.is_done:
        return replace(page, title=found.title, error=f"{found.title}: nothing was changed.")
    return replace(page, title=found.title, done=found.title, after=found.after)
