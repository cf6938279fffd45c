"""What a rule says, all of it: the hash by which a change of the rule is known. Pure.

Unlike what approvals bind to, guards are in it, for raising a threshold is changing the rule. What
is only shown or only names people to tell (``owner``, ``on_failure``, a mail template), comments
and spacing are not in it, nor is it whether a threshold is written down or built in.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from hypersync.config.rule_models import BUILT_IN_THRESHOLD
from hypersync.rulebook.nodes import Call, Compiled, Constant, walk
from hypersync.rulebook.rules import Rule

if TYPE_CHECKING:
    from hypersync.config.rule_models import RuleConfig, RuleFile


def text_hash(
    rule: Rule, config: RuleConfig, rule_file: RuleFile, tables: Mapping[str, Mapping[str, str]]
) -> str:
    """Hash a rule with its guards in force and the tables and environment values it reads."""
    expressions = expressions_of(rule)
    said = {
        "content": rule.content_hash,
        "expressions": [each.normal for each in expressions],
        "once": sorted(rule.once),
        "required": sorted(rule.required),
        "precedence": rule.precedence,
        "simulate": rule.simulate,
        "repeatable": rule.repeatable,
        "vip": sorted(rule.vips),
        "throttle": _span(rule.throttle),
        "threshold": _threshold(config, rule_file),
        "expires": _span(rule.threshold.expires),
        "tables": {name: dict(tables[name]) for name in _tables_of(rule) if name in tables},
    }
    text = json.dumps(said, sort_keys=True, default=str, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def expressions_of(rule: Rule) -> list[Compiled]:
    """Return every expression of a rule that is evaluated over slots."""
    found = [rule.pure, rule.counting, *rule.set.values(), *rule.once.values(), rule.wake]
    if rule.place is not None:
        found += [rule.place.parent, rule.place.rdn]
    if rule.do is not None:
        found.append(rule.do.argument)
    if not (rule.throttle is None or isinstance(rule.throttle, timedelta)):
        found.append(rule.throttle)
    return [each for each in found if each is not None]


def _threshold(config: RuleConfig, rule_file: RuleFile) -> dict[str, object]:
    """Return what the threshold in force has besides what is built in."""
    built_in = BUILT_IN_THRESHOLD.model_dump(mode="json")
    given = rule_file.threshold_of(config).model_dump(mode="json", exclude={"template", "expires"})
    return {name: value for name, value in given.items() if value != built_in[name]}


def _span(given: timedelta | Compiled | None) -> str | None:
    if isinstance(given, Compiled):
        return given.normal
    return None if given is None else str(given)


def _tables_of(rule: Rule) -> set[str]:
    nodes = [each.node for each in expressions_of(rule)]
    if rule.group is not None:
        nodes.append(rule.group.where.node)
    return {
        str(each.arguments[0].value)
        for node in nodes
        for each in walk(node)
        if isinstance(each, Call)
        and each.function.name == "table"
        and isinstance(each.arguments[0], Constant)
    }
