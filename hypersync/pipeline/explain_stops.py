"""Adds to a judgement what the stopped actions of each rule share.

Only what was stopped for its volume is looked at: a VIP action is asked about for itself.
"""

from __future__ import annotations

from datetime import datetime

from hypersync.pipeline.causes.common import Ground, common_causes
from hypersync.pipeline.collect import Candidate
from hypersync.pipeline.engine import Engine
from hypersync.pipeline.judgement import Judgement


def explain_stops(engine: Engine, judgement: Judgement, now: datetime) -> None:
    """Look for the common causes; an error in it is one of the run's, and stops nothing."""
    stopped: dict[str, list[Candidate]] = {}
    for each in judgement.suspended:
        if judgement.stops[each.id].vip is None:
            stopped.setdefault(each.draft.rule.id, []).append(each)
    ground = Ground(
        store=engine.store,
        rulebook=engine.rulebook,
        files=engine.files,
        unsaid=engine.guards.unsaid,
        now=now,
    )
    judgement.causes, errors = common_causes(ground, stopped)
    judgement.errors += errors
    for rule, common in judgement.causes.items():
        judgement.reports[rule].cause = common.cause.text
