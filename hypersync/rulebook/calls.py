"""Check a call against the signature of its function, when the rule is loaded. Pure."""

from __future__ import annotations

import ast
from typing import Protocol

from hypersync.rulebook.nodes import Call, Constant, Listing, Node, ValueType
from hypersync.rulebook.registry import Function, Parameter


class ReaderLike(Protocol):
    """What this module needs of the reader of the expression."""

    def read(self, tree: ast.expr) -> Node:
        """Translate a Python node."""

    def slot_name(self, tree: ast.expr) -> Node:
        """Translate an argument that must be a slot."""

    def problem(self, tree: ast.AST, message: str, remedy: str = "") -> Node:
        """Note what is wrong and give a stand-in."""


def bind_arguments(reader: ReaderLike, function: Function, tree: ast.Call, text: str) -> Node:
    """Put the arguments of a call in the order of the parameters, defaults filled in.

    Notes a problem for arguments that are missing, unknown or too many, and for constant ones that
    the function cannot use.
    """
    given = _given(reader, function, tree)
    if given is None:
        return Constant(None)
    arguments: list[Node] = []
    for parameter in function.parameters:
        if parameter.is_rest:
            rest = tree.args[len(function.parameters) - 1 :]
            arguments.extend(_argument(reader, function, parameter, each) for each in rest)
        elif parameter.name in given:
            arguments.append(_argument(reader, function, parameter, given[parameter.name]))
        else:
            arguments.append(Constant(parameter.default, repr(parameter.default)))
    return Call(function, tuple(arguments), text)


def _given(reader: ReaderLike, function: Function, tree: ast.Call) -> dict[str, ast.expr] | None:
    """Name the arguments; ``None`` after a problem."""
    positional = [each for each in function.parameters if not each.is_rest]
    has_rest = len(positional) < len(function.parameters)
    remedy = f"write {function.signature}"
    if any(isinstance(each, ast.Starred) for each in tree.args) or any(
        each.arg is None for each in tree.keywords
    ):
        reader.problem(tree, "* before an argument is not part of the language", remedy)
        return None
    if len(tree.args) > len(positional) and not has_rest:
        reader.problem(tree, f"{function.name}() has too many arguments", remedy)
        return None
    given = dict(zip((each.name for each in positional), tree.args, strict=False))
    known = {each.name for each in positional}
    for keyword in tree.keywords:
        if keyword.arg not in known or keyword.arg in given:
            reader.problem(keyword, f"{function.name}() cannot take {keyword.arg!r} here", remedy)
            return None
        given[keyword.arg] = keyword.value
    for parameter in positional:
        if parameter.is_required and parameter.name not in given:
            reader.problem(tree, f"{function.name}() lacks its {parameter.name}", remedy)
            return None
    return given


def _argument(reader: ReaderLike, function: Function, parameter: Parameter, tree: ast.expr) -> Node:
    if parameter.wants is ValueType.SLOT:
        return reader.slot_name(tree)
    node = reader.read(tree)
    check = function.checks.get(parameter.name)
    value = constant_value(node)
    if check is None or value is None:
        return node
    try:
        check(value)
    except (ValueError, TypeError) as error:
        reader.problem(tree, str(error), f"{function.name}(): {function.doc.splitlines()[0]}")
    return node


def constant_value(node: Node) -> object:
    """Return the value of a constant or of a list of constants; ``None`` for anything else."""
    match node:
        case Constant(value=value):
            return value
        case Listing(elements=elements):
            values = tuple(constant_value(each) for each in elements)
            return None if any(each is None for each in values) else values
        case _:
            return None
