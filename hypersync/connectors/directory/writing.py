"""What a write to a directory can end in before its object is read back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from hypersync.connectors.directory.tree import Place
from hypersync.connectors.directory.wire import Code, Lost, Result
from hypersync.model.objects import Outcome, Refused, RetryAfter

LATER = timedelta(seconds=30)


class Unsure(Exception):
    """The connection broke while something was written."""


@contextmanager
def writing() -> Iterator[None]:
    """Tell a connection that breaks while something is written from one that broke before."""
    try:
        yield
    except Lost as error:
        raise Unsure(str(error)) from error


@dataclass(frozen=True, slots=True)
class Written:
    """Done; the object is read once the whole batch is written. One of anchor and DN is known.

    ``made`` is false where a create found it there already.
    """

    place: Place
    anchor: str | None = None
    dn: str = ""
    made: bool = field(default=True, compare=False)


def refused_or_later(result: Result, sentence: str) -> Outcome:
    """Part what helps to try again from what does not."""
    if result.is_(Code.BUSY, Code.UNAVAILABLE, Code.TIME_LIMIT, Code.ADMIN_LIMIT):
        return RetryAfter(LATER, sentence)
    return Refused(sentence)
