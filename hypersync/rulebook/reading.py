"""Reading the expressions of a project, collecting what is wrong with them. Pure.

Every method gives something usable back, so that reading goes on and reports all mistakes at once;
with a mistake the rulebook is never used.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from hypersync.errors import EvaluationError
from hypersync.model.mistake import Mistake
from hypersync.model.time_span import parse_time_span
from hypersync.rulebook.expression import parse_all
from hypersync.rulebook.generate import compile_bare
from hypersync.rulebook.kinds import (
    condition_problems,
    has_rate,
    is_constant,
    type_of,
    type_problems,
)
from hypersync.rulebook.names import Names, close_to
from hypersync.rulebook.nodes import (
    Attribute,
    Call,
    Compiled,
    Constant,
    Listing,
    Logic,
    Node,
    SlotState,
    State,
    ValueType,
    walk,
)
from hypersync.rulebook.registry import Needs, Place

if TYPE_CHECKING:
    from hypersync.config.source import Place as Line

_SPAN_LIKE: Final = frozenset({ValueType.SPAN, ValueType.TEXT, ValueType.ANY})


@dataclass(frozen=True, slots=True)
class When:
    """A condition: the pure operands of its ``and``, the counting one, and its normal text."""

    operands: tuple[Node, ...] = ()
    counting: Compiled | None = None
    normal: str = ""


@dataclass
class Reading:
    """The names a project declares, and the mistakes found so far."""

    names: Names
    switchable: frozenset[str] = frozenset()
    mistakes: list[Mistake] = field(default_factory=list)

    def mistake(self, message: str, remedy: str, at: Line) -> None:
        """Note a mistake."""
        self.mistakes.append(Mistake(message, remedy, at.file, at.line))

    def named(self, name: str, known: Iterable[str], what: str, at: Line) -> bool:
        """Tell whether a name is known; notes a mistake with the closest one if not."""
        names = set(known)
        if name not in names:
            self.mistake(f"there is no {what} {name!r}", close_to(name, names, f"{what}s"), at)
        return name in names

    def expression(self, source: str, at: Line, *, names: Names | None = None) -> Compiled:
        """Read an expression that gives a value."""
        compiled, problems = parse_all(source, names or self.names, file=at.file, line=at.line)
        for problem in problems:
            self.mistake(problem.message, problem.remedy, at)
        if not problems:
            for message in type_problems(compiled.node):
                self.mistake(message, "compare and combine values of one type", at)
            self._references(compiled.node, at)
        return compiled

    def condition(self, source: str, at: Line, *, names: Names | None = None) -> Compiled:
        """Read a condition; what is constant or gives no truth is a mistake."""
        before = len(self.mistakes)
        compiled = self.expression(source, at, names=names)
        if len(self.mistakes) == before:
            for message in condition_problems(compiled.node):
                self.mistake(message, "a condition depends on the identity", at)
        return compiled

    def when(self, source: str, at: Line) -> When:
        """Read the condition of a rule and take the counting operand apart."""
        places = self.names.places | {Place.LAST}
        compiled = self.condition(source, at, names=replace(self.names, places=places))
        node = compiled.node
        operands = node.operands if isinstance(node, Logic) and node.is_and else (node,)
        if any(has_rate(each) for each in operands[:-1]):
            self.mistake(
                "Count and Quota stand only in the last 'and' operand of when:",
                "write it last, so that nothing is counted that would not run",
                at,
            )
        if not has_rate(operands[-1]):
            return When(operands, None, compiled.normal)
        counting = Compiled(operands[-1].text, operands[-1], compiled.normal, at.file, at.line)
        return When(operands[:-1], counting, compiled.normal)

    def span(self, given: timedelta | str, what: str, at: Line) -> timedelta | Compiled:
        """Read a time span, or an expression that gives one; a constant one is computed here."""
        if isinstance(given, timedelta):
            return given
        compiled, problems = parse_all(given, self.names, file=at.file, line=at.line)
        if problems:
            cause, hint = problems[0].message, problems[0].remedy
            message = f"the {what} {given!r} is neither a time span nor an expression: {cause}"
            usual = "write for instance '1h30m' or env.NAME"
            self.mistake(message, hint if "did you mean" in hint else usual, at)
            return compiled
        if type_of(compiled.node) not in _SPAN_LIKE:
            gives = type_of(compiled.node).value
            self.mistake(
                f"the {what} {given!r} gives {gives}, not a time span", "write span('1h30m')", at
            )
            return compiled
        return self._computed(compiled, what, at) if is_fixed(compiled.node) else compiled

    def fixed_span(self, given: timedelta | str, what: str, at: Line) -> timedelta:
        """Read a time span that must not depend on an identity."""
        before = len(self.mistakes)
        found = self.span(given, what, at)
        if isinstance(found, timedelta):
            return found
        if len(self.mistakes) == before:
            message = f"the {what} {given!r} depends on the identity or the clock"
            self.mistake(message, "write a time span such as '24h', or env.NAME", at)
        return timedelta(0)

    def _computed(self, compiled: Compiled, what: str, at: Line) -> timedelta | Compiled:
        try:
            value: object = compile_bare(compiled)({})
            if isinstance(value, str):
                value = parse_time_span(value)
            if isinstance(value, timedelta) and value >= timedelta(0):
                return value
            self.mistake(
                f"the {what} {compiled.source!r} is no time span", "write for instance '1h30m'", at
            )
        except (EvaluationError, ValueError) as error:
            message = f"the {what} {compiled.source!r} is no time span: {error}"
            self.mistake(message, "write for instance '1h30m'", at)
        return compiled

    def _references(self, node: Node, at: Line) -> None:
        """Check the slots, tables and attributes that functions name in text."""
        for each in walk(node):
            if isinstance(each, SlotState) and each.state is State.ENABLED:
                if each.slot not in self.switchable:
                    message = f"the type of {each.slot} does not say how enabled is stored"
                    self.mistake(message, "add 'enabled:' to the type in the configuration", at)
            elif isinstance(each, Call):
                self._call(each, at)

    def _call(self, call: Call, at: Line) -> None:
        name = call.function.name
        if name not in ("table", "ref", "unique"):
            return
        first = call.arguments[0]
        if name == "unique":
            for text in unique_names(first):
                self._unique_name(text, at)
            if not unique_names(first):
                self.mistake(
                    "unique() wants the names as text", "write unique(('slot.attribute',), ...)", at
                )
        elif not isinstance(first, Constant) or not isinstance(first.value, str):
            self.mistake(f"{name}() wants the name of a {name} as text", "write it in quotes", at)
        elif name == "table":
            self.named(first.value, self.names.tables, "table", at)
        else:
            self.named(first.value, self.names.slots, "slot", at)

    def _unique_name(self, text: str, at: Line) -> None:
        slot, _, attribute = text.partition(".")
        if not attribute:
            self.mistake(f"{text!r} is no attribute of a slot", "write 'slot.attribute'", at)
        elif self.named(slot, self.names.slots, "slot", at):
            known = self.names.slots[slot]
            if known is not None:
                self.named(attribute, known, "attribute", at)


def unique_names(node: Node) -> tuple[str, ...]:
    """Return the ``slot.attribute`` texts that a call of ``unique`` names."""
    elements = node.elements if isinstance(node, Listing) else ()
    values = [each.value for each in elements if isinstance(each, Constant)]
    return tuple(value for value in values if isinstance(value, str))


def is_fixed(node: Node) -> bool:
    """Tell whether the value is the same for the whole environment: nothing but ``env`` is read."""
    return not any(
        isinstance(each, Attribute | SlotState)
        or (isinstance(each, Call) and each.function.needs is not Needs.NOTHING)
        for each in walk(node)
    ) or is_constant(node)


def attributes_named(nodes: Iterable[Node]) -> Mapping[str, set[str]]:
    """Return the attributes that expressions name, by slot; bare ones under the empty text."""
    found: dict[str, set[str]] = {}
    for root in nodes:
        for node in walk(root):
            if isinstance(node, Attribute):
                found.setdefault(node.slot, set()).add(node.name)
            elif isinstance(node, Call) and node.function.name == "unique":
                for text in unique_names(node.arguments[0]):
                    slot, _, attribute = text.partition(".")
                    found.setdefault(slot, set()).add(attribute)
    return found
