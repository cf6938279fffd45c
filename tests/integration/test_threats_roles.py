"""Every address of the site against every role: who is let in, who is sent away, who is refused.

The addresses are those that the site has, so that a page that forgets to ask fails here. The API
asks for tokens as well and has tests of its own.
"""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from hypersync.access.sessions import ACCOUNT, begin_session
from tests.asking import person
from tests.signing_in import EVERYBODY, account, browser, csrf_of, hold
from tests.signing_in import RULES as SESSIONS

PUBLIC = ("/static/", "/assets/", "/sign-in", "/sign-out", "/api/")
OWN = ("/you",)
BY_LINK = ("/hypersync/",)
RUNNING = (
    "/identities/<int:number>/sync",
    "/report/runs/<name>/undo",
    "/report/runs/jobs/<name>/commit",
    "/report/runs/preview",
)
"""What starts runs, which takes the role operator."""
OPERATORS = "/report/runs/jobs/"
"""The pages of what was started."""

NOBODYS_ROLE = person("eve", roles=frozenset())
PEOPLE = (*EVERYBODY, NOBODYS_ROLE)
WORDS = ("Person Secret", "0456")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Pages with something to see, and somebody of each role in a session."""
    made = browser(tmp_path_factory.mktemp("site"), *PEOPLE)
    made.world.ask(made.world.suspend(title="Person Secret", after={"phone": "0456"}))
    for each in PEOPLE:
        account(made.world, each.id)
    return made


def become(site, who: str | None) -> None:
    """Let the browser be somebody's."""
    site.time += timedelta(minutes=2)  # so that what was refused before is not counted
    secret = ""
    if who is not None:
        store = site.world.store
        secret = begin_session(store, who, ACCOUNT, now=site.time, rules=SESSIONS)
    hold(site, secret)


def addresses(site, method: str) -> list[tuple[str, str]]:
    """Each rule of the site that is not public, with an address that it fits."""
    found = []
    for rule in site.client().application.url_map.iter_rules():
        if method in (rule.methods or ()) and not rule.rule.startswith(PUBLIC):
            address = re.sub(r"<int:\w+>", "1", rule.rule)
            address = re.sub(r"<any\((\w+)[^>]*>", r"\1", address)
            address = re.sub(r"<\w+>", site.world.run, address)
            found.append((rule.rule, re.sub(r"<path:\w+>", "x&rule=y", address)))
    assert len(found) > 3
    return found


def send(site, address: str, *, with_form: bool = True):
    fields = {"csrf": csrf_of(site)} if with_form else {}
    return site.post(address, fields)


def test_nobody_is_sent_to_the_sign_in_from_every_page(site):
    become(site, None)
    for rule, address in addresses(site, "GET"):
        answer = site.open(address)
        if rule.startswith(BY_LINK):
            assert answer.status_code in (302, 400), rule
        elif rule == "/":
            assert answer.status_code == 302
        else:
            assert answer.status_code == 302, rule
            assert answer.headers["Location"].startswith("/sign-in"), rule
        assert not any(word in answer.text for word in WORDS), rule


def test_nobody_changes_anything(site):
    become(site, None)
    before = everything(site)
    for rule, address in addresses(site, "POST"):
        answer = send(site, address, with_form=False)
        assert answer.status_code in (400, 403), rule
        assert not any(word in answer.text for word in WORDS), rule
    assert everything(site) == before


@pytest.mark.parametrize("who", [each.id for each in EVERYBODY])
def test_every_role_sees_every_page_but_what_operators_started(site, who):
    become(site, who)
    for rule, address in addresses(site, "GET"):
        answer = site.open(address)
        if rule.startswith(OPERATORS) and who in ("vic", "ann"):
            assert answer.status_code == 403, rule
            continue
        assert answer.status_code in (200, 302, 400, 404), (rule, answer.text)
        assert "/sign-in" not in answer.headers.get("Location", ""), rule


def test_who_has_no_role_sees_only_themselves(site):
    become(site, NOBODYS_ROLE.id)
    for rule, address in addresses(site, "GET"):
        answer = site.open(address)
        if rule in OWN:
            assert answer.status_code == 200
        elif rule == "/":
            assert answer.status_code == 302
        else:
            assert answer.status_code in (400, 403, 404), rule
        assert not any(word in answer.text for word in WORDS), rule


@pytest.mark.parametrize("who", ["vic", "ann", NOBODYS_ROLE.id])
def test_who_is_no_operator_starts_no_run(site, who):
    become(site, who)
    before = everything(site)
    posts = dict(addresses(site, "POST"))
    assert set(RUNNING) <= set(posts)
    for rule in RUNNING:
        site.headers["X-CSRF-Token"] = site.form("/you")["csrf"]
        assert send(site, posts[rule], with_form=False).status_code == 403, rule
    site.headers.pop("X-CSRF-Token")
    assert everything(site) == before


@pytest.mark.parametrize("who", ["oli", "ada"])
def test_who_is_operator_or_admin_is_let_through_to_what_starts_runs(site, who):
    become(site, who)
    posts = dict(addresses(site, "POST"))
    for rule in ("/report/runs/jobs/<name>/commit", "/identities/<int:number>/sync"):
        assert send(site, posts[rule]).status_code == 404, rule


@pytest.mark.parametrize("who", ["vic", "oli", "ada", NOBODYS_ROLE.id])
def test_who_may_not_answer_decides_nothing_whatever_their_role(site, who):
    """Only ann is an approver: being an admin makes nobody one."""
    become(site, who)
    before = everything(site)
    (request,) = site.world.rows("request")
    (action,) = site.world.rows("action")
    site.headers["X-CSRF-Token"] = site.form("/you")["csrf"]
    for address in (
        f"/hypersync/approve?request={request['id']}",
        f"/hypersync/reject?action={action['id']}",
        f"/hypersync/approve?run={site.world.run}&rule=disable-leaver",
        f"/hypersync/run={site.world.run}&rule=disable-leaver",
    ):
        fields = {"digest": str(request["digest"]), "answer": "approve"}
        assert site.post(address, fields).status_code in (403, 409), address
    for fields in ({"request": request["id"]}, {"action": action["id"]}):
        answer = site.post("/report/pending", {**fields, "answer": "approve"})
        assert answer.status_code in (400, 403, 409)
    site.headers.pop("X-CSRF-Token")
    assert everything(site) == before


@pytest.mark.parametrize("who", [each.id for each in PEOPLE])
def test_S14_nothing_is_taken_in_a_session_without_what_its_pages_were_given(site, who):
    become(site, who)
    before = everything(site)
    for rule, address in addresses(site, "POST"):
        answer = send(site, address, with_form=False)
        assert answer.status_code == 403, rule
        assert "This page is too old." in answer.text
    assert everything(site) == before


def everything(site) -> object:
    tables = ("action", "request", "decision", "run", "hold", "account")
    return [site.world.rows(name) for name in tables]
