"""Answers a mail the way a person does: opens its link, types its code, presses the button.

Everything goes over HTTP to the pages that are served, with nothing but what stands in the mail.
"""

from __future__ import annotations

import http.client
import re
from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import urlencode, urlsplit

from hypersync.demo.mailbox import Mail
from hypersync.model.requests import Answer

_CODE = re.compile(r"code\D{0,20}(\d{6})\b", re.IGNORECASE)
TIMEOUT = 30.0


@dataclass(frozen=True, slots=True)
class Page:
    """What a server answered."""

    status: int
    text: str


def link_of(mail: Mail, answer: Answer, cluster: str = "") -> str:
    """Return the first link of a mail that gives this answer; empty when there is none.

    With ``cluster`` the first that gives it about this part of what is asked.
    """
    part = rf"\S*[?&]cluster={re.escape(cluster)}&" if cluster else r"\?"
    found = re.search(rf"https?://\S+/hypersync/{answer.value}{part}\S+", mail.text)
    return found[0] if found else ""


def code_of(mail: Mail) -> str:
    """Return the confirmation code that stands in a mail; empty when there is none."""
    found = _CODE.search(mail.text)
    return found[1] if found else ""


def give_answer(mail: Mail, answer: Answer, *, comment: str = "", cluster: str = "") -> Page:
    """Open the link, fill in the form and send it; return the page that comes back."""
    link = link_of(mail, answer, cluster)
    page = _ask("GET", link)
    form = _Form()
    form.feed(page.text)
    if page.status != http.HTTPStatus.OK or not form.hidden:
        return page
    fields = {**form.hidden, "code": code_of(mail), "comment": comment, "answer": answer.value}
    return _ask("POST", link, urlencode(fields))


def _ask(method: str, link: str, body: str | None = None) -> Page:
    address = urlsplit(link)
    if address.hostname is None:
        return Page(0, "the mail has no such link")
    headers = {} if body is None else {"Content-Type": "application/x-www-form-urlencoded"}
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=TIMEOUT)
    try:
        connection.request(method, f"{address.path}?{address.query}", body, headers)
        answer = connection.getresponse()
        return Page(answer.status, answer.read().decode())
    finally:
        connection.close()


class _Form(HTMLParser):
    """Collects the hidden fields of a page's form."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "input" and given.get("type") == "hidden":
            self.hidden[given.get("name", "")] = given.get("value", "")
