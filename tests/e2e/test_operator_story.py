"""An operator in a real browser: looks at runs and rules, previews, commits, and takes it back."""

from __future__ import annotations

import socket

import pytest

from hypersync.cli.serving import serving
from tests.browser import DARK, DESK, PHONE, barriers, is_too_wide, picture, visiting
from tests.operating import Desk
from tests.signing_in import PASSWORD

RULES = """\
ruleset: people
rules:
  - {id: disable-leaver, kind: deprovision, target: account, do: disable, throttle: 1s,
     when: "hr.status == 'left' and account.enabled", threshold: {limit: 2}}
  - {id: flow-title, kind: update, target: account, throttle: 1s, set: {title: hr.title},
     threshold: {limit: 9}}
  - {id: welcome, kind: event, when: "account.exists and hr.title == 'new'", throttle: 1s,
     do: {webhook: "https://hooks.example.org/welcome"}}
"""


@pytest.fixture
def desk(tmp_path):
    made = Desk(tmp_path, RULES)
    for number in range(30):
        made.world.person(number, title="clerk")
        made.world.account(number, title="clerk")
    made.world.run("full")
    made.world.leave(1, 2, 3)
    made.world.change(4, title="boss")
    made.world.change(5, title="new")
    made.world.run()
    made.client("oli")
    yield made
    made.close()


@pytest.fixture
def address(desk):
    listening = socket.create_server(("127.0.0.1", 0))
    where = f"http://127.0.0.1:{listening.getsockname()[1]}"
    with serving(desk.site, listening):
        yield where


def enter(page, address, path):
    """Sign in on the way to a page."""
    page.goto(f"{address}{path}")
    page.get_by_label("Name").fill("oli")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"**{path}")


def is_usable(page, name):
    picture(page, name)
    assert barriers(page) == []
    assert not is_too_wide(page)


@pytest.mark.parametrize("screen", [DESK, PHONE, DARK], ids=lambda screen: screen.name)
def test_the_pages_of_runs_and_rules_are_for_everybody(browser, desk, address, screen):
    runs = [run.id for run in desk.newest()]
    with visiting(browser, screen) as page:
        enter(page, address, "/report/runs")
        is_usable(page, f"runs-{screen.name}")
        for name, path in (
            ("run", f"/report/runs/{runs[0]}"),
            ("compare", f"/report/runs/compare?a={runs[1]}&b={runs[0]}"),
            ("rules", "/report/rules"),
            ("rule", "/report/rules/disable-leaver"),
            ("advice", "/report/rules/disable-leaver/advice"),
        ):
            page.goto(f"{address}{path}")
            if name == "rule":
                page.get_by_text("too few to say").wait_for()
                page.get_by_text("The same as a table").first.click()
            is_usable(page, f"{name}-{screen.name}")


def test_an_operator_previews_commits_and_undoes_from_the_page(browser, desk, address):
    desk.world.change(6, title="chief")
    desk.world.later(minutes=1)
    with visiting(browser, DESK) as page:
        enter(page, address, "/report/runs")
        page.get_by_label("First scan the silos").check()
        page.get_by_role("button", name="Preview").click()
        page.get_by_role("heading", name="Do it?").wait_for()
        is_usable(page, "job-preview")
        assert desk.world.get(6)["title"] == "clerk"
        page.get_by_role("button", name="Commit: make 1 change").click()
        page.get_by_text("It was carried out.").wait_for()
        assert desk.world.get(6)["title"] == "chief"
        page.get_by_role("link", name="All of it, with every action").click()
        page.get_by_role("button", name="See what an undo would do").click()
        page.get_by_role("button", name="Undo: make 1 change").click()
        page.get_by_text("It was carried out.").wait_for()
    assert desk.world.get(6)["title"] == "clerk"


def test_a_run_under_way_is_watched_without_loading_the_page(browser, desk, address):
    gate = desk.hold()
    listening = socket.create_server(("127.0.0.1", 0))
    where = f"http://127.0.0.1:{listening.getsockname()[1]}"
    with serving(desk.site, listening), visiting(browser, PHONE) as page:
        enter(page, where, "/report/runs")
        page.get_by_role("button", name="Preview").click()
        page.get_by_text("under way").wait_for()
        is_usable(page, "job-phone")
        page.evaluate("window.isTheSame = true")
        gate.open.set()
        page.get_by_text("Nothing was changed.").wait_for()
        assert page.evaluate("window.isTheSame")
