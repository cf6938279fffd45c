"""What becomes of writes to a SCIM service: each only if the object is still as it was."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from werkzeug import Request, Response

from hypersync.connectors.contract import succeeded
from hypersync.connectors.scim.connector import ScimConnector
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
from tests.scim_service import (
    ENTERPRISE,
    USER,
    Instead,
    ScimServer,
    answer,
    broken,
    listed,
    problem,
)
from tests.scimming import connect

EMAILS = [
    {"value": "ann@example.org", "type": "work", "primary": True},
    {"value": "ann@home.example", "type": "home"},
]
WORK = 'emails[type eq "work"].value'
OTHER = 'emails[type eq "other"].value'
NOBODY = "0123456789abcdef"


def change(
    connector: ScimConnector,
    operation: Operation,
    anchor: str | None,
    before: Attributes | None,
    after: Attributes | None,
    number: int = 0,
) -> Change:
    (kind,) = connector.streams()[number]
    return Change(
        key=f"{operation.value}-{anchor}",
        operation=operation,
        type=kind,
        anchor=anchor,
        before=before,
        after=after,
    )


def apply(connector: ScimConnector, *changes: Change) -> list[Outcome]:
    with connector.open() as session:
        return list(session.apply(changes))


def update(connector: ScimConnector, anchor: str, before: Attributes, after: Attributes) -> Outcome:
    (outcome,) = apply(connector, change(connector, Operation.UPDATE, anchor, before, after))
    return outcome


def boss(connector: ScimConnector, anchor: str) -> Outcome:
    return update(connector, anchor, {"title": "Clerk"}, {"title": "Boss"})


def create(connector: ScimConnector, after: Attributes, number: int = 0) -> Outcome:
    (outcome,) = apply(connector, change(connector, Operation.CREATE, None, None, after, number))
    return outcome


def member(connector: ScimConnector, operation: Operation, group: str, anchor: str) -> Outcome:
    held = {"member": anchor}
    sides = (None, held) if operation is Operation.ADD_MEMBER else (held, None)
    (outcome,) = apply(connector, change(connector, operation, group, *sides, 1))
    return outcome


def on(method: str, then: Instead, path: str = "/v2/Users") -> Instead:
    """Answer requests of one method, and let the server answer the others."""

    def instead(request: Request) -> Response | None:
        is_it = request.method == method and request.path.startswith(path)
        return then(request) if is_it else None

    return instead


def sent(scim: ScimServer, method: str) -> list[Any]:
    return [json.loads(r.get_data()) for r in scim.requests if r.method == method]


def operations(scim: ScimServer) -> list[dict[str, Any]]:
    return [each for body in sent(scim, "PATCH") for each in body["Operations"]]


def title(scim: ScimServer, anchor: str) -> str:
    return str(scim.call("GET", f"/Users/{anchor}").get("title"))


# --- compare and set ---------------------------------------------------------------------------


@pytest.mark.parametrize("patch", ["path", "value", "put"])
def test_a_change_between_reading_and_writing_is_a_conflict(scim: ScimServer, patch: str):
    ann = scim.add_user("ann")

    def meddle(request: Request) -> None:
        scim.patch(f"/Users/{ann}", {"op": "replace", "path": "title", "value": "Director"})

    scim.instead = on("PUT" if patch == "put" else "PATCH", meddle)
    outcome = boss(connect(scim.url, patch=patch), ann)
    assert isinstance(outcome, Conflict)
    assert outcome.why == "changed in the silo meanwhile"
    assert outcome.object is not None
    assert outcome.object.attributes["title"] == "Director"
    assert title(scim, ann) == "Director"


def test_a_delete_between_reading_and_writing_is_a_conflict(scim: ScimServer):
    ann = scim.add_user("ann")
    scim.instead = on("PATCH", lambda r: scim.call("DELETE", f"/Users/{ann}"))
    outcome = boss(connect(scim.url), ann)
    assert outcome == Conflict(f"user {ann} is not there any more")


def test_an_object_that_changed_is_not_deleted(scim: ScimServer):
    ann = scim.add_user("ann")

    def meddle(request: Request) -> None:
        scim.patch(f"/Users/{ann}", {"op": "replace", "path": "title", "value": "Director"})

    scim.instead = on("DELETE", meddle)
    connector = connect(scim.url)
    (outcome,) = apply(
        connector, change(connector, Operation.DELETE, ann, {"title": "Clerk"}, None)
    )
    assert isinstance(outcome, Conflict)
    assert title(scim, ann) == "Director"


@pytest.mark.parametrize(
    ("etag", "versions"), [("auto", [None]), ("never", [None]), ("always", ['W/"1"'])]
)
def test_versions_are_sent_where_the_service_has_them(
    scim: ScimServer, etag: str, versions: list[str | None]
):
    ann = scim.add_user("ann")
    scim.instead = lambda r: answer({"etag": {"supported": False}}) if "Config" in r.path else None
    assert isinstance(boss(connect(scim.url, etag=etag), ann), Succeeded)
    seen = [r.headers.get("If-Match") for r in scim.requests if r.method == "PATCH"]
    assert [None if each is None else 'W/"1"' for each in seen] == versions


def test_a_version_may_stand_in_the_header_only(scim: ScimServer):
    scim.instead = lambda r: (
        answer({"id": "x", "title": "Clerk"}, ETag='"7"')
        if r.method == "GET" and r.path == "/v2/Users/x"
        else None
    )
    boss(connect(scim.url), "x")
    (patched,) = [r for r in scim.requests if r.method == "PATCH"]
    assert patched.headers["If-Match"] == '"7"'


# --- creating ----------------------------------------------------------------------------------


def test_a_create_whose_answer_was_lost_succeeds_when_it_is_tried_again(scim: ScimServer):
    after = {"userName": "new", "externalId": "E1", "title": "Clerk"}

    def lose(request: Request) -> Response:
        scim.call("POST", "/Users", json.loads(request.get_data()))
        return broken(request)

    scim.instead = on("POST", lose)
    connector = connect(scim.url)
    outcome = create(connector, after)
    assert isinstance(outcome, Unknown)
    scim.instead = None
    again = create(connector, after)
    assert succeeded(again)["userName"] == "new"
    assert scim.call("GET", "/Users")["totalResults"] == 1


def test_somebody_who_took_the_name_meanwhile_is_a_conflict(scim: ScimServer):
    scim.instead = on("POST", lambda r: scim.add_user("new", title="Other") and None)
    outcome = create(connect(scim.url), {"userName": "New", "title": "Clerk"})
    assert isinstance(outcome, Conflict)
    assert outcome.object is not None
    assert outcome.object.attributes["title"] == "Other"


def test_a_name_that_is_taken_is_a_conflict_whatever_recognises_the_object(scim: ScimServer):
    scim.add_user("new", externalId="E2")
    outcome = create(connect(scim.url), {"userName": "new", "externalId": "E1"})
    assert isinstance(outcome, Conflict)
    assert "exists already" in outcome.why


def test_what_is_taken_and_cannot_be_found_is_a_conflict_all_the_same(scim: ScimServer):
    scim.instead = on("POST", lambda r: problem(400, "telephone is taken", "uniqueness"))
    outcome = create(connect(scim.url), {"userName": "new"})
    assert isinstance(outcome, Conflict)
    assert "telephone is taken" in outcome.why


def test_two_that_could_be_it_are_a_conflict(scim: ScimServer):
    for _ in range(2):
        scim.add_group("staff", [])
    outcome = create(connect(scim.url), {"displayName": "staff"}, 1)
    assert outcome == Conflict("2 objects are recognised as this group")


def test_match_says_what_recognises_an_object(scim: ScimServer):
    ann = scim.add_user("ann", nickName="a")
    types = {"user": {"match": ["nickName"]}}
    outcome = create(connect(scim.url, types=types), {"userName": "new", "nickName": "A"})
    assert isinstance(outcome, Conflict)
    assert outcome.object is not None
    assert outcome.object.anchor == ann


@pytest.mark.parametrize("refusal", [problem(400, "", "invalidFilter"), problem(501)])
def test_a_service_that_refuses_the_filter_is_searched_whole(scim: ScimServer, refusal: Response):
    ann = scim.add_user("ann")
    scim.instead = lambda r: refusal if "filter" in r.args else None
    outcome = create(connect(scim.url), {"userName": "ann", "title": "Boss"})
    assert isinstance(outcome, Conflict)
    assert outcome.object is not None
    assert outcome.object.anchor == ann


def test_a_service_that_ignores_the_filter_does_not_show_a_stranger(scim: ScimServer):
    scim.add_user("ann")
    everybody = scim.call("GET", "/Users")
    scim.instead = lambda r: answer(everybody) if "filter" in r.args else None
    assert succeeded(create(connect(scim.url), {"userName": "new"}))["userName"] == "new"


@pytest.mark.parametrize("has_location", [True, False])
def test_a_service_that_returns_nothing_is_asked_what_it_made(scim: ScimServer, has_location: bool):
    def silent(request: Request) -> Response:
        made = scim.call("POST", "/Users", json.loads(request.get_data()))
        headers = {"Location": f"https://elsewhere.example/Users/{made['id']}"}
        return Response("", 201, headers=headers if has_location else {})

    scim.instead = on("POST", silent)
    assert succeeded(create(connect(scim.url), {"userName": "new"}))["userName"] == "new"


@pytest.mark.parametrize(
    "search",
    [
        lambda r: None,
        broken,
        lambda r: problem(403),
        lambda r: listed([{"userName": "new"}]),
    ],
)
def test_a_create_of_which_nothing_is_to_be_found_is_unknown(scim: ScimServer, search: Instead):
    def instead(request: Request) -> Response | None:
        if request.method == "POST":
            scim.instead = on("GET", search)
            return Response("", 201)
        return None

    scim.instead = instead
    outcome = create(connect(scim.url), {"userName": "new"})
    assert outcome == Unknown("it was created, and the service does not say under which id")
    assert not outcome.is_lost  # it answered


def test_a_password_is_written_and_neither_shown_nor_compared(scim: ScimServer):
    connector = connect(scim.url)
    after = {"userName": "new", "password": "s3cret-enough"}
    for _ in range(2):
        assert "password" not in succeeded(create(connector, after))
    (body,) = sent(scim, "POST")
    assert body["password"] == after["password"]
    anchor = scim.call("GET", "/Users")["Resources"][0]["id"]
    changed = update(connector, anchor, {"password": None}, {"password": "an0ther"})
    assert isinstance(changed, Succeeded)
    assert operations(scim) == [{"op": "replace", "path": "password", "value": "an0ther"}]


# --- updating ----------------------------------------------------------------------------------


@pytest.mark.parametrize("patch", ["path", "value", "put"])
def test_one_entry_changes_and_the_others_keep_what_they_say(scim: ScimServer, patch: str):
    ann = scim.add_user("ann", emails=EMAILS)
    connector = connect(scim.url, types={"user": {}}, patch=patch)
    outcome = update(
        connector,
        ann,
        {WORK: "ann@example.org", OTHER: None},
        {WORK: "lee@example.org", OTHER: "o@example.org"},
    )
    assert succeeded(outcome)[WORK] == "lee@example.org"
    emails = scim.call("GET", f"/Users/{ann}")["emails"]
    assert sorted(emails, key=lambda each: each["type"]) == [
        EMAILS[1],
        {"value": "o@example.org", "type": "other"},
        {"value": "lee@example.org", "type": "work", "primary": True},
    ]
    outcome = update(connector, ann, {WORK: "lee@example.org"}, {WORK: None})
    assert set(succeeded(outcome)["emails"]) == {"ann@home.example", "o@example.org"}


@pytest.mark.parametrize("patch", ["path", "value", "put"])
def test_parts_and_extensions_are_written(scim: ScimServer, patch: str):
    ann = scim.add_user("ann", name={"givenName": "Ann", "familyName": "Lee"})
    boss = scim.add_user("boss")
    connector = connect(scim.url, types={"user": {}}, patch=patch)
    before = {"name.familyName": "Lee", "department": "Sales", "manager": None}
    after = {"name.familyName": "Low", "department": "IT", "manager": boss}
    found = succeeded(update(connector, ann, before, after))
    assert {name: found[name] for name in after} == after
    assert found["name.givenName"] == "Ann"
    cleared = succeeded(update(connector, ann, after, dict.fromkeys(after)))
    assert not set(after) & set(cleared)
    assert cleared["name.givenName"] == "Ann"


def test_a_new_entry_of_several_parts_is_one_entry(scim: ScimServer):
    ann = scim.add_user("ann")
    names = ('addresses[type eq "work"].locality', 'addresses[type eq "work"].postalCode')
    after = {names[0]: "Paris", names[1]: "75001"}
    connector = connect(scim.url, types={"user": {}})
    found = succeeded(update(connector, ann, dict.fromkeys(after), after))
    assert {name: found[name] for name in after} == after
    assert len(scim.call("GET", f"/Users/{ann}")["addresses"]) == 1


def test_text_is_truth_where_the_service_wants_truth(scim: ScimServer):
    ann = scim.add_user("ann")
    found = succeeded(update(connect(scim.url), ann, {"active": "true"}, {"active": "false"}))
    assert found["active"] is False


@pytest.mark.parametrize(
    ("after", "reason"),
    [
        ({"tilte": "x"}, "the service knows no attribute 'tilte'"),
        ({"groups": ("x",)}, "'groups' is read-only"),
        ({"id": "x"}, "'id' is read-only"),
        ({"meta.created": "x"}, "'meta.created' is read-only"),
        ({"title": ("a", "b")}, "'title' holds one value; 2 were given"),
        ({"title": b"x"}, "'title' cannot hold bytes"),
        ({"no such": "x"}, "'no such' is no SCIM attribute"),
    ],
)
def test_what_cannot_be_written_is_refused_before_it_is_tried(
    scim: ScimServer, after: Attributes, reason: str
):
    ann = scim.add_user("ann")
    outcome = update(connect(scim.url), ann, {}, after)
    assert isinstance(outcome, Refused)
    assert reason in outcome.reason
    assert operations(scim) == []


def test_what_the_service_accepts_and_does_not_do_is_unknown(scim: ScimServer):
    ann = scim.add_user("ann")
    scim.instead = on("PATCH", lambda r: Response("", 204))
    outcome = boss(connect(scim.url), ann)
    assert outcome == Unknown("the service accepted it and does not show it: title")
    assert not outcome.is_lost  # it answered


def test_a_service_without_patch_is_written_by_put(scim: ScimServer):
    ann = scim.add_user("ann", emails=EMAILS)
    config = {"patch": {"supported": False}, "etag": {"supported": True}}
    scim.instead = lambda r: answer(config) if "Config" in r.path else None
    assert isinstance(boss(connect(scim.url), ann), Succeeded)
    (body,) = sent(scim, "PUT")
    assert "meta" not in body
    assert body["emails"] == EMAILS
    assert body[ENTERPRISE] == {"department": "Sales"}
    with connect(scim.url, patch="path").open() as session:
        (mistake,) = session.check()
    assert "has no PATCH" in mistake.message


@pytest.mark.parametrize("select", ["false", "true"])
def test_what_is_shown_on_request_is_asked_for_and_never_lost(scim: ScimServer, select: str):
    ann = scim.add_user("ann", nickName="Annie")
    schemas = scim.call("GET", "/Schemas")
    (kind,) = [each for each in schemas["Resources"] if each["id"] == USER]
    (shy,) = [each for each in kind["attributes"] if each["name"] == "title"]
    shy["returned"] = "request"

    def hide(request: Request) -> Response | None:
        if request.path == "/v2/Schemas":
            return answer(schemas)
        if request.method != "GET" or ann not in request.path:
            return None
        found = scim.call("GET", request.full_path.removeprefix("/v2"))
        if "title" not in request.args.get("attributes", ""):
            found.pop("title", None)
        return answer(found)

    scim.instead = hide
    types = {"user": {"attributes": ["title"]}}
    with connect(scim.url, types=types, select=select).open() as session:
        found = [mistake.message for mistake in session.check()]
    assert found == (
        ["the service returns 'title' only when it is asked for"] if select == "false" else []
    )
    assert isinstance(boss(connect(scim.url, types=types, select=select), ann), Succeeded)
    putting = connect(scim.url, types=types, select=select, patch="put")
    assert update(putting, ann, {"title": "Boss"}, {"title": "Clerk"}) == Refused(
        "'put' would lose what the service hides: title"
    )
    assert scim.call("GET", f"/Users/{ann}")["nickName"] == "Annie"


@pytest.mark.parametrize("patch", ["path", "put"])
def test_what_nobody_asked_for_is_not_lost_either(scim: ScimServer, patch: str):
    ann = scim.add_user("ann", nickName="Annie", emails=EMAILS)
    types = {"user": {"attributes": ["title"]}}
    connector = connect(scim.url, types=types, select="true", patch=patch)
    assert isinstance(boss(connector, ann), Succeeded)
    found = scim.call("GET", f"/Users/{ann}")
    assert (found["title"], found["nickName"], found["emails"]) == ("Boss", "Annie", EMAILS)


def test_a_change_of_no_object_is_refused(scim: ScimServer):
    connector = connect(scim.url)
    for operation in (Operation.UPDATE, Operation.DELETE):
        (outcome,) = apply(connector, change(connector, operation, None, {}, {"title": "x"}))
        assert outcome == Refused("the change names no object")


# --- members -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("patch", "added", "removed"),
    [
        (
            "path",
            {"op": "add", "path": "members", "value": [{"value": "ID"}]},
            {"op": "remove", "path": 'members[value eq "ID"]'},
        ),
        (
            "value",
            {"op": "add", "value": {"members": [{"value": "ID"}]}},
            {"op": "remove", "path": 'members[value eq "ID"]'},
        ),
        (
            "entra",
            {"op": "Add", "path": "members", "value": [{"value": "ID"}]},
            {"op": "Remove", "path": "members", "value": [{"value": "ID"}]},
        ),
    ],
)
def test_each_dialect_adds_and_removes_members_in_its_way(
    scim: ScimServer, patch: str, added: dict[str, Any], removed: dict[str, Any]
):
    ann = scim.add_user("ann")
    staff = scim.add_group("staff", [scim.add_user("bob")])
    connector = connect(scim.url, patch=patch)
    scim.instead = on("PATCH", lambda r: Response("", 204), "/v2/Groups")
    for operation in (Operation.ADD_MEMBER, Operation.REMOVE_MEMBER):
        member(connector, operation, staff, ann)
    wanted = json.dumps([added, removed]).replace("ID", ann)
    assert operations(scim) == json.loads(wanted)


def test_members_that_are_taken_away_by_somebody_else_are_gone(scim: ScimServer):
    ann = scim.add_user("ann")
    staff = scim.add_group("staff", [])
    refusal = problem(400, "no such member", "noTarget")
    scim.instead = on("PATCH", lambda r: refusal, "/v2/Groups")
    outcome = member(connect(scim.url), Operation.REMOVE_MEMBER, staff, ann)
    assert "member" not in succeeded(outcome)


@pytest.mark.parametrize("fresh_for", [timedelta(minutes=5), timedelta(0)])
def test_what_changed_just_now_is_not_believed_to_be_gone(scim: ScimServer, fresh_for: timedelta):
    """The node that answers a write may be behind the one that was read or written before."""
    ann = scim.add_user("ann")
    group = scim.add_group("sales", [])
    connector = connect(scim.url)
    leave = change(connector, Operation.REMOVE_MEMBER, group, {"member": ann}, None, 1)
    away = change(connector, Operation.DELETE, ann, {"title": "Clerk"}, None)
    expected = RetryAfter if fresh_for else Succeeded
    scim.instead = on("DELETE", lambda r: problem(404, "no such user"))
    (outcome,) = apply(connector, replace(away, fresh_for=fresh_for))
    assert isinstance(outcome, expected), outcome
    scim.instead = on("PATCH", lambda r: problem(400, "no such", "noTarget"), "/v2/Groups")
    (outcome,) = apply(connector, replace(leave, fresh_for=fresh_for))
    assert isinstance(outcome, expected), outcome


def test_few_members_change_one_by_one_and_many_at_once(scim: ScimServer):
    ids = [scim.add_user(f"u{n}") for n in range(4)]
    staff = scim.add_group("staff", ids[:3])
    connector = connect(scim.url)
    steps = (
        (ids[:3], ids[1:], ["remove", "add"]),
        (ids[1:], ids[:1], ["replace"]),
        (ids[:1], (), ["remove"]),
        ((), ids, ["add"]),
    )
    for before, after, wanted in steps:
        scim.requests.clear()
        sides = {"member": tuple(before) or None}, {"member": tuple(after) or None}
        (outcome,) = apply(connector, change(connector, Operation.UPDATE, staff, *sides, 1))
        assert succeeded(outcome).get("member", ()) == tuple(sorted(after))
        assert [each["op"] for each in operations(scim)] == wanted


def test_a_member_that_the_service_does_not_know_is_not_a_group_that_is_gone(scim: ScimServer):
    staff = scim.add_group("staff", [])
    scim.instead = on("PATCH", lambda r: problem(404, "no such user"), "/v2/Groups")
    outcome = member(connect(scim.url), Operation.ADD_MEMBER, staff, NOBODY)
    assert outcome == Refused("there is nothing [404: no such user]")


# --- answers -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("response", "outcome"),
    [
        (
            problem(401),
            RetryAfter(
                timedelta(seconds=30), "the service does not accept the token or password [401]"
            ),
        ),
        (problem(403), Refused("the account we sign in with has not the right [403]")),
        (
            problem(429, Retry_After="7"),
            RetryAfter(timedelta(seconds=7), "the service asks to wait [429]"),
        ),
        (
            problem(503, Retry_After="soon"),
            RetryAfter(timedelta(seconds=30), "the service is not available [503]"),
        ),
        (problem(500, "oops"), Unknown("the service failed [500: oops]")),
        (problem(504), Unknown("the service failed [504]")),
        (problem(501), Refused("the service does not have this operation [501]")),
        (problem(413), Refused("the request is too large for the service [413]")),
        (
            problem(400, "bad", "invalidValue"),
            Refused("refused [400: invalidValue: bad]"),
        ),
        (problem(409, "taken"), Conflict("another object has it already [409: taken]")),
    ],
)
def test_each_answer_has_its_outcome(scim: ScimServer, response: Response, outcome: Outcome):
    ann = scim.add_user("ann")
    scim.instead = on("PATCH", lambda r: response)
    assert boss(connect(scim.url), ann) == outcome
    assert title(scim, ann) == "Clerk"


@pytest.mark.parametrize("status", [401, 429, 503])
def test_a_service_that_wants_to_be_left_alone_is(scim: ScimServer, status: int):
    ids = [scim.add_user(name) for name in ("ann", "bob")]
    scim.instead = on("PATCH", lambda r: problem(status))
    connector = connect(scim.url)
    changes = [
        change(connector, Operation.UPDATE, each, {"title": "Clerk"}, {"title": "Boss"})
        for each in ids
    ]
    outcomes = apply(connector, *changes)
    assert [type(each) for each in outcomes] == [RetryAfter, RetryAfter]
    assert [each.is_lost for each in outcomes] == [status == 503, True]  # no attempt of the second
    assert len(sent(scim, "PATCH")) == 1


def test_an_answer_that_was_lost_is_unknown_and_what_comes_after_waits(scim: ScimServer):
    ids = [scim.add_user(name) for name in ("ann", "bob")]

    def lose(request: Request) -> Response:
        path = request.path.removeprefix("/v2")
        scim.call("PATCH", path, json.loads(request.get_data()))
        return broken(request)

    scim.instead = on("PATCH", lose)
    connector = connect(scim.url)
    changes = [
        change(connector, Operation.UPDATE, each, {"title": "Clerk"}, {"title": "Boss"})
        for each in ids
    ]
    outcomes = apply(connector, *changes)
    assert [type(each) for each in outcomes] == [Unknown, RetryAfter]
    scim.instead = None
    assert [type(each) for each in apply(connector, *changes)] == [Succeeded, Succeeded]
    assert [title(scim, each) for each in ids] == ["Boss", "Boss"]


def test_a_login_page_after_a_write_is_unknown(scim: ScimServer):
    ann = scim.add_user("ann")
    page = Response("<html>please sign in</html>", content_type="text/html")
    scim.instead = on("PATCH", lambda r: page)
    assert isinstance(boss(connect(scim.url), ann), Unknown)


@pytest.mark.parametrize(
    "then",
    [
        broken,
        lambda r: problem(401),
        lambda r: problem(500),
        lambda r: Response("<html>", content_type="text/html"),
        lambda r: Response("", 302, headers={"Location": "https://login.example.org"}),
    ],
)
def test_a_service_that_goes_away_before_a_write_means_later(scim: ScimServer, then: Instead):
    ann = scim.add_user("ann")
    scim.instead = on("GET", then, f"/v2/Users/{ann}")
    assert isinstance(boss(connect(scim.url), ann), RetryAfter)
    assert operations(scim) == []


def test_a_write_that_cannot_be_read_back_is_unknown(scim: ScimServer):
    ann = scim.add_user("ann")

    def silent(request: Request) -> Response | None:
        if request.method == "PATCH":
            scim.instead = on("GET", lambda r: problem(500))
            scim.call("PATCH", f"/Users/{ann}", json.loads(request.get_data()))
            return Response("", 204)
        return None

    scim.instead = silent
    outcome = boss(connect(scim.url), ann)
    assert isinstance(outcome, Unknown)
    assert "could not be read back" in outcome.reason


def test_what_is_gone_when_it_is_read_back_is_unknown(scim: ScimServer):
    ann = scim.add_user("ann")

    def gone(request: Request) -> Response:
        scim.call("DELETE", f"/Users/{ann}")
        return Response("", 204)

    scim.instead = on("PATCH", gone)
    assert boss(connect(scim.url), ann) == Unknown("written, and gone when it was read back")
