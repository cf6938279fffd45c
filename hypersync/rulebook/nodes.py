"""What an expression is after parsing: a small tree of frozen nodes. Pure.

Nodes compare by meaning: ``text``, the piece of source a node was read from, takes no part, so that
equal sub-expressions of several rules can be found and computed once. A missing value and an
unknown condition are both ``None``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from hypersync.rulebook.registry import Function

BARE = ""
"""The slot of bare names: the one object a join rule or a group predicate looks at."""


class ValueType(Enum):
    """What a value is, in the words people read."""

    CONDITION = "true or false"
    TEXT = "text"
    NUMBER = "a number"
    LIST = "a list"
    BYTES = "bytes"
    DATE = "a date"
    TIME = "a time"
    SPAN = "a time span"
    SLOT = "a slot"
    ANY = "any value"


class State(Enum):
    """What a rule can ask about a slot besides attributes.

    The last two cannot be written: they are the precondition that a rule's kind puts on its target,
    an object that can be acted on, or none at all.
    """

    EXISTS = "exists"
    ENABLED = "enabled"
    WAS_PRESENT = "was_present"
    IN_SCOPE = "in_scope"
    FILLED = "is filled"
    EMPTY = "is empty"


@dataclass(frozen=True, slots=True)
class Constant:
    """A value that is the same for every identity; text, number, truth value or ``None``."""

    value: object
    kind: type = field(init=False)  # 1, 1.0 and True are equal but not the same constant
    text: str = field(compare=False, default="")

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", self.value.__class__)


@dataclass(frozen=True, slots=True)
class Attribute:
    """``hr.department``: the value, or ``None`` when it or the object is missing."""

    slot: str
    name: str
    text: str = field(compare=False, default="")


@dataclass(frozen=True, slots=True)
class SlotState:
    """``ad.enabled`` and the other states of a slot."""

    slot: str
    state: State
    text: str = field(compare=False, default="")


@dataclass(frozen=True, slots=True)
class SlotName:
    """A slot itself, an argument of the few functions that take one."""

    slot: str
    text: str = field(compare=False, default="")


@dataclass(frozen=True, slots=True)
class Environment:
    """``env.NAME``: text from the environment file, constant for a run."""

    name: str
    value: str
    text: str = field(compare=False, default="")


@dataclass(frozen=True, slots=True)
class Logic:
    """``and`` or ``or`` with three-valued operands."""

    is_and: bool
    operands: tuple[Node, ...]
    text: str = field(compare=False, default="")


@dataclass(frozen=True, slots=True)
class Not:
    """Negation; not unknown is unknown."""

    operand: Node
    text: str = field(compare=False, default="")


@dataclass(frozen=True, slots=True)
class Comparison:
    """``==  !=  <  <=  >  >=``; unknown when a side is missing."""

    operator: str
    left: Node
    right: Node
    text: str = field(compare=False, default="")


@dataclass(frozen=True, slots=True)
class Absence:
    """``x == None`` (``present`` false) and ``x != None``: never unknown."""

    operand: Node
    present: bool
    text: str = field(compare=False, default="")


@dataclass(frozen=True, slots=True)
class Membership:
    """``x in y``, where y is a list or text; ``not in`` is a `Not` around it."""

    element: Node
    container: Node
    text: str = field(compare=False, default="")


@dataclass(frozen=True, slots=True)
class Conditional:
    """``a if test else b``; missing when the test is unknown."""

    test: Node
    then: Node
    otherwise: Node
    text: str = field(compare=False, default="")


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """``+ - * / %`` of two values."""

    operator: str
    left: Node
    right: Node
    text: str = field(compare=False, default="")


@dataclass(frozen=True, slots=True)
class Negative:
    """The negative of a number or a time span."""

    operand: Node
    text: str = field(compare=False, default="")


@dataclass(frozen=True, slots=True)
class Index:
    """``x[0]``; missing beyond the ends."""

    container: Node
    index: Node
    text: str = field(compare=False, default="")


@dataclass(frozen=True, slots=True)
class Slice:
    """``x[0:3]``; a bound that is not written is ``None``."""

    container: Node
    start: Node | None
    stop: Node | None
    text: str = field(compare=False, default="")


@dataclass(frozen=True, slots=True)
class Listing:
    """``(a, b)``; missing when an element is."""

    elements: tuple[Node, ...]
    text: str = field(compare=False, default="")


@dataclass(frozen=True, slots=True)
class Call:
    """A listed function with its arguments in the order of its parameters."""

    function: Function
    arguments: tuple[Node, ...]
    text: str = field(compare=False, default="")


Node: TypeAlias = (
    Constant
    | Attribute
    | SlotState
    | SlotName
    | Environment
    | Logic
    | Not
    | Comparison
    | Absence
    | Membership
    | Conditional
    | Arithmetic
    | Negative
    | Index
    | Slice
    | Listing
    | Call
)


@dataclass(frozen=True, slots=True, eq=False)
class Compiled:
    """An expression that passed all checks; ``source`` is what the person wrote, at ``file:line``.

    ``normal`` is the same expression without the accidents of spacing and quoting, followed by the
    environment values that it reads: what fingerprints are made of.
    """

    source: str
    node: Node
    normal: str = ""
    file: str = ""
    line: int = 0


_PARTS: Final[dict[type, Callable[[Any], tuple[Node | None, ...]]]] = {
    Logic: lambda node: node.operands,
    Not: lambda node: (node.operand,),
    Absence: lambda node: (node.operand,),
    Negative: lambda node: (node.operand,),
    Comparison: lambda node: (node.left, node.right),
    Arithmetic: lambda node: (node.left, node.right),
    Membership: lambda node: (node.element, node.container),
    Conditional: lambda node: (node.test, node.then, node.otherwise),
    Index: lambda node: (node.container, node.index),
    Slice: lambda node: (node.container, node.start, node.stop),
    Listing: lambda node: node.elements,
    Call: lambda node: node.arguments,
}


def children(node: Node) -> tuple[Node, ...]:
    """Return the direct sub-expressions, in reading order."""
    parts = _PARTS.get(type(node))
    return () if parts is None else tuple(each for each in parts(node) if each is not None)


def walk(node: Node) -> Iterator[Node]:
    """Yield the node and everything below it, parents first, in reading order."""
    yield node
    for child in children(node):
        yield from walk(child)


def conjunction(nodes: tuple[Node, ...]) -> Node:
    """Join conditions with ``and``; none at all is true."""
    if len(nodes) == 1:
        return nodes[0]
    if not nodes:
        return Constant(True, text="True")
    return Logic(True, nodes, " and ".join(node.text for node in nodes))


def slots_of(nodes: Iterator[Node] | tuple[Node, ...]) -> tuple[frozenset[str], frozenset[str]]:
    """Return the slots whose attributes are read, and all slots that are named in any way."""
    read, named = set(), set()
    for root in nodes:
        for node in walk(root):
            if isinstance(node, Attribute) or (
                isinstance(node, SlotState) and node.state is State.ENABLED
            ):
                read.add(node.slot)
            if isinstance(node, Attribute | SlotState | SlotName):
                named.add(node.slot)
    return frozenset(read), frozenset(named)
