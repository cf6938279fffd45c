"""Why a rule is true or not: the value of every sub-expression for one identity. Pure.

Each sub-expression is computed by itself with the same compiler. Functions that count or make
something new are left out, since asking must not change the answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from hypersync.errors import EvaluationError
from hypersync.rulebook.kinds import type_of
from hypersync.rulebook.nodes import (
    Call,
    Compiled,
    Constant,
    Listing,
    Node,
    SlotName,
    ValueType,
    children,
    walk,
)
from hypersync.rulebook.registry import Place

if TYPE_CHECKING:
    from hypersync.rulebook.compile import Evaluator, Objects


class Outcome(Enum):
    """What became of a sub-expression."""

    VALUE = "value"
    MISSING = "missing"
    UNKNOWN = "unknown"
    ERROR = "error"
    NOT_ASKED = "not asked"


@dataclass(frozen=True, slots=True)
class Step:
    """One sub-expression: its source, how deep it stands, and its value or what went wrong.

    ``node`` is what it was read into.
    """

    text: str
    depth: int
    outcome: Outcome
    value: Any = None
    error: str = ""
    node: Node | None = None


def trace(
    evaluator: Evaluator,
    expression: Compiled,
    objects: Objects,
    gone: int = 0,
    outside: int = 0,
    invalid: int = 0,
) -> list[Step]:
    """Return every sub-expression with its value, the whole first, constants left out."""
    return [
        _step(evaluator, node, depth, (objects, gone, outside, invalid))
        for node, depth in _parts(expression.node, 0)
    ]


def makes_password(expression: Compiled) -> bool:
    """Tell whether an expression asks for an initial password."""
    return any(
        isinstance(node, Call) and node.function.name == "initial_password"
        for node in walk(expression.node)
    )


def _parts(node: Node, depth: int) -> Iterator[tuple[Node, int]]:
    if isinstance(node, Constant | SlotName) or (
        isinstance(node, Listing) and all(isinstance(each, Constant) for each in node.elements)
    ):
        return
    yield node, depth
    for child in children(node):
        yield from _parts(child, depth + 1)


def _step(
    evaluator: Evaluator, node: Node, depth: int, states: tuple[Objects, int, int, int]
) -> Step:
    if any(
        isinstance(each, Call) and each.function.place in (Place.LAST, Place.ONCE)
        for each in walk(node)
    ):
        return Step(node.text, depth, Outcome.NOT_ASKED, node=node)
    try:
        value = evaluator.value(Compiled(node.text, node), *states)
    except EvaluationError as error:
        return Step(node.text, depth, Outcome.ERROR, error=error.message, node=node)
    if value is not None:
        return Step(node.text, depth, Outcome.VALUE, value, node=node)
    is_condition = type_of(node) is ValueType.CONDITION
    outcome = Outcome.UNKNOWN if is_condition else Outcome.MISSING
    return Step(node.text, depth, outcome, node=node)
