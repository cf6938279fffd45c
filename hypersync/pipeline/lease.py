"""Holds a lease while a block of work runs, renewed in the background.

The holder carries the fence into each of its transactions; a holder that lost the lease writes
nothing more, whatever it believes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from hypersync.errors import HyperSyncError
from hypersync.ports.store import Store
from hypersync.ports.store.leases import Fence

RENEW_EVERY = 10.0
"""Seconds; a lease lasts for thirty."""


@contextmanager
def holding(store: Store, name: str, holder: str, clock: Callable[[], datetime]) -> Iterator[Fence]:
    """Take the lease, renew it until the block ends, and give it back.

    Raises `LeaseHeld` when somebody else has it.
    """
    with store.begin() as unit:
        fence = unit.leases.take(name, holder, clock())
    over = threading.Event()
    renewer = threading.Thread(
        target=_renew, args=(store, fence, clock, over), name=f"lease {name}", daemon=True
    )
    renewer.start()
    try:
        yield fence
    finally:
        over.set()
        renewer.join()
        with store.begin() as unit:
            unit.leases.release(fence, clock())


def _renew(
    store: Store, fence: Fence, clock: Callable[[], datetime], over: threading.Event
) -> None:
    """Renew until told to stop; a renewal that fails is found by the holder's next fence check."""
    while not over.wait(RENEW_EVERY):
        try:
            with store.begin() as unit:
                unit.leases.renew(fence, clock())
        except HyperSyncError:
            continue
