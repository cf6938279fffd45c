"""The one place where errors become sentences and exit codes.

2 is wrong configuration or usage, 1 the command did not do its job, 130 stopped by Ctrl-C. With
``--json`` the answer on standard output is ``{"error": {"code", "message", "file", "line"}}``,
whatever happened; sentences go to standard error.
"""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from hypersync.cli.frame import Exit
from hypersync.cli.output import print_document, say
from hypersync.errors import ConfigurationError, HyperSyncError, PlanFileRefused, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong, for people and for programs."""

    code: str
    message: str
    exit: Exit
    file: str | None = None
    line: int | None = None


def run_safely(command: click.Command, arguments: Sequence[str]) -> int:
    """Run ``command`` and return its exit code; every error becomes a sentence."""
    try:
        ended = command.main(args=list(arguments), prog_name="hypersync", standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:
        _forget_output()
        return Exit.FAILED
    except (click.ClickException, HyperSyncError) as error:
        failure = _expected(error)
    except (click.Abort, KeyboardInterrupt):
        failure = Failure("stopped", "Stopped; what was finished stays done.", Exit.STOPPED)
    except Exception as error:  # noqa: BLE001 - the last place where it can become a sentence
        failure = _unexpected(error)
    else:
        return int(ended) if isinstance(ended, int) else Exit.DONE
    _report(failure, as_json=_wants_json(arguments))
    return failure.exit


def _expected(error: click.ClickException | HyperSyncError) -> Failure:
    if isinstance(error, click.ClickException):
        context = getattr(error, "ctx", None)
        hint = f"\nTry '{context.command_path} --help'." if context is not None else ""
        return Failure("usage", error.format_message() + hint, Exit.USAGE)
    if isinstance(error, ConfigurationError) and error.mistakes:
        first = error.mistakes[0]
        file, line = first.file or None, first.line or None
        return Failure(error.code, error.message, Exit.USAGE, file, line)
    if isinstance(error, PlanFileRefused):
        return Failure(error.code, error.message, Exit.USAGE, error.file, error.line)
    is_usage = isinstance(error, ConfigurationError | UsageError)
    return Failure(error.code, error.message, Exit.USAGE if is_usage else Exit.FAILED)


def _unexpected(error: Exception) -> Failure:
    handle, path = tempfile.mkstemp(prefix="hypersync-", suffix=".txt")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        traceback.print_exception(error, file=file)
    message = (
        f"Something unexpected happened ({type(error).__name__}: {error}); "
        f"the traceback is in {path}"
    )
    return Failure("unexpected", message, Exit.FAILED)


def _report(failure: Failure, *, as_json: bool) -> None:
    say(failure.message, err=True)
    if as_json:
        error = {
            "code": failure.code,
            "message": failure.message,
            "file": failure.file,
            "line": failure.line,
        }
        print_document({"error": error})


def _wants_json(arguments: Sequence[str]) -> bool:
    own = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return "--json" in own


def _forget_output() -> None:
    """Point standard output at nothing, so that the interpreter's last flush is quiet."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
