"""Write expressions as Python source, with the three-valued logic compiled away. Pure.

A condition is written as a plain true-or-false expression in negation normal form, with unknown
literals read as false ("does the rule fire") or as true ("can it be anything but false"): since
``and`` and ``or`` are monotone that is exact, and costs nothing at run time. A value is written as
an expression that gives ``None`` for missing. The source contains nothing a person wrote except
``repr`` of constants; it runs without builtins.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, Final

from hypersync.errors import EvaluationError
from hypersync.rulebook import operators
from hypersync.rulebook.frame import COMPARE, Frame
from hypersync.rulebook.kinds import type_of
from hypersync.rulebook.nodes import (
    Absence,
    Arithmetic,
    Attribute,
    Call,
    Comparison,
    Conditional,
    Constant,
    Environment,
    Index,
    Listing,
    Logic,
    Membership,
    Negative,
    Node,
    Not,
    Slice,
    SlotName,
    SlotState,
    State,
    ValueType,
)
from hypersync.rulebook.registry import Function, Needs, Slot

_LITERAL: Final = frozenset({str, int, bool, float, type(None)})
_FAST: Final = frozenset({str, int, float, date, datetime, timedelta})
_MIRRORED: Final = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_CERTAIN: Final = frozenset(
    {State.EXISTS, State.WAS_PRESENT, State.FILLED, State.EMPTY}
)  # never unknown once the slot is readable


class Unset:
    """Stands for "not a constant", because ``None`` is one."""


UNSET: Final = Unset()


class Writer:
    """Writes expressions into one frame."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self._functions: dict[str, str] = {}

    # --- conditions ------------------------------------------------------------------------

    def condition(self, node: Node, *, unknown: bool, negated: bool = False) -> str:
        """Write a condition, or its negation, that is true or false; unknown reads as told."""
        match node:
            case Logic(is_and=is_and, operands=operands):
                word = " and " if is_and != negated else " or "
                parts = [
                    self.condition(each, unknown=unknown, negated=negated) for each in operands
                ]
                return f"({word.join(parts)})"
            case Not(operand=operand):
                return self.condition(operand, unknown=unknown, negated=not negated)
            case Comparison():
                return self._comparison(node, _suffix(negated, unknown), negated=negated)
            case Membership():
                return self._membership(node, _suffix(negated, unknown), negated=negated)
            case SlotState(slot=slot, state=state) if state in _CERTAIN:
                local = self.frame.state(slot, state)
                return f"(not {local})" if negated else local
            case _:
                return f"({self.truth(node)}{_suffix(negated, unknown)})"

    def truth(self, node: Node) -> str:
        """Write a condition as a value: true, false or ``None``."""
        code = self.value(node)
        return code if type_of(node) is ValueType.CONDITION else f"truth({code})"

    def _comparison(self, node: Comparison, suffix: str, *, negated: bool = False) -> str:
        symbol, left, right = node.operator, node.left, node.right
        constant = self.known(right)
        if constant is UNSET and self.known(left) is not UNSET:
            symbol, left, right, constant = _MIRRORED[symbol], right, left, self.known(left)
        if constant is UNSET or constant.__class__ not in _FAST:
            call = f"{COMPARE[symbol]}({self.value(left)}, {self.value(right)})"
            return f"({call}{suffix})"
        literal = self.literal(constant)
        local, kind = self._class_of(left)
        operator = operators.OPPOSITE[symbol] if negated else symbol
        return (
            f"({local} {operator} {literal} if {kind} is {constant.__class__.__name__} "
            f"else {COMPARE[symbol]}({local}, {literal}){suffix})"
        )

    def _membership(self, node: Membership, suffix: str, *, negated: bool = False) -> str:
        within = self._named("contains", operators.contains)
        container = self.known(node.container)
        kinds = {each.__class__ for each in container} if isinstance(container, tuple) else set()
        if len(kinds) != 1 or not kinds <= {str, int}:
            return f"({within}({self.value(node.element)}, {self.value(node.container)}){suffix})"
        local, kind = self._class_of(node.element)
        display = "{" + ", ".join(repr(each) for each in container) + "}"  # type: ignore[attr-defined]
        word = "not in" if negated else "in"
        return (
            f"({local} {word} {display} if {kind} is {kinds.pop().__name__} "
            f"else {within}({local}, {self.literal(container)}){suffix})"
        )

    # --- values ----------------------------------------------------------------------------

    def value(self, node: Node) -> str:
        """Write a value; ``None`` is missing."""
        known = self.known(node)
        if known is not UNSET:
            return self.literal(known)
        write: Callable[[Any], str] = getattr(self, f"_value_{type(node).__name__.lower()}")
        return write(node)

    def literal(self, value: object) -> str:
        """Write a constant."""
        if value.__class__ in _LITERAL:
            return f"({value!r})" if value.__class__ in (int, float) else repr(value)
        return self.frame.constant(value)

    def known(self, node: Node) -> object:
        """Return the value of a node that is the same for every identity, else `UNSET`."""
        match node:
            case Constant(value=value) | Environment(value=value):
                return value
            case Listing(elements=elements):
                values = [self.known(each) for each in elements]
                return UNSET if UNSET in values else self._tried(operators.listed, values)
            case Call(function=function, arguments=arguments):
                if not self._is_steady(function):
                    return UNSET
                values = [self.known(each) for each in arguments]
                return UNSET if UNSET in values else self._called(function, values)
            case _:
                return UNSET

    def _is_steady(self, function: Function) -> bool:
        needs = function.needs
        return function.is_steady and (needs is Needs.NOTHING or needs in self.frame.setting.given)

    def _called(self, function: Function, values: list[object]) -> object:
        if not function.takes_missing:
            for parameter, value in zip(function.parameters, values, strict=False):
                if value is None:
                    return None
                if parameter.only not in (None, value.__class__):
                    return UNSET  # the error belongs to the identities, at run time
        return self._tried(self._bound(function), values)

    def _tried(self, calculate: Callable[..., object], values: list[object]) -> object:
        try:
            return calculate(*values)
        except EvaluationError:
            return UNSET

    def _value_attribute(self, node: Attribute) -> str:
        return self.frame.attribute(node.slot, node.name)

    def _value_slotstate(self, node: SlotState) -> str:
        return self.frame.state(node.slot, node.state)

    def _value_slotname(self, node: SlotName) -> str:
        held = self.frame.object(node.slot)
        slot = self._named("Slot", Slot)
        return f"({slot}({node.slot!r}, {held}) if {held} is not None else None)"

    def _value_logic(self, node: Logic) -> str:
        *others, code = [self.truth(each) for each in node.operands]
        decided, name = ("False", "both") if node.is_and else ("True", "either")
        for other in reversed(others):
            local = self.frame.temporary()
            code = f"({decided} if ({local} := {other}) is {decided} else {name}({local}, {code}))"
        return code

    def _value_not(self, node: Not) -> str:
        local = self.frame.temporary()
        return f"(None if ({local} := {self.truth(node.operand)}) is None else not {local})"

    def _value_comparison(self, node: Comparison) -> str:
        return self._comparison(node, "")

    def _value_membership(self, node: Membership) -> str:
        return self._membership(node, "")

    def _value_absence(self, node: Absence) -> str:
        return f"({self.value(node.operand)} is {'not ' if node.present else ''}None)"

    def _value_conditional(self, node: Conditional) -> str:
        local = self.frame.temporary()
        otherwise = f"(None if {local} is None else {self.value(node.otherwise)})"
        test = f"({local} := {self.truth(node.test)}) is True"
        return f"({self.value(node.then)} if {test} else {otherwise})"

    def _value_arithmetic(self, node: Arithmetic) -> str:
        calculate = operators.ARITHMETIC[node.operator]
        name = self._named(calculate.__name__, calculate)
        return f"{name}({self.value(node.left)}, {self.value(node.right)})"

    def _value_negative(self, node: Negative) -> str:
        return f"{self._named('negative', operators.negative)}({self.value(node.operand)})"

    def _value_index(self, node: Index) -> str:
        name = self._named("index", operators.index)
        return f"{name}({self.value(node.container)}, {self.value(node.index)})"

    def _value_slice(self, node: Slice) -> str:
        bounds = [
            "open_end" if bound is None else self.value(bound) for bound in (node.start, node.stop)
        ]
        self._named("open_end", Ellipsis)
        name = self._named("cut", operators.cut)
        return f"{name}({self.value(node.container)}, {', '.join(bounds)})"

    def _value_listing(self, node: Listing) -> str:
        parts = ", ".join(self.value(each) for each in node.elements)
        return f"{self._named('listed', operators.listed)}({parts})"

    # --- calls -----------------------------------------------------------------------------

    def _value_call(self, node: Call) -> str:
        if node.function.takes_missing:
            return self._call_with_missing(node)
        function = self._named(f"f_{node.function.name}", self._bound(node.function))
        locals_, tests = [], []
        for position, argument in enumerate(node.arguments):
            local, test = self._argument(node.function, position, argument)
            locals_.append(local)
            tests.append(test)
        code = f"{function}({', '.join(locals_)})"
        if node.function.inline:
            code = node.function.inline.format(*locals_)
        for needed in reversed(tests):
            code = f"({code} if {needed[0]} else {needed[1]})" if needed else code
        return code

    def _argument(
        self, function: Function, position: int, node: Node
    ) -> tuple[str, tuple[str, str] | None]:
        """Return an argument as local or literal, and the test it needs with what else it gives."""
        parameter = function.parameters[min(position, len(function.parameters) - 1)]
        known = self.known(node)
        if known is not UNSET and known is not None and parameter.only in (None, known.__class__):
            return self.literal(known), None
        if parameter.only is None:
            local, first = self._local(node)
            return local, (f"{first} is not None", "None")
        local, kind = self._class_of(node)
        refuse = self._named(f"r_{function.name}", function.refuse)
        return local, (f"{kind} is {parameter.only.__name__}", f"{refuse}({position}, {local})")

    def _call_with_missing(self, node: Call) -> str:
        if node.function.name == "coalesce":
            *others, code = [self.value(each) for each in node.arguments] or ["None"]
            for other in reversed(others):
                local = self.frame.temporary()
                code = f"({local} if ({local} := {other}) is not None else {code})"
            return code
        word = "is" if node.function.name == "missing" else "is not"
        return f"({self.value(node.arguments[0])} {word} None)"

    # --- names -----------------------------------------------------------------------------

    def _bound(self, function: Function) -> Callable[..., Any]:
        if function.needs is Needs.NOTHING:
            return function.implementation
        return partial(function.implementation, self.frame.setting.given.get(function.needs))

    def _named(self, name: str, value: object) -> str:
        if name not in self._functions:
            self._functions[name] = name
            self.frame.namespace[name] = value
        return name

    def _local(self, node: Node) -> tuple[str, str]:
        """Return a local's name, and the code that gives its value when it is used first."""
        code = self.value(node)
        if code.isidentifier():
            return code, code
        local = self.frame.temporary()
        return local, f"({local} := {code})"

    def _class_of(self, node: Node) -> tuple[str, str]:
        local, first = self._local(node)
        return local, self.frame.class_of(local) if local == first else f"{first}.__class__"


def _suffix(negated: bool, unknown: bool) -> str:
    if unknown:
        return " is not True" if negated else " is not False"
    return " is False" if negated else " is True"
