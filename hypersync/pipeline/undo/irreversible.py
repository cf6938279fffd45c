"""Says which actions nothing takes back. Pure.

A call that was made stays made. A deleted object comes back only where its silo lets one be created
again under the same anchor; elsewhere what is created is another object, which is no undo. Failure
direction: what a silo does not say it can do, it cannot.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from hypersync.model.objects import Operation


def is_irreversible(operation: Operation, *, recreates: bool) -> str:
    """Say why an action of this kind cannot be undone, or nothing.

    ``recreates`` is whether its silo brings a deleted object back under its anchor.
    """
    match operation:
        case Operation.EVENT:
            return "a call that was made cannot be taken back"
        case Operation.DELETE if not recreates:
            return "its silo cannot bring a deleted object back"
        case _:
            return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Irreversible:
    """How many of ``of`` actions cannot be undone, by operation."""

    of: int = 0
    operations: Mapping[Operation, int] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """All of them."""
        return sum(self.operations.values())

    def __str__(self) -> str:
        """Say it in one sentence, nothing when everything can be undone."""
        if not self.count:
            return ""
        named = ", ".join(
            f"{count} {operation.value.replace('_', ' ')}"
            for operation, count in sorted(self.operations.items(), key=lambda each: each[0].value)
        )
        return f"{self.count} of {self.of} cannot be undone ({named})"


def irreversible(
    counts: Mapping[tuple[str, str, Operation], int], recreating: Collection[tuple[str, str]]
) -> Irreversible:
    """Count the actions that cannot be undone.

    ``counts`` are actions by silo and type (empty for events) and operation; ``recreating`` the
    silos and types that bring deleted objects back.
    """
    found: dict[Operation, int] = {}
    for (silo, kind, operation), count in counts.items():
        if count and is_irreversible(operation, recreates=(silo, kind) in recreating):
            found[operation] = found.get(operation, 0) + count
    return Irreversible(of=sum(counts.values()), operations=found)
