"""Builds the application for one command, and closes it afterwards."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

    from hypersync.app import App
    from hypersync.cli.frame import Invocation
    from hypersync.ports.progress import Progress


@contextmanager
def started_app(invocation: Invocation) -> Iterator[App]:
    """Give the application of this invocation; progress shows when a person watches."""
    from hypersync.app import build

    with shown_progress() as progress:
        app = build(invocation.configuration(), started_by=who(), progress=progress)
        try:
            yield app
        finally:
            app.close()


def who() -> str:
    """Return who runs this process, as it is recorded: ``cli:USER``."""
    from hypersync.system_user import system_user

    return f"cli:{system_user()}"


@contextmanager
def shown_progress() -> Iterator[Progress | None]:
    """Give a progress bar when a person watches, else nothing."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield Stages(bar)


class Stages:
    """Shows the current stage as one bar."""

    def __init__(self, bar: RichProgress) -> None:
        self._bar = bar
        self._task: TaskID | None = None

    def start(self, what: str, total: int | None = None) -> None:
        """Begin a stage; the one before is over."""
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._task = self._bar.add_task(what, total=total)

    def advance(self, count: int = 1) -> None:
        """Move the bar."""
        if self._task is not None:
            self._bar.advance(self._task, count)
