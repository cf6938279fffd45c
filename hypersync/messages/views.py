"""One frozen view for each mail: everything the template shows, worded. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from hypersync.messages import wording
from hypersync.model.actions import Action, OnExpiry
from hypersync.model.causes import Cluster
from hypersync.model.requests import Request, RequestKind, RequestState
from hypersync.ports.channel import Letter, RowLinks

MISSING_SHOWN = 30
"""How many of the objects that a scan misses are named; the store keeps all of them."""


@dataclass(frozen=True, slots=True)
class ChangeView:
    """One attribute before and after."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RowView:
    """One action of a mail or a page; links are empty where nothing may be decided.

    ``heading`` names the cluster that begins with it.
    """

    id: str
    who: str
    where: str
    operation: str
    changes: Sequence[ChangeView]
    why: str
    approve: str = ""
    reject: str = ""
    heading: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterView:
    """Some actions of a request that share something, with the links that decide about them."""

    text: str
    count: str
    approve: str = ""
    reject: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionView:
    """The question to one person: what happened, what waits, the links, and until when."""

    subject: str
    title: str
    sentence: str
    recipient: str
    facts: Sequence[tuple[str, str]]
    cause: str
    notes: Sequence[str]
    code: str
    approve_all: str
    reject_all: str
    clusters: Sequence[ClusterView]
    rows: Sequence[RowView]
    total: str
    rest: str
    end: str
    report: str
    environment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeView:
    """How a request ended."""

    subject: str
    title: str
    sentence: str
    recipient: str
    answers: Sequence[str]
    counts: Sequence[str]
    after: str
    report: str
    environment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestView:
    """Several questions in one mail."""

    subject: str
    title: str
    recipient: str
    questions: Sequence[QuestionView]
    environment: str


def row_view(action: Action, approve: str = "", reject: str = "") -> RowView:
    """Return one action as a row."""
    before, after = action.before or {}, action.after or {}
    names = sorted({*before, *after})
    return RowView(
        id=action.id,
        who=wording.who(action),
        where=wording.where(action),
        operation=wording.verb(action.operation),
        changes=[
            ChangeView(
                wording.visible(name, 60),
                wording.value(before.get(name)),
                wording.value(after.get(name)),
            )
            for name in names[:12]
        ],
        why=wording.visible("; ".join(_why(action)), 300),
        approve=approve,
        reject=reject,
    )


def in_common(rows: Sequence[RowView], said: str) -> tuple[str, list[RowView]]:
    """Take a reason that all rows share out of them; return it, unless it is ``said`` already."""
    reasons = {row.why for row in rows}
    if len(rows) < 2 or len(reasons) > 1:
        return "", list(rows)
    common = reasons.pop()
    return "" if common in said else common, [replace(row, why="") for row in rows]


def _why(action: Action) -> list[str]:
    """Return why an action was stopped, and what it waits for besides a decision."""
    texts = [reason.text for reason in action.reasons]
    return [*texts, f"waits: {action.waits}"] if action.waits else texts


def cluster_views(clusters: Sequence[Cluster], links: Mapping[str, RowLinks]) -> list[ClusterView]:
    """Return the clusters of what waits, in the order they are shown."""
    nothing = RowLinks(approve="", reject="")
    return [
        ClusterView(
            text=cluster_text(cluster),
            count=wording.number(cluster.count),
            approve=links.get(cluster.key, nothing).approve,
            reject=links.get(cluster.key, nothing).reject,
        )
        for cluster in clusters
    ]


def cluster_text(cluster: Cluster) -> str:
    """Return what the actions of a cluster share."""
    return wording.visible(cluster.text, 120)


def under_headings(
    rows: Sequence[RowView], keys: Sequence[str | None], clusters: Sequence[Cluster]
) -> list[RowView]:
    """Name each cluster at its first row; the rows are in the order of the clusters."""
    texts = {each.key: f"{cluster_text(each)}: {wording.number(each.count)}" for each in clusters}
    before = [None, *keys]
    return [
        replace(row, heading="" if key == last else texts.get(key or "", ""))
        for row, key, last in zip(rows, keys, before, strict=False)
    ]


def question_view(letter: Letter) -> QuestionView:
    """Return the question of a letter."""
    request = letter.request
    rest = letter.total - len(letter.actions)
    common, rows = in_common(_rows(letter), request.sentence)
    rows = under_headings(rows, [action.cluster for action in letter.actions], letter.clusters)
    return QuestionView(
        subject=f"{_waiting(letter)}: {wording.visible(request.sentence, 120)}",
        title=_waiting(letter),
        sentence=wording.visible(request.sentence, 500),
        recipient=wording.visible(letter.recipient, 80),
        facts=_facts(letter),
        cause=wording.visible(request.cause, 500) or common,
        notes=_notes(letter),
        code=letter.code,
        approve_all=letter.approve_all,
        reject_all=letter.reject_all,
        clusters=cluster_views(letter.clusters, letter.cluster_links),
        rows=rows,
        total=wording.number(letter.total),
        rest=wording.number(rest) if letter.actions and rest > 0 else "",
        end=end_of(request, letter.timezone),
        report=letter.report,
        environment=letter.environment,
    )


def _rows(letter: Letter) -> list[RowView]:
    rows = []
    for action in letter.actions:
        links = letter.links.get(action.id)
        if links is None:
            rows.append(row_view(action))
        else:
            rows.append(row_view(action, links.approve, links.reject))
    return rows


def _waiting(letter: Letter) -> str:
    kind = letter.request.kind
    if kind is RequestKind.SCAN:
        return f"A scan of {wording.visible(letter.request.silo or '', 60)} waits for you"
    if kind is RequestKind.INCIDENT:
        return "An incident needs you"
    what = wording.counted(letter.total, "action")
    about = " about a VIP" if kind is RequestKind.VIP else ""
    return f"{what}{about} {'waits' if letter.total == 1 else 'wait'} for you"


def _facts(letter: Letter) -> list[tuple[str, str]]:
    request = letter.request
    found = [
        ("Rule", request.rule),
        ("VIP rule", request.vip),
        ("Silo", request.silo),
        ("Run", request.run),
        ("Waiting since", wording.moment(request.opened_at, letter.timezone)),
    ]
    return [(name, wording.visible(text, 120)) for name, text in found if text]


def _notes(letter: Letter) -> list[str]:
    request = letter.request
    notes = []
    if request.nth > 1:
        notes.append(f"This is the {wording.ordinal(request.nth)} time within 30 days.")
    if letter.is_forwarded:
        notes.append("Nobody answered so far, so you are asked now.")
    if request.plan.need > 1:
        notes.append(f"An approval takes {request.plan.need} different people.")
    return [*notes, *notes_of(request)]


def notes_of(request: Request) -> list[str]:
    """Return what has to be said about a request besides its sentence.

    That is who cannot be asked, and for a scan which objects it misses.
    """
    notes = []
    if problem := request.detail.get("problem"):
        notes.append(wording.visible(f"Note: {problem}.", 300))
    missing = request.detail.get("missing")
    if isinstance(missing, Sequence) and missing:
        total = request.detail.get("missing_total")
        rest = total - MISSING_SHOWN if isinstance(total, int) else 0
        shown = ", ".join(wording.visible(str(anchor), 60) for anchor in missing[:MISSING_SHOWN])
        more = f" and {wording.number(rest)} more" if rest > 0 else ""
        notes.append(f"Missing: {shown}{more}.")
    return notes


def end_of(request: Request, timezone: str) -> str:
    """Say what happens when nobody decides, and when."""
    if request.expires_at is None and request.kind is RequestKind.INCIDENT:
        return "This stays open until it is answered or put right."
    if request.expires_at is None:
        return "This waits until somebody decides."
    when = wording.moment(request.expires_at, timezone)
    if request.on_expiry is OnExpiry.APPROVE:
        return f"If nobody decides until {when}, it is approved."
    return f"If nobody decides until {when}, it is dropped and nothing is changed."


# --- how it ended ------------------------------------------------------------------------------

_ENDINGS = (
    ("approved", "approved"),
    ("rejected", "rejected"),
    ("cleared", "dropped because nobody decided in time"),
    ("default_approved", "approved because nobody decided in time"),
    ("stale", "no longer wanted"),
    ("void", "replaced or withdrawn"),
)


def outcome_view(letter: Letter) -> OutcomeView:
    """Return how a request ended."""
    request = letter.request
    counts = request.counts
    title = _ended(request)
    return OutcomeView(
        subject=f"{title}: {wording.visible(request.sentence, 120)}",
        title=title,
        sentence=wording.visible(request.sentence, 500),
        recipient=wording.visible(letter.recipient, 80),
        answers=[
            f"{wording.visible(name, 80)} {_PAST[answer]} {wording.number(count)}"
            for name, answer, count in letter.answers
            if answer in _PAST and name != "expiry"
        ],
        counts=[
            f"{wording.number(counts[name])} {text}"
            for name, text in _ENDINGS
            if counts.get(name) and not (letter.answers and name in _PAST.values())
        ],
        after=_afterwards(request),
        report=letter.report,
        environment=letter.environment,
    )


_PAST = {"approve": "approved", "reject": "rejected"}


def _ended(request: Request) -> str:
    if request.state is RequestState.VOID:
        return "Withdrawn"
    counts = request.counts
    is_approved = bool(counts.get("approved") or counts.get("default_approved"))
    if is_approved and counts.get("rejected"):
        return "Decided"
    if is_approved or counts.get("rejected"):
        return "Approved" if is_approved else "Rejected"
    return "Expired" if counts.get("cleared") else "No longer needed"


def _afterwards(request: Request) -> str:
    if request.kind is RequestKind.INCIDENT:
        return "Nothing more is done about it."
    counts = request.counts
    if counts.get("approved") or counts.get("default_approved"):
        return "What was approved is carried out by the next committing sync."
    return "Nothing is changed."


def digest_view(letters: Sequence[Letter]) -> DigestView:
    """Return one view of several questions to one person."""
    title = f"{wording.number(len(letters))} more questions wait for you"
    return DigestView(
        subject=title,
        title=title,
        recipient=wording.visible(letters[0].recipient, 80),
        questions=[question_view(letter) for letter in letters],
        environment=letters[0].environment,
    )
