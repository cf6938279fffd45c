"""What is going on, in one answer: what waits, how the last runs went, what all must know."""

from __future__ import annotations

from datetime import datetime

from flask import Response
from pydantic import BaseModel, Field

from hypersync.audit.state import chain_state
from hypersync.insight.dashboard import open_requests
from hypersync.insight.notices import Severity, notices
from hypersync.model.actions import ActionState
from webui.api.answers import answer
from webui.api.routes import Routes
from webui.api.runs import RunOut, run_out

_RUNS = 5


class NoticeOut(BaseModel):
    """One thing that everybody is to know."""

    severity: Severity
    text: str
    run: str | None


class WaitingOut(BaseModel):
    """What waits for people."""

    requests: int
    actions: int
    oldest: str | None = Field(description="The request that waits longest.")
    next_to_expire: str | None
    next_expires_at: datetime | None


class SealedOut(BaseModel):
    """How far the audit trail is sealed."""

    number: int
    unsealed: int
    sealed_at: datetime | None


class DashboardOut(BaseModel):
    """What is going on."""

    installation: str
    environment: str
    now: datetime
    waiting: WaitingOut
    queued: int = Field(description="Actions that wait to be carried out.")
    runs: list[RunOut] = Field(description="The newest runs.")
    notices: list[NoticeOut]
    audit: SealedOut


def add_to(routes: Routes) -> None:
    """Add the call about what is going on."""
    app = routes.app

    @routes.get("/dashboard", DashboardOut, tag="dashboard")
    def get_dashboard() -> Response:
        """Return what is going on."""
        now, configuration = app.clock.now(), app.configuration
        with app.store.snapshot() as unit:
            waiting = open_requests(unit)
            ending = waiting.next_expiring
            has_sign_in = configuration.sign_in is not None
            told = list(notices(unit, app.engine, now, has_sign_in=has_sign_in))
            found = DashboardOut(
                installation=configuration.installation,
                environment=configuration.environment_name,
                now=now,
                waiting=WaitingOut(
                    requests=waiting.count,
                    actions=unit.actions.count(ActionState.SUSPENDED),
                    oldest=None if waiting.oldest is None else waiting.oldest.id,
                    next_to_expire=None if ending is None else ending.id,
                    next_expires_at=None if ending is None else ending.expires_at,
                ),
                queued=unit.actions.count(ActionState.QUEUED),
                runs=[run_out(each) for each in unit.runs.recent(_RUNS)],
                notices=[
                    NoticeOut(severity=each.severity, text=each.text, run=each.run) for each in told
                ],
                audit=_sealed(routes),
            )
        return answer(found)


def _sealed(routes: Routes) -> SealedOut:
    state = chain_state(routes.app.store)
    return SealedOut(number=state.head.number, unsealed=state.unsealed, sealed_at=state.sealed_at)
