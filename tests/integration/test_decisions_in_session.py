"""Deciding as somebody who is signed in, by the links that a mail or a person has."""

from __future__ import annotations

from dataclasses import replace
from html import unescape
from urllib.parse import quote

import pytest

from hypersync.approvals.authors import note_rules
from hypersync.approvals.proof import Proofs
from hypersync.approvals.settings import Loaded
from hypersync.model.actions import ActionState
from hypersync.model.causes import Cluster
from hypersync.model.objects import Operation
from hypersync.model.requests import Plan, RequestKind, Step
from tests.asking import HOUR, NOON, person
from tests.signing_in import PASSWORD, account, browser, enter, signed_in

APPROVED, REJECTED, SUSPENDED = (
    ActionState.APPROVED,
    ActionState.REJECTED,
    ActionState.SUSPENDED,
)
STRICT = Proofs(vip="session", deletes="session", scans="session", four_eyes="session")


def two() -> tuple:
    return (person("ann"), person("bob"))


def asked(made, count: int = 3, **values):
    """Suspend actions and ask about them."""
    ids = made.world.suspend(count, **values)
    return ids, made.world.ask(ids)


def links(made, ids, request) -> dict[str, str]:
    run = made.world.run
    return {
        "action": f"/hypersync/approve?action={ids[0]}",
        "request": f"/hypersync/approve?request={request.id}",
        "rule": f"/hypersync/approve?run={run}&rule=disable-leaver",
        "older": f"/hypersync/run={run}&rule=disable-leaver",
    }


@pytest.mark.parametrize("which", ["action", "request", "rule", "older"])
def test_each_form_of_a_link_decides_in_a_session_without_a_code(tmp_path, which):
    made = signed_in(tmp_path, "ann", *two())
    ids, request = asked(made)
    link = links(made, ids, request)[which]
    page = made.open(link).text
    assert "You answer as <strong>Ann Ng</strong>." in page
    assert 'name="code"' not in page
    sent = made.submit(link, answer="approve")
    assert sent.status_code == 200
    states = made.world.states(ids)
    assert states == ([APPROVED, SUSPENDED, SUSPENDED] if which == "action" else [APPROVED] * 3)
    votes = {(row["by"], row["proof"]) for row in made.world.rows("decision")}
    assert votes == {("person:ann", "session")}
    assert made.world.events("approve")[0]["proof"] == "session"


@pytest.mark.parametrize("which", ["action", "request", "rule", "older"])
def test_a_link_made_by_hand_leads_to_the_sign_in_and_back(tmp_path, which):
    made = browser(tmp_path, *two())
    account(made.world, "ann")
    ids, request = asked(made)
    link = links(made, ids, request)[which]
    sent = made.open(link)
    assert sent.status_code == 302
    assert sent.headers["Location"] == f"/sign-in?next={quote(link, safe='/')}"
    fields = made.form(sent.headers["Location"])
    entered = {"next": unescape(fields["next"]), "name": "ann", "password": PASSWORD}
    back = made.post("/sign-in", entered)
    assert back.headers["Location"] == link
    assert made.submit(link, answer="reject").status_code == 200


def test_what_takes_a_session_says_so_before_and_refuses_the_code(tmp_path):
    made = browser(tmp_path, *two())
    made.use(proofs=STRICT)
    ids, request = asked(made, operation=Operation.DELETE)
    made.post_office()
    token = made.token()
    link = f"/hypersync/approve?request={request.id}&token={token}"
    page = made.open(link).text
    assert "The code of the mail is not enough for this." in page
    assert "/sign-in?next=/hypersync/approve%3Frequest%3D" in page
    assert 'name="code"' not in page
    with_code = {"token": token, "code": "000000", "digest": "0" * 32}
    refused = made.post(link, with_code)
    assert refused.status_code == 403
    assert "sign in to decide" in refused.text
    assert {row["wrong_codes"] for row in made.world.rows("token")} == {0}
    assert made.world.states(ids) == [SUSPENDED] * 3


def test_one_delete_far_down_a_long_list_takes_a_session_too(tmp_path):
    made = browser(tmp_path, *two())
    made.use(proofs=STRICT)
    ids = made.world.suspend(150)
    ids += made.world.suspend(1, first=900, operation=Operation.DELETE)
    request = made.world.ask(ids)
    made.post_office()
    link = f"/hypersync/approve?request={request.id}&token={made.token()}"
    assert "The code of the mail is not enough for this." in made.open(link).text
    assert made.post(link, {"token": made.token(), "code": "1", "digest": "x"}).status_code == 403


def test_who_is_signed_in_answers_for_themselves_with_whosoever_link(tmp_path):
    made = browser(tmp_path, *two())
    account(made.world, "bob")
    ids, request = asked(made)
    made.post_office()
    addresses = [message.address for message in made.bag.messages]
    token = made.token(addresses.index("ann@example.org"))
    assert enter(made, "bob").status_code == 303
    link = f"/hypersync/approve?request={request.id}&token={token}"
    assert "You answer as <strong>Bob Ng</strong>." in made.open(link).text
    assert made.submit(link).status_code == 200
    assert {action.decided_by for action in made.world.actions(ids)} == {"person:bob"}


def test_somebody_who_may_look_but_not_decide_sees_why(tmp_path):
    made = signed_in(tmp_path, "vic", person("ann"), person("vic", roles=frozenset({"viewer"})))
    ids, request = asked(made)
    link = f"/hypersync/approve?request={request.id}"
    page = made.open(link).text
    assert "Vic Ng may not answer this request." in page
    assert "<button name=" not in page
    fields = {"csrf": made.form("/report/pending")["csrf"], "digest": "0" * 32}
    assert made.post(link, fields).status_code in (403, 409)
    assert made.post(f"/hypersync/approve?action={ids[0]}", fields).status_code == 403
    assert made.world.states(ids) == [SUSPENDED] * 3


def test_a_person_without_a_role_who_is_not_asked_sees_nothing(tmp_path):
    made = signed_in(tmp_path, "nil", person("ann"), person("nil", roles=frozenset()))
    ids, request = asked(made)
    for link in links(made, ids, request).values():
        page = made.open(link)
        assert page.status_code == 403
        assert "Person 1" not in page.text


def test_the_same_answer_twice_is_fine_and_another_is_told_who_decided_and_when(tmp_path):
    made = signed_in(tmp_path, "ann", *two())
    account(made.world, "bob")
    _, request = asked(made)
    link = f"/hypersync/approve?request={request.id}"
    fields = made.form(link)
    assert made.post(link, fields).status_code == 200
    assert made.post(link, fields).status_code == 200
    other = replace(made, _client=None)
    assert enter(other, "bob").status_code == 303
    csrf = {**fields, "csrf": other.form("/report/pending")["csrf"]}
    late = other.post(link.replace("approve", "reject"), csrf)
    assert late.status_code == 409
    assert "Decided already: nothing was changed." in late.text
    assert "Ann Ng approved 3 on Mon 2 Mar 2026, 12:00 UTC." in unescape(late.text)
    assert len(made.world.rows("decision")) == 3


def test_four_eyes_take_two_people_however_they_show_who_they_are(tmp_path):
    plan = Plan(name="four", steps=(Step(to="person:ann"), Step(to="person:bob")), need=2)
    made = signed_in(tmp_path, "ann", *two())
    made.world.settings = replace(
        made.world.settings,
        directory=replace(made.world.settings.directory, plans={"four": plan}),
    )
    ids = made.world.suspend(2)
    request = made.world.ask(ids, plan="four")
    account(made.world, "bob")
    link = f"/hypersync/approve?request={request.id}"
    once = made.submit(link)
    assert "Another person has to approve as well." in once.text
    assert "Another person has to approve as well." in made.submit(link).text
    assert made.world.states(ids) == [SUSPENDED] * 2
    other = replace(made, _client=None)
    assert enter(other, "bob").status_code == 303
    assert other.submit(link).status_code == 200
    assert made.world.states(ids) == [APPROVED] * 2


def test_who_changed_the_rule_may_not_decide_in_a_session(tmp_path):
    people = (person("ann", os_user="ann"), person("bob"))
    made = signed_in(tmp_path, "ann", *people)
    world = made.world
    first = Loaded(rules={"disable-leaver": "1"}, at=NOON, by="cli:ops")
    raised = Loaded(rules={"disable-leaver": "2"}, at=NOON, by="cli:ann")
    for loaded in (first, raised):
        known = replace(world.settings, loaded=loaded)
        note_rules(world.store, world.run, NOON, is_preview=False, settings=known)
    world.settings = replace(world.settings, loaded=raised)
    ids, request = asked(made)
    link = f"/hypersync/approve?request={request.id}"
    page = made.open(link)
    assert "Ann Ng changed this rule at" in page.text
    fields = {"csrf": made.form("/report/pending")["csrf"], "digest": request.digest}
    assert made.post(link, fields).status_code == 403
    assert world.states(ids) == [SUSPENDED] * 3


def test_a_plan_that_wants_a_reason_gets_one_in_a_session_too(tmp_path):
    plan = Plan(name="p", steps=(Step(to="person:ann"),))
    made = signed_in(tmp_path, "ann", *two())
    directory = replace(made.world.settings.directory, plans={"p": plan})
    made.world.settings = replace(made.world.settings, directory=directory)
    ids = made.world.suspend()
    request = made.world.ask(ids, plan="p")
    link = f"/hypersync/reject?request={request.id}"
    assert made.submit(link).status_code == 403
    assert made.submit(link, comment="wrong file").status_code == 200
    assert made.world.states(ids) == [REJECTED]
    assert made.world.rows("decision")[0]["comment"] == "wrong file"


def test_a_cluster_is_decided_by_itself_in_a_session(tmp_path):
    made = signed_in(tmp_path, "ann", *two())
    sales = made.world.suspend(2, cluster="1")
    rest = made.world.suspend(2, first=50, cluster="rest")
    clusters = [Cluster("1", "department is Sales", 2), Cluster("rest", "the rest", 2)]
    request = made.world.ask([*sales, *rest], clusters=clusters)
    link = f"/hypersync/reject?request={request.id}&cluster=1"
    assert "department is Sales" in made.open(link).text
    assert made.submit(link).status_code == 200
    assert made.world.states([*sales, *rest]) == [REJECTED] * 2 + [SUSPENDED] * 2
    assert made.open(f"/hypersync/reject?request={request.id}&cluster=9").status_code == 404


def test_an_expired_request_is_gone_for_who_is_signed_in_too(tmp_path):
    made = signed_in(tmp_path, "ann", *two())
    ids, request = asked(made, span=HOUR / 2)
    link = f"/hypersync/approve?request={request.id}"
    fields = made.form(link)
    made.time = NOON + HOUR / 2
    late = made.post(link, fields)
    assert late.status_code == 410
    assert "No longer possible: nothing was changed." in late.text
    assert made.world.states(ids) == [SUSPENDED] * 3


def test_a_page_of_thousands_lists_the_first_and_links_to_the_rest(tmp_path):
    made = signed_in(tmp_path, "ann", *two())
    _, request = asked(made, 120)
    page = made.open(f"/hypersync/approve?request={request.id}").text
    assert "<h1>Approve 120 actions?</h1>" in page
    assert "Show the other 20" in page
    assert page.count('<p class="who">') == 100
    assert made.submit(f"/hypersync/approve?request={request.id}").status_code == 200
    assert len({row["state"] for row in made.world.rows("action")}) == 1


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"digest": ""}, "The page was not sent whole."),
        ({"comment": "x" * 2001}, "The reason is too long"),
        ({"comment": "a\0b"}, "something that is no text"),
    ],
)
def test_a_form_that_is_not_whole_is_refused_with_a_sentence(tmp_path, fields, sentence):
    made = signed_in(tmp_path, "ann", *two())
    ids, request = asked(made)
    sent = made.submit(f"/hypersync/approve?request={request.id}", **fields)
    assert sent.status_code == 400
    assert sentence in sent.text
    assert made.world.states(ids) == [SUSPENDED] * 3


def test_an_oversize_form_is_refused(tmp_path):
    made = signed_in(tmp_path, "ann", *two())
    ids, request = asked(made)
    sent = made.submit(f"/hypersync/approve?request={request.id}", comment="x" * 100_000)
    assert sent.status_code == 413
    assert made.world.states(ids) == [SUSPENDED] * 3


def test_a_vip_is_no_part_of_approving_a_rule_in_a_run(tmp_path):
    made = signed_in(tmp_path, "ann", *two())
    vips = made.world.suspend(vip="executives", first=70)
    made.world.ask(vips, kind=RequestKind.VIP, vip="executives")
    ids, _ = asked(made)
    link = f"/hypersync/approve?run={made.world.run}&rule=disable-leaver"
    assert made.submit(link).status_code == 200
    assert made.world.states(ids) == [APPROVED] * 3
    assert made.world.states(vips) == [SUSPENDED]
