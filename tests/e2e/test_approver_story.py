"""An approver's morning: the mail on a phone, the link, the code, and the directory that changes.

The mail comes by SMTP and is opened in Chromium as the file that it is; its links lead to the pages
of a running HyperSync, and what is approved arrives in a real OpenLDAP server.
"""

from __future__ import annotations

import pytest

from hypersync.demo import company
from hypersync.demo.answering import code_of
from tests.browser import DARK, DESK, PHONE, barriers, is_too_wide, picture, visiting
from tests.slapd import running
from tests.story import a_world, everybody, mail_about


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """The company on the morning after a bad file: what it did waits for an answer."""
    folder = tmp_path_factory.mktemp("morning")
    made = company.make_company()
    with (
        running(folder / "slapd", everybody(made)) as server,
        a_world(folder / "project", made, server) as world,
    ):
        world.scan_and_sync("full")
        world.hr_says(company.with_bad_news(made))
        world.scan_and_sync()
        yield world


def opened(page, world, mail, name):
    """Open a mail as a mail program would show it."""
    file = world.folder / f"{name}.html"
    file.write_text(mail.html, encoding="utf-8")
    page.goto(file.as_uri())
    assert barriers(page) == []
    assert not is_too_wide(page)
    picture(page, f"mail-{name}")


def left(world):
    return {
        number for number, entry in world.directory().items() if entry["employeeType"] == "left"
    }


@pytest.mark.parametrize("screen", [PHONE, DESK, DARK], ids=lambda screen: screen.name)
def test_a_mail_says_at_a_glance_what_waits_and_its_links_open(browser, world, screen):
    mail = mail_about(world.mails_to("ann@example.org"), "disable-leaver")
    with visiting(browser, screen) as page:
        opened(page, world, mail, screen.name)
        assert code_of(mail) in page.inner_text("body")
        page.get_by_role("link", name="Approve").first.click()
        page.wait_for_url("**/hypersync/approve**")
        assert "token=" not in page.url, "it stands in no history and on no picture"
        assert barriers(page) == []
        assert not is_too_wide(page)
        picture(page, f"decide-{screen.name}")


def test_the_approver_answers_on_a_phone_and_the_directory_changes(browser, world):
    before = left(world)
    mail = mail_about(world.mails_to("ann@example.org"), "disable-leaver")
    with visiting(browser, PHONE) as page:
        opened(page, world, mail, "answered")
        few = page.get_by_role("link", name=f"Approve {company.REAL_LEAVERS}", exact=True)
        few.click()
        page.get_by_label("Confirmation code").fill(code_of(mail))
        page.get_by_label("Reason").fill("They really left.")
        page.get_by_role("button", name="Approve").click()
        page.get_by_role("heading", name="3 actions approved").wait_for()
        assert barriers(page) == []
    assert left(world) == before, "a click changes nothing; the next sync does"
    run = world.scan_and_sync()
    assert (run.counts.released, run.counts.succeeded) == (company.REAL_LEAVERS, 3)
    assert len(left(world) - before) == company.REAL_LEAVERS

    with visiting(browser, DESK) as page:
        opened(page, world, mail_about(world.mails_to("bob@example.org"), "disable-leaver"), "late")
        page.get_by_role("link", name=f"Reject {company.LEAVERS - 3}", exact=True).click()
        page.get_by_label("Confirmation code").fill("000000")
        page.get_by_label("Reason").fill("The whole company was bought, nobody left.")
        page.get_by_role("button", name="Reject").click()
        page.get_by_role("alert").get_by_text("not the code").wait_for()
        bob = mail_about(world.mails_to("bob@example.org"), "disable-leaver")
        page.get_by_label("Confirmation code").fill(code_of(bob))
        page.get_by_label("Reason").fill("The whole company was bought, nobody left.")
        page.get_by_role("button", name="Reject").click()
        page.get_by_role("heading", name=f"{company.LEAVERS - 3} actions rejected").wait_for()
    world.scan_and_sync()
    assert len(left(world) - before) == company.REAL_LEAVERS
