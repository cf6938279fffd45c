"""The nouns of a rulebook: slots, joins, rules, VIP rules. Pure.

Everything here passed `hypersync.rulebook.load`: expressions are compiled, names exist, limits are
limits. ``None`` is not set, ``0`` is zero.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import TypeAlias

from hypersync.model.limit import Limit
from hypersync.model.objects import Attributes, EnabledSpec, Operation, Value
from hypersync.rulebook.compile import Evaluator
from hypersync.rulebook.frame import Setting
from hypersync.rulebook.functions.world import Lookups
from hypersync.rulebook.generate import compile_bare
from hypersync.rulebook.joins import JoinRule, normal_key
from hypersync.rulebook.layout import SlotLayout, layout
from hypersync.rulebook.nodes import Compiled
from hypersync.rulebook.operators import truth
from hypersync.rulebook.registry import Needs

__all__ = [
    "Do",
    "GroupSpec",
    "JoinRule",
    "Lookback",
    "MembersLimit",
    "PlaceSpec",
    "Rule",
    "RuleKind",
    "Rulebook",
    "Slot",
    "ThresholdSpec",
    "TypeKey",
    "VipRule",
]

TypeKey: TypeAlias = tuple[str, str]
"""A silo and an object type in it."""


class RuleKind(Enum):
    """What a rule is for; provision needs an empty target slot, the others a filled one."""

    PROVISION = "provision"
    UPDATE = "update"
    DEPROVISION = "deprovision"
    MEMBERSHIP = "membership"
    EVENT = "event"


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """The name under which rules see an identity's objects of one type."""

    name: str
    silo: str
    type: str
    enabled: EnabledSpec | None = None
    exact: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookback:
    """How far delta and object syncs look back, and what they count besides."""

    span: timedelta = timedelta(hours=1)
    suspended: bool = False
    full: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MembersLimit:
    """The most members removed from a group that has at least ``min_size``."""

    limit: Limit
    min_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdSpec:
    """How many are too many, and what happens with what is suspended.

    ``clears`` limits changes to empty and is never below ``least_clears``; ``attribute`` limits
    changes per attribute. ``on_expiry`` is ``clear`` or ``approve``.
    """

    limit: Limit
    lookback: Lookback
    expires: timedelta | Compiled
    on_expiry: str
    plan: str | None
    template: str | None
    clears: Limit
    least_clears: int
    members: MembersLimit
    attribute: Mapping[str, Limit]
    approve_deletes: bool


@dataclass(frozen=True, slots=True)
class Do:
    """What a rule does besides setting attributes.

    ``argument`` is the new parent of a move or the new RDN of a rename; ``address`` the webhook
    of an event.
    """

    operation: Operation
    argument: Compiled | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True)
class PlaceSpec:
    """Where a provisioned object is put: expressions for the parent DN and the RDN."""

    parent: Compiled
    rdn: Compiled


# without slots: before Python 3.11.4 they would replace the way it is pickled
@dataclass(frozen=True)
class GroupSpec:
    """The groups of a membership rule: those objects of a slot whose ``where`` is true."""

    slot: str
    where: Compiled
    _matches: Callable[[Attributes], Value] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_matches", compile_bare(self.where))

    def __getstate__(self) -> tuple[str, Compiled]:
        return self.slot, self.where

    def __setstate__(self, state: tuple[str, Compiled]) -> None:
        object.__setattr__(self, "slot", state[0])
        object.__setattr__(self, "where", state[1])
        self.__post_init__()

    def matches(self, attributes: Attributes) -> bool:
        """Tell whether the rule is about this group; raises `EvaluationError`."""
        return truth(self._matches(attributes)) is True


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule, compiled.

    ``index`` is its position in file order and in what `Evaluator.fused` returns. ``target`` is the
    slot it writes, for memberships the member's slot, ``""`` for events. ``pure`` holds the kind's
    precondition, the scopes and the condition without rates; ``counting`` is the last operand with
    ``Count`` or ``Quota``. ``mode`` is ``additive`` or ``authoritative``. ``content_hash`` is what
    approvals bind to, ``text_hash`` all that the rule says, its guards included: empty for a rule
    that nobody wrote. ``vips`` names the VIP rules that are not global but listed here.
    """

    index: int
    id: str
    ruleset: str
    kind: RuleKind
    target: str
    file: str
    line: int
    simulate: bool
    pure: Compiled
    counting: Compiled | None
    set: Mapping[str, Compiled]
    once: Mapping[str, Compiled]
    place: PlaceSpec | None
    required: tuple[str, ...]
    clear_if_missing: frozenset[str]
    do: Do | None
    group: GroupSpec | None
    mode: str
    precedence: int | None
    throttle: timedelta | Compiled | None
    threshold: ThresholdSpec
    vips: tuple[str, ...]
    wake: Compiled | None
    on_failure: str | None
    owner: str | None
    repeatable: bool
    content_hash: str
    text_hash: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VipRule:
    """Who is asked about one by one; ``attributes`` limits the rule for updates, empty is all."""

    index: int
    name: str
    when: Compiled
    expires: timedelta | Compiled
    plan: str | None
    on_expiry: str
    attributes: frozenset[str]
    is_global: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Rulebook:
    """Everything that decides what happens to an identity; ``revision`` is a hash of it.

    ``attributes`` are those that joins and rules name, by silo and type: connectors always read
    them. ``decoded`` are those that rules read, by slot: what evaluation decodes.
    """

    revision: str
    slots: tuple[Slot, ...]
    joins: tuple[JoinRule, ...]
    rules: tuple[Rule, ...]
    vips: tuple[VipRule, ...]
    tables: Mapping[str, Mapping[str, str]]
    environment: Mapping[str, str]
    attributes: Mapping[TypeKey, frozenset[str]]
    decoded: Mapping[str, frozenset[str]]

    def slot(self, name: str) -> Slot:
        """Return a slot by name; raises ``KeyError``."""
        for slot in self.slots:
            if slot.name == name:
                return slot
        raise KeyError(name)

    def slot_index(self, name: str) -> int:
        """Return a slot's position, which is its bit in masks too; raises ``KeyError``."""
        return self.slots.index(self.slot(name))

    def rule(self, rule_id: str) -> Rule | None:
        """Return a rule by id, ``None`` when there is none."""
        return next((rule for rule in self.rules if rule.id == rule_id), None)

    def layouts(self) -> tuple[SlotLayout, ...]:
        """Make the layouts of the slots, in their order."""
        return tuple(layout(slot.name, self.decoded[slot.name]) for slot in self.slots)

    def bind(self, now: datetime, lookups: Lookups) -> Evaluator:
        """Compile all of it for one run; ``now`` is the run's time, aware and UTC."""
        layouts = self.layouts()
        setting = Setting(
            slots=tuple(slot.name for slot in self.slots),
            enabled={slot.name: slot.enabled for slot in self.slots},
            fields={
                (each.slot, name): held for each in layouts for name, held in each.names.items()
            },
            given={
                Needs.CLOCK: now,
                Needs.TABLES: self.tables,
                Needs.LOOKUPS: _NormalisingLookups(lookups, self),
            },
        )
        return Evaluator(self, setting, layouts)


class _NormalisingLookups:
    """The run's lookups, with keys of references brought into the form of the slot's join."""

    def __init__(self, lookups: Lookups, rulebook: Rulebook) -> None:
        self._exact = {slot.name: slot.exact for slot in rulebook.slots}
        self._lookups = lookups
        self.unique = lookups.unique
        self.initial_password = lookups.initial_password
        self.disabled_by_us = lookups.disabled_by_us
        self.count = lookups.count
        self.quota = lookups.quota

    def reference(self, slot: str, key: str) -> str | None:
        """Return the reference value of the object of that slot whose identity has the key."""
        return self._lookups.reference(slot, normal_key(key, exact=self._exact.get(slot, False)))
