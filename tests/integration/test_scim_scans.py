"""What a SCIM service may do to a scan: only a list in which nothing can be missing is believed."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from werkzeug import Request, Response

from hypersync.connectors.scim.connector import ScimConnector
from hypersync.connectors.steady import Pause
from hypersync.errors import CursorLost, ScanFailed
from hypersync.model.objects import Anchors, Complete, Invalid, ScanEvent, Seen
from tests.scim_service import (
    ENTERPRISE,
    Instead,
    ScimServer,
    answer,
    broken,
    listed,
    problem,
)
from tests.scimming import TYPES, connect, cursor_of, scan

LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
WHEN = "2026-01-02T03:04:05Z"


def people(number: int) -> list[dict[str, Any]]:
    return [
        {"id": f"i{n:03}", "userName": f"u{n:03}", "meta": {"lastModified": WHEN}}
        for n in range(number)
    ]


def anchors(events: list[ScanEvent]) -> list[str]:
    return [each.anchor for each in events if isinstance(each, Seen)]


def of_users(then: Callable[[int, int], Response]) -> Instead:
    """Answer for the list of users; ``then`` gets startIndex and count of each page."""

    def instead(request: Request) -> Response | None:
        if request.path != "/v2/Users" or "attributes" in request.args:
            return None
        return then(int(request.args.get("startIndex", 0)), int(request.args["count"]))

    return instead


def pages(
    resources: list[dict[str, Any]], most: int = 1_000, before: Callable[[int], None] | None = None
) -> Instead:
    """Answer with pages of at most so many; ``before`` is called with each startIndex."""

    def then(start: int, count: int) -> Response:
        if before is not None:
            before(start)
        found = resources[start - 1 : start - 1 + min(count, most)]
        return listed(found, len(resources), start)

    return of_users(then)


# --- pages by index ----------------------------------------------------------------------------


@pytest.mark.parametrize("most", [2, 3, 10, 1_000])
@pytest.mark.parametrize("way", ["overlapping", "index"])
def test_pages_that_are_shorter_than_asked_for_are_put_together(
    scim: ScimServer, most: int, way: str
):
    scim.instead = pages(people(10), most)
    events = scan(connect(scim.url, pagination=way, page_size=7))
    assert anchors(events) == [each["id"] for each in people(10)]
    assert isinstance(events[-1], Complete)


def test_a_service_that_sends_everything_at_once_is_believed(scim: ScimServer):
    scim.instead = of_users(lambda start, count: listed(people(10)))
    assert len(anchors(scan(connect(scim.url, page_size=2)))) == 10


@pytest.mark.parametrize("comes", [True, False])
def test_nobody_is_skipped_when_somebody_is_deleted_between_two_pages(
    scim: ScimServer, comes: bool
):
    """Also when somebody else comes at that moment, so that the total stays the same."""
    there, done = people(9), []

    def delete(start: int) -> None:
        if start > 1 and not done:
            done.append(there.pop(0))
            there.extend([{"id": "new", "userName": "new"}] if comes else [])

    scim.instead = pages(there, 3, delete)
    events = scan(connect(scim.url))
    assert done
    assert {each["id"] for each in there} <= set(anchors(events))
    assert len(anchors(events)) == len(set(anchors(events)))
    assert isinstance(events[-1], Complete)


def test_a_list_that_never_holds_still_fails_the_scan(scim: ScimServer):
    there = people(9)
    scim.instead = pages(there, 3, lambda start: there.append({"id": f"n{len(there)}"}))
    with pytest.raises(ScanFailed, match="did not stay the same while it was read, 3 times"):
        scan(connect(scim.url))


def test_an_id_that_comes_twice_fails_the_scan(scim: ScimServer):
    scim.instead = pages([*people(5), people(5)[1]], 3)
    with pytest.raises(ScanFailed, match="an object came twice"):
        scan(connect(scim.url))


def test_a_page_without_objects_before_the_end_fails_the_scan(scim: ScimServer):
    scim.instead = of_users(lambda start, count: listed(people(3) if start == 1 else [], 9, start))
    with pytest.raises(ScanFailed, match="stands there no more"):
        scan(connect(scim.url))
    with pytest.raises(ScanFailed, match="after 3 of 9 objects came none"):
        scan(connect(scim.url, pagination="index"))


def test_a_service_that_ignores_where_to_start_fails_the_scan(scim: ScimServer):
    scim.instead = of_users(lambda start, count: listed(people(3), 9))
    with pytest.raises(ScanFailed, match="it ignores startIndex"):
        scan(connect(scim.url))


def test_a_service_that_knows_whole_pages_only_wants_another_pagination(scim: ScimServer):
    def aligned(start: int, count: int) -> Response:
        first = (start - 1) // count * count
        return listed(people(9)[first : first + count], 9, first + 1)

    scim.instead = of_users(aligned)
    with pytest.raises(ScanFailed, match="whole pages only, write 'pagination: index'"):
        scan(connect(scim.url, page_size=3))
    assert len(anchors(scan(connect(scim.url, page_size=3, pagination="index")))) == 9


def test_pages_of_one_object_cannot_overlap(scim: ScimServer):
    scim.instead = pages(people(3), 1)
    with pytest.raises(ScanFailed, match="comes one by one"):
        scan(connect(scim.url))
    assert len(anchors(scan(connect(scim.url, pagination="index")))) == 3


def test_a_total_that_is_the_size_of_the_page_is_found_out(scim: ScimServer):
    def then(start: int, count: int) -> Response:
        found = people(9)[start - 1 : start - 1 + count]
        return listed(found, len(found) if start == 1 else 3, start)

    scim.instead = of_users(then)
    with pytest.raises(ScanFailed, match="a totalResults that is the size of the page"):
        scan(connect(scim.url, page_size=3))


@pytest.mark.parametrize(
    ("then", "why"),
    [
        (lambda s, c: listed(people(3), 2, s), "3 objects came, and totalResults is 2"),
        (lambda s, c: listed(people(3)[s - 1 :], 3 if s == 1 else 4, s), "was 3 and is 4"),
        (
            lambda s, c: listed(people(9)[s - 1 : s + 2] if s == 1 else people(9)[s:], 9, s + 1),
            "begins a page at 4 when 3 is asked for",
        ),
    ],
)
def test_totals_and_places_that_do_not_fit_fail_the_scan(
    scim: ScimServer, then: Callable[[int, int], Response], why: str
):
    scim.instead = of_users(then)
    with pytest.raises(ScanFailed, match=why):
        scan(connect(scim.url))


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"Resources": []}, "has no totalResults"),
        ({"totalResults": "9", "Resources": []}, "has no totalResults"),
        ({"totalResults": 1, "Resources": "ann"}, "is no list of resources"),
        ({"totalResults": 1, "Resources": ["ann"]}, "is no list of resources"),
        (["ann"], "is no list of resources"),
        ({}, "is no list of resources"),
        ({"totalResults": 0}, "is no list of resources"),
        ({"schemas": [LIST]}, "is no list of resources"),
        ({"schemas": [LIST], "totalResults": False}, "is no list of resources"),
    ],
)
def test_what_is_no_list_fails_the_scan(scim: ScimServer, body: object, why: str):
    scim.instead = of_users(lambda start, count: answer(body))
    with pytest.raises(ScanFailed, match=why):
        scan(connect(scim.url))


def test_a_list_of_nobody_is_complete_and_starts_no_deltas(scim: ScimServer):
    assert scan(connect(scim.url)) == [Complete(None)]
    scim.instead = of_users(lambda start, count: answer({"schemas": [LIST], "totalResults": 0}))
    assert scan(connect(scim.url)) == [Complete(None)]


def test_a_resource_without_an_id_is_invalid_and_not_absent(scim: ScimServer):
    scim.instead = pages([{"userName": "nobody"}, *people(3), {"id": 7}], 2)
    events = scan(connect(scim.url))
    assert [e for e in events if isinstance(e, Invalid)] == [
        Invalid("user", None, "/Users", "a resource has no id"),
        Invalid("user", None, "/Users", "a resource has no id"),
    ]
    assert len(anchors(events)) == 3


def test_another_service_is_another_scope(scim: ScimServer):
    """Absence from one service says nothing of the other."""
    here = connect(scim.url)
    there = connect(scim.url.replace("127.0.0.1", "localhost"))
    (types, *_) = here.streams()
    with here.open() as one, there.open() as other:
        assert one.scope(types) != other.scope(types)


# --- pages by cursor ---------------------------------------------------------------------------


def by_cursor(*given: tuple[list[dict[str, Any]], int | None, str | None]) -> Instead:
    """Answer with these pages: resources, total, next cursor."""
    waiting = list(given)

    def instead(request: Request) -> Response | None:
        if request.path != "/v2/Users" or "cursor" not in request.args:
            return None
        resources, total, following = waiting.pop(0)
        body = {"Resources": resources, "totalResults": total, "nextCursor": following}
        return answer({key: value for key, value in body.items() if value is not None})

    return instead


def test_the_last_page_is_the_one_without_a_next_cursor(scim: ScimServer):
    scim.instead = by_cursor((people(4)[:2], None, "a"), ([], None, "b"), (people(4)[2:], 4, None))
    assert len(anchors(scan(connect(scim.url, pagination="cursor")))) == 4
    cursors = [r.args["cursor"] for r in scim.requests if "cursor" in r.args]
    assert cursors == ["", "a", "b"]


def test_a_cursor_that_comes_again_fails_the_scan(scim: ScimServer):
    scim.instead = by_cursor(*[(people(2), None, "a"), ([], None, "a")] * 2)
    with pytest.raises(ScanFailed, match="never ends: a cursor came twice"):
        scan(connect(scim.url, pagination="cursor"))


def test_fewer_objects_than_the_total_fail_the_scan(scim: ScimServer):
    scim.instead = by_cursor(*[(people(2), 3, None)] * 3)
    with pytest.raises(ScanFailed, match="2 objects came, and totalResults is 3"):
        scan(connect(scim.url, pagination="cursor"))


@pytest.mark.parametrize(
    ("last", "is_first", "why"),
    [
        ({}, True, "is no list of resources"),
        ({}, False, "is no list of resources"),
        ({"error": "internal"}, True, "is no list of resources"),
        ({"error": "internal"}, False, "is no list of resources"),
        ({"message": "oops", "totalResults": 0}, False, "is no list of resources"),
        ({"schemas": [LIST], "totalResults": 0}, False, "2 objects came, and totalResults is 3"),
        ({"Resources": [], "nextCursor": 7}, False, "a cursor that is no text: 7"),
    ],
)
def test_a_page_by_cursor_that_may_be_an_error_does_not_end_the_list(
    scim: ScimServer, last: dict[str, object], is_first: bool, why: str
):
    """Some services answer errors with 200; a total that shrinks does not hide what is missing."""
    first = {"Resources": people(2), "totalResults": 3, "nextCursor": "a"}

    def instead(request: Request) -> Response | None:
        if request.path != "/v2/Users" or "cursor" not in request.args:
            return None
        return answer(last if is_first or request.args["cursor"] else first)

    scim.instead = instead
    with pytest.raises(ScanFailed, match=why):
        scan(connect(scim.url, pagination="cursor"))


def test_a_cursor_that_ran_out_begins_the_list_again(scim: ScimServer):
    whole = by_cursor((people(3)[:2], None, "a"), (people(3), 3, None))

    def instead(request: Request) -> Response | None:
        if request.args.get("cursor") == "a":
            return problem(400, "too late", "expiredCursor")
        return whole(request)

    scim.instead = instead
    assert anchors(scan(connect(scim.url, pagination="cursor"))) == ["i000", "i001", "i002"]


# --- what goes wrong on the way ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "why"),
    [
        (401, "does not accept the token"),
        (403, "has not the right"),
        (404, "is not there; look at 'url:'"),
        (500, "the service failed"),
        (400, "refused"),
    ],
)
def test_an_error_on_a_later_page_fails_the_scan(scim: ScimServer, status: int, why: str):
    good = pages(people(9), 3)

    def instead(request: Request) -> Response | None:
        return problem(status) if int(request.args.get("startIndex", 1)) > 1 else good(request)

    scim.instead = instead
    with pytest.raises(ScanFailed, match=why):
        scan(connect(scim.url))


def test_a_connection_that_breaks_on_a_later_page_fails_the_scan(scim: ScimServer):
    good = pages(people(9), 3)
    scim.instead = lambda r: broken(r) if r.args.get("startIndex", "1") != "1" else good(r)
    with pytest.raises(ScanFailed, match="went away in the middle"):
        scan(connect(scim.url))


def test_a_login_page_in_the_middle_fails_the_scan(scim: ScimServer):
    page = Response("<html>please sign in</html>", content_type="text/html")
    scim.instead = lambda r: page if "startIndex" in r.args else None
    with pytest.raises(ScanFailed, match="answers with text/html that is no JSON"):
        scan(connect(scim.url))


def patient(waits: list[float]) -> Pause:
    return Pause(monotonic=lambda: 0.0, sleep=waits.append)


def busy(times: int, then: Instead, **headers: str) -> Instead:
    left = [times]

    def instead(request: Request) -> Response | None:
        if "startIndex" in request.args and left[0]:
            left[0] -= 1
            return problem(429, "slow down", **headers)
        return then(request)

    return instead


def test_a_service_that_asks_to_wait_is_waited_for(scim: ScimServer):
    waits: list[float] = []
    scim.instead = busy(2, pages(people(3)), Retry_After="3")
    assert len(anchors(scan(connect(scim.url, pause=patient(waits))))) == 3
    assert waits == [3.0, 3.0]


def test_a_service_may_say_by_the_clock_how_long_it_wants_to_wait(scim: ScimServer):
    waits: list[float] = []
    until = {
        "Retry_After": "Fri, 02 Jan 2026 10:00:07 GMT",
        "Date": "Fri, 02 Jan 2026 10:00:00 GMT",
    }
    scim.instead = busy(1, pages(people(3)), **until)
    assert len(anchors(scan(connect(scim.url, pause=patient(waits))))) == 3
    assert waits == [7.0]


def test_nobody_waits_longer_than_the_timeout(scim: ScimServer):
    waits: list[float] = []
    scim.instead = busy(9, pages(people(3)), Retry_After="15")
    with pytest.raises(ScanFailed, match="the service asks to wait"):
        scan(connect(scim.url, pause=patient(waits), timeout=20))
    assert waits == [15.0]


# --- filters and deltas ------------------------------------------------------------------------


def filtered(filter_: str) -> dict[str, Any]:
    return {**TYPES, "user": {**TYPES["user"], "filter": filter_}}


def test_a_filter_chooses_and_what_leaves_it_is_not_among_the_anchors(scim: ScimServer):
    ids = [scim.add_user(name) for name in ("ann", "bob")]
    scim.add_user("eve", title="Boss")
    connector = connect(scim.url, types=filtered('title eq "Clerk"'), overlap="0s")
    events = scan(connector)
    assert sorted(anchors(events)) == sorted(ids)
    scim.patch(f"/Users/{ids[0]}", {"op": "replace", "path": "title", "value": "Boss"})
    events = scan(connector, cursor=cursor_of(events))
    (there,) = [each for each in events if isinstance(each, Anchors)]
    assert there.anchors == {ids[1]}


def test_a_filter_that_is_none_fails_the_scan_and_is_found_by_check(scim: ScimServer):
    connector = connect(scim.url, types=filtered("title qe"))
    with pytest.raises(ScanFailed, match="invalidFilter"):
        scan(connector)
    with connector.open() as session:
        (mistake,) = session.check()
    assert "does not take 'title qe'" in mistake.message


def test_a_filter_for_a_service_that_does_not_filter_fails_the_scan(scim: ScimServer):
    scim.instead = lambda r: (
        answer({"filter": {"supported": False}}) if "Config" in r.path else None
    )
    connector = connect(scim.url, types=filtered('title eq "Clerk"'))
    with pytest.raises(ScanFailed, match="the service does not filter"):
        scan(connector)
    with connector.open() as session:
        (mistake,) = session.check()
    assert mistake.message == "the service says that it does not filter"


def test_a_delta_reads_what_changed_and_all_ids(scim: ScimServer):
    hours = iter(range(9))
    scim.clock = lambda: datetime(2026, 1, 1, next(hours), tzinfo=UTC)
    ids = [scim.add_user(f"u{n}") for n in range(5)]
    connector = connect(scim.url, overlap="1s", page_size=3)
    cursor = cursor_of(scan(connector))
    scim.call("DELETE", f"/Users/{ids[1]}")
    scim.patch(f"/Users/{ids[2]}", {"op": "replace", "path": "title", "value": "Boss"})
    ids.append(scim.add_user("new"))
    events = scan(connector, cursor=cursor)
    assert set(anchors(events)) == {ids[2], ids[4], ids[5]}
    (there,) = [each for each in events if isinstance(each, Anchors)]
    assert there.anchors == {*ids} - {ids[1]}
    cursor = cursor_of(events)
    assert cursor_of(scan(connector, cursor=cursor)) == cursor


def test_a_resource_without_an_id_may_be_anybody_in_a_delta_too(scim: ScimServer):
    ann, bob = scim.add_user("ann"), scim.add_user("bob")
    cursor = cursor_of(scan(connect(scim.url)))
    found = [{"id": ann}, {"userName": "bob"}, {"id": ""}]
    scim.instead = lambda r: listed(found) if r.args.get("attributes") == "id" else None
    events = scan(connect(scim.url), cursor=cursor)
    nameless = Invalid("user", None, "/Users", "a resource has no id")
    assert events[-4:-1] == [nameless, nameless, Anchors("user", frozenset({ann}))]
    assert bob not in anchors(events[-4:])


def test_what_changes_after_it_was_read_comes_with_the_next_delta(scim: ScimServer):
    """Although something that was read later changed later."""
    for name in ("ann", "bob", "zoë"):
        scim.add_user(name)
    first, _, last = (each["id"] for each in scim.call("GET", "/Users")["Resources"])
    done = []

    def meddle(request: Request) -> None:
        if request.args.get("startIndex") == "2" and not done:
            for each in (first, last):
                scim.patch(f"/Users/{each}", {"op": "replace", "path": "title", "value": "Boss"})
            done.append(True)

    scim.instead = meddle
    connector = connect(scim.url, overlap="0s", page_size=2)
    events = scan(connector)
    titles = {e.anchor: e.attributes["title"] for e in events if isinstance(e, Seen)}
    assert (titles[first], titles[last]) == ("Clerk", "Boss")
    events = scan(connector, cursor=cursor_of(events))
    titles = {e.anchor: e.attributes["title"] for e in events if isinstance(e, Seen)}
    assert titles[first] == "Boss"


def test_a_service_that_does_not_say_what_time_it_is_has_no_deltas(scim: ScimServer):
    scim.instead = pages(people(3))
    found = json.loads(cursor_of(scan(connect(scim.url))))
    assert found["since"] == "2026-01-02T03:04:05+00:00"

    def timeless(request: Request) -> Response | None:
        answer_ = pages(people(3))(request)
        if answer_ is not None:
            answer_.headers["Date"] = "some day"
        return answer_

    scim.instead = timeless
    assert scan(connect(scim.url))[-1] == Complete(None)


def test_groups_have_deltas_too(scim: ScimServer):
    ann = scim.add_user("ann")
    staff = scim.add_group("staff", [])
    connector = connect(scim.url)
    cursor = cursor_of(scan(connector, 1))
    scim.patch(f"/Groups/{staff}", {"op": "add", "path": "members", "value": [{"value": ann}]})
    (found, *_) = scan(connector, 1, cursor)
    assert isinstance(found, Seen)
    assert found.attributes["member"] == (ann,)


def test_a_filter_that_does_not_find_what_changed_last_loses_the_cursor(scim: ScimServer):
    scim.add_user("ann")
    cursor = cursor_of(scan(connect(scim.url)))
    scim.instead = lambda r: listed([]) if "filter" in r.args else None
    with pytest.raises(CursorLost, match="does not find what changed last"):
        scan(connect(scim.url), cursor=cursor)


def test_a_filter_that_is_ignored_costs_time_and_nothing_else(scim: ScimServer):
    for name in ("ann", "bob"):
        scim.add_user(name)
    cursor = cursor_of(scan(connect(scim.url)))
    everybody = scim.call("GET", "/Users")
    scim.instead = lambda r: answer(everybody) if "filter" in r.args else None
    assert len(anchors(scan(connect(scim.url), cursor=cursor))) == 2


def test_a_filter_by_time_that_is_refused_loses_the_cursor(scim: ScimServer):
    scim.add_user("ann")
    cursor = cursor_of(scan(connect(scim.url)))
    scim.instead = lambda r: problem(400, "no", "invalidFilter") if "filter" in r.args else None
    with pytest.raises(CursorLost, match="invalidFilter"):
        scan(connect(scim.url), cursor=cursor)


@pytest.mark.parametrize("cursor", ["", "x", "[]", '{"since": "x"}', "{}"])
def test_a_cursor_that_is_none_is_lost(scim: ScimServer, cursor: str):
    with pytest.raises(CursorLost):
        scan(connect(scim.url), cursor=cursor)


def test_a_cursor_of_another_scope_or_without_deltas_is_lost(scim: ScimServer):
    scim.add_user("ann")
    cursor = cursor_of(scan(connect(scim.url)))
    with pytest.raises(CursorLost, match="scan it in full"):
        scan(connect(scim.url, types=filtered("title pr")), cursor=cursor)
    with pytest.raises(CursorLost, match="scan it in full"):
        scan(connect(scim.url, deltas="false"), cursor=cursor)


def test_without_times_or_where_they_are_not_wished_for_there_are_no_deltas(scim: ScimServer):
    scim.add_user("ann")
    assert scan(connect(scim.url, deltas="false"))[-1] == Complete(None)
    scim.instead = pages([*people(2), {"id": "x", "meta": {"lastModified": "yesterday"}}])
    assert scan(connect(scim.url))[-1] == Complete(None)
    scim.instead = pages([{"id": "x", "meta": {"lastModified": "2026-01-01T00:00:00"}}])
    assert scan(connect(scim.url))[-1] == Complete(None)


# --- attributes --------------------------------------------------------------------------------


def one(connector: ScimConnector) -> dict[str, object]:
    (found, _) = scan(connector)
    assert isinstance(found, Seen)
    return dict(found.attributes)


def test_all_attributes_have_names_when_nobody_names_any(scim: ScimServer):
    scim.add_user(
        "ann",
        name={"givenName": "Ann", "familyName": "Lee"},
        emails=[
            {"value": "ann@example.org", "type": "work", "primary": True},
            {"value": "ann@home.example", "type": "home"},
        ],
        addresses=[{"type": "work", "locality": "Paris"}],
        **{ENTERPRISE: {"department": "Sales", "manager": {"value": "4711"}}},
    )
    assert one(connect(scim.url, types={"user": {}})) == {
        "userName": "ann",
        "title": "Clerk",
        "userType": "active",
        "active": True,
        "name.givenName": "Ann",
        "name.familyName": "Lee",
        "emails": ("ann@example.org", "ann@home.example"),
        'emails[type eq "work"].value': "ann@example.org",
        'emails[type eq "home"].value': "ann@home.example",
        'addresses[type eq "work"].locality': "Paris",
        "department": "Sales",
        "manager": "4711",
    }


def test_only_named_attributes_are_reported_and_asked_for_if_wished(scim: ScimServer):
    scim.add_user("ann", emails=[{"value": "a@example.org", "type": "work"}])
    kind = {
        "attributes": ["mail", "department", "meta.resourceType", "id"],
        "map": {"mail": 'emails[type eq "work"].value'},
    }
    for select in ("false", "true"):
        found = one(connect(scim.url, types={"user": kind}, select=select))
        assert found.pop("id")
        assert found == {
            "mail": "a@example.org",
            "department": "Sales",
            "meta.resourceType": "User",
            "active": True,
        }
    asked = [
        r.args["attributes"] for r in scim.requests if "startIndex" in r.args and len(r.args) > 2
    ]
    assert set(asked) == {f"active,emails,id,meta,{ENTERPRISE}:department"}


def test_truth_written_as_text_is_truth(scim: ScimServer):
    scim.instead = pages([{"id": "1", "active": "True"}, {"id": "2", "active": "false"}])
    events = scan(connect(scim.url, types={"user": {}}))
    with_name = scan(connect(scim.url, types={"user": {"attributes": ["active"]}}))
    assert [e.attributes for e in events if isinstance(e, Seen)] == [
        {"active": True},
        {"active": False},
    ]
    assert with_name[:2] == events[:2]


def test_documents_that_are_missing_are_done_without(scim: ScimServer):
    ann = scim.add_user("ann")
    documents = ("/v2/ServiceProviderConfig", "/v2/ResourceTypes", "/v2/Schemas")
    scim.instead = lambda r: problem(404) if r.path in documents else None
    connector = connect(scim.url)
    events = scan(connector)
    assert isinstance(events[0], Seen)
    assert events[0].anchor == ann
    assert events[0].attributes["departmentNumber"] == "Sales"
    assert events[-1] == Complete(None)
    with connector.open() as session:
        assert list(session.check()) == []
        described = session.schema().types["user"]
    assert described is not None
    assert described["groups"].read_only
    assert described["emails"].multi_valued


@pytest.mark.parametrize("document", ["ServiceProviderConfig", "ResourceTypes", "Schemas"])
def test_a_document_at_which_the_connection_breaks_fails_the_scan(scim: ScimServer, document: str):
    scim.add_user("ann")
    connector = connect(scim.url)
    cursor = cursor_of(scan(connector))
    scim.instead = lambda r: broken(r) if r.path == f"/v2/{document}" else None
    for since in (None, cursor):
        with pytest.raises(ScanFailed, match="the service went away"):
            scan(connector, cursor=since)


def test_the_names_of_the_schema_are_those_of_the_scan(scim: ScimServer):
    scim.add_user(
        "ann", name={"givenName": "A"}, emails=[{"value": "a@example.org", "type": "work"}]
    )
    connector = connect(scim.url)
    found = one(connector)
    with connector.open() as session:
        described = session.schema().types["user"]
    assert described is not None
    assert {name for name in found if "[" not in name} <= set(described)


# --- a clock that is set back --------------------------------------------------------------------


@pytest.fixture
def hands(scim: ScimServer) -> list[datetime]:
    """The one clock by which the service stamps what changes and dates its answers."""
    hands = [datetime(2026, 1, 1, 12, tzinfo=UTC)]
    scim.clock = scim.date = lambda: hands[0]
    return hands


def promote(scim: ScimServer, person: str) -> None:
    scim.patch(f"/Users/{person}", {"op": "replace", "path": "title", "value": "Boss"})


def test_a_clock_that_was_set_back_loses_the_cursor(scim: ScimServer, hands: list[datetime]):
    """What changes then is stamped before the cursor, and no delta would tell of it."""
    ids = [scim.add_user(f"u{n}") for n in range(3)]
    connector = connect(scim.url)
    hands[0] += timedelta(minutes=1)
    cursor = cursor_of(scan(connector))
    hands[0] -= timedelta(minutes=20)
    promote(scim, ids[1])
    hands[0] += timedelta(minutes=5)
    with pytest.raises(CursorLost, match="the clock of the service was set back"):
        scan(connector, cursor=cursor)
    cursor = cursor_of(scan(connector))
    hands[0] += timedelta(minutes=5)
    promote(scim, ids[2])
    events = scan(connector, cursor=cursor)
    titles = {e.anchor: e.attributes.get("title") for e in events if isinstance(e, Seen)}
    assert titles[ids[2]] == "Boss"


@pytest.mark.parametrize("minutes", [0, 60])
def test_a_clock_that_goes_on_or_stands_keeps_the_cursor(
    scim: ScimServer, hands: list[datetime], minutes: int
):
    """The cursor is no later than the second in which the scan before it began."""
    hands[0] += timedelta(milliseconds=700)
    ids = [scim.add_user(f"u{n}") for n in range(3)]
    connector = connect(scim.url)
    cursor = cursor_of(scan(connector))
    hands[0] += timedelta(minutes=minutes)
    promote(scim, ids[1])
    assert ids[1] in anchors(scan(connector, cursor=cursor))
