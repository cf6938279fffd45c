"""Threats to what nobody may read: values told by errors, rules, mails, join values and VIPs."""

from __future__ import annotations

from datetime import timedelta
from html import unescape
from typing import TYPE_CHECKING

import pytest

from hypersync.access.tokens import create_token
from hypersync.model.objects import Operation, Refused
from tests.operating import HOST, Desk
from tests.signing_in import signed_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Open = Callable[..., Desk]

NEVER = "guards: {cause: {never: [level, Country]}}\n"
ERRORS = """\
ruleset: everything
rules:
  - {id: r-err, kind: event, when: "number(hr.level) < 5", do: {webhook: "https://h.example.org/"}}
  - {id: r-set, kind: update, target: account, precedence: 9,
     set: {title: "text(number(hr.level))"}}
  - {id: r-minus, kind: update, target: account, precedence: 5,
     when: "number(hr.country)-100 > 1", set: {title: hr.title}}
  - {id: r-open, kind: event, when: "number(hr.title) < 5", do: {webhook: "https://h.example.org/"}}
"""
SECRETS = ("TOPLEVEL", "7788", "7688")


@pytest.fixture
def open_desk(tmp_path: Path) -> Iterator[Open]:
    made: list[Desk] = []

    def begin(rules: str, more: str = "") -> Desk:
        made.append(Desk(tmp_path, rules, more=more))
        return made[-1]

    yield begin
    for each in made:
        each.close()


def api(desk: Desk, address: str, who: str = "vic") -> str:
    """What a program of somebody reads."""
    app = desk.world.app
    now = desk.world.clock.now()
    secret, _ = create_token(
        app.store,
        who,
        address[-60:],
        ["read"],
        ends=now + timedelta(days=3),
        by="cli:tester",
        now=now,
        directory=app.settings.directory,
    )
    found = desk.site.test_client().get(
        f"/api/v1{address}", base_url=HOST, headers={"Authorization": f"Bearer {secret}"}
    )
    assert found.status_code == 200, found.text
    return found.text


def test_no_error_and_no_trace_tells_a_value_that_is_never_said(open_desk: Open):
    desk = open_desk(ERRORS, NEVER)
    desk.world.person(1, level="TOPLEVEL", country="7788", title="OPENTITLE")
    desk.world.account(1, title="x")
    run = desk.world.run("full")
    identity = desk.world.identity(1)
    stored = " ".join(each.message for each in desk.world.errors(run))
    assert "TOPLEVEL" in stored
    pages = [
        f"/report/runs/{run.id}",
        f"/report/runs/{run.id}/errors",
        f"/identities/{identity}",
        *(f"/report/rules/{rule}" for rule in ("r-err", "r-set", "r-minus")),
    ]
    calls = [f"/runs/{run.id}", f"/runs/{run.id}/errors", f"/identities/{identity}/why"]
    texts = {address: unescape(desk.text(address, "vic")) for address in pages}
    texts |= {f"API {address}": api(desk, address) for address in calls}
    for address, text in texts.items():
        assert not [secret for secret in SECRETS if secret in text], address
    for address in (f"/report/runs/{run.id}/errors", f"API /runs/{run.id}/errors"):
        assert "(not shown)" in texts[address]
        assert "OPENTITLE" in texts[address]
    assert "OPENTITLE" in unescape(desk.text("/report/rules/r-open", "vic"))


def test_mails_hide_what_pages_hide(tmp_path: Path):
    browser = signed_in(tmp_path)
    browser.world.ask(
        browser.world.suspend(
            1,
            operation=Operation.UPDATE,
            before={"pin": "1111", "title": "clerk"},
            after={"pin": "SECRETPIN", "title": "boss"},
        )
    )
    browser.post_office()
    message = browser.bag.messages[0]
    for text in (message.text, message.html):
        assert "SECRETPIN" not in text
        assert "1111" not in text
        assert "(not shown)" in text
        assert "boss" in text


def test_mails_hide_what_the_configuration_never_says(open_desk: Open):
    desk = open_desk(ERRORS, NEVER)
    hidden = desk.world.app.settings.hidden
    assert hidden.hides("hr", "person", "Level")
    assert hidden.is_open("r-open")
    assert not hidden.is_open("r-minus")


def test_the_audit_trail_tells_no_error_of_a_rule_that_reads_what_is_never_said(open_desk: Open):
    rules = """\
ruleset: everything
rules: [{id: flow-level, kind: update, target: account, set: {title: hr.level}}]
"""
    desk = open_desk(rules, NEVER)
    desk.world.person(1, level="TOPLEVEL")
    desk.world.account(1, title="x")
    desk.world.dir.faults.outcomes.append(Refused("no TOPLEVEL here"))
    run = desk.world.run("full")
    assert run.counts.failed == 1
    identity = desk.world.identity(1)
    for address in ("/audit", f"/report/runs/{run.id}", f"/identities/{identity}"):
        assert "no TOPLEVEL here" not in desk.text(address, "vic"), address
    events = api(desk, "/events?kind=action_failed")
    assert "(not shown)" in events
    assert "TOPLEVEL" not in events


TITLES = """\
ruleset: titles
rules: [{id: flow-title, kind: update, target: account, set: {title: hr.title}}]
"""
ANSWERING = """\
  ada: {name: Ada Min, email: ada@example.org, roles: [admin], identity: "e1"}
"""


def test_S29_who_answers_requests_is_not_readable_by_others(open_desk: Open):
    desk = open_desk(TITLES, ANSWERING)
    desk.world.person(1, title="boss")
    desk.world.account(1, title="clerk")
    run = desk.world.run("full")
    assert run.counts.suspended == 1
    identity = f"/identities/{desk.world.identity(1)}"
    for address in (identity, f"/report/runs/{run.id}", "/report/pending", "/report/pending.json"):
        text = desk.get(address, "vic").text
        assert "answers requests" not in text, address
        assert '"people"' not in text, address
    assert "VIP rules" not in desk.text(identity, "vic")
    assert "this is a protected identity" in desk.text("/report/pending", "vic")
    assert "somebody who answers requests" in desk.text(identity, "ada")


def test_a_join_value_made_of_what_is_never_said_is_neither_shown_nor_found(open_desk: Open):
    desk = open_desk(TITLES, "guards: {cause: {never: [id]}}\n")
    desk.world.person(1, title="boss")
    desk.world.scan()
    identity = desk.world.identity(1)
    assert "Join value" not in desk.text(f"/identities/{identity}", "vic")
    assert '"key":""' in api(desk, f"/identities/{identity}").replace(": ", ":")
    assert f'href="/identities/{identity}"' not in desk.text("/identities?q=e1", "vic")


def test_a_join_value_that_is_no_secret_is_shown_and_found(open_desk: Open):
    desk = open_desk(TITLES)
    desk.world.person(1, title="boss")
    desk.world.scan()
    identity = desk.world.identity(1)
    assert "Join value" in desk.text(f"/identities/{identity}", "vic")
    assert f'href="/identities/{identity}"' in desk.text("/identities?q=e1", "vic")
