"""The page of the audit trail: its events with filters, and the state of the chain."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from hypersync.access.sessions import ACCOUNT, begin_session
from hypersync.audit.chain import chain_keys
from hypersync.audit.sealing import seal
from hypersync.audit.verify import verify
from hypersync.ports.store.events import Event
from tests.asking import DAY, HOUR, NOON, stopped
from tests.pages import Browser
from tests.signing_in import RULES, account, hold, signed_in


@pytest.fixture
def browser(tmp_path):
    world = stopped(tmp_path)
    world.ask(world.suspend(2))
    return Browser(world)


def record(browser, count=1, **values):
    with browser.world.store.begin() as unit:
        for number in range(count):
            said = {"kind": "approve", "by": "person:ann", "data": {"count": number}, **values}
            unit.events.record(Event(at=NOON + number * HOUR, **said))


def sealed(browser):
    return seal(browser.world.store, chain_keys(browser.world.settings), NOON)


def shown(browser, address="/audit"):
    """The numbers of the events on a page."""
    page = browser.open(address).text
    return [int(each) for each in re.findall(r'<li id="event-(-?\d+)">', page)]


def test_the_page_shows_what_happened_newest_first(browser):
    record(browser)
    page = browser.open("/audit")
    assert page.status_code == 200
    numbers = shown(browser)
    assert numbers == sorted(numbers, reverse=True)
    assert "Ann Ng" in page.text
    assert f'href="/report/runs/{browser.world.run}"' in page.text
    assert "not sealed yet" in page.text


def test_events_are_filtered_by_what_they_say(browser):
    record(browser, 3, kind="undo", rule="some-rule", silo="hr")
    newest = shown(browser)[:3]
    for name, value in (("kind", "undo"), ("rule", "some-rule"), ("silo", "hr")):
        assert shown(browser, f"/audit?{name}={value}") == newest
    assert shown(browser, "/audit?kind=undo&by=person:bob") == []
    assert shown(browser, "/audit?kind=undo&since=2026-03-02T13:00") == newest[:2]
    assert shown(browser, "/audit?kind=undo&until=2026-03-02T13:00") == newest[2:]


def test_pages_go_on_where_the_last_one_ended_also_when_events_are_added(browser):
    record(browser, 120)
    first = browser.open("/audit?kind=approve")
    older = re.search(r'href="(/audit\?[^"]+before=\d+)"', first.text)[1].replace("&amp;", "&")
    record(browser, 5)
    seen = shown(browser, older)
    assert len(seen) == 50
    with browser.world.store.snapshot() as unit:
        newest = unit.events.newest().id
    assert seen[0] == newest - 5 - 50
    last = browser.open(older)
    assert "kind=approve" in re.search(r'href="(/audit\?[^"]+before=\d+)"', last.text)[1]


def test_the_page_says_how_far_the_chain_goes_and_that_it_is_intact(browser):
    assert "Nothing is sealed yet" in browser.open("/audit").text
    done = sealed(browser)
    record(browser)
    page = browser.open("/audit").text
    assert f"Sealed up to event {done.head.event}" in page
    assert "1 event waits for a seal" in page
    assert f"The chain is intact: {done.count} sealed events verified." in page


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("UPDATE event SET kind = 'x' WHERE id = 2", "Event 2 was changed"),
        ("DELETE FROM event WHERE id = 2", "Event 3 follows a gap: 1 event is missing before it"),
        ("INSERT INTO event (id, at, kind) VALUES (-1, '2026-03-02', 'x')", "Event -1 was put in"),
    ],
)
def test_S34_the_page_says_the_first_broken_event_and_what_is_wrong(browser, change, said):
    record(browser, 5)
    sealed(browser)
    with browser.world.store.engine.begin() as connection:
        connection.execute(text(change))
    page = browser.open("/audit").text
    assert "The chain is broken in 1 place" in page
    assert said in page


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE event SET kind = CAST(x'c3' AS TEXT) WHERE id = 2",
        "UPDATE event SET data = CAST(x'ff' AS TEXT) WHERE id = 2",
        "UPDATE event SET at = '0001-01-01 00:00:00+14:00' WHERE id = 2",
        "UPDATE event SET at = '9999-12-31 23:59:59-14:00' WHERE id = 2",
    ],
)
def test_S34_the_page_names_an_event_that_cannot_be_read(browser, change):
    record(browser, 5)
    with browser.world.store.engine.begin() as connection:
        connection.execute(text(change))
    sealed(browser)
    page = browser.open("/audit")
    assert page.status_code == 200
    assert "Event 2 was not written by HyperSync" in page.text
    assert '<li id="event-2">' in page.text


def counting(monkeypatch):
    """Count from where on a walk over the chain is made."""
    walks = []

    def counted(store, keys, start=None):
        walks.append(0 if start is None else start.number)
        return verify(store, keys, start)

    monkeypatch.setattr("webui.audit.verified.verify", counted)
    return walks


def test_what_was_verified_is_not_verified_again_and_only_what_is_new_is(browser, monkeypatch):
    walks = counting(monkeypatch)
    record(browser, 5)
    end = sealed(browser).head
    for _ in range(3):
        assert "The chain is intact" in browser.open("/audit").text
    assert walks == [0]
    record(browser, 2)
    sealed(browser)
    page = browser.open("/audit").text
    assert walks == [0, end.number]
    assert f"The chain is intact: {end.number + 2} sealed events verified." in page
    assert f"Verified up to event {end.event + 2} on" in page


def test_a_long_chain_is_verified_for_administrators_only(tmp_path, monkeypatch):
    looking = signed_in(tmp_path, "vic")
    record(looking, 5)
    sealed(looking)
    monkeypatch.setattr("webui.audit.verified.MOST_VERIFIED", 3)
    walks = counting(monkeypatch)
    page = looking.open("/audit?kind=approve&verify=all").text
    assert "is intact" not in page
    assert "It was not verified since these pages started." in page
    assert "verify=all" not in page
    assert walks == []
    world = looking.world
    account(world, "ada")
    hold(looking, begin_session(world.store, "ada", ACCOUNT, now=looking.time, rules=RULES))
    page = looking.open("/audit?kind=approve").text
    address = re.search(r'href="([^"]+verify=all)"', page)[1].replace("&amp;", "&")
    assert "is intact" in looking.open(address).text
    assert "kind=approve" in address
    assert walks == [0]
    hold(looking, begin_session(world.store, "vic", ACCOUNT, now=looking.time, rules=RULES))
    page = looking.open("/audit?verify=all").text
    assert "is intact" in page
    assert "Verified up to event" in page
    assert walks == [0]


def test_one_walk_over_the_chain_at_a_time(browser, monkeypatch):
    record(browser, 5)
    sealed(browser)
    client = browser.client()
    inside, go_on, seen = threading.Event(), threading.Event(), []

    def slow(store, keys, start=None):
        seen.append(start)
        inside.set()
        assert go_on.wait(30)
        return verify(store, keys, start)

    monkeypatch.setattr("webui.audit.verified.verify", slow)
    checks = client.application.extensions["verifier"]
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(checks.verify_all)
        assert inside.wait(30)
        assert "It was not verified since" in browser.open("/audit").text
        go_on.set()
        assert first.result(30).found.is_intact
    assert len(seen) == 1


def test_S34_what_was_changed_after_it_was_verified_is_found_by_verifying_all(tmp_path):
    browser = signed_in(tmp_path, "ada")
    record(browser, 5)
    sealed(browser)
    assert "is intact" in browser.open("/audit").text
    with browser.world.store.engine.begin() as connection:
        connection.execute(text("UPDATE event SET kind = 'x' WHERE id = 2"))
    assert "Event 2 was changed" in browser.open("/audit?verify=all").text
    assert "Event 2 was changed" in browser.open("/audit").text


def test_S34_everybody_reads_for_a_week_that_the_trail_was_found_broken(browser):
    record(browser)
    assert "found broken" not in browser.open("/report/runs").text
    record(browser, kind="audit_broken", data={"problem": "number 8 was sealed here"})
    assert "The audit trail was found broken at 2026-03-02 12:00 UTC" in (
        browser.open("/report/runs").text
    )
    browser.time = NOON + 7 * DAY + HOUR
    assert "found broken" not in browser.open("/report/runs").text


def test_an_event_that_was_sealed_late_is_said_and_no_fault(browser):
    record(browser, 5)
    seal(browser.world.store, chain_keys(browser.world.settings), NOON + 3 * DAY)
    page = browser.open("/audit").text
    assert "The chain is intact" in page
    assert re.search(r"Events \d+ to \d+ were sealed late, up to 3 days after\.", page)


@pytest.mark.parametrize(
    "address",
    ["/audit?since=noon", "/audit?until=9999-99-99", "/audit?before=x", "/audit?before=²"],
)
def test_what_is_no_filter_is_refused_with_a_sentence(browser, address):
    page = browser.open(address)
    assert page.status_code == 400
    assert 'role="alert"' in page.text


def test_S19_what_events_say_is_text(browser):
    said = {"reason": "a\u202eb<img src=x>"}
    record(browser, kind="pause", rule="<script>alert(1)</script>", data=said)
    page = browser.open("/audit").text
    assert "<script>alert" not in page
    assert "<img" not in page
    assert "a[U+202E]b" in page
    assert "<script>" not in browser.open("/audit?rule=<script>").text.replace("<script src", "")


def test_S29_who_was_asked_is_not_shown_to_viewers(browser):
    page = browser.open("/audit?kind=request").text
    assert "(not shown)" in page
    assert "ann@example.org" not in page


def test_S3_the_page_is_shown_to_nobody_unknown(browser):
    browser.remote = "192.0.2.7"
    page = browser.open("/audit")
    assert page.status_code == 403
    assert "person" not in page.text
