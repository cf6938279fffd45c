"""Commands about one silo: ``silo test``, ``silo pause`` and ``silo resume``.

Pausing stops what is written to a silo, at once and until it is resumed: guards and requests go on,
nothing is released or executed, and a default-approve waits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hypersync.cli.frame import Exit, Invocation, command
from hypersync.cli.output import print_answer
from hypersync.cli.silo_discover import discover
from hypersync.errors import SiloError, UsageError
from hypersync.model.mistake import Level, Mistake
from hypersync.ports.store.events import Event

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hypersync.app import App


@click.group("silo")
def silo() -> None:
    """Reach a silo, see what it has, stop what is written to it, let it go on."""


@command("test")
@click.argument("name")
def test(invocation: Invocation, *, name: str) -> Exit:
    """Reach for a silo, and say what is wrong with it and whether it is paused."""
    from hypersync.cli.started import started_app

    with started_app(invocation) as app:
        _check_known(app, name)
        is_reachable, found = _examined(app, name)
        document = {
            **_state(app, name),
            "reachable": is_reachable,
            "mistakes": [
                {"level": each.level.value, "message": each.message, "remedy": each.remedy}
                for each in found
            ],
        }
    print_answer(invocation, document, lambda: _test_text(document, found))
    is_wrong = any(each.level is Level.ERROR for each in found)
    return Exit.FAILED if is_wrong or not is_reachable else Exit.DONE


@command("pause")
@click.argument("name")
@click.option("--reason", metavar="TEXT", default="", help="Why; everybody reads it.")
def pause(invocation: Invocation, *, name: str, reason: str) -> Exit:
    """Stop what is written to a silo, until it is resumed."""
    from hypersync.cli.started import started_app

    with started_app(invocation) as app:
        _check_known(app, name)
        with app.store.begin() as unit:
            unit.silos.pause(name, reason)
            unit.events.record(_event(app, "pause", name, {"reason": reason}))
        document = _state(app, name)
    print_answer(invocation, document, lambda: _state_text(document))
    return Exit.DONE


@command("resume")
@click.argument("name")
def resume(invocation: Invocation, *, name: str) -> Exit:
    """Let what is written to a silo go on, with the next committing sync."""
    from hypersync.cli.started import started_app

    with started_app(invocation) as app:
        with app.store.begin() as unit:
            is_paused = name in unit.silos.paused()
            if is_paused:  # also one that is not configured any more
                unit.silos.resume(name)
                unit.events.record(_event(app, "resume", name, {}))
        if not is_paused:
            _check_known(app, name)
        document = _state(app, name)
    print_answer(invocation, document, lambda: _state_text(document))
    return Exit.DONE


def _check_known(app: App, name: str) -> None:
    if name not in app.connectors:
        known = ", ".join(app.connectors)
        raise UsageError(f"there is no silo {name!r}; there are {known}")


def _event(app: App, kind: str, name: str, data: Mapping[str, object]) -> Event:
    return Event(kind=kind, at=app.clock.now(), silo=name, by=app.started_by, data=data)


def _examined(app: App, name: str) -> tuple[bool, Sequence[Mistake]]:
    """Return whether a silo answered, and what is wrong with it."""
    try:
        with app.connectors[name].open() as session:
            return True, list(session.check())
    except SiloError as error:
        return False, [Mistake(error.message, "mend the silo or its settings")]


def _state(app: App, name: str) -> dict[str, object]:
    with app.store.snapshot() as unit:
        reasons = unit.silos.reasons()
    return {"silo": name, "paused": name in reasons, "reason": reasons.get(name) or None}


def _state_text(state: Mapping[str, object]) -> str:
    if not state["paused"]:
        return f"{state['silo']} is not paused"
    reason = f": {state['reason']}" if state["reason"] else ""
    return f"{state['silo']} is paused{reason}"


def _test_text(state: Mapping[str, object], found: Sequence[Mistake]) -> str:
    reached = "answers" if state["reachable"] else "cannot be reached"
    return "\n".join([f"{state['silo']} {reached}", *map(str, found), _state_text(state)])


silo.add_command(discover)
silo.add_command(test)
silo.add_command(pause)
silo.add_command(resume)
