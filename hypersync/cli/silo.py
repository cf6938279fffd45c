"""Commands about one silo: ``silo discover``, ``silo test``, ``silo pause``, ``silo resume``.

Pausing stops what is written to a silo, at once and until it is resumed: guards and requests go on,
nothing is released or executed, and a default-approve waits. Resuming also ends the pause of the
engine, in which a silo that was not reached is not even read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hypersync.cli.frame import Exit, Invocation, command
from hypersync.cli.output import print_answer
from hypersync.cli.silo_discover import discover
from hypersync.cli.silo_state import check_known, pause_state, pause_text
from hypersync.cli.silo_test import test
from hypersync.ports.store.events import Event

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hypersync.app import App


@click.group("silo")
def silo() -> None:
    """Reach a silo, see what it has, stop what is written to it, let it go on."""


@command("pause")
@click.argument("name")
@click.option("--reason", metavar="TEXT", default="", help="Why; everybody reads it.")
def pause(invocation: Invocation, *, name: str, reason: str) -> Exit:
    """Stop what is written to a silo, until it is resumed."""
    from hypersync.cli.started import started_app

    with started_app(invocation) as app:
        check_known(app, name)
        with app.store.begin() as unit:
            unit.silos.pause(name, reason)
            unit.events.record(_event(app, "pause", name, {"reason": reason}))
        document = pause_state(app, name)
    print_answer(invocation, document, lambda: pause_text(document))
    return Exit.DONE


@command("resume")
@click.argument("name")
def resume(invocation: Invocation, *, name: str) -> Exit:
    """Let what is written to a silo go on, with the next committing sync."""
    from hypersync.cli.started import started_app
    from hypersync.pipeline.circuit import resume as let_go_on

    with started_app(invocation) as app:
        with app.store.begin() as unit:
            engine, now = app.engine, app.clock.now()
            is_paused = let_go_on(unit, name, now, engine.open_request, engine.tell_end)
            if is_paused:  # also one that is not configured any more
                unit.events.record(_event(app, "resume", name, {}))
        if not is_paused:
            check_known(app, name)
        document = pause_state(app, name)
    print_answer(invocation, document, lambda: pause_text(document))
    return Exit.DONE


def _event(app: App, kind: str, name: str, data: Mapping[str, object]) -> Event:
    return Event(kind=kind, at=app.clock.now(), silo=name, by=app.started_by, data=data)


silo.add_command(discover)
silo.add_command(test)
silo.add_command(pause)
silo.add_command(resume)
