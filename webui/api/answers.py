"""How answers look: one JSON document, pages that follow by opaque cursors, and tags."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeVar
from urllib.parse import urlencode

from flask import Response, request
from pydantic import BaseModel, ConfigDict, Field

from webui.api.problems import ProblemError

MOST = 200
T = TypeVar("T", bound=BaseModel)
R = TypeVar("R")


class Sent(BaseModel):
    """What a caller sends: nothing that is not known."""

    model_config = ConfigDict(extra="forbid")


class Paged(Sent):
    """Which page of a list is asked for."""

    limit: Annotated[int, Field(ge=1, le=MOST, description="The most items.")] = 50
    cursor: Annotated[
        str | None,
        Field(max_length=500, description="`next` of the page before."),
    ] = None


class Page(BaseModel, Generic[T]):
    """One page of a list."""

    items: list[T]
    next: str | None = Field(description="The cursor of the next page; null at the end.")


def answer(model: BaseModel, status: int = 200) -> Response:
    """Return a document; a GET has a tag, by which the caller learns that nothing changed."""
    found = Response(model.model_dump_json(), status, content_type="application/json")
    if request.method in ("GET", "HEAD"):
        found.add_etag()
        found.make_conditional(request.environ)
    return found


def page_from(
    kind: type[Page[T]],
    read: Sequence[R],
    limit: int,
    shown: Callable[[R], T],
    key: Callable[[R], str | int],
) -> Response:
    """Return a page of at most ``limit`` of what was read: one more, when another page follows."""
    items = read[:limit]
    following = key(items[-1]) if len(read) > limit else None
    return page(kind, [shown(each) for each in items], following)


def page(kind: type[Page[T]], items: Sequence[T], following: str | int | None) -> Response:
    """Return a page; ``following`` is the key behind which the next one begins."""
    cursor = None if following is None else _cursor(following)
    found = answer(kind(items=list(items), next=cursor))
    links = [_link("first", None)]
    if cursor is not None:
        links.append(_link("next", cursor))
    found.headers["Link"] = ", ".join(links)
    return found


def _link(relation: str, cursor: str | None) -> str:
    said = [(name, value) for name, value in request.args.items(multi=True) if name != "cursor"]
    query = urlencode(said if cursor is None else [*said, ("cursor", cursor)])
    return f'<{request.path}{"?" if query else ""}{query}>; rel="{relation}"'


def _cursor(key: str | int) -> str:
    text = json.dumps([request.endpoint, key], separators=(",", ":"))
    return urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def text_key(given: Paged) -> str | None:
    """Return the key in a cursor of a list whose keys are text."""
    found = _key(given)
    return None if found is None else str(found)


def number_key(given: Paged) -> int | None:
    """Return the key in a cursor of a list whose keys are numbers."""
    found = _key(given)
    if found is None or isinstance(found, int):
        return found
    raise _wrong_cursor()


def _key(given: Paged) -> str | int | None:
    """Read a cursor of this very list; raises `ProblemError` for any other text."""
    if given.cursor is None:
        return None
    padded = given.cursor + "=" * (-len(given.cursor) % 4)
    try:
        endpoint, key = json.loads(urlsafe_b64decode(padded.encode("ascii")))
    except (ValueError, TypeError) as error:
        raise _wrong_cursor() from error
    is_key = isinstance(key, str) or (type(key) is int and abs(key) < 2**63)
    if endpoint != request.endpoint or not is_key or "\x00" in str(key):
        raise _wrong_cursor()
    return key  # type: ignore[no-any-return] # looked at above


def _wrong_cursor() -> ProblemError:
    text = "This is no cursor of this list; take `next` of the page before as it is."
    return ProblemError(422, "cursor", text)
