"""Functions over lists: multi-valued attributes, or one value as a list of one. Pure."""

from __future__ import annotations

from typing import Any, Final

from hypersync.errors import EvaluationError
from hypersync.rulebook.operators import contains
from hypersync.rulebook.registry import described, function

_GROUP: Final = "Lists"


def _elements(value: Any) -> tuple[Any, ...]:  # noqa: ANN401 - a list of any values, or one value
    return value if isinstance(value, tuple) else (value,)


@function("len", group=_GROUP, example=("len(('a', 'b', 'c'))", 3))
def len_(value: object) -> int:
    """Count the elements of a list or the characters of a text."""
    if isinstance(value, tuple | str):
        return len(value)
    raise EvaluationError(f"len() wants a list or text, not {described(value)}")


@function("first", group=_GROUP, example=("first(split('a;b', ';'))", "a"))
def first(values: object) -> object:
    """Give the first element of a list; missing when it is empty."""
    elements = _elements(values)
    return elements[0] if elements else None


@function("any_of", group=_GROUP, example=("any_of(hr.groups, ('vpn', 'mail'))", True))
def any_of(values: object, wanted: object) -> bool:
    """Tell whether the two lists have an element in common."""
    accepted = _elements(wanted)
    return any([contains(each, accepted) for each in _elements(values)])  # noqa: C419 - all are checked


@function(
    "filter_prefix", group=_GROUP, example=("filter_prefix(('app-a', 'x'), 'app-')", ("app-a",))
)
def filter_prefix(values: object, prefix: str) -> tuple[str, ...]:
    """Give the texts of a list that begin with the prefix, in their order."""
    elements = _elements(values)
    if not all(isinstance(each, str) for each in elements):
        raise EvaluationError("filter_prefix() wants a list of texts")
    return tuple(each for each in elements if each.startswith(prefix))
