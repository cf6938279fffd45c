"""A mistake in the configuration: what is wrong, where, and what would be right. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Level(Enum):
    """How bad a mistake is; an error stops every command, a warning is only said."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake; ``line`` counts from 1, 0 means the whole file."""

    message: str
    remedy: str = ""
    file: str = ""
    line: int = 0
    level: Level = Level.ERROR

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}: " if self.line else f"{self.file}: " if self.file else ""
        warning = "warning: " if self.level is Level.WARNING else ""
        return f"{where}{warning}{self.message}" + (f"; {self.remedy}" if self.remedy else "")
