"""Translate Python syntax into nodes: what is not listed here is not part of the language. Pure.

Names are resolved against what the rulebook declares, calls against the registry. A problem is
noted and reading goes on, so that several are reported together.
"""

from __future__ import annotations

import ast
from typing import Final

from hypersync.errors import ExpressionSyntaxError
from hypersync.rulebook import functions as _registered
from hypersync.rulebook.calls import bind_arguments
from hypersync.rulebook.names import Names, close_to
from hypersync.rulebook.nodes import (
    BARE,
    Absence,
    Arithmetic,
    Attribute,
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
)
from hypersync.rulebook.operators import LARGEST

FUNCTIONS: Final = _registered.FUNCTIONS
_STATES: Final = {state.value: state for state in State if state.value.isidentifier()}
_COMPARISONS: Final = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}
_ARITHMETIC: Final = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Mod: "%"}
_REMEDIES: Final[dict[type[ast.AST], tuple[str, str]]] = {
    ast.Is: ("'is' is not part of the language", "write == or !="),
    ast.IsNot: ("'is not' is not part of the language", "write == or !="),
    ast.Pow: ("** is not part of the language", "write the number itself"),
    ast.FloorDiv: ("// is not part of the language", "write /"),
    ast.JoinedStr: ("f-strings are not part of the language", "write format('{}', x) or +"),
    ast.Lambda: ("lambda is not part of the language", "write the expression itself"),
    ast.NamedExpr: (":= is not part of the language", "write the expression twice, or a scope"),
    ast.Starred: ("* before an argument is not part of the language", "write out the arguments"),
    ast.Dict: ("dictionaries are not part of the language", "use a table of the configuration"),
    ast.Set: ("sets are not part of the language", "write a list: (a, b)"),
}


class Reader:
    """Translates one Python tree; collects problems and puts a missing value in their place."""

    def __init__(self, source: str, names: Names) -> None:
        self.source = source.encode()
        self.names = names
        self.problems: list[ExpressionSyntaxError] = []

    def read(self, tree: ast.expr) -> Node:
        """Translate a Python node and everything below it."""
        text = self.source[tree.col_offset : tree.end_col_offset].decode()
        translate = getattr(self, f"_{type(tree).__name__.lower()}", None)
        if translate is None:
            return self._refused(tree, text)
        node: Node = translate(tree, text)
        return node

    def problem(self, tree: ast.AST, message: str, remedy: str = "") -> Node:
        """Note what is wrong and go on with a missing value."""
        offset = getattr(tree, "col_offset", 0)
        self.problems.append(ExpressionSyntaxError(message, remedy, offset))
        return Constant(None)

    def _refused(self, tree: ast.AST, text: str) -> Node:
        message, remedy = _REMEDIES.get(
            type(tree), (f"{text!r} is not part of the expression language", "")
        )
        return self.problem(tree, message, remedy)

    def _constant(self, tree: ast.Constant, text: str) -> Node:
        value = tree.value
        if value is not None and value.__class__ not in (str, int, float, bool):
            return self._refused(tree, text)
        if isinstance(value, int) and value > LARGEST:
            return self.problem(tree, f"the number {text[:30]} is larger than 64 bits")
        if isinstance(value, float) and not value <= 1e308:
            return self.problem(tree, f"the number {text[:30]} is out of range")
        return Constant(value, text)

    def _name(self, tree: ast.Name, text: str) -> Node:
        if self.names.bare:
            return self._attribute_of(BARE, tree.id, tree, text)
        if tree.id in self.names.slots:
            return self.problem(
                tree,
                f"{tree.id!r} is a slot and has no value itself",
                f"write {tree.id}.exists or {tree.id}.attribute",
            )
        return self.problem(
            tree,
            f"there is no slot {tree.id!r}",
            f"write '{tree.id}' in quotes if it is text; "
            + close_to(tree.id, self.names.slots, "slots"),
        )

    def slot(self, tree: ast.expr) -> str | None:
        """Return the slot a Python node names; notes a problem and returns ``None`` if none."""
        if isinstance(tree, ast.Name) and tree.id in self.names.slots and not self.names.bare:
            return tree.id
        if not isinstance(tree, ast.Name):
            self.problem(tree, "only a slot has attributes", "write slot.attribute")
        elif self.names.bare:
            self.problem(tree, "this expression sees one object only", "write the attribute alone")
        else:
            near = close_to(tree.id, self.names.slots, "slots")
            self.problem(tree, f"there is no slot {tree.id!r}", near)
        return None

    def slot_name(self, tree: ast.expr) -> Node:
        """Translate an argument that must be a slot."""
        slot = self.slot(tree)
        return Constant(None) if slot is None else SlotName(slot, slot)

    def _attribute(self, tree: ast.Attribute, text: str) -> Node:
        if tree.attr.startswith("__"):
            return self.problem(tree, f"{tree.attr!r} is not an attribute")
        if isinstance(tree.value, ast.Name) and tree.value.id == "env":
            return self._environment(tree, text)
        slot = self.slot(tree.value)
        if slot is None:
            return Constant(None)
        if tree.attr in _STATES:
            return SlotState(slot, _STATES[tree.attr], text)
        return self._attribute_of(slot, tree.attr, tree, text)

    def _environment(self, tree: ast.Attribute, text: str) -> Node:
        value = self.names.environment.get(tree.attr)
        if value is None:
            near = close_to(tree.attr, self.names.environment, "environment variables")
            return self.problem(tree, f"the environment has no variable {tree.attr!r}", near)
        return Environment(tree.attr, value, text)

    def _attribute_of(self, slot: str, name: str, tree: ast.expr, text: str) -> Node:
        known = self.names.slots.get(slot)
        if known is not None and name not in known:
            where = f"{slot} has no attribute" if slot else "the object has no attribute"
            return self.problem(tree, f"{where} {name!r}", close_to(name, known, "attributes"))
        return Attribute(slot, name, text)

    def _subscript(self, tree: ast.Subscript, text: str) -> Node:
        key = tree.slice
        name = key.value if isinstance(key, ast.Constant) else None
        if isinstance(tree.value, ast.Name) and isinstance(name, str):
            slot = self._subscripted_slot(tree.value)
            return Constant(None) if slot is None else self._attribute_of(slot, name, tree, text)
        container = self.read(tree.value)
        if not isinstance(key, ast.Slice):
            return Index(container, self.read(key), text)
        if key.step is not None:
            return self.problem(tree, "a slice has no step here", "write x[start:stop]")
        bounds = [self.read(each) if each is not None else None for each in (key.lower, key.upper)]
        return Slice(container, bounds[0], bounds[1], text)

    def _subscripted_slot(self, tree: ast.Name) -> str | None:
        return BARE if self.names.bare and tree.id == "object" else self.slot(tree)

    def _boolop(self, tree: ast.BoolOp, text: str) -> Node:
        operands = tuple(self.read(each) for each in tree.values)
        return Logic(isinstance(tree.op, ast.And), operands, text)

    def _unaryop(self, tree: ast.UnaryOp, text: str) -> Node:
        operand = self.read(tree.operand)
        match tree.op:
            case ast.Not():
                return Not(operand, text)
            case ast.USub() if isinstance(operand, Constant) and operand.kind in (int, float):
                return Constant(-operand.value, text)  # type: ignore[operator]
            case ast.USub():
                return Negative(operand, text)
            case _:
                return self._refused(tree, text)

    def _binop(self, tree: ast.BinOp, text: str) -> Node:
        symbol = _ARITHMETIC.get(type(tree.op))
        left, right = self.read(tree.left), self.read(tree.right)
        if symbol is None:
            return self._refused(tree.op if type(tree.op) in _REMEDIES else tree, text)
        return Arithmetic(symbol, left, right, text)

    def _compare(self, tree: ast.Compare, text: str) -> Node:
        if len(tree.ops) > 1 and any(
            isinstance(each, ast.Compare) for side in tree.comparators for each in ast.walk(side)
        ):
            return self.problem(tree, "a chain of comparisons in a chain", "write it with 'and'")
        sides = [self.read(each) for each in (tree.left, *tree.comparators)]
        parts = tuple(
            self._comparison(tree, operator, left, right, text)
            for operator, left, right in zip(tree.ops, sides, sides[1:], strict=False)
        )
        return parts[0] if len(parts) == 1 else Logic(True, parts, text)

    def _comparison(
        self, tree: ast.Compare, operator: ast.cmpop, left: Node, right: Node, text: str
    ) -> Node:
        if len(tree.ops) > 1:
            text = f"{left.text} {_COMPARISONS.get(type(operator), 'in')} {right.text}"
        match operator:
            case ast.In():
                return Membership(left, right, text)
            case ast.NotIn():
                return Not(Membership(left, right, text), text)
            case _:
                return self._ordered(tree, operator, left, right, text)

    def _ordered(
        self, tree: ast.Compare, operator: ast.cmpop, left: Node, right: Node, text: str
    ) -> Node:
        symbol = _COMPARISONS.get(type(operator))
        if symbol is None:
            return self._refused(operator, text)
        for side, other in ((left, right), (right, left)):
            if isinstance(side, Constant) and side.value is None and side.text:
                if symbol not in ("==", "!="):
                    return self.problem(tree, f"None has no order, {symbol} needs one")
                return Absence(other, symbol == "!=", text)
        return Comparison(symbol, left, right, text)

    def _ifexp(self, tree: ast.IfExp, text: str) -> Node:
        test, then, otherwise = (self.read(each) for each in (tree.test, tree.body, tree.orelse))
        return Conditional(test, then, otherwise, text)

    def _tuple(self, tree: ast.Tuple, text: str) -> Node:
        return Listing(tuple(self.read(each) for each in tree.elts), text)

    def _list(self, tree: ast.List, text: str) -> Node:
        return Listing(tuple(self.read(each) for each in tree.elts), text)

    def _call(self, tree: ast.Call, text: str) -> Node:
        if not isinstance(tree.func, ast.Name):
            return self.problem(tree, f"{text!r} is not a call of a listed function")
        function = FUNCTIONS.get(tree.func.id)
        if function is None:
            near = close_to(tree.func.id, FUNCTIONS, "functions")
            return self.problem(tree, f"there is no function {tree.func.id!r}", near)
        if function.place not in self.names.places:
            where = function.place.value
            return self.problem(tree, f"{function.name}() may not stand here", f"it stands {where}")
        return bind_arguments(self, function, tree, text)
