"""What is never shown of objects, whoever looks, and never found by searching. Pure.

That is what is named like a secret, what a rule fills with an initial password, and what the
configuration says nothing is to be said of (``guards.cause.never``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from hypersync.model.actions import Action
from hypersync.model.objects import Attributes, Value
from hypersync.model.secrecy import is_secret
from hypersync.pipeline.engine import Engine
from hypersync.pipeline.passwords import MARK
from hypersync.pipeline.why import RuleAnswer, Trace
from hypersync.rulebook.explain import makes_password

NOT_SHOWN = "(not shown)"
"""Stands for a value that is hidden."""

_NAME = re.compile(r"[^\W\d][\w-]*")


@dataclass(frozen=True, slots=True)
class Hidden:
    """Tells which attributes are hidden.

    ``unsaid`` are names in lower case; ``passwords`` are attributes that get an initial password,
    by silo, type and name.
    """

    unsaid: frozenset[str] = frozenset()
    passwords: frozenset[tuple[str, str, str]] = frozenset()

    def hides(self, silo: str, kind: str, name: str) -> bool:
        """Tell whether an attribute is hidden; ``+`` and ``-`` stand before lists in a history."""
        plain = name.lstrip("+-")
        return self._is_unsaid(plain) or (silo, kind, plain) in self.passwords

    def shown(self, silo: str, kind: str, attributes: Attributes) -> dict[str, Value]:
        """Return the attributes that are not hidden."""
        return {
            name: value
            for name, value in attributes.items()
            if not self.hides(silo, kind, name) and not _is_mark(value)
        }

    def of_action(self, action: Action) -> Action:
        """Return an action with a mark in place of each hidden value."""

        def covered(values: Attributes | None) -> Mapping[str, Value] | None:
            if values is None:
                return None
            shown = self.shown(action.silo, action.type, values)
            return {name: shown.get(name, NOT_SHOWN) for name in values}

        once = self.shown(action.silo, action.type, action.once)
        return replace(
            action, before=covered(action.before), after=covered(action.after), once=once
        )

    def of_answer(self, answer: RuleAnswer) -> RuleAnswer:
        """Return a rule's answer with a mark in place of each value that hidden ones decide."""
        values = self.of_traces(answer.values)
        is_told = answer.result == "error" and any(
            self._reads_hidden(each.source) for each in values
        )
        return replace(answer, values=values, note=NOT_SHOWN if is_told else answer.note)

    def of_traces(self, traces: Iterable[Trace]) -> tuple[Trace, ...]:
        """Return what a rule read with a mark in place of each value that hidden ones decide."""
        return tuple(
            Trace(each.source, NOT_SHOWN) if self._reads_hidden(each.source) else each
            for each in traces
        )

    def _reads_hidden(self, source: str) -> bool:
        """Tell whether an expression names something hidden, in whatever slot."""
        passwords = {name for _, _, name in self.passwords}
        words = _NAME.findall(source)
        return any(self._is_unsaid(word) or word in passwords for word in words)

    def _is_unsaid(self, name: str) -> bool:
        return name.casefold() in self.unsaid or is_secret(name)


def hidden_of(engine: Engine) -> Hidden:
    """Return what is hidden under the configuration and the rules in force."""
    slots = {slot.name: (slot.silo, slot.type) for slot in engine.rulebook.slots}
    return Hidden(
        unsaid=engine.guards.unsaid,
        passwords=frozenset(
            (*slots[rule.target], name)
            for rule in engine.rulebook.rules
            if rule.target in slots
            for name, made in rule.once.items()
            if makes_password(made)
        ),
    )


def _is_mark(value: Value) -> bool:
    return isinstance(value, str) and MARK in value
