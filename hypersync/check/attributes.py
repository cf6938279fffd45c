"""What the live schema of a silo says against configuration and rules. Pure.

Attributes that rules and joins read are looked up where expressions are read; here it is what the
types name, and what rules would write although nobody may.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias

from hypersync.model.mistake import Mistake
from hypersync.model.objects import Operation
from hypersync.rulebook.rules import RuleKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hypersync.config.models import Configuration, TypeConfig
    from hypersync.config.rule_models import RuleConfig
    from hypersync.config.source import Place
    from hypersync.model.objects import AttributeSchema
    from hypersync.rulebook.rules import Rule, Rulebook, Slot

Described: TypeAlias = Mapping[str, "AttributeSchema"] | None
Live: TypeAlias = Mapping[tuple[str, str], Described]
"""What each type of each silo that was reached says; ``None`` takes any attribute."""

_SWITCHES = (Operation.ENABLE, Operation.DISABLE)


def attribute_mistakes(
    configuration: Configuration, rulebook: Rulebook, live: Live
) -> Iterator[Mistake]:
    """Yield the attributes that a silo lacks, and those that a rule would write in vain."""
    for name, silo in configuration.silos.items():
        for kind, named in silo.types.items():
            if described := live.get((name, kind)):
                yield from _lacking(f"{name}.{kind}", named, described)
    slots = {slot.name: slot for slot in rulebook.slots}
    for rule_file in configuration.rule_files:
        for config in rule_file.rules:
            rule = rulebook.rule(config.id)
            if rule is not None:
                yield from _read_only(configuration, config, rule, slots, live)


def _lacking(
    where: str, config: TypeConfig, described: Mapping[str, AttributeSchema]
) -> Iterator[Mistake]:
    named: list[tuple[str, Place]] = [
        (each, config.place("attributes", number)) for number, each in enumerate(config.attributes)
    ]
    if config.members is not None:
        named.append((config.members, config.place("members")))
    if config.enabled is not None:
        named.append((config.enabled.attribute, config.enabled.place("attribute")))
    for name, place in named:
        if name != "dn" and _found(described, name) is None:
            message = f"{where} has no attribute {name!r}"
            yield Mistake(message, "see `hypersync silo discover`", place.file, place.line)


def _read_only(
    configuration: Configuration,
    config: RuleConfig,
    rule: Rule,
    slots: Mapping[str, Slot],
    live: Live,
) -> Iterator[Mistake]:
    for slot_name, attribute, place in _written(configuration, config, rule, slots):
        slot = slots.get(slot_name)
        described = None if slot is None else live.get((slot.silo, slot.type))
        found = None if described is None else _found(described, attribute)
        if slot is not None and found is not None and found.read_only:
            message = (
                f"the rule {rule.id!r} writes {attribute!r}, which is read-only in {slot.silo!r}"
            )
            remedy = "leave it out; the silo itself sets it"
            yield Mistake(message, remedy, place.file, place.line)


def _written(
    configuration: Configuration, config: RuleConfig, rule: Rule, slots: Mapping[str, Slot]
) -> Iterator[tuple[str, str, Place]]:
    """Yield slot, attribute and place of everything that a rule writes."""
    for part, names in (("set", rule.set), ("once", rule.once)):
        yield from ((rule.target, name, config.place(part, name)) for name in names)
    target = slots.get(rule.target)
    switched = target.enabled if target is not None else None
    if rule.do is not None and rule.do.operation in _SWITCHES and switched is not None:
        yield rule.target, switched.attribute, config.place("do")
    group = slots.get(rule.group.slot) if rule.group is not None else None
    if rule.kind is RuleKind.MEMBERSHIP and group is not None:
        members = configuration.silos[group.silo].types[group.type].members
        if members is not None:
            yield group.name, members, config.place("group")


def _found(described: Mapping[str, AttributeSchema], name: str) -> AttributeSchema | None:
    """Return an attribute by its name; directories do not care about its case."""
    exact = described.get(name)
    if exact is not None:
        return exact
    return next((each for each in described.values() if each.name.lower() == name.lower()), None)
