"""Throttling by resource units and writes, as the identity service has it. Pure.

https://learn.microsoft.com/graph/throttling-limits#identity-and-access-service-limits
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from tests.services.graph.wire import Problem, Request

WRITES = frozenset({"POST", "PATCH", "PUT", "DELETE"})
WARN_FROM = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much one application may use of one tenant."""

    units: int
    units_seconds: float = 10
    writes: int = 3000
    writes_seconds: float = 150


def documented(users: int) -> Limits:
    """Return the documented limits of a tenant of this size."""
    if users < 50:
        return Limits(units=3500)
    return Limits(units=5000 if users <= 500 else 8000)


def cost(request: Request) -> int:
    """Return the resource units of a request."""
    match (request.method, *request.segments):
        case ("GET", "groups", _, "members"):
            units = 3
        case ("GET", "groups", _, "transitiveMembers"):
            units = 5
        case ("GET", "users") | ("GET", "users", _, "memberOf"):
            units = 2
        case _:
            units = 1
    units -= "$select" in request.query
    units += "$expand" in request.query
    top = request.query.get("$top", "")
    units -= top.isdecimal() and int(top) < 20
    return max(1, units)


class Bucket:
    """A token bucket: it refills evenly and is full at first."""

    def __init__(self, size: int, seconds: float) -> None:
        self._size, self._rate = size, size / seconds
        self._level = float(size)
        self._at: datetime | None = None

    def take(self, amount: int, now: datetime) -> float:
        """Take so much, or nothing; return the seconds to wait, 0 when it was taken."""
        if self._at is not None:
            passed = max(0.0, (now - self._at).total_seconds())
            self._level = min(float(self._size), self._level + passed * self._rate)
        self._at = now
        if amount <= self._level:
            self._level -= amount
            return 0.0
        return (amount - self._level) / self._rate

    @property
    def used(self) -> float:
        """How much of it is used, 0 to 1."""
        return 1 - self._level / self._size


class Throttle:
    """Charges requests; without ``limits`` nothing is refused, and costs are told all the same."""

    def __init__(self) -> None:
        self._limits: Limits | None = None
        self._units = Bucket(1, 1)
        self._writes = Bucket(1, 1)

    @property
    def limits(self) -> Limits | None:
        """What is allowed."""
        return self._limits

    @limits.setter
    def limits(self, limits: Limits | None) -> None:
        self._limits = limits
        if limits is not None:
            self._units = Bucket(limits.units, limits.units_seconds)
            self._writes = Bucket(limits.writes, limits.writes_seconds)

    def charge(self, request: Request, now: datetime, *, scope: str) -> dict[str, str]:
        """Return the headers of a request that may go on; raises `Problem` for one that may not.

        ``scope`` is the application and the tenant.
        """
        units = cost(request)
        headers = {"x-ms-resource-unit": str(units)}
        if self._limits is None:
            return headers
        if request.method in WRITES and (wait := self._writes.take(1, now)):
            raise too_many(wait, limit="Write", reason="WriteLimitExceeded", scope=scope)
        if wait := self._units.take(units, now):
            raise too_many(wait, limit="ReadWrite", reason="ResourceUnitLimitExceeded", scope=scope)
        if self._units.used > WARN_FROM:
            headers["x-ms-throttle-limit-percentage"] = f"{self._units.used:.2f}"
        return headers


def too_many(
    wait: float | str, *, limit: str = "ReadWrite", reason: str = "CPULimitExceeded", scope: str
) -> Problem:
    """Return the error of a request that was throttled."""
    after = wait if isinstance(wait, str) else str(max(1, math.ceil(wait)))
    return Problem(
        429,
        "TooManyRequests",
        "Please retry again later.",
        headers={
            "Retry-After": after,
            "x-ms-throttle-scope": f"Tenant_Application/{limit}/{scope}",
            "x-ms-throttle-information": reason,
        },
    )
