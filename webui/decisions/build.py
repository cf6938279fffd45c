"""Builds the views of the pages from what the use cases say. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hypersync.approvals.plan import needs_comment
from hypersync.approvals.settings import Settings
from hypersync.approvals.subject import Subject
from hypersync.messages import wording
from hypersync.messages.pages.decide import DecidePage
from hypersync.messages.rows import (
    ClusterView,
    cluster_text,
    cluster_views,
    in_common,
    row_view,
    under_headings,
)
from hypersync.messages.views import end_of, notes_of
from hypersync.model.actions import Action, ActionState
from hypersync.model.causes import Cluster
from hypersync.model.requests import Answer, Request, RequestKind, RequestState
from hypersync.ports.channel import RowLinks
from hypersync.ports.store.requests import Vote

_PAST = {Answer.APPROVE: "approved", Answer.REJECT: "rejected"}
_VERB = {Answer.APPROVE: "Approve", Answer.REJECT: "Reject"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """How whoever opened a link can show who they are: by its token, in a session, by signing in.

    The token of a link goes with a code that is only in the mail.
    """

    token: str | None = None
    is_session: bool = False
    can_sign_in: bool = False

    def needs_sign_in(self, subject: Subject) -> bool:
        """Tell whether they have to sign in first."""
        if self.is_session or not self.can_sign_in:
            return False
        return self.token is None or subject.proof == "session"


def decide_page(
    subject: Subject,
    answers: Sequence[Answer],
    by: Means,
    settings: Settings,
    zone: str,
    error: str = "",
) -> DecidePage:
    """Return the page of a link, before or after a decision; times are in ``zone``."""
    request, token = subject.request, by.token
    count = subject.count
    is_open = bool(count) or _is_open_scan(request)
    actions = subject.actions
    common, rows = in_common(
        [row_view(action, is_whole=True) for action in actions], request.sentence
    )
    rows = under_headings(rows, [action.cluster for action in actions], subject.clusters)
    rest = max(count - len(rows), 0)
    what = "the scan" if request.kind is RequestKind.SCAN else wording.counted(count, "action")
    return DecidePage(
        title=_title(answers, what) if is_open else "Nothing left to decide",
        sentence=wording.visible(request.sentence, 500),
        cause=wording.visible(request.cause, 500),
        facts=[*_part(subject), *request_facts(request, zone)],
        clusters=_clusters(subject, token, settings),
        notes=[common, *_notes(subject)] if common else _notes(subject),
        rows=rows,
        rest=wording.number(rest) if rest else "",
        report=_report(subject, token, settings) if rest else "",
        decided=decisions(subject.answers, settings, zone) or _ended(subject),
        end=end_of(request, zone) if is_open else "",
        answers=[(each.value, f"{_VERB[each]} {what}") for each in answers] if is_open else [],
        token=token or "",
        digest=subject.digest,
        invited=_name(subject.invited, settings),
        why_not=subject.why_not if is_open else "",
        is_session=by.is_session,
        needs_sign_in=is_open and by.needs_sign_in(subject),
        comment=_comment(request, answers),
        error=error,
    )


def _part(subject: Subject) -> list[tuple[str, str]]:
    """Say which cluster a link is about."""
    return [] if subject.cluster is None else [("Only", cluster_text(subject.cluster))]


def _clusters(subject: Subject, token: str | None, settings: Settings) -> list[ClusterView]:
    """Return the clusters to choose from on the page of a whole request."""
    if subject.cluster is not None or len(subject.clusters) < 2:
        return []
    return cluster_views(
        subject.clusters, cluster_links(subject.request, subject.clusters, token, settings)
    )


def cluster_links(
    request: Request, clusters: Sequence[Cluster], token: str | None, settings: Settings
) -> dict[str, RowLinks]:
    """Return the links that decide one cluster of a request each."""
    links = settings.links
    return {
        each.key: RowLinks(
            approve=links.request(Answer.APPROVE, request.id, token, each.key),
            reject=links.request(Answer.REJECT, request.id, token, each.key),
        )
        for each in clusters
    }


def _report(subject: Subject, token: str | None, settings: Settings) -> str:
    """Return where every action is that a link is about."""
    part = None if subject.cluster is None else subject.cluster.key
    return settings.links.report(subject.request.id, token, part)


def _title(answers: Sequence[Answer], what: str) -> str:
    verbs = " or ".join(_VERB[each].lower() for each in answers)
    return f"{verbs.capitalize()} {what}?"


def _is_open_scan(request: Request) -> bool:
    open_states = (RequestState.OPEN, RequestState.ACKNOWLEDGED)
    return request.kind is RequestKind.SCAN and request.state in open_states


def request_facts(request: Request, zone: str) -> list[tuple[str, str]]:
    """Return what a request is about, as names and texts."""
    found = [
        ("Rule", request.rule),
        ("VIP rule", request.vip),
        ("Silo", request.silo),
        ("Run", request.run),
        ("Waiting since", wording.moment(request.opened_at, zone)),
    ]
    return [(name, wording.visible(text, 120)) for name, text in found if text]


def _notes(subject: Subject) -> list[str]:
    request = subject.request
    notes = []
    if request.nth > 1:
        notes.append(f"This is the {wording.ordinal(request.nth)} time within 30 days.")
    if request.plan.need > 1:
        notes.append(f"An approval takes {request.plan.need} different people.")
    left_out = sum(subject.ended.values())
    if left_out and subject.count and not subject.is_single:
        left = wording.counted(left_out, "action")
        notes.append(f"{left} of this request were decided or changed already and are left out.")
    return [*notes, *notes_of(request)]


def _comment(request: Request, answers: Sequence[Answer]) -> str:
    """Return whether a reason is asked for: required, optional, or not at all."""
    if request.plan.comment == "never" and request.plan.name:
        return ""
    wanted = [needs_comment(request.plan, is_rejection=each is Answer.REJECT) for each in answers]
    return "required" if all(wanted) else "optional"


def decisions(answers: Sequence[tuple[Vote, int]], settings: Settings, zone: str) -> list[str]:
    """Return who decided what, when, and how they proved who they are."""
    lines = []
    for vote, count in answers:
        name = _decider(vote.by, vote.proof, settings)
        why = f" “{wording.visible(vote.comment, 300)}”" if vote.comment else ""
        many = f" {wording.number(count)}" if count > 1 else ""
        when = wording.moment(vote.at, zone)
        lines.append(f"{name} {_PAST[vote.answer]}{many} on {when}.{why}")
    return lines


def _decider(by: str, proof: str, settings: Settings) -> str:
    if by == "expiry":
        return "The end of its time"
    name = wording.visible(settings.directory.name(by), 80)
    return f"The holder of {name}'s mail" if proof == "code" else name


def decided_by(action: Action, settings: Settings, zone: str) -> str:
    """Return what became of an action that cannot be decided any more, by whom and when."""
    who = wording.who(action)
    if action.decided_by is None or action.decided_at is None:
        return f"{who}: {_NOW.get(action.state, action.state.value)}."
    name = _decider(action.decided_by, "", settings)
    when = wording.moment(action.decided_at, zone)
    return f"{who}: {_NOW.get(action.state, 'approved')} by {name} on {when}."


_NOW = {
    ActionState.SUSPENDED: "past its time",
    ActionState.REJECTED: "rejected",
    ActionState.CLEARED: "dropped",
    ActionState.STALE: "no longer wanted",
    ActionState.VOID: "replaced or withdrawn",
}


def _ended(subject: Subject) -> list[str]:
    """Say how what nobody decided ended."""
    words = {
        ActionState.CLEARED: "dropped because nobody decided in time",
        ActionState.STALE: "no longer wanted",
        ActionState.VOID: "changed or withdrawn since people were asked",
        ActionState.SUSPENDED: "past its time",
    }
    counted = subject.ended
    found = [(counted[state], text) for state, text in words.items() if counted.get(state)]
    return [f"{wording.number(count)} {text}." for count, text in found]


def _name(person: str | None, settings: Settings) -> str:
    return (
        "" if person is None else wording.visible(settings.directory.name(f"person:{person}"), 80)
    )
