"""Looking around in a real browser: the dashboard, an identity as a graph, and the time machine."""

from __future__ import annotations

import threading
from contextlib import contextmanager

import pytest
from waitress.server import create_server

from tests.browser import DARK, DESK, PHONE, barriers, is_too_wide, picture, visiting
from tests.worlds import EXECUTIVES, World
from webui import create_app

RULES = """\
ruleset: everything
defaults: {throttle: 1h, threshold: {limit: 5}}
rules:
  - {id: flow-title, kind: update, target: account, set: {title: hr.title}}
  - {id: disable-leaver, kind: deprovision, target: account, do: disable,
     when: "hr.status == 'left' and account.enabled"}
"""
SCHEDULES = "schedules: [{scan: hr, full: '0 3 * * *', delta: every 5m}]"
SCREENS = pytest.mark.parametrize("screen", [PHONE, DESK, DARK], ids=lambda screen: screen.name)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = World(tmp_path_factory.mktemp("around"), RULES, more=f"{EXECUTIVES}\n{SCHEDULES}")
    for number in range(1, 40):
        made.person(number, name=f"Person {number}", title="clerk")
        made.account(number, title="clerk", dn=f"CN=Person {number},OU=People,DC=example")
    made.group("sales", *(f"CN=Person {number},OU=People,DC=example" for number in (1, 2, 3)))
    made.run("full")
    for title in ("boss", "chief"):
        made.later(hours=5)
        made.change(2, title=title)
        made.run("delta")
    made.leave(*range(10, 20))
    made.later(hours=20)
    made.run("delta")
    yield made
    made.close()


@contextmanager
def served(world):
    """The site, and where it is."""
    server = create_server(create_app(world.app), host="127.0.0.1", port=0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.effective_port}"
    finally:
        server.close()
        thread.join(10)


@pytest.fixture(scope="module")
def site(world):
    with served(world) as address:
        yield address


@SCREENS
def test_everything_can_be_read_and_reached(browser, world, site, screen):
    identity = f"/identities/{world.identity(2)}"
    pages = {
        "dashboard": "/dashboard",
        "identities": "/identities?q=person",
        "identity": identity,
        "past": f"{identity}/past?place=0",
    }
    with visiting(browser, screen) as page:
        for name, address in pages.items():
            page.goto(site + address)
            assert barriers(page) == [], name
            assert not is_too_wide(page), name
            picture(page, f"{name}-{screen.name}")


@SCREENS
def test_the_reason_of_a_paused_silo_fits_the_dashboard(browser, world, site, screen):
    with world.app.store.begin() as unit:
        unit.silos.pause("dir", f"its server, {'far-away.' * 20}example.org, is being moved")
    try:
        with visiting(browser, screen) as page:
            page.goto(f"{site}/dashboard")
            page.get_by_text("paused", exact=True).wait_for()
            assert not is_too_wide(page)
            assert barriers(page) == []
            picture(page, f"paused-{screen.name}")
    finally:
        with world.app.store.begin() as unit:
            unit.silos.resume("dir")


def test_a_search_leads_to_an_identity_and_its_graph_to_another(browser, world, site):
    with visiting(browser) as page:
        page.goto(f"{site}/identities")
        page.get_by_role("searchbox").fill("person 2")
        page.keyboard.press("Enter")
        page.get_by_role("link", name="Person 2", exact=True).click()
        assert page.get_by_role("heading", level=1).inner_text() == "Person 2"
        page.locator("svg a", has_text="sales").click()
        page.wait_for_url(f"**/identities/{group(world)}")


def group(world):
    with world.app.store.snapshot() as unit:
        return unit.objects.get("dir", "group", "sales").identity


def test_the_slider_shows_each_moment_by_the_keyboard(browser, world, site):
    with visiting(browser) as page:
        page.goto(f"{site}/identities/{world.identity(2)}/past")
        slider = page.get_by_role("slider")
        slider.focus()
        page.keyboard.press("Home")
        page.locator("#then tr.differs", has_text="clerk").first.wait_for()
        assert slider.get_attribute("aria-valuetext") == "Mon 2 Mar 2026, 08:01:00 UTC"
        page.keyboard.press("End")
        page.get_by_text("Nothing differed from now.").wait_for()
        assert slider.evaluate("it => it === document.activeElement")


def test_the_dashboard_looks_again_by_itself_and_leaves_the_focus_where_it_is(browser, world, site):
    with visiting(browser) as page:
        page.clock.install()
        page.goto(f"{site}/dashboard")
        link = page.locator("#to-waiting")
        link.focus()
        with world.app.store.begin() as unit:
            unit.silos.pause("dir", "moving house")
        try:
            with page.expect_response("**/dashboard/now"):
                page.clock.fast_forward(31_000)
            page.get_by_text("moving house", exact=True).wait_for()
        finally:
            with world.app.store.begin() as unit:
                unit.silos.resume("dir")
        assert page.locator("#to-waiting").evaluate("it => it === document.activeElement")
