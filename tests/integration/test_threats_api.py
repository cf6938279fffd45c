"""The threats that concern the API: each is tried."""

from __future__ import annotations

import json
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from hypersync.access.tokens import create_token
from hypersync.model.actions import ActionState
from hypersync.model.objects import Operation
from hypersync.model.requests import Plan, RequestKind, Step
from hypersync.model.scans import Scan, ScanId, ScanKind, ScanState, TypeCounts, TypeVerdict
from tests.api import PEOPLE, Caller, caller, problem
from tests.asking import NOON
from tests.databases import prepared
from tests.pages import Browser
from tests.postgresql import both_databases
from tests.signing_in import account, enter
from tests.signing_in import browser as pages

SCAN = Scan(
    id=ScanId("scan-of-hr"),
    silo="directory",
    stream="user",
    kind=ScanKind.FULL,
    state=ScanState.SUSPENDED,
    started_at=NOON,
    types={"user": TypeVerdict(counts=TypeCounts(seen=60), reasons=("40 of 100 are missing",))},
)
APPROVED, REJECTED, SUSPENDED = ActionState.APPROVED, ActionState.REJECTED, ActionState.SUSPENDED


@pytest.fixture
def ann(tmp_path):
    return caller(tmp_path, "ann")


def asked(who, count=2, **more):
    ids = who.world.suspend(count)
    request = who.world.ask(ids, **more)
    return ids, request


def body(who, request):
    return {"digest": who.get(f"/requests/{request.id}").json["digest"]}


def test_S1_looking_a_hundred_times_changes_nothing(ann):
    ids, request = asked(ann)
    before = [ann.world.rows(name) for name in ("action", "request", "event", "decision")]
    for path in ("/requests", f"/requests/{request.id}", f"/actions/{ids[0]}", "/dashboard"):
        for method in ("GET", "HEAD", "OPTIONS"):
            for _ in range(9):
                ann.call(method, path)
    assert [ann.world.rows(n) for n in ("action", "request", "event", "decision")] == before


@both_databases
def test_S7_fifty_answers_at_once_are_one_decision(database_url):
    prepared(database_url).dispose()
    one = caller(database_url, "ann")
    ids, request = asked(one, 3)
    given = body(one, request)
    who = {"approve": one, "reject": one.as_("bob")}
    one.browser.client()
    barrier = threading.Barrier(10)

    def answer(number):
        verb = "approve" if number % 2 else "reject"
        if number < 10:
            barrier.wait(60)
        sender = Caller(replace(one.browser), who[verb].secret)
        return verb, sender.post(f"/requests/{request.id}/{verb}", given).status_code

    with ThreadPoolExecutor(10) as pool:
        codes = list(pool.map(answer, range(50)))
    states = set(one.world.states(ids))
    assert states in ({APPROVED}, {REJECTED})
    won = "approve" if states == {APPROVED} else "reject"
    assert {code for verb, code in codes if verb == won} == {200}
    assert {code for verb, code in codes if verb != won} == {409}
    assert len({row["by"] for row in one.world.rows("decision")}) == 1
    one.world.store.close()


def test_S5_nobody_decides_about_a_run_that_they_started(tmp_path):
    one = caller(tmp_path, "ann")
    with one.world.store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE run SET started_by = 'person:ann'")
    ids, request = asked(one)
    assert "started the run" in one.get(f"/requests/{request.id}").json["why_not"]
    given = body(one, request)
    problem(one.post(f"/requests/{request.id}/approve", given), 403, "decision_refused")
    assert one.world.states(ids) == [SUSPENDED] * 2


def test_S6_one_person_with_two_tokens_is_one_vote(ann):
    plan = Plan(name="two", steps=(Step(to="role:approver"),), need=2, comment="never")
    settings = ann.world.settings
    ann.world.settings = replace(
        settings, directory=replace(settings.directory, plans={"two": plan})
    )
    ids, request = asked(ann, plan="two")
    given = body(ann, request)
    for _ in range(2):
        answer = ann.as_("ann").post(f"/requests/{request.id}/approve", given)
        assert sorted(answer.json["waiting"]) == sorted(ids)
    assert ann.world.states(ids) == [SUSPENDED] * 2
    assert ann.as_("bob").post(f"/requests/{request.id}/approve", given).status_code == 200
    assert ann.world.states(ids) == [APPROVED] * 2


def test_S8_a_token_of_a_member_who_was_removed_decides_nothing(ann):
    ids, request = asked(ann)
    given = body(ann, request)
    settings = ann.world.settings
    people = {name: p for name, p in settings.directory.people.items() if name != "ann"}
    ann.browser.use(directory=replace(settings.directory, people=people))
    problem(ann.post(f"/requests/{request.id}/approve", given), 401, "token")
    people["ann"] = replace(PEOPLE[0], roles=frozenset({"viewer"}))
    ann.browser.use(directory=replace(settings.directory, people=people))
    problem(ann.post(f"/requests/{request.id}/approve", given), 403, "decision_refused")
    assert ann.world.states(ids) == [SUSPENDED] * 2


def test_S9_S10_an_answer_covers_what_was_looked_at_and_nothing_that_came_later(ann):
    ids, request = asked(ann)
    given = body(ann, request)
    mark = ann.get(f"/actions/{ids[0]}").json["mark"]
    with ann.world.store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE action SET fingerprint = 'another'")
    problem(ann.post(f"/requests/{request.id}/approve", given), 409, "decision_lost")
    chosen = {"actions": [{"id": ids[0], "mark": mark}]}
    problem(ann.post("/actions/approve", chosen), 409, "decision_lost")
    assert ann.world.states(ids) == [SUSPENDED] * 2


def test_S11_a_wrong_token_learns_nothing_and_is_slowed_down(ann):
    _, request = asked(ann)
    guess = replace(ann, secret="hypersync_" + "x" * 43)
    answers = {guess.get(path).text for path in (f"/requests/{request.id}", "/requests/none")}
    assert len(answers) == 1
    codes = [guess.get("/requests").status_code for _ in range(30)]
    assert codes[0] == 401
    assert codes[-1] == 429
    assert ann.get("/requests").status_code == 200
    ann.browser.time += timedelta(minutes=1)
    assert guess.get("/requests").status_code == 401


def test_S12_a_token_works_for_its_purpose_and_in_its_database_only(ann, tmp_path_factory):
    ids, request = asked(ann)
    link = ann.browser.open(f"/hypersync/approve?request={request.id}&token={ann.secret}")
    assert link.status_code in (403, 404)
    ann.browser.post_office()
    mail = replace(ann, secret=ann.browser.token())
    problem(mail.get("/requests"), 401, "token")
    other = caller(tmp_path_factory.mktemp("other"), "ann")
    other.secret = ann.secret
    problem(other.get("/requests"), 401, "token")
    cookie = ann.browser.client()
    cookie.set_cookie("hypersync", ann.secret, domain="iam.example.org")
    problem(replace(ann, secret="").get("/requests"), 401, "unknown")
    assert ann.world.states(ids) == [SUSPENDED] * 2


def test_S12_a_token_opens_no_page(ann):
    for path in ("/report/pending", "/audit", "/report/runs"):
        page = ann.browser.client().get(
            path,
            headers={"Host": "iam.example.org", "Authorization": f"Bearer {ann.secret}"},
            environ_base={"REMOTE_ADDR": "192.0.2.7"},
        )
        assert page.status_code in (302, 401, 403)


def test_S13_tokens_are_in_no_log_and_in_no_answer(ann, caplog):
    caplog.set_level(logging.DEBUG)
    ids, request = asked(ann)
    given = body(ann, request)
    texts = [
        ann.post(f"/requests/{request.id}/approve", given, key="k").text,
        ann.get("/events").text,
        ann.get("/me").text,
        replace(ann, secret=ann.secret + "x").get("/requests").text,
        ann.get(f"/requests/{ann.secret}").text,
    ]
    assert caplog.text
    assert ann.secret not in caplog.text
    assert all(ann.secret not in text for text in texts)
    stored = [ann.world.rows(name) for name in ("api_token", "event", "idempotency_key")]
    assert ann.secret not in repr(stored)
    assert "Person 1" not in caplog.text
    assert ann.world.states(ids) == [APPROVED] * 2


@pytest.mark.parametrize(
    "headers",
    [{}, {"X-CSRF-Token": "x"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.org"}],
)
def test_S14_another_site_cannot_use_a_session_to_decide(tmp_path, headers):
    browser = pages(tmp_path)
    account(browser.world, "ann")
    assert enter(browser, "ann").status_code == 303
    ids = browser.world.suspend(2)
    request = browser.world.ask(ids)
    address = f"/api/v1/requests/{request.id}"
    given = {"digest": browser.open(address).json["digest"]}
    sent = browser.client().post(
        f"{address}/approve", json=given, headers={**browser.headers, **headers}
    )
    problem(sent, 403, "csrf")
    assert browser.world.states(ids) == [SUSPENDED] * 2


def test_S14_a_form_is_not_json(tmp_path):
    browser = pages(tmp_path)
    account(browser.world, "ann")
    enter(browser, "ann")
    ids = browser.world.suspend(2)
    address = f"/api/v1/requests/{browser.world.ask(ids).id}"
    given = json.dumps({"digest": browser.open(address).json["digest"]})
    headers = {**browser.headers, "X-CSRF-Token": browser.form("/report/runs")["csrf"]}
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        sent = browser.client().post(
            f"{address}/approve", data=given, content_type=kind, headers=headers
        )
        problem(sent, 415, "unsupported_media_type")
    assert browser.world.states(ids) == [SUSPENDED] * 2


def test_S15_S17_no_answer_is_framed_and_the_host_is_ours(ann):
    assert ann.get("/requests").headers["X-Frame-Options"] == "DENY"
    ann.headers = {"Host": "evil.example.org"}
    answer = ann.get("/requests")
    problem(answer, 400, "host")
    assert "evil" not in answer.text


def test_S19_values_are_data_whatever_they_say(ann):
    hostile = {"title": "<img src=x onerror=alert(1)>", "name": "a\u202eb\x00", "big": "x" * 10**6}
    ids = ann.world.suspend(1, after=hostile, title="<script>")
    answer = ann.get(f"/actions/{ids[0]}")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.json["after"]["title"] == hostile["title"]


def test_S29_who_may_approve_is_for_administrators_with_a_token_that_says_so(tmp_path):
    plan = Plan(name="iam", steps=(Step(to="person:ann"),), approvers=("person:bob",))
    one = caller(tmp_path, "vic")
    settings = one.world.settings
    one.world.settings = replace(
        settings, directory=replace(settings.directory, plans={"iam": plan})
    )
    _, request = asked(one, plan="iam")
    paths = ("/people", "/plans", f"/requests/{request.id}", "/events", "/requests")
    for who in (one, one.as_("ann"), one.as_("oli"), one.as_("ada", "read")):
        mine = who.get("/me").json["person"]
        for path in paths:
            text = who.get(path).text
            assert "bob@example.org" not in text
            assert "person:bob" not in text
            assert '"approvers":[' not in text
            shown = [p for p in who.get("/people").json["items"] if p["roles"] is not None]
            assert {p["id"] for p in shown} <= {mine}
    ada = one.as_("ada", "read", "admin")
    assert ada.get("/plans").json["items"][0]["entitled"] == ["bob"]
    assert ada.get(f"/requests/{request.id}").json["asked"]["approvers"] == ["bob"]
    assert "bob@example.org" in ada.get("/people").text


def test_S12_being_an_admin_makes_nobody_an_approver(tmp_path):
    ada = caller(tmp_path, "ada")
    ids, request = asked(ada)
    given = body(ada, request)
    problem(ada.post(f"/requests/{request.id}/approve", given), 403, "decision_refused")
    assert ada.world.states(ids) == [SUSPENDED] * 2


def say(one, **proofs):
    """Let decisions take this."""
    one.browser.use(proofs=replace(one.world.settings.proofs, **proofs))


def test_S12_a_token_decides_nothing_that_takes_a_session(tmp_path):
    one = caller(tmp_path, "ann")
    say(one, vip="session", deletes="session", four_eyes="session")
    world = one.world
    vips = world.suspend(1, vip="executives")
    vip = world.ask(vips, kind=RequestKind.VIP, vip="executives")
    others = world.suspend(2, rule="other", first=50)
    plain = world.ask(others, rule="other")
    deletes = world.suspend(2, rule="leave", first=70, operation=Operation.DELETE)
    delete = world.ask(deletes, rule="leave")
    for request in (vip, delete):
        assert one.get(f"/requests/{request.id}").json["proof"] == "session"
        for word in ("approve", "reject"):
            said = one.post(f"/requests/{request.id}/{word}", body(one, request))
            problem(said, 403, "decision_refused")
            assert "a token of the API is not enough" in said.json["detail"]
    chosen = [
        {"id": each, "mark": one.get(f"/actions/{each}").json["mark"]}
        for each in (*others, *deletes)
    ]
    problem(one.post("/actions/approve", {"actions": chosen}), 403, "decision_refused")
    said = one.post(f"/runs/{world.run}/rules/leave/approve", body(one, delete))
    problem(said, 403, "decision_refused")
    assert world.rows("decision") == []
    assert set(world.states([*vips, *others, *deletes])) == {SUSPENDED}
    assert one.post(f"/requests/{plain.id}/approve", body(one, plain)).status_code == 200


def test_S12_a_token_decides_no_scan_that_takes_a_session(tmp_path):
    one = caller(tmp_path, "ann")
    say(one, scans="session")
    with one.world.store.begin() as unit:
        unit.scans.start(SCAN)
    request = one.world.ask([], kind=RequestKind.SCAN, scan=SCAN.id, rule=None, run=None)
    said = one.post(f"/requests/{request.id}/approve", body(one, request))
    problem(said, 403, "decision_refused")
    say(one, tokens_as_sessions=True)
    assert one.post(f"/requests/{request.id}/approve", body(one, request)).status_code == 200


def test_a_token_equals_a_session_where_the_installation_says_so(tmp_path):
    one = caller(tmp_path, "ann")
    ids = one.world.suspend(1, vip="executives")
    request = one.world.ask(ids, vip="executives")
    say(one, vip="session", tokens_as_sessions=True)
    assert one.get(f"/requests/{request.id}").json["proof"] == "session"
    given = body(one, request)
    reader = one.as_("ann", "read", "run", "admin")
    problem(reader.post(f"/requests/{request.id}/approve", given), 403, "scope")
    assert one.post(f"/requests/{request.id}/approve", given).status_code == 200
    assert one.world.rows("decision")[0]["proof"] == "token"


def test_a_token_is_judged_by_the_clock_of_the_server(tmp_path):
    world = caller(tmp_path, "ann").world
    directory = world.settings.directory
    secret, _ = create_token(
        world.store,
        "ann",
        "short",
        ["read"],
        ends=NOON + timedelta(minutes=5),
        by="cli:t",
        now=NOON,
        directory=directory,
    )
    one = Caller(Browser(world, remote="192.0.2.7"), secret)
    assert one.get("/requests").status_code == 200
    one.browser.time += timedelta(minutes=5)
    problem(one.get("/requests"), 401, "token")


def test_S13_an_error_of_ours_tells_the_log_no_values(ann, caplog):
    asked(ann)
    with ann.world.store.engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE action SET state = 'hunter2', after = '{\"x\": \"hunter2\"}'"
        )
    found = problem(ann.get("/actions"), 500, "internal")
    assert "hunter2" not in str(found)
    assert "a call of the API failed" in caplog.text
    assert "action_of" in caplog.text or "columns.py" in caplog.text
    assert "hunter2" not in caplog.text
