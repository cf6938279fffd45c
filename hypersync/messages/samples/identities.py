"""Samples of the pages of identities. Pure."""

from __future__ import annotations

from hypersync.messages.pages.identities import (
    AboutView,
    AttributeView,
    EdgeView,
    FoundView,
    GraphView,
    GroupView,
    HistoryView,
    IdentityPage,
    NodeView,
    ObjectThenView,
    ObjectView,
    PastPage,
    RuleView,
    SearchPage,
    ThenView,
)
from hypersync.messages.rows import ChangeView, row_view
from hypersync.messages.samples.mails import RUN, question

_ADDRESS = "/identities/1007"
_WHEN = "Mon 2 Mar 2026, 08:30 UTC"


def views() -> dict[str, object]:
    """Return a view for each template."""
    return {"identities": _search(), "identity": _identity(), "past": _past()}


def _search() -> SearchPage:
    return SearchPage(
        title="Identities",
        typed="ada",
        is_asked=True,
        found=[
            FoundView(
                name="Ada Cole",
                address=_ADDRESS,
                objects=["hr/person/E1007", "directory/account/u1007"],
                by="name",
                text="Ada Cole",
            )
        ],
        notes=["Names and other values are in no index. 50 000 objects of about 120 000 were read"],
        more="50000",
    )


def _identity() -> IdentityPage:
    return IdentityPage(
        title="Ada Cole",
        address=_ADDRESS,
        facts=[("Identity", "1007"), ("Join value", "e1007"), ("Objects", "2")],
        notes=["No rule runs: two objects want the slot account"],
        graph=_graph(),
        objects=[_object()],
        history=[_change()],
        has_more_history=True,
        vips=[RuleView(name="executives", result="false", notes=[], values=[])],
        rules=[
            RuleView(
                name="disable-leaver",
                result="true",
                notes=["rejected; it holds until 2026-04-01 08:30 UTC"],
                values=[("hr.status == 'left'", "true"), ("hr.status", "left")],
            )
        ],
        actions=[_action()],
        has_more_actions=False,
        sync=f"{_ADDRESS}/sync",
    )


def _graph() -> GraphView:
    return GraphView(
        width=692,
        height=70,
        text="The identity in the middle, 2 objects by silo, 1 tie to objects of others.",
        nodes=[
            _node(14, "object", "E1007", "person", "#object-1"),
            _node(260, "identity", "Ada Cole", "", ""),
            _node(506, "object", "u1007", "account", "#object-2"),
        ],
        edges=[EdgeView("M186 35 C223 35 223 35 260 35", "manager", 223, 30)],
        groups=[GroupView("hr", 14, 10)],
        lines=[("hr: E1007", "person", "#object-1")],
    )


def _node(x: float, kind: str, name: str, text: str, address: str) -> NodeView:
    return NodeView(
        x=x, y=14, width=172, height=42, kind=kind, name=name, text=text, address=address
    )


def _object() -> ObjectView:
    return ObjectView(
        id="object-1",
        title="hr/person/E1007",
        state="",
        facts=[("Slot", "hr")],
        attributes=[
            AttributeView(
                name="title",
                value="Clerk",
                is_hidden=False,
                origin=f"by our rule flow-title, {_WHEN}",
                address=f"/report/runs/{RUN}",
            ),
            AttributeView(
                name="userPassword",
                value="",
                is_hidden=True,
                origin=f"first seen {_WHEN}",
                address="",
            ),
        ],
        members=[("member", "cn=ada cole,ou=people")],
        notes=["It has more members than are listed."],
    )


def _change() -> HistoryView:
    return HistoryView(
        when=_WHEN,
        where="hr/person/E1007",
        origin=f"found by the full scan of hr, {_WHEN}",
        address="",
        then=f"{_ADDRESS}/past",
        changes=[ChangeView("title", "Clerk", "Boss")],
        absence="came back",
    )


def _action() -> AboutView:
    action = question().actions[0]
    return AboutView(
        row=row_view(action),
        rule=action.rule,
        state="suspended",
        when=_WHEN,
        decided="",
        error="",
        run=f"/report/runs/{RUN}",
        is_open=True,
    )


def _past() -> PastPage:
    return PastPage(
        title="Ada Cole as it was",
        address=f"{_ADDRESS}/past",
        identity=_ADDRESS,
        when="Mon 2 Mar 2026, 08:30:00 UTC",
        at="2026-03-02T08:30:00",
        zone="UTC",
        moments=["Sun 1 Mar 2026, 08:30:00 UTC", "Mon 2 Mar 2026, 08:30:00 UTC"],
        place=1,
        earlier=f"{_ADDRESS}/past?at=2026-03-01T08:30:00Z",
        later="",
        summary="1 attribute differed from now.",
        objects=[
            ObjectThenView(
                title="hr/person/E1007",
                state="",
                is_there=True,
                differs=False,
                lines=[ThenView(name="title", then="Clerk", now="Boss", how="changed")],
                note="",
            )
        ],
    )
