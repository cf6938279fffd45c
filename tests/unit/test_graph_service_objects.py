"""The local Microsoft Graph: users and groups, one by one, in lists, deleted and restored."""

from datetime import timedelta

import pytest

from tests.services.graph.world import World

ADELE = {
    "accountEnabled": True,
    "displayName": "Adele Vance",
    "mailNickname": "AdeleV",
    "userPrincipalName": "AdeleV@contoso.onmicrosoft.com",
    "passwordProfile": {"forceChangePasswordNextSignIn": True, "password": "xWwvJ]6NMw+bWH-d"},
}
LIBRARY = {
    "description": "Self help community for library",
    "displayName": "Library Assist",
    "groupTypes": ["Unified"],
    "mailEnabled": True,
    "mailNickname": "library",
    "securityEnabled": False,
}
OPERATIONS = {
    "displayName": "Operations group",
    "groupTypes": [],
    "mailEnabled": False,
    "mailNickname": "operations2019",
    "securityEnabled": True,
}


@pytest.fixture
def world() -> World:
    """A tenant with nobody in it."""
    return World()


# --- creating ------------------------------------------------------------------------------------


def test_a_user_is_created_as_documented(world):
    answer = world.ask("POST", "/users", ADELE)
    assert answer.status == 201
    assert answer.body["@odata.context"].endswith("/v1.0/$metadata#users/$entity")
    assert answer.body["userPrincipalName"] == "AdeleV@contoso.onmicrosoft.com"
    assert answer.body["businessPhones"] == []
    assert answer.headers["Location"].endswith("/v1.0/users/" + answer.body["id"])
    assert "passwordProfile" not in answer.body
    stored = world.values(answer.body["id"])
    assert stored["passwordProfile"] is None
    assert stored["userType"] == "Member"


@pytest.mark.parametrize(
    ("change", "code", "part"),
    [
        ({"mailNickname": None}, "PropertyRequired", "'mailNickname'"),
        ({"displayName": None}, "PropertyRequired", "'displayName'"),
        ({"accountEnabled": None}, "PropertyRequired", "'accountEnabled'"),
        ({"passwordProfile": None}, "PropertyRequired", "A password must be specified"),
        ({"passwordProfile": {"password": "short1A"}}, "PasswordTooWeak", "complexity"),
        ({"passwordProfile": {"password": "onlylowercase"}}, "PasswordTooWeak", "complexity"),
        ({"userPrincipalName": "a@fabrikam.com"}, "InvalidValue", "verified domain names"),
        ({"userPrincipalName": "nobody"}, "InvalidValue", "'userPrincipalName'"),
        ({"userPrincipalName": "jörg@contoso.com"}, "InvalidValue", "'userPrincipalName'"),
        ({"mailNickname": "a b"}, "InvalidValue", "'mailNickname'"),
        ({"jobTitle": ""}, "InvalidValue", "'jobTitle'"),
        ({"jobTitle": 7}, "InvalidValue", "'jobTitle'"),
        ({"employeeId": "E" * 17}, "InvalidValue", "'employeeId'"),
        ({"businessPhones": ["1", "2"]}, "InvalidValue", "'businessPhones'"),
        ({"createdDateTime": "2026-01-01T00:00:00Z"}, "PropertyReadOnly", "read-only"),
        ({"shoeSize": "44"}, "", "Invalid property 'shoeSize'"),
    ],
)
def test_a_user_that_is_wrong_is_refused(world, change, code, part):
    answer = world.ask("POST", "/users", ADELE | change)
    assert (answer.status, answer.code) == (400, "Request_BadRequest")
    assert part in answer.message
    assert [each["code"] for each in answer.body["error"].get("details", [])] == [code][
        : bool(code)
    ]
    assert world.users() == []


def test_a_name_that_somebody_has_is_a_conflict(world):
    world.ask("POST", "/users", ADELE)
    answer = world.ask(
        "POST", "/users", ADELE | {"userPrincipalName": "adelev@CONTOSO.onmicrosoft.com"}
    )
    assert (answer.status, answer.code) == (400, "Request_BadRequest")
    assert answer.message == (
        "Another object with the same value for property userPrincipalName already exists."
    )
    (detail,) = answer.body["error"]["details"]
    assert (detail["code"], detail["target"]) == ("ObjectConflict", "userPrincipalName")


def test_a_mail_that_somebody_has_is_a_conflict_of_addresses(world):
    group = world.ask("POST", "/groups", LIBRARY).body
    assert group["mail"] == "library@contoso.com"
    assert group["proxyAddresses"] == ["SMTP:library@contoso.com"]
    answer = world.ask("POST", "/users", ADELE | {"mail": "library@contoso.com"})
    assert answer.status == 400
    assert "proxyAddresses" in answer.message


def test_a_group_is_created_with_its_members(world):
    users = [world.add_user(name) for name in ("a", "b")]
    bind = [f"https://graph.microsoft.com/v1.0/users/{each}" for each in users]
    answer = world.ask("POST", "/groups", OPERATIONS | {"members@odata.bind": bind})
    assert answer.status == 201
    assert answer.body["securityEnabled"] is True
    assert world.members(answer.body["id"]) == set(users)


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"mailNickname": None}, "'mailNickname'"),
        ({"mailNickname": "a.b"}, "'mailNickname'"),
        ({"securityEnabled": None}, "'securityEnabled'"),
        ({"mailEnabled": True}, "cannot be managed"),
        ({"groupTypes": ["Unified"]}, "'mailEnabled'"),
    ],
)
def test_a_group_that_is_wrong_is_refused(world, change, part):
    answer = world.ask("POST", "/groups", OPERATIONS | change)
    assert (answer.status, answer.code) == (400, "Request_BadRequest")
    assert part in answer.message


# --- reading -------------------------------------------------------------------------------------


def test_one_is_read_by_id_and_by_name_with_what_is_selected(world):
    user = world.add_user("adele", jobTitle="Clerk")
    for key in (user, "ADELE@contoso.com"):
        answer = world.ask("GET", f"/users/{key}?$select=jobTitle,city")
        assert answer.body == {
            "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#users(jobTitle,city,id)"
            "/$entity",
            "jobTitle": "Clerk",
            "city": None,
            "id": user,
        }


def test_what_is_not_there_is_not_found(world):
    group = world.add_group("staff")
    for address in ("/users/nobody", f"/users/{group}"):
        answer = world.ask("GET", address)
        assert (answer.status, answer.code) == (404, "Request_ResourceNotFound")
    assert answer.message == (
        f"Resource '{group}' does not exist or one of its queried reference-property objects are "
        "not present."
    )
    assert {"date", "request-id", "client-request-id"} == set(answer.body["error"]["innerError"])


def test_a_list_is_paged_by_links_that_repeat_the_query(world):
    world.fill(users=250)
    seen, link, pages = [], "/users?$select=id", 0
    while link:
        body = world.ask("GET", link).body
        seen += [each["id"] for each in body["value"]]
        link, pages = body.get("@odata.nextLink"), pages + 1
        assert link is None or "$select=id" in link
    assert (len(seen), len(set(seen)), pages) == (250, 250, 3)


def test_a_page_goes_on_after_the_last_object_when_others_went_meanwhile(world):
    world.fill(users=6)
    ids = [each.id for each in world.users()]
    first = world.ask("GET", "/users?$top=2").body
    world.delete(ids[0])
    second = world.ask("GET", first["@odata.nextLink"]).body
    assert [each["id"] for each in second["value"]] == ids[2:4]


@pytest.mark.parametrize("top", ["0", "1000", "many"])
def test_a_page_has_1_to_999_objects(world, top):
    answer = world.ask("GET", f"/users?$top={top}")
    assert (answer.status, answer.code) == (400, "Request_UnsupportedQuery")


def test_a_count_without_the_header_is_silently_left_out(world):
    world.fill(users=3)
    assert "@odata.count" not in world.ask("GET", "/users?$count=true").body
    counted = world.ask("GET", "/users?$count=true&$top=1", consistencylevel="eventual")
    assert counted.body["@odata.count"] == 3
    assert world.ask("GET", "/users/$count", consistencylevel="eventual").body == "3"
    assert world.ask("GET", "/users/$count").status == 400


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("displayName eq 'Anna'", "a"),
        ("displayName eq 'ANNA'", "a"),
        ("userPrincipalName eq 'B@contoso.com'", "b"),
        ("userPrincipalName eq 'x@contoso.com'", ""),
        ("accountEnabled eq false", "c"),
        ("city eq null", "c"),
        ("startswith(displayName,'B')", "b"),
        ("city eq 'Ulm' and accountEnabled eq true", "ab"),
        ("displayName eq 'Anna' or displayName eq 'Cora'", "ac"),
        ("displayName in ('Anna', 'Bert')", "ab"),
        ("(displayName eq 'Anna' or displayName eq 'Bert') and department eq 'X'", "b"),
        ("otherMails/any(m:m eq 'anna@example.org')", "a"),
        ("jobTitle eq 'it''s me'", "c"),
    ],
)
def test_filters_find_what_they_say(world, text, found):
    ids = {
        "a": world.add_user("a", displayName="Anna", city="Ulm", otherMails=["anna@example.org"]),
        "b": world.add_user("b", displayName="Bert", city="Ulm", department="X"),
        "c": world.add_user("c", displayName="Cora", accountEnabled=False, jobTitle="it's me"),
    }
    answer = world.ask("GET", f"/users?$filter={text}")
    assert [each["id"] for each in answer.body["value"]] == [ids[each] for each in found]


@pytest.mark.parametrize(
    ("text", "operator"),
    [
        ("endsWith(mail,'@contoso.com')", "endsWith"),
        ("city ne 'Ulm'", "ne"),
        ("not city eq 'Ulm'", "not"),
    ],
)
def test_advanced_filters_need_the_header_and_the_count(world, text, operator):
    world.add_user("a", city="Bonn", mail="a@contoso.com")
    address = f"/users?$filter={text}"
    refused = world.ask("GET", address)
    assert (refused.status, refused.code) == (400, "Request_UnsupportedQuery")
    assert f"Operator '{operator}' is not supported because" in refused.message
    assert world.ask("GET", address, consistencylevel="eventual").status == 400
    answer = world.ask("GET", f"{address}&$count=true", consistencylevel="eventual")
    assert len(answer.body["value"]) == 1


@pytest.mark.parametrize(
    "text",
    ["city", "city eq", "city eq Ulm", "shoeSize eq '1'", "(city eq 'a'", "city eq 'a' x", "%"],
)
def test_a_filter_that_is_none_is_a_bad_request(world, text):
    answer = world.ask("GET", f"/users?$filter={text}")
    assert (answer.status, answer.code) == (400, "BadRequest")


def test_what_is_not_supported_is_refused_and_not_ignored(world):
    for option in ("$search=x", "$orderby=displayName"):
        assert world.ask("GET", f"/users?{option}").status == 400
    answer = world.ask("GET", "/users?$select=shoeSize")
    assert "Could not find a property named 'shoeSize'" in answer.message
    assert world.ask("GET", "/planets").code == "BadRequest"
    assert world.ask("PUT", "/users").status == 405


# --- changing ------------------------------------------------------------------------------------


def test_null_clears_and_what_is_not_named_stays(world):
    user = world.add_user("adele", jobTitle="Clerk", city="Ulm")
    answer = world.ask("PATCH", f"/users/{user}", {"jobTitle": None, "department": "X"})
    assert (answer.status, answer.body) == (204, "")
    stored = world.values(user)
    assert (stored["jobTitle"], stored["city"], stored["department"]) == (None, "Ulm", "X")


def test_of_a_value_with_parts_only_those_that_are_named_change(world):
    user = world.add_user("adele", employeeOrgData={"division": "A", "costCenter": "1"})
    change = {"employeeOrgData": {"division": "B"}}
    assert world.ask("PATCH", f"/users/{user}", change).status == 204
    assert world.values(user)["employeeOrgData"] == {"division": "B", "costCenter": "1"}


def test_a_change_that_is_refused_in_part_changes_nothing(world):
    user = world.add_user("adele", city="Ulm")
    answer = world.ask("PATCH", f"/users/{user}", {"city": "Bonn", "id": "x"})
    assert answer.status == 400
    assert world.values(user)["city"] == "Ulm"
    assert world.ask("PATCH", f"/users/{user}", {"displayName": None}).status == 400


def test_a_renamed_user_is_found_by_the_new_name_only(world):
    user = world.add_user("adele")
    new = {"userPrincipalName": "vance@contoso.com"}
    assert world.ask("PATCH", f"/users/{user}", new).status == 204
    assert world.ask("GET", "/users/vance@contoso.com").status == 200
    assert world.ask("GET", "/users/adele@contoso.com").status == 404
    assert world.add_user("adele")


def test_a_synchronised_object_cannot_be_changed(world):
    user = world.add_user("adele")
    world.set(user, onPremisesSyncEnabled=True)
    answer = world.ask("PATCH", f"/users/{user}", {"city": "Ulm"})
    assert answer.status == 400
    assert "on-premises mastered" in answer.message


def test_a_body_that_is_no_object_is_refused(world):
    assert world.ask("POST", "/users", ["no"]).code == "BadRequest"


# --- deleting ------------------------------------------------------------------------------------


def test_a_deleted_user_can_be_restored(world):
    user = world.add_user("adele")
    assert world.ask("DELETE", f"/users/{user}").status == 204
    assert world.ask("GET", f"/users/{user}").status == 404
    listed = world.ask("GET", "/directory/deletedItems/microsoft.graph.user?$select=id").body
    assert listed["value"] == [{"id": user}]
    kept = world.ask("GET", f"/directory/deletedItems/{user}").body
    assert kept["@odata.type"] == "#microsoft.graph.user"
    assert kept["deletedDateTime"] is not None
    answer = world.ask("POST", f"/directory/deletedItems/{user}/restore")
    assert (answer.status, answer.body["id"]) == (200, user)
    assert (
        world.ask("GET", f"/users/{user}?$select=deletedDateTime").body["deletedDateTime"] is None
    )


def test_a_name_that_was_given_away_meanwhile_keeps_a_user_deleted(world):
    user = world.add_user("adele")
    world.delete(user)
    world.add_user("adele")
    answer = world.ask("POST", f"/directory/deletedItems/{user}/restore")
    assert answer.body["error"]["details"][0]["code"] == "ObjectConflict"


def test_deleted_for_good_is_gone(world):
    user = world.add_user("adele")
    world.delete(user)
    assert world.ask("DELETE", f"/directory/deletedItems/{user}").status == 204
    assert world.ask("POST", f"/directory/deletedItems/{user}/restore").status == 404


def test_after_thirty_days_a_deleted_user_is_gone(world):
    user = world.add_user("adele")
    world.delete(user)
    world.forward(timedelta(days=29))
    assert world.ask("GET", f"/directory/deletedItems/{user}").status == 200
    world.forward(timedelta(days=1))
    assert world.ask("GET", f"/directory/deletedItems/{user}").status == 404


def test_a_microsoft_365_group_is_kept_and_a_security_group_is_not(world):
    kept = world.ask("POST", "/groups", LIBRARY).body["id"]
    lost = world.ask("POST", "/groups", OPERATIONS).body["id"]
    for group in (kept, lost):
        assert world.ask("DELETE", f"/groups/{group}").status == 204
    listed = world.ask("GET", "/directory/deletedItems/microsoft.graph.group?$select=id").body
    assert listed["value"] == [{"id": kept}]


# --- eventual consistency ------------------------------------------------------------------------


def test_a_new_user_may_not_be_there_for_a_while(world):
    world.lag(reads=3)
    user = world.ask("POST", "/users", ADELE).body["id"]
    assert world.ask("GET", "/users").body["value"] == []
    statuses = [world.ask("GET", f"/users/{user}").status for _ in range(3)]
    assert statuses == [404, 404, 200]
    assert len(world.ask("GET", "/users").body["value"]) == 1


def test_a_new_user_may_be_missing_in_lists_for_a_while(world):
    world.lag(reads=1)
    world.ask("POST", "/users", ADELE)
    address = f"/users?$filter=userPrincipalName eq '{ADELE['userPrincipalName']}'"
    assert [len(world.ask("GET", address).body["value"]) for _ in range(2)] == [0, 1]


def test_a_changed_user_may_be_as_before_for_a_while(world):
    user = world.add_user("adele", city="Ulm")
    world.lag(reads=1)
    world.ask("PATCH", f"/users/{user}", {"city": "Bonn"})
    cities = [world.ask("GET", f"/users/{user}?$select=city").body["city"] for _ in range(2)]
    assert cities == ["Ulm", "Bonn"]


def test_a_deleted_user_may_be_there_for_a_while(world):
    user = world.add_user("adele")
    world.lag(reads=1)
    world.ask("DELETE", f"/users/{user}")
    assert [world.ask("GET", f"/users/{user}").status for _ in range(2)] == [200, 404]


def test_a_new_group_may_take_no_members_for_a_while(world):
    user = world.add_user("adele")
    world.lag(reads=1)
    group = world.ask("POST", "/groups", OPERATIONS).body["id"]
    reference = {"@odata.id": f"https://graph.microsoft.com/v1.0/directoryObjects/{user}"}
    path = f"/groups/{group}/members/$ref"
    assert [world.ask("POST", path, reference).status for _ in range(2)] == [404, 204]
