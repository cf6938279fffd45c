"""Reads that know what was just made: it is waited for, since Graph may not show it yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from threading import Lock
from typing import TypeAlias

from hypersync.connectors.msgraph.job import Job
from hypersync.connectors.msgraph.options import Place
from hypersync.connectors.msgraph.patience import Patience
from hypersync.connectors.msgraph.read import Read, read_each
from hypersync.connectors.msgraph.steps import compared_names
from hypersync.connectors.msgraph.wire import Wire

_Wanted: TypeAlias = tuple[Place, str]
_Key: TypeAlias = tuple[str, tuple[str, ...], str]
_Places: TypeAlias = dict[_Key, _Wanted]
_FRESH_SECONDS = 600.0


class Recent:
    """The ids of what a connector made within the last ten minutes. Thread-safe."""

    def __init__(self, patience: Patience) -> None:
        self.patience = patience
        self._lock = Lock()
        self._made: dict[str, float] = {}

    def note(self, anchor: str) -> None:
        """Remember something new, and forget what is new no longer."""
        now = self.patience.monotonic()
        with self._lock:
            while self._made and now - next(iter(self._made.values())) > _FRESH_SECONDS:
                del self._made[next(iter(self._made))]
            self._made[anchor] = now

    def __contains__(self, anchor: object) -> bool:
        with self._lock:
            made = self._made.get(str(anchor))
        return made is not None and self.patience.monotonic() - made <= _FRESH_SECONDS


class Reads:
    """Reads the objects of jobs."""

    def __init__(self, wire: Wire, recent: Recent) -> None:
        self._wire = wire
        self._recent = recent

    def each(self, jobs: Sequence[Job], *, whole: bool) -> list[Read]:
        """Read them, each object once: what is compared, or the ``whole``."""
        wanted = [_wanted(job, whole=whole) for job in jobs]
        places = {_key(*each): each for each in wanted}
        found: dict[_Key, Read] = {}
        self._read(places, found)
        if self._unseen(places, found):
            for _ in self._recent.patience.rounds():
                self._read(self._unseen(places, found), found)
                if not self._unseen(places, found):
                    break
        return [found[_key(*each)] for each in wanted]

    def _unseen(self, places: Mapping[_Key, _Wanted], found: Mapping[_Key, Read]) -> _Places:
        """Return what was just made and is not seen yet."""
        return {
            key: each
            for key, each in places.items()
            if found[key] is None and each[1] in self._recent
        }

    def _read(self, places: Mapping[_Key, _Wanted], found: dict[_Key, Read]) -> None:
        found.update(zip(places, read_each(self._wire, list(places.values())), strict=True))


def _wanted(job: Job, *, whole: bool) -> _Wanted:
    place = job.place if whole else job.place.narrowed(compared_names(job.change))
    return (place, job.anchor or "")


def _key(place: Place, anchor: str) -> _Key:
    return (place.kind.name, place.names, anchor)
