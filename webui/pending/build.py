"""Builds the views of the report of what waits. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from hypersync.approvals.settings import Settings
from hypersync.messages import wording
from hypersync.messages.pages.pending import WaitingView
from hypersync.messages.views import (
    cluster_views,
    end_of,
    in_common,
    notes_of,
    row_view,
    under_headings,
)
from hypersync.model.actions import Action
from hypersync.model.causes import by_cluster, waiting_in
from hypersync.model.requests import Answer, Request, RequestKind
from webui.decisions.build import cluster_links, request_facts


def waiting_view(
    request: Request, actions: Sequence[Action], settings: Settings, zone: str, most: int
) -> WaitingView:
    """Return one request of the report with its first actions; the links carry no token."""
    total = len(actions) or request.count
    names = {RequestKind.SCAN: "a scan", RequestKind.INCIDENT: "an incident"}
    kind = names.get(request.kind) or wording.counted(total, "action")
    is_news = request.kind is RequestKind.INCIDENT and not actions
    links = settings.links
    clusters = waiting_in(request.clusters, (action.cluster for action in actions))
    actions = by_cluster(actions, clusters)
    shown = actions[:most]
    _, rows = in_common([row_view(action) for action in shown], request.sentence)
    rows = under_headings(rows, [action.cluster for action in shown], clusters)
    return WaitingView(
        id=request.id,
        title=f"{kind} about a VIP" if request.kind is RequestKind.VIP else kind,
        sentence=wording.visible(request.sentence, 500),
        cause=wording.visible(request.cause, 500),
        facts=request_facts(request, zone),
        notes=notes_of(request),
        end=end_of(request, zone),
        clusters=cluster_views(clusters, cluster_links(request, clusters, None, settings))
        if len(clusters) > 1
        else [],
        rows=rows,
        rest=max(len(actions) - most, 0),
        approve="" if is_news else links.request(Answer.APPROVE, request.id),
        reject="" if is_news else links.request(Answer.REJECT, request.id),
        run=request.run or "",
    )
