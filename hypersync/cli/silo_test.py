"""The command ``silo test``: try a silo for real, without writing to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hypersync.cli.frame import Exit, Invocation, command
from hypersync.cli.output import print_answer
from hypersync.cli.silo_state import check_known, pause_state, pause_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hypersync.check.probe import Step


@command("test")
@click.argument("name")
def test(invocation: Invocation, *, name: str) -> Exit:
    """Try a silo: is it there, what may we do, does the schema fit, can ten objects be read.

    Nothing is written. Of objects only anchors are shown.
    """
    from hypersync.check.probe import State, needed_rights, probe, written_attributes
    from hypersync.cli.started import started_app

    with started_app(invocation) as app:
        check_known(app, name)
        needed = needed_rights(app.rulebook, name)
        silo = app.connectors[name]
        written = written_attributes(app.rulebook, name, silo.streams())
        steps = probe(name, silo, needed, app.progress, written)
        document = _document(pause_state(app, name), steps)
    print_answer(invocation, document, lambda: _text(document, steps))
    return Exit.FAILED if any(each.state is State.FAILED for each in steps) else Exit.DONE


def _document(state: Mapping[str, object], steps: Sequence[Step]) -> dict[str, object]:
    levels = {"failed": "error", "warning": "warning"}
    return {
        **state,
        "reachable": steps[0].state.value == "ok",
        "steps": [
            {
                "step": each.name,
                "state": each.state.value,
                "message": each.message,
                "remedy": each.remedy,
            }
            for each in steps
        ],
        "mistakes": [
            {"level": levels[each.state.value], "message": each.message, "remedy": each.remedy}
            for each in steps
            if each.state.value in levels
        ],
    }


def _text(state: Mapping[str, object], steps: Sequence[Step]) -> str:
    lines = [
        f"{each.name:<6}  {each.state.value:<7}  {each.message}"
        + (f"; {each.remedy}" if each.remedy else "")
        for each in steps
    ]
    return "\n".join([*lines, pause_text(state)])
