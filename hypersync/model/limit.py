"""A limit: how many are allowed, as a number or as a percentage. Pure.

A limit is the number *allowed*: it trips when the count is greater. Percentages are kept as
whole millionths of a percent and computed with integers, because a float loses one somewhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_PARTS_PER_PERCENT = 1_000_000
_PERCENT = re.compile(r"(\d{1,3})(?:\.(\d{1,6}))?\s*%")
_NUMBER = re.compile(r"\d{1,12}")


@dataclass(frozen=True, slots=True)
class Limit:
    """A whole ``number``, or a percentage in millionths of a percent; exactly one is set."""

    number: int | None = None
    parts: int | None = None

    def __post_init__(self) -> None:
        if (self.number is None) == (self.parts is None):
            raise ValueError("a limit is a number or a percentage")

    @property
    def is_percent(self) -> bool:
        """Whether the limit depends on the population."""
        return self.parts is not None

    def allowed(self, population: int) -> int:
        """Return how many are allowed; a percentage above 0 allows at least one."""
        if self.number is not None:
            return self.number
        assert self.parts is not None  # noqa: S101 - __post_init__ promises it
        if self.parts == 0:
            return 0
        return max(1, population * self.parts // (100 * _PARTS_PER_PERCENT))

    def __str__(self) -> str:
        if self.number is not None:
            return str(self.number)
        assert self.parts is not None  # noqa: S101 - __post_init__ promises it
        whole, rest = divmod(self.parts, _PARTS_PER_PERCENT)
        return f"{whole}.{rest:06d}".rstrip("0").rstrip(".") + "%"


def parse_limit(text: str) -> Limit:
    """Read ``200``, ``5%`` or ``0.5%``; raises ``ValueError`` that says what would be right."""
    stripped = text.strip()
    if _NUMBER.fullmatch(stripped):
        return Limit(number=int(stripped))
    match = _PERCENT.fullmatch(stripped)
    if match is None:
        raise ValueError(
            f"{text!r} is not a limit; write a whole number such as 200 or a percentage such as 5%"
        )
    parts = int(match[1]) * _PARTS_PER_PERCENT + int((match[2] or "").ljust(6, "0"))
    if parts > 100 * _PARTS_PER_PERCENT:
        raise ValueError(f"{text!r} is more than 100%; write a percentage from 0% to 100%")
    return Limit(parts=parts)
