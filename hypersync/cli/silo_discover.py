"""The command ``silo discover``: what a silo has, and the configuration of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hypersync.cli.discovered import block, document, named, type_lines
from hypersync.cli.frame import Exit, Invocation, command
from hypersync.cli.output import print_answer
from hypersync.config.source import Items, Section
from hypersync.errors import ConfigurationError, UsageError
from hypersync.model.mistake import Level

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hypersync.config.models import Configuration
    from hypersync.model.discovery import FoundType


@command("discover")
@click.argument("name")
@click.option("--type", "wanted", metavar="TYPE", help="Only this type.")
@click.option(
    "--out",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the configuration there; the file must not exist.",
)
def discover(invocation: Invocation, *, name: str, wanted: str | None, out: Path | None) -> Exit:
    """List what a silo has, and write the configuration of it.

    The silo needs no types in the configuration yet. Values of objects are not shown.
    """
    from hypersync.cli.started import shown_progress
    from hypersync.connectors.discovery import discover as look
    from hypersync.connectors.registry import build_to_discover

    if out is not None and out.exists():
        raise UsageError(f"{out} exists already; name another file or remove it")
    configuration = _configuration(invocation, name)
    config = configuration.silos[name]
    connector, options = build_to_discover(name, config, root=configuration.root)
    with shown_progress() as progress, connector.open() as session:
        if progress is not None:
            progress.start(f"looking at what {name} has")
        found = _chosen(named(look(connector, session)), wanted)
    written = block(name, config, options, found)
    if out is not None:
        out.write_text(written, encoding="utf-8")
    print_answer(
        invocation,
        document(name, found, written),
        lambda: written.rstrip() if out is None else _listing(found, out),
    )
    return Exit.DONE


def _configuration(invocation: Invocation, name: str) -> Configuration:
    """Load the project; only mistakes that keep us from the silo matter now."""
    from hypersync.config.load import examine_configuration

    configuration, mistakes = examine_configuration(
        invocation.config, invocation.env, process_environment=os.environ
    )
    errors = [each for each in mistakes if each.level is Level.ERROR]
    if configuration is None:
        raise ConfigurationError(errors)
    if name not in configuration.silos:
        known = ", ".join(configuration.silos)
        raise UsageError(f"there is no silo {name!r}; there are {known}")
    if _lacks_a_variable(configuration.silos[name].given()):
        raise ConfigurationError(errors)
    return configuration


def _lacks_a_variable(tree: object) -> bool:
    if not isinstance(tree, Section | Items):
        return False
    entries = tree.values() if isinstance(tree, Section) else tree
    return bool(tree.unresolved) or any(map(_lacks_a_variable, entries))


def _chosen(found: Mapping[str, FoundType], wanted: str | None) -> Mapping[str, FoundType]:
    if wanted is None:
        return found
    if wanted not in found:
        known = ", ".join(found) or "none"
        raise UsageError(f"no type {wanted!r} was found; there are {known}")
    return {wanted: found[wanted]}


def _listing(found: Mapping[str, FoundType], out: Path) -> str:
    lines = [line for name, each in found.items() for line in type_lines(name, each)]
    return "\n".join([*lines, f"the configuration is in {out}"])
