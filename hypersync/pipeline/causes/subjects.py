"""Those of whom a cause is looked for: stopped actions, or objects that a scan misses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from hypersync.model.ids import IdentityId
from hypersync.pipeline.causes.choose import Feature, Kind
from hypersync.pipeline.causes.features import Json, of_anchor, of_attributes, scan_of
from hypersync.ports.store import UnitOfWork
from hypersync.ports.store.objects import Current, Trait

_AT_ONCE = 2_000


class Subjects(Protocol):
    """Some subjects, by their number from 0, and the objects that say something about them."""

    @property
    def count(self) -> int:
        """How many there are."""

    @property
    def by_scan(self) -> bool:
        """Whether it says something which scan wrote their objects last."""

    def own(self, index: int) -> frozenset[Feature]:
        """Return what a subject says without any object."""

    def rows(self, indexes: Sequence[int]) -> Iterator[tuple[Sequence[int], Trait]]:
        """Yield the objects of these subjects, each with the subjects it says something about."""

    def has(self, trait: Trait) -> bool:
        """Tell whether an object is one of the subjects' own."""

    def features(self, source: str, trait: Trait, attributes: Json) -> Iterator[Feature]:
        """Yield what an object says."""


class StoppedActions:
    """Actions by their identities: all objects of an identity say something about its actions."""

    by_scan = True

    def __init__(
        self, unit: UnitOfWork, identities: Sequence[IdentityId], own: Sequence[frozenset[Feature]]
    ) -> None:
        self._unit = unit
        self._identities = identities
        self._own = own
        self._of: dict[int, list[int]] = {}
        for index, identity in enumerate(identities):
            self._of.setdefault(identity, []).append(index)
        self.count = len(identities)

    def own(self, index: int) -> frozenset[Feature]:
        """Return what an action itself says."""
        return self._own[index]

    def rows(self, indexes: Sequence[int]) -> Iterator[tuple[Sequence[int], Trait]]:
        """Yield the objects of the identities of these actions."""
        wanted = sorted({self._identities[index] for index in indexes})
        for trait in self._unit.objects.traits(wanted):
            yield self._of[trait.identity], trait

    def has(self, trait: Trait) -> bool:
        """Tell whether an object belongs to an identity with a stopped action."""
        return trait.identity in self._of

    def features(self, source: str, trait: Trait, attributes: Json) -> Iterator[Feature]:
        """Yield what an object says, and which scan wrote it last."""
        yield from of_attributes(source, attributes)
        scan = scan_of(trait.source)
        if scan is not None:
            yield Feature(Kind.SCAN, source, "", scan)


class MissingObjects:
    """Objects that a scan did not find any more, by their anchors."""

    by_scan = False

    def __init__(self, unit: UnitOfWork, silo_type: int, anchors: Sequence[str]) -> None:
        self._unit = unit
        self._silo_type = silo_type
        self._anchors = anchors
        self._index = {anchor: index for index, anchor in enumerate(anchors)}
        self.count = len(anchors)

    def own(self, index: int) -> frozenset[Feature]:  # noqa: ARG002 - all it says is in its object
        """Return nothing."""
        return frozenset()

    def rows(self, indexes: Sequence[int]) -> Iterator[tuple[Sequence[int], Trait]]:
        """Yield these objects as they were when they were seen last."""
        for start in range(0, len(indexes), _AT_ONCE):
            wanted = [self._anchors[index] for index in indexes[start : start + _AT_ONCE]]
            for known in self._unit.objects.current(self._silo_type, wanted).values():
                yield (self._index[known.anchor],), _trait(known, self._silo_type)

    def has(self, trait: Trait) -> bool:
        """Tell whether an object is missing."""
        return trait.anchor in self._index

    def features(self, source: str, trait: Trait, attributes: Json) -> Iterator[Feature]:
        """Yield what an object says, and how its anchor begins."""
        yield from of_attributes(source, attributes)
        yield from of_anchor(source, trait.anchor)


def _trait(known: Current, silo_type: int) -> Trait:
    return Trait(
        known.identity,
        known.id,
        silo_type,
        known.anchor,
        known.attributes,
        known.absence,
        known.source,
    )
