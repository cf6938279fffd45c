"""Groups that hide their members: who may not see them is shown none, which says nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hypersync.errors import SiloRefused
from hypersync.model.objects import Invalid, Operation, Refused, ScanEvent, Seen, Succeeded
from tests.graphing import apply, change, connect, cursor_of, kinds, scan
from tests.services.graph.permissions import EVERYTHING

if TYPE_CHECKING:
    from hypersync.connectors.msgraph.connector import MsgraphConnector
    from tests.services.graph.service import GraphService

HIDDEN = "HiddenMembership"
TYPES = {"group": {"resource": "groups", "attributes": ["displayName"]}}
FILTERED = {"group": {**TYPES["group"], "filter": "startswith(displayName, 's')"}}


def permitted(graph: GraphService, **options: object) -> MsgraphConnector:
    """Return a connector whose application may see hidden members."""
    roles = EVERYTHING | {"Member.Read.Hidden"}
    application = graph.tenant.sign_in.register(roles=roles)
    https = graph.https()
    sign_in = {
        "tenant": graph.tenant.id,
        "client": application.id,
        "secret": application.secret,
        "authority": https.url,
    }
    return connect(graph, ca_file=str(https.ca_file), sign_in=sign_in, **options)


def of(events: list[ScanEvent], anchor: str) -> list[ScanEvent]:
    return [each for each in events if getattr(each, "anchor", None) == anchor]


@pytest.mark.parametrize("types", [TYPES, FILTERED])
def test_hidden_members_are_not_taken_for_no_members(graph: GraphService, types: dict[str, object]):
    ann = graph.add_user("ann")
    secret = graph.add_group("secret", [ann], visibility=HIDDEN)
    open_one = graph.add_group("staff", [ann])
    events = scan(connect(graph, types=types), "group")
    (hidden,) = of(events, secret)
    assert isinstance(hidden, Invalid)
    assert "grant the application the permission Member.Read.Hidden" in hidden.why
    assert of(events, open_one) == [
        Seen("group", open_one, {"displayName": "staff", "members": (ann,)})
    ]


@pytest.mark.parametrize("types", [TYPES, FILTERED])
def test_who_may_see_hidden_members_is_told_them(graph: GraphService, types: dict[str, object]):
    ann = graph.add_user("ann")
    secret = graph.add_group("secret", [ann], visibility=HIDDEN)
    empty = graph.add_group("sleepers", visibility=HIDDEN)
    events = scan(permitted(graph, types=types), "group")
    assert of(events, secret) == [
        Seen("group", secret, {"displayName": "secret", "members": (ann,)})
    ]
    assert of(events, empty) == [Seen("group", empty, {"displayName": "sleepers"})]


def test_a_new_group_with_hidden_members_is_invalid_in_a_delta_too(graph: GraphService):
    ann = graph.add_user("ann")
    connector = connect(graph, types=TYPES)
    cursor = cursor_of(scan(connector, "group"))
    secret = graph.add_group("secret", [ann], visibility=HIDDEN)
    (event,) = of(scan(connector, "group", cursor), secret)
    assert isinstance(event, Invalid)


def test_a_hidden_group_that_comes_and_goes_is_invalid_and_fails_no_scan(graph: GraphService):
    ann = graph.add_user("ann")
    staff = graph.add_group("staff", [ann])
    secret = graph.add_group("secret", [ann], visibility=HIDDEN)
    connector = connect(graph, types=TYPES)
    told = {"path": "/groups/delta", "old": '"value":['}
    gone = f'{{"id":"{secret}","@removed":{{"reason":"changed"}}}}'
    graph.fault("reworded", **told, new=f'"value":[{gone},')
    events = scan(connector, "group")
    assert [type(each) for each in of(events, secret)] == [Invalid]
    assert [type(each) for each in of(events, staff)] == [Seen]
    graph.set(secret, description="hides")
    graph.join(secret, graph.add_user("bob"))
    member = f'{{"id":"{secret}","members@delta":[{{"id":"{ann}"}}]}}'
    graph.fault("reworded", **told, new=f'"value":[{gone},{member}')
    events = scan(connector, "group", cursor_of(events))
    assert isinstance(of(events, secret)[-1], Invalid)


def test_a_group_with_hidden_members_is_not_read_as_one_without(graph: GraphService):
    secret = graph.add_group("secret", [graph.add_user("ann")], visibility=HIDDEN)
    connector = connect(graph, types=TYPES)
    with connector.open() as session, pytest.raises(SiloRefused, match=r"Member\.Read\.Hidden"):
        session.read(kinds(connector)["group"], secret)


def test_members_of_a_group_that_hides_them_are_not_written_over(graph: GraphService):
    """An update to a list of members would be measured against none."""
    ann, bob = graph.add_user("ann"), graph.add_user("bob")
    secret = graph.add_group("secret", [ann], visibility=HIDDEN)
    connector = connect(graph, types=TYPES)
    wanted = {"members": (bob,)}
    (outcome,) = apply(
        connector, change(connector, Operation.UPDATE, secret, {}, wanted, kind="group")
    )
    assert isinstance(outcome, Refused)
    assert "Member.Read.Hidden" in outcome.reason
    assert graph.members(secret) == {ann}


@pytest.mark.parametrize("operation", [Operation.ADD_MEMBER, Operation.REMOVE_MEMBER])
def test_nobody_joins_or_leaves_a_group_of_which_that_could_not_be_seen(
    graph: GraphService, operation: Operation
):
    ann, bob = graph.add_user("ann"), graph.add_user("bob")
    secret = graph.add_group("secret", [ann], visibility=HIDDEN)
    who = {"member": bob if operation is Operation.ADD_MEMBER else ann}
    sides = (None, who) if operation is Operation.ADD_MEMBER else (who, None)
    (outcome,) = apply(
        connect(graph, types=TYPES),
        change(connect(graph, types=TYPES), operation, secret, *sides, kind="group"),
    )
    assert isinstance(outcome, Refused)
    assert "grant the application the permission Member.Read.Hidden" in outcome.reason
    assert graph.members(secret) == {ann}
    allowed = permitted(graph, types=TYPES)
    (outcome,) = apply(allowed, change(allowed, operation, secret, *sides, kind="group"))
    assert isinstance(outcome, Succeeded)
