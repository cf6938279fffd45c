"""What the database says about the limits of rules: on a large silo none may be above the ceiling.

A percentage above it is refused here; a number is warned about, because it may fit tomorrow. In
a run both are reduced to the ceiling, with an error. While an unlock key for their silo is in force
both stand, and are warned about. A project that never ran has nothing to say.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from hypersync.clock import SystemClock
from hypersync.errors import HyperSyncError, StoreError, StoreNewer, StoreOlder
from hypersync.model.mistake import Level, Mistake
from hypersync.model.verdicts import RuleLimits
from hypersync.pipeline.limits import limit_in_force
from hypersync.pipeline.unlock import unlocks
from hypersync.store import schema
from hypersync.store.engine import open_engine
from hypersync.store.place import is_closed
from hypersync.store.unit import Store

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy import Engine

    from hypersync.config.models import Configuration
    from hypersync.config.rule_models import RuleConfig, RuleFile
    from hypersync.pipeline.unlock import Unlocks


def limit_mistakes(configuration: Configuration) -> list[Mistake]:
    """Return the limits above the ceiling, and what is wrong with the database itself."""
    file = configuration.database_file
    place = configuration.place("database")
    try:
        if file is not None and (closed := is_closed(file)) is not None:
            raise StoreError(closed)
        if file is not None and not file.exists():
            return []
        engine = open_engine(configuration.database_url)
        try:
            return _examine(configuration, engine)
        finally:
            engine.dispose()
    except (HyperSyncError, SQLAlchemyError, ImportError) as error:
        said = str(error).split("\n")[0].replace("the database refused:", "the database:", 1)
        reason, _, known = said.partition("; ")
        remedy = f"{known or 'mend the database or its address'}, or leave this out with --offline"
        return [Mistake(reason, remedy, place.file, place.line)]


def _examine(configuration: Configuration, engine: Engine) -> list[Mistake]:
    place = configuration.place("database")
    if schema.current(engine) is None:
        return []
    try:
        schema.prepare(engine)
    except (StoreOlder, StoreNewer) as error:
        message, _, remedy = error.message.partition("; ")
        level = Level.WARNING if isinstance(error, StoreOlder) else Level.ERROR
        return [Mistake(message, remedy, place.file, place.line, level)]
    with Store(engine).snapshot() as unit:
        live = {(each.silo, each.name): each.live for each in unit.scans.types()}
        keys = unlocks(unit, configuration.lock, SystemClock().now())
    return [
        mistake
        for rule_file in configuration.rule_files
        for rule in rule_file.rules
        if rule.enabled
        for mistake in _rule(configuration, rule_file, rule, live, keys)
    ]


def _rule(
    configuration: Configuration,
    rule_file: RuleFile,
    rule: RuleConfig,
    live: Mapping[tuple[str, str], int],
    keys: Unlocks,
) -> Iterator[Mistake]:
    slot = rule.member if rule.kind == "membership" else rule.target
    types = {join.slot: (join.silo, join.type) for join in configuration.joins}
    limit = rule_file.threshold_of(rule).limit
    if slot not in types or limit is None:
        return
    silos: Counter[str] = Counter()
    for (silo, _), count in live.items():
        silos[silo] += count
    silo, _ = types[slot]
    population = live.get(types[slot], 0)
    limits = RuleLimits(limit=limit, population=population, silo_population=silos[silo])
    if not limit_in_force(limits).error:
        return
    place = rule_file.threshold_place(rule, "limit")
    message = f"the limit {limit} is above the ceiling of 5%, which holds for large silos"
    remedy = (
        f"{silo!r} has {silos[silo]} live objects; write 5% or less, or have an unlock key "
        "issued and applied with `hypersync unlock apply`"
    )
    level = Level.ERROR if limit.is_percent else Level.WARNING
    written = {silo} if rule.group is None else {silo, types.get(rule.group.slot, (silo, ""))[0]}
    lifted = keys.lift(rule.id, written, limits)
    if lifted.uses:
        message += f"; it stands{lifted.how}"
        remedy = "`hypersync unlock list` says until when; then it is reduced to 5%"
        level = Level.WARNING
    yield Mistake(message, remedy, place.file, place.line, level)
