"""Read an expression: Python syntax, a closed subset of it, checked before anything runs. Pure.

The tree of the standard `ast` module is measured, then translated node by node into our own
(`hypersync.rulebook.reader`). Nothing is ever evaluated to find out what it is.

Limits: `LONGEST_SOURCE` characters, `MOST_NODES` nodes, `DEEPEST` levels, numbers of 64 bits.
Failure direction: what cannot be read is a mistake; several are reported together.
"""

from __future__ import annotations

import ast
from typing import Final

from hypersync.errors import ExpressionSyntaxError
from hypersync.rulebook.names import Names
from hypersync.rulebook.nodes import Compiled, Constant, Environment, Node, walk
from hypersync.rulebook.reader import Reader

LONGEST_SOURCE: Final = 10_000
MOST_NODES: Final = 1_000
DEEPEST: Final = 30


def parse(source: str, names: Names, *, file: str = "", line: int = 0) -> Compiled:
    """Read one expression; raises `ExpressionSyntaxError` about the first thing that is wrong."""
    compiled, problems = parse_all(source, names, file=file, line=line)
    if problems:
        raise problems[0]
    return compiled


def parse_all(
    source: str, names: Names, *, file: str = "", line: int = 0
) -> tuple[Compiled, list[ExpressionSyntaxError]]:
    """Read one expression and report everything that is wrong; with problems it is not usable."""
    try:
        tree = _python_tree(source)
    except ExpressionSyntaxError as error:
        return Compiled(source, Constant(None), "", file, line), [error]
    reader = Reader(_one_line(source), names)
    node = reader.read(tree)
    environment = sorted(used_environment(node).items())
    normal = ast.unparse(tree) + (f" with {environment}" if environment else "")
    return Compiled(source, node, normal, file, line), reader.problems


def constant(value: object, *, file: str = "", line: int = 0) -> Compiled:
    """Make the expression that always gives ``value``, for ``{text: ...}`` in a rule."""
    return Compiled(repr(value), Constant(value, repr(value)), repr(value), file, line)


def _one_line(source: str) -> str:
    """Let an expression go over several lines, as long as no comment can swallow the rest."""
    if "#" in source and "\n" in source.strip():
        raise ExpressionSyntaxError(
            "an expression of several lines cannot contain '#'", "write it on one line"
        )
    return " ".join(source.split("\n")).strip()


def _python_tree(source: str) -> ast.expr:
    if len(source) > LONGEST_SOURCE:
        raise ExpressionSyntaxError(
            f"the expression has {len(source)} characters, more than {LONGEST_SOURCE}",
            "split it into scopes",
        )
    if not source.strip():
        raise ExpressionSyntaxError("the expression is empty", "write a condition or a value")
    too_deep = ExpressionSyntaxError(
        f"the expression is nested deeper than {DEEPEST} levels", "split it into scopes"
    )
    try:
        tree = ast.parse(_one_line(source), mode="eval").body
    except (RecursionError, MemoryError) as error:
        raise too_deep from error
    except (SyntaxError, ValueError) as error:
        if "too many nested" in str(error):
            raise too_deep from error
        cause = error.msg if isinstance(error, SyntaxError) else error
        raise ExpressionSyntaxError(f"{source!r:.200} is not an expression: {cause}") from error
    _measure(tree, too_deep)
    return tree


def _measure(tree: ast.expr, too_deep: ExpressionSyntaxError) -> None:
    level: list[ast.AST] = [tree]
    count = depth = 0
    while level:
        depth += 1
        count += len(level)
        level = [
            child
            for node in level
            for child in ast.iter_child_nodes(node)
            if isinstance(child, ast.expr | ast.slice | ast.keyword)
        ]
        if depth > DEEPEST:
            raise too_deep
        if count > MOST_NODES:
            raise ExpressionSyntaxError(
                f"the expression has more than {MOST_NODES} parts", "split it into scopes"
            )


def used_environment(node: Node) -> dict[str, str]:
    """Return the environment variables an expression reads, with their values."""
    return {each.name: each.value for each in walk(node) if isinstance(each, Environment)}
