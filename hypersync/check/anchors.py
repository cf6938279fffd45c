"""Rules that create objects without the anchor that nobody but they can give them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from hypersync.connectors import registry
from hypersync.connectors.settings import TypeOptions
from hypersync.errors import HyperSyncError
from hypersync.model.mistake import Mistake
from hypersync.rulebook.rules import RuleKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hypersync.config.models import Configuration, SiloConfig
    from hypersync.rulebook.rules import Rulebook


def anchor_mistakes(configuration: Configuration, rulebook: Rulebook) -> Iterator[Mistake]:
    """Yield the rules all of whose creates would fail, because they lack the anchor."""
    slots = {slot.name: slot for slot in rulebook.slots}
    to_set = {name: _to_set(silo) for name, silo in configuration.silos.items()}
    for rule_file in configuration.rule_files:
        for config in rule_file.rules:
            rule = rulebook.rule(config.id)
            slot = None if rule is None else slots.get(rule.target)
            if rule is None or slot is None or rule.kind is not RuleKind.PROVISION:
                continue
            anchor = to_set[slot.silo].get(slot.type)
            is_set = anchor in {*rule.set, *rule.once} or (anchor == "dn" and rule.place)
            if anchor is not None and not is_set:
                place = config.place("id")
                message = (
                    f"the rule {rule.id!r} creates {slot.silo}/{slot.type} without "
                    f"{anchor!r}, the anchor"
                )
                yield Mistake(message, f"let it set {anchor!r}", place.file, place.line)


def _to_set(config: SiloConfig) -> Mapping[str, str]:
    """Return the anchors that rules have to set in a silo, by type; none where nobody can tell."""
    try:
        model = registry.lookup(config.connector).options
        options = model.model_validate(config.connector_options())
    except (HyperSyncError, ValidationError):
        return {}  # said of its options
    types = getattr(options, "types", {})
    return {
        name: kind.anchor
        for name, kind in types.items()
        if isinstance(kind, TypeOptions) and kind.anchor is not None and not kind.gives_anchor
    }
