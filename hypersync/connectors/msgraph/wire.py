"""Talks to Graph: single requests, pages, and batches of twenty.

Every address is checked before it is called, ours and those of next and delta links: another host
(loopback too), another port, another scheme or another version is refused, because the SDK would
send the request without a token and without an error, or with a token where none belongs. An
answer of a batch counts only if it answers a request of that batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias
from urllib.parse import quote, urlsplit

import orjson

from hypersync.clock import SystemClock
from hypersync.connectors.msgraph.again import patiently
from hypersync.connectors.msgraph.answers import BUSY, NOT_NOW, Answer, Failing, NotGraph
from hypersync.connectors.msgraph.pages import page_of
from hypersync.connectors.msgraph.patience import IMPATIENT, Patience
from hypersync.connectors.msgraph.requests import Lost, NotSent, Request, Step, batch_content
from hypersync.connectors.msgraph.values import BATCH, Json
from hypersync.errors import SiloRefused, SiloUnreachable

Group: TypeAlias = Sequence[Step]
"""Steps of one batch that are carried out one after the other, each only if the one before was."""

_SAFE_IN_QUERIES = "$,()='/:@;"
_TIMED_OUT = 408
_NOT_ALLOWED = 403
_FOR_EVERY_STEP = (401, *BUSY)


class Sends(Protocol):
    """Something that sends requests; see `client`."""

    def send(self, request: Request) -> Future[Answer]:
        """Send one request."""


@dataclass(frozen=True, slots=True)
class NotAnswered:
    """A step of a batch that has no answer: ``is_sent`` tells whether it may have been done."""

    why: str
    is_sent: bool


Result: TypeAlias = Answer | NotAnswered


class Wire:
    """Talks to one tenant.

    ``patience`` is how long a read is tried that Graph is too busy for, ``sees_hidden`` whether we
    are shown the members of groups that hide them.
    """

    def __init__(
        self,
        client: Sends,
        root: str,
        *,
        at_once: int = 4,
        patience: Patience = IMPATIENT,
        sees_hidden: bool = False,
    ) -> None:
        self.sees_hidden = sees_hidden
        self._client = client
        self._patience = patience
        self._root = root
        self._at_once = at_once
        self._home = urlsplit(root)

    # --- addresses -----------------------------------------------------------------------------

    def address(self, path: str, query: Mapping[str, str] | None = None) -> str:
        """Return the address of a path below the version, quoted as Graph reads it."""
        return self._root + local(path, query)

    def checked(self, link: str) -> str:
        """Return a link that Graph gave; raises `SiloRefused` when it leads away from it."""
        parts = urlsplit(link)
        here = (self._home.scheme, self._home.netloc.lower())
        if (parts.scheme, parts.netloc.lower()) != here:
            where = f"{parts.scheme}://{parts.netloc}"
            raise SiloRefused(
                f"a link leads away from {self._root}, to {where}; it is not followed"
            )
        if not parts.path.startswith(f"{self._home.path}/"):
            raise SiloRefused(f"a link leads out of {self._root}, to {parts.path}; not followed")
        return link

    # --- single requests -----------------------------------------------------------------------

    def start(self, link: str, headers: Mapping[str, str] | None = None) -> Future[Answer]:
        """Begin to read an address, which is checked."""
        return self._client.send(Request(url=self.checked(link), headers=headers or {}))

    def get(self, link: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Read an address; raises `Lost`."""
        return self.start(link, headers).result()

    def read(self, path: str, query: Mapping[str, str]) -> Json | None:
        """Read one object, ``None`` when it is not there.

        Raises `SiloUnreachable`, and `SiloRefused` for every answer that is not understood.
        """
        try:
            answer = self.get(self.address(path, query))
            if answer.status == 404:
                return None
            self.believe(answer)
            return answer.json()
        except (Lost, NotGraph) as error:
            raise SiloUnreachable(self.unanswered(error)) from error

    def reach(self, path: str) -> None:
        """Ask for one object of a list, which is there if Graph is.

        That we may not read it is an answer, too. Raises as `read` does.
        """
        try:
            answer = self.get(self.address(path, {"$select": "id", "$top": "1"}))
            if answer.status != _NOT_ALLOWED:
                self.believe(answer)
            answer.json()
        except (Lost, NotGraph) as error:
            raise SiloUnreachable(self.unanswered(error)) from error

    def unanswered(self, error: Exception) -> str:
        """Say that there was no answer, or none of Graph's, and where."""
        return _unanswered(self._root, error)

    def believe(self, answer: Answer) -> None:
        """Raise `SiloBusy`, `SiloUnavailable`, `Failing` or `SiloRefused` for what is no answer."""
        if answer.is_good:
            return
        if answer.status in (_TIMED_OUT, *BUSY) or answer.status >= 500:
            raised = NOT_NOW.get(answer.status, Failing)
            raise raised(f"{self._root} does not serve us now: {answer.sentence}")
        raise SiloRefused(f"{self._root} refuses: {answer.sentence}")

    def all_items(self, first: str) -> Iterator[Json]:
        """Read a list page by page; raises as `read` does, and when the list is not there."""
        link: str | None = first
        while link is not None:
            try:
                answer = self.get(link)
                self.believe(answer)
                page = page_of(answer)
            except (Lost, NotGraph) as error:
                raise SiloUnreachable(self.unanswered(error)) from error
            if not all(isinstance(each, dict) for each in page.items):
                raise SiloUnreachable(f"{self._root} listed something that is no object")
            yield from page.items
            link = page.next

    # --- batches -------------------------------------------------------------------------------

    def batches(self, groups: Sequence[Group], *, is_reading: bool = False) -> list[list[Result]]:
        """Send groups of steps, in as few batches as they fit in; return their answers in order.

        A group is not divided, so it has twenty steps at most. Several batches are under way at
        once. Raises what signing in raises.
        """
        sent: list[_Sent] = []
        results: dict[int, list[Result]] = {}
        for batch in _packed(groups):
            future = self._send(batch, groups, is_reading=is_reading)
            sent.append(_Sent(self._root, batch, groups, future))
            if len(sent) >= self._at_once:
                results |= sent.pop(0).results()
        for each in sent:
            results |= each.results()
        return [results[number] for number in range(len(groups))]

    def reads(self, steps: Sequence[Step]) -> list[Result]:
        """Send steps that only read; those that Graph was too busy for are sent again in time."""

        def ask(numbers: Sequence[int]) -> list[Result]:
            groups = [[steps[number]] for number in numbers]
            return [answers[0] for answers in self.batches(groups, is_reading=True)]

        return patiently(len(steps), ask, self._patience, SystemClock().now)

    def _send(
        self, batch: Sequence[int], groups: Sequence[Group], *, is_reading: bool
    ) -> Future[Answer]:
        told: list[Json] = []
        for number in batch:
            for position, step in enumerate(groups[number]):
                before = f"{number}.{position - 1}" if position else None
                told.append(step.within(f"{number}.{position}", before))
        return self._client.send(
            Request(
                method="POST",
                url=self.address("/$batch"),
                content=batch_content(told),
                is_repeatable=is_reading,
            )
        )


@dataclass(slots=True)
class _Sent:
    """A batch that is under way: where to, and which groups are in it."""

    root: str
    numbers: Sequence[int]
    groups: Sequence[Group]
    future: Future[Answer]
    answers: dict[str, Answer] = field(default_factory=dict)

    def results(self) -> dict[int, list[Result]]:
        """Wait for the answer of the batch, and deal it out."""
        missing: Result = NotAnswered("the batch was answered, this part of it was not", True)
        try:
            answer = self.future.result()
            if answer.is_good:
                self.answers = _answers(answer)
            else:
                missing = _of_all(answer)
        except NotSent as error:
            missing = NotAnswered(_unanswered(self.root, error), is_sent=False)
        except (Lost, NotGraph, NotYet) as error:
            missing = NotAnswered(_unanswered(self.root, error), is_sent=True)
        return {
            number: [
                self.answers.get(f"{number}.{position}", missing)
                for position in range(len(self.groups[number]))
            ]
            for number in self.numbers
        }


def _unanswered(root: str, error: Exception) -> str:
    what = "cannot be reached" if isinstance(error, NotSent) else "did not answer"
    return f"{root} {what}: {error}"


def _of_all(answer: Answer) -> Result:
    """Return what a batch that was not carried out means for each of its steps.

    What it says of the batch it does not say of an object: a 404 is an address that is not there,
    no user that is gone. Only to wait, or to sign in again, goes for every step.
    """
    if answer.status in _FOR_EVERY_STEP:
        return answer
    is_refused = 400 <= answer.status < 500 and answer.status != _TIMED_OUT
    return NotAnswered(f"the batch as a whole: {answer.sentence}", is_sent=not is_refused)


def _answers(answer: Answer) -> dict[str, Answer]:
    """Return the answers within the answer to a batch, by id; raises `NotGraph`."""
    found: dict[str, Answer] = {}
    responses = answer.json().get("responses")
    if not isinstance(responses, list):
        raise NotGraph("the answer to the batch has no list of answers")
    for each in responses:
        if not isinstance(each, dict) or not isinstance(each.get("status"), int):
            raise NotGraph("an answer within the batch has no status")
        told = each.get("headers") or {}
        if not isinstance(told, dict):
            raise NotGraph("an answer within the batch has headers that are none")
        headers = {str(k).lower(): str(v) for k, v in told.items()}
        body = each.get("body")
        content = b"" if body is None else orjson.dumps(body)
        found[str(each.get("id"))] = Answer(each["status"], headers, content)
    return found


def _packed(groups: Sequence[Group]) -> Iterator[list[int]]:
    """Put the numbers of the groups into batches, in their order."""
    batch: list[int] = []
    size = 0
    for number, group in enumerate(groups):
        if len(group) > BATCH:
            raise ValueError(f"a batch has {BATCH} steps at most")
        if size + len(group) > BATCH:
            yield batch
            batch, size = [], 0
        batch.append(number)
        size += len(group)
    if batch:
        yield batch


def local(path: str, query: Mapping[str, str] | None = None) -> str:
    """Return a path with its query, quoted, as a batch names it."""
    asked = "&".join(
        f"{name}={quote(text, safe=_SAFE_IN_QUERIES)}" for name, text in (query or {}).items()
    )
    return f"{path}?{asked}" if asked else path
