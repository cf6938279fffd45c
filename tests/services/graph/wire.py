"""What goes over the wire: requests, replies, and problems that become OData errors. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

JSON = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false"


class Problem(Exception):
    """A request that is answered with an error; ``code`` and ``message`` are Graph's own."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        details: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = details
        self.headers = dict(headers or {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request; an item of a batch is one as well. Names of headers are in lower case."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    base: str = ""
    """Scheme, host and port that the client called."""
    in_batch: bool = False
    roles: Collection[str] = ()
    """The permissions of who asks, known once it was seen who that is."""

    @property
    def segments(self) -> tuple[str, ...]:
        """The parts of the path below the version: ``("users", "delta")``."""
        parts = [part for part in self.path.split("/") if part]
        return tuple(parts[1:] if parts[:1] == ["v1.0"] else parts)

    @property
    def root(self) -> str:
        """Where this service's resources start, as its links say it."""
        return f"{self.base}/v1.0"

    def json(self) -> dict[str, Any]:
        """Return the body as an object; raises `Problem` when it is none."""
        try:
            value = orjson.loads(self.body)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise Problem(
                400,
                "BadRequest",
                "Unable to read JSON request payload. Please ensure "
                "Content-Type header is set and payload is of valid JSON format.",
            )
        return value

    def prefers(self, name: str) -> str | None:
        """Return the value of one preference of the ``Prefer`` header."""
        for part in self.headers.get("prefer", "").split(","):
            key, _, value = part.strip().partition("=")
            if key.lower() == name:
                return value.strip('"')
        return None


@dataclass(slots=True, kw_only=True)
class Reply:
    """One answer. ``cut`` is how many bytes of the body go out before the connection drops."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    cut: int | None = None

    @classmethod
    def of(cls, value: object, *, status: int = 200, **headers: str) -> Reply:
        """Return an answer with a JSON body."""
        return cls(
            status=status, headers={"Content-Type": JSON, **headers}, body=orjson.dumps(value)
        )


def error_body(problem: Problem, *, request_id: str, client_id: str, date: str) -> dict[str, Any]:
    """Return the body that Graph gives an error.

    https://learn.microsoft.com/graph/errors
    """
    error: dict[str, Any] = {"code": problem.code, "message": problem.message}
    if problem.details:
        error["details"] = list(problem.details)
    error["innerError"] = {"date": date, "request-id": request_id, "client-request-id": client_id}
    return {"error": error}
