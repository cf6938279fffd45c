"""What fits together in a rule, and between rules: kinds, duplicate ids, contested attributes.

Pure. Nothing here needs a compiled expression.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from hypersync.model.mistake import Mistake

if TYPE_CHECKING:
    from hypersync.config.models import Configuration
    from hypersync.config.rule_models import RuleConfig, RuleFile

_OPERATIONS: Final = {
    "provision": (),
    "update": ("enable", "move", "rename"),
    "deprovision": ("disable", "delete", "move"),
    "membership": (),
    "event": ("webhook",),
}
_KEYS: Final = {
    "target": ("provision", "update", "deprovision"),
    "place": ("provision",),
    "required": ("provision",),
    "once": ("provision",),
    "set": ("provision", "update"),
    "clear_if_missing": ("update",),
    "precedence": ("update",),
    "group": ("membership",),
    "member": ("membership",),
    "mode": ("membership",),
    "repeatable": ("event",),
}


def rule_mistakes(configuration: Configuration) -> Iterator[Mistake]:
    """Yield everything that does not fit."""
    pairs = [(each, rule) for each in configuration.rule_files for rule in each.rules]
    yield from _duplicates(pairs)
    for _, rule in pairs:
        yield from _keys(rule)
        yield from _operation(rule)
        yield from _content(rule)
    yield from _contested([rule for _, rule in pairs if rule.enabled])


def _mistake(rule: RuleConfig, message: str, remedy: str, *path: str | int) -> Mistake:
    place = rule.place(*path)
    return Mistake(message, remedy, place.file, place.line)


def _duplicates(pairs: list[tuple[RuleFile, RuleConfig]]) -> Iterator[Mistake]:
    first: dict[str, RuleConfig] = {}
    for _, rule in pairs:
        other = first.setdefault(rule.id, rule)
        if other is not rule:
            where = f"{other.place().file}:{other.place().line}"
            message = f"there is already a rule {rule.id!r} in {where}"
            yield _mistake(rule, message, "choose another id", "id")


def _keys(rule: RuleConfig) -> Iterator[Mistake]:
    for key, kinds in _KEYS.items():
        if rule.is_set(key) and rule.kind not in kinds:
            message = f"a rule of kind {rule.kind} has no {key}:"
            yield _mistake(rule, message, f"{key}: is for kind {' or '.join(kinds)}", key)


def _operation(rule: RuleConfig) -> Iterator[Mistake]:
    allowed = _OPERATIONS[rule.kind]
    if rule.do is not None and rule.do.operation not in allowed:
        kinds = [
            kind for kind, operations in _OPERATIONS.items() if rule.do.operation in operations
        ]
        message = f"a rule of kind {rule.kind} cannot {rule.do.operation}"
        yield _mistake(rule, message, f"write 'kind: {' or '.join(kinds)}'", "do")


def _content(rule: RuleConfig) -> Iterator[Mistake]:
    lacks = _lacks(rule)
    if lacks is not None:
        yield _mistake(rule, f"the rule {rule.id!r} {lacks[0]}", lacks[1])
    if rule.kind in ("deprovision", "event") and rule.when is None and not rule.scopes:
        message = f"the rule {rule.id!r} has neither scopes nor when: and would take everything"
        yield _mistake(rule, message, "add when:")
    yield from _unset(rule, "clear_if_missing", rule.clear_if_missing, {*rule.set})
    yield from _unset(rule, "required", rule.required, {*rule.set, *rule.once})


def _lacks(rule: RuleConfig) -> tuple[str, str] | None:
    """Say what a rule of this kind needs and does not have, and what to write."""
    match rule.kind:
        case "provision" if not (rule.set or rule.once):
            return "sets nothing", "add set:"
        case "update" if bool(rule.set) == (rule.do is not None):
            return "must either set attributes or do something", "write set: or do:"
        case "deprovision" | "event" if rule.do is None:
            return "does nothing", f"write do: with {' or '.join(_OPERATIONS[rule.kind])}"
        case "membership" if rule.group is None:
            return "has no group:", "write group: {slot: ..., where: ...}"
        case _:
            return None


def _unset(
    rule: RuleConfig, key: str, names: tuple[str, ...], given: set[str]
) -> Iterator[Mistake]:
    for position, name in enumerate(names):
        if name not in given:
            message = f"{name!r} stands in {key}: but the rule does not set it"
            yield _mistake(rule, message, "add it to set:", key, position)


def _contested(rules: list[RuleConfig]) -> Iterator[Mistake]:
    """Find attributes that several update rules write without saying which one wins."""
    writers: defaultdict[tuple[str, str], list[RuleConfig]] = defaultdict(list)
    for rule in rules:
        for name in rule.set if rule.kind == "update" else ():
            writers[rule.target or "", name].append(rule)
    for (slot, name), several in writers.items():
        for rule in several if len(several) > 1 else ():
            others = [each for each in several if each is not rule]
            message = f"{slot}.{name} is also set by {', '.join(repr(each.id) for each in others)}"
            if rule.precedence is None:
                message += ", and this rule has no precedence"
                yield _mistake(rule, message, "add 'precedence: 10'; higher wins", "set", name)
            elif any(each.precedence == rule.precedence for each in others):
                message += f" with the same precedence {rule.precedence}"
                yield _mistake(rule, message, "choose another number", "precedence")
