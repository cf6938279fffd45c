"""What is never shown of the answers of rules. Pure.

What is hidden of objects, actions and errors says `hypersync.model.secrecy`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from hypersync.model.secrecy import NOT_SHOWN, Hidden
from hypersync.pipeline.engine import Engine
from hypersync.pipeline.why import RuleAnswer, Trace
from hypersync.rulebook.secrecy import hidden_in

__all__ = ["NOT_SHOWN", "Hidden", "answer_shown", "hidden_of", "traces_shown"]


def hidden_of(engine: Engine) -> Hidden:
    """Return what is hidden under the configuration and the rules in force."""
    hidden = hidden_in(engine.rulebook, engine.guards.unsaid)
    anchors = frozenset(
        of_type
        for of_type, name in engine.types.anchors.items()
        if name is not None and hidden.hides(*of_type, name)
    )
    return replace(hidden, anchors=anchors)


def answer_shown(hidden: Hidden, name: str, answer: RuleAnswer) -> RuleAnswer:
    """Return a rule's answer with a mark in place of what hidden values decide.

    ``name`` is the rule's, for VIP rules ``vip:NAME``.
    """
    is_shown = not answer.is_error_told or hidden.is_open(name)
    note = answer.note if is_shown else NOT_SHOWN
    return replace(answer, values=traces_shown(hidden, answer.values), note=note)


def traces_shown(hidden: Hidden, traces: Iterable[Trace]) -> tuple[Trace, ...]:
    """Return what a rule read with a mark in place of each value that hidden ones decide."""
    return tuple(
        replace(each, value=NOT_SHOWN) if _reads_hidden(hidden, each) else each for each in traces
    )


def _reads_hidden(hidden: Hidden, trace: Trace) -> bool:
    """Tell whether hidden values decide this one; when it is not known what it reads, they may."""
    return trace.reads is None or any(hidden.hides_anywhere(each) for each in trace.reads)
