"""Tells a resource that a service is never available for from a service that is not available."""

from __future__ import annotations

from hypersync.connectors.scim.service import Place, Service
from hypersync.connectors.scim.wire import Lost, NotSent
from hypersync.errors import SiloError

_FAILED = 500
_A_FEW = "2"
"""One of them is another one than that which is asked about."""


def serves_others(service: Service, place: Place, anchor: str | None) -> bool:
    """Tell whether the service answers just now when it is asked for another resource by its id.

    It is asked once and not waited for. Where there is no other one, that it lists is enough.
    """
    try:
        listed = service.wire.send("GET", place.endpoint, query={"count": _A_FEW})
        if listed.status >= _FAILED:
            return False
        body = listed.body if isinstance(listed.body, dict) else {}
        found = body.get("Resources")
        ids = [each.get("id") for each in found or () if isinstance(each, dict)]
        other = next((each for each in ids if isinstance(each, str) and each != anchor), None)
        if other is None:
            return listed.is_good
        answer = service.wire.send("GET", place.url(other))
    except (Lost, NotSent, SiloError):
        return False
    return answer.is_good
