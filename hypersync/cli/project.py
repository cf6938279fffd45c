"""Commands about a project as a whole: ``init``, ``check`` and ``db``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hypersync.cli.frame import Exit, Invocation, command
from hypersync.cli.output import print_answer
from hypersync.model.mistake import Level, Mistake

if TYPE_CHECKING:
    from collections.abc import Sequence


@command("init")
@click.argument("directory", type=click.Path(path_type=Path))
def init(invocation: Invocation, directory: Path) -> Exit:
    """Write a small commented project into DIRECTORY, which must be empty or new."""
    from hypersync.cli.example import write_example

    written = write_example(directory)
    document = {"directory": directory, "files": [str(file) for file in written]}
    print_answer(
        invocation,
        document,
        lambda: "\n".join(
            (
                f"Wrote {len(written)} files to {directory}. Next:",
                f"  cd {directory}",
                "  hypersync check",
                "  hypersync sync --scan           # a preview: says what would be done",
                "  hypersync sync --scan --commit  # does it",
            )
        ),
    )
    return Exit.DONE


@command("check")
@click.option("--offline", is_flag=True, help="Leave the silos alone.")
@click.option("--schema", is_flag=True, help="Print the JSON Schema of the files, for editors.")
@click.option(
    "--render",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write sample mails and pages as files into DIR.",
)
@click.option("--explain", is_flag=True, help="Show what is in force, defaults included.")
def check(
    invocation: Invocation, *, offline: bool, schema: bool, render: Path | None, explain: bool
) -> Exit:
    """Say every mistake in configuration, rules and templates at once.

    Each as `file:line: what is wrong; what would be right`. Exit 2 when there is one that is more
    than a warning.
    """
    if schema:
        from hypersync.check.schema import whole_schema
        from hypersync.cli.output import print_document

        print_document(whole_schema())
        return Exit.DONE
    from hypersync.check import check as check_project
    from hypersync.config.in_force import describe, in_force

    configuration, mistakes = check_project(
        invocation.config, invocation.env, offline=offline, process_environment=os.environ
    )
    document: dict[str, object] = {"mistakes": [_document(mistake) for mistake in mistakes]}
    shown = in_force(configuration) if explain and configuration is not None else None
    if shown is not None:
        document["in_force"] = shown
    lines = [] if shown is None else [*describe(shown), ""]
    is_wrong = any(mistake.level is Level.ERROR for mistake in mistakes)
    if render is not None and not is_wrong:
        from hypersync.messages.gallery import render_samples
        from webui.assets import copy_to

        files = [str(path) for path in render_samples(configuration, render)]
        copy_to(render)
        document["rendered"] = files
        index = render / "index.html"
        lines += [f"Wrote {len(files)} sample mails and pages; {index} lists them.", ""]
    print_answer(invocation, document, lambda: "\n".join([*lines, *_sentences(mistakes)]))
    return Exit.USAGE if is_wrong else Exit.DONE


def _sentences(mistakes: Sequence[Mistake]) -> list[str]:
    errors = sum(mistake.level is Level.ERROR for mistake in mistakes)
    warnings = len(mistakes) - errors
    counts = [
        f"{count} {word}{'' if count == 1 else 's'}"
        for count, word in ((errors, "mistake"), (warnings, "warning"))
        if count
    ]
    return [*map(str, mistakes), f"{' and '.join(counts)}." if counts else "No mistakes."]


def _document(mistake: Mistake) -> dict[str, object]:
    return {
        "level": mistake.level.value,
        "file": mistake.file or None,
        "line": mistake.line or None,
        "message": mistake.message,
        "remedy": mistake.remedy,
    }


@click.group("db")
def database() -> None:
    """Upgrade the database, or say its revision."""


@command("upgrade")
def upgrade(invocation: Invocation) -> Exit:
    """Bring the database to the newest revision."""
    return _migrate(invocation, is_upgrade=True)


@command("current")
def current(invocation: Invocation) -> Exit:
    """Say the database's revision and the newest one."""
    return _migrate(invocation, is_upgrade=False)


def _migrate(invocation: Invocation, *, is_upgrade: bool) -> Exit:
    from hypersync.store import schema
    from hypersync.store.engine import open_engine

    engine = open_engine(invocation.configuration().database_url)
    try:
        if is_upgrade:
            schema.upgrade(engine)
        revision, newest = schema.current(engine), schema.newest()
    finally:
        engine.dispose()
    print_answer(
        invocation,
        {"revision": revision, "newest": newest},
        lambda: f"revision {revision or 'none (an empty database)'}, the newest is {newest}",
    )
    return Exit.DONE


database.add_command(upgrade)
database.add_command(current)
