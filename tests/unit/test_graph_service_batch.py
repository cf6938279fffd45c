"""The local Microsoft Graph: batches, as https://learn.microsoft.com/graph/json-batching."""

import pytest

from tests.services.graph.world import World

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def world() -> World:
    """A tenant with nobody in it."""
    return World()


def batch(world: World, *items: dict) -> dict[str, dict]:
    """Send a batch whose items are numbered; return the answers by number."""
    requests = [{"id": str(number), **item} for number, item in enumerate(items, 1)]
    answer = world.ask("POST", "/$batch", {"requests": requests})
    assert answer.status == 200, answer.body
    return {each["id"]: each for each in answer.body["responses"]}


def get(url: str, *after: str) -> dict:
    """An item that reads."""
    return {"method": "GET", "url": url} | ({"dependsOn": list(after)} if after else {})


def test_each_item_has_its_own_answer_in_any_order(world):
    user = world.add_user("a")
    requests = [
        {"id": "1", **get(f"/users/{user}?$select=id")},
        {"id": "2", **get("users/nobody")},
        {"id": "3", "method": "DELETE", "url": f"/users/{user}"},
    ]
    answer = world.ask("POST", "/$batch", {"requests": requests})
    assert [(each["id"], each["status"]) for each in answer.body["responses"]] == [
        ("3", 204),
        ("2", 404),
        ("1", 200),
    ]
    first = answer.body["responses"][-1]
    assert first["body"]["id"] == user
    assert first["headers"]["x-ms-resource-unit"] == "1"
    assert "body" not in answer.body["responses"][0]


def test_an_item_has_headers_of_its_own(world):
    world.fill(users=2)
    item = get("/users?$count=true&$top=1") | {"headers": {"ConsistencyLevel": "eventual"}}
    assert batch(world, item)["1"]["body"]["@odata.count"] == 2


def test_what_depends_on_a_failure_fails_with_it(world):
    answers = batch(
        world,
        get("/users/nobody"),
        get("/users", "1"),
        get("/users", "2"),
        get("/groups"),
    )
    assert {key: each["status"] for key, each in answers.items()} == {
        "1": 404,
        "2": 424,
        "3": 424,
        "4": 200,
    }


def test_an_item_sees_what_it_depends_on(world):
    user, boss = world.add_user("a"), world.add_user("b")
    put = {
        "method": "PUT",
        "url": f"/users/{user}/manager/$ref",
        "headers": JSON,
        "body": {"@odata.id": f"https://graph.microsoft.com/v1.0/users/{boss}"},
    }
    answers = batch(world, put, get(f"/users/{user}/manager", "1"))
    assert answers["2"]["body"]["id"] == boss


@pytest.mark.parametrize(
    "requests",
    [
        None,
        [],
        [{"id": str(number), "method": "GET", "url": "/users"} for number in range(21)],
        [{"id": "a", "method": "GET", "url": "/users"}, {"id": "A", "method": "GET", "url": "/"}],
        [{"method": "GET", "url": "/users"}],
        [{"id": "1", "method": "GET"}],
        [{"id": "1", "method": "LOOK", "url": "/users"}],
        [{"id": "1", "method": "POST", "url": "/users", "body": {}}],
        [{"id": "1", "method": "GET", "url": "/users", "dependsOn": ["2"]}],
    ],
)
def test_a_batch_that_is_malformed_is_refused_as_a_whole(world, requests):
    answer = world.ask("POST", "/$batch", {"requests": requests})
    assert (answer.status, answer.code) == (400, "BadRequest")


def test_items_are_throttled_one_by_one(world):
    world.fault("throttle", times=1, after=1, retry_after="3", requests=False)
    answers = batch(world, get("/users"), get("/users"), get("/users"))
    assert [answers[key]["status"] for key in "123"] == [200, 429, 200]
    assert answers["2"]["headers"]["Retry-After"] == "3"
    assert answers["2"]["body"]["error"]["code"] == "TooManyRequests"


def test_the_batch_itself_is_throttled_too(world):
    world.fault("throttle", times=1, items=False)
    answer = world.ask("POST", "/$batch", {"requests": [{"id": "1", **get("/users")}]})
    assert (answer.status, answer.headers["Retry-After"]) == (429, "1")


def test_items_are_signed_in_as_the_batch_is(world):
    requests = {"requests": [{"id": "1", **get("/users")}]}
    assert world.ask("POST", "/$batch", requests, authorization="").status == 401
    reader = world.tenant.sign_in.register(roles=frozenset({"User.Read.All"}))
    token = f"Bearer {world.token(application=reader)}"
    asked = [{"id": "1", **get("/users")}, {"id": "2", **get("/groups")}]
    answer = world.ask("POST", "/$batch", {"requests": asked}, authorization=token)
    assert {each["id"]: each["status"] for each in answer.body["responses"]} == {"1": 200, "2": 403}


def test_a_batch_in_a_batch_is_none(world):
    item = {"method": "POST", "url": "/$batch", "headers": JSON, "body": {"requests": []}}
    assert batch(world, item)["1"]["status"] == 400


def test_what_was_received_is_remembered_item_by_item(world):
    batch(world, get("/users?$top=1"), get("/groups"))
    assert [(each.method, each.path, each.in_batch) for each in world.received] == [
        ("GET", "/v1.0/users", True),
        ("GET", "/v1.0/groups", True),
        ("POST", "/v1.0/$batch", False),
    ]
    assert world.calls("GET", part="groups")[0].status == 200
    assert "authorization" not in world.received[0].headers
