"""The command ``rehearse``: what other rules would have done with the stored past."""

from __future__ import annotations

import logging
import os
import signal
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hypersync.cli.advice import time_span
from hypersync.cli.frame import Exit, Invocation, command
from hypersync.cli.output import print_answer
from hypersync.errors import UsageError
from hypersync.pipeline.limits import number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime
    from types import FrameType

    from hypersync.config.models import Configuration
    from hypersync.rehearse import Difference, Fate, Rehearsal

_SHOWN = 20
"""How many changes of a kind people are shown; all of them are in the JSON document."""


@command("rehearse")
@click.option(
    "--rules",
    "folder",
    required=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="A folder of rule files, in place of the project's own.",
)
@click.option("--since", default="30d", show_default=True, metavar="SPAN", help="How far back.")
@click.option("--limit", default=1000, show_default=True, help="The most changes of each kind.")
def rehearse(invocation: Invocation, *, folder: Path, since: str, limit: int) -> Exit:
    """Run other rules over the stored past, and say what they would have done.

    Nothing is written but a store of its own in a temporary folder, which is removed at the end.
    """
    from hypersync.cli.started import started_app
    from hypersync.rehearse import rehearse as play

    span = time_span(since, "--since")
    configuration = _with_rules(invocation, folder)
    with started_app(invocation) as app:
        wanted = app.clock.now() - span
        with _quiet(), stopped_by_sigterm():
            found = play(app, configuration, since=wanted, progress=app.progress)
    document = _document(found, folder, wanted, limit)
    print_answer(invocation, document, lambda: "\n".join(_lines(found, wanted)))
    return Exit.WITH_ERRORS if found.errors else Exit.DONE


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what is logged on paper to errors: it is about requests that nobody ever gets."""
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


@contextmanager
def stopped_by_sigterm() -> Iterator[None]:
    """Let SIGTERM end this as Ctrl-C does, so that nothing stays in the temporary folder."""

    def stop(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_IGN)  # once is enough; what follows is cleaning up
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _with_rules(invocation: Invocation, folder: Path) -> Configuration:
    """Load the project with the rules of another folder; raises `ConfigurationError`."""
    from hypersync.config.load import load_configuration

    if not any(folder.glob("*.yaml")):
        raise UsageError(f"--rules: there is no rule file (*.yaml) in {folder}")
    return load_configuration(
        invocation.config, invocation.env, process_environment=os.environ, rules=folder
    )


# --- JSON --------------------------------------------------------------------------------------


def _document(found: Rehearsal, folder: Path, wanted: datetime, limit: int) -> dict[str, object]:
    return {
        "rules": folder,
        "since": wanted,
        "start": found.start,
        "known_since": found.known_since,
        "runs": found.runs,
        "rehearsed": found.rehearsed,
        "same": not found.differences,
        "would_have": {
            "done": _counts(found.would_be.done),
            "stopped": _counts(found.would_be.stopped),
        },
        "really": {"done": _counts(found.was.done), "stopped": _counts(found.was.stopped)},
        "stops": [
            {"at": each.at, "rule": each.rule, "count": each.count, "reason": each.reason or None}
            for each in found.stopped[:limit]
        ],
        "differences": {
            name: {"total": len(some), "changes": [_change(each) for each in some[:limit]]}
            for name, some in _by_kind(found.differences).items()
        },
        "errors": [
            {"rule": rule, "message": message, "count": count}
            for (rule, message), count in list(found.errors.items())[:limit]
        ],
        "unread": list(found.unread),
    }


def _counts(counted: Mapping[tuple[str, str], int]) -> list[dict[str, object]]:
    return [
        {"rule": rule, "operation": operation, "count": count}
        for (rule, operation), count in sorted(counted.items())
    ]


def _change(difference: Difference) -> dict[str, object]:
    effect = difference.effect
    return {
        "at": effect.at,
        "rule": effect.rule,
        "operation": effect.operation.value,
        "silo": effect.silo or None,
        "type": effect.type or None,
        "anchor": effect.anchor,
        "title": effect.title,
        "was": _fate(difference.was),
        "would_be": _fate(difference.would_be),
        "reason": effect.why or None,
    }


def _fate(fate: Fate | None) -> str | None:
    return None if fate is None else fate.name.lower()


def _by_kind(differences: Sequence[Difference]) -> dict[str, list[Difference]]:
    """Sort differences: missed, new, stopped that was done, done that was stopped."""
    kinds: dict[str, list[Difference]] = {
        "missed": [],
        "new": [],
        "stopped": [],
        "let_through": [],
    }
    for each in differences:
        kinds[_kind(each)].append(each)
    return kinds


def _kind(difference: Difference) -> str:
    if difference.would_be is None:
        return "missed"
    if difference.was is None:
        return "new"
    return "stopped" if difference.would_be < difference.was else "let_through"


# --- for people --------------------------------------------------------------------------------

_HEADINGS = {
    "missed": "missed: it was done or asked for then, and would not come up",
    "new": "new: it did not come up then",
    "stopped": "stopped: it went through then, and people would be asked",
    "let_through": "let through: people were asked then, and would not be",
}


def _lines(found: Rehearsal, wanted: datetime) -> Iterator[str]:
    runs = "1 run" if found.runs == 1 else f"{number(found.runs)} runs"
    yield (
        f"{runs} since {found.start:%Y-%m-%d %H:%M} UTC, "
        f"{number(found.rehearsed)} of them with something to do"
    )
    if found.known_since > wanted:
        yield f"the history begins at {found.known_since:%Y-%m-%d %H:%M} UTC, later than asked for"
    yield from _unread_lines(found)
    yield from _table(found)
    for stop in found.stopped[:_SHOWN]:
        why = f": {stop.reason}" if stop.reason else ""
        yield f"  {stop.at:%Y-%m-%d %H:%M} {stop.rule} stopped with {number(stop.count)}{why}"
    yield from _more(len(found.stopped))
    if not found.differences:
        yield "no difference to what really happened"
    for name, some in _by_kind(found.differences).items():
        if some:
            yield f"{_HEADINGS[name]}: {number(len(some))}"
            yield from (_change_line(each) for each in some[:_SHOWN])
            yield from _more(len(some))
    for (rule, message), count in list(found.errors.items())[:_SHOWN]:
        yield f"error: {rule + ': ' if rule else ''}{message} ({number(count)}x)"


def _unread_lines(found: Rehearsal) -> Iterator[str]:
    if found.unread:
        yield f"read by these rules and by no scan, so missing here: {', '.join(found.unread)}"


def _table(found: Rehearsal) -> Iterator[str]:
    sides = (found.would_be.done, found.was.done, found.would_be.stopped, found.was.stopped)
    for rule, operation in sorted({which for side in sides for which in side}):
        done, was_done, stopped, was_stopped = (side[rule, operation] for side in sides)
        what = operation.replace("_", " ")
        yield (
            f"{rule} ({what}): {number(done)} done (really {number(was_done)}), "
            f"{number(stopped)} stopped (really {number(was_stopped)})"
        )


def _change_line(difference: Difference) -> str:
    effect = difference.effect
    where = "/".join(part for part in (effect.silo, effect.type, effect.anchor) if part)
    what = effect.operation.value.replace("_", " ")
    tail = f"  [{effect.why}]" if effect.why else ""
    shown = f"{effect.title} ({where})" if where else effect.title
    return f"  {effect.at:%Y-%m-%d %H:%M} {effect.rule}: {what} {shown}{tail}"


def _more(count: int) -> Iterator[str]:
    if count > _SHOWN:
        yield f"  ... and {number(count - _SHOWN)} more; --json lists them"
