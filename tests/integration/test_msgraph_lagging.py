"""Writes to Graph where a server does not know yet what another one was told a moment ago."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from hypersync.connectors.contract import succeeded
from hypersync.model.objects import (
    Change,
    Conflict,
    Operation,
    Outcome,
    RetryAfter,
    Succeeded,
)
from tests.graphing import apply, change, connect

if TYPE_CHECKING:
    from hypersync.connectors.msgraph.connector import MsgraphConnector
    from tests.services.graph.service import GraphService

LAG = timedelta(minutes=13)
AT_ONCE = timedelta(0)
NAMES = ["userPrincipalName", "displayName", "accountEnabled", "jobTitle", "manager"]
TYPES = {
    "user": {"resource": "users", "attributes": NAMES},
    "group": {"resource": "groups", "attributes": ["displayName", "members"]},
}


@pytest.fixture
def connector(graph: GraphService) -> MsgraphConnector:
    return connect(graph, types=TYPES, patience="0s")


def one(connector: MsgraphConnector, asked: Change, fresh_for: timedelta) -> Outcome:
    (outcome,) = apply(connector, replace(asked, fresh_for=fresh_for))
    return outcome


def not_there(graph: GraphService, path: str) -> None:
    """Let a server say of the next thing that is taken away that it is not there."""
    graph.fault("fail", method="DELETE", path=path, status=404, code="Request_ResourceNotFound")


def enabled_lately(graph: GraphService) -> str:
    """Return an account that was enabled a moment ago, of which reads show still what was."""
    ann = graph.add_user("ann", accountEnabled=False, jobTitle="Clerk")
    graph.lag(reads=3)
    assert graph.ask("PATCH", f"/users/{ann}", {"accountEnabled": True}).status == 204
    return ann


def disable(connector: MsgraphConnector, anchor: str) -> Change:
    before, after = {"accountEnabled": True}, {"accountEnabled": False}
    return change(connector, Operation.DISABLE, anchor, before, after)


def test_an_account_that_was_enabled_a_moment_ago_is_not_taken_for_disabled(
    graph: GraphService, connector: MsgraphConnector
):
    ann = enabled_lately(graph)
    outcome = one(connector, disable(connector, ann), LAG)
    assert isinstance(outcome, RetryAfter)
    assert outcome.span == LAG
    graph.lag()
    assert succeeded(one(connector, disable(connector, ann), LAG))["accountEnabled"] is False
    assert graph.values(ann)["accountEnabled"] is False


def test_an_account_that_has_been_disabled_for_long_is_disabled(
    graph: GraphService, connector: MsgraphConnector
):
    ann = graph.add_user("ann", accountEnabled=False)
    assert isinstance(one(connector, disable(connector, ann), AT_ONCE), Succeeded)


def test_what_changed_a_moment_ago_is_not_left_out_of_an_update(
    graph: GraphService, connector: MsgraphConnector
):
    ann = enabled_lately(graph)
    before = {"accountEnabled": True, "jobTitle": "Clerk"}
    after = {"accountEnabled": False, "jobTitle": "Boss"}
    both = change(connector, Operation.UPDATE, ann, before, after)
    assert isinstance(one(connector, both, LAG), RetryAfter)
    assert graph.values(ann)["jobTitle"] == "Clerk"
    graph.lag()
    assert isinstance(one(connector, both, LAG), Succeeded)
    assert graph.values(ann)["accountEnabled"] is False


def test_what_others_changed_is_not_taken_for_done_by_a_second_look(
    graph: GraphService, connector: MsgraphConnector
):
    ann = graph.add_user("ann", accountEnabled=True, jobTitle="Boss")
    before = {"accountEnabled": True, "jobTitle": "Clerk"}
    asked = change(connector, Operation.DISABLE, ann, before, {"accountEnabled": False})
    for fresh_for, expected in ((LAG, Conflict), (AT_ONCE, Succeeded)):
        graph.lag(reads=1)  # the look before the write shows a conflict, the next one none
        assert graph.ask("PATCH", f"/users/{ann}", {"accountEnabled": False}).status == 204
        assert isinstance(one(connector, asked, fresh_for), expected)
        graph.lag()
        assert graph.ask("PATCH", f"/users/{ann}", {"accountEnabled": True}).status == 204


@pytest.mark.parametrize("fresh_for", [LAG, AT_ONCE])
def test_a_member_that_is_said_not_to_be_there_has_not_left_yet(
    graph: GraphService, connector: MsgraphConnector, fresh_for
):
    ann = graph.add_user("ann")
    staff = graph.add_group("staff", [ann])
    before = {"member": ann}
    asked = change(connector, Operation.REMOVE_MEMBER, staff, before, None, kind="group")
    not_there(graph, "/members/")
    outcome = one(connector, asked, fresh_for)
    assert isinstance(outcome, RetryAfter if fresh_for else Succeeded)
    assert not isinstance(outcome, RetryAfter) or outcome.span == LAG


@pytest.mark.parametrize("fresh_for", [LAG, AT_ONCE])
def test_a_member_that_is_said_to_be_there_may_have_left(
    graph: GraphService, connector: MsgraphConnector, fresh_for
):
    ann = graph.add_user("ann")
    staff = graph.add_group("staff", [ann])
    after = {"member": ann}
    asked = change(connector, Operation.ADD_MEMBER, staff, None, after, kind="group")
    assert isinstance(one(connector, asked, fresh_for), RetryAfter if fresh_for else Succeeded)


@pytest.mark.parametrize("fresh_for", [LAG, AT_ONCE])
def test_an_object_that_is_said_not_to_be_there_is_not_deleted_yet(
    graph: GraphService, connector: MsgraphConnector, fresh_for
):
    ann = graph.add_user("ann")
    not_there(graph, f"/users/{ann}")
    asked = change(connector, Operation.DELETE, ann, {"displayName": "ann"}, None)
    assert isinstance(one(connector, asked, fresh_for), RetryAfter if fresh_for else Succeeded)


def test_a_manager_who_is_said_not_to_be_there_is_not_taken_away_yet(
    graph: GraphService, connector: MsgraphConnector
):
    ann, boss = graph.add_user("ann"), graph.add_user("boss")
    graph.set_manager(ann, boss)
    not_there(graph, f"/users/{ann}/manager")
    asked = change(connector, Operation.UPDATE, ann, {"manager": boss}, {"manager": None})
    assert isinstance(one(connector, asked, LAG), RetryAfter)


def test_members_that_an_update_takes_away_have_not_left_yet(
    graph: GraphService, connector: MsgraphConnector
):
    ann, bob = graph.add_user("ann"), graph.add_user("bob")
    staff = graph.add_group("staff", [ann, bob])
    before, after = {"members": tuple(sorted([ann, bob]))}, {"members": (bob,)}
    asked = change(connector, Operation.UPDATE, staff, before, after, kind="group")
    not_there(graph, "/members/")
    assert isinstance(one(connector, asked, LAG), RetryAfter)


def test_an_update_of_which_one_half_is_said_to_be_done_is_no_success(
    graph: GraphService, connector: MsgraphConnector
):
    ann, boss = graph.add_user("ann", jobTitle="Clerk"), graph.add_user("boss")
    graph.set_manager(ann, boss)
    not_there(graph, f"/users/{ann}/manager")
    before = {"manager": boss, "jobTitle": "Clerk"}
    asked = change(connector, Operation.UPDATE, ann, before, {"manager": None, "jobTitle": "Boss"})
    assert isinstance(one(connector, asked, LAG), Conflict)


def test_an_object_that_was_deleted_a_moment_ago_comes_back_as_it_was(
    graph: GraphService, connector: MsgraphConnector
):
    ann = graph.add_user("ann", jobTitle="Leaving")
    graph.delete(ann)
    after = {"jobTitle": "Clerk", "displayName": "ann"}
    back = change(connector, Operation.CREATE, ann, None, after)
    assert succeeded(one(connector, back, LAG))["jobTitle"] == "Clerk"
