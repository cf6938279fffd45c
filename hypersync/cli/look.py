"""Commands that only look: ``history``, ``explain``, ``why`` and ``show``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from hypersync.cli.frame import Exit, Invocation, command
from hypersync.cli.output import print_answer
from hypersync.cli.run import object_key
from hypersync.errors import NotFound, UsageError
from hypersync.model.ids import ActionId, IdentityId, RunId

if TYPE_CHECKING:
    from hypersync.app import App
    from hypersync.model.runs import Run
    from hypersync.pipeline.why import Answer, Trace


@command("history")
@click.argument("run", required=False)
@click.option("--limit", default=20, show_default=True, help="The most runs, or actions of RUN.")
def history(invocation: Invocation, *, run: str | None, limit: int) -> Exit:
    """Show the latest runs, or one RUN with every action."""
    from hypersync.cli.documents import besides, run_document, run_summary, run_text
    from hypersync.cli.started import started_app
    from hypersync.cli.unlock_text import say_unlocks
    from hypersync.insight.became import what_became

    with started_app(invocation) as app:
        say_unlocks(app)
        if run is None:
            with app.store.snapshot() as unit:
                runs = unit.runs.recent(limit)
                became = what_became(unit, runs)
            document: dict[str, object] = {"runs": [run_summary(each, became) for each in runs]}
            lines = ["; ".join([_line(each), *besides(each, became)]) for each in runs]
            print_answer(invocation, document, lambda: "\n".join(lines) or "No run yet.")
            return Exit.DONE
        with app.store.snapshot() as unit:
            found = unit.runs.get(RunId(run))
        if found is None:
            raise NotFound(f"there is no run {run!r}; `hypersync history` lists them")
        shown = max(limit, 1000)
        print_answer(
            invocation,
            run_document(app, found, limit=shown),
            lambda: run_text(app, found, limit=shown),
        )
    return Exit.DONE


def _line(run: Run) -> str:
    counts = run.counts
    return (
        f"{run.id}  {run.started_at:%Y-%m-%d %H:%M:%S}  {run.kind.value:6} {run.mode.value:7} "
        f"{run.state.value:9} {counts.queued} queued, {counts.suspended} suspended, "
        f"{counts.succeeded} succeeded, {counts.errors} errors"
    )


@command("explain")
@click.argument("action")
def explain(invocation: Invocation, *, action: str) -> Exit:
    """Say why an ACTION was proposed and what stopped it, with the values its rule read."""
    from hypersync.cli.documents import action_document, action_line
    from hypersync.cli.started import started_app

    with started_app(invocation) as app:
        with app.store.snapshot() as unit:
            found = unit.actions.get([ActionId(action)])
        if not found:
            raise NotFound(f"there is no action {action!r}; `hypersync pending` lists open ones")
        traces = app.explain(found[0])
        document = {**action_document(found[0]), "trace": [_trace(each) for each in traces]}
        lines = [action_line(found[0], is_whole=True)]
        lines += [f"  because of {reason.guard}: {reason.text}" for reason in found[0].reasons]
        lines += [f"  {each.source} is {each.value!r}" for each in traces]
        print_answer(invocation, document, lambda: "\n".join(lines))
    return Exit.DONE


@command("why")
@click.argument("identity")
def why(invocation: Invocation, *, identity: str) -> Exit:
    """Show every rule for an IDENTITY (its number, or SILO/TYPE/ANCHOR): true or false, and why."""
    from hypersync.cli.documents import plain
    from hypersync.cli.started import started_app

    with started_app(invocation) as app:
        number = _identity(app, identity)
        answer = app.why(number)
        document = {
            "identity": str(number),
            "slots": {slot: plain(attributes) for slot, attributes in answer.slots.items()},
            "rules": [
                {
                    "rule": rule.rule,
                    "result": rule.result,
                    "values": [_trace(each) for each in rule.values],
                    "note": rule.note or None,
                }
                for rule in answer.rules
            ],
        }
        print_answer(invocation, document, lambda: _why_text(answer))
    return Exit.DONE


def _why_text(answer: Answer) -> str:
    lines = []
    for slot, attributes in answer.slots.items():
        shown = ", ".join(f"{name}={value!r}" for name, value in (attributes or {}).items())
        lines.append(f"{slot}: {shown or 'empty'}")
    for rule in answer.rules:
        note = f"  ({rule.note})" if rule.note else ""
        lines.append(f"{rule.rule}: {rule.result}{note}")
        lines += [f"    {each.source} is {each.value!r}" for each in rule.values]
    return "\n".join(lines)


def _trace(trace: Trace) -> dict[str, object]:
    return {"expression": trace.source, "value": trace.value}


def _identity(app: App, text: str) -> IdentityId:
    if text.isdecimal():
        return IdentityId(int(text))
    key = object_key(text)
    assert key is not None  # noqa: S101 - only None gives None
    with app.store.snapshot() as unit:
        found = unit.objects.get(*key)
    if found is None:
        raise NotFound(f"there is no object {text}; scan its silo first")
    return IdentityId(found.identity)


@command("show")
@click.argument("target", metavar="SILO/TYPE/ANCHOR")
@click.option("--at", "moment", metavar="TIME", help="As it was then: 2026-01-31T09:00 is UTC.")
def show(invocation: Invocation, *, target: str, moment: str | None) -> Exit:
    """Show an object as it is now in the store, or as it was at a time."""
    from hypersync.cli.documents import plain
    from hypersync.cli.started import started_app

    key = object_key(target)
    assert key is not None  # noqa: S101 - only None gives None
    at = None if moment is None else read_moment(moment)
    with started_app(invocation) as app:
        now = app.clock.now()
        with app.store.snapshot() as unit:
            found = unit.objects.get(*key)
            if found is not None and at is not None:
                found = unit.objects.at(found.id, at)
    if found is None:
        raise NotFound(f"there is no object {target}" + (" at that time" if at else ""))
    shown = {
        "silo": key[0],
        "type": key[1],
        "anchor": key[2],
        "identity": str(found.identity),
        "slot": found.slot,
        "absence": found.absence,
        "attributes": plain(found.attributes),
    }
    document = {"object": shown, "at": at or now}
    lines = [f"{target} ({found.absence or 'present'}), identity {found.identity}"]
    lines += [f"  {name}: {value!r}" for name, value in sorted(found.attributes.items())]
    print_answer(invocation, document, lambda: "\n".join(lines))
    return Exit.DONE


def read_moment(text: str) -> datetime:
    """Read a time that somebody typed, in UTC when no zone is said; raises `UsageError`."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{text!r} is no time; write for instance 2026-01-31T09:00") from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
