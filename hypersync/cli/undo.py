"""The command that takes back what a run did: ``undo``."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

import click

from hypersync.cli.frame import Exit, Invocation, command
from hypersync.cli.output import print_answer
from hypersync.cli.run import WAIT
from hypersync.errors import LeaseHeld
from hypersync.model.ids import RunId
from hypersync.model.visible import unhidden

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hypersync.app import App
    from hypersync.model.actions import Action
    from hypersync.model.runs import Run
    from hypersync.pipeline.undo.irreversible import Irreversible
    from hypersync.pipeline.undo.survey import Undone

_SHOWN = 20


@command("undo")
@click.argument("run")
@click.option("--rule", help="Take back only what the run did for this rule.")
@click.option("--commit", is_flag=True, help="Do it. Without this, only say what would be done.")
@click.option("--wait", is_flag=True, help="Wait while another committing run is under way.")
@click.option("--limit", default=1000, show_default=True, help="The most actions in the answer.")
def undo(
    invocation: Invocation, *, run: str, rule: str | None, commit: bool, wait: bool, limit: int
) -> Exit:
    """Take back what a RUN did, through the same guards, and say what cannot be undone."""
    from hypersync.cli.documents import run_document, run_text
    from hypersync.cli.started import started_app

    with started_app(invocation) as app:
        done, undone = _undo(app, RunId(run), rule, commit=commit, wait=wait)
        if commit:
            app.tick()
        document = {**run_document(app, done, limit=limit), **_document(undone, limit)}
        text = _of_an_undo(run_text(app, done, limit=limit), app.irreversible(done))
    print_answer(invocation, document, lambda: "\n".join([*_lines(undone, limit), text]))
    return Exit.WITH_ERRORS if done.counts.errors else Exit.DONE


def _undo(
    app: App, run: RunId, rule: str | None, *, commit: bool, wait: bool
) -> tuple[Run, Undone]:
    """Undo once; with ``wait`` as soon as nobody else commits."""
    while True:
        try:
            return app.undo(run, rule, commit=commit)
        except LeaseHeld as error:
            if not wait:
                raise
            click.echo(f"waiting: {error.message}", err=True)
            time.sleep(WAIT)


def _of_an_undo(text: str, irreversible: Irreversible) -> str:
    """Say what cannot be undone as what it is here: actions of the undo, not those it undoes."""
    named = ", ".join(
        f"{count} {operation.value.replace('_', ' ')}"
        for operation, count in irreversible.operations.items()
    )
    own = (
        f"once the undo is done, {irreversible.count} of its own {irreversible.of} actions cannot "
        f"be taken back in turn ({named})"
    )
    lines = (f"  {own}" if line == f"  {irreversible}" else line for line in text.split("\n"))
    return "\n".join(lines)


def _document(undone: Undone, limit: int) -> dict[str, object]:
    incomplete = list(undone.incomplete.values())
    return {
        "cannot": [
            {**_about(action), "code": kept.because.value, "text": kept.text}
            for action, kept in undone.cannot[:limit]
        ],
        "cannot_total": len(undone.cannot),
        "incomplete": [{**_about(action), "text": text} for action, text in incomplete[:limit]],
        "incomplete_total": len(incomplete),
    }


def _about(action: Action) -> dict[str, object]:
    return {
        "action": action.id,
        "rule": action.rule,
        "identity": str(action.identity),
        "silo": action.silo or None,
        "type": action.type or None,
        "anchor": action.anchor,
        "operation": action.operation.value,
    }


def _lines(undone: Undone, limit: int) -> Iterator[str]:
    """Say first what is not undone, and what does not come back whole."""
    if undone.cannot:
        reasons = Counter(kept.because.value for _, kept in undone.cannot)
        counted = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
        yield f"not undone: {len(undone.cannot)} ({counted})"
        yield from _some([(action, kept.text) for action, kept in undone.cannot], limit)
    if undone.incomplete:
        yield f"not brought back whole: {len(undone.incomplete)}"
        yield from _some(list(undone.incomplete.values()), limit)


def _some(actions: list[tuple[Action, str]], limit: int) -> Iterator[str]:
    most = min(limit, _SHOWN)
    for action, text in actions[:most]:
        what = action.operation.value.replace("_", " ")
        where = "/".join(part for part in (action.silo, action.type, action.anchor) if part)
        title = unhidden(action.title)
        whom = f"{title} ({where})" if where else title
        yield f"  {action.id}  {what} {whom}: {text}"
    if len(actions) > most:
        yield f"  ... and {len(actions) - most} more: --json --limit {len(actions)} lists them"
