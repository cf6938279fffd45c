"""What a write to a directory can end in before its object is read back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from hypersync.connectors.directory.answers import NOT_NOW
from hypersync.connectors.directory.tree import Directory, Place
from hypersync.connectors.directory.wire import Code, Lost, Result
from hypersync.errors import SiloRefused
from hypersync.model.objects import (
    Outcome,
    Refused,
    RetryAfter,
    SiloObject,
    Succeeded,
    Unknown,
)

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


class ReadBack:
    """Reads back what was written, each object once."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._objects: dict[Written, SiloObject | None] = {}

    def __call__(self, written: Written) -> Outcome:
        """Return the outcome of a write with the object as it is now."""
        if written not in self._objects:
            try:
                self._objects[written] = self._object(written)
            except (Lost, SiloRefused) as error:
                return Unknown(f"written, and could not be read back: {error}")
        found = self._objects[written]
        if not found:
            return Unknown("written, and gone when it was read back", is_lost=False)
        return Succeeded(found, made=written.made)

    def _object(self, written: Written) -> SiloObject | None:
        place = written.place
        if written.anchor is not None:
            return self._directory.object(place, written.anchor)
        entry = self._directory.at(place, written.dn, place.attributes - {"dn"} or ["*"])
        return None if entry is None else self._directory.shown(place, entry)


def refused_or_later(result: Result, sentence: str) -> Outcome:
    """Part what helps to try again from what does not.

    Who refers to another server for a write is a read-only copy: the next session may reach that
    server, so nothing is lost by asking again. (A name that no part of the tree has is told apart
    before, by `Comparing`.)
    """
    if result.is_(Code.REFERRAL):
        return RetryAfter(LATER, f"nothing was written: {sentence}")
    if result.is_(*NOT_NOW):
        return RetryAfter(LATER, sentence)
    return Refused(sentence)
