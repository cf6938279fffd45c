"""Candidates and limits for the tests of the guards, with what a test does not care about."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from hypersync.model.limit import parse_limit
from hypersync.model.objects import Operation
from hypersync.model.verdicts import Candidate, RuleLimits
from hypersync.pipeline.vip import Vip

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
CHIEF = Vip("executives", "executives is true for this identity")


def candidate(identity: int, **more: Any) -> Candidate[Any]:
    """Return the candidate of an identity whose key is its number (and target)."""
    target = more.get("target", "")
    key = f"{identity}/{target}" if target else identity
    given = {"key": key, "identity": identity, "operation": Operation.DISABLE, **more}
    return Candidate(**given)


def candidates(count: int, **more: Any) -> list[Candidate[Any]]:
    """Return candidates of as many identities, alike but for that."""
    return [candidate(identity, **more) for identity in range(count)]


def leaving(group: str, members: Iterable[int]) -> list[Candidate[Any]]:
    """Return removals from a group."""
    return [
        candidate(
            member, operation=Operation.REMOVE_MEMBER, group=group, target=f"{group}\x1f{member}"
        )
        for member in members
    ]


def limits(limit: str = "5%", population: int | None = 2_000, **more: Any) -> RuleLimits:
    """Return limits with the defaults of a rule that writes."""
    given = {
        "clears": parse_limit("1%"),
        "members": parse_limit("20%"),
        **{name: parse_limit(text) for name, text in more.items() if isinstance(text, str)},
        **{name: value for name, value in more.items() if not isinstance(value, str)},
    }
    return RuleLimits(limit=parse_limit(limit), population=population, **given)
