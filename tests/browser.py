"""A real browser in front of the pages: Debian's Chromium, on a desk and on a phone.

``browser`` is one Chromium for all tests of a process; `visiting` opens a page in it. Whatever a
page writes to its console as an error, and whatever it asks of another host, fails the test.
"""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, ConsoleMessage, Page

QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
SERIOUS = ("serious", "critical")


@dataclass(frozen=True, slots=True)
class Screen:
    """What somebody looks at; ``is_dark`` is their preference."""

    name: str
    width: int
    height: int
    is_phone: bool = False
    is_dark: bool = False


DESK = Screen("desk", 1280, 900)
PHONE = Screen("phone", 390, 844, is_phone=True)
DARK = Screen("dark", 1280, 900, is_dark=True)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium without a window."""
    found = shutil.which("chromium")
    assert found is not None, "the tests need Debian's chromium; `make test` installs it as root"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, args=list(QUIET))
        yield chromium
        chromium.close()


@contextmanager
def visiting(browser: Browser, screen: Screen = DESK) -> Iterator[Page]:
    """A page of somebody's own, with no memory of others; it may only talk to this machine."""
    context = browser.new_context(
        viewport={"width": screen.width, "height": screen.height},
        is_mobile=screen.is_phone,
        has_touch=screen.is_phone,
        color_scheme="dark" if screen.is_dark else "light",
        reduced_motion="reduce",
    )
    page = context.new_page()
    wrong: list[str] = []
    page.on("console", lambda said: wrong.append(said.text) if _is_wrong(said) else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on(
        "request", lambda asked: None if _is_here(asked.url) else wrong.append(f"asks {asked.url}")
    )
    try:
        yield page
        assert not wrong, wrong
    finally:
        context.close()


def _is_wrong(said: ConsoleMessage) -> bool:
    """Whether a page complains; that it was itself answered with a refusal is no complaint."""
    part = urlsplit(said.location["url"]).path.startswith(("/static/", "/assets/"))
    return said.type == "error" and (part or "Failed to load resource" not in said.text)


def _is_here(url: str) -> bool:
    address = urlsplit(url)
    return address.scheme in ("file", "data", "about") or address.hostname == "127.0.0.1"


def barriers(page: Page) -> list[str]:
    """What keeps people with a screen reader or a keyboard from using a page, by axe-core."""
    found = Axe().run(page).response["violations"]
    return [
        f"{each['id']}: {node['html'][:200]}"
        for each in found
        if each["impact"] in SERIOUS
        for node in each["nodes"]
    ]


def is_too_wide(page: Page) -> bool:
    """Whether a page has to be moved sideways to be read."""
    return bool(
        page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    )


def picture(page: Page, name: str) -> None:
    """Keep a picture of what stands on the screen, where ``HYPERSYNC_PICTURES`` names a folder."""
    folder = os.environ.get("HYPERSYNC_PICTURES")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png")
