"""What is sent to Graph, and how sending can fail. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

import orjson

from hypersync.connectors.msgraph.values import Json
from hypersync.errors import ConnectionLost


class Lost(ConnectionLost):
    """The connection broke or nobody answered; whether it was carried out is unknown."""


class NotSent(Lost):
    """The connection was not even made, so nothing was carried out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request of its own; ``is_repeatable`` says of a POST that it only reads."""

    method: str = "GET"
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    is_repeatable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One request within a batch; ``path`` starts below the version."""

    method: str = "GET"
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Json | None = None

    def within(self, number: str, after: str | None) -> Json:
        """Return it as a batch writes it, to be carried out after another one of the batch."""
        told: Json = {"id": number, "method": self.method, "url": self.path}
        headers = dict(self.headers)
        if self.body is not None:
            told["body"] = self.body
            headers["Content-Type"] = "application/json"
        if headers:
            told["headers"] = headers
        if after is not None:
            told["dependsOn"] = [after]
        return told


def batch_content(steps: list[Json]) -> bytes:
    """Return the body of a batch."""
    return orjson.dumps({"requests": steps})


def quoted(text: str) -> str:
    """Return a name as it may stand in a path."""
    return quote(text, safe="@")
