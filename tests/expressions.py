"""A rulebook of two slots in memory, for tests of expressions: ``hr`` is read, ``ad`` written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

from hypersync.model.limit import Limit
from hypersync.model.objects import EnabledSpec
from hypersync.rulebook.compile import Evaluator
from hypersync.rulebook.expression import parse
from hypersync.rulebook.names import Names
from hypersync.rulebook.nodes import Compiled, Logic, SlotState, State, conjunction
from hypersync.rulebook.reading import attributes_named
from hypersync.rulebook.registry import Place
from hypersync.rulebook.rules import (
    Lookback,
    MembersLimit,
    Rule,
    Rulebook,
    RuleKind,
    Slot,
    ThresholdSpec,
    VipRule,
)

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
TABLES = MappingProxyType({"ou": {"IT": "OU=IT,DC=example,DC=org"}})
ENVIRONMENT = {"SPAN": "2h", "REGION": "EMEA"}
NAMES = Names(
    slots={"hr": None, "ad": None},
    environment=ENVIRONMENT,
    tables=TABLES,
    places=frozenset(Place),
)
SLOTS = (
    Slot(name="hr", silo="hr", type="person"),
    Slot(name="ad", silo="ad", type="user", enabled=EnabledSpec("active", "yes", "no")),
)
ONE = Limit(number=1)
THRESHOLD = ThresholdSpec(
    limit=ONE,
    lookback=Lookback(),
    expires=timedelta(days=1),
    on_expiry="clear",
    plan=None,
    template=None,
    clears=ONE,
    least_clears=5,
    members=MembersLimit(limit=ONE, min_size=1),
    attribute={},
    approve_deletes=False,
)


@dataclass
class World:
    """Lookups that answer from memory and count."""

    references: dict[tuple[str, str], str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    taken: frozenset[str] = frozenset()
    disabled: bool = False

    def reference(self, slot: str, key: str) -> str | None:
        return self.references.get((slot, key))

    def unique(self, names: tuple[str, ...], candidate: str, maximum: int) -> str | None:
        numbers = ["", *(str(number) for number in range(2, 100))]
        free = (candidate[: maximum - len(number)] + number for number in numbers)
        return next((each for each in free if each not in self.taken), None)

    def initial_password(self) -> str:
        return "a-fresh-password"

    def disabled_by_us(self, slot: str, obj: object) -> bool:
        return self.disabled

    def count(self, truth: bool, context: str, span: timedelta) -> int:
        self.counts[context] = self.counts.get(context, 0) + truth
        return self.counts[context]

    def quota(self, truth: bool, context: str, span: timedelta) -> int:
        return self.count(truth, context, span)


def a_rule(index: int, pure: Compiled, **given: Any) -> Rule:
    """Make an update rule on ``ad`` around a pure part."""
    values: dict[str, Any] = {
        "id": f"rule-{index}",
        "ruleset": "tests",
        "kind": RuleKind.UPDATE,
        "target": "ad",
        "file": "rules/tests.yaml",
        "line": 1,
        "simulate": False,
        "counting": None,
        "set": {},
        "once": {},
        "place": None,
        "required": (),
        "clear_if_missing": frozenset(),
        "do": None,
        "group": None,
        "mode": "additive",
        "precedence": None,
        "throttle": None,
        "threshold": THRESHOLD,
        "vips": (),
        "wake": None,
        "on_failure": None,
        "owner": None,
        "repeatable": False,
        "content_hash": "",
    }
    return Rule(index=index, pure=pure, **{**values, **given})


def an_evaluator(
    conditions: Sequence[str] = (),
    vips: Sequence[str] = (),
    *,
    values: Sequence[str] = (),
    sets: Mapping[str, str] = MappingProxyType({}),
    clear: frozenset[str] = frozenset(),
    states: Sequence[State | None] = (),
    world: World | None = None,
    now: datetime = NOW,
) -> Evaluator:
    """Make an evaluator whose rules have these conditions; ``values`` are decoded besides.

    ``sets`` is the ``set:`` of every rule; ``states`` the precondition of each on ``ad``.
    """
    set_ = {name: parse(source, NAMES) for name, source in sets.items()}
    preconditions = [*states, *[None] * len(conditions)]
    rules = []
    for index, (source, state) in enumerate(zip(conditions, preconditions, strict=False)):
        pure = parse(source, NAMES)
        if state is not None:
            operands = pure.node.operands if isinstance(pure.node, Logic) else (pure.node,)
            node = conjunction((SlotState("ad", state, f"ad {state.value}"), *operands))
            pure = Compiled(source, node)
        rules.append(a_rule(index, pure, set=set_, clear_if_missing=clear))
    vip_rules = tuple(
        VipRule(
            index=index,
            name=f"vip-{index}",
            when=parse(source, NAMES),
            expires=timedelta(hours=72),
            plan=None,
            on_expiry="clear",
            attributes=frozenset(),
            is_global=True,
        )
        for index, source in enumerate(vips)
    )
    nodes = [
        *(rule.pure.node for rule in rules),
        *(vip.when.node for vip in vip_rules),
        *(expression.node for expression in set_.values()),
        *(parse(source, NAMES).node for source in values),
    ]
    named = attributes_named(nodes)
    rulebook = Rulebook(
        revision="tests",
        slots=SLOTS,
        joins=(),
        rules=tuple(rules),
        vips=vip_rules,
        tables=TABLES,
        environment=ENVIRONMENT,
        attributes={},
        decoded={
            "hr": frozenset(named.get("hr", ())),
            "ad": frozenset({*named.get("ad", ()), "active", *sets}),
        },
    )
    return rulebook.bind(now, world or World())


def objects_of(evaluator: Evaluator, **slots: Mapping[str, Any] | None) -> list[Any]:
    """Make the decoded objects of an identity; a slot that is not given is empty."""
    return [
        None if slots.get(layout.slot) is None else layout.of(slots[layout.slot] or {})
        for layout in evaluator.layouts
    ]


def value_of(
    source: str,
    *,
    hr: Mapping[str, Any] | None = None,
    ad: Mapping[str, Any] | None = None,
    world: World | None = None,
) -> Any:
    """Compute one expression for an identity."""
    evaluator = an_evaluator(values=[source], world=world)
    objects = objects_of(evaluator, hr=hr, ad=ad)
    return evaluator.value(parse(source, NAMES), objects, 0, 0, 0)


def answer(source: str, **slots: Mapping[str, Any] | None) -> tuple[bool, bool]:
    """Return whether a condition is true, and whether it is certainly false."""
    evaluator = an_evaluator([source])
    objects = objects_of(evaluator, **slots)
    return evaluator.rule(0, objects, 0, 0, 0), evaluator.is_cleanly_false(0, objects, 0, 0, 0)
