"""Writes to the local Graph: batches, references, waiting, undoing, and what Graph refuses."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from hypersync.connectors.contract import succeeded
from hypersync.model.objects import (
    Attributes,
    Change,
    Conflict,
    Operation,
    Outcome,
    Refused,
    RetryAfter,
    Succeeded,
    Unknown,
)
from tests.graphing import PASSWORD, apply, change, connect, kinds

if TYPE_CHECKING:
    from hypersync.connectors.msgraph.connector import MsgraphConnector
    from tests.services.graph.service import GraphService

TYPES = {
    "user": {
        "resource": "users",
        "attributes": [
            "userPrincipalName",
            "displayName",
            "jobTitle",
            "department",
            "businessPhones",
            "employeeOrgData/division",
            "manager",
        ],
    },
    "group": {"resource": "groups", "attributes": ["displayName", "mailNickname", "groupTypes"]},
}
NEW = {
    "userPrincipalName": "new@contoso.com",
    "displayName": "new",
    "mailNickname": "new",
    "accountEnabled": True,
    "password": PASSWORD,
}


@pytest.fixture
def connector(graph: GraphService) -> MsgraphConnector:
    return connect(graph, types=TYPES)


def update(
    connector: MsgraphConnector, anchor: str, before: Attributes, after: Attributes
) -> Change:
    return change(connector, Operation.UPDATE, anchor, before, after)


def create(connector: MsgraphConnector, **after: object) -> Change:
    return change(connector, Operation.CREATE, None, None, {**NEW, **after})


def one(connector: MsgraphConnector, change_: Change) -> Outcome:
    (outcome,) = apply(connector, change_)
    return outcome


def batches(graph: GraphService) -> list[list[dict[str, object]]]:
    """The batches that wrote something."""
    found = [call.body["requests"] for call in graph.calls("POST", part="$batch")]
    return [steps for steps in found if any(step["method"] != "GET" for step in steps)]


# --- creating ------------------------------------------------------------------------------------


def test_a_user_is_created_first_and_the_manager_set_second(
    graph: GraphService, connector: MsgraphConnector
):
    boss = graph.add_user("boss")
    created = succeeded(one(connector, create(connector, manager=boss)))
    assert created["manager"] == boss
    ((first, second),) = batches(graph)
    assert (first["method"], first["url"]) == ("POST", "/users")
    assert second["url"] == "/users/new@contoso.com/manager/$ref"
    assert second["dependsOn"] == [first["id"]]


def test_the_password_is_sent_once_and_has_to_be_changed(
    graph: GraphService, connector: MsgraphConnector
):
    assert "password" not in succeeded(one(connector, create(connector)))
    ((step,),) = batches(graph)
    profile = {"password": PASSWORD, "forceChangePasswordNextSignIn": True}
    assert step["body"]["passwordProfile"] == profile


def test_a_group_is_created_with_all_its_members(graph: GraphService, connector: MsgraphConnector):
    people = sorted(graph.add_user(f"p{n}") for n in range(45))
    after = {"displayName": "staff", "mailNickname": "staff", "members": tuple(people)}
    new = change(connector, Operation.CREATE, None, None, after, kind="group")
    assert succeeded(one(connector, new))["members"] == tuple(people)
    (group,) = graph.groups()
    assert graph.members(group.id) == set(people)
    assert group.values["securityEnabled"] is True
    assert one(connector, new) == one(connector, new)


def test_a_create_needs_its_natural_key(connector: MsgraphConnector):
    outcome = one(connector, create(connector, userPrincipalName=None))
    assert outcome == Refused("a new user needs its 'userPrincipalName': set it")


def test_a_create_that_is_repeated_after_a_lost_answer_finds_its_own_object(
    graph: GraphService, connector: MsgraphConnector
):
    graph.fault("drop", path=r"\$batch", after=1)
    lost = one(connector, create(connector, jobTitle="Clerk"))
    assert isinstance(lost, Succeeded)  # found by its name at once
    again = one(connector, create(connector, jobTitle="Clerk"))
    assert again == lost
    assert len(graph.users()) == 1
    other = one(connector, create(connector, jobTitle="Boss"))
    assert isinstance(other, Conflict)
    assert other.object == lost.object


def test_a_lost_create_that_nobody_sees_yet_is_unknown(
    graph: GraphService, connector: MsgraphConnector
):
    graph.lag(reads=50)
    graph.fault("drop", path=r"\$batch", after=1)
    assert isinstance(one(connector, create(connector)), Unknown)
    graph.lag()
    assert succeeded(one(connector, create(connector)))["displayName"] == "new"
    assert len(graph.users()) == 1


@pytest.mark.parametrize("status", [500, 504])
def test_a_gateway_that_gave_up_is_no_refusal(
    graph: GraphService, connector: MsgraphConnector, status: int
):
    graph.fault("lost_answer", method="POST", path="/users", status=status, requests=False)
    assert isinstance(one(connector, create(connector)), Succeeded)
    assert len(graph.users()) == 1


def test_two_creates_of_one_name_at_once_make_one_user(
    graph: GraphService, connector: MsgraphConnector
):
    first, second = apply(connector, create(connector), create(connector, jobTitle="Boss"))
    assert isinstance(first, Succeeded)
    assert isinstance(second, Conflict)
    assert len(graph.users()) == 1


def test_a_new_object_that_reads_do_not_find_yet_is_waited_for(
    graph: GraphService, connector: MsgraphConnector
):
    graph.lag(reads=2)
    created = succeeded(one(connector, create(connector, jobTitle="Clerk")))
    assert created["jobTitle"] == "Clerk"
    reads = [call.status for call in graph.calls("GET", part="/users/") if call.in_batch]
    assert reads == [404, 404, 404, 200]


def test_a_new_object_that_stays_unseen_is_as_graph_answered(graph: GraphService):
    connector = connect(graph, types=TYPES, patience="0s")
    graph.lag(reads=50)
    created = one(connector, create(connector, department="IT"))
    assert succeeded(created)["department"] == "IT"
    assert succeeded(created)["displayName"] == "new"


def test_a_new_user_becomes_a_member_as_soon_as_graph_knows_it(
    graph: GraphService, connector: MsgraphConnector
):
    staff = graph.add_group("staff")
    created = one(connector, create(connector))
    assert isinstance(created, Succeeded)
    assert created.object is not None
    graph.fault("fail", status=404, code="Request_ResourceNotFound", path="members", times=2)
    member = {"member": created.object.anchor}
    join = change(connector, Operation.ADD_MEMBER, staff, None, member, kind="group")
    assert succeeded(one(connector, join))["members"] == (created.object.anchor,)
    assert graph.members(staff) == {created.object.anchor}


def test_a_user_whose_manager_is_not_there_is_created_and_a_conflict(
    graph: GraphService, connector: MsgraphConnector
):
    outcome = one(connector, create(connector, manager="00000000-0000-4000-8000-000000000000"))
    assert isinstance(outcome, Conflict)
    assert outcome.why.startswith("only partly written: ")
    assert outcome.object is not None
    assert outcome.object.anchor == graph.users()[0].id


# --- updating ------------------------------------------------------------------------------------


def test_what_is_cleared_is_told_as_null(graph: GraphService, connector: MsgraphConnector):
    ann = graph.add_user(
        "ann", jobTitle="Clerk", businessPhones=["+33 1"], employeeOrgData={"division": "North"}
    )
    before = {
        "jobTitle": "Clerk",
        "businessPhones": ("+33 1",),
        "employeeOrgData/division": "North",
    }
    after = dict.fromkeys(before)
    found = succeeded(one(connector, update(connector, ann, before, after)))
    assert not before.keys() & found.keys()
    (call,) = graph.calls("PATCH", part=ann)
    assert call.body == {
        "jobTitle": None,
        "businessPhones": [],
        "employeeOrgData": {"division": None},
    }


def test_one_text_for_a_list_is_a_list_of_one(graph: GraphService, connector: MsgraphConnector):
    ann = graph.add_user("ann")
    written = one(connector, update(connector, ann, {}, {"businessPhones": "+33 1"}))
    assert succeeded(written)["businessPhones"] == ("+33 1",)


def test_only_what_differs_is_written(graph: GraphService, connector: MsgraphConnector):
    ann = graph.add_user("ann", jobTitle="Clerk", department="IT")
    before = {"jobTitle": "Clerk", "department": "Sales"}
    after = {"jobTitle": "Boss", "department": "IT"}
    succeeded(one(connector, update(connector, ann, before, after)))
    (call,) = graph.calls("PATCH", part=ann)
    assert call.body == {"jobTitle": "Boss"}


def test_a_manager_is_set_and_taken_away_by_reference(
    graph: GraphService, connector: MsgraphConnector
):
    ann, boss = graph.add_user("ann"), graph.add_user("boss")
    with_boss = one(connector, update(connector, ann, {"manager": None}, {"manager": boss}))
    assert succeeded(with_boss)["manager"] == boss
    without = one(connector, update(connector, ann, {"manager": boss}, {"manager": None}))
    assert "manager" not in succeeded(without)
    assert [call.method for call in graph.calls(part=f"{ann}/manager")] == ["PUT", "DELETE"]


def test_an_update_that_succeeds_in_part_says_so(graph: GraphService, connector: MsgraphConnector):
    ann = graph.add_user("ann", jobTitle="Clerk")
    after = {"jobTitle": "Boss", "manager": "00000000-0000-4000-8000-000000000000"}
    outcome = one(connector, update(connector, ann, {"jobTitle": "Clerk"}, after))
    assert isinstance(outcome, Conflict)
    assert outcome.why.startswith("only partly written: ")
    assert outcome.object is not None
    assert outcome.object.attributes["jobTitle"] == "Boss"


def test_a_value_that_is_still_read_as_it_was_is_waited_for(
    graph: GraphService, connector: MsgraphConnector
):
    ann = graph.add_user("ann", jobTitle="Clerk")
    graph.lag(reads=1)
    written = one(connector, update(connector, ann, {"jobTitle": "Clerk"}, {"jobTitle": "Boss"}))
    assert succeeded(written)["jobTitle"] == "Boss"
    reads = [call for call in graph.calls("GET", part=f"/users/{ann}") if call.in_batch]
    assert len(reads) == 3  # before, after, and after a pause


def test_a_value_that_stays_as_it_was_is_not_known_to_be_written(graph: GraphService):
    connector = connect(graph, types=TYPES, patience="0s")
    ann = graph.add_user("ann", jobTitle="Clerk")
    graph.lag(reads=5)
    written = one(connector, update(connector, ann, {"jobTitle": "Clerk"}, {"jobTitle": "Boss"}))
    assert isinstance(written, Unknown)
    assert written.reason.endswith("still shows the old value of jobTitle")
    assert not written.is_lost  # it answered


def test_a_password_is_set_and_never_compared(graph: GraphService, connector: MsgraphConnector):
    ann = graph.add_user("ann")
    after = {"password": "Correct-Horse-7"}
    succeeded(one(connector, update(connector, ann, {"password": None}, after)))
    (call,) = graph.calls("PATCH", part=ann)
    assert call.body["passwordProfile"]["password"] == "Correct-Horse-7"  # noqa: S105


def test_changes_to_one_object_keep_their_turn(graph: GraphService, connector: MsgraphConnector):
    ann = graph.add_user("ann", jobTitle="Clerk")
    titles = ["Clerk", "Boss", "Chief", "King"]
    steps = [
        update(connector, ann, {"jobTitle": old}, {"jobTitle": new})
        for old, new in pairwise(titles)
    ]
    outcomes = apply(connector, *steps)
    assert [succeeded(each)["jobTitle"] for each in outcomes] == titles[1:]


# --- batches -------------------------------------------------------------------------------------


def test_twenty_requests_travel_in_one_batch(graph: GraphService, connector: MsgraphConnector):
    people = [graph.add_user(f"p{n}", jobTitle="Clerk") for n in range(45)]
    changes = [update(connector, each, {"jobTitle": "Clerk"}, {"jobTitle": "X"}) for each in people]
    assert all(isinstance(each, Succeeded) for each in apply(connector, *changes))
    assert sorted(map(len, batches(graph))) == [5, 20, 20]
    sizes = [len(call.body["requests"]) for call in graph.calls("POST", part="$batch")]
    assert max(sizes) == 20
    assert len(sizes) == 9  # read, write, read


def test_one_that_is_throttled_within_a_batch_is_tried_later(
    graph: GraphService, connector: MsgraphConnector
):
    ann, bob = graph.add_user("ann"), graph.add_user("bob")
    graph.fault("throttle", method="PATCH", path=bob, retry_after="17", requests=False)
    changes = [update(connector, each, {}, {"jobTitle": "Boss"}) for each in (ann, bob)]
    done, later = apply(connector, *changes)
    assert succeeded(done)["jobTitle"] == "Boss"
    assert isinstance(later, RetryAfter)
    assert later.span == timedelta(seconds=17)
    assert "too many requests" in later.reason


def test_a_batch_that_is_refused_as_a_whole_wrote_nothing(
    graph: GraphService, connector: MsgraphConnector
):
    ann = graph.add_user("ann")
    graph.fault("fail", status=503, retry_after="9", path=r"\$batch", after=1, items=False)
    outcome = one(connector, update(connector, ann, {}, {"jobTitle": "Boss"}))
    assert isinstance(outcome, RetryAfter)
    assert outcome.span == timedelta(seconds=9)
    assert "jobTitle" not in graph.values(ann)
    assert len(graph.calls("POST", part="$batch")) == 2  # a write is not tried again unasked


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"status": 429, "retry_after": "17"}, RetryAfter),
        ({"status": 403, "code": "Authorization_RequestDenied"}, Refused),
        ({"status": 500, "code": "generalException"}, Unknown),
    ],
)
def test_a_step_after_one_that_failed_is_not_carried_out_and_the_first_one_says_why(
    graph: GraphService, connector: MsgraphConnector, fault: dict[str, object], kind: type
):
    """Graph answers 424 to what depends on a step that failed; that says nothing by itself."""
    boss = graph.add_user("boss")
    graph.fault("fail", method="POST", path="/users$", requests=False, **fault)
    other = {"userPrincipalName": "two@contoso.com", "mailNickname": "two", "manager": boss}
    failed, done = apply(connector, create(connector, manager=boss), create(connector, **other))
    assert isinstance(failed, kind)
    assert "424" not in str(failed)
    assert "FailedDependency" not in str(failed)
    assert succeeded(done)["manager"] == boss
    assert {each.values["mailNickname"] for each in graph.users()} == {"boss", "two"}
    assert [call.status for call in graph.calls("PUT", part="/manager")] == [204]


def test_a_manager_is_not_changed_when_the_values_before_it_are_refused(
    graph: GraphService, connector: MsgraphConnector
):
    old, new = graph.add_user("old"), graph.add_user("new")
    ann = graph.add_user("ann", jobTitle="Clerk")
    graph.set_manager(ann, old)
    graph.fault("throttle", method="PATCH", path=ann, retry_after="5", requests=False)
    wanted = {"jobTitle": "Boss", "manager": new}
    change_ = update(connector, ann, {"jobTitle": "Clerk", "manager": old}, wanted)
    later = one(connector, change_)
    assert isinstance(later, RetryAfter)
    assert later.span == timedelta(seconds=5)
    assert graph.calls("PUT", part="/manager") == []
    assert succeeded(one(connector, change_))["manager"] == new


@pytest.mark.parametrize("fault", ["drop", "malformed", "login_page"])
def test_an_update_whose_answer_was_lost_is_unknown(
    graph: GraphService, connector: MsgraphConnector, fault: str
):
    ann = graph.add_user("ann")
    graph.fault(fault, path=r"\$batch", after=1, items=False)
    outcome = one(connector, update(connector, ann, {}, {"jobTitle": "Boss"}))
    assert isinstance(outcome, Unknown)


def test_an_object_that_cannot_be_read_before_is_tried_later(
    graph: GraphService, connector: MsgraphConnector
):
    ann, bob = graph.add_user("ann"), graph.add_user("bob")
    graph.fault("fail", status=500, path=ann, requests=False)
    changes = [update(connector, each, {}, {"jobTitle": "Boss"}) for each in (ann, bob)]
    later, done = apply(connector, *changes)
    assert isinstance(later, RetryAfter)
    assert succeeded(done)["jobTitle"] == "Boss"


def test_a_service_that_went_away_was_not_written_to(
    graph: GraphService, connector: MsgraphConnector
):
    away = connect("http://127.0.0.1:1", types=TYPES)
    outcome = one(away, update(connector, "x", {}, {"jobTitle": "Boss"}))
    assert isinstance(outcome, RetryAfter)


def test_several_sessions_write_at_once(graph: GraphService, connector: MsgraphConnector):
    people = [graph.add_user(f"p{n}") for n in range(60)]
    shares = [people[start::3] for start in range(3)]

    def write(share: list[str]) -> list[Outcome]:
        changes = [update(connector, each, {}, {"jobTitle": "Boss"}) for each in share]
        return apply(connector, *changes)

    with ThreadPoolExecutor(3) as pool:
        outcomes = [each for done in pool.map(write, shares) for each in done]
    assert all(isinstance(each, Succeeded) for each in outcomes)
    assert {graph.values(each)["jobTitle"] for each in people} == {"Boss"}


# --- what Graph refuses --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("after", "words"),
    [
        ({"password": "secret"}, "does not comply with password complexity requirements"),
        ({"userPrincipalName": "new@elsewhere.example"}, "one of the verified domain names"),
        ({"jobTitle": "x" * 200}, "Invalid value specified for property 'jobTitle'"),
        ({"displayName": None}, "A value is required for property 'displayName'"),
        ({"createdDateTime": "2026-01-01"}, "read-only in Graph: createdDateTime"),
        ({"tilte": "Boss"}, "Invalid property 'tilte'"),
    ],
)
def test_what_graph_does_not_take_is_refused_in_its_words(
    connector: MsgraphConnector, after: dict[str, object], words: str
):
    outcome = one(connector, create(connector, **after))
    assert isinstance(outcome, Refused)
    assert words in outcome.reason


def test_one_wrong_attribute_does_not_hold_up_the_others(
    graph: GraphService, connector: MsgraphConnector
):
    ann, bob = graph.add_user("ann"), graph.add_user("bob")
    wrong, right = apply(
        connector,
        update(connector, ann, {}, {"tilte": "Boss"}),
        update(connector, bob, {}, {"jobTitle": "Boss"}),
    )
    assert isinstance(wrong, Refused)
    assert "Could not find a property named 'tilte'" in wrong.reason
    assert isinstance(right, Succeeded)


def test_a_missing_permission_is_named(graph: GraphService):
    ann = graph.add_user("ann")
    application = graph.tenant.sign_in.register(roles=frozenset({"User.Read.All"}))
    https = graph.https()
    connector = connect(
        graph,
        types=TYPES,
        ca_file=str(https.ca_file),
        sign_in={
            "tenant": graph.tenant.id,
            "client": application.id,
            "secret": application.secret,
            "authority": https.url,
        },
    )
    outcome = one(connector, update(connector, ann, {}, {"jobTitle": "Boss"}))
    assert isinstance(outcome, Refused)
    assert "lacks a permission" in outcome.reason
    assert outcome.reason.endswith("it needs User.ReadWrite.All or Directory.ReadWrite.All")


# --- deleting and bringing back ------------------------------------------------------------------


def test_a_deleted_user_is_brought_back_with_its_id_and_its_references(
    graph: GraphService, connector: MsgraphConnector
):
    boss = graph.add_user("boss")
    ann = graph.add_user("ann", jobTitle="Clerk")
    staff = graph.add_group("staff", [ann])
    graph.set_manager(ann, boss)
    delete = change(connector, Operation.DELETE, ann, {"jobTitle": "Clerk"}, None)
    assert one(connector, delete) == Succeeded(None)
    assert graph.members(staff) == set()
    before = {"displayName": "ann", "jobTitle": "Clerk", "manager": boss, "createdDateTime": "x"}
    found = one(connector, change(connector, Operation.CREATE, ann, None, before))
    assert succeeded(found)["jobTitle"] == "Clerk"
    assert succeeded(found)["manager"] == boss
    assert graph.members(staff) == {ann}
    assert [each.id for each in graph.users()] == [boss, ann]


def test_a_restored_object_gets_the_values_it_had(graph: GraphService, connector: MsgraphConnector):
    ann = graph.add_user("ann", jobTitle="Leaving", department="Sales")
    graph.delete(ann)
    back = change(connector, Operation.CREATE, ann, None, {"jobTitle": "Clerk", "department": None})
    found = succeeded(one(connector, back))
    assert found["jobTitle"] == "Clerk"
    assert "department" not in found


def test_what_is_not_among_the_deleted_any_more_stays_gone(
    graph: GraphService, connector: MsgraphConnector
):
    ann = graph.add_user("ann", jobTitle="Clerk")
    security = graph.add_group("staff")
    graph.delete(ann, for_good=True)
    graph.delete(security)
    changes = [
        change(connector, Operation.CREATE, ann, None, {"jobTitle": "Clerk"}),
        change(connector, Operation.CREATE, security, None, {"displayName": "s"}, kind="group"),
    ]
    for outcome in apply(connector, *changes):
        assert isinstance(outcome, Refused)
        assert "not among the deleted objects any more" in outcome.reason
    assert graph.users() == []


def test_an_object_that_is_back_already_as_wanted_is_left_alone(
    graph: GraphService, connector: MsgraphConnector
):
    ann = graph.add_user("ann", jobTitle="Clerk")
    same = change(connector, Operation.CREATE, ann, None, {"jobTitle": "Clerk"})
    assert isinstance(one(connector, same), Succeeded)
    other = change(connector, Operation.CREATE, ann, None, {"jobTitle": "Boss"})
    assert isinstance(one(connector, other), Conflict)


# --- members -------------------------------------------------------------------------------------


def join(connector: MsgraphConnector, group: str, member: str) -> Change:
    return change(connector, Operation.ADD_MEMBER, group, None, {"member": member}, kind="group")


def test_many_members_of_one_group_come_and_go_at_once(
    graph: GraphService, connector: MsgraphConnector
):
    people = [graph.add_user(f"p{n}") for n in range(30)]
    staff = graph.add_group("staff", people[:5])
    leave = [
        change(connector, Operation.REMOVE_MEMBER, staff, {"member": p}, None, kind="group")
        for p in people[:5]
    ]
    outcomes = apply(connector, *leave, *(join(connector, staff, p) for p in people[5:]))
    assert graph.members(staff) == set(people[5:])
    assert {succeeded(each)["members"] for each in outcomes} == {tuple(sorted(people[5:]))}
    assert len(graph.calls("GET", part=f"{staff}/members")) == 1


def test_members_that_reads_do_not_show_yet_are_told_all_the_same(
    graph: GraphService, connector: MsgraphConnector
):
    ann, bob = sorted((graph.add_user("ann"), graph.add_user("bob")))
    staff = graph.add_group("staff")
    graph.lag(reads=5)
    outcomes = apply(connector, join(connector, staff, ann), join(connector, staff, bob))
    assert [succeeded(each)["members"] for each in outcomes] == [(ann, bob), (ann, bob)]


def test_a_member_that_is_not_there_is_a_conflict(graph: GraphService, connector: MsgraphConnector):
    staff = graph.add_group("staff")
    nobody = "00000000-0000-4000-8000-000000000000"
    outcome = one(connector, join(connector, staff, nobody))
    assert isinstance(outcome, Conflict)
    assert outcome.why == f"the member {nobody} is not there"


def test_a_group_may_be_a_member_but_not_of_itself(
    graph: GraphService, connector: MsgraphConnector
):
    staff, inner = graph.add_group("staff"), graph.add_group("inner")
    assert succeeded(one(connector, join(connector, staff, inner)))["members"] == (inner,)
    itself = one(connector, join(connector, staff, staff))
    assert isinstance(itself, Refused)
    assert graph.members(staff) == {inner}


def test_a_group_that_contains_itself_is_read(graph: GraphService, connector: MsgraphConnector):
    staff = graph.add_group("staff")
    graph.join(staff, staff)
    with connector.open() as session:
        found = session.read(kinds(connector)["group"], staff)
    assert found is not None
    assert found.attributes["members"] == (staff,)
