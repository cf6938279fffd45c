"""HTTP to one SCIM service: requests, answers, and what went wrong as a sentence.

Nothing is followed: neither redirects nor locations in answers, so that tokens go to the configured
address only. What is no JSON is no answer, and neither is what does not end (see `bounded`). Where
a service asks to wait (429, 503), that is done when something is read, within the silo's timeout;
when something is written the caller decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import quote, urlsplit

import orjson
import requests
import urllib3
from requests.auth import AuthBase

from hypersync.config.values import Secret
from hypersync.connectors.scim.bounded import (
    MOST_MEGABYTES,
    BoundedSession,
    TooLarge,
    content,
    is_late,
    limit,
    words_of,
)
from hypersync.connectors.steady import Pause
from hypersync.errors import ConnectionLost, SiloRefused, SiloUnreachable

_MEDIA: Final = "application/scim+json"
_LONGEST_TEXT: Final = 300
_LATER: Final = timedelta(seconds=30)
_ATTEMPTS: Final = 5
_CERTIFICATE: Final = (
    "; its certificate has to be good today and for the name in 'url:', and signed by an authority "
    "that is trusted here or named with 'tls: {ca_file: ...}'"
)
_SENTENCES: Final = {
    401: "the service does not accept the token or password",
    403: "the account we sign in with has not the right",
    404: "there is nothing",
    409: "another object has it already",
    412: "it was changed in the service meanwhile",
    413: "the request is too large for the service",
    429: "the service asks to wait",
    500: "the service failed",
    501: "the service does not have this operation",
    503: "the service is not available",
}


class Lost(ConnectionLost):
    """No answer came; whether the request was carried out is unknown."""


class NotSent(ConnectionLost):
    """The service could not be reached; nothing was carried out."""


class Elsewhere(SiloRefused):
    """What answers is not the service, or does not know us any more; nothing was carried out."""


class Unsure(Exception):
    """No answer came while something was written, or none that tells what became of it."""


@contextmanager
def writing() -> Iterator[None]:
    """Turn what may go wrong once a request has left into `Unsure`."""
    try:
        yield
    except Lost as error:
        raise Unsure(str(error)) from error
    except SiloRefused as error:  # an answer that is none, after the request was taken
        raise Unsure(error.message) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where the service is and how to sign in: ``headers`` are secret, so is the password."""

    url: str
    headers: Mapping[str, Secret] = field(default_factory=dict)
    user: str | None = None
    password: Secret = field(default_factory=lambda: Secret(""))
    verify: bool | str = True
    timeout: timedelta = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Answer:
    """How the service answered; ``body`` is ``None`` when there is none, or no JSON."""

    status: int
    body: Any
    headers: Mapping[str, str]
    sentence: str

    @property
    def is_good(self) -> bool:
        """Whether the request was carried out."""
        return 200 <= self.status < 300

    @property
    def scim_type(self) -> str:
        """The kind of error as RFC 7644, section 3.12, names it."""
        said = self.body.get("scimType") if isinstance(self.body, dict) else None
        return said if isinstance(said, str) else ""

    @property
    def when(self) -> datetime | None:
        """When the service answered, by its own clock."""
        with suppress(ValueError, TypeError):
            said = parsedate_to_datetime(self.headers.get("Date", ""))
            return said if said.tzinfo else said.replace(tzinfo=UTC)
        return None

    @property
    def asks_to_wait(self) -> bool:
        """Whether the same request may be well later."""
        return self.status in (429, 503)

    @property
    def wait(self) -> timedelta:
        """How long the service wants to be left alone; half a minute when it does not say."""
        said = self.headers.get("Retry-After", "").strip()
        if said.isdecimal():
            return timedelta(seconds=min(int(said), 86_400))
        with suppress(ValueError, TypeError):
            until = parsedate_to_datetime(said)
            return _LATER if self.when is None else max(until - self.when, timedelta(0))
        return _LATER


class _Auth(AuthBase):
    """Signs requests; that there is one keeps the library from looking into ``.netrc``."""

    def __init__(self, address: Address) -> None:
        self._address = address

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        address = self._address
        if address.user is not None:
            basic = requests.auth.HTTPBasicAuth(
                address.user.encode(), address.password.reveal().encode()
            )
            request = basic(request)
        for name, value in address.headers.items():
            request.headers[name] = value.reveal()
        return request


class Wire:
    """One connection. Not thread-safe."""

    def __init__(self, address: Address, pause: Pause | None = None) -> None:
        self.url = address.url
        self._address = address
        self._pause = pause or Pause()
        self._http = BoundedSession()
        self._http.auth = _Auth(address)
        self._http.headers.update({"Accept": f"{_MEDIA}, application/json;q=0.9"})
        if address.verify is False:
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Answer:
        """Read; waits where the service asks for it, within the timeout. Raises as `send`."""
        patience = self._address.timeout
        for _ in range(_ATTEMPTS - 1):
            answer = self.send("GET", path, query=query)
            if not answer.asks_to_wait or answer.wait > patience:
                return answer
            patience -= answer.wait
            self._pause.sleep(answer.wait.total_seconds())
        return self.send("GET", path, query=query)

    def send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, str] | None = None,
        version: str | None = None,
    ) -> Answer:
        """Send one request, if ``version`` is still that of the resource.

        Raises `Lost`, `NotSent`, and `SiloRefused` when what answers is no SCIM service.
        """
        headers = {"If-Match": version} if version is not None else {}
        if body is not None:
            headers["Content-Type"] = _MEDIA
        try:
            with self._http.request(
                method,
                self.url + path,
                params=query,
                data=None if body is None else orjson.dumps(body),
                headers=headers,
                timeout=limit(self._seconds),  # type: ignore[arg-type] # the stubs lack it
                verify=self._address.verify,
                allow_redirects=False,
                stream=True,
            ) as response:
                return self._answer(response)
        except (requests.RequestException, OSError, ValueError) as error:
            raise self._failure(error) from error

    @property
    def _seconds(self) -> float:
        return max(1.0, self._address.timeout.total_seconds())

    def _failure(self, error: Exception) -> Exception:
        """Tell a request that never left from one that was not answered; without secrets."""
        if is_late(error):
            return Lost(f"nothing complete came within {self._seconds:g} s, the silo's 'timeout'")
        reason = getattr(error.args[0] if error.args else None, "reason", None)
        is_unsent = isinstance(error, requests.ConnectTimeout | requests.exceptions.InvalidSchema)
        unsent = (urllib3.exceptions.NewConnectionError, urllib3.exceptions.SSLError)
        said = self._shown(words_of(reason if isinstance(reason, Exception) else error))
        if is_unsent or isinstance(reason, unsent):
            remedy = _CERTIFICATE if isinstance(reason, urllib3.exceptions.SSLError) else ""
            return NotSent(f"{self.url} cannot be reached: {said}{remedy}")
        return Lost(said or type(error).__name__)

    def _answer(self, response: requests.Response) -> Answer:
        status = response.status_code
        if 300 <= status < 400:
            raise Elsewhere(self._redirect(response))
        try:
            found = content(response)
        except TooLarge:
            raise Elsewhere(
                f"{self.url} answers with more than {MOST_MEGABYTES} MB, which is too much to "
                "believe; ask for fewer objects at once with 'page_size'"
            ) from None
        body, is_json = _json(found)
        if not is_json and 200 <= status < 300 and (found or status == 200):
            kind = response.headers.get("Content-Type", "no content type").partition(";")[0]
            raise Elsewhere(
                f"{self.url} answers with {self._shown(kind)} that is no JSON (a login page, "
                "perhaps); is this the base address of the service?"
            )
        return Answer(status, body, response.headers, self._sentence(status, body))

    def _redirect(self, response: requests.Response) -> str:
        where = urlsplit(response.headers.get("Location", ""))
        target = f"{where.scheme}://{where.hostname}" if where.hostname else "another path"
        return (
            f"{self.url} redirects to {self._shown(target)}, which is not followed; "
            "write the address itself into 'url:'"
        )

    def _sentence(self, status: int, body: object) -> str:
        known = _SENTENCES.get(status, "the service failed" if status >= 500 else "refused")
        said = [str(status)]
        if isinstance(body, dict):
            said += [str(body[key]) for key in ("scimType", "detail") if body.get(key)]
        return self._shown(f"{known} [{': '.join(said)}]")

    def _shown(self, text: str) -> str:
        """Return a text of the service's as it may be shown: short, one line, without secrets."""
        for secret in (*self._address.headers.values(), self._address.password):
            for part in {secret.reveal(), secret.reveal().rpartition(" ")[2]} - {""}:
                text = text.replace(part, "***")
        line = "".join(each if each.isprintable() else " " for each in text)
        return line if len(line) <= _LONGEST_TEXT else line[:_LONGEST_TEXT] + "..."


def _json(content: bytes) -> tuple[Any, bool]:
    try:
        return orjson.loads(content), True
    except orjson.JSONDecodeError:
        return None, False


def segment(text: str) -> str:
    """Return an id as part of an address."""
    return quote(text, safe="")


def unreachable(error: Exception) -> SiloUnreachable:
    """Return the error for a service that went away while something was read."""
    return SiloUnreachable(str(error) if isinstance(error, NotSent) else f"no answer: {error}")
