"""Builds the views of the report of what waits. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from hypersync.approvals.links import mark_of
from hypersync.approvals.plan import needs_comment
from hypersync.approvals.settings import Settings
from hypersync.insight.pending import REQUESTS, ROWS, SOON, Listed, News, Pending, Search
from hypersync.messages import wording
from hypersync.messages.pages.pending import (
    ChangeNote,
    ChoiceView,
    FilterView,
    NewsPart,
    PendingPage,
    WaitingRow,
    WaitingView,
    WholeView,
)
from hypersync.messages.rows import (
    RowView,
    cluster_text,
    cluster_views,
    in_common,
    row_view,
    under_headings,
)
from hypersync.messages.views import end_of, notes_of
from hypersync.model.actions import Action, ActionState
from hypersync.model.objects import Operation
from hypersync.model.requests import Answer, Request, RequestKind
from hypersync.ports.store.waiting import Choices
from webui.decisions.build import cluster_links, request_facts
from webui.pending.search import KINDS, query_of

PAGE = "/report/pending"
ROWS_OF = f"{PAGE}/rows"
NEWS = f"{PAGE}/news"

_ENDED = {
    ActionState.APPROVED: "Approved",
    ActionState.REJECTED: "Rejected",
    ActionState.CLEARED: "Dropped: nobody decided in time",
    ActionState.STALE: "No longer wanted",
    ActionState.VOID: "Replaced or withdrawn",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Looker:
    """Who looks at the page and how: in which zone, with which link, having chosen what.

    ``person`` is somebody who may decide here, ``token`` that of the link they opened.
    """

    settings: Settings
    zone: str
    now: datetime
    search: Search
    person: str | None = None
    token: str | None = None
    chosen: frozenset[str] = frozenset()

    def address(self, path: str, search: Search, **more: str) -> str:
        """Return an address on this site that keeps the link's token."""
        given = {**more, "token": self.token} if self.token else more
        query = query_of(search, **given)
        return f"{path}?{query}" if query else path


def pending_page(found: Pending, looker: Looker) -> PendingPage:
    """Return the page of what was found."""
    requests = [waiting_view(each, looker) for each in found.listed]
    search = looker.search
    open_to_them = [each for each, view in zip(found.listed, requests, strict=True) if view.wholes]
    last = search.page * REQUESTS >= found.requests
    is_list = search.request is None
    return PendingPage(
        title="Waiting for a decision",
        summary=_summary(found),
        requests=requests,
        others=[row_view(action, is_whole=True) for action in found.others],
        others_rest=found.others_found - len(found.others),
        filters=_filters(found.choices, search) if looker.token is None else [],
        flags=_flags(looker) if looker.token is None else [],
        words=wording.visible(" ".join(search.sought.words)),
        is_narrowed=replace(search, page=1, request=None) != Search(),
        request=search.request or "",
        all="" if is_list or looker.token else PAGE,
        exports=_exports(looker),
        earlier=_turned(looker, search.page - 1) if is_list and search.page > 1 else "",
        later=_turned(looker, search.page + 1) if is_list and not last else "",
        news=_news_address(found, looker),
        can_choose=bool(open_to_them),
        wants_reason=any(
            needs_comment(each.request.plan, is_rejection=True) for each in open_to_them
        ),
    )


def _summary(found: Pending) -> str:
    if not found.requests:
        return ""
    requests = wording.counted(found.requests, "request")
    return f"{requests} with {wording.counted(found.actions, 'action')}"


def _turned(looker: Looker, page: int) -> str:
    return looker.address(PAGE, looker.search, page=str(page))


def _exports(looker: Looker) -> list[tuple[str, str]]:
    """Return where to get what is shown as a file; not with a link, which must not travel on."""
    if looker.token is not None:
        return []
    return [(kind.upper(), looker.address(f"{PAGE}.{kind}", looker.search)) for kind in _FILES]


_FILES = ("csv", "json")


def _news_address(found: Pending, looker: Looker) -> str:
    """Return where to ask what is new; nowhere with a link, whose token would be sent each time."""
    if looker.token is not None:
        return ""
    seen = found.seen
    base = f"{seen.count}.{seen.place}.{seen.requests}.{int(seen.at.timestamp() * 1000)}"
    return looker.address(NEWS, looker.search, base=base)


def _filters(choices: Choices, search: Search) -> list[FilterView]:
    sought = search.sought
    wanted = None if sought.operation is None else sought.operation.value
    kind = None if search.kind is None else search.kind.value
    return [
        _filter("rule", "Rule", [(each, each) for each in choices.rules], sought.rule),
        _filter("silo", "Silo", [(each, each) for each in choices.silos], sought.silo),
        _filter("operation", "Operation", _operations(choices.operations), wanted),
        _filter("kind", "Kind", [(each.value, text) for each, text in KINDS.items()], kind),
    ]


def _flags(looker: Looker) -> list[ChoiceView]:
    """Return what can be ticked to narrow down what is shown."""
    search = looker.search
    found = [
        ChoiceView(value="vip", label="About VIPs", is_chosen=bool(search.sought.is_vip)),
        ChoiceView(value="soon", label="Ends soon", is_chosen=search.is_soon),
    ]
    if looker.person is None:
        return found
    return [ChoiceView(value="mine", label="Mine to decide", is_chosen=search.is_mine), *found]


def _operations(known: Sequence[Operation]) -> list[tuple[str, str]]:
    return [(each.value, wording.verb(each)) for each in known]


def _filter(
    name: str, label: str, known: Sequence[tuple[str, str]], wanted: str | None
) -> FilterView:
    """Return one list; what is looked for is on it even where nothing of it waits any more."""
    pairs = [*known]
    if wanted is not None and wanted not in {value for value, _ in known}:
        pairs.append((wanted, wanted))
    choices = [ChoiceView(value=value, label=wording.visible(text, 60)) for value, text in pairs]
    return FilterView(
        name=name,
        label=label,
        choices=[
            ChoiceView(value="", label="All"),
            *(replace(each, is_chosen=each.value == wanted) for each in choices),
        ],
    )


# --- one request -------------------------------------------------------------------------------


def waiting_view(listed: Listed, looker: Looker) -> WaitingView:
    """Return one request with its actions; only the link's own token is in its addresses."""
    request, settings = listed.request, looker.settings
    links, token = settings.links, looker.token
    is_news = request.kind is RequestKind.INCIDENT and not listed.waiting
    may = looker.person is not None and not listed.why_not and not is_news
    common, rows = in_common(
        [row_view(each, is_whole=True) for each in listed.actions], request.sentence
    )
    rows = under_headings(rows, [each.cluster for each in listed.actions], listed.clusters)
    clusters = listed.clusters if len(listed.clusters) > 1 else ()
    alone = replace(looker.search, request=request.id)
    return WaitingView(
        id=request.id,
        title=_title(request, listed.waiting),
        sentence=wording.visible(request.sentence, 500),
        cause=wording.visible(request.cause, 500),
        facts=request_facts(request, looker.zone),
        notes=[common, *notes_of(request)] if common else notes_of(request),
        end=end_of(request, looker.zone),
        clusters=cluster_views(clusters, cluster_links(request, clusters, token, settings)),
        rows=[
            _row(each, view, looker.chosen, may=may)
            for each, view in zip(listed.actions, rows, strict=True)
        ],
        approve="" if is_news else links.request(Answer.APPROVE, request.id, token),
        reject="" if is_news else links.request(Answer.REJECT, request.id, token),
        run=request.run or "",
        wholes=_wholes(listed, looker.chosen) if may else [],
        why_not=listed.why_not,
        found=_found(listed),
        place=_place(listed),
        more=_more(listed, looker, alone),
        rows_from=_more(listed, looker, alone, ROWS_OF) if _is_full(listed) else "",
        earlier=looker.address(PAGE, alone, page=str(looker.search.page - 1))
        if listed.first
        else "",
        alone="" if looker.search.request else looker.address(PAGE, alone),
        ends_soon=_ends_soon(request, looker),
    )


def _title(request: Request, waiting: int) -> str:
    names = {RequestKind.SCAN: "A scan", RequestKind.INCIDENT: "An incident"}
    kind = names.get(request.kind) or wording.counted(waiting, "action")
    return f"{kind} about a VIP" if request.kind is RequestKind.VIP else kind


def _found(listed: Listed) -> str:
    if listed.found == listed.waiting:
        return ""
    many = wording.number(listed.waiting)
    return f"{wording.number(listed.found)} of {many} are what you look for."


def _place(listed: Listed) -> str:
    """Say which of the actions of a request are shown, where not all are."""
    if not listed.actions or not (listed.first or listed.rest):
        return ""
    first, last = listed.first + 1, listed.first + len(listed.actions)
    return f"{wording.number(first)} to {wording.number(last)} of {wording.number(listed.found)}"


def _is_full(listed: Listed) -> bool:
    """Tell whether the next rows of a request begin a page."""
    return (listed.first + len(listed.actions)) % ROWS == 0


def _more(listed: Listed, looker: Looker, alone: Search, path: str = PAGE) -> str:
    """Return where the next actions of a request are; its first page where that is not full."""
    if listed.rest <= 0:
        return ""
    page = (listed.first + len(listed.actions)) // ROWS + 1 if _is_full(listed) else 1
    return looker.address(path, alone, page=str(page))


def _ends_soon(request: Request, looker: Looker) -> str:
    if request.expires_at is None or request.expires_at > looker.now + SOON:
        return ""
    minutes = max(int((request.expires_at - looker.now).total_seconds() // 60), 0)
    return f"Ends in {minutes // 60} h {minutes % 60:02} min"


def _row(action: Action, view: RowView, chosen: frozenset[str], *, may: bool) -> WaitingRow:
    value = f"{action.id}.{mark_of(action.id, action.fingerprint)}" if may else ""
    return WaitingRow(row=view, value=value, is_chosen=value in chosen)


def _wholes(listed: Listed, chosen: frozenset[str]) -> list[WholeView]:
    """Return what can be chosen as a whole: the request, or each of its clusters."""
    request = listed.request
    if request.kind is RequestKind.SCAN:
        return [_whole("The scan", f"{request.id}.{listed.digest}", chosen)]
    many = wording.number(listed.waiting)
    found = [_whole(f"All {many} of this request", f"{request.id}.{listed.digest}", chosen)]
    if len(listed.clusters) < 2:
        return found
    return found + [
        _whole(
            f"All {wording.number(each.count)}: {cluster_text(each)}",
            f"{request.id}.{listed.digests[each.key]}.{each.key}",
            chosen,
        )
        for each in listed.clusters
    ]


def _whole(label: str, value: str, chosen: frozenset[str]) -> WholeView:
    return WholeView(label=label, value=value, is_chosen=value in chosen)


# --- what happened meanwhile -------------------------------------------------------------------


def news_part(
    told: News, opened: Sequence[Listed], changed: Sequence[Listed], again: str, looker: Looker
) -> NewsPart:
    """Return what happened since a page was opened."""
    parts = [
        f"{wording.number(count)} {word}"
        for count, word in ((told.new, "new"), (told.gone, "decided"))
        if count
    ]
    return NewsPart(
        text=f"{', '.join(parts)} meanwhile." if parts else "",
        again=again,
        opened=[waiting_view(each, looker) for each in opened],
        changed=[waiting_view(each, looker) for each in changed],
        closed=sorted(set(told.changed) - {each.request.id for each in changed}),
        ended=[_note(each, looker) for each in told.ended],
    )


def _note(action: Action, looker: Looker) -> ChangeNote:
    text = _ENDED.get(action.state, "No longer waiting")
    if action.decided_by and action.state in (ActionState.APPROVED, ActionState.REJECTED):
        name = looker.settings.directory.name(action.decided_by)
        text = f"{text} by {wording.visible(name, 80)}"
    return ChangeNote(id=action.id, text=text)
