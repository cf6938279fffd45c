"""The API: who may call what, how errors and pages look, and deciding."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from hypersync.model.actions import ActionState
from hypersync.model.requests import Plan, RequestKind, Step
from tests.api import caller, problem
from tests.asking import DAY, HOUR, person
from tests.signing_in import account, csrf_of, enter
from tests.signing_in import browser as pages

APPROVED, REJECTED, SUSPENDED = ActionState.APPROVED, ActionState.REJECTED, ActionState.SUSPENDED


@pytest.fixture
def ann(tmp_path):
    return caller(tmp_path, "ann")


def asked(who, count=2, **more):
    ids = who.world.suspend(count, **more)
    return ids, who.world.ask(ids, rule=more.get("rule", "disable-leaver"))


def digest(who, request):
    return who.get(f"/requests/{request.id}").json["digest"]


# --- who may -----------------------------------------------------------------------------------


def test_nobody_gets_401_and_is_told_how_to_call(ann):
    ann.secret = ""
    for path in ("/requests", "/events", "/nothing", "/requests/x"):
        answer = ann.get(path)
        problem(answer, 401, "unknown")
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="hypersync"'


def test_a_wrong_token_gets_401_and_is_told_so(ann):
    ann.secret = "hypersync_" + "x" * 43
    answer = ann.get("/requests")
    problem(answer, 401, "token")
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


def test_a_token_needs_the_scope_of_the_call(ann):
    ids, request = asked(ann)
    reader = ann.as_("ann", "read")
    answer = reader.post(f"/requests/{request.id}/approve", {"digest": digest(reader, request)})
    problem(answer, 403, "scope")
    assert 'scope="decide"' in answer.headers["WWW-Authenticate"]
    problem(ann.as_("ann", "decide").get("/requests"), 403, "scope")
    assert ann.world.states(ids) == [SUSPENDED] * 2


def test_a_person_without_a_role_sees_nothing(tmp_path):
    nobody = caller(tmp_path, "ann", people=(person("ann", roles=frozenset()),))
    problem(nobody.get("/requests"), 403, "role")


def test_whoever_sits_at_this_machine_looks_and_does_nothing(ann):
    _, request = asked(ann)
    ann.secret, ann.browser.remote = "", "127.0.0.1"
    ann.headers = {"Host": "localhost"}
    assert ann.get("/requests").status_code == 200
    body = {"digest": digest(ann, request)}
    problem(ann.post(f"/requests/{request.id}/approve", body), 403, "role")


def test_a_session_looks_and_what_it_sends_carries_its_form_token(tmp_path):
    browser = pages(tmp_path)
    account(browser.world, "ann")
    assert enter(browser, "ann").status_code == 303
    request = browser.world.ask(browser.world.suspend(2))
    found = browser.open(f"/api/v1/requests/{request.id}")
    assert found.status_code == 200
    address, body = f"/api/v1/requests/{request.id}/approve", {"digest": found.json["digest"]}
    browser.headers["X-CSRF-Token"] = "wrong"
    refused = browser.client().post(address, json=body, headers=browser.headers)
    problem(refused, 403, "csrf")
    browser.headers["X-CSRF-Token"] = csrf_of(browser)
    done = browser.client().post(address, json=body, headers=browser.headers)
    assert done.status_code == 200
    assert browser.world.rows("decision")[0]["proof"] == "session"


# --- how answers look --------------------------------------------------------------------------


def test_every_error_is_a_problem(ann):
    _, request = asked(ann)
    address = f"/requests/{request.id}/approve"
    problem(ann.get("/nothing"), 404, "not_found")
    problem(ann.get("/requests/nothing"), 404, "not_found")
    problem(ann.get("/api"), 404, "not_found")
    refused = ann.call("DELETE", "/requests")
    problem(refused, 405, "method_not_allowed")
    assert "GET" in refused.headers["Allow"]
    problem(ann.call("POST", address, data=b"x" * 300_000, content_type="application/json"),
            413, "too_large")  # fmt: skip
    problem(ann.call("POST", address, data={"a": "b"}), 415, "unsupported_media_type")
    problem(
        ann.call("POST", address, data="{", content_type="application/json"), 400, "bad_request"
    )
    deep = "[" * 100_000
    problem(
        ann.call("POST", address, data=deep, content_type="application/json"), 400, "bad_request"
    )
    problem(ann.post(address, []), 422, "invalid")
    problem(ann.post(address, "{}"), 422, "invalid")
    found = problem(ann.post(address, {"digest": "x", "more": 1}), 422, "invalid")
    assert {each["at"] for each in found["errors"]} == {"digest", "more"}
    problem(replace(ann, headers={"Host": "evil.example.org"}).get("/requests"), 400, "host")


def test_an_error_of_ours_is_a_problem_and_says_nothing_of_itself(ann, caplog):
    ann.browser.client()
    ann.world.store.close()
    with ann.world.store.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE event")
    found = problem(ann.get("/events"), 503, "store")
    assert "Traceback" not in json.dumps(found)


def test_answers_are_kept_nowhere_and_framed_nowhere(ann):
    for path in ("/requests", "/nothing", "/openapi.json"):
        headers = ann.get(path).headers
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "default-src 'none'" in headers["Content-Security-Policy"]


def test_lists_are_pages_that_follow_each_other(ann):
    requests = [asked(ann, 1, rule=f"rule-{n}", first=n)[1].id for n in range(7)]
    first = ann.get("/requests", limit=3)
    assert len(first.json["items"]) == 3
    assert f"cursor={first.json['next']}" in first.headers["Link"]
    assert 'rel="next"' in first.headers["Link"]
    found = [each["id"] for each in ann.every("/requests", limit=3)]
    assert sorted(found) == sorted(requests)
    assert len(set(found)) == 7
    last = ann.get("/requests", limit=100)
    assert last.json["next"] is None
    assert 'rel="next"' not in last.headers["Link"]


def test_a_page_that_is_just_full_is_the_last(ann):
    for number in range(3):
        asked(ann, 1, rule=f"rule-{number}", first=number)
    found = ann.get("/requests", limit=3).json
    assert len(found["items"]) == 3
    assert found["next"] is None


def test_a_cursor_is_of_its_list(ann):
    asked(ann, 3)
    cursor = ann.get("/actions", limit=1).json["next"]
    problem(ann.get("/requests", cursor=cursor), 422, "cursor")
    for wrong in ("x", "e30", "%00", "bnVsbA", cursor[:-2]):
        problem(ann.get("/actions", cursor=wrong), 422, "cursor")


def test_a_tag_saves_sending_the_same_again(ann):
    asked(ann)
    first = ann.get("/requests")
    tagged = replace(ann, headers={"If-None-Match": first.headers["ETag"]})
    assert tagged.get("/requests").status_code == 304
    asked(ann, rule="other", first=9)
    assert tagged.get("/requests").status_code == 200


def test_many_calls_are_slowed_down_and_over_after_a_minute(ann, monkeypatch):
    monkeypatch.setattr("webui.api.door.MOST_CALLS", 5)
    codes = [ann.get("/requests").status_code for _ in range(6)]
    assert codes == [200] * 5 + [429]
    refused = ann.get("/requests")
    problem(refused, 429, "too_many")
    assert refused.headers["Retry-After"] == "60"
    assert ann.as_("bob").get("/requests").status_code == 200
    ann.browser.time += HOUR
    assert ann.get("/requests").status_code == 200


def test_the_document_describes_every_call_and_nothing_else(ann):
    document = ann.get("/openapi.json").json
    assert document["openapi"].startswith("3.1")
    for path, item in document["paths"].items():
        assert path.startswith("/api/v1/")
        for method, operation in item.items():
            assert operation["summary"]
            assert operation["x-scope"] in ("read", "decide", "run", "admin")
            assert "401" in operation["responses"]
            assert method in ("get", "post")
    assert "Problem" in document["components"]["schemas"]


# --- looking -----------------------------------------------------------------------------------


def test_requests_and_actions_are_filtered(ann):
    ids, request = asked(ann)
    other, _ = asked(ann, 1, rule="other", first=9)
    assert [r["id"] for r in ann.every("/requests", rule="disable-leaver")] == [request.id]
    assert ann.every("/requests", state="closed") == []
    assert [a["id"] for a in ann.every("/actions", request=request.id)] == list(ids)
    assert [a["id"] for a in ann.every(f"/requests/{request.id}/actions", limit=1)] == list(ids)
    assert [a["id"] for a in ann.every("/actions", rule="other")] == other
    assert [a["id"] for a in ann.every("/actions", identity=2)] == [ids[1]]
    problem(ann.get("/actions", state="gone"), 422, "invalid")
    problem(ann.get("/requests/nothing/actions"), 404, "not_found")


def test_one_action_says_what_would_be_changed_and_why_it_waits(ann):
    ids, request = asked(ann)
    found = ann.get(f"/actions/{ids[0]}").json
    assert (found["before"], found["after"]) == ({"active": "true"}, {"active": "false"})
    assert found["reasons"] == [{"guard": "threshold", "name": "", "text": "too many at once"}]
    assert found["request"] == request.id
    problem(ann.get("/actions/nothing"), 404, "not_found")


def test_what_is_secret_is_not_shown(ann):
    ids, _ = asked(ann, 1, after={"password": "hunter2", "title": "x"})
    text = ann.get(f"/actions/{ids[0]}").text
    assert "hunter2" not in text
    assert "(not shown)" in text


# --- deciding ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("verb", "state"), [("approve", APPROVED), ("reject", REJECTED)])
def test_a_request_is_decided_in_the_name_of_a_person(ann, verb, state):
    ids, request = asked(ann)
    body = {"digest": digest(ann, request), "comment": "looked at it"}
    answer = ann.post(f"/requests/{request.id}/{verb}", body)
    assert answer.status_code == 200
    assert sorted(answer.json["decided"]) == sorted(ids)
    assert answer.json["requests"] == [{"id": request.id, "state": "closed"}]
    assert ann.world.states(ids) == [state] * 2
    vote = ann.world.rows("decision")[0]
    assert (vote["by"], vote["proof"], vote["comment"]) == ("person:ann", "token", "looked at it")
    kind = {"approve": "approve", "reject": "deny"}[verb]
    assert ann.world.events(kind)[0]["proof"] == "token"
    votes = ann.get(f"/requests/{request.id}").json["votes"]
    assert [(each["by"], each["count"]) for each in votes] == [("person:ann", 2)]


def test_what_changed_since_it_was_looked_at_is_refused(ann):
    ids, request = asked(ann)
    body = {"digest": "0" * 32}
    problem(ann.post(f"/requests/{request.id}/approve", body), 409, "decision_lost")
    wrong = {"actions": [{"id": ids[0], "mark": "0" * 16}]}
    problem(ann.post("/actions/approve", wrong), 409, "decision_lost")
    assert ann.world.states(ids) == [SUSPENDED] * 2


def test_the_first_decision_wins_and_the_same_twice_is_fine(ann):
    ids, request = asked(ann)
    body = {"digest": digest(ann, request)}
    address = f"/requests/{request.id}"
    assert ann.post(f"{address}/approve", body).status_code == 200
    assert ann.as_("bob").post(f"{address}/approve", body).status_code == 200
    lost = problem(ann.as_("bob").post(f"{address}/reject", body), 409, "decision_lost")
    assert {each["decided_by"] for each in lost["lost"]} == {"person:ann"}
    assert ann.world.states(ids) == [APPROVED] * 2


def test_what_is_over_is_410(ann):
    _, request = asked(ann)
    body = {"digest": digest(ann, request)}
    ann.browser.time += 2 * DAY
    problem(ann.post(f"/requests/{request.id}/approve", body), 410, "gone")


def test_actions_are_decided_all_or_none(ann):
    ids, _ = asked(ann, 3)
    marks = [{"id": a["id"], "mark": a["mark"]} for a in ann.every("/actions")]
    assert ann.post("/actions/approve", {"actions": marks[:2]}).status_code == 200
    assert ann.world.states(ids) == [APPROVED, APPROVED, SUSPENDED]
    answer = ann.post("/actions/reject", {"actions": marks})
    assert answer.status_code == 409
    assert ann.world.states(ids) == [APPROVED, APPROVED, SUSPENDED]
    unknown = {"actions": [{"id": "nothing", "mark": "0" * 16}]}
    problem(ann.post("/actions/approve", unknown), 404, "not_found")


def test_what_a_rule_did_in_a_run_is_decided(ann):
    ids, request = asked(ann)
    address = f"/runs/{ann.world.run}/rules/disable-leaver/reject"
    assert ann.post(address, {"digest": digest(ann, request)}).status_code == 200
    assert ann.world.states(ids) == [REJECTED] * 2
    body = {"digest": "0" * 32}
    problem(ann.post(f"/runs/{ann.world.run}/rules/x/reject", body), 404, "not_found")


def test_a_reason_is_asked_for_where_the_plan_wants_one(ann):
    plan = Plan(name="iam", steps=(Step(to="person:ann"),), comment="always")
    settings = ann.world.settings
    directory = replace(settings.directory, plans={"iam": plan})
    ann.world.settings = replace(settings, directory=directory)
    ids = ann.world.suspend(1)
    request = ann.world.ask(ids, plan="iam")
    body = {"digest": digest(ann, request)}
    refused = problem(ann.post(f"/requests/{request.id}/approve", body), 403, "decision_refused")
    assert "a reason is needed" in refused["detail"]
    for comment in ("because",):
        body["comment"] = comment
        assert ann.post(f"/requests/{request.id}/approve", body).status_code == 200


def test_a_scan_is_decided_by_its_digest(ann):
    request = ann.world.ask(
        [], kind=RequestKind.SCAN, rule=None, run=None, scan="s1", count=5, silo="hr", type="person"
    )
    ann.world.write(
        "scan", id="s1", silo="hr", stream="person", kind="full", state="suspended",
        started_at=ann.browser.time,
    )  # fmt: skip
    body = {"digest": digest(ann, request)}
    answer = ann.post(f"/requests/{request.id}/reject", body)
    assert answer.status_code == 200, answer.text
    assert answer.json["scan"] == "s1"
