"""What the operators of expressions do at run time. Pure.

Every operator gives ``None`` when a side is missing and raises `EvaluationError` when the types do
not fit. Results are bounded, so that no expression can eat memory: numbers to 64 bits, text and
lists to `LONGEST`. Compiled code calls these only where its own fast path does not apply.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any, Final

from hypersync.errors import EvaluationError
from hypersync.model.time_span import format_time_span
from hypersync.rulebook.registry import described

LONGEST: Final = 100_000
"""The most characters of a text, or elements of a list, an expression may make."""

LARGEST: Final = 2**63 - 1
"""The largest whole number an expression may make, either side of zero."""

_NUMBERS: Final = frozenset({int, float})
_ORDERED: Final = frozenset({str, int, float, bytes, date, datetime, timedelta})


def bounded(value: Any) -> Any:  # noqa: ANN401 - whatever the operator made
    """Return the value if it is small enough; raises `EvaluationError` if not."""
    if value.__class__ is int:
        if not -LARGEST <= value <= LARGEST:
            raise EvaluationError("the number is larger than 64 bits")
    elif value.__class__ in (str, tuple, bytes) and len(value) > LONGEST:
        raise EvaluationError(f"the result is longer than {LONGEST:_}".replace("_", " "))
    return value


def truth(value: object) -> bool | None:
    """Return a condition's value; raises `EvaluationError` when it is none."""
    if value is None or value is True or value is False:
        return value
    raise EvaluationError(f"a condition must be true or false, not {described(value)}")


def both(first: bool | None, second: bool | None) -> bool | None:
    """Join two conditions with ``and``, the first of which is not false."""
    return False if second is False else None if first is None else second


def either(first: bool | None, second: bool | None) -> bool | None:
    """Join two conditions with ``or``, the first of which is not true."""
    return True if second is True else None if first is None else second


def _comparison(
    symbol: str, compare: Callable[[Any, Any], bool], *, is_order: bool
) -> Callable[[Any, Any], bool | None]:
    def compared(left: Any, right: Any) -> bool | None:  # noqa: ANN401 - any two values
        if left is None or right is None:
            return None
        kind, other = left.__class__, right.__class__
        if kind is not other and not (kind in _NUMBERS and other in _NUMBERS):
            raise EvaluationError(
                f"cannot compare {described(left)} with {described(right)} by {symbol}"
            )
        if is_order and kind not in _ORDERED:
            raise EvaluationError(f"{described(left)} has no order, {symbol} needs one")
        return compare(left, right)

    return compared


COMPARISONS: Final[dict[str, Callable[[Any, Any], bool | None]]] = {
    "==": _comparison("==", operator.eq, is_order=False),
    "!=": _comparison("!=", operator.ne, is_order=False),
    "<": _comparison("<", operator.lt, is_order=True),
    "<=": _comparison("<=", operator.le, is_order=True),
    ">": _comparison(">", operator.gt, is_order=True),
    ">=": _comparison(">=", operator.ge, is_order=True),
}

OPPOSITE: Final = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
"""The comparison that is true exactly where the other is false; there is no NaN here."""


def contains(element: Any, container: Any) -> bool | None:  # noqa: ANN401 - any two values
    """Tell whether a list has the element, or a text the other text."""
    if element is None or container is None:
        return None
    if container.__class__ is tuple:
        equal = COMPARISONS["=="]
        return any([equal(element, each) for each in container])  # noqa: C419 - each one is type-checked
    if container.__class__ is str and element.__class__ is str:
        return element in container
    raise EvaluationError(f"cannot look for {described(element)} in {described(container)}")


def add(left: Any, right: Any) -> Any:  # noqa: ANN401 - any two values
    """Add numbers, join texts or lists, or move a time by a span."""
    if left is None or right is None:
        return None
    kind, other = left.__class__, right.__class__
    if kind is str and other is str:
        if len(left) + len(right) > LONGEST:
            raise EvaluationError(f"the text is longer than {LONGEST} characters")
        return left + right
    same = kind is other and kind in (tuple, timedelta)
    moved = (kind in (date, datetime) and other is timedelta) or (
        kind is timedelta and other in (date, datetime)
    )
    return _calculated("+", operator.add, left, right, fits=same or moved)


def subtract(left: Any, right: Any) -> Any:  # noqa: ANN401 - any two values
    """Subtract numbers, spans, a span from a time, or a time from a time."""
    if left is None or right is None:
        return None
    kind, other = left.__class__, right.__class__
    times = kind is other and kind in (date, datetime, timedelta)
    moved = kind in (date, datetime) and other is timedelta
    return _calculated("-", operator.sub, left, right, fits=times or moved)


def multiply(left: Any, right: Any) -> Any:  # noqa: ANN401 - any two values
    """Multiply numbers, or a time span by a number; never text."""
    if left is None or right is None:
        return None
    kind, other = left.__class__, right.__class__
    scaled = (kind is timedelta and other in _NUMBERS) or (kind in _NUMBERS and other is timedelta)
    return _calculated("*", operator.mul, left, right, fits=scaled)


def divide(left: Any, right: Any) -> Any:  # noqa: ANN401 - any two values
    """Divide numbers or time spans."""
    if left is None or right is None:
        return None
    spans = left.__class__ is timedelta and (
        right.__class__ is timedelta or right.__class__ in _NUMBERS
    )
    return _calculated("/", operator.truediv, left, right, fits=spans)


def remainder(left: Any, right: Any) -> Any:  # noqa: ANN401 - any two values
    """Give the remainder of two numbers."""
    if left is None or right is None:
        return None
    return _calculated("%", operator.mod, left, right, fits=False)


def _calculated(
    symbol: str,
    calculate: Callable[[Any, Any], Any],
    left: Any,  # noqa: ANN401 - any value
    right: Any,  # noqa: ANN401 - any value
    *,
    fits: bool,
) -> Any:  # noqa: ANN401 - whatever the operator makes
    if not fits and not (left.__class__ in _NUMBERS and right.__class__ in _NUMBERS):
        raise EvaluationError(f"{symbol} does not work on {described(left)} and {described(right)}")
    try:
        return finite(bounded(calculate(left, right)))
    except ZeroDivisionError as error:
        raise EvaluationError("division by zero") from error
    except OverflowError as error:
        raise EvaluationError(f"the result of {symbol} is out of range") from error


def finite(value: Any) -> Any:  # noqa: ANN401 - whatever the operator made
    """Return the value; raises `EvaluationError` for infinity and not-a-number."""
    if value.__class__ is float and not -1e308 <= value <= 1e308:
        raise EvaluationError("the number is out of range")
    return value


def negative(value: Any) -> Any:  # noqa: ANN401 - any value
    """Negate a number or a time span."""
    if value is None:
        return None
    if value.__class__ not in (int, float, timedelta):
        raise EvaluationError(f"- does not work on {described(value)}")
    return bounded(-value)


def index(container: Any, position: Any) -> Any:  # noqa: ANN401 - any two values
    """Give the character or element at a position; missing beyond the ends."""
    if container is None or position is None:
        return None
    if container.__class__ not in (str, tuple) or position.__class__ is not int:
        raise EvaluationError(
            f"cannot take element {described(position)} of {described(container)}"
        )
    if -len(container) <= position < len(container):
        return container[position]
    return None


def cut(container: Any, *bounds: Any) -> Any:  # noqa: ANN401 - any value and two numbers
    """Give part of a text or a list; missing when one of the bounds that are written is."""
    start, stop = bounds
    if container is None or start is None or stop is None:
        return None
    start, stop = (None if bound is Ellipsis else bound for bound in (start, stop))
    if container.__class__ not in (str, tuple) or any(
        bound is not None and bound.__class__ is not int for bound in (start, stop)
    ):
        raise EvaluationError(f"cannot cut {described(container)} like this")
    return container[start:stop]


def listed(*elements: Any) -> tuple[Any, ...] | None:  # noqa: ANN401 - any values
    """Make a list; missing when an element is, an error when one is a list itself."""
    if any(element is None for element in elements):
        return None
    if any(element.__class__ is tuple for element in elements):
        raise EvaluationError("a list in a list is not possible")
    return elements


ARITHMETIC: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "+": add,
    "-": subtract,
    "*": multiply,
    "/": divide,
    "%": remainder,
}


def unreadable_value(slots: tuple[str, ...], unreadable: int) -> None:
    """Raise `EvaluationError`: a value depends on an object that is there but cannot be read."""
    names = ", ".join(slot for bit, slot in enumerate(slots) if unreadable >> bit & 1)
    raise EvaluationError(f"the object of {names} is there but cannot be read")


def storable(value: Any) -> Any:  # noqa: ANN401 - any value
    """Return the value as silos store it: times as text, lists sorted, empty text as missing.

    An empty list is missing too.
    """
    match value:
        case None | "" | ():
            return None
        case tuple():
            return tuple(
                sorted({storable(each) for each in value}, key=lambda each: (str(type(each)), each))
            )
        case str() | int() | float() | bytes():
            return value
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case timedelta():
            return format_time_span(value)
        case _:
            raise EvaluationError(f"{described(value)} cannot be stored")


class Changes(dict[str, Any]):
    """Attribute to wanted value, for the attributes that differ; filled by generated code."""

    def note(self, name: str, wanted: object, held: object, clear: bool) -> None:
        """Note a value that is not the one held, unless it means the same."""
        value = storable(wanted)
        if value is None and not clear:
            return
        if value != held and held != (value,):
            self[name] = value
