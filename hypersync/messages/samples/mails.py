"""Sample letters for looking at templates and for checking them. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypersync.model.actions import Action, ActionState, OnExpiry, Reason
from hypersync.model.causes import REST, Cluster
from hypersync.model.ids import ActionId, IdentityId, RequestId, RunId
from hypersync.model.objects import Attributes, Operation
from hypersync.model.requests import Answer, Plan, Request, RequestKind, RequestState, Step
from hypersync.model.said import phrasebook, say, say_many
from hypersync.ports.channel import Given, Letter, RowLinks

URL = "https://iam.example.org"
TOKEN = "sample-token"  # noqa: S105 - it opens nothing
CODE = "482913"
_AT = datetime(2026, 3, 2, 8, 30, tzinfo=UTC)
RUN = RunId("AAAAAAAAAAAAAAAAAAAAAA")
REQUEST = RequestId("BBBBBBBBBBBBBBBBBBBBBB")


def letters() -> dict[str, Letter]:
    """Return a letter for each occasion, by a name that can be a file's."""
    asked = question()
    request = asked.request
    vip = replace(
        request,
        kind=RequestKind.VIP,
        vip="executives",
        rule="flow-title",
        sentence=_VIP_SENTENCE,
        count=1,
        cause="",
    )
    scan = replace(
        request,
        kind=RequestKind.SCAN,
        silo="hr",
        rule=None,
        run=None,
        expires_at=None,
        sentence=_SCAN_SENTENCE,
        count=1200,
        cause="",
    )
    closed = replace(
        request, state=RequestState.CLOSED, counts={"approved": 2, "rejected": 298}, closed_at=_AT
    )
    answers = [
        Given(name="Ann Ng", answer=Answer.REJECT, count=298, at=_AT, proof="code", comment="No."),
        Given(name="Bob Ray", answer=Answer.APPROVE, count=2, at=_AT, proof="session"),
    ]
    whole = replace(asked, clusters=(), cluster_links={})
    return {
        "request": asked,
        "request-vip": replace(whole, request=vip, total=1, actions=asked.actions[:1]),
        "request-scan": replace(whole, request=scan, total=1200, actions=(), links={}),
        "request-forwarded": replace(asked, request=replace(request, nth=3), is_forwarded=True),
        "request-inform": replace(
            whole,
            code="",
            approve_all="",
            reject_all="",
            links={},
            recipient="",
            clusters=_CLUSTERS,
        ),
        "decided": replace(asked, kind="decided", request=closed, answers=answers),
    }


_IN_DIRECTORY = say(" in {silo}", silo="directory")
_FIVE_PERCENT = say("{percent} of {count}", percent="5%", count=2000)
_SENTENCE = say(
    "{who} would disable {whom}{where}: {why}",
    who="disable-leaver",
    whom=say_many("{count} {type}", "{count} {type}s", 300, type="account"),
    where=_IN_DIRECTORY,
    why=say("{count} allowed ({how})", count=100, how=_FIVE_PERCENT),
)
_VIP_SENTENCE = say(
    "{who} would update {whom}{where}: {why}",
    who="flow-title",
    whom="Ada Cole",
    where=_IN_DIRECTORY,
    why=say("the VIP rule {name} is true", name="executives"),
)
_SCAN_SENTENCE = say(
    "The scan of {scan} was stopped: {why}.",
    scan="hr/person",
    why=say(
        "{count} of {live} objects are missing, {allowed}",
        count=1200,
        live=2000,
        allowed=say("{count} allowed ({how})", count=100, how="5%"),
    ),
)
_ACME = say("{name}={value}{where}", name="company", value="ACME", where="")
_SCAN = say("the scan of {silo} at {at}{length}", silo="hr", at="02:00 UTC", length="")
_CAUSE = say(
    "{part} of {count} share {what}{news}{first}",
    part=298,
    count=300,
    what=_ACME,
    news="",
    first=say("; they {what}", what=say("first appeared in {scan}", scan=_SCAN)),
)
_REASON = say(
    "{actions}{since}, {allowed}",
    actions=say_many("{count} action", "{count} actions", 300),
    since="",
    allowed=say("{count} allowed ({how})", count=100, how=_FIVE_PERCENT),
)
_CLUSTERS = (Cluster(REST, say("the rest"), 2), Cluster("1", _ACME, 298))
_SAID = (
    _SENTENCE,
    _VIP_SENTENCE,
    _SCAN_SENTENCE,
    _CAUSE,
    _REASON,
    *(cluster.text for cluster in _CLUSTERS),
)


def question() -> Letter:
    """Return the letter that asks about a rule that was stopped."""
    actions = [
        _action(1, "Ada Cole", Operation.DISABLE, {"active": "true"}, {"active": "false"}),
        _action(2, "Bo Díaz", Operation.UPDATE, {"title": "Clerk"}, {"title": None}),
        _action(
            3, "Cy <cy@example.org>", Operation.CREATE, None, {"uid": "ccy", "mail": "c\u202ey"}
        ),
    ]
    everything = _links(f"request={REQUEST}")
    return Letter(
        kind="request",
        request=_request(),
        address="ann@example.org",
        recipient="Ann Ng",
        message_id=f"<{REQUEST}.sample@iam.example.org>",
        thread_id=f"<{REQUEST}@iam.example.org>",
        at=_AT,
        environment="example/prod",
        host="iam.example.org",
        timezone="Europe/Paris",
        actions=actions,
        total=300,
        code=CODE,
        approve_all=everything.approve,
        reject_all=everything.reject,
        report=f"{URL}/report/pending?request={REQUEST}&token={TOKEN}",
        links={action.id: _links(f"action={action.id}") for action in actions},
        clusters=_CLUSTERS,
        cluster_links={
            each.key: _links(f"request={REQUEST}&cluster={each.key}") for each in _CLUSTERS
        },
    )


def _request() -> Request:
    return Request(
        id=REQUEST,
        kind=RequestKind.VOLUME,
        state=RequestState.OPEN,
        sentence=_SENTENCE,
        count=300,
        opened_at=_AT,
        plan=Plan(name="iam-team", steps=(Step(to="person:ann"),)),
        step=0,
        step_due=None,
        expires_at=_AT + timedelta(hours=24),
        on_expiry=OnExpiry.CLEAR,
        run=RUN,
        rule="disable-leaver",
        silo="directory",
        cause=_CAUSE,
        clusters=_CLUSTERS,
        detail={"said": phrasebook(_SAID)},
    )


def _links(about: str) -> RowLinks:
    return RowLinks(
        approve=f"{URL}/hypersync/approve?{about}&token={TOKEN}",
        reject=f"{URL}/hypersync/reject?{about}&token={TOKEN}",
    )


def _action(
    number: int,
    title: str,
    operation: Operation,
    before: Attributes | None,
    after: Attributes | None,
) -> Action:
    return Action(
        id=ActionId(f"{'C' * 21}{number}"),
        run=RUN,
        rule="disable-leaver",
        identity=IdentityId(number),
        object_id=None,
        silo="directory",
        type="account",
        anchor=f"u{number}",
        slot="account",
        operation=operation,
        key=f"disable-leaver/{number}",
        state=ActionState.SUSPENDED,
        before=before,
        after=after,
        fingerprint="",
        title=title,
        cluster=REST if number < 3 else "1",
        reasons=(Reason("threshold", "", _REASON),),
    )
