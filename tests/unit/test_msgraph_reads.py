"""Reads and writes of Graph with scripted answers: what is not there, and what only seems so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future

import orjson
import pytest

from hypersync.connectors.contract import succeeded
from hypersync.connectors.msgraph.answers import Answer
from hypersync.connectors.msgraph.connector import MsgraphConnector, MsgraphSession
from hypersync.connectors.msgraph.requests import Request
from hypersync.errors import SiloUnreachable
from hypersync.model.objects import Attributes, Conflict, Operation, Outcome, RetryAfter
from tests.graphing import change, connect, kinds

Told = tuple[int, object]
NOT_THERE: Told = (404, {"error": {"code": "Request_ResourceNotFound", "message": "No."}})
USER = {"id": "1", "displayName": "ann", "userPrincipalName": "ann@contoso.com"}
GROUP = {"id": "g", "displayName": "staff", "mailNickname": "staff"}
Answers = Callable[[str, str], Told]


class Scripted:
    """Answers each part of a batch as it is told, by method and path."""

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        self.sent: list[str] = []

    def send(self, request: Request) -> Future[Answer]:
        responses = []
        for each in orjson.loads(request.content or b"")["requests"]:
            status, body = self.answers(each["method"], each["url"])
            responses.append({"id": each["id"], "status": status, "body": body})
            if each["method"] != "GET":
                self.sent.append(f"{each['method']} {each['url']}")
        future: Future[Answer] = Future()
        future.set_result(Answer(200, {}, orjson.dumps({"responses": responses})))
        return future


def session_of(client: Scripted, patience: str = "0s") -> MsgraphSession:
    return MsgraphSession(connector(patience), client)


def connector(patience: str = "0s") -> MsgraphConnector:
    return connect("http://127.0.0.1:1", patience=patience)


def write(
    client: Scripted,
    operation: Operation,
    anchor: str | None,
    before: Attributes | None,
    after: Attributes | None,
    *,
    kind: str = "user",
    patience: str = "0s",
) -> Outcome:
    made = connector(patience)
    (outcome,) = MsgraphSession(made, client).apply(
        [change(made, operation, anchor, before, after, kind=kind)]
    )
    return outcome


# --- members -------------------------------------------------------------------------------------


def members(*ids: str) -> Told:
    return 200, {"value": [{"id": each} for each in ids]}


def test_members_that_graph_does_not_know_are_not_added():
    def answers(method: str, path: str) -> Told:
        if method == "GET":
            return members("a") if "/members" in path else (200, GROUP)
        return NOT_THERE

    wanted = {"members": ("a", "b")}
    before = {"members": ("a",)}
    outcome = write(Scripted(answers), Operation.UPDATE, "g", before, wanted, kind="group")
    assert isinstance(outcome, Conflict)
    assert outcome.why.startswith("the members were not changed: there is no such object")
    assert outcome.object is not None
    assert outcome.object.attributes["members"] == ("a",)


def test_who_is_to_leave_and_is_not_there_has_left():
    told = iter([members("a", "b"), members("b")])

    def answers(method: str, path: str) -> Told:
        if method == "GET":
            return next(told) if "/members" in path else (200, GROUP)
        return NOT_THERE

    before, wanted = {"members": ("a", "b")}, {"members": ("b",)}
    outcome = write(Scripted(answers), Operation.UPDATE, "g", before, wanted, kind="group")
    assert succeeded(outcome)["members"] == ("b",)


class Creating:
    """A group that is made with its first twenty members; others are known after a while."""

    def __init__(self, unknown: int) -> None:
        self.unknown = unknown
        self.known = PEOPLE[:20]

    def __call__(self, method: str, path: str) -> Told:
        if method == "POST":
            return 201, GROUP
        if method == "PATCH":
            self.unknown -= 1
            if self.unknown >= 0:
                return NOT_THERE
            self.known = PEOPLE
            return 204, None
        if "/members" in path:
            return members(*self.known)
        return (200, {"value": []}) if "filter" in path else (200, GROUP)


PEOPLE = tuple(f"p{n:02}" for n in range(25))
STAFF = {"displayName": "staff", "mailNickname": "staff", "members": PEOPLE}


def test_a_new_group_whose_later_members_are_unknown_is_only_partly_written():
    client = Scripted(Creating(unknown=99))
    outcome = write(client, Operation.CREATE, None, None, STAFF, kind="group")
    assert isinstance(outcome, Conflict)
    assert outcome.why.startswith("only partly written: there is no such object")
    assert outcome.object is not None
    assert outcome.object.attributes["members"] == PEOPLE[:20]


def test_the_later_members_of_a_new_group_are_tried_until_it_is_known():
    client = Scripted(Creating(unknown=1))
    outcome = write(client, Operation.CREATE, None, None, STAFF, kind="group", patience="2s")
    assert succeeded(outcome)["members"] == PEOPLE
    assert client.sent == ["POST /groups", "PATCH /groups/g", "PATCH /groups/g"]


# --- what only seems not to be there -------------------------------------------------------------


@pytest.mark.parametrize("body", [{"message": "later"}, {**USER, "id": "2"}, {"id": 1}, []])
def test_what_is_not_the_object_is_no_sign_that_it_is_gone(body: object):
    client = Scripted(lambda method, path: (200, body))
    outcome = write(client, Operation.DELETE, "1", {"displayName": "ann"}, None)
    assert isinstance(outcome, RetryAfter)
    assert client.sent == []
    session = session_of(client)
    with pytest.raises(SiloUnreachable):
        session.read(kinds(connector())["user"], "1")


def test_an_id_is_the_same_in_capitals():
    client = Scripted(lambda method, path: (200, {**USER, "id": "AB-C"}))
    found = session_of(client).read(kinds(connector())["user"], "ab-c")
    assert found is not None
    assert found.anchor == "ab-c"


def group_with(members: Told) -> Scripted:
    return Scripted(lambda method, path: members if "/members" in path else (200, GROUP))


@pytest.mark.parametrize(
    "members",
    [
        NOT_THERE,
        (200, {"value": [{"id": "a"}, {"@odata.type": "#microsoft.graph.user"}]}),
        (200, {"value": [{"id": "a"}, 7]}),
    ],
)
def test_a_group_whose_members_are_not_told_is_not_read(members: Told):
    session = session_of(group_with(members))
    with pytest.raises(SiloUnreachable):
        session.read(kinds(connector())["group"], "g")


def test_a_manager_without_an_id_is_not_read():
    types: Mapping[str, object] = {"user": {"resource": "users", "attributes": ["manager"]}}
    made = connect("http://127.0.0.1:1", types=types)
    client = Scripted(lambda method, path: (200, {**USER, "manager": {}}))
    with pytest.raises(SiloUnreachable, match="a manager"):
        MsgraphSession(made, client).read(kinds(made)["user"], "1")


def test_a_list_of_what_has_no_id_does_not_say_that_a_name_is_free():
    client = Scripted(lambda method, path: (200, {"value": [{"displayName": "staff"}]}))
    after = {"displayName": "staff", "mailNickname": "staff"}
    outcome = write(client, Operation.CREATE, None, None, after, kind="group")
    assert isinstance(outcome, RetryAfter)
    assert client.sent == []
