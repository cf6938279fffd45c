"""The report of what waits in a real browser: by keyboard, while others decide, wide and narrow."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from werkzeug.serving import make_server

from hypersync.approvals.ballot import OfActions
from hypersync.approvals.invite import answer_in_session
from hypersync.approvals.links import Links
from hypersync.config.sign_in_models import SignInConfig
from hypersync.model.actions import ActionState
from hypersync.model.causes import Cluster
from hypersync.model.requests import Answer
from tests.asking import NOON, person, stopped
from tests.browser import DARK, DESK, PHONE, barriers, is_too_wide, picture, visiting
from tests.pages import Browser
from tests.signing_in import PASSWORD, account

APPROVED, REJECTED, SUSPENDED = (
    ActionState.APPROVED,
    ActionState.REJECTED,
    ActionState.SUSPENDED,
)
CLUSTERS = [Cluster("1", "department is Sales", 3), Cluster("rest", "the rest", 117)]

ASK = """() => {
  const poll = document.getElementById("poll");
  htmx.ajax("GET", poll.getAttribute("hx-get"), {source: poll, swap: "none"});
}"""
"""Asks what is new at once, as the page does every 15 seconds."""


@contextmanager
def site(folder) -> Iterator[tuple]:
    """A site with a request of 120 actions; the world, its actions and the address."""
    world = stopped(folder, person("ann"), person("bob"))
    account(world, "ann")
    ids = world.suspend(3, cluster="1") + world.suspend(117, first=100, cluster="rest")
    world.ask(ids, clusters=CLUSTERS, cause="3 of 120 share department is Sales")
    made = Browser(world, configured={"sign_in": SignInConfig.model_validate({"accounts": "true"})})
    server = make_server("127.0.0.1", 0, lambda *given: made.client().application(*given), True)
    address = f"http://127.0.0.1:{server.server_port}"
    world.settings = replace(world.settings, links=Links(address))
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    try:
        yield made, ids, address
    finally:
        server.shutdown()
        serving.join()
        server.server_close()
        world.store.close()


def enter(page, address: str) -> None:
    """Sign in and come to the report."""
    page.goto(f"{address}/sign-in?next=/report/pending")
    page.get_by_label("Name").fill("ann")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/report/pending")
    page.locator("#chosen", has_text="Nothing is chosen").wait_for()


def height(page, action) -> float:
    """How far below the edge of the window a row is seen."""
    return page.locator(f"#action-{action}").bounding_box()["y"]


def test_the_keyboard_alone_chooses_asks_and_answers(browser, tmp_path):
    with site(tmp_path) as (made, ids, address), visiting(browser) as page:
        enter(page, address)
        for key in "jxjjx":
            page.keyboard.press(key)
        assert page.locator("#chosen").text_content() == "Chosen: 2 one by one"
        page.keyboard.press("k")
        focused = "document.activeElement.closest('li').id"
        assert page.evaluate(focused) == f"action-{ids[1]}"
        page.keyboard.press("a")
        assert page.get_by_role("heading", name="Approve what is chosen?").is_visible()
        page.keyboard.press("Escape")
        assert made.world.states(ids[:3]) == [SUSPENDED] * 3
        page.keyboard.press("r")
        page.get_by_role("button", name="Reject", exact=True).press("Enter")
        page.get_by_text("2 actions rejected.").wait_for()
        assert made.world.states(ids[:3]) == [REJECTED, SUSPENDED, REJECTED]


def test_keys_do_nothing_while_somebody_types_and_are_explained_to_the_mouse(browser, tmp_path):
    with site(tmp_path) as (made, ids, address), visiting(browser) as page:
        enter(page, address)
        page.keyboard.press("/")
        assert page.evaluate("document.activeElement.id") == "search"
        page.keyboard.type("jxar?")
        assert page.locator("#search").input_value() == "jxar?"
        page.get_by_label("Reason").fill("")
        page.get_by_label("Reason").press("x")
        assert page.locator("#comment").input_value() == "x"
        assert not page.locator("#confirm").is_visible()
        assert page.locator("input[name=action]:checked").count() == 0
        page.get_by_text("Keyboard", exact=True).click()
        assert page.get_by_text("choose it, or not").is_visible()
        assert made.world.states(ids[:1]) == [SUSPENDED]


def test_more_rows_come_without_losing_what_is_chosen(browser, tmp_path):
    with site(tmp_path) as (_, _, address), visiting(browser) as page:
        enter(page, address)
        page.get_by_label("Choose Person 2", exact=True).check()
        page.get_by_role("link", name="Show more").click()
        page.get_by_label("Choose Person 216", exact=True).check()
        assert page.locator("li.waiting").count() == 120
        assert page.locator("#chosen").text_content() == "Chosen: 2 one by one"
        page.get_by_role("button", name="Choose all on this page").click()
        assert page.locator("#chosen").text_content() == "Chosen: 120 one by one"


def test_what_others_decide_is_marked_and_nothing_else_moves(browser, tmp_path):
    with site(tmp_path) as (made, ids, address), visiting(browser) as page:
        enter(page, address)
        page.get_by_label("Choose Person 1", exact=True).check()
        page.get_by_label("Choose Person 3", exact=True).check()
        page.get_by_label("All 120 of this request").check()
        page.get_by_label("Choose Person 3", exact=True).focus()
        place = height(page, ids[2])
        world = made.world
        answer_in_session(
            world.store,
            OfActions((ids[0], ids[1])),
            Answer.APPROVE,
            person="bob",
            comment=None,
            now=NOON,
            settings=world.settings,
        )
        fresh = world.suspend(2, rule="other", first=500)
        world.ask(fresh, rule="other", now=made.time.replace(hour=13))
        page.evaluate(ASK)
        page.get_by_text("2 new, 2 decided meanwhile.").wait_for()
        row = page.locator(f"#action-{ids[0]}")
        assert row.get_by_text("Approved by Bob Ng").is_visible()
        assert row.get_by_role("checkbox").is_disabled()
        assert not row.get_by_role("checkbox").is_checked()
        assert page.get_by_label("Choose Person 3", exact=True).is_checked()
        assert not page.get_by_label("All 118 of this request").is_checked()
        assert page.evaluate("document.activeElement.closest('li').id") == f"action-{ids[2]}"
        assert height(page, ids[2]) == pytest.approx(place, abs=1)
        assert page.locator(f"#action-{fresh[0]}").count() == 1
        page.get_by_label("All 118 of this request").check()
        page.get_by_role("button", name="Approve chosen").click()
        page.get_by_role("button", name="Approve", exact=True).click()
        page.get_by_text("118 actions approved.").wait_for()
        assert set(world.states(ids)) == {APPROVED}
        assert world.states(fresh) == [SUSPENDED] * 2


def test_S10_a_whole_list_that_changed_is_chosen_no_longer_and_that_is_said(browser, tmp_path):
    with site(tmp_path) as (made, ids, address), visiting(browser) as page:
        enter(page, address)
        page.get_by_label("All 120 of this request").check()
        page.get_by_label("All 117: the rest").check()
        page.get_by_label("All 3: department is Sales").check()
        world = made.world
        answer_in_session(
            world.store,
            OfActions((ids[50],)),
            Answer.REJECT,
            person="bob",
            comment=None,
            now=NOON,
            settings=world.settings,
        )
        page.evaluate(ASK)
        page.get_by_text("1 decided meanwhile.").wait_for()
        assert not page.get_by_label("All 119 of this request").is_checked()
        assert not page.get_by_label("All 116: the rest").is_checked()
        assert page.get_by_label("All 3: department is Sales").is_checked()
        said = page.locator("#chosen")
        assert said.get_attribute("aria-live") == "polite"
        assert said.text_content() == (
            "Chosen: All 3: department is Sales. "
            "No longer chosen, because the list is another one now: "
            "All 120 of this request, All 117: the rest"
        )
        page.get_by_label("Choose Person 2", exact=True).check()
        assert said.text_content() == "Chosen: All 3: department is Sales, 1 one by one"


@pytest.mark.parametrize("screen", [DESK, PHONE, DARK], ids=lambda each: each.name)
def test_everybody_can_use_the_report_on_every_screen(browser, tmp_path, screen):
    with site(tmp_path) as (_, _, address), visiting(browser, screen) as page:
        enter(page, address)
        page.get_by_label("Choose Person 1", exact=True).check()
        assert barriers(page) == []
        assert not is_too_wide(page)
        picture(page, f"pending-{screen.name}")
        page.get_by_role("button", name="Approve chosen").click()
        assert barriers(page) == []
        page.get_by_role("button", name="Go back").click()
        page.get_by_role("link", name="Approve…", exact=True).click()
        assert barriers(page) == []
        assert not is_too_wide(page)
