"""The progress port: how long work tells a person how far it is."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Something that shows stages of work, for instance a bar on a terminal."""

    def start(self, what: str, total: int | None = None) -> None:
        """Begin a stage, of ``total`` steps when that is known; the one before is over."""

    def advance(self, count: int = 1) -> None:
        """Tell that so many more steps of this stage are done."""


class NoProgress:
    """Shows nothing."""

    def start(self, what: str, total: int | None = None) -> None:
        """Do nothing."""

    def advance(self, count: int = 1) -> None:
        """Do nothing."""
