"""The view of how a request ended: who decided, when, how that is proven, and what follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hypersync.messages import wording
from hypersync.messages.views import sentence_of, subject_of, words_of
from hypersync.messages.words import Words
from hypersync.model.requests import RESUMED, Answer, Request, RequestKind, RequestState
from hypersync.model.said import Said, say
from hypersync.ports.channel import Given, Letter

_HOW = {
    ("code", Answer.APPROVE): say("The holder of {name}'s mail approved{what} on {at}."),
    ("code", Answer.REJECT): say("The holder of {name}'s mail rejected{what} on {at}."),
    ("session", Answer.APPROVE): say("{name}, signed in, approved{what} on {at}."),
    ("session", Answer.REJECT): say("{name}, signed in, rejected{what} on {at}."),
    ("shell", Answer.APPROVE): say("{name} approved{what} on {at}, on the command line."),
    ("shell", Answer.REJECT): say("{name} rejected{what} on {at}, on the command line."),
}
_OTHERWISE = {
    Answer.APPROVE: say("{name} approved{what} on {at}."),
    Answer.REJECT: say("{name} rejected{what} on {at}."),
}
_ENDINGS = (
    ("approved", say("{count} approved")),
    ("rejected", say("{count} rejected")),
    ("cleared", say("{count} dropped because nobody decided in time")),
    ("default_approved", say("{count} approved because nobody decided in time")),
    ("stale", say("{count} no longer wanted")),
    ("void", say("{count} replaced or withdrawn")),
)
_BY_PEOPLE = frozenset({"approved", "rejected"})
EXPIRY = "expiry"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeView:
    """How a request ended.

    ``title`` says it in a word and by whom, ``answers`` who gave which answer, ``counts`` what
    became of what nobody answered, ``after`` what happens next.
    """

    subject: str
    preview: str
    title: str
    sentence: str
    recipient: str
    answers: Sequence[str]
    counts: Sequence[str]
    after: str
    report: str
    environment: str
    language: str = "en"
    hint: str = ""


def outcome_view(letter: Letter) -> OutcomeView:
    """Return how a request ended."""
    request, words = letter.request, words_of(letter)
    given = [each for each in letter.answers if each.proof != EXPIRY]
    title = _title(request, given, words)
    after = _afterwards(request, words)
    return OutcomeView(
        subject=f"Re: {subject_of(letter)}",
        preview=f"{title}. {after}",
        title=title,
        sentence=wording.visible(sentence_of(request, words), 500, words),
        recipient=wording.visible(letter.recipient, 80, words),
        answers=[_answer(each, words) for each in given],
        counts=[
            words.say(said.message, count=request.counts[name])
            for name, said in _ENDINGS
            if request.counts.get(name) and not (given and name in _BY_PEOPLE)
        ],
        after=after,
        report=letter.report,
        environment=letter.environment,
        language=letter.language,
    )


def _answer(given: Given, words: Words) -> str:
    """Say who gave which answer to how many, when, how it is proven, and why."""
    said: Said = _HOW.get((given.proof, given.answer), _OTHERWISE[given.answer])
    name = wording.visible(given.name, 80, words)
    what = f" {words.number(given.count)}" if given.count > 1 else ""
    told = words.say(said.message, name=name, what=what, at=given.at)
    return f"{told} “{wording.visible(given.comment, 300, words)}”" if given.comment else told


def _title(request: Request, given: Sequence[Given], words: Words) -> str:
    names = {each.name for each in given}
    ended = words.said(_ended(request))
    if len(names) != 1 or not _BY_PEOPLE.intersection(_nonzero(request)):
        return ended
    name = wording.visible(names.pop(), 80, words)
    return words.say("{ended} by {name}", ended=ended, name=name)


def _ended(request: Request) -> Said:
    if request.counts.get(RESUMED):
        return say("Resumed")
    if request.state is RequestState.VOID:
        return say("Over") if request.kind is RequestKind.INCIDENT else say("Withdrawn")
    ways = _nonzero(request)
    is_approved = bool(ways & {"approved", "default_approved"})
    if is_approved and ways & {"rejected", "cleared"}:
        return say("Decided")
    if is_approved or "rejected" in ways:
        return say("Approved") if is_approved else say("Rejected")
    return say("Expired") if "cleared" in ways else say("No longer needed")


def _nonzero(request: Request) -> set[str]:
    """Return the ways in which any of it ended."""
    return {name for name, count in request.counts.items() if count}


def _afterwards(request: Request, words: Words) -> str:
    counts = request.counts
    if counts.get(RESUMED):
        return words.say("Whether it answers, the next sync or scan finds out.")
    if request.kind is RequestKind.INCIDENT and request.state is RequestState.VOID:
        return words.say("Its cause is gone.")
    if request.kind is RequestKind.INCIDENT:
        return words.say("Nothing more is done about it.")
    if not (counts.get("approved") or counts.get("default_approved")):
        return words.say("Nothing is changed.")
    if request.kind is RequestKind.SCAN:
        return words.say("The scan is applied before the next committing sync.")
    if counts.get("rejected") or counts.get("cleared"):
        return words.say(
            "What was approved is carried out by the next committing sync; the rest is not."
        )
    return words.say("What was approved is carried out by the next committing sync.")
