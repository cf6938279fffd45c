"""Make the rulebook of a project: compile every expression, check every name. Pure.

All mistakes are reported at once. What one part of the configuration says about another besides
expressions (silos, plans, people) was checked before, in `hypersync.config`; it is not said twice.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeAlias

from hypersync.errors import ConfigurationError
from hypersync.model.mistake import Level, Mistake
from hypersync.model.objects import KNOWN_SWITCHES, EnabledSpec, Operation
from hypersync.rulebook.compatible import rule_mistakes
from hypersync.rulebook.joins import JoinRule, normal_key
from hypersync.rulebook.names import Names
from hypersync.rulebook.nodes import BARE, Call, Node, SlotState, State, walk
from hypersync.rulebook.reading import Reading, attributes_named
from hypersync.rulebook.registry import Place
from hypersync.rulebook.rule_reading import RuleReader, Scopes
from hypersync.rulebook.rules import Rule, Rulebook, RuleKind, Slot, VipRule
from hypersync.rulebook.written import expressions_of, text_hash

if TYPE_CHECKING:
    from hypersync.config.models import Configuration, JoinConfig, SiloConfig, TypeConfig

Schemas: TypeAlias = Mapping[tuple[str, str], frozenset[str] | None]
"""The attributes of each (silo, type) that is known; ``None`` means that any may be there."""

KNOW_ENABLED: Final = frozenset(KNOWN_SWITCHES)
"""Connectors that know by themselves how enabled and members are stored."""


def load_rulebook(
    configuration: Configuration,
    environment: Mapping[str, str] | None = None,
    *,
    schemas: Schemas | None = None,
) -> Rulebook:
    """Return the rulebook; raises `ConfigurationError` with every mistake in it.

    ``environment`` takes the place of the configuration's own when given.
    """
    rulebook, mistakes = examine_rulebook(configuration, environment, schemas=schemas)
    errors = [mistake for mistake in mistakes if mistake.level is Level.ERROR]
    if errors:
        raise ConfigurationError(errors)
    return rulebook


def examine_rulebook(
    configuration: Configuration,
    environment: Mapping[str, str] | None = None,
    *,
    schemas: Schemas | None = None,
) -> tuple[Rulebook, list[Mistake]]:
    """Return the rulebook and all mistakes; with an error among them it must not be used."""
    loader = _Loader(
        configuration, configuration.environment if environment is None else environment, schemas
    )
    rulebook = loader.load()
    unique = dict.fromkeys(loader.reading.mistakes)
    return rulebook, sorted(unique, key=lambda mistake: (mistake.file, mistake.line))


class _Loader:
    def __init__(
        self,
        configuration: Configuration,
        environment: Mapping[str, str],
        schemas: Schemas | None,
    ) -> None:
        self.configuration = configuration
        self.environment = environment
        self.schemas = schemas or {}
        self.slots = self._slots()
        self.reading = Reading(
            Names(
                slots={slot.name: self._known(slot.silo, slot.type) for slot in self.slots},
                environment=environment,
                tables=configuration.tables,
            ),
            switchable=frozenset(slot.name for slot in self.slots if self._is_switchable(slot)),
        )

    def load(self) -> Rulebook:
        joins = tuple(self._join(index, each) for index, each in enumerate(self._usable_joins()))
        vips = tuple(
            VipRule(
                index=index,
                name=vip.name,
                when=self.reading.condition(vip.when, vip.place("when")),
                expires=self.reading.fixed_span(vip.expires, "expires", vip.place("expires")),
                plan=vip.plan,
                on_expiry=vip.on_expiry,
                attributes=frozenset(vip.attributes),
                is_global=vip.is_global,
            )
            for index, vip in enumerate(self.configuration.vip)
        )
        rules = self._rules()
        self.reading.mistakes += rule_mistakes(self.configuration)
        decoded = self._decoded(rules, vips)
        return Rulebook(
            revision=self._revision(rules),
            slots=self.slots,
            joins=joins,
            rules=rules,
            vips=vips,
            tables=self.configuration.tables,
            environment=self.environment,
            attributes=self._attributes(joins, rules, decoded),
            decoded=decoded,
        )

    # --- slots and joins -----------------------------------------------------------------------

    def _slots(self) -> tuple[Slot, ...]:
        found: dict[str, Slot] = {}
        for join in self._usable_joins():
            silo = self.configuration.silos[join.silo]
            slot = Slot(
                name=join.slot,
                silo=join.silo,
                type=join.type,
                enabled=_enabled(silo, silo.types[join.type]),
                exact=join.exact,
            )
            found.setdefault(join.slot, slot)
        return tuple(found.values())

    def _usable_joins(self) -> list[JoinConfig]:
        silos = self.configuration.silos
        return [
            join
            for join in self.configuration.joins
            if join.silo in silos and join.type in silos[join.silo].types
        ]

    def _silo(self, slot: Slot) -> SiloConfig:
        return self.configuration.silos[slot.silo]

    def _is_switchable(self, slot: Slot) -> bool:
        return slot.enabled is not None

    def _knows_enabled(self, slot: Slot) -> bool:
        """Tell whether the connector itself reads the enabled state, of the types that have one."""
        return slot.enabled is KNOWN_SWITCHES.get(self._silo(slot).connector)

    def _known(self, silo: str, kind: str) -> frozenset[str] | None:
        known = self.schemas.get((silo, kind))
        return None if known is None else known | {"dn"}

    def _join(self, index: int, join: JoinConfig) -> JoinRule:
        names = Names(
            slots={BARE: self._known(join.silo, join.type)},
            bare=True,
            environment=self.environment,
            places=frozenset({Place.ANYWHERE}),
        )
        value = where = None
        if join.value is not None:
            value = self.reading.expression(join.value, join.place("value"), names=names)
        if join.where is not None:
            where = self.reading.condition(join.where, join.place("where"), names=names)
        return JoinRule(
            index=index,
            slot=join.slot,
            silo=join.silo,
            type=join.type,
            value=value,
            where=where,
            never_join=frozenset(normal_key(each, exact=join.exact) for each in join.never_join),
            exact=join.exact,
            none=join.join is not None,
        )

    # --- rules ---------------------------------------------------------------------------------

    def _rules(self) -> tuple[Rule, ...]:
        rules: list[Rule] = []
        slots = {slot.name: slot for slot in self.slots}
        reader = RuleReader(self.configuration, self.reading, slots, self._known, KNOW_ENABLED)
        for rule_file in self.configuration.rule_files:
            scopes = Scopes(
                {
                    name: self.reading.condition(source, rule_file.place("scopes", name))
                    for name, source in rule_file.scopes.items()
                }
            )
            for config in rule_file.rules:
                rule = reader.read(len(rules), rule_file, config, scopes)
                if config.enabled:
                    said = text_hash(rule, config, rule_file, self.configuration.tables)
                    rules.append(replace(rule, text_hash=said))
        return tuple(rules)

    # --- what is read --------------------------------------------------------------------------

    def _decoded(self, rules: Iterable[Rule], vips: Iterable[VipRule]) -> dict[str, frozenset[str]]:
        found: defaultdict[str, set[str]] = defaultdict(set)
        specs = {slot.name: slot.enabled for slot in self.slots}
        for node in [*(vip.when.node for vip in vips), *_nodes(rules)]:
            for slot, names in attributes_named([node]).items():
                found[slot] |= names
            for each in walk(node):
                spec = specs.get(each.slot) if isinstance(each, SlotState) else None
                if spec is not None and each.state is State.ENABLED:  # type: ignore[union-attr]
                    found[each.slot].add(spec.attribute)  # type: ignore[union-attr]
        for rule in rules:
            if rule.kind is RuleKind.UPDATE:
                found[rule.target] |= set(rule.set)
        return {slot.name: frozenset(found[slot.name]) for slot in self.slots}

    def _attributes(
        self,
        joins: Iterable[JoinRule],
        rules: Iterable[Rule],
        decoded: Mapping[str, frozenset[str]],
    ) -> dict[tuple[str, str], frozenset[str]]:
        found: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        keys = {slot.name: (slot.silo, slot.type) for slot in self.slots}
        for slot in self.slots:
            found[slot.silo, slot.type] |= decoded[slot.name]
            if slot.enabled is not None and not self._knows_enabled(slot):
                found[slot.silo, slot.type].add(slot.enabled.attribute)
        for join in joins:
            nodes = [each.node for each in (join.value, join.where) if each is not None]
            found[join.silo, join.type] |= attributes_named(nodes).get(BARE, set())
        for rule in rules:
            if rule.group is not None and rule.group.slot in keys:
                named = attributes_named([rule.group.where.node]).get(BARE, set())
                found[keys[rule.group.slot]] |= named
            if rule.target in keys:
                found[keys[rule.target]] |= {*rule.set, *_kept(rule), *_moved(rule)}
        return {key: frozenset(names) for key, names in found.items()}

    def _revision(self, rules: Iterable[Rule]) -> str:
        configuration = self.configuration
        decides = configuration.model_dump(
            mode="json", include={"joins", "tables", "vip", "guards", "rule_files"}
        )
        switches = {slot.name: str(slot.enabled) for slot in self.slots}
        contents = [rule.content_hash for rule in rules]
        return digest([decides, dict(self.environment), switches, contents])


def digest(value: object) -> str:
    """Return a short hash of anything that can be written as JSON."""
    text = json.dumps(value, sort_keys=True, default=str, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _enabled(silo: SiloConfig, kind: TypeConfig) -> EnabledSpec | None:
    spec = kind.enabled
    if spec is None:
        return KNOWN_SWITCHES.get(silo.connector)
    return EnabledSpec(spec.attribute, spec.when_on, spec.when_off)


def _kept(rule: Rule) -> set[str]:
    """Return the attributes under ``once`` that can be read again; a password cannot."""
    return {
        name
        for name, expression in rule.once.items()
        if not any(
            isinstance(each, Call) and each.function.name == "initial_password"
            for each in walk(expression.node)
        )
    }


def _moved(rule: Rule) -> set[str]:
    moves = rule.do is not None and rule.do.operation in (Operation.MOVE, Operation.RENAME)
    return {"dn"} if moves or rule.place is not None else set()


def _nodes(rules: Iterable[Rule]) -> list[Node]:
    """Return every expression of the rules that is evaluated over slots."""
    return [each.node for rule in rules for each in expressions_of(rule)]
