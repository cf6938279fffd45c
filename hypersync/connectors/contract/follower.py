"""Somebody who reads a silo again and again, and believes what its scans tell."""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from hypersync.connectors.contract.bench import Bench
from hypersync.errors import CursorLost
from hypersync.model.objects import (
    Anchors,
    Attributes,
    Changed,
    Checkpoint,
    Complete,
    Deleted,
    Invalid,
    ObjectType,
    ScanEvent,
    Seen,
    Value,
)

Known: TypeAlias = Mapping[tuple[str, str], Attributes]
"""What is known of each object, by type and anchor."""


class Follower:
    """Reads one stream: first all of it, then what changed where the silo tells that.

    Takes events in as a run of HyperSync does: the last one of an object holds, what a list of
    anchors leaves out is gone, an object of which only a part is told is read, and everything is
    where a cursor is lost.
    """

    def __init__(self, bench: Bench, kind: ObjectType) -> None:
        self._bench = bench
        self._types = bench.stream_of(kind)
        self._kind = kind
        self._known: dict[tuple[str, str], Attributes] = {}
        self._cursor: str | None = None

    def read(self) -> Known:
        """Read on, and return what is known now."""
        try:
            events = self._bench.scan(self._kind, self._cursor)
        except CursorLost:
            assert self._cursor is not None
            self._cursor = None
            events = self._bench.scan(self._kind)
        return self.take(events)

    def take(self, events: Iterable[ScanEvent]) -> Known:
        """Take in what a complete scan told, which began where the last one ended."""
        events = list(events)
        if self._cursor is None:
            self._known.clear()
        for event in events:
            self._believe(event)
        assert isinstance(events[-1], Complete)
        self._cursor = events[-1].cursor
        return dict(self._known)

    def _believe(self, event: ScanEvent) -> None:
        match event:
            case Seen(name, anchor, attributes):
                self._known[name, anchor] = dict(attributes)
            case Changed(name, anchor) if (name, anchor) not in self._known:
                self._look(name, anchor)
            case Changed(name, anchor):
                self._known[name, anchor] = changed(self._known[name, anchor], event)
            case Deleted(name, anchor):
                self._known.pop((name, anchor), None)
            case Anchors(name, anchors):
                self._compare(name, anchors)
            case Invalid():
                raise AssertionError(event)
            case Checkpoint() | Complete():
                pass

    def _compare(self, name: str, anchors: frozenset[str]) -> None:
        for key in [each for each in self._known if each[0] == name and each[1] not in anchors]:
            del self._known[key]
        for anchor in anchors:
            if (name, anchor) not in self._known:
                self._look(name, anchor)

    def _look(self, name: str, anchor: str) -> None:
        (kind,) = (each for each in self._types if each.name == name)
        with self._bench.connector.open() as session:
            found = session.read(kind, anchor)
        if found is not None:
            self._known[name, anchor] = found.attributes


def changed(known: Attributes, event: Changed) -> dict[str, Value]:
    """Return the attributes of an object after a part of them changed."""
    now = {name: value for name, value in known.items() if name not in event.cleared}
    now.update(event.set)
    for name in {**event.added, **event.removed}:
        held = now.get(name) or ()
        assert isinstance(held, tuple)
        left = {*held, *event.added.get(name, ())} - {*event.removed.get(name, ())}
        now[name] = tuple(sorted(left, key=str))
    return {name: value for name, value in now.items() if value not in (None, "", ())}


def all_known(bench: Bench) -> Known:
    """Return what full scans tell of every type."""
    return {**Follower(bench, bench.user).read(), **Follower(bench, bench.group).read()}
