"""Generated functions: source is written twice, compiled once, and runs without builtins. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from hypersync.rulebook.emit import Writer
from hypersync.rulebook.frame import Frame, Setting
from hypersync.rulebook.nodes import Compiled, Logic, Node, SlotState

if TYPE_CHECKING:
    from hypersync.model.objects import Value

_PARAMETERS: Final = "objects, gone, outside, invalid"


class Generated:
    """One function in the making: a frame, a writer and lines of source."""

    def __init__(self, setting: Setting, *, careful: bool, hoisted: frozenset[str]) -> None:
        self.frame = Frame(setting, careful=careful, hoisted=hoisted)
        self.writer = Writer(self.frame)
        self.body: list[str] = []

    def build(self, parameters: str) -> Callable[..., Any]:
        """Compile the source and return the function."""
        lines = [*self.frame.prologue(), *self.body]
        source = f"def generated({parameters}):\n" + "\n".join(f"    {line}" for line in lines)
        namespace = self.frame.namespace
        exec(compile(source, "<rules>", "exec"), namespace)  # noqa: S102 - our own source, no builtins
        function: Callable[..., Any] = namespace["generated"]
        return function


def generate(
    setting: Setting,
    write: Callable[[Generated], None],
    *,
    careful: bool,
    parameters: str = _PARAMETERS,
) -> Callable[..., Any]:
    """Make a function whose body ``write`` writes; written twice, to see what is used often."""
    draft = Generated(setting, careful=careful, hoisted=frozenset())
    write(draft)
    often = frozenset(local for local, count in draft.frame.asked.items() if count > 1)
    final = Generated(setting, careful=careful, hoisted=often)
    write(final)
    return final.build(parameters)


def compile_bare(expression: Compiled) -> Callable[[Mapping[str, Value]], Value]:
    """Compile an expression over the attributes of one object (joins, group predicates)."""

    def write(generated: Generated) -> None:
        generated.body.append(f"return {generated.writer.value(expression.node)}")

    return generate(Setting(), write, careful=False, parameters="attributes")


def shared_operands(conditions: Sequence[Node]) -> frozenset[Node]:
    """Return the operands that stand in several conditions: scopes, mostly."""
    counts: Counter[Node] = Counter()
    for condition in conditions:
        if isinstance(condition, Logic) and condition.is_and:
            counts.update(set(condition.operands))
    return frozenset(
        node for node, count in counts.items() if count > 1 and not isinstance(node, SlotState)
    )
