"""The scope of a scan as text: what the connector tells, and which attributes hold members. Pure.

The second part is JSON at the end, as `with_members` writes it. What a connector tells is free text
and may hold JSON itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

import orjson

from hypersync.model.canonical import encode

Members: TypeAlias = Mapping[str, str | bool]
"""The attribute that holds the members of a type; true where this one and that one do."""
_SPACE: Final = " "


def with_members(told: str, members: Mapping[str, str | bool | None]) -> str:
    """Return a scope: what the connector tells, and what holds the members of each type."""
    return f"{told}{_SPACE}{encode(members).decode()}"


def parts(scope: str) -> tuple[str, Members | None]:
    """Return what the connector told, and what holds the members; ``None`` where nothing says it.

    What does not read as `with_members` writes it was told by the connector.
    """
    end = len(scope)
    while (end := scope.rfind(f"{_SPACE}{{", 0, end)) >= 0:
        members = _members(scope[end + len(_SPACE) :])
        if members is not None:
            return scope[:end], members
    return scope, None


def told(scope: str | None) -> str | None:
    """Return what the connector told of a scope: what absence is measured against."""
    return None if scope is None else parts(scope)[0]


def _members(text: str) -> Members | None:
    try:
        said = orjson.loads(text)
    except ValueError:
        return None
    is_ours = (
        isinstance(said, dict)
        and all(isinstance(each, str) or each is True for each in said.values())
        and encode(said).decode() == text
    )
    return said if is_ours else None
