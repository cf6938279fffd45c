"""What items of Graph tell, what Graph is told, and what the configuration may say of it."""

from __future__ import annotations

import tracemalloc
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from pydantic import ValidationError

from hypersync.connectors.msgraph import parts
from hypersync.connectors.msgraph.after import judge
from hypersync.connectors.msgraph.answers import Answer
from hypersync.connectors.msgraph.job import job_of
from hypersync.connectors.msgraph.options import MsgraphOptions, Place, completed, place_of
from hypersync.connectors.msgraph.pages import page_of
from hypersync.connectors.msgraph.parts import Kept, Parted
from hypersync.connectors.msgraph.patience import Patience
from hypersync.connectors.msgraph.properties import CLOUDS, GROUPS, USERS
from hypersync.connectors.msgraph.read import Found
from hypersync.connectors.msgraph.reads import Recent
from hypersync.connectors.msgraph.rounds import Items, Whole
from hypersync.connectors.msgraph.steps import Steps
from hypersync.connectors.msgraph.values import body_of, emptied, joined, laid_over
from hypersync.connectors.settings import object_types
from hypersync.connectors.steady import SteadyConnector
from hypersync.model.objects import (
    Batch,
    Change,
    Changed,
    Deleted,
    DeletionKind,
    Invalid,
    Operation,
    Seen,
    SiloObject,
)
from hypersync.ports.connector import lag, recreates
from tests.graphing import connect

Item = dict[str, object]
NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def place(resource: str = "users", *attributes: str) -> Place:
    names = list(attributes) or ["displayName", "jobTitle", "businessPhones"]
    types = {"thing": {"resource": resource, "attributes": names}}
    found = MsgraphOptions.model_validate({"url": "http://127.0.0.1:1", "types": types})
    return place_of(completed(object_types("entra", found, {})[0]))


def whole(*pages: Sequence[object], found: Mapping[str, Found | None] | None = None) -> Batch:
    """Return what the pages report, which must be the same if each item is a page of its own."""
    reported = _whole(pages, found or {})
    assert repr(_whole([[item] for page in pages for item in page], found or {})) == repr(reported)
    return reported


def _whole(pages: Sequence[Sequence[object]], there: Mapping[str, Found | None]) -> Batch:
    told = Whole(Items(place()), lambda anchors: {each: there.get(each) for each in anchors})
    read = [page_of(Answer(200, content=orjson.dumps({"value": page}))) for page in pages]
    events = [event for page in read for event in told.take(page.items, is_flat=page.is_flat)]
    return events + [event for batch in told.rest() for event in batch]


def parted(*pages: Sequence[object], found: Mapping[str, Found | None] | None = None) -> Batch:
    there = dict(found or {})
    items = Items(place("groups", "displayName", "members"))
    with Kept() as kept:
        told = Parted(items, lambda anchors: {each: there.get(each) for each in anchors}, kept)
        events = [event for page in pages for event in told.take(page)]
        return events + [event for batch in told.rest() for event in batch]


def user(id_: str, **values: object) -> Item:
    return {"id": id_, **values}


def members(id_: str, *came: str, went: Sequence[str] = (), **values: object) -> Item:
    told: list[Item] = [{"@odata.type": "#microsoft.graph.user", "id": each} for each in came]
    told += [{"id": each, "@removed": {"reason": "deleted"}} for each in went]
    return {"id": id_, **values, "members@delta": told}


def gone(id_: str, reason: object = "changed") -> Item:
    return {"id": id_, "@removed": {"reason": reason}}


# --- first rounds --------------------------------------------------------------------------------


def test_an_item_that_is_repeated_as_it_was_is_reported_once():
    ann = user("1", displayName="ann", jobTitle="Clerk")
    assert whole([ann, ann], [ann]) == [
        Seen("thing", "1", {"displayName": "ann", "jobTitle": "Clerk"})
    ]


def test_of_a_page_of_new_objects_each_is_reported_with_what_it_has():
    """Whatever the others of the page look like; the first page has nothing to be looked at."""
    plain = user("1", displayName="ann", jobTitle="Clerk"), user("2", displayName="bob")
    mixed = (
        user("3", displayName="cy", jobTitle=None, businessPhones=[]),
        user("4", displayName="", jobTitle=False, businessPhones=["2", "1"]),
        {"@odata.type": "#microsoft.graph.user", "displayName": "dan", "id": "5", "city": "Bonn"},
        user("6", displayName={"a": [1]}),
        user("7"),
    )
    empty = user("8", displayName="", jobTitle=None), user("9", displayName="eve", jobTitle=0)
    assert whole(plain, mixed, empty) == [
        Seen("thing", "1", {"displayName": "ann", "jobTitle": "Clerk"}),
        Seen("thing", "2", {"displayName": "bob"}),
        Seen("thing", "3", {"displayName": "cy"}),
        Seen("thing", "4", {"jobTitle": False, "businessPhones": ("1", "2")}),
        Seen("thing", "5", {"displayName": "dan"}),
        Seen("thing", "6", {"displayName": '{"a":[1]}'}),
        Seen("thing", "7", {}),
        Seen("thing", "8", {}),
        Seen("thing", "9", {"displayName": "eve", "jobTitle": 0}),
    ]


def test_beside_what_is_no_object_another_one_is_read_with_its_parts():
    """Both have as many braces as two objects without parts."""
    invalid, seen = whole([7, user("1", displayName={"a": 1})])
    assert isinstance(invalid, Invalid)
    assert seen == Seen("thing", "1", {"displayName": '{"a":1}'})


def test_objects_of_a_page_that_came_before_are_not_reported_again():
    ann, bob = user("1", displayName="ann"), user("2", displayName="bob")
    cy = user("3", displayName="cy")
    events = whole([ann, bob, ann], [cy, bob], [gone("4"), cy])
    assert [each.anchor for each in events if isinstance(each, Seen)] == ["1", "2", "3"]


def test_an_id_that_was_asked_for_is_an_attribute():
    told = Whole(Items(place("users", "id", "displayName")), lambda anchors: {})
    events = told.take([user("1", displayName="ann"), user("2", displayName=None)], is_flat=True)
    assert events == [
        Seen("thing", "1", {"id": "1", "displayName": "ann"}),
        Seen("thing", "2", {"id": "2"}),
    ]


def test_the_last_of_several_states_wins_and_is_laid_over_what_is_read():
    read = SiloObject(
        "thing", "1", {"displayName": "ann", "jobTitle": "Old", "businessPhones": ("1",)}
    )
    events = whole(
        [user("1", displayName="ann", jobTitle="Old")],
        [user("1", jobTitle="Boss"), user("1", businessPhones=[])],
        found={"1": Found(read)},
    )
    assert events[-1] == Seen("thing", "1", {"displayName": "ann", "jobTitle": "Boss"})
    assert len(events) == 2


@pytest.mark.parametrize(
    ("one", "other"), [(-1, -2), (True, 1), (False, 0), (0.0, False), (["a"], ["b"])]
)
def test_states_that_only_look_alike_are_two(one: object, other: object):
    there = {"1": Found(SiloObject("thing", "1", {"displayName": "x"}))}
    pages = [user("1", jobTitle=one)], [user("1", jobTitle=other)]
    last = [each for each in whole(*pages, found=there) if isinstance(each, Seen)][-1]
    expected = tuple(other) if isinstance(other, list) else other
    assert repr(last.attributes["jobTitle"]) == repr(expected)


def test_a_state_that_comes_back_after_another_one_is_the_last():
    first = user("1", displayName="ann", jobTitle="Clerk")
    events = whole([first], [user("1", jobTitle="Boss")], [first])
    assert events[-1] == Seen("thing", "1", {"displayName": "ann", "jobTitle": "Clerk"})


def test_a_part_of_somebody_whom_no_read_finds_is_not_taken_for_the_whole():
    first = user("1", displayName="ann", jobTitle="Clerk")
    events = whole([first], [user("1", jobTitle="Boss")])
    assert isinstance(events[-1], Invalid)
    assert events[-1].anchor == "1"


def test_what_was_seen_and_then_removed_is_invalid_and_not_absent():
    events = whole([user("1", displayName="ann")], [gone("1")])
    assert isinstance(events[-1], Invalid)
    assert events[-1].anchor == "1"


@pytest.mark.parametrize("is_first", [True, False])
def test_what_was_told_of_and_removed_is_as_a_read_finds_it(*, is_first: bool):
    """What comes first in a round need not have been first."""
    pages = [[gone("1")], [user("1", displayName="old")]]
    found = {"1": Found(SiloObject("thing", "1", {"displayName": "ann"}))}
    events = whole(*(pages if is_first else reversed(pages)), found=found)
    assert events[-1] == Seen("thing", "1", {"displayName": "ann"})


def test_an_old_state_after_a_removal_is_invalid():
    events = whole([gone("1")], [user("1", displayName="ann")])
    assert isinstance(events[-1], Invalid)


@pytest.mark.parametrize("item", [{}, {"id": 7}, {"id": None}, 7, None, "x", []])
def test_an_item_without_an_id_is_invalid_and_nobody_knows_which(item: object):
    (event,) = whole([item])
    assert event == Invalid("thing", None, "users", "an item has no id")


def test_members_that_come_in_parts_are_put_together_in_any_order():
    events = parted(
        [members("1", "a", "b", displayName="staff"), members("2", displayName="empty")],
        [members("1", "c", went=["b"])],
        [members("1", "d"), {"id": "1", "displayName": "Staff"}],
    )
    assert events == [
        Seen("thing", "1", {"displayName": "Staff", "members": ("a", "c", "d")}),
        Seen("thing", "2", {"displayName": "empty"}),
    ]


def test_a_member_that_went_and_came_again_is_one():
    events = parted([members("1", "a")], [members("1", went=["a"])], [members("1", "a")])
    assert events == [Seen("thing", "1", {"members": ("a",)})]


def test_a_group_that_is_removed_within_the_round_is_not_there():
    assert parted([members("1", "a")], [gone("1")]) == []
    assert parted([gone("1")], [members("1", "a")]) == []


def test_of_a_group_that_is_told_after_its_removal_no_half_is_believed():
    whole_group = SiloObject("thing", "1", {"displayName": "staff", "members": ("a", "b")})
    pages = [members("1", "a", displayName="staff")], [gone("1")], [members("1", "b")]
    events = parted(*pages, found={"1": Found(whole_group)})
    assert events == [Seen("thing", "1", whole_group.attributes)]


def test_what_changes_of_a_group_that_was_reported_early_is_reported_too():
    early = Found(SiloObject("thing", "1", {"displayName": "staff", "members": ("a",)}))
    events = parted(
        [members("1", "a", displayName="staff")], [members("1", "b")], found={"1": early}
    )
    assert events == [
        Seen("thing", "1", {"displayName": "staff", "members": ("a",)}),
        Seen("thing", "1", {"displayName": "staff", "members": ("a", "b")}),
    ]


def test_a_group_that_was_reported_early_and_is_gone_is_invalid_until_the_next_delta():
    there: dict[str, Found | None] = {"1": Found(SiloObject("thing", "1", {"displayName": "x"}))}
    items = Items(place("groups", "displayName", "members"))
    with Kept() as kept:
        told = Parted(items, lambda anchors: {each: there.get(each) for each in anchors}, kept)
        (seen,) = told.take([members("1", displayName="x")])
        there.clear()
        told.take([gone("1")])
        events = [event for batch in told.rest() for event in batch]
    assert isinstance(seen, Seen)
    assert [type(event) for event in events] == [Invalid]
    assert told.left == {"1": "soft"}


def test_a_large_group_is_not_reported_before_all_of_it_is_told():
    people = [f"p{n:03}" for n in range(101)]
    found = {"1": Found(SiloObject("thing", "1", {"displayName": "read"}))}
    events = parted([members("1", *people)], [members("1", "z")], found=found)
    assert events == [Seen("thing", "1", {"members": (*people, "z")})]


def test_what_is_told_of_groups_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(parts, "_IN_MEMORY", 100_000)
    items = Items(place("groups", "displayName", "members"))
    tracemalloc.start()
    try:
        with Kept() as kept:
            told = Parted(items, lambda anchors: dict.fromkeys(anchors), kept)
            for number in range(200):
                told.take([members(str(number), *(f"{number}-{n:030}" for n in range(500)))])
            sizes = [len(e.attributes["members"]) for batch in told.rest() for e in batch]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert sizes == [500] * 200
    assert peak < 3_000_000  # all members at once are ten million


@pytest.mark.parametrize("told", [7, {"id": "a"}, [7], [{"@removed": {}}], [{"id": None}]])
def test_members_that_are_not_understood_make_the_group_invalid(told: object):
    (event,) = parted([{"id": "1", "members@delta": told}])
    assert isinstance(event, Invalid)
    assert event.anchor == "1"


NAMELESS = {"id": "1", "members@delta": [{"id": None}]}


def test_a_group_with_a_spoilt_part_is_invalid_once_and_nothing_else():
    events = parted([members("1", "a")], [NAMELESS, NAMELESS, members("2", "a")])
    assert [(type(each), each.anchor) for each in events] == [(Seen, "2"), (Invalid, "1")]


def test_a_spoilt_group_that_is_removed_in_the_same_round_is_as_a_read_finds_it():
    assert parted([NAMELESS], [gone("1")]) == []
    there = SiloObject("thing", "1", {"members": ("a", "b")})
    events = parted([NAMELESS], [gone("1")], found={"1": Found(there)})
    assert events == [Seen("thing", "1", there.attributes)]


def test_a_spoilt_group_is_not_reported_early():
    early = Found(SiloObject("thing", "1", {"members": ("a",)}))
    (event,) = parted([members("1", "a"), NAMELESS], found={"1": early})
    assert isinstance(event, Invalid)


# --- deltas --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "kind"), [("changed", DeletionKind.SOFT), ("deleted", DeletionKind.GONE)]
)
def test_why_something_was_removed(reason: str, kind: DeletionKind):
    assert Items(place()).event(gone("1", reason)) == Deleted("thing", "1", kind)


@pytest.mark.parametrize("item", [gone("1", "moved"), {"id": "1", "@removed": "deleted"}])
def test_removed_for_an_unknown_reason_is_invalid(item: Item):
    event = Items(place()).event(item)
    assert isinstance(event, Invalid)
    assert event.anchor == "1"


def test_null_clears_and_absent_says_nothing():
    event = Items(place()).event(user("1", jobTitle=None, businessPhones=[]))
    assert event == Changed("thing", "1", cleared=("businessPhones", "jobTitle"))


def test_parts_are_cleared_one_by_one_and_all_with_the_whole():
    here = place("users", "employeeOrgData/division", "employeeOrgData/costCenter")
    told = user("1", employeeOrgData={"division": None, "costCenter": "7"})
    assert Items(here).event(told) == Changed(
        "thing",
        "1",
        set={"employeeOrgData/costCenter": "7"},
        cleared=("employeeOrgData/division",),
    )
    event = Items(here).event(user("1", employeeOrgData=None))
    assert isinstance(event, Changed)
    assert event.cleared == ("employeeOrgData/costCenter", "employeeOrgData/division")


def test_the_old_and_the_new_manager_come_in_any_order():
    old, new = {"id": "old", "@removed": {"reason": "deleted"}}, {"id": "new"}
    for told in ([old, new], [new, old]):
        event = Items(place("users", "manager")).event({"id": "1", "manager@delta": told})
        assert event == Changed("thing", "1", set={"manager": "new"})
    event = Items(place("users", "manager")).event({"id": "1", "manager@delta": [old]})
    assert event == Changed("thing", "1", cleared=("manager",))


def test_two_things_told_are_one():
    first = Changed("t", "1", set={"a": 1, "b": 2}, cleared=("c",), added={"m": ("x",)})
    second = Changed(
        "t", "1", set={"c": 3}, cleared=("b",), added={"m": ("y",)}, removed={"m": ("x",)}
    )
    told = joined(first, second)
    assert laid_over({"d": 4, "b": 9, "m": ("x", "z")}, told) == {
        "a": 1,
        "c": 3,
        "d": 4,
        "m": ("y", "z"),
    }


def test_values_that_have_parts_are_json_where_the_whole_is_read():
    reader = Items(place("users", "identities")).reader
    item = user("1", identities=[{"b": 1, "a": "x"}])
    assert reader.attributes(item) == {"identities": ('{"a":"x","b":1}',)}


# --- what Graph is told --------------------------------------------------------------------------


def test_missing_values_are_told_as_null_but_not_of_a_new_object():
    values = {"jobTitle": None, "department": "", "a/b": None, "businessPhones": ()}
    body = emptied(body_of(values, is_new=False, change_password=True), USERS)
    assert body == {"jobTitle": None, "department": None, "a": {"b": None}, "businessPhones": []}
    assert body_of(values, is_new=True, change_password=True) == {}


def test_a_write_is_bound_to_the_etag_where_graph_offers_one():
    here = place()
    found = Found(SiloObject("thing", "1", {"jobTitle": "Clerk"}), 'W/"7"')
    steps = Steps("root", change_password=True)
    change = Change(
        key="k",
        operation=Operation.UPDATE,
        type=here.kind,
        anchor="1",
        before={},
        after={"jobTitle": "Boss"},
    )
    (step,) = steps.update(change, here, found)
    assert step.headers == {"If-Match": 'W/"7"'}
    assert steps.delete(here, found).headers == {"If-Match": 'W/"7"'}
    job = job_of(change, here)
    job.steps = [step]
    assert judge(job, [Answer(412)], lambda: NOW) is None
    assert "changed meanwhile" in job.why


def test_the_clouds_are_those_of_the_sdk():
    from azure.identity import AzureAuthorityHosts
    from msgraph_core import NationalClouds

    assert {each.graph for each in CLOUDS.values()} == {
        each.value for each in NationalClouds if each is not NationalClouds.Germany
    }
    known = {AzureAuthorityHosts.AZURE_PUBLIC_CLOUD, AzureAuthorityHosts.AZURE_GOVERNMENT}
    known.add(AzureAuthorityHosts.AZURE_CHINA)
    assert {each.authority for each in CLOUDS.values()} == {f"https://{host}" for host in known}


def test_graph_may_lag_behind_itself():
    assert lag(connect("http://127.0.0.1:1")) == timedelta(minutes=15)


def test_deleted_users_come_back_and_groups_may_not():
    connector = connect("http://127.0.0.1:1")
    for each in (connector, SteadyConnector(connector, timeout=timedelta(seconds=1))):
        assert recreates(each, "user")
        assert not recreates(each, "group")


def test_no_name_stands_in_two_places():
    for resource in (USERS, GROUPS):
        assert len(resource.readable) == len(set(resource.readable))
        assert not resource.read_only & {*resource.texts, *resource.flags, *resource.lists}


# --- waiting -------------------------------------------------------------------------------------


class Time:
    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


def test_patience_grows_and_ends():
    time = Time()
    patience = Patience(timedelta(seconds=10), lambda: time.now, time.sleep)
    assert len(list(patience.rounds())) == len(time.pauses)
    assert time.pauses == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2, 3.8])
    assert list(Patience(timedelta(0)).rounds()) == []


def test_what_was_made_ten_minutes_ago_is_not_new_any_more():
    time = Time()
    recent = Recent(Patience(timedelta(0), lambda: time.now, time.sleep))
    recent.note("a")
    time.now = 599
    recent.note("b")
    assert "a" in recent
    time.now = 601
    assert "a" not in recent
    assert "b" in recent


# --- the configuration ---------------------------------------------------------------------------

GOOD = {"types": {"user": {"resource": "users"}}}
SECRET = {"tenant": "t", "client": "c", "secret": "s"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "say how to sign in"),
        ({"url": "http://graph.example.org", "sign_in": SECRET}, "only spoken over https"),
        ({"url": "https://graph.example.org/v1.0", "sign_in": SECRET}, "is no address"),
        ({"url": "https://a:b@graph.example.org", "sign_in": SECRET}, "is no address"),
        ({"cloud": "germany", "sign_in": SECRET}, "cloud"),
        ({"sign_in": {**SECRET, "certificate": "x"}}, "say one of"),
        ({"sign_in": {"tenant": "t", "client": "c"}}, "say one of"),
        ({"sign_in": {"secret": "s", "client": "c"}}, "'tenant' and 'client'"),
        ({"sign_in": {"managed_identity": "system", "client": "c"}}, "no 'tenant'"),
        ({"sign_in": SECRET, "page_size": "1000"}, "at most 999"),
        ({"sign_in": SECRET, "types": {"user": {}}}, "resource"),
        ({"sign_in": SECRET, "types": {"user": {"resource": "devices"}}}, "resource"),
        (
            {"sign_in": SECRET, "types": {"u": {"resource": "users", "anchor": "mail"}}},
            "always 'id'",
        ),
        (
            {"sign_in": SECRET, "types": {"u": {"resource": "users", "members": "members"}}},
            "leave it",
        ),
    ],
)
def test_wrong_options_are_refused(options: dict[str, object], words: str):
    with pytest.raises(ValidationError, match=words):
        MsgraphOptions.model_validate({**GOOD, **options})


def test_a_cloud_brings_its_addresses():
    found = MsgraphOptions.model_validate({**GOOD, "cloud": "china", "sign_in": SECRET})
    assert found.root == "https://microsoftgraph.chinacloudapi.cn/v1.0"
    assert found.authority == "https://login.chinacloudapi.cn"
    assert "s" not in repr(found.sign_in.secret)


def test_what_says_that_accounts_are_enabled_may_be_another_attribute():
    enabled = {"attribute": "employeeType", "when_on": "active", "when_off": "left"}
    types = {"user": {"resource": "users", "attributes": ["mail"], "enabled": enabled}}
    found = MsgraphOptions.model_validate({"url": "http://localhost:1", "types": types})
    (kind,) = object_types("entra", found, {})
    assert kind.enabled is not None
    assert kind.enabled.attribute == "employeeType"
    assert kind.attributes == {"mail", "employeeType"}
