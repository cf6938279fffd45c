"""The web pages say while an unlock key is in force, and why a limit was raised."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import update

from hypersync.store import tables
from tests.asking import NOON, stopped
from tests.pages import Browser
from tests.unlocking import OTHER_PEM, PEM, claims, signed

SENTENCE = "limits above the ceiling stand in directory until 2026-03-03 12:00:00 UTC"


@pytest.fixture
def browser(tmp_path):
    world = stopped(tmp_path)
    world.ask(world.suspend(2))
    made = Browser(world)
    made.post_office()
    return made


def apply(browser, said, pem=PEM):
    with browser.world.store.begin() as unit:
        unit.unlocks.apply(said.id, signed(said, pem), silo="directory", by="cli:ann", now=NOON)


def key(**values):
    return claims("day", **{"silo": "directory", "issued_at": NOON, **values})


@pytest.mark.parametrize("page", ["/report/pending", "/report/runs", "/report/runs/{run}"])
def test_the_report_and_the_run_pages_say_that_a_key_is_in_force(browser, page):
    address = page.format(run=browser.world.run)
    assert "Unlocked:" not in browser.open(address).text
    said = key(reason="<move> of \u00c9cole & Co")
    apply(browser, said)
    shown = browser.open(address).text
    assert '<p class="banner bad" role="note">Unlocked: ' in shown
    assert f"{SENTENCE} (unlock key {said.id}: &lt;move&gt; of École &amp; Co)" in shown
    assert shown.index('<main id="main"') < shown.index("Unlocked:") < shown.index("<h1")


def test_who_opens_the_report_from_a_mail_sees_it_too(browser):
    apply(browser, key())
    browser.remote = "203.0.113.5"
    assert SENTENCE in browser.open(browser.link("report/pending")).text


def test_a_page_that_tells_nothing_tells_nothing_of_keys(browser):
    apply(browser, key())
    browser.remote = "203.0.113.5"
    for address in ("/report/runs", "/report/pending", "/nothing"):
        assert "nlock" not in browser.open(address).text


def test_no_page_says_so_of_a_key_that_is_not_in_force(browser):
    apply(browser, key(), OTHER_PEM)
    apply(browser, key(issued_at=NOON - timedelta(days=1)))
    apply(browser, key(issued_at=NOON + timedelta(seconds=1)))
    assert "Unlocked:" not in browser.open("/report/pending").text


def test_the_page_of_a_run_says_why_its_limit_was_raised(browser):
    run = tables.run
    with browser.world.store.engine.begin() as connection:
        connection.execute(update(run).values(reason="two <b>leave</b> together"))
    page = browser.open(f"/report/runs/{browser.world.run}").text
    assert "<p>Reason: two &lt;b&gt;leave&lt;/b&gt; together</p>" in page
