"""The command line: parses, calls one use case, prints.

``hypersync --help`` and each command import only what they need: the table below names the module
of each command, which is imported when the command runs. A module's commands are made with
:func:`hypersync.cli.frame.command`.
"""

from __future__ import annotations

import sys
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from hypersync.cli.failure import run_safely
from hypersync.cli.frame import Invocation

if TYPE_CHECKING:
    from collections.abc import Sequence

# name: (module in hypersync.cli, attribute, what it does in one line)
COMMANDS = {
    "demo": ("demo", "demo", "Show a made-up company: a bad file, what stops it, the answer."),
    "init": ("project", "init", "Write a small commented project: configuration, rules, data."),
    "check": ("project", "check", "Say every mistake in configuration, rules and templates."),
    "db": ("project", "database", "Upgrade the database, or say its revision."),
    "silo": ("silo", "silo", "Reach a silo, pause it, let it go on."),
    "scan": ("run", "scan", "Read silos into the store."),
    "sync": ("run", "sync", "Plan what the rules want; with --commit, do it."),
    "apply": ("apply", "apply", "Carry out exactly a reviewed plan, or say what moved."),
    "undo": ("undo", "undo", "Take back what a run did, as far as that is possible."),
    "pending": ("decide", "pending", "What waits for a decision, with the links that decide."),
    "approve": ("decide", "approve", "Approve actions, requests, or a rule's of one run."),
    "reject": ("decide", "reject", "Reject actions, requests, or a rule's of one run."),
    "history": ("look", "history", "What happened, in all runs or in one."),
    "explain": ("look", "explain", "Why an action was proposed, and what became of it."),
    "why": ("look", "why", "Every rule for one identity, true or false, with the values."),
    "show": ("look", "show", "An object, now or at an earlier time."),
    "thresholds": ("advice", "thresholds", "Which limits fit what the rules usually do."),
    "rehearse": ("rehearse", "rehearse", "What other rules would have done with the past."),
    "unlock": ("unlock", "unlock", "Let limits above the ceiling stand, by a signed key."),
    "audit": ("audit", "audit", "The audit trail: look, verify its seals, keep a checkpoint."),
    "token": ("token", "token", "Tokens for the API: make, list, revoke."),
    "account": ("account", "account", "Let people sign in to the web pages with a password."),
    "api": ("api", "api", "The API: its OpenAPI document."),
    "tick": ("admin", "tick", "Do once what is due: requests move on, messages go out."),
    "daemon": ("admin", "daemon", "Run the schedules, the outbox and what is queued."),
    "serve": ("admin", "serve", "Serve the web pages."),
    "up": ("admin", "up", "Run everything: the daemon and the web pages in one process."),
}
_SPEAKING = frozenset({"daemon", "serve", "up"})


class LazyGroup(click.Group):
    """A group whose commands are imported when they are needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names, in the table's order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Import the command's module; None when there is no such command."""
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        found = getattr(import_module(f"hypersync.cli.{module}"), attribute)
        assert isinstance(found, click.Command)  # noqa: S101 - the table is ours
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; an unknown one raises UsageError with the name that was meant."""
        name = args[0]
        if name not in COMMANDS:
            close = get_close_matches(name, COMMANDS, n=1)
            meant = f"; did you mean {close[0]!r}?" if close else ""
            raise click.UsageError(f"There is no command {name!r}{meant}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, row[2]) for name, row in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    envvar="HYPERSYNC_CONFIG",
    help="The configuration, ./config/hypersync.yaml when not said.",
)
@click.option("--env", envvar="HYPERSYNC_ENV", help="The environment, dev when not said.")
@click.option("--json", "as_json", is_flag=True, help="Answer with one JSON document.")
@click.option(
    "--log-level",
    envvar="HYPERSYNC_LOG_LEVEL",
    type=click.Choice(["debug", "info", "warning", "error"], case_sensitive=False),
    help="What is logged to standard error.",
)
@click.option("--log-json", envvar="HYPERSYNC_LOG_JSON", is_flag=True, help="Log lines as JSON.")
@click.version_option(package_name="hypersync", prog_name="hypersync")
@click.pass_context
def group(
    ctx: click.Context,
    config: Path | None,
    env: str | None,
    as_json: bool,
    log_level: str | None,
    log_json: bool,
) -> None:
    """Keep directories in step, and ask people before going too far."""
    from hypersync.log import set_up_logging

    usual = "info" if ctx.invoked_subcommand in _SPEAKING else "warning"
    set_up_logging(as_json=log_json, level=log_level or usual)
    ctx.obj = Invocation(config=config, env=env, as_json=as_json)


def invoke(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; nothing is raised."""
    return run_safely(group, arguments)


def main() -> NoReturn:
    """Run the command line of this process."""
    sys.exit(invoke(sys.argv[1:]))
