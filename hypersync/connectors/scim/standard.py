"""The schemas of RFC 7643, for services that serve none; the only place that needs scim2-models.

The library takes a second to import, so it is asked only when a service says nothing itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from hypersync.errors import SiloRefused


@cache
def standard_schemas() -> tuple[Mapping[str, Any], ...]:
    """Return the schemas of users, enterprise users and groups as a service would serve them.

    Raises `SiloRefused` when the library is not installed.
    """
    try:
        from scim2_models import EnterpriseUser, Group, User
    except ImportError as error:
        raise SiloRefused(
            "the service serves no schemas, and those of the standard are not installed here; "
            "run: pip install 'hypersync[scim]'"
        ) from error
    return tuple(each.to_schema().model_dump() for each in (User, EnterpriseUser, Group))
