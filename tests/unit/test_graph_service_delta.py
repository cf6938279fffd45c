"""The local Microsoft Graph: deltas, as https://learn.microsoft.com/graph/delta-query-overview."""

from datetime import timedelta

import pytest

from tests.services.graph.world import Answer, World


@pytest.fixture
def world() -> World:
    """A tenant with nobody in it."""
    return World()


def read(world: World, link: str, **headers: str) -> tuple[list[dict], str, int]:
    """Follow the links of a delta to its end; return items, deltaLink and number of pages."""
    items, pages = [], 0
    while True:
        answer = world.ask("GET", link, **headers)
        assert answer.status == 200, answer.body
        items += answer.body["value"]
        pages += 1
        if "@odata.deltaLink" in answer.body:
            assert "@odata.nextLink" not in answer.body
            return items, answer.body["@odata.deltaLink"], pages
        link = answer.body["@odata.nextLink"]


def gone(answer: Answer) -> tuple[int, str]:
    """Status and code of an error."""
    return answer.status, answer.code


def test_first_round_has_everybody_with_what_is_selected(world):
    world.fill(users=5)
    items, link, pages = read(world, "/users/delta?$select=displayName,givenName")
    assert [sorted(each) for each in items] == [["displayName", "givenName", "id"]] * 5
    assert pages == 1
    assert link.startswith("https://graph.microsoft.com/v1.0/users/delta?$deltatoken=")


def test_pages_are_as_large_as_preferred_and_links_carry_the_selection(world):
    world.fill(users=5)
    first = world.ask("GET", "/users/delta?$select=surname", prefer="odata.maxpagesize=2")
    assert len(first.body["value"]) == 2
    assert first.headers["Preference-Applied"] == "odata.maxpagesize=2"
    link = first.body["@odata.nextLink"]
    assert "select" not in link
    assert "$skiptoken=" in link
    second = world.ask("GET", link)
    assert [sorted(each) for each in second.body["value"]] == [["id", "surname"]] * 2


def test_a_property_that_was_never_set_is_left_out_and_one_that_was_cleared_is_null(world):
    user = world.add_user("adele", jobTitle="Clerk")
    items, link, _ = read(world, "/users/delta?$select=jobTitle,city")
    assert items == [{"jobTitle": "Clerk", "id": user}]
    world.set(user, jobTitle=None)
    assert read(world, link)[0] == [{"jobTitle": None, "id": user}]


def test_without_changes_the_next_round_is_empty_and_has_another_delta_link(world):
    world.fill(users=3)
    _, link, _ = read(world, "/users/delta")
    items, again, _ = read(world, link)
    assert items == []
    assert read(world, again)[0] == []


def test_a_change_of_what_is_not_selected_does_not_show(world):
    user = world.add_user("adele")
    _, link, _ = read(world, "/users/delta?$select=displayName")
    world.set(user, jobTitle="Boss")
    assert read(world, link)[0] == []
    world.set(user, displayName="Adele Vance")
    assert read(world, link)[0] == [{"displayName": "Adele Vance", "id": user}]


def test_a_changed_object_comes_whole_and_with_return_minimal_only_what_changed(world):
    user = world.add_user("adele", city="Ulm")
    _, link, _ = read(world, "/users/delta?$select=city,jobTitle")
    world.set(user, jobTitle="Clerk")
    assert read(world, link)[0] == [{"city": "Ulm", "jobTitle": "Clerk", "id": user}]
    minimal = read(world, link, prefer="return=minimal")[0]
    assert minimal == [{"jobTitle": "Clerk", "id": user}]


def test_deleted_is_changed_purged_is_deleted_and_restored_is_new(world):
    user = world.add_user("adele")
    _, link, _ = read(world, "/users/delta?$select=displayName")
    world.delete(user)
    items, link, _ = read(world, link)
    assert items == [{"id": user, "@removed": {"reason": "changed"}}]
    world.restore(user)
    items, link, _ = read(world, link)
    assert items == [{"displayName": "adele", "id": user}]
    world.delete(user, for_good=True)
    items, link, _ = read(world, link)
    assert items == [{"id": user, "@removed": {"reason": "deleted"}}]


def test_a_user_deleted_for_good_later_is_told_once_more(world):
    user = world.add_user("adele")
    world.delete(user)
    _, link, _ = read(world, "/users/delta")
    world.forward(timedelta(days=6))
    _, link, _ = read(world, link)
    world.delete(user, for_good=True)
    assert read(world, link)[0] == [{"id": user, "@removed": {"reason": "deleted"}}]


def test_an_object_that_goes_while_pages_are_read_is_told_as_removed(world):
    world.fill(users=3)
    first = world.ask("GET", "/users/delta?$select=id", prefer="odata.maxpagesize=1")
    second = [each.id for each in world.users()][1]
    world.delete(second)
    items, link, _ = read(world, first.body["@odata.nextLink"])
    assert items[0] == {"id": second, "@removed": {"reason": "changed"}}
    assert [each["id"] for each in read(world, link)[0]] == [second]


def test_members_are_told_by_default_and_when_selected(world):
    users = [world.add_user(name) for name in ("a", "b")]
    group = world.add_group("staff", users)
    world.add_group("empty")
    members = [{"@odata.type": "#microsoft.graph.user", "id": each} for each in users]
    for address in (
        "/groups/delta",
        "/groups/delta?$select=displayName,members",
        "/groups/delta?$select=displayName&$expand=members",
    ):
        items, _, _ = read(world, address)
        assert items[0]["members@delta"] == members
        assert "members@delta" not in items[1]
    items, link, _ = read(world, "/groups/delta?$select=displayName")
    assert "members@delta" not in items[0]
    world.leave(group, users[0])
    assert read(world, link)[0] == []


def test_members_that_come_and_go_are_told(world):
    users = [world.add_user(name) for name in ("a", "b", "c")]
    group = world.add_group("staff", users[:2])
    _, link, _ = read(world, "/groups/delta?$select=displayName,members")
    world.leave(group, users[0])
    world.join(group, users[2])
    (item,) = read(world, link)[0]
    assert item == {
        "displayName": "staff",
        "id": group,
        "members@delta": [
            {
                "@odata.type": "#microsoft.graph.user",
                "id": users[0],
                "@removed": {"reason": "deleted"},
            },
            {"@odata.type": "#microsoft.graph.user", "id": users[2]},
        ],
    }


@pytest.mark.parametrize("for_good", [False, True])
def test_a_deleted_user_leaves_the_groups(world, for_good):
    user = world.add_user("a")
    world.add_group("staff", [user])
    _, link, _ = read(world, "/groups/delta")
    world.delete(user, for_good=for_good)
    (item,) = read(world, link)[0]
    (member,) = item["members@delta"]
    assert member["@removed"] == {"reason": "deleted"}


def test_a_restored_user_is_back_in_the_groups(world):
    user = world.add_user("a")
    group = world.add_group("staff", [user])
    world.delete(user)
    assert world.members(group) == set()
    _, link, _ = read(world, "/groups/delta")
    world.restore(user)
    (item,) = read(world, link)[0]
    assert item["members@delta"] == [{"@odata.type": "#microsoft.graph.user", "id": user}]


def test_a_large_group_comes_several_times(world):
    world.fill(users=7)
    group = world.add_group("all", [each.id for each in world.users()])
    world.tenant.delta.members_of_a_page = 3
    items, _, _ = read(world, "/groups/delta")
    assert [each["id"] for each in items] == [group] * 3
    assert [len(each["members@delta"]) for each in items] == [3, 3, 1]
    assert len({member["id"] for each in items for member in each["members@delta"]}) == 7


def test_the_manager_is_told_when_it_is_selected(world):
    boss, other, user = (world.add_user(name) for name in ("boss", "other", "user"))
    world.set_manager(user, boss)
    items, link, _ = read(world, "/users/delta?$select=manager")
    told = {each["id"]: each.get("manager@delta") for each in items}
    reference = {"@odata.type": "#microsoft.graph.user", "id": boss}
    assert told == {boss: None, other: None, user: [reference]}
    world.set_manager(user, other)
    (item,), link, _ = read(world, link)
    assert item["manager@delta"] == [
        reference | {"@removed": {"reason": "deleted"}},
        {"@odata.type": "#microsoft.graph.user", "id": other},
    ]
    world.set_manager(user, None)
    (item,), link, _ = read(world, link)
    assert [each["@removed"] for each in item["manager@delta"]] == [{"reason": "deleted"}]


def test_latest_has_no_objects_and_a_link_to_what_comes(world):
    world.fill(users=3)
    items, link, _ = read(world, "/users/delta?$deltatoken=latest&$select=displayName")
    assert items == []
    user = world.add_user("adele")
    assert read(world, link)[0] == [{"displayName": "adele", "id": user}]


def test_tokens_live_for_seven_days(world):
    world.add_user("adele")
    _, link, _ = read(world, "/users/delta")
    world.forward(timedelta(days=6, hours=23))
    assert world.ask("GET", link).status == 200
    world.forward(timedelta(hours=1))
    assert gone(world.ask("GET", link)) == (400, "syncStateNotFound")


def test_a_reset_is_gone_with_a_location_that_starts_anew(world):
    user = world.add_user("adele")
    _, link, _ = read(world, "/users/delta?$select=displayName")
    world.expire_delta_tokens("resyncRequired")
    answer = world.ask("GET", link)
    assert gone(answer) == (410, "resyncRequired")
    location = answer.headers["Location"]
    assert location.endswith("/users/delta?$deltatoken=")
    assert [each["id"] for each in read(world, location)[0]] == [user]


def test_only_ids_can_be_filtered_by(world):
    users = [world.add_user(name) for name in ("a", "b", "c")]
    wanted = f"id eq '{users[0]}' or id eq '{users[2]}'"
    items, link, _ = read(world, f"/users/delta?$select=city&$filter={wanted}")
    assert [each["id"] for each in items] == [users[0], users[2]]
    for user in users:
        world.set(user, city="Ulm")
    assert [each["id"] for each in read(world, link)[0]] == [users[0], users[2]]
    refused = world.ask("GET", "/users/delta?$filter=city eq 'Ulm'")
    assert gone(refused) == (400, "Request_UnsupportedQuery")


def test_a_selection_beside_a_delta_token_replaces_the_one_inside(world):
    user = world.add_user("adele", city="Ulm")
    _, link, _ = read(world, "/users/delta?$select=displayName")
    world.set(user, city="Bonn")
    assert read(world, f"{link}&$select=city")[0] == [{"city": "Bonn", "id": user}]


@pytest.mark.parametrize(
    "address",
    [
        "/users/delta?$orderby=displayName",
        "/users/delta?$expand=memberOf",
        "/users/delta?$select=shoeSize",
        "/users/delta?$deltatoken=made-up",
        "/users/delta?$skiptoken=made-up&$select=displayName",
    ],
)
def test_what_a_delta_does_not_take_is_refused(world, address):
    assert world.ask("GET", address).status == 400


def test_a_token_is_good_for_its_own_collection_only(world):
    _, link, _ = read(world, "/users/delta")
    assert world.ask("GET", link.replace("/users/", "/groups/")).status == 400


def test_both_names_of_the_function_are_known(world):
    world.fill(users=2)
    for name in ("delta", "delta()", "microsoft.graph.delta", "microsoft.graph.delta()"):
        assert len(read(world, f"/users/{name}")[0]) == 2


def test_a_page_may_be_empty_and_the_next_one_goes_on(world):
    world.fill(users=3)
    world.fault("empty_page", after=1)
    items, _, pages = read(world, "/users/delta", prefer="odata.maxpagesize=2")
    assert (len(items), pages) == (3, 3)


def test_an_object_may_come_twice(world):
    world.fill(users=4)
    world.fault("duplicate")
    items, _, _ = read(world, "/users/delta?$select=id", prefer="odata.maxpagesize=2")
    ids = [each["id"] for each in items]
    assert len(ids) == 5
    assert len(set(ids)) == 4


def test_deltas_that_lag_tell_a_change_later_and_again(world):
    user = world.add_user("adele")
    _, link, _ = read(world, "/users/delta?$select=city")
    world.lag(deltas=True)
    world.set(user, city="Ulm")
    items, later, _ = read(world, link)
    assert items == []
    world.lag()
    assert read(world, later)[0] == [{"city": "Ulm", "id": user}]


def test_a_replay_is_what_the_old_link_gives(world):
    user = world.add_user("adele")
    _, link, _ = read(world, "/users/delta?$select=city")
    world.set(user, city="Ulm")
    assert read(world, link)[0] == read(world, link)[0] == [{"city": "Ulm", "id": user}]


def test_pages_that_were_kept_are_forgotten_when_something_changes(world):
    user = world.add_user("adele", city="Ulm")
    address = "/users/delta?$select=city"
    assert read(world, address)[0] == read(world, address)[0] == [{"city": "Ulm", "id": user}]
    world.set(user, city="Bonn")
    assert read(world, address)[0] == [{"city": "Bonn", "id": user}]
