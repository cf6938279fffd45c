"""Asks again for what Graph was too busy to tell within a batch, as long as it asks to wait.

Graph throttles the requests of a batch one by one: the batch is answered 200, and some of its parts
429 or 503 with a Retry-After of their own. Only reads are asked again: a write is the business of
those who know what else waits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from hypersync.connectors.msgraph.answers import BUSY, Answer
from hypersync.connectors.msgraph.patience import FIRST_SECONDS, LONGEST_SECONDS, Patience

_TRIED_AGAIN = (*BUSY, 504)

T = TypeVar("T")


def patiently(
    count: int,
    ask: Callable[[Sequence[int]], Sequence[T]],
    patience: Patience,
    now: Callable[[], datetime],
) -> list[T]:
    """Return the results of so many requests; ``ask`` sends those with the given numbers.

    What was too busy is asked again after the time it named, or after growing pauses when it named
    none. A wait that would be longer than what is left of the patience is not begun; the answer
    stays what it was.
    """
    results = list(ask(range(count)))
    end = patience.monotonic() + patience.span.total_seconds()
    pause = FIRST_SECONDS
    while waits := {
        number: wait
        for number, result in enumerate(results)
        if isinstance(result, Answer)
        and result.status in _TRIED_AGAIN
        and (wait := max(pause, _asked(result, now()))) <= end - patience.monotonic()
    }:
        patience.sleep(max(waits.values()))
        for number, result in zip(waits, ask([*waits]), strict=True):
            results[number] = result
        pause = min(2 * pause, LONGEST_SECONDS)
    return results


def _asked(answer: Answer, now: datetime) -> float:
    """Return how many seconds an answer asks to wait; none when it does not say."""
    return answer.wait(now).total_seconds() if "retry-after" in answer.headers else 0.0
