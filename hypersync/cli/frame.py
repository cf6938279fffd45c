"""What every command shares: what the caller said before it, ``--json``, and the exit codes.

A command is made with ``@command("name")`` (or ``@group.command`` of a group made with
``command_group``), takes the :class:`Invocation` first and returns an :class:`Exit`.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from pathlib import Path

    from hypersync.config.models import Configuration


class Exit(IntEnum):
    """How a command ended, as the shell sees it."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    WITH_ERRORS = 3
    SUSPENDED = 4
    STOPPED = 130


@dataclass(frozen=True, slots=True)
class Invocation:
    """What was said for all commands: the configuration, the environment, the form of answers."""

    config: Path | None = None
    env: str | None = None
    as_json: bool = False

    def configuration(self) -> Configuration:
        """Load the project's configuration; raises ConfigurationError."""
        from hypersync.config.load import load_configuration

        return load_configuration(self.config, self.env, process_environment=os.environ)


def command(
    name: str,
    **settings: Any,  # noqa: ANN401 - click's own settings
) -> Callable[[Callable[..., Exit]], click.Command]:
    """Make a command of a function that takes the invocation and returns how it ended.

    Every command has ``--json``; ``settings`` are click's. Options are declared below it with
    ``click.option``.
    """

    def decorate(function: Callable[..., Exit]) -> click.Command:
        @functools.wraps(function)
        def invoke(*, as_json: bool, **options: object) -> Exit:
            said = click.get_current_context().find_object(Invocation) or Invocation()
            return function(replace(said, as_json=as_json or said.as_json), **options)

        make: Callable[[Callable[..., Exit]], click.Command] = click.command(name, **settings)
        made = make(invoke)
        made.params.append(_json_option())
        return made

    return decorate


def _json_option() -> click.Option:
    return click.Option(["--json", "as_json"], is_flag=True, help="Answer with one JSON document.")
