"""Looks for clues in the store: what stopped actions, or missing objects, share and others do not.

Some of the subjects say which features there are, and a sample of everybody else of the same types
says how frequent they are there. Of those that tell something then all subjects are asked. Nothing
is read one by one, and nothing at all unless something was stopped.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace

import orjson

from hypersync.pipeline.causes.choose import FEWEST, Clue, Feature, Kind, Share, telling
from hypersync.pipeline.causes.features import Json, Wanted, of_changes, scalars, scan_of
from hypersync.pipeline.causes.subjects import Subjects
from hypersync.ports.store import UnitOfWork
from hypersync.ports.store.objects import Trait

ASKED_FIRST = 2_000
"""How many subjects say which features are worth looking at."""

LOOKED_AT = 200
"""The most features that are looked at."""

OTHERS = 10_000
"""About how many objects of a type stand for everybody else."""

_OF_ACTIONS = (Kind.BECOMES, Kind.GROUP)
_SCANS = 3
_RARE = 200

_Written = dict[int, tuple[str, Sequence[int]]]
"""The type of each object that a scan wrote, and whose it is."""


def find_clues(
    unit: UnitOfWork,
    subjects: Subjects,
    *,
    unsaid: frozenset[str],
    implied: Collection[tuple[str, str]] = (),
) -> list[Clue]:
    """Return what the subjects share; bit *i* of a clue is the *i*-th of them.

    ``implied`` names the attributes, with their types, that the rule asks for or writes; of those
    in ``unsaid``, in lower case and whatever their type, nothing is said.
    """
    if subjects.count < FEWEST:
        return []
    search = _Search(unit, subjects, frozenset(implied), unsaid)
    step = -(-subjects.count // ASKED_FIRST)
    first = range(0, subjects.count, step)
    clues = search.ask(first)
    if step == 1:
        return clues
    kept = telling(clues, len(first))
    marks = search.mark([clue.feature for clue in kept])
    return [replace(clue, actions=actions) for clue, actions in zip(kept, marks, strict=True)]


class _Search:
    """Reads what subjects and others say, and counts."""

    def __init__(
        self,
        unit: UnitOfWork,
        subjects: Subjects,
        implied: Collection[tuple[str, str]],
        unsaid: frozenset[str],
    ) -> None:
        self._unit = unit
        self._subjects = subjects
        self._implied = implied
        self._unsaid = unsaid
        self._types = {each.id: f"{each.silo}/{each.name}" for each in unit.scans.types()}
        self._scans: Sequence[str] = ()
        self._variety = _Variety()
        self._having: Counter[Feature] = Counter()
        self._present: Counter[tuple[str, str]] = Counter()
        self._total: Counter[str] = Counter()

    def _is_implied(self, feature: Feature) -> bool:
        """Tell whether the rule asks for the attribute or writes it."""
        return feature.kind in _OF_ACTIONS or (feature.source, feature.name) in self._implied

    # --- what is worth looking at --------------------------------------------------------------

    def ask(self, first: range) -> list[Clue]:
        """Return the clues that some of the subjects give; bit *i* is the *i*-th of these."""
        said = self._said(first)
        promising = _frequent(said.values(), max(2, len(said) // _RARE))
        self._look_around(promising)
        sets = _sets(promising, list(said.values()))
        clues = [
            Clue(feature, actions, self._share(feature), self._is_implied(feature))
            for feature, actions in zip(promising, sets, strict=True)
        ]
        return [
            clue
            for clue in clues
            if 2 * clue.actions.bit_count() >= len(said) or not self._is_individual(clue.feature)
        ]

    def _said(self, first: range) -> dict[int, set[Feature]]:
        """Return everything that can be said of some subjects."""
        said = {index: set(self._subjects.own(index)) for index in first}
        written: dict[str, _Written] = defaultdict(dict)
        for indexes, trait in self._subjects.rows(first):
            attributes = orjson.loads(trait.attributes)
            source = self._types[trait.silo_type]
            self._variety.see(source, attributes, attributes)
            features = frozenset(self._subjects.features(source, trait, attributes))
            self._note_scan(written, indexes, trait)
            for index in said.keys() & indexes:
                said[index] |= features
        self._scans = sorted(written, key=lambda scan: (-len(written[scan]), scan))[:_SCANS]
        for scan in self._scans:
            for indexes, feature in self._changes(scan, written[scan]):
                for index in said.keys() & indexes:
                    said[index].add(feature)
        return {index: self._sayable(features) for index, features in said.items()}

    def _sayable(self, features: set[Feature]) -> set[Feature]:
        """Return features without those of attributes of which nothing is said."""
        return {each for each in features if each.name.casefold() not in self._unsaid}

    def _note_scan(
        self, written: dict[str, _Written], indexes: Sequence[int], trait: Trait
    ) -> None:
        """Remember by which scan an object that is there was written."""
        scan = scan_of(trait.source)
        if scan is not None and trait.absence is None and self._subjects.by_scan:
            written[scan][trait.id] = (self._types[trait.silo_type], indexes)

    def _changes(self, scan: str, written: _Written) -> Iterator[tuple[Sequence[int], Feature]]:
        """Yield what a scan changed about the objects that it wrote."""
        for object_id, after in self._unit.objects.changed_by(f"scan:{scan}", list(written)):
            source, indexes = written[object_id]
            for feature in of_changes(Kind.CHANGED, source, orjson.loads(after)):
                if not self._is_implied(feature):
                    yield indexes, feature

    # --- who has it ----------------------------------------------------------------------------

    def mark(self, promising: Sequence[Feature]) -> list[int]:
        """Return for each feature the subjects that have it."""
        if not promising:
            return []
        marks = [bytearray(self._subjects.count // 8 + 1) for _ in promising]
        places = {feature: place for place, feature in enumerate(promising)}
        everybody = range(self._subjects.count)
        for index in everybody:
            for feature in self._subjects.own(index):
                if feature in places:
                    marks[places[feature]][index >> 3] |= 1 << (index & 7)
        for indexes, found in self._found(self._subjects.rows(everybody), promising):
            for index in indexes:
                byte, bit = index >> 3, 1 << (index & 7)
                for place in found:
                    marks[place][byte] |= bit
        return [int.from_bytes(each, "little") for each in marks]

    def _found(
        self, rows: Iterable[tuple[Sequence[int], Trait]], promising: Sequence[Feature]
    ) -> Iterator[tuple[Sequence[int], Sequence[int]]]:
        """Yield whose each object is, and the places of the promising features that it has."""
        wanted = Wanted(promising)
        changed = {each: place for place, each in enumerate(promising) if each.kind is Kind.CHANGED}
        written: dict[str, _Written] = defaultdict(dict)
        sources = {each.source for each in promising}
        for indexes, trait in rows:
            if changed:
                self._note_scan(written, indexes, trait)
            source = self._types[trait.silo_type]
            if source not in sources:
                continue
            attributes = orjson.loads(trait.attributes)
            if not indexes:
                self._count_other(source, attributes, wanted.names(source))
            yield indexes, wanted.found(source, trait, attributes)
        for scan in self._scans:
            for indexes, feature in self._changes(scan, written[scan]):
                if feature in changed:
                    yield indexes, (changed[feature],)

    # --- everybody else ------------------------------------------------------------------------

    def _look_around(self, promising: Sequence[Feature]) -> None:
        """Count how many of the others have each feature."""
        sources = {each.source for each in promising if each.kind is not Kind.GROUP}
        types = [number for number, source in self._types.items() if source in sources]
        become = [f._replace(kind=Kind.ATTRIBUTE) for f in promising if f.kind is Kind.BECOMES]
        looked_for = [*promising, *become]
        for _, found in self._found(self._others(types), looked_for):
            self._having.update(looked_for[place] for place in found)

    def _others(self, types: Iterable[int]) -> Iterator[tuple[Sequence[int], Trait]]:
        for silo_type in types:
            for trait in self._unit.objects.sample(silo_type, OTHERS):
                if not self._subjects.has(trait):
                    yield (), trait

    def _count_other(self, source: str, attributes: Json, names: Iterable[str]) -> None:
        self._total[source] += 1
        if self._total[source] <= ASKED_FIRST:
            self._variety.see(source, attributes, names)
        self._present.update((source, name) for name in names if name in attributes)

    def _share(self, feature: Feature) -> Share | None:
        """Return how many of the others have what a feature says."""
        kind, source, name, value = feature
        total = self._total[source]
        if kind is Kind.GROUP:
            return None
        if kind is Kind.BECOMES and value is None:
            return Share(total - self._present[source, name], total)
        if kind is Kind.BECOMES:
            return Share(self._having[feature._replace(kind=Kind.ATTRIBUTE)], total)
        return Share(self._having[feature], total)

    def _is_individual(self, feature: Feature) -> bool:
        """Tell whether most have values of their own: then a few equal ones mean nothing."""
        return bool(feature.name) and self._variety.is_high(feature.source, feature.name)


class _Variety:
    """How many different values attributes have."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, str], set[object]] = defaultdict(set)
        self._count: Counter[tuple[str, str]] = Counter()

    def see(self, source: str, attributes: Json, names: Iterable[str]) -> None:
        """Take in some attributes of one object."""
        for name in names:
            for value in scalars(attributes.get(name)):
                self._values[source, name].add(value)
                self._count[source, name] += 1

    def is_high(self, source: str, name: str) -> bool:
        """Tell whether more than every second value is another one."""
        return 2 * len(self._values[source, name]) > self._count[source, name] > 0


def _sets(promising: Sequence[Feature], said: Sequence[set[Feature]]) -> list[int]:
    """Return for each feature who has it."""
    return [
        sum(1 << number for number, features in enumerate(said) if feature in features)
        for feature in promising
    ]


def _frequent(said: Collection[set[Feature]], least: int) -> list[Feature]:
    counts = Counter(feature for features in said for feature in features)
    found = [feature for feature, count in counts.items() if count >= least]
    found.sort(key=lambda each: (-counts[each], each.kind.value, each[1:3], str(each.value)))
    return found[:LOOKED_AT]
