"""The command ``silo test``: try a silo for real, without writing to it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import click

from hypersync.cli.frame import Exit, Invocation, command
from hypersync.cli.output import print_answer
from hypersync.cli.silo_state import check_known, pause_state, pause_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from hypersync.check.probe import Step
    from hypersync.model.objects import ObjectType
    from hypersync.ports.connector import Connector, Session
    from hypersync.rulebook.rules import Rulebook


@command("test")
@click.argument("name")
def test(invocation: Invocation, *, name: str) -> Exit:
    """Try a silo: is it there, what may we do, does the schema fit, can ten objects be read.

    Nothing is written. Of objects only anchors are shown.
    """
    from hypersync.check.probe import State, needed_rights, probe
    from hypersync.cli.started import started_app

    with started_app(invocation) as app:
        check_known(app, name)
        needed = needed_rights(app.rulebook, name)
        silo = Asked(app.connectors[name])
        written = written_by_rules(app.rulebook, name, silo.streams())
        steps = probe(name, silo, needed, app.progress, written)
        document = _document(pause_state(app, name), steps)
    print_answer(invocation, document, lambda: _text(document, steps))
    return Exit.FAILED if any(each.state is State.FAILED for each in steps) else Exit.DONE


def written_by_rules(
    rulebook: Rulebook, silo: str, streams: Sequence[Sequence[ObjectType]]
) -> frozenset[tuple[str, str]]:
    """Return type and name of each attribute that rules write in a silo.

    That is what they set, and besides what holds members and the enabled state where they change
    these.
    """
    from hypersync.check.probe import written_attributes
    from hypersync.model.objects import Operation

    slots = {slot.name: slot for slot in rulebook.slots if slot.silo == silo}
    members = {kind.name: kind.members for stream in streams for kind in stream}
    found = set(written_attributes(rulebook, silo))
    for rule in rulebook.rules:
        if rule.group is not None and rule.group.slot in slots:
            group = slots[rule.group.slot].type
            found.add((group, members.get(group) or ""))
        if rule.do is not None and rule.do.operation in (Operation.ENABLE, Operation.DISABLE):
            target = slots.get(rule.target)
            if target is not None and target.enabled is not None:
                found.add((target.type, target.enabled.attribute))
    return frozenset(found)


@runtime_checkable
class Reaches(Protocol):
    """A session that can be open although its silo is not there."""

    def reach(self) -> None:
        """Ask the silo for something small; raises `SiloUnreachable` or `SiloRefused`."""


class Asked:
    """Another connector, whose sessions are open only once their silo has answered."""

    def __init__(self, connector: Connector) -> None:
        self._connector = connector
        self.options = connector.options
        self.can_write = connector.can_write

    def streams(self) -> Sequence[Sequence[ObjectType]]:
        """Return the streams of the connector."""
        return self._connector.streams()

    @contextmanager
    def open(self) -> Iterator[Session]:
        """Open a session and have the silo answer; raises `SiloUnreachable` or `SiloRefused`."""
        from hypersync.ports.connector import plain

        with self._connector.open() as session:
            inner = plain(session)
            if isinstance(inner, Reaches):
                inner.reach()
            yield session


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
