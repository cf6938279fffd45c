"""The local Microsoft Graph: throttling in resource units, and who may do what.

https://learn.microsoft.com/graph/throttling-limits
"""

from datetime import timedelta

import pytest

from tests.services.graph.sign_in import GRAPH
from tests.services.graph.throttle import Limits, cost, documented
from tests.services.graph.wire import Request
from tests.services.graph.world import World


@pytest.fixture
def world() -> World:
    """A tenant with nobody in it."""
    return World()


@pytest.mark.parametrize(
    ("method", "path", "query", "units"),
    [
        ("GET", "/v1.0/users", {}, 2),
        ("GET", "/v1.0/users", {"$select": "id"}, 1),
        ("GET", "/v1.0/users", {"$expand": "manager"}, 3),
        ("GET", "/v1.0/users", {"$top": "19"}, 1),
        ("GET", "/v1.0/users", {"$top": "20"}, 2),
        ("GET", "/v1.0/users/delta", {}, 1),
        ("GET", "/v1.0/users/1", {"$select": "id", "$top": "1"}, 1),
        ("GET", "/v1.0/users/1/memberOf", {}, 2),
        ("GET", "/v1.0/groups/1/members", {}, 3),
        ("GET", "/v1.0/groups/1/members", {"$select": "id"}, 2),
        ("POST", "/v1.0/users", {}, 1),
    ],
)
def test_requests_cost_what_the_table_says(method, path, query, units):
    assert cost(Request(method=method, path=path, query=query)) == units


@pytest.mark.parametrize(("users", "units"), [(49, 3500), (50, 5000), (500, 5000), (501, 8000)])
def test_limits_depend_on_the_size_of_the_tenant(users, units):
    assert documented(users) == Limits(
        units=units, units_seconds=10, writes=3000, writes_seconds=150
    )


def test_costs_are_told_and_the_last_fifth_is_warned_of(world):
    assert world.ask("GET", "/users").headers["x-ms-resource-unit"] == "2"
    world.tenant.throttle.limits = Limits(units=10, units_seconds=1000)
    shown = [
        world.ask("GET", "/users").headers.get("x-ms-throttle-limit-percentage") for _ in range(5)
    ]
    assert shown[:4] == [None] * 4
    assert shown[4] == "1.00"


def test_what_exceeds_the_units_waits_until_there_are_some_again(world):
    world.tenant.throttle.limits = Limits(units=4, units_seconds=4000)
    assert [world.ask("GET", "/users").status for _ in range(2)] == [200, 200]
    answer = world.ask("GET", "/users")
    assert (answer.status, answer.code) == (429, "TooManyRequests")
    assert 1995 <= int(answer.headers["Retry-After"]) <= 2000
    scope = f"{world.tenant.sign_in.application.id}/{world.tenant.id}"
    assert answer.headers["x-ms-throttle-scope"] == f"Tenant_Application/ReadWrite/{scope}"
    assert answer.headers["x-ms-throttle-information"] == "ResourceUnitLimitExceeded"
    world.forward(timedelta(seconds=2000))
    assert world.ask("GET", "/users").status == 200


def test_writes_have_a_limit_of_their_own_and_reads_go_on(world):
    user = world.add_user("a")
    world.tenant.throttle.limits = Limits(units=1000, writes=1, writes_seconds=1000)
    assert world.ask("PATCH", f"/users/{user}", {"city": "Ulm"}).status == 204
    answer = world.ask("PATCH", f"/users/{user}", {"city": "Bonn"})
    assert answer.headers["x-ms-throttle-information"] == "WriteLimitExceeded"
    assert world.values(user)["city"] == "Ulm"
    assert world.ask("GET", f"/users/{user}").status == 200


# --- permissions ---------------------------------------------------------------------------------


def status(world: World, role: str, method: str, address: str) -> int:
    """What somebody with one permission is answered."""
    application = world.tenant.sign_in.register(roles=frozenset({role}))
    token = f"Bearer {world.token(application=application)}"
    return world.ask(method, address, {}, authorization=token).status


@pytest.mark.parametrize(
    ("role", "method", "address", "may"),
    [
        ("User.Read.All", "GET", "/users", True),
        ("User.Read.All", "GET", "/users/delta", True),
        ("User.Read.All", "GET", "/groups", False),
        ("User.Read.All", "POST", "/users", False),
        ("User.Read.All", "DELETE", "/users/1", False),
        ("User.ReadWrite.All", "POST", "/users", True),
        ("User.ReadWrite.All", "POST", "/groups", False),
        ("GroupMember.Read.All", "GET", "/groups/delta", True),
        ("GroupMember.ReadWrite.All", "POST", "/groups/1/members/$ref", True),
        ("GroupMember.ReadWrite.All", "PATCH", "/groups/1", False),
        ("Group.Create", "POST", "/groups", True),
        ("Directory.Read.All", "GET", "/directory/deletedItems/1", True),
        ("Directory.Read.All", "POST", "/directory/deletedItems/1/restore", False),
        ("Mail.Read", "GET", "/organization", False),
    ],
)
def test_permissions_are_those_of_the_reference(world, role, method, address, may):
    assert (status(world, role, method, address) != 403) is may


def test_who_may_not_is_told_so_and_not_charged(world):
    application = world.tenant.sign_in.register(roles=frozenset())
    token = f"Bearer {world.token(application=application)}"
    answer = world.ask("GET", "/users", authorization=token)
    assert (answer.status, answer.code) == (403, "Authorization_RequestDenied")
    assert answer.message == "Insufficient privileges to complete the operation."
    assert "x-ms-resource-unit" not in answer.headers


@pytest.mark.parametrize(
    ("authorization", "part"),
    [
        ("", "Access token is empty."),
        ("Bearer ", "Access token is empty."),
        ("Bearer nonsense", "not well formed"),
        ("Bearer a.b.c", "Invalid signature"),
    ],
)
def test_who_is_nobody_is_told_so(world, authorization, part):
    answer = world.ask("GET", "/users", authorization=authorization)
    assert (answer.status, answer.code) == (401, "InvalidAuthenticationToken")
    assert part in answer.message
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")


def test_a_token_is_for_one_audience_and_one_hour(world):
    sign_in = world.tenant.sign_in
    elsewhere = f"Bearer {sign_in.token(audience='https://vault.azure.net')}"
    assert "audience" in world.ask("GET", "/users", authorization=elsewhere).message
    old = f"Bearer {sign_in.token(life=timedelta(seconds=-1))}"
    assert "expired" in world.ask("GET", "/users", authorization=old).message
    good = f"Bearer {sign_in.token(audience=GRAPH + '/')}"
    assert world.ask("GET", "/users", authorization=good).status == 200
    sign_in.end_sessions()
    assert world.ask("GET", "/users", authorization=good).status == 401


def test_without_sign_in_everybody_may_do_everything(world):
    world.tenant.sign_in.required = False
    assert world.ask("GET", "/users", authorization="").status == 200
