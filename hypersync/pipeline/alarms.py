"""Tells people that a directory was set back: one incident, whichever streams found it.

What happened then cannot be undone by a scan, so the incident ends by itself: with the first scan
after a day that finds nothing of the kind. Until then nobody is told a second time.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from hypersync.errors import CursorLost
from hypersync.model.requests import RequestDraft, RequestKind
from hypersync.pipeline.engine import OpenRequest
from hypersync.pipeline.incidents import known_causes, update_incidents
from hypersync.ports.store import Store

LASTS = timedelta(days=1)
"""How long an alarm stays open at least."""

SET_BACK = "alarm:"
"""How the causes of these incidents begin."""


class Alarms:
    """The alarms about one silo, as one scan of it meets them."""

    def __init__(
        self,
        store: Store,
        silo: str,
        clock: Callable[[], datetime],
        open_request: OpenRequest,
    ) -> None:
        self._store = store
        self._silo = silo
        self._about = f"{SET_BACK}{silo}:"
        self._is_raised = False
        self._clock = clock
        self._open_request = open_request

    def lost(self, lost: CursorLost) -> None:
        """Tell people of a lost cursor where its reason is an alarm, unless they were told."""
        if not lost.is_alarm or self._is_raised:
            return
        self._is_raised = True
        draft = RequestDraft(
            kind=RequestKind.INCIDENT,
            sentence=(
                f"{self._silo}: {lost.message}. What was written to it since that state may be "
                "gone there."
            ),
            count=1,
            silo=self._silo,
        )
        with self._store.begin() as unit:
            update_incidents(
                unit, self._about, {"": draft}, self._clock(), open_request=self._open_request
            )

    def calm_down(self) -> None:
        """End the alarm after a scan that ended well, when people had their day to see it."""
        if self._is_raised:
            return
        now = self._clock()
        with self._store.snapshot() as unit:
            known = known_causes(unit, self._about).values()
        if any(now - each.opened_at >= LASTS for each in known):
            with self._store.begin() as unit:
                update_incidents(unit, self._about, {}, now, open_request=self._open_request)
