"""Waiting for what Graph has done to be seen everywhere: reads after writes may not find it yet."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

FIRST_SECONDS = 0.2
LONGEST_SECONDS = 4.0


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait in all; tests bring their own way to let time pass."""

    span: timedelta
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def rounds(self) -> Iterator[None]:
        """Yield after each pause, with growing pauses, until the time is over."""
        end = self.monotonic() + self.span.total_seconds()
        pause = FIRST_SECONDS
        while (left := end - self.monotonic()) > 0:
            self.sleep(min(pause, left))
            pause = min(2 * pause, LONGEST_SECONDS)
            yield


IMPATIENT: Final = Patience(timedelta(0))
"""Waits for nothing."""
