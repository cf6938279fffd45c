"""Verifies the audit trail for the pages: one walk at a time, and nothing twice.

Whoever looks is shown what was verified last. When the chain has grown since, only what is new is
verified; more than `MOST_VERIFIED` at once, and all of it again, only for administrators. What was
found broken stays so until one of them has it all verified again.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from datetime import datetime

from flask import current_app

from hypersync.app import App
from hypersync.audit.chain import chain_keys
from hypersync.audit.state import ChainState
from hypersync.audit.verify import Verified, verify

MOST_VERIFIED = 20_000


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found, and when."""

    found: Verified
    at: datetime


class Verifier:
    """Remembers what was verified; one for a process."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._walking = threading.Lock()
        self._last: Checked | None = None

    @property
    def last(self) -> Checked | None:
        """What was verified last."""
        return self._last

    def look(self, state: ChainState) -> Checked | None:
        """Return what is known of the chain, with what is new when that is not much."""
        last = self._last
        if last is not None and (
            not last.found.is_intact or last.found.head.seal == state.head.seal
        ):
            return last
        known = 0 if last is None else last.found.head.number
        if state.head.number - known + state.unsealed > MOST_VERIFIED:
            return last
        return self._walk(last)

    def verify_all(self) -> Checked | None:
        """Verify every seal again; while somebody else has that done return what is known."""
        return self._walk(None)

    def _walk(self, last: Checked | None) -> Checked | None:
        if not self._walking.acquire(blocking=False):
            return self._last
        try:
            app = self._app
            start = None if last is None else last.found.head
            found = verify(app.store, chain_keys(app.settings), start)
            if last is not None:
                late = (*last.found.late, *found.late)
                found = replace(found, sealed=last.found.sealed + found.sealed, late=late)
            self._last = Checked(found, app.clock.now())
            return self._last
        finally:
            self._walking.release()


def verifier() -> Verifier:
    """Return the one of the site that answers."""
    found = current_app.extensions["verifier"]
    assert isinstance(found, Verifier)  # noqa: S101 - `create_app` put it there
    return found
