"""Every mistake of a project at once: configuration, rules, templates, silos, limits.

Each stage goes on after another failed where it can. Warnings are mistakes too, of another level:
they stop nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypersync.check.anchors import anchor_mistakes
from hypersync.check.attributes import attribute_mistakes
from hypersync.check.contradictions import contradictions
from hypersync.check.limits import limit_mistakes
from hypersync.check.passwords import password_mistakes
from hypersync.check.schedules import schedule_mistakes
from hypersync.check.silos import option_mistakes, silo_mistakes
from hypersync.config.load import examine_configuration
from hypersync.messages.examine import template_mistakes
from hypersync.model.mistake import Level
from hypersync.rulebook.load import examine_rulebook

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hypersync.check.attributes import Described
    from hypersync.config.models import Configuration
    from hypersync.model.mistake import Mistake


def check(
    path: Path | None,
    env: str | None,
    *,
    offline: bool,
    process_environment: Mapping[str, str],
) -> tuple[Configuration | None, list[Mistake]]:
    """Return the configuration, if there is one, and everything wrong with the project.

    ``offline`` leaves the silos and the database alone. The mistakes are in the order of the files
    and lines.
    """
    configuration, mistakes = examine_configuration(
        path, env, process_environment=process_environment
    )
    if configuration is not None:
        live: dict[tuple[str, str], Described] = {}
        for name, silo in configuration.silos.items():
            found = list(option_mistakes(configuration, name, silo, offline=offline))
            mistakes += found
            if not found and not offline:
                mistakes += silo_mistakes(configuration, name, live)
        schemas = {key: None if each is None else frozenset(each) for key, each in live.items()}
        rulebook, found_in_rules = examine_rulebook(configuration, schemas=schemas)
        mistakes += found_in_rules
        if all(mistake.level is Level.WARNING for mistake in found_in_rules):
            mistakes += anchor_mistakes(configuration, rulebook)
            mistakes += attribute_mistakes(configuration, rulebook, live)
            mistakes += contradictions(configuration, rulebook)
            mistakes += password_mistakes(configuration, rulebook)
            mistakes += schedule_mistakes(configuration, rulebook)
        mistakes += template_mistakes(configuration)
        if not offline:
            mistakes += limit_mistakes(configuration)
    return configuration, _in_order(mistakes)


def _in_order(mistakes: list[Mistake]) -> list[Mistake]:
    unique = dict.fromkeys(mistakes)
    return sorted(unique, key=lambda mistake: (mistake.file, mistake.line))
