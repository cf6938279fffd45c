"""What Graph answers: a status, headers, JSON; and which sentence or outcome that is. Pure.

https://learn.microsoft.com/graph/errors. What Graph itself says stands in brackets at the end. An
answer that is no JSON is not Graph's: a proxy or a login page stood in between.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

import orjson

from hypersync.connectors.msgraph.values import Json
from hypersync.errors import SiloBusy, SiloUnavailable, SiloUnreachable
from hypersync.model.objects import Conflict, Outcome, Refused, RetryAfter, Unknown

UNAVAILABLE: Final = 503
BUSY: Final = (429, UNAVAILABLE)
LATER: Final = timedelta(seconds=30)
_LONGEST_WAIT = timedelta(hours=1)
_EXPIRED = frozenset(
    {
        "syncstatenotfound",
        "syncstateinvalid",
        "resyncrequired",
        "resyncchangesapplydifferences",
        "resyncchangesuploaddifferences",
        "directory_expiredpagetoken",
        "directory_invalidpagetoken",
    }
)
"""The error codes, in lower case, by which Graph says that a token is of no use any more."""

_SENTENCES = {
    401: "the token was not accepted",
    403: "the application lacks a permission",
    404: "there is no such object",
    412: "the object was changed meanwhile",
    429: "there were too many requests",
    503: "the service is busy",
}


class Failing(SiloUnreachable):
    """Graph is there and answers that it failed."""


class NotReached(SiloUnreachable):
    """There was no connection to Graph, or it did not take the request."""


NOT_NOW: Final[Mapping[int, type[SiloUnreachable]]] = {429: SiloBusy, 503: SiloUnavailable}
"""What it means by its status that Graph does not serve us now; any other is `Failing`."""


class NotGraph(Exception):
    """The answer is none that Graph gives."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; the names of headers are in lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes = b""

    @property
    def is_good(self) -> bool:
        """Whether what was asked for was done."""
        return 200 <= self.status < 300

    def json(self) -> Json:
        """Return the body; raises `NotGraph` when it is no JSON object."""
        try:
            found = orjson.loads(self.content)
        except orjson.JSONDecodeError as error:
            raise NotGraph(f"{self._what()} instead of JSON ({error})") from error
        if not isinstance(found, dict):
            raise NotGraph("the answer is JSON, but no object")
        return found

    def _what(self) -> str:
        kind = self.headers.get("content-type", "").partition(";")[0].strip()
        if kind == "text/html":
            return "a web page came, perhaps a proxy's or for signing in,"
        return f"an answer of {len(self.content)} bytes of {kind or 'an unknown kind'} came"

    @property
    def error(self) -> Json:
        """The error that Graph tells, empty when it tells none."""
        try:
            found = self.json().get("error")
        except NotGraph:
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def code(self) -> str:
        """The code of the error, empty when there is none."""
        return str(self.error.get("code") or "")

    @property
    def is_expired_token(self) -> bool:
        """Whether a delta has to start again; of a good answer the body is not looked at."""
        if self.status != 400:
            return self.status == 410
        inner = self.error.get("innerError")
        codes = {self.code, str(inner.get("code")) if isinstance(inner, dict) else ""}
        return bool({code.lower() for code in codes} & _EXPIRED)

    @property
    def is_duplicate(self) -> bool:
        """Whether something of the same name, or the same reference, is there already."""
        details = self.error.get("details")
        codes = {str(each.get("code")) for each in details or () if isinstance(each, dict)}
        said = str(self.error.get("message") or "").lower()
        return self.status == 409 or (
            self.status == 400 and ("ObjectConflict" in codes or "already exist" in said)
        )

    def wait(self, now: datetime) -> timedelta:
        """Return how long Graph asks to wait: seconds or a date; some time when it does not say."""
        text = self.headers.get("retry-after", "").strip()
        try:
            span = timedelta(seconds=float(text)) if text[:1].isdigit() else None
            span = parsedate_to_datetime(text).astimezone(UTC) - now if span is None else span
        except (ValueError, OverflowError):
            span = LATER
        return min(max(span, timedelta(0)), _LONGEST_WAIT)

    @property
    def sentence(self) -> str:
        """The error for people, with what Graph itself says."""
        said = str(self.error.get("message") or "").strip()
        code = f" {self.code}" if self.code else ""
        known = _SENTENCES.get(self.status, "")
        if 300 <= self.status < 400:
            known = f"it sends us elsewhere, to {self._elsewhere()}"
        quoted = f"[{self.status}{code}{': ' if said else ''}{said}]"
        if self.status == 400 and said:
            return f"{said} [{self.status}{code}]"
        if not known and not said and self.content:
            known = f"{self._what()} instead of JSON"
        return f"{known} {quoted}".strip()

    def _elsewhere(self) -> str:
        """Return where it sends us: of what comes after the host, parts may be secret."""
        try:
            parts = urlsplit(self.headers.get("location", ""))
        except ValueError:
            return "nowhere"
        host = parts.netloc.rpartition("@")[2]
        return f"{parts.scheme}://{host}" if host else "another path of it"


def failure(answer: Answer, now: datetime, *, permissions: str) -> Outcome:
    """Return the outcome of a write that was not carried out, or may not have been.

    ``permissions`` says which ones would allow it. That Graph is not available is no request to
    wait: it was not reached.
    """
    match answer.status:
        case 429 | 503 as status:
            is_lost = status == UNAVAILABLE
            return RetryAfter(answer.wait(now), answer.sentence, is_lost=is_lost)
        case 401:
            return RetryAfter(LATER, answer.sentence)
        case 403:
            return Refused(f"{answer.sentence}; {permissions}")
        case 412:
            return Conflict(answer.sentence)
        case status if status >= 500 or status == 408 or 300 <= status < 400:
            return Unknown(f"nobody knows whether it was done: {answer.sentence}")
        case _:
            return Refused(answer.sentence)
