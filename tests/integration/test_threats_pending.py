"""The threats to the report of what waits and to deciding in a session, by their numbers."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from html import unescape

import pytest

from hypersync.approvals.directory import Directory
from hypersync.approvals.links import mark_of
from hypersync.model.actions import ActionState
from hypersync.model.requests import Plan, Step
from tests.asking import HOUR, NOON, person
from tests.pages import Browser
from tests.signing_in import account, browser, enter, signed_in

APPROVED, SUSPENDED = ActionState.APPROVED, ActionState.SUSPENDED
PENDING = "/report/pending"
DECIDED = ("action", "request", "decision", "token", "delivery", "hold")


def two() -> tuple:
    return (person("ann"), person("bob"))


def asked(made: Browser, count: int = 2, **values):
    ids = made.world.suspend(count, before={"phone": "0123"}, after={"phone": "0456"}, **values)
    return ids, made.world.ask(ids)


def places(made: Browser, ids, request) -> list[str]:
    """Every address of this part of the site."""
    run = made.world.run
    return [
        PENDING,
        f"{PENDING}?request={request.id}",
        f"{PENDING}?q=01&mine=1",
        f"{PENDING}/rows?request={request.id}",
        f"{PENDING}/news?base=0.0.0.0",
        f"{PENDING}.csv",
        f"{PENDING}.json",
        f"/hypersync/approve?action={ids[0]}",
        f"/hypersync/reject?request={request.id}",
        f"/hypersync/approve?run={run}&rule=disable-leaver",
        f"/hypersync/run={run}&rule=disable-leaver",
    ]


def values(page: str, name: str) -> list[str]:
    return re.findall(rf'name="{name}" value="([^"]*)"', page)


def marks(made: Browser, ids) -> list[str]:
    return [f"{each.id}.{mark_of(each.id, each.fingerprint)}" for each in made.world.actions(ids)]


def send(made: Browser, fields: dict, link: str = PENDING):
    return made.client().post(
        link, data=fields, headers=made.headers, environ_base={"REMOTE_ADDR": made.remote}
    )


def choose(made: Browser, answer: str = "approve", **fields):
    return send(made, {"csrf": made.form(PENDING)["csrf"], "answer": answer, **fields})


def decided(made: Browser) -> list:
    return [made.world.rows(name) for name in DECIDED]


def test_S01_looking_at_the_report_a_hundred_times_changes_nothing(tmp_path):
    made = signed_in(tmp_path, "ann", *two())
    ids, request = asked(made)
    before = decided(made)
    for _ in range(100 // len(places(made, ids, request)) + 1):
        for link in places(made, ids, request):
            for method in ("GET", "HEAD", "OPTIONS"):
                assert made.open(link, method).status_code == 200
    assert decided(made) == before


def test_S02_a_script_without_the_session_that_submits_every_form_decides_nothing(tmp_path):
    made = signed_in(tmp_path, "ann", *two())
    ids, request = asked(made)
    stranger = replace(made, _client=None)
    sent = 0
    for link in places(made, ids, request):
        page = made.open(link).text
        fields = {name: unescape(value) for name, value in made.form(link).items()}
        boxes = {"action": values(page, "action"), "part": values(page, "part")}
        for answer in re.findall(r'<button name="answer" value="(\w+)"', page):
            refused = send(stranger, {**fields, **boxes, "answer": answer}, link)
            assert 400 <= refused.status_code < 500
            sent += 1
    assert sent >= 8
    assert made.world.states(ids) == [SUSPENDED] * 2


def test_S02_a_form_without_what_its_page_was_given_decides_nothing_in_a_session(tmp_path):
    made = signed_in(tmp_path, "ann", *two())
    ids, _ = asked(made)
    for csrf in ({}, {"csrf": ""}, {"csrf": "guessed"}):
        sent = send(made, {**csrf, "action": marks(made, ids), "answer": "approve"})
        assert sent.status_code == 403
    assert made.world.states(ids) == [SUSPENDED] * 2


@pytest.mark.parametrize("has_sign_in", [True, False])
def test_S03_strangers_see_nothing_of_the_report_and_its_exports(tmp_path, has_sign_in):
    made = browser(tmp_path, *two())
    if not has_sign_in:
        made.configured = {}
    ids, request = asked(made)
    for link in places(made, ids, request):
        for headers in ({}, {"HX-Request": "true"}):
            answer = replace(made, headers=made.headers | headers, _client=None).open(link)
            assert answer.status_code in (302, 401, 403)
            assert not any(word in answer.text for word in ("Person 1", "0456", "phone"))


def test_S03_a_link_shows_its_own_request_in_the_report_and_no_other(tmp_path):
    made = browser(tmp_path, *two())
    _, request = asked(made)
    others = made.world.suspend(rule="other", first=70)
    other = made.world.ask(others, rule="other")
    made.post_office()
    token = made.token(0)
    page = made.open(f"{PENDING}?request={request.id}&token={token}")
    assert page.status_code == 200
    assert "Person 1" in page.text
    assert "Person 70" not in page.text
    assert values(page.text, "action") == []
    assert f"{PENDING}.csv" not in page.text
    assert 'id="poll"' not in page.text
    for link in (
        f"{PENDING}?request={other.id}&token={token}",
        f"{PENDING}?request={request.id}&token=wrong",
        f"{PENDING}/rows?request={other.id}&token={token}",
    ):
        assert made.open(link).status_code == 404
    for link in (f"{PENDING}.csv?token={token}", f"{PENDING}/news?base=0.0.0.0&token={token}"):
        assert made.open(link).status_code == 302


def test_S05_nobody_approves_what_they_started_are_or_stand_in_for(tmp_path):
    people = (
        person("ann", os_user="ann", delegate="dee"),
        person("bob"),
        person("dee"),
        person("eli", identity="e2"),
    )
    made = browser(tmp_path, *people)
    world = made.world
    with world.store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE run SET started_by = 'cli:ann'")
        connection.exec_driver_sql("INSERT INTO identity (id, key) VALUES (2, 'e2')")
    ids, request = asked(made)
    for who, sentence in (
        ("ann", "Ann Ng started the run (or stands in for who did)"),
        ("dee", "Dee Ng started the run (or stands in for who did)"),
        ("eli", "Eli Ng may not decide about themselves"),
    ):
        account(world, who)
        one = replace(made, _client=None)
        assert enter(one, who).status_code == 303
        assert sentence in one.open(PENDING).text
        refused = choose(one, action=marks(made, ids))
        assert refused.status_code == 403
        assert sentence in refused.text
        link = f"/hypersync/approve?request={request.id}"
        fields = {"csrf": one.form(PENDING)["csrf"], "digest": request.digest}
        assert send(one, fields, link).status_code == 403
    assert world.states(ids) == [SUSPENDED] * 2
    assert world.rows("decision") == []


def test_S06_one_person_by_mail_and_in_two_sessions_is_one_vote(tmp_path):
    plan = Plan(
        name="four",
        steps=(Step(to="person:ann"), Step(to="person:bob")),
        need=2,
        comment="never",
    )
    made = browser(tmp_path, person("ann", delegate="ann2"), person("bob"), person("ann2"))
    directory = replace(made.world.settings.directory, plans={"four": plan})
    made.world.settings = replace(made.world.settings, directory=directory)
    ids = made.world.suspend(2)
    request = made.world.ask(ids, plan="four")
    made.post_office()
    link = made.link(f"approve?request={request.id}", 0)
    assert made.submit(link, code=made.code(0)).status_code == 200
    account(made.world, "ann")
    for _ in range(2):
        one = replace(made, _client=None)
        assert enter(one, "ann").status_code == 303
        assert "Another person has to approve as well." in choose(one, action=marks(made, ids)).text
    assert made.world.states(ids) == [SUSPENDED] * 2


def test_S07_the_second_of_two_choices_is_told_and_changes_nothing(tmp_path):
    made = signed_in(tmp_path, "ann", *two())
    account(made.world, "bob")
    ids, _ = asked(made, 3)
    other = replace(made, _client=None)
    assert enter(other, "bob").status_code == 303
    assert choose(made, "approve", action=marks(made, ids[:2])).status_code == 200
    late = choose(other, "reject", action=marks(made, ids[1:]))
    assert late.status_code == 409
    assert "approved by Ann Ng" in late.text
    assert made.world.states(ids) == [APPROVED, APPROVED, SUSPENDED]


def test_S08_what_is_expired_or_void_is_gone_from_a_choice(tmp_path):
    made = signed_in(tmp_path, "ann", *two())
    ids, _ = asked(made, 2, span=HOUR / 2)
    chosen = marks(made, ids)
    with made.world.store.begin() as unit:
        unit.actions.replace(ids[0], NOON, "changed since people were asked")
    assert choose(made, action=chosen[0]).status_code == 410
    csrf = made.form(PENDING)["csrf"]
    made.time = NOON + HOUR / 2
    late = send(made, {"csrf": csrf, "action": chosen[1], "answer": "approve"})
    assert late.status_code == 410
    assert "past its time" in late.text
    assert made.world.states(ids) == [ActionState.VOID, SUSPENDED]


def test_S08_somebody_whose_role_or_place_is_gone_decides_nothing_more(tmp_path):
    made = signed_in(tmp_path, "ann", *two())
    ids, _ = asked(made)
    account(made.world, "bob")
    made.use(
        directory=Directory(
            {"ann": person("ann", roles=frozenset({"viewer"})), "bob": person("bob")}
        )
    )
    assert enter(made, "ann").status_code == 303
    refused = choose(made, action=marks(made, ids))
    assert refused.status_code == 403
    assert "Ann Ng may not answer this request" in refused.text
    assert made.world.states(ids) == [SUSPENDED] * 2


def test_S09_a_list_that_changed_since_it_was_shown_is_asked_again(tmp_path):
    made = signed_in(tmp_path, "ann", *two())
    ids, _ = asked(made, 3)
    whole = values(made.open(PENDING).text, "part")
    with made.world.store.begin() as unit:
        unit.actions.replace(ids[0], NOON, "changed since people were asked")
    late = choose(made, part=whole)
    assert late.status_code == 409
    assert "The list changed since it was shown; look at it again." in late.text
    assert made.world.states(ids)[1:] == [SUSPENDED] * 2


def test_S09_an_action_that_is_another_than_was_shown_is_refused(tmp_path):
    made = signed_in(tmp_path, "ann", *two())
    ids, _ = asked(made, 2)
    chosen = marks(made, ids)
    with made.world.store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE action SET fingerprint = 'another' WHERE seq = 1")
    late = choose(made, action=chosen)
    assert late.status_code == 409
    assert "An action changed since it was shown" in late.text
    assert made.world.states(ids) == [SUSPENDED] * 2


def test_S10_what_came_after_the_page_was_shown_is_not_covered(tmp_path):
    made = signed_in(tmp_path, "ann", *two())
    ids, _ = asked(made)
    whole = values(made.open(PENDING).text, "part")
    later = made.world.suspend(2, first=60)
    made.world.ask(later, now=NOON + HOUR)
    assert choose(made, part=whole).status_code == 200
    assert made.world.states(ids) == [APPROVED] * 2
    assert made.world.states(later) == [SUSPENDED] * 2


def test_S10_a_request_that_grew_is_not_approved_as_it_was(tmp_path):
    made = signed_in(tmp_path, "ann", *two())
    ids, request = asked(made)
    whole = values(made.open(PENDING).text, "part")
    later = made.world.suspend(1, first=60)
    with made.world.store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE action SET request = ?", (request.id,))
    assert choose(made, part=whole).status_code == 409
    assert made.world.states([*ids, *later]) == [SUSPENDED] * 3


def test_S12_what_stands_for_one_list_works_for_no_other(tmp_path):
    made = signed_in(tmp_path, "ann", *two())
    ids, request = asked(made)
    others = made.world.suspend(2, rule="other", first=70)
    other = made.world.ask(others, rule="other")
    parts = dict(each.split(".") for each in values(made.open(PENDING).text, "part"))
    crossed = f"{request.id}.{parts[other.id]}"
    assert choose(made, part=crossed).status_code == 409
    mine, theirs = marks(made, ids)[0], marks(made, others)[0]
    swapped = f"{mine.split('.')[0]}.{theirs.split('.')[1]}"
    assert choose(made, action=swapped).status_code == 409
    made.post_office()
    token = made.token()
    sent = send(made, {"csrf": token, "action": marks(made, ids), "answer": "approve"})
    assert sent.status_code == 403
    assert made.world.states([*ids, *others]) == [SUSPENDED] * 4


HOSTILE = {
    "phone": "0123",
    "html": "<img src=x onerror=alert(1)>",
    "link": "javascript:alert(1)",
    "attribute": '" autofocus onfocus="alert(1)',
    "bidi": "a\u202eb",
    "zero": "a\u200bb",
    "big": "x" * 10**6,
    "<b>name</b>\u202e": "value",
}


def test_S19_hostile_values_are_only_text_on_every_page_and_export(tmp_path):
    made = signed_in(tmp_path, "ann", *two())
    title = "<script>alert(1)</script>\u202e\u200b"
    ids = made.world.suspend(1, before=HOSTILE, after={}, title=title)
    request = made.world.ask(ids)
    base = f"{PENDING}/news?base=0.0.0.0"
    for link in [*places(made, ids, request)[:4], base, *places(made, ids, request)[7:]]:
        page = made.open(link)
        assert page.status_code == 200
        assert "<img" not in page.text
        assert "<script>alert" not in page.text
        assert "<b>name" not in page.text
        assert 'href="javascript' not in page.text
        assert "\u202e" not in page.text
        assert "\u200b" not in page.text
        assert len(page.text) < 30_000
        if "news" not in link:
            assert "&lt;script&gt;" in page.text
            assert "a[U+202E]b" in page.text
    (row,) = csv.DictReader(io.StringIO(made.open(f"{PENDING}.csv").text))
    assert row["who"] == "<script>alert(1)</script>[U+202E][U+200B]"
    assert len(row["before"]) < 10_100
    sent = made.open(f"{PENDING}.json")
    assert sent.content_type == "application/json"
    assert sent.headers["X-Content-Type-Options"] == "nosniff"
    assert json.loads(sent.text)["actions"][0]["before"]["big"] == "x" * 10**6


def test_S19_what_is_looked_for_is_only_text_too(tmp_path):
    made = signed_in(tmp_path, "ann", *two())
    asked(made)
    for name in ("q", "rule", "silo", "cluster", "request"):
        page = made.open(f"{PENDING}?{name}=%22%3E%3Cscript%3Ealert(1)%3C/script%3E%E2%80%AE")
        assert page.status_code == 200
        assert "<script>alert" not in page.text
    for name in ("action", "part"):
        sent = choose(made, **{name: '"><script>alert(1)</script>'})
        assert sent.status_code == 400
        assert "<script>alert" not in sent.text


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r=", "\n=", "\uff1d"])
def test_S21_a_formula_in_a_value_is_text_in_the_export(tmp_path, start):
    made = signed_in(tmp_path, "ann", *two())
    made.world.ask(made.world.suspend(1, title=f"{start}cmd|'/c calc'!A1"))
    (row,) = csv.DictReader(io.StringIO(made.open(f"{PENDING}.csv").text))
    assert row["who"].startswith("'")
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row.values())


@pytest.mark.parametrize("between", [";", "; ", ';"', ";;", "\t", "\r\n", "\n", ';\xa0"'])
@pytest.mark.parametrize("end", [",", ";", "\t"])
def test_S21_a_formula_inside_a_value_is_text_wherever_a_spreadsheet_ends_a_cell(
    tmp_path, between, end
):
    made = signed_in(tmp_path, "ann", *two())
    text = f"Ann{between}=HYPERLINK(A1){between}+1{between}-1{between}@x{between}\uff1d1"
    made.world.ask(made.world.suspend(1, title=text, after={"note": text, text: "x"}))
    sent = made.open(f"{PENDING}.csv").text
    cells = [cell for row in csv.reader(io.StringIO(sent), delimiter=end) for cell in row]
    assert any("HYPERLINK" in cell for cell in cells)
    assert not [each for each in cells if re.match(r'[\s"]*[=+\-@\uff1d]', each)]


def test_S21_an_export_carries_no_tokens_and_no_links(tmp_path):
    made = signed_in(tmp_path, "ann", *two())
    asked(made)
    made.post_office()
    for kind in ("csv", "json"):
        text = made.open(f"{PENDING}.{kind}").text
        assert "token" not in text
        assert "http" not in text
        assert made.token(0) not in text


def test_S29_who_may_approve_is_not_readable_by_others(tmp_path):
    plan = Plan(name="secret-plan", steps=(Step(to="person:bob"),), comment="never")
    people = (
        person("vic", roles=frozenset({"viewer"})),
        person("bob", email="b.o.b@example.org"),
        person("eli", roles=frozenset({"viewer"})),
    )
    made = signed_in(tmp_path, "vic", *people)
    directory = replace(made.world.settings.directory, plans={"secret-plan": plan})
    made.world.settings = replace(made.world.settings, directory=directory)
    ids = made.world.suspend(2)
    request = made.world.ask(ids, plan="secret-plan")
    texts = [made.open(link).text for link in places(made, ids, request)]
    texts.append(choose(made, action=marks(made, ids)).text)
    for text in texts:
        assert not re.search(r"\bBob\b|b\.o\.b|person:bob|secret-plan", text)
    assert made.world.states(ids) == [SUSPENDED] * 2


def test_S30_who_became_an_approver_after_it_was_asked_may_not_answer_it(tmp_path):
    made = signed_in(tmp_path, "ann", person("ann", roles=frozenset({"viewer"})), person("bob"))
    ids, _ = asked(made)
    made.use(directory=Directory({"ann": person("ann"), "bob": person("bob")}))
    assert enter(made, "ann").status_code == 303
    assert "Ann Ng may not answer this request." in made.open(PENDING).text
    assert choose(made, action=marks(made, ids)).status_code == 403
    later = made.world.suspend(1, rule="other", first=70)
    made.world.ask(later, rule="other")
    assert choose(made, action=marks(made, later)).status_code == 200
    assert made.world.states([*ids, *later]) == [SUSPENDED, SUSPENDED, APPROVED]


def test_S30_an_approver_whom_the_very_sync_disables_does_not_decide_it(tmp_path):
    made = signed_in(tmp_path, "ann", person("ann", identity="e1"), person("bob"))
    with made.world.store.engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO identity (id, key) VALUES (1, 'e1')")
    ids, request = asked(made)
    link = f"/hypersync/reject?request={request.id}"
    assert "Ann Ng may not decide about themselves." in made.open(link).text
    fields = {"csrf": made.form(PENDING)["csrf"], "digest": request.digest}
    assert send(made, fields, link).status_code == 403
    assert choose(made, "reject", action=marks(made, ids)).status_code == 403
    assert made.world.states(ids) == [SUSPENDED] * 2


def test_S38_a_choice_sent_after_the_session_ended_decides_nothing(tmp_path):
    made = signed_in(tmp_path, "ann", *two())
    ids, _ = asked(made)
    csrf = made.form(PENDING)["csrf"]
    made.time += 2 * HOUR
    late = send(made, {"csrf": csrf, "action": marks(made, ids), "answer": "approve"})
    assert late.status_code == 403
    assert "Sign in, then do it again." in late.text
    assert made.world.states(ids) == [SUSPENDED] * 2
