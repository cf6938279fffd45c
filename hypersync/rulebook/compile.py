"""From expressions to functions: one generated function for all rules, others on demand. Pure.

`Evaluator.fused` reads each attribute once and answers for all rules and VIP rules. It is made
twice, for the common case that no object is gone, invalid or out of scope, and for the others;
scopes that several rules share are computed once, before the rules. Therefore fused may raise where
no single rule does; on any error the caller asks the rules one by one, and their answers count.

Failure direction: unknown never fires a rule, makes a VIP, and is never a clean false.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from hypersync.errors import EvaluationError
from hypersync.rulebook.explain import Step, trace
from hypersync.rulebook.frame import Setting
from hypersync.rulebook.generate import Generated, generate, shared_operands
from hypersync.rulebook.nodes import Compiled, Logic, Node, SlotState, State, slots_of
from hypersync.rulebook.operators import Changes, unreadable_value

if TYPE_CHECKING:
    from hypersync.model.objects import Value
    from hypersync.rulebook.layout import SlotLayout
    from hypersync.rulebook.rules import Rule, Rulebook

Objects: TypeAlias = Sequence[Any | None]
"""Per slot, in the order of `Rulebook.slots`, the decoded live object or ``None``."""

_ERRORS: Final = (TypeError, ValueError, ArithmeticError, AttributeError, LookupError)


class Evaluator:
    """The rules of a rulebook, bound to the constants and the world of one run."""

    def __init__(self, rulebook: Rulebook, setting: Setting, layouts: Sequence[SlotLayout]) -> None:
        self.rulebook = rulebook
        self.layouts = tuple(layouts)
        self._setting = setting
        self._functions: dict[tuple[tuple[str, object], bool], Callable[..., Any]] = {}
        self.set_apart()

    def fused(self, objects: Objects, gone: int, outside: int, invalid: int) -> tuple[bool, ...]:
        """Answer for all rules, then for all VIP rules.

        True for a rule: its pure part is true. True for a VIP rule: it is true or unknown.
        ``gone``, ``outside`` and ``invalid`` are bit masks over slots: an object was there and is
        absent, is out of scope, cannot be read. Raises on any error; then ask one by one.
        """
        if gone or outside or invalid:
            return self._careful(objects, gone, outside, invalid)  # type: ignore[no-any-return]
        return self._simple(objects, 0, 0, 0)  # type: ignore[no-any-return]

    def due(self, objects: Objects, gone: int, outside: int, invalid: int) -> tuple[bool, ...]:
        """Answer as `fused`, but false for update rules whose ``set`` would change nothing.

        Most identities of a full sync are as the rules want them: this finds the others. What is
        true here may still turn out to change nothing; `changes` says.
        """
        if gone or outside or invalid:
            return self._careful(objects, gone, outside, invalid)  # type: ignore[no-any-return]
        return self._narrow(objects, 0, 0, 0)  # type: ignore[no-any-return]

    def set_apart(
        self, rules: frozenset[int] = frozenset(), vips: frozenset[int] = frozenset()
    ) -> None:
        """Take rules that fail for many identities out of `fused`, so that the others stay fast.

        It then answers false for these rules and true for these VIP rules; the caller asks `rule`
        and `vip` about them. Replaces what was set apart before.
        """
        self._apart = (rules, vips)
        self._generate_fused()

    def _generate_fused(self) -> None:
        self._simple = generate(self._setting, self._write_fused, careful=False)
        self._careful = generate(self._setting, self._write_fused, careful=True)
        self._narrow = generate(self._setting, self._write_narrow, careful=False)

    def rule(self, index: int, objects: Objects, gone: int, outside: int, invalid: int) -> bool:
        """Tell whether the pure part of a rule is true; raises `EvaluationError`."""
        careful = bool(gone or outside or invalid)
        function = self._function(("rule", index), careful, self._write_condition, index, False)
        return bool(_called(function, objects, gone, outside, invalid))

    def is_cleanly_false(
        self, index: int, objects: Objects, gone: int, outside: int, invalid: int
    ) -> bool:
        """Tell whether the pure part is certainly false: neither unknown nor in error."""
        careful = bool(gone or outside or invalid)
        function = self._function(("possible", index), careful, self._write_condition, index, True)
        try:
            return not _called(function, objects, gone, outside, invalid)
        except EvaluationError:
            return False

    def vip(self, index: int, objects: Objects, gone: int, outside: int, invalid: int) -> bool:
        """Tell whether a VIP rule is true or unknown; raises `EvaluationError` (that is a VIP)."""
        careful = bool(gone or outside or invalid)
        function = self._function(("vip", index), careful, self._write_vip, index)
        return bool(_called(function, objects, gone, outside, invalid))

    def value(
        self, expression: Compiled, objects: Objects, gone: int, outside: int, invalid: int
    ) -> Any:  # noqa: ANN401 - a Value, or a date, time or time span
        """Compute any expression of the rulebook; ``None`` is missing or unknown.

        Raises `EvaluationError`, also when an object that it reads cannot be read: a value that
        is not known must never be mistaken for one that is missing.
        """
        careful = bool(gone or outside or invalid)
        function = self._function(
            ("value", expression), careful, self._write_value, expression.node
        )
        return _called(function, objects, gone, outside, invalid)

    def changes(
        self, index: int, objects: Objects, gone: int, outside: int, invalid: int
    ) -> dict[str, Value]:
        """Compute what ``set`` of a rule would change on its target: attribute to wanted value.

        Values that are missing leave an attribute alone, or clear it (``None``) when the rule says
        ``clear_if_missing``. Dates and time spans are written as text, lists sorted. Raises as
        `value`.
        """
        careful = bool(gone or outside or invalid)
        function = self._function(("changes", index), careful, self._write_changes, index)
        changed: dict[str, Value] = _called(function, objects, gone, outside, invalid)
        return changed

    def trace(
        self, expression: Compiled, objects: Objects, gone: int, outside: int, invalid: int
    ) -> list[Step]:
        """Return every sub-expression with its value, the whole first; see `explain.trace`."""
        return trace(self, expression, objects, gone, outside, invalid)

    def _function(
        self, key: tuple[str, object], careful: bool, write: Callable[..., None], *what: object
    ) -> Callable[..., Any]:
        """Return a generated function, made when it is first asked for."""
        function = self._functions.get((key, careful))
        if function is None:
            function = generate(
                self._setting, lambda generated: write(generated, *what), careful=careful
            )
            self._functions[key, careful] = function
        return function

    def _write_fused(self, generated: Generated) -> None:
        self._write_all(generated, lambda _, condition: condition)

    def _write_narrow(self, generated: Generated) -> None:
        def narrow(rule: Rule, condition: str) -> str:
            if rule.kind.value != "update" or not rule.set:
                return condition
            return f"({condition} and ({' or '.join(self._differences(generated, rule))}))"

        self._write_all(generated, narrow)

    def _differences(self, generated: Generated, rule: Rule) -> Iterator[str]:
        """Write, for each attribute a rule sets, whether it may have to change."""
        for name, expression in rule.set.items():
            wanted = generated.writer.value(expression.node)
            held = generated.frame.attribute(rule.target, name)
            there = "" if name in rule.clear_if_missing else " and wanted is not None"
            yield f"((wanted := {wanted}) != {held}{there})"

    def _write_all(self, generated: Generated, shape: Callable[[Rule, str], str]) -> None:
        rules_apart, vips_apart = self._apart
        rules = {
            rule.index: rule.pure.node
            for rule in self.rulebook.rules
            if rule.index not in rules_apart
        }
        shared: dict[Node, str] = {}
        for node in sorted(shared_operands(tuple(rules.values())), key=lambda each: each.text):
            code = generated.writer.condition(node, unknown=False)
            shared[node] = f"shared_{len(shared)}"
            generated.body.append(f"{shared[node]} = {code}")
        parts = [
            shape(rule, self._rule(generated, rules[rule.index], shared))
            if rule.index in rules
            else "False"
            for rule in self.rulebook.rules
        ]
        parts += [
            "True" if vip.index in vips_apart else self._vip(generated, vip.index)
            for vip in self.rulebook.vips
        ]
        generated.body.append(f"return ({''.join(f'{part}, ' for part in parts)})")

    def _rule(self, generated: Generated, node: Node, shared: Mapping[Node, str]) -> str:
        operands = node.operands if isinstance(node, Logic) and node.is_and else (node,)
        parts = [
            shared.get(each) or generated.writer.condition(each, unknown=False) for each in operands
        ]
        if generated.frame.careful:
            parts.insert(0, f"not ({generated.frame.unreadable([node])})")
        return f"({' and '.join(parts)})"

    def _vip(self, generated: Generated, index: int) -> str:
        node = self.rulebook.vips[index].when.node
        frame = generated.frame
        code = generated.writer.condition(node, unknown=True)
        _, named = slots_of((node,))
        there = [f"{frame.object(slot)} is not None" for slot in sorted(named)]
        if not frame.careful:
            return f"(({' or '.join(there) or 'True'}) and {code})"
        there.append(f"(outside | invalid) & {frame.mask(named)} != 0")
        return f"(({' or '.join(there)}) and (({frame.unreadable([node])}) != 0 or {code}))"

    def _write_vip(self, generated: Generated, index: int) -> None:
        generated.body.append(f"return {self._vip(generated, index)}")

    def _write_condition(self, generated: Generated, index: int, possible: bool) -> None:
        node = self.rulebook.rules[index].pure.node
        code = generated.writer.condition(node, unknown=possible)
        if generated.frame.careful:
            unreadable = generated.frame.unreadable([node])
            generated.body.append(f"if {unreadable}: return {possible}")
        generated.body.append(f"return {code}")

    def _write_value(self, generated: Generated, node: Node) -> None:
        code = generated.writer.value(node)
        self._guard(generated, node)
        generated.body.append(f"return {code}")

    def _write_changes(self, generated: Generated, index: int) -> None:
        rule = self.rulebook.rules[index]
        target = SlotState(rule.target, State.EXISTS)
        generated.frame.namespace["Changes"] = Changes
        lines = ["found = Changes()"]
        for name, expression in rule.set.items():
            wanted = generated.writer.value(expression.node)
            held = generated.frame.attribute(rule.target, name)
            clear = name in rule.clear_if_missing
            lines.append(f"if (wanted := {wanted}) != {held}:")
            lines.append(f"    found.note({name!r}, wanted, {held}, {clear})")
        self._guard(generated, target, *(expression.node for expression in rule.set.values()))
        generated.body += [*lines, "return found"]

    def _guard(self, generated: Generated, *nodes: Node) -> None:
        if generated.frame.careful:
            generated.frame.namespace["unreadable_value"] = unreadable_value
            unreadable = generated.frame.unreadable(nodes)
            slots = self._setting.slots
            generated.body.append(f"if {unreadable}: unreadable_value({slots!r}, unreadable)")


def _called(
    function: Callable[..., Any], objects: Objects, gone: int, outside: int, invalid: int
) -> Any:  # noqa: ANN401 - whatever was generated
    try:
        return function(objects, gone, outside, invalid)
    except _ERRORS as error:
        raise EvaluationError(f"{type(error).__name__}: {error}") from error
