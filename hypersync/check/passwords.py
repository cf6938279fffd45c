"""Initial passwords that nobody would keep: made by a rule, for a silo that hands none over. Pure.

Only a warning, since a password may be set by other means before its account is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypersync.model.mistake import Level, Mistake
from hypersync.rulebook.explain import makes_password

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hypersync.config.models import Configuration
    from hypersync.rulebook.rules import Rulebook


def password_mistakes(configuration: Configuration, rulebook: Rulebook) -> Iterator[Mistake]:
    """Yield the rules whose initial passwords are known to nobody."""
    slots = {join.slot: join.silo for join in configuration.joins}
    for rule_file in configuration.rule_files:
        for config in rule_file.rules:
            rule = rulebook.rule(config.id)
            silo = slots.get(config.target or "")
            if rule is None or silo is None or not configuration.silos[silo].write:
                continue
            if configuration.silos[silo].initial_password is not None:
                continue
            if any(makes_password(each) for each in rule.once.values()):
                message = f"nobody gets the initial passwords that {config.id!r} makes"
                remedy = f"say who keeps them with 'initial_password:' of the silo {silo!r}"
                place = config.place("once")
                yield Mistake(message, remedy, place.file, place.line, Level.WARNING)
