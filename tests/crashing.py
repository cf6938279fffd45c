"""A program that runs a command line and signals itself at a chosen point.

``python -m tests.crashing KIND NUMBER SIGNAL ARGUMENT...``: at the NUMBERth commit of the database,
rename of a file, or time that a batch of actions is taken (just before it) the process gets SIGNAL.
With NUMBER 0 it counts the points and writes how many there were to standard error.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

from sqlalchemy import Engine, event

from hypersync import cli

if TYPE_CHECKING:
    from collections.abc import Callable


class Point:
    """Counts, and strikes when its number is reached."""

    def __init__(self, number: int, signal_number: int) -> None:
        self._number = number
        self._signal = signal_number
        self.count = 0

    def reach(self, *_: object) -> None:
        """Count one."""
        self.count += 1
        if self.count == self._number:
            os.kill(os.getpid(), self._signal)


def main() -> None:
    """Run the rest of the command line."""
    # whoever runs the tests in the background has it ignored, and children inherit that
    signal.signal(signal.SIGINT, signal.default_int_handler)
    kind, number, signal_number, *arguments = sys.argv[1:]
    point = Point(int(number), int(signal_number))
    watch: dict[str, Callable[[Point], None]] = {
        "commit": lambda each: event.listen(Engine, "commit", each.reach),
        "rename": _watch_renames,
        "claim": _watch_claims,
    }
    watch[kind](point)
    code = cli.invoke(arguments)
    if number == "0":
        sys.stderr.write(f"{point.count}\n")
    sys.exit(code)


def _watch_renames(point: Point) -> None:
    def hook(name: str, _: object) -> None:
        if name == "os.rename":
            point.reach()

    sys.addaudithook(hook)


def _watch_claims(point: Point) -> None:
    def hook(_: object, __: object, statement: str, *___: object) -> None:
        if statement.startswith("WITH due AS") and "UPDATE action" in statement:
            point.reach()

    event.listen(Engine, "before_cursor_execute", hook)


if __name__ == "__main__":
    main()
