"""Threats to what people see before they answer: all of it is shown, nothing seems unchanged."""

from __future__ import annotations

from html import unescape
from typing import TYPE_CHECKING

import pytest

from hypersync.model.objects import Operation
from tests.signing_in import signed_in

if TYPE_CHECKING:
    from pathlib import Path

    from tests.pages import Browser

MANY = {f"a{number:02}": "x" for number in range(12)}
BEFORE = {**MANY, "zz_role": "user", "zzz": "1"}
AFTER = {**dict.fromkeys(MANY, "y"), "zz_role": "domain-admin", "zzz": "2"}
GROUPS = tuple(f"cn=g{number}" for number in range(10))


def pages(browser: Browser, before: dict[str, object], after: dict[str, object]) -> dict[str, str]:
    """Every page that shows what one action changes, as it is read."""
    ids = browser.world.suspend(1, operation=Operation.UPDATE, before=before, after=after)
    request = browser.world.ask(ids)
    addresses = {
        "link": f"/hypersync/approve?action={ids[0]}",
        "request": f"/hypersync/approve?request={request.id}",
        "pending": "/report/pending",
        "run": f"/report/runs/{browser.world.run}",
    }
    return {
        name: " ".join(unescape(browser.open(address).text).split())
        for name, address in addresses.items()
    }


@pytest.fixture
def browser(tmp_path: Path) -> Browser:
    return signed_in(tmp_path)


def test_pages_list_every_attribute_that_changes(browser: Browser):
    for name, page in pages(browser, BEFORE, AFTER).items():
        assert "domain-admin" in page, name
        assert "<summary>and 2 more attributes</summary>" in page, name
        assert page.index("a11") < page.index("<details>") < page.index("zz_role"), name


def test_pages_say_what_is_added_to_a_long_list_and_removed_from_it(browser: Browser):
    before = {"memberOf": (*GROUPS, "cn=sales")}
    after = {"memberOf": (*GROUPS, "cn=domain admins")}
    for name, page in pages(browser, before, after).items():
        assert "removed: cn=sales</span>" in page, name
        assert "added: cn=domain admins; 10 unchanged</span>" in page, name


def test_pages_show_where_long_texts_differ(browser: Browser):
    before, after = {"info": "x" * 250 + "A"}, {"info": "x" * 250 + "B"}
    for name, page in pages(browser, before, after).items():
        assert "xA… (251 characters)</span>" in page, name
        assert "xB… (251 characters)</span>" in page, name


def test_pages_show_no_change_as_none(browser: Browser):
    for name, page in pages(browser, {"photo": b"abc"}, {"photo": b"xyz"}).items():
        assert "(3 bytes) [#ba7816bf]</span>" in page, name
        assert "(3 bytes) [#3608bca1] (differs, even if it looks the same)</span>" in page, name


def test_mails_say_how_many_attributes_they_leave_out_and_what_lists_gain(browser: Browser):
    before = {**BEFORE, "a00": (*GROUPS, "cn=sales")}
    after = {**AFTER, "a00": (*GROUPS, "cn=domain admins")}
    browser.world.ask(
        browser.world.suspend(1, operation=Operation.UPDATE, before=before, after=after)
    )
    browser.post_office()
    message = browser.bag.messages[0]
    for text in (message.text, unescape(message.html)):
        plain = " ".join(text.split())
        assert "and 2 more attributes" in plain
        assert "cn=domain admins; 10 unchanged" in plain
        assert "removed: cn=sales" in plain
