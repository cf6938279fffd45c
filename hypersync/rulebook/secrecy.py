"""What of a rulebook is hidden: which of its rules and join values read secrets. Pure.

It is decided on what expressions were read into, not on how they are written. Failure direction:
an expression that cannot be looked into reads a secret.
"""

from __future__ import annotations

from collections.abc import Iterable

from hypersync.model.secrecy import Hidden
from hypersync.rulebook.explain import makes_password
from hypersync.rulebook.nodes import Compiled, Environment, Node, SlotState, State, walk
from hypersync.rulebook.reading import attributes_named
from hypersync.rulebook.rules import JoinRule, Rule, Rulebook, RuleKind
from hypersync.rulebook.written import expressions_of


def hidden_in(rulebook: Rulebook, unsaid: frozenset[str]) -> Hidden:
    """Return what is hidden; ``unsaid`` are names in lower case of which nothing is to be said."""
    slots = {slot.name: (slot.silo, slot.type) for slot in rulebook.slots}
    names = Hidden(
        unsaid=unsaid,
        passwords=frozenset(
            (*slots[rule.target], name)
            for rule in rulebook.rules
            if rule.target in slots
            for name, made in rule.once.items()
            if makes_password(made)
        ),
    )

    def is_open(read: Iterable[str]) -> bool:
        return not any(names.hides_anywhere(each) for each in read)

    closed = [each for each in rulebook.rules if not is_open(_read_by(each, rulebook))]
    rules = {each.id for each in rulebook.rules if not _quotes(each, closed)}
    vips = {
        f"vip:{vip.name}" for vip in rulebook.vips if is_open(names_read([vip.when.node], rulebook))
    }
    return Hidden(
        unsaid=names.unsaid,
        passwords=names.passwords,
        open_rules=frozenset(rules | vips),
        keys=any(not is_open(_read_by_key(join, rulebook)) for join in rulebook.joins),
    )


def names_read(nodes: Iterable[Node], rulebook: Rulebook) -> frozenset[str]:
    """Return the attributes and environment variables that expressions read, whatever the slot."""
    roots = list(nodes)
    found = {name for names in attributes_named(roots).values() for name in names}
    enabled = {slot.name: slot.enabled for slot in rulebook.slots}
    for root in roots:
        for node in walk(root):
            if isinstance(node, Environment):
                found.add(node.name)
            elif isinstance(node, SlotState) and node.state is State.ENABLED:
                spec = enabled.get(node.slot)
                found |= set() if spec is None else {spec.attribute}
    return frozenset(found)


def _quotes(rule: Rule, closed: Iterable[Rule]) -> bool:
    """Tell whether errors of a rule are those of such a rule: its own, or of a stronger one."""
    return any(
        rule is each or (rule.target == each.target and not each.set.keys().isdisjoint(rule.set))
        for each in closed
    )


def _read_by(rule: Rule, rulebook: Rulebook) -> frozenset[str]:
    """Return what a rule reads; of what it sets it reads what is there, to compare."""
    asked = expressions_of(rule)
    if rule.group is not None:
        asked.append(rule.group.where)
    if isinstance(rule.threshold.expires, Compiled):
        asked.append(rule.threshold.expires)
    held = frozenset(rule.set) if rule.kind is RuleKind.UPDATE else frozenset()
    return held | names_read([each.node for each in asked], rulebook)


def _read_by_key(join: JoinRule, rulebook: Rulebook) -> frozenset[str]:
    return frozenset() if join.value is None else names_read([join.value.node], rulebook)
