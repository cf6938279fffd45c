"""The registry of functions that expressions may call: a plain dict and one decorator. Pure.

A function is a plain Python function; its annotations say what it wants. Parameters annotated with
one class (``str``, ``int``, ``tuple``, ``bool``, ``timedelta``) are checked in the compiled code
before the call; ``object`` accepts anything and the function checks for itself. A missing argument
makes the result missing without a call, unless the function says that it takes missing ones.
The last line of a docstring is for the reference, like the rest of it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import Enum
from typing import Any, TypeVar, get_type_hints

from hypersync.errors import EvaluationError
from hypersync.rulebook.nodes import ValueType

Implementation = TypeVar("Implementation", bound=Callable[..., object])


class Needs(Enum):
    """What a function needs besides its arguments; it gets that as its first parameter."""

    NOTHING = "nothing"
    CLOCK = "the time of the run"
    TABLES = "the tables"
    LOOKUPS = "the world of the run"


class Place(Enum):
    """Where a function may stand."""

    ANYWHERE = "anywhere"
    RULES = "only in rules, not in joins"
    ONCE = "only under once:"
    LAST = "only in the last 'and' operand of when:"


@dataclass(frozen=True, slots=True)
class Slot:
    """What a parameter that takes a slot gets: its name and its object."""

    name: str
    object: object


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: its name, what it wants, the one class it must have (or any), its default."""

    name: str
    wants: ValueType
    only: type | None
    default: object
    is_rest: bool = False

    @property
    def is_required(self) -> bool:
        """Whether a call must give it."""
        return self.default is inspect.Parameter.empty and not self.is_rest


@dataclass(frozen=True, slots=True, eq=False)
class Function:
    """A function of the language; ``example`` is an expression with its value, and a test.

    ``checks`` look at constant arguments when a rule is loaded and raise ``ValueError``.
    ``inline`` is the body as a template over the arguments, used when their classes are as wanted.
    """

    name: str
    group: str
    gives: ValueType
    parameters: tuple[Parameter, ...]
    doc: str
    example: tuple[str, object]
    implementation: Callable[..., Any]
    needs: Needs = Needs.NOTHING
    place: Place = Place.ANYWHERE
    takes_missing: bool = False
    checks: Mapping[str, Callable[[Any], object]] = field(default_factory=dict)
    inline: str = ""

    def __reduce__(self) -> tuple[Callable[[str], Function], tuple[str]]:
        return _by_name, (self.name,)

    @property
    def is_steady(self) -> bool:
        """Whether equal arguments give equal values within a run, without any effect."""
        return self.needs is not Needs.LOOKUPS

    @property
    def signature(self) -> str:
        """The call as the reference shows it, for instance ``unique(names, candidate, max=20)``."""
        return f"{self.name}({', '.join(_shown(each) for each in self.parameters)})"

    def refuse(self, position: int, argument: object) -> None:
        """Return ``None`` for a missing argument; raises `EvaluationError` for any other."""
        if argument is None:
            return
        wanted = self.parameters[min(position, len(self.parameters) - 1)]
        raise EvaluationError(
            f"{self.name}() wants {wanted.wants.value} for {wanted.name}, not {described(argument)}"
        )


FUNCTIONS: dict[str, Function] = {}

_TYPES: dict[object, ValueType] = {
    str: ValueType.TEXT,
    int: ValueType.NUMBER,
    float: ValueType.NUMBER,
    bool: ValueType.CONDITION,
    bytes: ValueType.BYTES,
    tuple: ValueType.LIST,
    date: ValueType.DATE,
    datetime: ValueType.TIME,
    timedelta: ValueType.SPAN,
    Slot: ValueType.SLOT,
}


def value_type(annotation: object) -> ValueType:
    """Map a class, or a union of one with ``None``, to the type it stands for."""
    arguments = [each for each in getattr(annotation, "__args__", ()) if each is not type(None)]
    origin = getattr(annotation, "__origin__", None)
    if origin is not None:
        return _TYPES.get(origin, ValueType.ANY)
    if len(arguments) == 1:
        return value_type(arguments[0])
    return _TYPES.get(annotation, ValueType.ANY)


def described(value: object) -> str:
    """Name the type of a value for people, for instance ``a number``."""
    return _TYPES.get(value.__class__, ValueType.ANY).value


def function(
    name: str,
    *,
    group: str,
    example: tuple[str, object],
    needs: Needs = Needs.NOTHING,
    place: Place | None = None,
    takes_missing: bool = False,
    checks: Mapping[str, Callable[[Any], object]] | None = None,
    inline: str = "",
) -> Callable[[Implementation], Implementation]:
    """Register the decorated function under ``name``; a second registration raises."""

    def register(implementation: Implementation) -> Implementation:
        if name in FUNCTIONS:
            raise ValueError(f"the function {name} is registered twice")
        hints = get_type_hints(implementation)
        parameters = list(inspect.signature(implementation).parameters.values())
        if needs is not Needs.NOTHING:
            del parameters[0]
        FUNCTIONS[name] = Function(
            name=name,
            group=group,
            gives=value_type(hints["return"]),
            parameters=tuple(_parameter(each, hints[each.name]) for each in parameters),
            doc=inspect.cleandoc(implementation.__doc__ or ""),
            example=example,
            implementation=implementation,
            needs=needs,
            place=place or (Place.ANYWHERE if needs is Needs.NOTHING else Place.RULES),
            takes_missing=takes_missing,
            checks=checks or {},
            inline=inline,
        )
        return implementation

    return register


def _parameter(parameter: inspect.Parameter, annotation: object) -> Parameter:
    wants = value_type(annotation)
    is_plain = annotation in (str, int, bool, tuple, date, datetime, timedelta) or (
        getattr(annotation, "__origin__", None) is tuple
    )
    only = (getattr(annotation, "__origin__", None) or annotation) if is_plain else None
    return Parameter(
        name=parameter.name.removesuffix("_"),
        wants=wants,
        only=only if isinstance(only, type) else None,
        default=parameter.default,
        is_rest=parameter.kind is inspect.Parameter.VAR_POSITIONAL,
    )


def _shown(parameter: Parameter) -> str:
    if parameter.is_rest:
        return f"{parameter.name}..."
    if parameter.is_required:
        return parameter.name
    return f"{parameter.name}={parameter.default!r}"


def _by_name(name: str) -> Function:
    return FUNCTIONS[name]
