"""The audit trail in a real browser: read on a phone and on a desk, filtered by keyboard."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import text
from waitress.server import create_server

from hypersync.audit.chain import chain_keys
from hypersync.audit.sealing import seal
from hypersync.ports.store.events import Event
from tests.browser import DARK, DESK, PHONE, barriers, is_too_wide, picture, visiting
from webui import create_app

SCREENS = pytest.mark.parametrize("screen", [PHONE, DESK, DARK], ids=lambda screen: screen.name)


@pytest.fixture
def site(world):
    """A site over a trail that is sealed up to the last event but one."""
    world.people(range(1, 7))
    world.run()
    world.leave(1, 2, 3, 4)
    world.run()
    app = world.app
    with app.store.begin() as unit:
        for number in range(60):
            said = {"by": "person:ann", "silo": "hr", "data": {"reason": f"maintenance {number}"}}
            unit.events.record(Event(kind="pause", at=app.clock.now(), **said))
    seal(app.store, chain_keys(app.settings), app.clock.now())
    world.run()
    server = create_server(create_app(app), host="127.0.0.1", port=0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.effective_port}"
    server.close()
    thread.join(10)


@SCREENS
def test_the_trail_is_read_filtered_and_paged(browser, site, screen):
    with visiting(browser, screen) as page:
        page.goto(f"{site}/audit")
        assert page.get_by_text("The chain is intact").is_visible()
        assert not is_too_wide(page)
        assert barriers(page) == []
        page.get_by_text("Filter").click()
        page.get_by_label("What happened").fill("pause")
        page.get_by_label("What happened").press("Enter")
        page.wait_for_url("**/audit?kind=pause**")
        assert page.locator("ol.events li").count() == 50
        assert barriers(page) == []
        picture(page, f"audit-{screen.name}")
        page.get_by_text("Older events").click()
        page.wait_for_url("**before=**")
        assert page.locator("ol.events li").count() == 10
        assert page.get_by_text("maintenance 0", exact=True).is_visible()


@SCREENS
def test_what_was_changed_is_seen_at_once(browser, site, screen, world):
    with world.app.store.engine.begin() as connection:
        connection.execute(text("UPDATE event SET \"by\" = 'person:bob' WHERE id = 9"))
    with visiting(browser, screen) as page:
        page.goto(f"{site}/audit")
        assert page.get_by_text("The chain is broken in 1 place").is_visible()
        assert page.get_by_text("Event 9 was changed").is_visible()
        assert not is_too_wide(page)
        assert barriers(page) == []
