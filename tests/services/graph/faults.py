"""The fault switches: what goes wrong, with which requests, how often.

A fault waits until a request matches it, lets ``after`` of them pass, then happens ``times`` times.
The words of ``kind`` are those of the README. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import Any

from tests.services.graph.wire import Request

KINDS = frozenset(
    {
        "throttle",
        "fail",
        "lost_answer",
        "drop",
        "login_page",
        "malformed",
        "elsewhere",
        "redirect",
        "delay",
        "duplicate",
        "empty_page",
        "reworded",
    }
)


@dataclass(slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong."""

    kind: str
    times: int | None = 1
    """``None``: until the faults are cleared."""
    after: int = 0
    method: str = ""
    path: str = ""
    """A regular expression that is searched in path and query."""
    items: bool = True
    """Whether items of a batch count."""
    requests: bool = True
    """Whether requests of their own, batches included, count."""
    status: int = 503
    code: str = "ServiceUnavailable"
    message: str = "The service is temporarily unavailable. Please retry later."
    retry_after: str | None = None
    host: str = "https://elsewhere.example"
    seconds: float = 0.0
    at: int | None = None
    """How many bytes go out before the connection drops; half of them when not said."""
    old: str = ""
    new: str = ""

    def matches(self, request: Request) -> bool:
        """Tell whether a request is one of those meant."""
        if not (self.items if request.in_batch else self.requests):
            return False
        if self.method and self.method.upper() != request.method:
            return False
        return re.search(self.path, _address(request)) is not None


class Faults:
    """All that is to go wrong."""

    def __init__(self) -> None:
        self.waiting: list[Fault] = []

    def add(self, kind: str, **options: Any) -> Fault:
        """Add one; raises `ValueError` for a kind or option that there is not."""
        known = {field.name for field in fields(Fault)} - {"kind"}
        if kind not in KINDS or not known >= options.keys():
            what = sorted(options.keys() - known) or kind
            raise ValueError(
                f"no such fault: {what}; kinds are {', '.join(sorted(KINDS))}; "
                f"options are {', '.join(sorted(known))}"
            )
        re.compile(str(options.get("path", "")))
        fault = Fault(kind=kind, **options)
        self.waiting.append(fault)
        return fault

    def clear(self) -> None:
        """Let all be well."""
        self.waiting.clear()

    def taken(self, kind: str, request: Request) -> Fault | None:
        """Return the fault of a kind that happens to a request now, and count it."""
        for fault in self.waiting:
            if fault.kind != kind or not fault.matches(request):
                continue
            if fault.after:
                fault.after -= 1
                continue
            if fault.times is not None:
                fault.times -= 1
                if fault.times <= 0:
                    self.waiting.remove(fault)
            return fault
        return None


def _address(request: Request) -> str:
    query = "&".join(f"{name}={value}" for name, value in request.query.items())
    return f"{request.path}?{query}" if query else request.path
