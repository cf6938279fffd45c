"""The pages that the links of a mail open."""

from dataclasses import replace
from datetime import timedelta

import pytest

from hypersync.approvals.decide import Ballot, OfActions, decide
from hypersync.model.actions import ActionState
from hypersync.model.ids import new_public_id
from hypersync.model.requests import Answer, Plan, RequestKind, RequestState, Step
from hypersync.model.scans import (
    Scan,
    ScanId,
    ScanKind,
    ScanState,
    TypeCounts,
    TypeVerdict,
)
from tests.asking import DAY, NOON, person, stopped
from tests.pages import Browser

APPROVED, REJECTED, SUSPENDED = (
    ActionState.APPROVED,
    ActionState.REJECTED,
    ActionState.SUSPENDED,
)
FOUR_EYES = Plan(name="four", steps=(Step(to="person:ann"), Step(to="person:bob")), need=2)


def asked(tmp_path, count: int = 3, *people, **values) -> tuple[Browser, list, object]:
    world = stopped(tmp_path, *people, **values)
    ids = world.suspend(count)
    request = world.ask(ids)
    browser = Browser(world)
    browser.post_office()
    return browser, ids, request


def test_a_link_shows_what_it_is_about_and_a_form(tmp_path):
    browser, _, request = asked(tmp_path)
    page = browser.open(browser.link(f"approve?request={request.id}"))
    text = page.get_data(as_text=True)
    assert page.status_code == 200
    assert "<h1>Approve 3 actions?</h1>" in text
    assert "Person 2" in text
    assert "You answer as <strong>Ann Ng</strong>." in text
    assert browser.code() not in text


def test_one_action_is_approved_by_its_own_link(tmp_path):
    browser, ids, _ = asked(tmp_path)
    answer = browser.answer(browser.link(f"approve?action={ids[1]}"))
    assert answer.status_code == 200
    assert "1 action approved" in answer.get_data(as_text=True)
    assert browser.world.states(ids) == [SUSPENDED, APPROVED, SUSPENDED]
    decision = browser.world.rows("decision")[0]
    assert (decision["by"], decision["proof"]) == ("person:ann", "code")


@pytest.mark.parametrize(("word", "state"), [("approve", APPROVED), ("reject", REJECTED)])
def test_everything_of_a_request_is_decided_by_its_links(tmp_path, word, state):
    browser, ids, request = asked(tmp_path)
    assert browser.answer(browser.link(f"{word}?request={request.id}")).status_code == 200
    assert browser.world.states(ids) == [state] * 3


@pytest.mark.parametrize(("word", "state"), [("approve", APPROVED), ("reject", REJECTED)])
def test_the_link_of_a_run_and_rule_decides_its_volume_request(tmp_path, word, state):
    browser, ids, _ = asked(tmp_path)
    run, token = browser.world.run, browser.token()
    link = f"/hypersync/{word}?run={run}&rule=disable-leaver&token={token}"
    assert browser.answer(link).status_code == 200
    assert browser.world.states(ids) == [state] * 3


@pytest.mark.parametrize(("word", "state"), [("approve", APPROVED), ("reject", REJECTED)])
def test_the_older_form_of_the_link_has_both_buttons(tmp_path, word, state):
    browser, ids, _ = asked(tmp_path)
    link = f"/hypersync/run={browser.world.run}&rule=disable-leaver?token={browser.token()}"
    page = browser.open(link).get_data(as_text=True)
    assert "Approve 3 actions</button>" in page
    assert "Reject 3 actions</button>" in page
    assert browser.answer(link, answer=word).status_code == 200
    assert browser.world.states(ids) == [state] * 3


def test_the_older_form_needs_one_of_the_two_answers(tmp_path):
    browser, _, _ = asked(tmp_path)
    link = f"/hypersync/run={browser.world.run}&rule=disable-leaver?token={browser.token()}"
    assert browser.answer(link).status_code == 400


def test_a_reason_is_kept_with_the_decision(tmp_path):
    browser, ids, request = asked(tmp_path, 1)
    browser.answer(browser.link(f"reject?request={request.id}"), comment="wrong file")
    assert browser.world.rows("decision")[0]["comment"] == "wrong file"
    page = browser.open(browser.link(f"approve?action={ids[0]}")).get_data(as_text=True)
    assert "The holder of Ann Ng&#39;s mail rejected on Mon 2 Mar 2026, 12:00 UTC." in page
    assert "wrong file" in page


def test_first_decision_wins_and_later_answers_are_told(tmp_path):
    browser, ids, request = asked(tmp_path, 2, person("ann"), person("bob"))
    first, second = (browser.link(f"approve?request={request.id}", n) for n in (0, 1))
    assert browser.submit(first, code=browser.code(0)).status_code == 200
    fields = {"token": browser.token(1), "code": browser.code(1), "digest": "x"}
    rejected = browser.post(second.replace("approve", "reject"), fields)
    assert rejected.status_code == 409
    assert "Decided already" in rejected.get_data(as_text=True)
    assert browser.post(second, fields).status_code == 200
    assert browser.world.states(ids) == [APPROVED] * 2


def test_an_approval_that_needs_another_person_says_so(tmp_path):
    plan = Plan(name="two", steps=(Step(to="person:ann"), Step(to="person:bob")), need=2)
    world = stopped(tmp_path, person("ann"), person("bob"), plans=[plan])
    ids = world.suspend()
    request = world.ask(ids, plan="two")
    browser = Browser(world)
    browser.post_office()
    page = browser.answer(browser.link(f"approve?request={request.id}"))
    assert "Another person has to approve as well." in page.get_data(as_text=True)
    assert world.states(ids) == [SUSPENDED]


def test_a_plan_that_wants_a_reason_gets_one(tmp_path):
    plan = Plan(name="p", steps=(Step(to="person:ann"),))
    world = stopped(tmp_path, plans=[plan])
    ids = world.suspend()
    request = world.ask(ids, plan="p")
    browser = Browser(world)
    browser.post_office()
    link = browser.link(f"reject?request={request.id}")
    assert browser.answer(link).status_code == 403
    assert browser.answer(link, comment="too many").status_code == 200
    assert world.states(ids) == [REJECTED]


def test_a_scan_is_decided_by_the_links_of_its_request(tmp_path):
    world = stopped(tmp_path)
    scan = ScanId(new_public_id())
    verdict = TypeVerdict(counts=TypeCounts(seen=60), reasons=("40 of 100 are missing",))
    with world.store.begin() as unit:
        unit.scans.start(
            Scan(
                id=scan,
                silo="directory",
                stream="user",
                kind=ScanKind.FULL,
                state=ScanState.SUSPENDED,
                started_at=NOON,
                types={"user": verdict},
            )
        )
    request = world.ask(
        [], kind=RequestKind.SCAN, scan=scan, count=40, rule=None, run=None, expires_at=None
    )
    browser = Browser(world)
    browser.post_office()
    link = browser.link(f"reject?request={request.id}")
    assert "Reject the scan?" in browser.open(link).get_data(as_text=True)
    fields = {**browser.form(link), "code": browser.code()}
    assert browser.post(link, fields).status_code == 200
    assert world.request(request.id).state is RequestState.CLOSED
    assert world.rows("scan")[0]["state"] == "rejected"
    assert browser.post(link, fields).status_code == 200
    assert browser.post(link.replace("reject", "approve"), fields).status_code == 409
    assert [row["answer"] for row in world.rows("decision")] == [Answer.REJECT]


def test_the_report_shows_everything_that_waits(tmp_path):
    browser, _, request = asked(tmp_path)
    page = browser.open("/report/pending").get_data(as_text=True)
    assert "Person 3" in page
    assert f"https://iam.example.org/hypersync/approve?request={request.id}" in page
    assert "token=" not in page


def test_an_empty_report_says_that_nothing_waits(tmp_path):
    assert "Nothing waits." in Browser(stopped(tmp_path)).open("/report/pending").text


def test_the_runs_are_listed_with_their_actions(tmp_path):
    browser, ids, _ = asked(tmp_path)
    ballot = Ballot(answer=Answer.REJECT, by="person:ann", proof="shell")
    world = browser.world
    decide(world.store, OfActions((ids[0],)), ballot, now=NOON, settings=world.settings)
    assert f"/report/runs/{world.run}" in browser.open("/report/runs").text
    page = browser.open(f"/report/runs/{world.run}").text
    assert "Person 1" in page
    assert "decided by person:ann" in page
    assert browser.open("/report/runs/unknown").status_code == 404


@pytest.mark.parametrize(
    "link",
    [
        "/hypersync/approve",
        "/hypersync/approve?run=x",
        "/hypersync/approve?action=x&request=y",
        "/hypersync/run=x",
        "/hypersync/run=x&rule=",
    ],
)
def test_half_a_link_is_refused_with_a_sentence(tmp_path, link):
    page = Browser(stopped(tmp_path)).open(link)
    assert page.status_code == 400
    assert "Copy all of it from the mail." in page.text


def test_after_a_decision_the_page_of_a_link_says_who_decided(tmp_path):
    browser, _, request = asked(tmp_path)
    link = browser.link(f"approve?request={request.id}")
    browser.answer(link)
    page = browser.open(link)
    assert page.status_code == 200
    assert "Nothing left to decide" in page.text
    assert "approved 3 on Mon 2 Mar 2026" in page.text
    assert "<form" not in page.text


def test_a_page_counts_what_it_left_out(tmp_path):
    browser, ids, request = asked(tmp_path)
    ballot = Ballot(answer=Answer.REJECT, by="person:ann", proof="shell")
    world = browser.world
    decide(world.store, OfActions((ids[0],)), ballot, now=NOON, settings=world.settings)
    page = browser.open(browser.link(f"approve?request={request.id}")).text
    assert "Approve 2 actions?" in page
    assert "1 action of this request were decided or changed already and are left out." in page


def test_the_style_is_served_and_every_page_is_usable_by_keyboard(tmp_path):
    browser, _, request = asked(tmp_path)
    assert browser.open("/static/style.css").status_code == 200
    page = browser.open(browser.link(f"approve?request={request.id}")).text
    assert '<label for="code"' in page
    assert 'href="#main"' in page
    assert "style=" not in page
    assert "<script>" not in page


def test_an_answer_counts_to_the_last_second(tmp_path):
    browser, ids, request = asked(tmp_path, 1)
    browser.time = NOON + DAY - timedelta(seconds=1)
    assert browser.answer(browser.link(f"approve?request={request.id}")).status_code == 200
    assert browser.world.states(ids) == [APPROVED]
    assert browser.world.actions(ids)[0].decided_at == NOON + DAY - timedelta(seconds=1)


def test_a_mistake_of_ours_is_a_sentence_and_decides_nothing(tmp_path):
    browser, _, _ = asked(tmp_path)
    browser.world.store.engine.dispose()
    (tmp_path / "hypersync.db").unlink()
    page = browser.open("/report/pending")
    assert page.status_code == 500
    assert "Something went wrong" in page.text
    assert "Traceback" not in page.text


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("[::1]:8080", 200),
        ("[::1]", 200),
        ("LOCALHOST", 200),
        ("iam.example.org:443", 403),
        ("localhost.evil.org", 400),
    ],
)
def test_the_pages_answer_to_their_own_names_only(tmp_path, host, status):
    browser = Browser(stopped(tmp_path), headers={"Host": host})
    assert browser.open("/report/pending").status_code == status


def test_a_repeated_request_and_its_problem_are_said_on_the_page(tmp_path):
    world = stopped(tmp_path, person("ann"), person("bob"), plans=[FOUR_EYES])
    world.settings.directory.people.pop("bob")  # type: ignore[attr-defined]
    world.ask(world.suspend(), plan="four")
    request = world.ask(world.suspend(first=9), plan="four")
    page = Browser(world).open(f"/hypersync/approve?request={request.id}").text
    assert "This is the 2nd time within 30 days." in page
    assert "An approval takes 2 different people." in page
    assert "Note: 2 must approve, but only 1 may answer." in page


def test_a_run_says_which_reviewed_plan_it_carries_out(tmp_path):
    world = stopped(tmp_path)
    address = f"/report/runs/{world.run}"
    assert "reviewed plan" not in Browser(world).open(address).text
    with world.store.begin() as unit:
        unit.runs.save(replace(unit.runs.get(world.run), plan="4017fcd6"))
    page = Browser(world).open(address).text
    assert "Carries out the reviewed plan <code>4017fcd6</code>." in page
