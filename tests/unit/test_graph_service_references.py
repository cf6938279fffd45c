"""The local Microsoft Graph: members, managers, and where somebody belongs."""

import pytest

from tests.services.graph.world import World

V1 = "https://graph.microsoft.com/v1.0"


@pytest.fixture
def world() -> World:
    """A tenant with nobody in it."""
    return World()


def reference(id_: str, collection: str = "directoryObjects") -> dict[str, str]:
    """The body that names an object."""
    return {"@odata.id": f"{V1}/{collection}/{id_}"}


def test_a_member_is_added_and_taken_away(world):
    user, group = world.add_user("a"), world.add_group("staff")
    assert world.ask("POST", f"/groups/{group}/members/$ref", reference(user)).status == 204
    assert world.members(group) == {user}
    listed = world.ask("GET", f"/groups/{group}/members?$select=id").body["value"]
    assert listed == [{"@odata.type": "#microsoft.graph.user", "id": user}]
    of = world.ask("GET", f"/users/{user}/memberOf?$select=id").body["value"]
    assert of == [{"@odata.type": "#microsoft.graph.group", "id": group}]
    assert world.ask("DELETE", f"/groups/{group}/members/{user}/$ref").status == 204
    assert world.members(group) == set()
    assert world.ask("DELETE", f"/groups/{group}/members/{user}/$ref").status == 404


def test_a_member_that_is_one_already_is_a_bad_request(world):
    user = world.add_user("a")
    group = world.add_group("staff", [user])
    answer = world.ask("POST", f"/groups/{group}/members/$ref", reference(user, "users"))
    assert (answer.status, answer.code) == (400, "Request_BadRequest")
    assert answer.message == (
        "One or more added object references already exist for the following modified properties: "
        "'members'."
    )


def test_a_member_that_does_not_exist_is_not_found(world):
    group = world.add_group("staff")
    path = f"/groups/{group}/members/$ref"
    assert world.ask("POST", path, reference("nobody")).code == "Request_ResourceNotFound"
    assert world.ask("POST", path, {"@odata.id": "nobody"}).status == 400
    assert world.ask("POST", path, reference(group)).status == 400


def test_twenty_members_are_added_at_once_or_none(world):
    world.fill(users=22)
    ids = [each.id for each in world.users()]
    group = world.add_group("staff")
    bind = [f"{V1}/directoryObjects/{each}" for each in ids]
    path = f"/groups/{group}"
    assert world.ask("PATCH", path, {"members@odata.bind": bind[:21]}).status == 400
    assert world.members(group) == set()
    assert world.ask("PATCH", path, {"members@odata.bind": bind[:20]}).status == 204
    assert world.members(group) == set(ids[:20])
    assert world.ask("PATCH", path, {"members@odata.bind": bind[19:22]}).status == 400
    assert world.members(group) == set(ids[:20])


def test_members_come_in_pages_and_of_one_type_with_a_cast(world):
    world.fill(users=5)
    inner = world.add_group("inner")
    group = world.add_group("staff", [*(each.id for each in world.users()), inner])
    first = world.ask("GET", f"/groups/{group}/members?$select=id&$top=4").body
    second = world.ask("GET", first["@odata.nextLink"]).body
    assert (len(first["value"]), len(second["value"])) == (4, 2)
    users = world.ask("GET", f"/groups/{group}/members/microsoft.graph.user").body["value"]
    assert {each["@odata.type"] for each in users} == {"#microsoft.graph.user"}
    assert len(users) == 5


def test_a_manager_is_set_read_and_removed(world):
    boss, user = world.add_user("boss"), world.add_user("user")
    path = f"/users/{user}/manager"
    assert world.ask("GET", path).code == "Request_ResourceNotFound"
    assert world.ask("PUT", f"{path}/$ref", reference(boss, "users")).status == 204
    assert world.ask("GET", path).body["id"] == boss
    reports = world.ask("GET", f"/users/{boss}/directReports?$select=id").body["value"]
    assert [each["id"] for each in reports] == [user]
    expanded = world.ask("GET", "/users?$select=id&$expand=manager($select=id,displayName)").body
    assert [each.get("manager", {}).get("id") for each in expanded["value"]] == [None, boss]
    assert world.ask("DELETE", f"{path}/$ref").status == 204
    assert world.ask("DELETE", f"{path}/$ref").status == 404


def test_a_group_manages_nobody(world):
    user, group = world.add_user("user"), world.add_group("staff")
    answer = world.ask("PUT", f"/users/{user}/manager/$ref", reference(group))
    assert answer.status == 400


def test_a_deleted_manager_is_none_and_comes_back_when_restored(world):
    boss, user = world.add_user("boss"), world.add_user("user")
    world.set_manager(user, boss)
    world.delete(boss)
    assert world.ask("GET", f"/users/{user}/manager").status == 404
    world.restore(boss)
    assert world.ask("GET", f"/users/{user}/manager").body["id"] == boss
    world.delete(boss, for_good=True)
    assert world.entry(user).manager is None


def test_members_may_be_as_before_for_a_while(world):
    user, group = world.add_user("a"), world.add_group("staff")
    world.lag(reads=1)
    world.ask("POST", f"/groups/{group}/members/$ref", reference(user))
    counts = [len(world.ask("GET", f"/groups/{group}/members").body["value"]) for _ in range(2)]
    assert counts == [0, 1]


def test_a_manager_may_be_as_before_for_a_while(world):
    boss, user = world.add_user("boss"), world.add_user("user")
    world.lag(reads=1)
    world.ask("PUT", f"/users/{user}/manager/$ref", reference(boss))
    assert [world.ask("GET", f"/users/{user}/manager").status for _ in range(2)] == [404, 200]


def test_domains_and_the_organization_tell_what_is_verified(world):
    domains = world.ask("GET", "/domains").body["value"]
    assert [(each["id"], each["isDefault"]) for each in domains] == [
        ("contoso.com", True),
        ("contoso.onmicrosoft.com", False),
    ]
    (organization,) = world.ask("GET", "/organization").body["value"]
    assert organization["id"] == world.tenant.id
