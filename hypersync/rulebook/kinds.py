"""What is known about an expression without evaluating it: its type, and whether it is constant.

Pure. A type that is not known is `ValueType.ANY` and is checked at run time instead.
"""

from __future__ import annotations

from typing import Final

from hypersync.rulebook.nodes import (
    Absence,
    Arithmetic,
    Attribute,
    Call,
    Comparison,
    Conditional,
    Constant,
    Environment,
    Listing,
    Logic,
    Membership,
    Node,
    Not,
    Slice,
    SlotName,
    SlotState,
    ValueType,
    walk,
)
from hypersync.rulebook.registry import Needs, Place, value_type

_TEMPORAL: Final = frozenset({ValueType.DATE, ValueType.TIME})
_ORDERLESS: Final = frozenset({ValueType.CONDITION, ValueType.LIST})


_GIVES: Final[dict[type, ValueType]] = {
    SlotState: ValueType.CONDITION,
    Logic: ValueType.CONDITION,
    Not: ValueType.CONDITION,
    Comparison: ValueType.CONDITION,
    Absence: ValueType.CONDITION,
    Membership: ValueType.CONDITION,
    SlotName: ValueType.SLOT,
    Environment: ValueType.TEXT,
    Listing: ValueType.LIST,
}


def type_of(node: Node) -> ValueType:
    """Return the type of the value when there is one, as far as it is known."""
    match node:
        case Constant(kind=kind):
            return value_type(kind)
        case Call(function=function):
            return function.gives
        case Arithmetic():
            return _calculated(node)
        case Slice(container=container):
            return type_of(container)
        case Conditional(then=then, otherwise=otherwise):
            first, second = type_of(then), type_of(otherwise)
            return first if first is second else ValueType.ANY
        case _:
            return _GIVES.get(type(node), ValueType.ANY)


def _calculated(node: Arithmetic) -> ValueType:
    left, right = type_of(node.left), type_of(node.right)
    if node.operator == "%":
        return ValueType.NUMBER
    if left is right and (
        left in (ValueType.NUMBER, ValueType.TEXT, ValueType.LIST)
        or (left is ValueType.SPAN and node.operator in "+-")
    ):
        return left
    if node.operator in "+-" and left in _TEMPORAL and right is ValueType.SPAN:
        return left
    return ValueType.ANY


def is_constant(node: Node) -> bool:
    """Tell whether the value cannot depend on anything: identity, environment, clock or world."""
    return not any(
        isinstance(each, Attribute | SlotState | SlotName | Environment)
        or (isinstance(each, Call) and each.function.needs is not Needs.NOTHING)
        for each in walk(node)
    )


def has_rate(node: Node) -> bool:
    """Tell whether the expression counts: contains ``Count`` or ``Quota``."""
    return any(isinstance(each, Call) and each.function.place is Place.LAST for each in walk(node))


def type_problems(node: Node) -> list[str]:
    """Say where types cannot fit, whatever the values are."""
    return [problem for each in walk(node) if (problem := _problem(each))]


def condition_problems(node: Node) -> list[str]:
    """Say why the expression cannot be a condition, besides what `type_problems` says."""
    given = type_of(node)
    if given not in (ValueType.CONDITION, ValueType.ANY):
        return [f"{node.text!r} gives {given.value}, a condition must give true or false"]
    constant = [each for each in _operands(node) if is_constant(each)]
    return [f"the condition {each.text!r} is constant" for each in constant]


def _operands(node: Node) -> list[Node]:
    match node:
        case Logic(operands=operands):
            return [part for each in operands for part in _operands(each)]
        case Not(operand=operand):
            return _operands(operand)
        case _:
            return [node]


def _problem(node: Node) -> str:
    match node:
        case Comparison(operator=operator, left=left, right=right):
            return _comparison_problem(operator, left, right)
        case Logic(operands=operands):
            return _not_conditions(operands)
        case Not(operand=operand):
            return _not_conditions((operand,))
        case Conditional(test=test):
            return _not_conditions((test,))
        case Call():
            return _call_problem(node)
        case _:
            return ""


def _comparison_problem(operator: str, left: Node, right: Node) -> str:
    first, second = type_of(left), type_of(right)
    if ValueType.ANY in (first, second):
        return ""
    if first is not second:
        return f"{left.text!r} is {first.value} and {right.text!r} is {second.value}"
    if first in _ORDERLESS and operator not in ("==", "!="):
        return f"{first.value} has no order, {operator} needs one"
    return ""


def _not_conditions(nodes: tuple[Node, ...]) -> str:
    for node in nodes:
        given = type_of(node)
        if given not in (ValueType.CONDITION, ValueType.ANY):
            return f"{node.text!r} gives {given.value}, and, or, not and if need true or false"
    return ""


def _call_problem(node: Call) -> str:
    for parameter, argument in zip(node.function.parameters, node.arguments, strict=False):
        given = type_of(argument)
        if parameter.only is not None and given not in (ValueType.ANY, parameter.wants):
            return (
                f"{node.function.name}() wants {parameter.wants.value} for {parameter.name}, "
                f"{argument.text!r} is {given.value}"
            )
    return ""
