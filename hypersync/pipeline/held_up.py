"""Makes an incident of everybody who may have left and is held up by an ambiguity for a day.

No rule runs for them, so nobody would notice that somebody who left keeps an account. The incident
ends with the ambiguity.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from hypersync.model.ids import IdentityId
from hypersync.model.requests import RequestDraft, RequestKind
from hypersync.model.runs import Run
from hypersync.pipeline.engine import Engine
from hypersync.pipeline.incidents import known_causes, update_incidents
from hypersync.ports.store import UnitOfWork

PATIENCE = timedelta(days=1)
"""How long an ambiguity may hold somebody up before people are told."""

AMBIGUOUS = "ambiguous:"
"""How the causes of these incidents begin."""


def report_held_up(
    engine: Engine,
    unit: UnitOfWork,
    run: Run,
    leavers: Mapping[IdentityId, tuple[str, str]],
    now: datetime,
) -> None:
    """Open the incidents that are due, and end those whose identity is not ambiguous any more."""
    known = known_causes(unit, AMBIGUOUS)
    asked = {*leavers, *(IdentityId(int(each)) for each in known)}
    if not asked:
        return
    since = unit.identities.ambiguous(asked)
    found = {
        str(identity): _incident(run, name, why, since[identity])
        for identity, (name, why) in leavers.items()
        if identity in since and now - since[identity] >= PATIENCE
    }
    lasting = [each for each in known if IdentityId(int(each)) in since]
    update_incidents(unit, AMBIGUOUS, found, now, open_request=engine.open_request, lasting=lasting)


def _incident(run: Run, name: str, why: str, since: datetime) -> RequestDraft:
    return RequestDraft(
        kind=RequestKind.INCIDENT,
        sentence=(
            f"{name} may have left, and no rule runs for them since "
            f"{since:%Y-%m-%d %H:%M} UTC: {why}. Mend the join value, or remove what is too much."
        ),
        count=1,
        run=run.id,
    )
