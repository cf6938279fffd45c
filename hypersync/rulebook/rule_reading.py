"""Read one rule of a rule file into a `Rule`, noting its mistakes. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from hypersync.config.rule_models import LEAST_CLEARS
from hypersync.model.objects import Operation
from hypersync.rulebook.expression import constant
from hypersync.rulebook.names import Names
from hypersync.rulebook.nodes import (
    BARE,
    Compiled,
    Constant,
    Logic,
    Node,
    SlotState,
    State,
    conjunction,
)
from hypersync.rulebook.reading import Reading, When
from hypersync.rulebook.registry import Place
from hypersync.rulebook.rules import (
    Do,
    GroupSpec,
    Lookback,
    MembersLimit,
    PlaceSpec,
    Rule,
    RuleKind,
    Slot,
    ThresholdSpec,
)

if TYPE_CHECKING:
    from hypersync.config.models import Configuration
    from hypersync.config.rule_models import RuleConfig, RuleFile, ValueConfig

_NOTHING: Final = Compiled("True", Constant(True, "True"), "True")


@dataclass(frozen=True, slots=True)
class Scopes:
    """The scopes of one file, compiled; rules share them."""

    by_name: Mapping[str, Compiled]


@dataclass(frozen=True, slots=True)
class RuleReader:
    """Reads rules against what the project declares.

    ``known`` gives the attributes of a (silo, type), ``None`` when any may be there;
    ``knowing`` are connectors that know themselves how enabled and members are stored.
    """

    configuration: Configuration
    reading: Reading
    slots: Mapping[str, Slot]
    known: Callable[[str, str], frozenset[str] | None]
    knowing: frozenset[str]

    def read(self, index: int, rule_file: RuleFile, config: RuleConfig, scopes: Scopes) -> Rule:
        """Return the rule; what is wrong with it is noted."""
        kind = RuleKind(config.kind)
        target = self._target(config, kind)
        group = self._group(config)
        scoped = self._scopes(config, scopes)
        when = self._when(config)
        pure = self._pure(config, kind, target, (*(each.node for each in scoped), *when.operands))
        set_ = self._values(config, "set", self.reading.names)
        once = self._values(config, "once", self._names_with(Place.ONCE))
        place = self._place(config)
        do = self._do(config)
        conditions = [*(each.normal for each in scoped), when.normal]
        rule = Rule(
            index=index,
            id=config.id,
            ruleset=rule_file.ruleset,
            kind=kind,
            target=target,
            file=config.place().file,
            line=config.place().line,
            simulate=self.configuration.guards.simulate or rule_file.is_simulated(config),
            pure=pure,
            counting=when.counting,
            set=set_,
            once=once,
            place=place,
            required=config.required,
            clear_if_missing=frozenset(config.clear_if_missing),
            do=do,
            group=group,
            mode=config.mode,
            precedence=config.precedence,
            throttle=self._throttle(rule_file, config),
            threshold=self._threshold(rule_file, config),
            vips=self._vips(config),
            wake=self._wake(config),
            on_failure=config.on_failure,
            owner=config.owner,
            repeatable=config.repeatable,
            content_hash="",
        )
        return replace(rule, content_hash=_content_hash(rule, conditions))

    # --- what a rule is about ------------------------------------------------------------------

    def _target(self, config: RuleConfig, kind: RuleKind) -> str:
        if kind is RuleKind.EVENT:
            return ""
        key = "member" if kind is RuleKind.MEMBERSHIP else "target"
        name = config.member if kind is RuleKind.MEMBERSHIP else config.target
        if name is None:
            self.reading.mistake(
                f"the rule {config.id!r} has no {key}:", f"write '{key}: SLOT'", config.place()
            )
            return ""
        if not self.reading.named(name, self.slots, "slot", config.place(key)):
            return ""
        if kind is not RuleKind.MEMBERSHIP:
            self._check_writable(name, config, key)
        return name

    def _check_writable(self, slot: str, config: RuleConfig, key: str) -> None:
        silo = self.slots[slot].silo
        if not self.configuration.silos[silo].write:
            message = f"the silo {silo!r} is only read, the rule {config.id!r} cannot write to it"
            remedy = f"add 'write: true' to the silo {silo!r}"
            self.reading.mistake(message, remedy, config.place(key))

    def _group(self, config: RuleConfig) -> GroupSpec | None:
        if config.group is None:
            return None
        at = config.place("group", "slot")
        if not self.reading.named(config.group.slot, self.slots, "slot", at):
            return None
        slot = self.slots[config.group.slot]
        silo = self.configuration.silos[slot.silo]
        if silo.types[slot.type].members is None and silo.connector not in self.knowing:
            message = f"the type {slot.type!r} of {slot.silo!r} does not say where members are"
            self.reading.mistake(message, "add 'members: ATTRIBUTE' to the type", at)
        self._check_writable(slot.name, config, "group")
        names = Names(
            slots={BARE: self.known(slot.silo, slot.type)},
            bare=True,
            environment=self.reading.names.environment,
            places=frozenset({Place.ANYWHERE}),
        )
        at = config.place("group", "where")
        where = self.reading.condition(config.group.where, at, names=names)
        return GroupSpec(slot.name, where)

    # --- when ----------------------------------------------------------------------------------

    def _scopes(self, config: RuleConfig, scopes: Scopes) -> list[Compiled]:
        found = []
        for position, name in enumerate(config.scopes):
            at = config.place("scopes", position)
            if self.reading.named(name, scopes.by_name, "scope", at):
                found.append(scopes.by_name[name])
        return found

    def _when(self, config: RuleConfig) -> When:
        if config.when is None:
            return When()
        return self.reading.when(config.when, config.place("when"))

    def _pure(
        self, config: RuleConfig, kind: RuleKind, target: str, conditions: tuple[Node, ...]
    ) -> Compiled:
        state = State.EMPTY if kind is RuleKind.PROVISION else State.FILLED
        first: tuple[Node, ...] = ()
        if target:
            first = (SlotState(target, state, f"{target} {state.value}"),)
        node = conjunction((*first, *conditions))
        at = config.place("when") if config.when is not None else config.place()
        if isinstance(node, Logic) or first:
            return Compiled(node.text, node, "", at.file, at.line)
        return replace(_NOTHING, node=node, source=node.text, file=at.file, line=at.line)

    def _wake(self, config: RuleConfig) -> Compiled | None:
        if config.wake is None:
            return None
        return self.reading.expression(config.wake, config.place("wake"))

    # --- what ----------------------------------------------------------------------------------

    def _names_with(self, place: Place) -> Names:
        return replace(self.reading.names, places=self.reading.names.places | {place})

    def _values(self, config: RuleConfig, key: str, names: Names) -> dict[str, Compiled]:
        given: Mapping[str, ValueConfig] = getattr(config, key)
        slot = self.slots.get(config.target or "")
        known = None if slot is None else self.known(slot.silo, slot.type)
        found = {}
        for name, value in given.items():
            at = config.place(key, name)
            if known is not None:
                self.reading.named(name, known, "attribute", at)
            if value.expression is None:
                found[name] = constant(value.text, file=at.file, line=at.line)
            else:
                found[name] = self.reading.expression(value.expression, at, names=names)
        return found

    def _place(self, config: RuleConfig) -> PlaceSpec | None:
        given = config.place_at
        if given is None:
            return None
        parent = self.reading.expression(given.parent, config.place("place", "parent"))
        rdn = self.reading.expression(given.rdn, config.place("place", "rdn"))
        return PlaceSpec(parent, rdn)

    def _do(self, config: RuleConfig) -> Do | None:
        if config.do is None:
            return None
        what, argument, at = config.do.operation, config.do.argument, config.place("do")
        slot = config.target or ""
        unswitchable = slot in self.slots and slot not in self.reading.switchable
        if what in ("enable", "disable") and unswitchable:
            message = f"the type of {slot} does not say how enabled is stored"
            self.reading.mistake(message, "add 'enabled:' to the type", at)
        if what == "webhook":
            return Do(Operation.EVENT, address=argument)
        compiled = None
        if argument is not None:
            compiled = self.reading.expression(argument, config.place("do", what))
        return Do(Operation(what), compiled)

    # --- guards --------------------------------------------------------------------------------

    def _throttle(self, rule_file: RuleFile, config: RuleConfig) -> timedelta | Compiled | None:
        given = rule_file.throttle_of(config)
        if given is None:
            return None
        return self.reading.span(given, "throttle", rule_file.throttle_place(config))

    def _threshold(self, rule_file: RuleFile, config: RuleConfig) -> ThresholdSpec:
        given = rule_file.threshold_of(config)
        at = rule_file.threshold_place(config, "limit")
        if config.kind == "event" and given.limit is not None and given.limit.is_percent:
            self.reading.mistake(
                f"the event rule {config.id!r} has a percentage as limit",
                "write a number: events have no population",
                at,
            )
        expires = rule_file.threshold_place(config, "expires")
        self._check_attributes(config)
        assert given.limit is not None  # noqa: S101 - threshold_of fills in what is built in
        assert given.expires is not None  # noqa: S101
        assert given.lookback is not None  # noqa: S101
        assert given.clears is not None  # noqa: S101
        assert given.members is not None  # noqa: S101
        return ThresholdSpec(
            limit=given.limit,
            lookback=Lookback(
                span=given.lookback.span,
                suspended=given.lookback.suspended,
                full=given.lookback.full,
            ),
            expires=self.reading.fixed_span(given.expires, "expires", expires),
            on_expiry=given.on_expiry or "clear",
            plan=given.plan,
            template=given.template,
            clears=given.clears,
            least_clears=LEAST_CLEARS,
            members=MembersLimit(limit=given.members.limit, min_size=given.members.min_size),
            attribute=given.attribute or {},
            approve_deletes=given.approve_deletes is True,
        )

    def _check_attributes(self, config: RuleConfig) -> None:
        for name in config.threshold.attribute or {}:
            at = config.place("threshold", "attribute", name)
            self.reading.named(name, config.set, "attribute set by this rule", at)

    def _vips(self, config: RuleConfig) -> tuple[str, ...]:
        names = {vip.name for vip in self.configuration.vip}
        for position, name in enumerate(config.vip):
            self.reading.named(name, names, "VIP rule", config.place("vip", position))
        return config.vip


def _content_hash(rule: Rule, conditions: list[str]) -> str:
    """Hash what an approval binds to: what the rule does to whom, and the environment it reads."""
    argument = None if rule.do is None else rule.do.argument
    content = {
        "kind": rule.kind.value,
        "target": rule.target,
        "conditions": conditions,
        "set": {name: value.normal for name, value in rule.set.items()},
        "clear": sorted(rule.clear_if_missing),
        "place": rule.place and [rule.place.parent.normal, rule.place.rdn.normal],
        "do": rule.do and [rule.do.operation.value, argument and argument.normal, rule.do.address],
        "group": rule.group and [rule.group.slot, rule.group.where.normal],
        "mode": rule.mode,
    }
    text = json.dumps(content, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
