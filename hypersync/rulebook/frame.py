"""The frame of one generated function: what it reads, once, before its first expression. Pure.

Expressions name locals; the frame remembers which and writes the prologue that fills them. In the
*careful* variant the masks are looked at: an invalid object, or one out of scope that is not
there, is unreadable. The other variant is for the common case that all masks are zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final

from hypersync.model.objects import EnabledSpec
from hypersync.rulebook.nodes import BARE, Node, State, slots_of
from hypersync.rulebook.operators import COMPARISONS, both, either, truth
from hypersync.rulebook.registry import Needs

_TYPES: Final = (str, int, float, bool, tuple, bytes, date, datetime, timedelta)
_SYMBOLS: Final = {"==": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}

COMPARE: Final = {symbol: f"compare_{name}" for symbol, name in _SYMBOLS.items()}
"""The names generated code has for the comparisons that do not fit its fast path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What generated code runs in: the slots in their order, and the constants of the run.

    ``fields`` maps (slot, attribute) to the name of the field in the decoded object. ``given`` is
    what functions that need something get as their first argument; what is not in it is not known
    yet, so nothing that needs it is computed beforehand.
    """

    slots: tuple[str, ...] = ()
    enabled: Mapping[str, EnabledSpec | None] = field(default_factory=dict)
    fields: Mapping[tuple[str, str], str] = field(default_factory=dict)
    given: Mapping[Needs, object] = field(default_factory=dict)


class Frame:
    """Hands out locals and constants to expressions and writes what fills them."""

    def __init__(self, setting: Setting, *, careful: bool, hoisted: frozenset[str]) -> None:
        self.setting = setting
        self.careful = careful
        self.namespace: dict[str, Any] = {"__builtins__": {}, "truth": truth}
        self.namespace.update({kind.__name__: kind for kind in _TYPES})
        self.namespace.update({name: COMPARISONS[symbol] for symbol, name in COMPARE.items()})
        self.namespace.update(both=both, either=either)
        self.asked: dict[str, int] = {}
        self._hoisted = hoisted
        self._attributes: dict[tuple[str, str], str] = {}
        self._states: dict[tuple[str, State], str] = {}
        self._slots: set[str] = set()
        self._temporaries = 0

    def temporary(self) -> str:
        """Return the name of a local that nobody else uses."""
        self._temporaries += 1
        return f"t{self._temporaries}"

    def constant(self, value: object, prefix: str = "c") -> str:
        """Return a name for a value that cannot be written as a literal."""
        name = f"{prefix}_{len(self.namespace)}"
        self.namespace[name] = value
        return name

    def attribute(self, slot: str, name: str) -> str:
        """Return the local that holds an attribute."""
        if slot != BARE:
            self.object(slot)
        return self._attributes.setdefault((slot, name), f"a{len(self._attributes)}")

    def object(self, slot: str) -> str:
        """Return the local that holds the object of a slot, or ``None``."""
        self._slots.add(slot)
        return f"o{self.setting.slots.index(slot)}"

    def state(self, slot: str, state: State) -> str:
        """Return the local that holds a state of a slot."""
        self.object(slot)
        if state is State.ENABLED:
            spec = self.setting.enabled.get(slot)
            if spec is None:
                return "None"
            self.attribute(slot, spec.attribute)
        position = self.setting.slots.index(slot)
        return self._states.setdefault((slot, state), f"{state.name.lower()}_{position}")

    def class_of(self, local: str) -> str:
        """Return how to write the class of a value; a local when several places ask for it."""
        self.asked[local] = self.asked.get(local, 0) + 1
        return f"k_{local}" if local in self._hoisted else f"{local}.__class__"

    def unreadable(self, nodes: Iterable[Node]) -> str:
        """Return a condition: something these expressions read is there but cannot be read."""
        read, named = slots_of(tuple(nodes))
        return f"unreadable & {self.mask(read)} or invalid & {self.mask(named)}"

    def mask(self, slots: Iterable[str]) -> int:
        """Return the bits of slots."""
        return sum(1 << self.setting.slots.index(slot) for slot in slots if slot != BARE)

    def prologue(self) -> list[str]:
        """Write the lines that fill every local that was asked for."""
        lines: list[str] = []
        slots = sorted(self._slots, key=self.setting.slots.index)
        if self.careful:
            lines.append("unreadable = invalid")
            slots = list(self.setting.slots)
        for slot in slots:
            position = self.setting.slots.index(slot)
            lines.append(f"o{position} = objects[{position}]")
            if self.careful:
                bit = 1 << position
                lines.append(f"if invalid & {bit}: o{position} = None")
                lines.append(f"if outside & {bit} and o{position} is None: unreadable |= {bit}")
            lines.extend(self._reads(slot))
        lines.extend(
            f"{local} = attributes.get({name!r})"
            for (slot, name), local in self._attributes.items()
            if slot == BARE
        )
        for (slot, state), local in self._states.items():
            lines.append(f"{local} = {self._state(slot, state)}")
        lines.extend(f"k_{local} = {local}.__class__" for local in sorted(self._hoisted))
        return lines

    def _reads(self, slot: str) -> list[str]:
        locals_ = {
            local: self.setting.fields[slot, name]
            for (of, name), local in self._attributes.items()
            if of == slot
        }
        if not locals_:
            return []
        held = f"o{self.setting.slots.index(slot)}"
        return [
            f"if {held} is None: {' = '.join(locals_)} = None",
            f"else: {'; '.join(f'{local} = {held}.{name}' for local, name in locals_.items())}",
        ]

    def _state(self, slot: str, state: State) -> str:
        position = self.setting.slots.index(slot)
        held, bit = f"o{position}", 1 << position
        there = f"{held} is not None"
        away = f"outside & {bit} != 0"
        match state:
            case State.ENABLED:
                spec = self.setting.enabled[slot]
                assert spec is not None  # noqa: S101 - a slot without one asks for no local
                known = self.constant({spec.when_on: True, spec.when_off: False}.get, "enabled")
                return f"{known}({self.attribute(slot, spec.attribute)})"
            case State.EXISTS:
                return f"{there} or {away}" if self.careful else there
            case State.WAS_PRESENT:
                return f"{there} or (outside | gone) & {bit} != 0" if self.careful else there
            case State.IN_SCOPE:
                absent = f"False if {away} else None" if self.careful else "None"
                return f"True if {there} else {absent}"
            case State.FILLED:
                return there
            case State.EMPTY:
                return f"{held} is None and not {away}" if self.careful else f"{held} is None"
