"""Incidents on paper, on the page and on the command line."""

from __future__ import annotations

import pytest

from hypersync.approvals.look import waiting
from hypersync.cli.decide import _pending_document, _pending_text
from hypersync.model.actions import ActionState
from hypersync.model.objects import Unknown
from tests.asking import Stopped
from tests.pages import Browser
from tests.worlds import DISABLE

PEOPLE = "people: {ann: {name: Ann, email: ann@example.org, roles: [approver]}}"
HAIL = """\
ruleset: events
rules:
  - {id: hail, kind: event, when: "hr.title == 'new'", throttle: 1s, threshold: {limit: 9},
     do: {webhook: "https://hooks.example.org/hail"}}
"""


def browser_of(world):
    stopped = Stopped(store=world.app.store, settings=world.app.settings)
    browser = Browser(stopped, time=world.clock.time)
    browser.post_office()
    return browser


@pytest.fixture
def lost(world):
    """An event whose answer was lost; ann is asked."""
    world.rules(HAIL, more=PEOPLE)
    world.person(1, title="new")
    world.sink.outcomes.append(Unknown("the connection broke"))
    world.run()
    world.run()
    return world


@pytest.fixture
def twins(world):
    """Somebody who left long ago and has two accounts; ann is told."""
    world.rules(DISABLE, more=PEOPLE)
    world.people(range(5))
    world.dir.put("account", "u1b", {"uid": "u1b", "number": "e1", "active": "true"})
    world.leave(1)
    world.run()
    world.later(days=1)
    world.run("full")
    return world


@pytest.mark.parametrize(
    ("word", "said", "state"),
    [
        ("approve", "It happened", ActionState.SUCCEEDED),
        ("reject", "It did not happen", ActionState.FAILED),
    ],
)
def test_a_lost_event_is_answered_from_the_mail(lost, word, said, state):
    browser = browser_of(lost)
    (message,) = browser.bag.messages
    assert "the answer was lost. Did it happen?" in message.subject
    assert "Did it happen?" in message.text.replace("\n", " ")
    answered = browser.answer(browser.link(f"{word}?request="), comment="looked at the receiver")
    assert answered.status_code == 200
    assert said in answered.text
    assert "it is not repeated" in answered.text
    with lost.app.store.snapshot() as unit:
        (row,) = lost.rows("action")
        assert unit.actions.get([row[1]])[0].state is state
    lost.run("full")
    assert len(lost.sink.fired) == 1


def test_a_lost_event_is_answered_once(lost):
    browser = browser_of(lost)
    yes, no = (browser.link(f"{word}?request=") for word in ("approve", "reject"))
    posts = [
        (link, {**browser.form(link), "code": browser.code(), "comment": "seen"})
        for link in (yes, yes, no)
    ]
    assert [browser.post(*each).status_code for each in posts] == [200, 200, 409]


def test_the_mail_about_a_leaver_offers_nothing_to_press(twins):
    browser = browser_of(twins)
    (message,) = browser.bag.messages
    assert "Person 1 may have left" in message.text.replace("\n", " ")
    assert "CONFIRMATION CODE" not in message.text
    assert "approve?" not in message.text


def test_the_report_shows_an_incident_without_links(twins):
    page = browser_of(twins).open("/report/pending").text
    assert "An incident" in page
    assert "Person 1 may have left" in page
    assert "/hypersync/approve?" not in page


def test_the_command_line_shows_it_without_links(twins):
    found = waiting(twins.app.store)
    links = twins.app.settings.links
    (request,) = _pending_document(found, links, 10)["requests"]
    assert request["kind"] == "incident"
    assert (request["approve_url"], request["reject_url"]) == (None, None)
    text = _pending_text(found, links)
    assert "approve?" not in text
    assert "\n  open until its cause is gone; nobody has to decide" in text


def test_the_command_line_shows_a_lost_event_with_its_action(lost):
    found = waiting(lost.app.store)
    links = lost.app.settings.links
    document = _pending_document(found, links, 10)
    assert document["requests"][0]["approve_url"] is not None
    (action,) = document["actions"]
    assert (action["state"], action["reasons"][0]["guard"]) == ("unknown", "unknown")
