"""``$filter``: the part of OData's language that synchronisers use. Pure.

``eq``, ``ne``, ``startswith``, ``endswith``, ``in``, ``not``, ``and``, ``or``, parentheses and
``name/any(x:x eq '...')``. Texts are compared without regard to case, as the directory does. What
needs an advanced query is refused without one, with the documented words:
https://learn.microsoft.com/graph/aad-advanced-queries
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from tests.services.graph.properties import PROPERTIES, Kind
from tests.services.graph.wire import Problem

Matches = Callable[[Mapping[str, Any]], bool]
_TOKEN = re.compile(r"\s*('(?:[^']|'')*'|[A-Za-z][\w.]*(?:/any)?|-?\d+|[(),:])\s*")
_CONSTANTS = {"true": True, "false": False, "null": None}


def parsed(text: str, kind: Kind, *, advanced: bool) -> Matches:
    """Return the test that a filter is; raises `Problem` for what is none."""
    parser = _Parser(text, kind, advanced=advanced)
    test = parser.either()
    parser.end()
    return test


class _Parser:
    def __init__(self, text: str, kind: Kind, *, advanced: bool) -> None:
        self._text, self._kind, self._advanced = text, kind, advanced
        self._tokens: list[str] = []
        at = 0
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None:
                raise self._invalid()
            self._tokens.append(found[1])
            at = found.end()
        self._at = 0

    def _invalid(self) -> Problem:
        return Problem(400, "BadRequest", f"Invalid filter clause: {self._text}")

    def _needs_advanced(self, operator: str) -> None:
        if not self._advanced:
            raise Problem(
                400,
                "Request_UnsupportedQuery",
                f"Operator '{operator}' is not supported because the required parameters might be "
                "missing. Try adding $count=true query parameter and ConsistencyLevel:eventual "
                "header. Refer to https://aka.ms/graph-docs/advanced-queries for more information",
            )

    # --- tokens ------------------------------------------------------------------------------

    def _next(self) -> str:
        if self._at == len(self._tokens):
            raise self._invalid()
        self._at += 1
        return self._tokens[self._at - 1]

    def _take(self, *wanted: str) -> str | None:
        """Take the next token if it is one of these."""
        here = self._tokens[self._at] if self._at < len(self._tokens) else ""
        if here.lower() not in wanted:
            return None
        self._at += 1
        return here.lower()

    def _expect(self, wanted: str) -> None:
        if self._take(wanted) is None:
            raise self._invalid()

    def end(self) -> None:
        """Nothing may follow."""
        if self._at != len(self._tokens):
            raise self._invalid()

    # --- the language ------------------------------------------------------------------------

    def either(self) -> Matches:
        """``a or b or c``."""
        tests = [self._both()]
        while self._take("or"):
            tests.append(self._both())
        return tests[0] if len(tests) == 1 else lambda values: any(test(values) for test in tests)

    def _both(self) -> Matches:
        tests = [self._one()]
        while self._take("and"):
            tests.append(self._one())
        return tests[0] if len(tests) == 1 else lambda values: all(test(values) for test in tests)

    def _one(self) -> Matches:
        if self._take("not"):
            self._needs_advanced("not")
            test = self._one()
            return lambda values: not test(values)
        if self._take("("):
            inside = self.either()
            self._expect(")")
            return inside
        if function := self._take("startswith", "endswith"):
            return self._function(function)
        return self._comparison()

    def _function(self, function: str) -> Matches:
        if function == "endswith":
            self._needs_advanced("endsWith")
        self._expect("(")
        name = self._name()
        self._expect(",")
        wanted = self._value()
        self._expect(")")
        if not isinstance(wanted, str):
            raise self._invalid()
        method = str.startswith if function == "startswith" else str.endswith
        return lambda values: method(str(_folded(values.get(name)) or ""), wanted)

    def _comparison(self) -> Matches:
        name = self._name()
        if name.endswith("/any"):
            return self._any(name.removesuffix("/any"))
        operator = self._take("eq", "ne", "in")
        if operator == "in":
            wanted = self._list()
            return lambda values: _folded(values.get(name)) in wanted
        if operator is None:
            raise self._invalid()
        value = self._value()
        if operator == "eq":
            return lambda values: _folded(values.get(name)) == value
        self._needs_advanced("ne")
        return lambda values: _folded(values.get(name)) != value

    def _any(self, name: str) -> Matches:
        """``name/any(x:x eq 'value')``."""
        self._expect("(")
        variable = self._next()
        self._expect(":")
        if self._next() != variable or self._take("eq") is None:
            raise self._invalid()
        value = self._value()
        self._expect(")")
        return lambda values: value in [_folded(each) for each in values.get(name) or []]

    def _list(self) -> list[Any]:
        self._expect("(")
        values = [self._value()]
        while self._take(","):
            values.append(self._value())
        self._expect(")")
        return values

    def _name(self) -> str:
        name = self._next()
        if name.removesuffix("/any") not in PROPERTIES[self._kind].known:
            raise Problem(
                400,
                "BadRequest",
                f"Could not find a property named '{name}' on type "
                f"'microsoft.graph.{self._kind.value}'.",
            )
        return name

    def _value(self) -> Any:
        token = self._next()
        if token.startswith("'"):
            return token[1:-1].replace("''", "'").lower()
        if token.lower() in _CONSTANTS:
            return _CONSTANTS[token.lower()]
        try:
            return int(token)
        except ValueError:
            raise self._invalid() from None


def _folded(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value
