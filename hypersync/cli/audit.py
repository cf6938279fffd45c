"""The commands about the audit trail: ``audit list``, ``verify``, ``checkpoint`` and ``seal``."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hypersync.cli.frame import Exit, Invocation, command
from hypersync.cli.output import iso_time, print_answer, print_document
from hypersync.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from hypersync.audit.verify import Verified
    from hypersync.ports.store.events import Recorded

_FILTERS = ("kind", "run", "rule", "request", "action", "silo", "by")


@click.group("audit")
def audit() -> None:
    """Look at the audit trail, and find what was changed in it."""


def _filters(function: Callable[..., Exit]) -> Callable[..., Exit]:
    for name in _FILTERS:
        what = "who did it: person:ID, cli:USER" if name == "by" else f"this {name}"
        function = click.option(f"--{name}", help=f"Only events of {what}.")(function)
    return function


@command("list")
@_filters
@click.option("--since", metavar="TIME", help="From then on: 2026-01-31T09:00 is UTC.")
@click.option("--until", metavar="TIME", help="Before then.")
@click.option("--before", type=int, metavar="EVENT", help="Go on below this event's number.")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="The most."
)
def list_(
    invocation: Invocation,
    *,
    since: str | None,
    until: str | None,
    before: int | None,
    limit: int,
    **named: Any,  # noqa: ANN401 - the filters, by name
) -> Exit:
    """Show events, newest first."""
    from hypersync.cli.started import started_app
    from hypersync.ports.store.events import EventFilter

    wanted = EventFilter(**named, since=_moment(since), until=_moment(until))
    with started_app(invocation) as app, app.store.snapshot() as unit:
        found = unit.events.find(wanted, limit=limit, before=before)
    document = {"events": [event_document(each) for each in found]}
    lines = [_line(each) for each in found]
    print_answer(invocation, document, lambda: "\n".join(lines) or "No event fits.")
    return Exit.DONE


def event_document(recorded: Recorded) -> dict[str, object]:
    """Return one event as ``--json`` prints it."""
    event = recorded.event
    named = {name: getattr(event, name) for name in _FILTERS}
    return {
        "event": recorded.id,
        "at": event.at,
        **named,
        "data": dict(event.data),
        "is_sealed": recorded.seal is not None,
    }


def _line(recorded: Recorded) -> str:
    event = recorded.event
    said = [f"{name} {getattr(event, name)}" for name in _FILTERS[1:] if getattr(event, name)]
    return "  ".join([f"{recorded.id:>8}", f"{event.at:%Y-%m-%d %H:%M:%S}", event.kind, *said])


def _moment(text: str | None) -> datetime | None:
    from hypersync.cli.look import read_moment

    return None if text is None else read_moment(text)


@command("verify")
@click.option(
    "--from",
    "checkpoint",
    type=click.File("r", encoding="utf-8"),
    metavar="CHECKPOINT",
    help="Only what came after this checkpoint, and that it still stands; `-` reads it.",
)
def verify(invocation: Invocation, *, checkpoint: Any) -> Exit:  # noqa: ANN401 - an open file
    """Verify the seals of the whole audit trail; exit code 3 when something is wrong."""
    from hypersync.audit.chain import chain_keys
    from hypersync.audit.checkpoint import read_checkpoint
    from hypersync.audit.verify import verify as verify_chain
    from hypersync.cli.started import started_app

    with started_app(invocation) as app:
        start = None
        if checkpoint is not None:
            start = read_checkpoint(_text(checkpoint), app.settings.signer.environment)
        found = verify_chain(app.store, chain_keys(app.settings), start)
    print_answer(invocation, verified_document(found), lambda: _verified_text(found))
    return Exit.DONE if found.is_intact else Exit.WITH_ERRORS


def _text(file: Any) -> str:  # noqa: ANN401 - an open file
    try:
        return str(file.read(64 * 1024))
    except UnicodeDecodeError as error:
        raise UsageError("this is no checkpoint: it is no text") from error


def verified_document(found: Verified) -> dict[str, object]:
    """Return what a verification found as ``--json`` prints it."""
    return {
        "intact": found.is_intact,
        "from": found.start.number,
        "number": found.head.number,
        "event": found.head.event,
        "seal": found.head.seal or None,
        "verified": found.sealed,
        "unsealed": found.unsealed,
        "broken": found.broken,
        "faults": [
            {"event": each.event, "wrong": each.wrong.value, "text": each.text}
            for each in found.faults
        ],
        "late": [
            {"first": each.first, "last": each.last, "seconds": int(each.by.total_seconds())}
            for each in found.late
        ],
    }


def _verified_text(found: Verified) -> str:
    lines = [
        f"event {each.event} is wrong ({each.wrong.value}): {each.text}" for each in found.faults
    ]
    if found.broken > len(found.faults):
        lines.append(f"... and {found.broken - len(found.faults)} more")
    lines += [
        f"events {each.first} to {each.last} were sealed late, up to {each.by.days} days after"
        for each in found.late
    ]
    state = "The chain is intact" if found.is_intact else f"The chain is BROKEN ({found.broken})"
    end = f"up to event {found.head.event}" if found.head.event is not None else "and empty"
    lines.append(f"{state} {end}: {found.sealed} events verified, {found.unsealed} not sealed yet.")
    return "\n".join(lines)


@command("checkpoint")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write it there.")
def checkpoint(invocation: Invocation, *, out: Path | None) -> Exit:
    """Print where the chain ends, as one line to keep where the database's writers cannot."""
    import orjson

    from hypersync.audit.checkpoint import write_checkpoint
    from hypersync.audit.state import chain_state
    from hypersync.cli.started import started_app

    with started_app(invocation) as app:
        head = chain_state(app.store).head
        made = write_checkpoint(head, app.clock.now(), app.settings.signer.environment)
    line = orjson.dumps({**made, "made_at": iso_time(app.clock.now())}).decode()
    if out is None and invocation.as_json:
        print_document(made)
    elif out is None:
        click.echo(line)
    else:
        _write(out, line + "\n")
        print_answer(invocation, {**made, "file": out}, lambda: f"Wrote the checkpoint to {out}")
    return Exit.DONE


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {file}: {error.strerror or error}") from error


@command("seal")
def seal(invocation: Invocation) -> Exit:
    """Seal what has no seal yet, as the daemon does every few seconds."""
    from hypersync.audit.chain import chain_keys
    from hypersync.audit.memory import Memory
    from hypersync.cli.started import started_app

    with started_app(invocation) as app:
        memory = Memory(app.configuration.audit_file, app.settings.signer.environment)
        done = memory.seal(app.store, chain_keys(app.settings), app.clock.now())
    document = {"sealed": done.count, "number": 0 if done.head is None else done.head.number}
    print_answer(invocation, document, lambda: f"Sealed {done.count} events.")
    return Exit.DONE


for _each in (list_, verify, checkpoint, seal):
    audit.add_command(_each)
