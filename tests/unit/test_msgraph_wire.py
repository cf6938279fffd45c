"""The wire of Graph with scripted answers: addresses, pages without an end, half a batch."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from hypersync.connectors.msgraph.answers import Answer, NotGraph, failure
from hypersync.connectors.msgraph.connector import MsgraphSession
from hypersync.connectors.msgraph.options import MsgraphOptions, completed, place_of
from hypersync.connectors.msgraph.pages import page_of
from hypersync.connectors.msgraph.patience import Patience
from hypersync.connectors.msgraph.requests import Lost, NotSent, Request, Step
from hypersync.connectors.msgraph.scan import Cursor, Scan
from hypersync.connectors.msgraph.wire import NotAnswered, Wire
from hypersync.connectors.settings import object_types
from hypersync.errors import ScanFailed, SiloRefused, SiloUnreachable
from hypersync.model.objects import (
    Complete,
    Conflict,
    Operation,
    Refused,
    RetryAfter,
    Seen,
    Unknown,
)
from tests.graphing import change, connect, kinds

ROOT = "https://graph.microsoft.com/v1.0"
NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def json(value: object, status: int = 200, **headers: str) -> Answer:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Answer(status, {"content-type": "application/json", **named}, orjson.dumps(value))


def problem(status: int, code: str, message: str = "No.", **more: object) -> Answer:
    return json({"error": {"code": code, "message": message, **more}}, status)


class Scripted:
    """Answers as it is told, and remembers what was asked."""

    def __init__(self, *answers: Answer | Exception | Callable[[Request], Answer]) -> None:
        self.answers = list(answers)
        self.asked: list[Request] = []

    def send(self, request: Request) -> Future[Answer]:
        self.asked.append(request)
        future: Future[Answer] = Future()
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer(request) if callable(answer) else answer)
        return future


def scan_of(*answers: Answer | Exception, **options: object) -> Scan:
    return scan_over(Scripted(*answers), **options)


def scan_over(client: Scripted, **options: object) -> Scan:
    types = {"thing": {"resource": "users", "attributes": ["displayName"], **options}}
    found = MsgraphOptions.model_validate({"url": "http://127.0.0.1:1", "types": types})
    (kind,) = object_types("entra", found, {})
    return Scan(place_of(completed(kind)), Wire(client, ROOT), "scope", 100)


# --- addresses -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "link",
    [
        "https://elsewhere.example/v1.0/users/delta?$skiptoken=x",
        "https://graph.microsoft.com.elsewhere.example/v1.0/users",
        "https://graph.microsoft.com:8443/v1.0/users",
        "https://somebody@graph.microsoft.com/v1.0/users",
        "http://graph.microsoft.com/v1.0/users",
        "http://127.0.0.1/v1.0/users",
        "http://localhost:8080/v1.0/users",
        "https://graph.microsoft.com/beta/users",
        "https://graph.microsoft.com/v1.0evil/users",
        "//elsewhere.example/v1.0/users",
        "/v1.0/users",
        "",
    ],
)
def test_a_link_that_leads_away_is_refused_and_nothing_is_sent(link: str):
    client = Scripted()
    with pytest.raises(SiloRefused, match="a link leads"):
        Wire(client, ROOT).get(link)
    assert client.asked == []


def test_the_case_of_a_host_does_not_matter():
    link = "https://GRAPH.microsoft.com/v1.0/users/delta?$skiptoken=x"
    assert Wire(Scripted(), ROOT).checked(link) == link


def test_queries_are_quoted():
    address = Wire(Scripted(), ROOT).address("/users", {"$filter": "a eq 'x&y #z+ü'"})
    assert address == f"{ROOT}/users?$filter=a%20eq%20'x%26y%20%23z%2B%C3%BC'"


def test_another_tenant_or_application_is_another_scope():
    """Absence from one tenant, or before the eyes of one application, says nothing of another."""
    given = {"tenant": "a", "client": "b", "secret": "c"}
    scopes = []
    for more in ({}, {"tenant": "x"}, {"client": "x"}, {"secret": "x"}):
        connector = connect("http://127.0.0.1:1", sign_in={**given, **more})
        session = MsgraphSession(connector, Scripted())
        scopes.append(session.scope([kinds(connector)["user"]]))
    same, tenant, client, secret = scopes
    assert same == secret
    assert len({same, tenant, client}) == 3


# --- rounds that do not end well -----------------------------------------------------------------


def test_pages_that_end_without_a_delta_link_fail_the_scan():
    scan = scan_of(json({"value": [{"id": "1"}]}))
    with pytest.raises(ScanFailed, match="ended without a delta link"):
        list(scan.full())


def test_a_page_with_both_links_fails_the_scan():
    links = {
        "@odata.nextLink": f"{ROOT}/users/delta?a",
        "@odata.deltaLink": f"{ROOT}/users/delta?b",
    }
    with pytest.raises(ScanFailed, match="contradict each other"):
        list(scan_of(json({"value": [], **links})).full())


@pytest.mark.parametrize("ways", [["a", "a"], ["a", "b", "a"]])
@pytest.mark.parametrize("options", [{}, {"filter": "x eq 1"}])
def test_pages_that_lead_in_a_circle_fail_the_scan(ways: list[str], options: dict[str, str]):
    pages = [
        json({"value": [], "@odata.count": 0, "@odata.nextLink": f"{ROOT}/users/delta?{way}"})
        for way in ways
    ]
    with pytest.raises(ScanFailed, match="the pages never end"):
        list(scan_of(*pages, **options).full())


@pytest.mark.parametrize(
    "body",
    [{}, {"value": {}}, {"value": [], "@odata.nextLink": 7}, [], "x", None],
)
def test_a_page_that_is_none_fails_the_scan(body: object):
    with pytest.raises(ScanFailed, match="a page is not Graph's"):
        list(scan_of(json(body)).full())


def test_a_list_with_fewer_than_graph_counts_fails_the_scan():
    page = {"value": [{"id": "1"}, {"id": "1"}], "@odata.count": 2}
    with pytest.raises(ScanFailed, match="Graph counts 2 objects and listed 1"):
        list(scan_of(json(page), filter="x eq 1").full())


def test_a_list_that_graph_does_not_count_fails_the_scan():
    page = {"value": [{"id": "1", "displayName": "a"}]}
    with pytest.raises(ScanFailed, match="Graph did not count what it lists"):
        list(scan_of(json(page), filter="x eq 1").full())


@pytest.mark.parametrize("options", [{}, {"filter": "x eq 1"}])
@pytest.mark.parametrize("given", [{}, {"userPrincipalName": None}])
def test_a_name_that_nobody_shows_fails_the_scan(options: dict[str, str], given: dict[str, object]):
    """Graph answers 200 and leaves out, or empties, what the application may not read."""
    value = [{"id": "1", "displayName": "a", **given}, {"id": "2", "displayName": "b", **given}]
    page = {"value": value, "@odata.count": 2, "@odata.deltaLink": f"{ROOT}/users/delta?b"}
    named = {"attributes": ["displayName", "userPrincipalName"], **options}
    with pytest.raises(ScanFailed, match="no userPrincipalName of any of the users"):
        list(scan_of(json(page), **named).full())
    value[1]["userPrincipalName"] = "b@x"
    *_, [end] = scan_of(json(page), **named).full()
    assert isinstance(end, Complete)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (Lost("gone"), f"{ROOT} did not answer: gone"),
        (NotSent("no way"), f"{ROOT} cannot be reached: no way"),
    ],
)
@pytest.mark.parametrize("options", [{}, {"filter": "x eq 1"}])
def test_a_scan_without_a_first_page_says_that_graph_is_not_reached(
    options: dict[str, str], error: Lost, said: str
):
    with pytest.raises(ScanFailed) as caught:
        list(scan_of(error, **options).full())
    assert caught.value.message == said
    assert caught.value.__cause__ is error


def test_a_broken_connection_fails_the_scan():
    first = {"value": [{"id": "1", "displayName": "a"}], "@odata.nextLink": f"{ROOT}/users/delta?a"}
    stream = scan_of(json(first), Lost("gone")).full()
    next(stream)
    said = f"went away in the middle of the scan: {ROOT} did not answer: gone"
    with pytest.raises(ScanFailed, match=said):
        list(stream)


def test_what_was_deleted_while_a_scan_ran_is_told_by_the_next_delta():
    first = {"value": [{"id": "1", "displayName": "a"}], "@odata.nextLink": f"{ROOT}/users/delta?a"}
    removed = {"id": "1", "@removed": {"reason": "changed"}}
    second = {"value": [removed], "@odata.deltaLink": f"{ROOT}/users/delta?b"}
    not_there = batch_answer({"id": "0.0", "status": 404, "body": {"error": {}}})
    *batches, [end] = scan_of(json(first), json(second), not_there).full()
    assert [type(e).__name__ for batch in batches for e in batch] == ["Seen", "Invalid"]
    assert isinstance(end, Complete)
    delta = scan_of(json({"value": [], "@odata.deltaLink": f"{ROOT}/users/delta?c"}))
    ((event,), (end,)) = delta.delta(str(end.cursor), lambda told: None)
    assert (type(event).__name__, event.anchor, event.kind.value) == ("Deleted", "1", "soft")
    assert Cursor.read(str(end.cursor)).left == {}


def test_a_scan_that_is_given_up_lets_go_of_the_page_under_way():
    future: Future[Answer] = Future()
    page = {"value": [{"id": "1", "displayName": "a"}], "@odata.nextLink": f"{ROOT}/users/delta?a"}

    class Slow(Scripted):
        def send(self, request: Request) -> Future[Answer]:
            return super().send(request) if not self.asked else future

    stream = scan_over(Slow(json(page))).full()
    assert next(stream) == [Seen("thing", "1", {"displayName": "a"})]
    stream.close()
    assert future.cancelled()


def test_an_older_state_after_a_removal_brings_nobody_back():
    removed = {"id": "1", "@removed": {"reason": "changed"}}
    new = {"displayName": "cid", "userPrincipalName": "cid@contoso.com"}
    page = {
        "value": [
            removed,
            {"id": "1", "jobTitle": "x"},
            {"id": "2", "jobTitle": "y"},
            {"id": "3", **new},
        ],
        "@odata.deltaLink": "http://127.0.0.1:1/v1.0/users/delta?b",
    }
    not_there = [
        batch_answer({"id": "0.0", "status": 404, "body": {"error": {}}}) for _ in range(4)
    ]
    connector = connect("http://127.0.0.1:1")
    kind = kinds(connector)["user"]
    session = MsgraphSession(connector, Scripted(json(page), *not_there))
    cursor = Cursor(link="http://127.0.0.1:1/v1.0/users/delta?a", scope=session.scope([kind]))
    events = [event for batch in session.scan([kind], cursor.written()) for event in batch]
    names = [type(each).__name__ for each in events]
    assert names == ["Deleted", "Changed", "Changed", "Changed", "Deleted", "Complete"]
    assert session.read(kind, "1") is None
    assert session.read(kind, "2") is None  # of which only a part is told
    third = session.read(kind, "3")
    assert third is not None
    assert third.attributes == new


@pytest.mark.parametrize("is_first", [True, False])
def test_what_a_delta_tells_both_ways_is_as_a_read_finds_it(*, is_first: bool):
    told: list[object] = [
        {"id": "1", "@removed": {"reason": "changed"}},
        {"id": "1", "displayName": "old"},
    ]
    page = {
        "value": told if is_first else told[::-1],
        "@odata.deltaLink": f"{ROOT}/users/delta?b",
    }
    body = {"id": "1", "displayName": "ann"}
    scan = scan_of(json(page), batch_answer({"id": "0.0", "status": 200, "body": body}))
    cursor = Cursor(link=f"{ROOT}/users/delta?a", scope="scope")
    *_, [read], [end] = scan.delta(cursor.written(), lambda each: None)
    assert read == Seen("thing", "1", {"displayName": "ann"})
    assert isinstance(end, Complete)


# --- batches -------------------------------------------------------------------------------------


def batch_answer(*answers: dict[str, object]) -> Answer:
    return json({"responses": list(answers)})


def test_answers_of_a_batch_come_in_any_order_and_all_are_counted():
    client = Scripted(
        batch_answer(
            {"id": "1.0", "status": 204}, {"id": "0.0", "status": 201, "body": {"id": "x"}}
        )
    )
    (first,), (second,), (third,) = Wire(client, ROOT).batches(
        [[Step(path="/a")], [Step(path="/b")], [Step(path="/c")]]
    )
    assert first.json() == {"id": "x"}
    assert second.status == 204
    assert third == NotAnswered("the batch was answered, this part of it was not", is_sent=True)


def test_steps_of_one_group_depend_on_each_other_and_stay_together():
    client = Scripted(*[batch_answer()] * 2)
    groups = [[Step(path="/a")] * 15, [Step(path="/b")] * 15]
    Wire(client, ROOT).batches(groups)
    told = [orjson.loads(request.content or b"")["requests"] for request in client.asked]
    assert [len(each) for each in told] == [15, 15]
    assert "dependsOn" not in told[0][0]
    assert [each["dependsOn"] for each in told[0][1:3]] == [["0.0"], ["0.1"]]


@pytest.mark.parametrize(
    ("error", "is_sent", "said"),
    [(Lost("x"), True, "did not answer: x"), (NotSent("x"), False, "cannot be reached: x")],
)
def test_a_batch_that_was_lost_may_have_been_done_unless_it_was_never_sent(
    error: Exception, said: str, *, is_sent: bool
):
    ((result,),) = Wire(Scripted(error), ROOT).batches([[Step(path="/a")]])
    assert result == NotAnswered(f"{ROOT} {said}", is_sent=is_sent)


@pytest.mark.parametrize(
    ("answer", "is_sent"),
    [
        (problem(400, "BadRequest"), False),
        (problem(403, "Forbidden"), False),
        (Answer(404, {"content-type": "text/html"}, b"<html>no such route</html>"), False),
        (problem(409, "Conflict"), False),
        (problem(408, "Timeout"), True),
        (problem(500, "generalException"), True),
        (problem(504, "gatewayTimeout"), True),
        (Answer(307, {"location": "https://elsewhere.example/?code=x"}), True),
    ],
)
def test_what_is_said_of_a_whole_batch_is_said_of_none_of_its_parts(
    answer: Answer, *, is_sent: bool
):
    steps = [[Step(method="DELETE", path="/users/1")], [Step(path="/users/2")]]
    results = Wire(Scripted(answer), ROOT).batches(steps)
    why = f"the batch as a whole: {answer.sentence}"
    assert results == [[NotAnswered(why, is_sent=is_sent)]] * 2


@pytest.mark.parametrize("status", [401, 429, 503])
def test_a_whole_batch_that_has_to_wait_lets_each_of_its_parts_wait(status: int):
    answer = problem(status, "x")
    assert Wire(Scripted(answer), ROOT).batches([[Step(path="/a")]]) == [[answer]]


def test_a_batch_that_is_not_there_deletes_nobody_and_reads_nobody_as_gone():
    connector = connect("http://127.0.0.1:1")
    not_there = Answer(404, {"content-type": "text/html"}, b"<html>no such route</html>")
    session = MsgraphSession(connector, Scripted(not_there, not_there))
    (outcome,) = session.apply([change(connector, Operation.DELETE, "1", {}, None)])
    assert isinstance(outcome, RetryAfter)
    with pytest.raises(SiloUnreachable, match=r"the batch as a whole: .*404"):
        session.read(kinds(connector)["user"], "1")


@pytest.mark.parametrize(
    "responses",
    [
        5,
        None,
        {},
        [7],
        [{"id": "0.0"}],
        [{"id": "0.0", "status": "200"}],
        [{"id": "0.0", "status": 200, "headers": ["x"]}],
    ],
)
def test_an_answer_within_a_batch_that_is_none_counts_as_lost(responses: object):
    wire = Wire(Scripted(json({"responses": responses})), ROOT)
    ((result,),) = wire.batches([[Step(path="/a")]])
    assert isinstance(result, NotAnswered)
    assert result.is_sent


class Time:
    """Passes when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


def busy(number: str, status: int = 429, **headers: str) -> dict[str, object]:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return {"id": number, "status": status, "headers": named, "body": {"error": {"code": "x"}}}


def test_only_reads_that_graph_was_too_busy_for_are_sent_again_after_the_longest_wait():
    time = Time()
    good = {"status": 200, "body": {"id": "x"}}
    client = Scripted(
        batch_answer({"id": "0.0", **good}, busy("1.0", Retry_After="7"), busy("2.0", 503)),
        batch_answer({"id": "0.0", **good}, busy("1.0", 504)),
        batch_answer({"id": "0.0", **good}),
    )
    wire = Wire(
        client, ROOT, patience=Patience(timedelta(seconds=60), lambda: time.now, time.sleep)
    )
    results = wire.reads([Step(path="/a"), Step(path="/b"), Step(path="/c")])
    assert [isinstance(each, Answer) and each.status for each in results] == [200, 200, 200]
    told = [orjson.loads(request.content or b"")["requests"] for request in client.asked]
    assert [[each["url"] for each in part] for part in told] == [
        ["/a", "/b", "/c"],
        ["/b", "/c"],
        ["/c"],
    ]
    assert time.pauses == [7, pytest.approx(0.4)]


def test_reads_are_not_waited_for_longer_than_the_patience_lasts():
    time = Time()
    later = batch_answer(busy("0.0", Retry_After="4"))
    client = Scripted(later, later, later)
    wire = Wire(
        client, ROOT, patience=Patience(timedelta(seconds=10), lambda: time.now, time.sleep)
    )
    (result,) = wire.reads([Step(path="/a")])
    assert isinstance(result, Answer)
    assert result.status == 429
    assert time.pauses == [4, 4]


def test_a_write_that_graph_is_too_busy_for_is_not_sent_again():
    client = Scripted(batch_answer(busy("0.0", Retry_After="0")))
    wire = Wire(client, ROOT, patience=Patience(timedelta(seconds=10)))
    ((result,),) = wire.batches([[Step(method="PATCH", path="/a")]])
    assert isinstance(result, Answer)
    assert result.status == 429


# --- answers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (problem(429, "TooManyRequests"), RetryAfter),
        (problem(503, "ServiceUnavailable"), RetryAfter),
        (problem(500, "generalException"), Unknown),
        (problem(504, "gatewayTimeout"), Unknown),
        (problem(412, "preconditionFailed"), Conflict),
        (problem(401, "InvalidAuthenticationToken"), RetryAfter),
        (problem(403, "Authorization_RequestDenied"), Refused),
        (problem(400, "Request_BadRequest"), Refused),
        (Answer(302, {"location": "https://elsewhere.example"}), Unknown),
    ],
)
def test_what_a_failed_write_means(answer: Answer, expected: type):
    assert isinstance(failure(answer, NOW, permissions="it needs X"), expected)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7),
        ("0", 0),
        ("Mon, 02 Mar 2026 08:02:00 GMT", 120),
        ("Mon, 02 Mar 2026 07:00:00 GMT", 0),
        ("999999", 3600),
        ("", 30),
        ("soon", 30),
        ("-5", 30),
    ],
)
def test_how_long_graph_asks_to_wait(text: str, seconds: int):
    assert Answer(429, {"retry-after": text}).wait(NOW) == timedelta(seconds=seconds)


def test_errors_are_sentences_with_graphs_own_words():
    assert problem(403, "Denied", "Insufficient.").sentence == (
        "the application lacks a permission [403 Denied: Insufficient.]"
    )
    assert (
        problem(400, "Bad", "Invalid property 'x'.").sentence == "Invalid property 'x'. [400 Bad]"
    )
    to = "https://me:word@x.example/login?code=secret#secret"
    assert Answer(302, {"location": to}).sentence == (
        "it sends us elsewhere, to https://x.example [302]"
    )
    for odd in ("/login?code=secret", "https://[secret", ""):
        assert "secret" not in Answer(302, {"location": odd}).sentence
    page = Answer(502, {"content-type": "text/html"}, b"<html>")
    assert "a web page came" in page.sentence


@pytest.mark.parametrize(
    ("answer", "is_expired"),
    [
        (problem(410, "resyncRequired"), True),
        (problem(410, ""), True),
        (problem(400, "syncStateNotFound"), True),
        (problem(400, "SyncStateInvalid"), True),
        (problem(400, "BadRequest", innerError={"code": "resyncRequired"}), True),
        (problem(400, "Request_BadRequest"), False),
        (problem(404, "syncStateNotFound"), False),
    ],
)
def test_which_answers_mean_that_a_token_is_of_no_use(answer: Answer, *, is_expired: bool):
    assert answer.is_expired_token is is_expired


def test_a_cut_answer_is_none_of_graphs():
    with pytest.raises(NotGraph, match="an answer of 11 bytes of application/json came"):
        page_of(Answer(200, {"content-type": "application/json"}, b'{"value": ['))
