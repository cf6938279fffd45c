"""One frozen view for each row, question and digest: everything a template shows, worded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hypersync.messages import wording
from hypersync.messages.rows import (
    ClusterView,
    RowView,
    cluster_views,
    in_common,
    row_view,
    under_headings,
)
from hypersync.messages.words import IN_ENGLISH, Words
from hypersync.model.actions import OnExpiry
from hypersync.model.requests import Answer, Request, RequestKind
from hypersync.model.said import say
from hypersync.ports.channel import Letter, RowLinks

MISSING_SHOWN = 30
"""How many of the objects that a scan misses are named; the store keeps all of them."""

NAMED = 3
"""How many of those something would happen to are named at the top of a mail."""

FEW = 20
"""Up to so many rows are shown at length."""

DIGEST_ROWS = 30
"""How many rows all the questions of a digest show together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionView:
    """The question to one person: what would happen to whom, why it was stopped, until when.

    ``approve`` and ``reject`` are what the two answers to all of it are called.
    ``sentence`` is the question and the mail's heading, ``whom`` names the first of those it is
    about, ``cause`` what they share, ``end`` until when and what happens then. ``preview`` is what
    a list of mails shows beside the subject. ``hint`` says that the mail may be cut by a mail
    program, ``sign_in`` that answering takes signing in. ``shown`` says how many of all the rows
    stand in it; it is empty for all of them.
    """

    subject: str
    preview: str
    sentence: str
    whom: str
    recipient: str
    facts: Sequence[tuple[str, str]]
    cause: str
    notes: Sequence[str]
    code: str
    approve: str
    reject: str
    approve_all: str
    reject_all: str
    clusters: Sequence[ClusterView]
    rows: Sequence[RowView]
    total: str
    shown: str
    rest: str
    end: str
    report: str
    environment: str
    language: str = "en"
    sign_in: str = ""
    hint: str = ""

    @property
    def title(self) -> str:
        """What the window of a mail is called."""
        return self.subject


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestView:
    """Several questions in one mail."""

    subject: str
    preview: str
    title: str
    recipient: str
    questions: Sequence[QuestionView]
    report: str
    environment: str
    language: str = "en"
    hint: str = ""


# --- the question ------------------------------------------------------------------------------


def words_of(letter: Letter) -> Words:
    """Return the words of whom a letter goes to."""
    return Words(letter.language, letter.timezone)


def subject_of(letter: Letter) -> str:
    """Return the subject of all mails about a request to one person, so that they are a thread."""
    return wording.visible(sentence_of(letter.request, words_of(letter)), 150, words_of(letter))


def sentence_of(request: Request, words: Words = IN_ENGLISH) -> str:
    """Return what would happen and why it was stopped."""
    return words.said(request.sentence, request.detail.get("said"))


def question_view(letter: Letter) -> QuestionView:
    """Return the question of a letter."""
    request, words = letter.request, words_of(letter)
    book = request.detail.get("said")
    rest = letter.total - len(letter.actions)
    sentence = sentence_of(request, words)
    common, rows = in_common(_rows(letter, words, book), sentence)
    keys = [action.cluster for action in letter.actions]
    cause = _ended(wording.visible(words.said(request.cause, book), 500, words) or common)
    end = end_of(request, letter.timezone, words)
    whom = _whom(letter, words)
    return QuestionView(
        subject=subject_of(letter),
        preview=" ".join(each for each in (cause, whom, end) if each),
        sentence=wording.visible(sentence, 500, words),
        whom=whom,
        recipient=wording.visible(letter.recipient, 80, words),
        facts=_facts(letter, words),
        cause=cause,
        notes=_notes(letter, words),
        code=letter.code,
        approve=_label(letter, Answer.APPROVE, words),
        reject=_label(letter, Answer.REJECT, words),
        approve_all=letter.approve_all,
        reject_all=letter.reject_all,
        clusters=cluster_views(letter.clusters, letter.cluster_links, words, book),
        rows=under_headings(rows, keys, letter.clusters, words, book),
        total=words.number(letter.total),
        shown=words.number(len(letter.actions)) if letter.actions and rest > 0 else "",
        rest=words.number(rest) if letter.actions and rest > 0 else "",
        end=end,
        report=letter.report,
        environment=letter.environment,
        language=letter.language,
        sign_in=_sign_in(letter, words),
    )


def _sign_in(letter: Letter, words: Words) -> str:
    if not letter.needs_sign_in:
        return ""
    if letter.code:
        return words.say("To decide all of it you sign in; the code is for single actions.")
    return words.say("To decide you sign in on the page that a link opens.")


def _ended(sentence: str) -> str:
    """Return a sentence with its point."""
    return f"{sentence}." if sentence and sentence[-1] not in ".!?…" else sentence


def _label(letter: Letter, answer: Answer, words: Words) -> str:
    is_yes = answer is Answer.APPROVE
    if letter.request.kind is RequestKind.SCAN:
        return words.say("Approve the scan") if is_yes else words.say("Reject the scan")
    if letter.total == 1:
        return words.say("Approve") if is_yes else words.say("Reject")
    message = say("Approve all {count}") if is_yes else say("Reject all {count}")
    return words.say(message.message, count=letter.total)


def _rows(letter: Letter, words: Words, book: object) -> list[RowView]:
    nothing = RowLinks(approve="", reject="")
    rows = []
    for action in letter.actions:
        links = letter.links.get(action.id, nothing)
        rows.append(
            row_view(
                action,
                links.approve,
                links.reject,
                words=words,
                book=book,
                is_short=len(letter.actions) > FEW,
            )
        )
    return rows


def _whom(letter: Letter, words: Words) -> str:
    """Name the first few it is about; a single one stands in the sentence already."""
    if letter.total < 2 or not letter.actions:
        return ""
    names = ", ".join(wording.who(action, words) for action in letter.actions[:NAMED])
    rest = letter.total - min(NAMED, len(letter.actions))
    if rest <= 0:
        return f"{names}."
    return words.say("{list} and {count} more", list=names, count=rest) + "."


def _facts(letter: Letter, words: Words) -> list[tuple[str, str]]:
    request = letter.request
    found = [
        (words.say("Rule"), request.rule),
        (words.say("VIP rule"), request.vip),
        (words.say("Silo"), request.silo),
        (words.say("Run"), request.run),
        (words.say("Waiting since"), words.moment(request.opened_at)),
    ]
    return [(name, wording.visible(text, 120, words)) for name, text in found if text]


def _notes(letter: Letter, words: Words) -> list[str]:
    request = letter.request
    notes = []
    if request.nth > 1:
        nth = words.ordinal(request.nth)
        notes.append(words.say("This is the {nth} time within 30 days.", nth=nth))
    if letter.is_forwarded:
        notes.append(words.say("Nobody answered so far, so you are asked now."))
    if request.plan.need > 1:
        need = request.plan.need
        notes.append(words.say("An approval takes {need} different people.", need=need))
    return [*notes, *notes_of(request, words)]


def notes_of(request: Request, words: Words = IN_ENGLISH) -> list[str]:
    """Return what has to be said about a request besides its sentence.

    That is who cannot be asked, and for a scan which objects it misses.
    """
    notes = []
    if problem := request.detail.get("problem"):
        said = words.said(str(problem), request.detail.get("said"))
        notes.append(wording.visible(words.say("Note: {problem}.", problem=said), 300, words))
    missing = request.detail.get("missing")
    if isinstance(missing, Sequence) and missing:
        total = request.detail.get("missing_total")
        rest = total - MISSING_SHOWN if isinstance(total, int) else 0
        shown = ", ".join(wording.visible(str(each), 60, words) for each in missing[:MISSING_SHOWN])
        more = words.say("{list} and {count} more", list=shown, count=rest) if rest > 0 else shown
        notes.append(words.say("Missing: {objects}.", objects=more))
    return notes


def end_of(request: Request, timezone: str, words: Words = IN_ENGLISH) -> str:
    """Say what happens when nobody decides, and when."""
    if request.expires_at is None and request.kind is RequestKind.INCIDENT:
        return words.say("This stays open until it is answered or put right.")
    if request.expires_at is None:
        return words.say("This waits until somebody decides.")
    when = replace(words, timezone=timezone).moment(request.expires_at)
    if request.on_expiry is OnExpiry.APPROVE:
        return words.say("If nobody decides until {when}, it is approved.", when=when)
    return words.say(
        "If nobody decides until {when}, it is dropped and nothing is changed.", when=when
    )


# --- several of them ---------------------------------------------------------------------------


def digest_view(letters: Sequence[Letter]) -> DigestView:
    """Return one view of several questions to one person; each shows a few of its rows."""
    words = words_of(letters[0])
    count = len(letters)
    most = max(1, DIGEST_ROWS // count)
    title = words.say_many(
        "{count} more question waits for you", "{count} more questions wait for you", count
    )
    questions = [question_view(replace(each, actions=each.actions[:most])) for each in letters]
    return DigestView(
        subject=title,
        preview=" · ".join(each.sentence for each in questions[:NAMED]),
        title=title,
        recipient=wording.visible(letters[0].recipient, 80, words),
        questions=questions,
        report=letters[0].report,
        environment=letters[0].environment,
        language=letters[0].language,
    )
