"""What a silo was found to have: types, attributes, candidates for anchors and join values. Pure.

Nothing here holds a value of an object: values are personal data. `Survey` counts them, and keeps
only what it needs to tell whether they differ, for as long as it lives.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from hypersync.model.objects import Attributes, AttributeSchema

SAMPLE = 1_000
"""How many objects of a type are looked at; the first ones that the silo gives."""

_LIKE_AN_ANCHOR = re.compile(
    r"(entry|object|external|person|employee|user)?_?(uuid|guid|uid|id|sid|key)", re.I
)
_LIKE_A_JOIN = re.compile(
    r"(employee|personnel|staff|person|worker|hr)_?(id|number|no|nr)|external_?id|mail|e_?mail"
    r"|uid|upn|userprincipalname|samaccountname|user_?name|login|account_?name|payroll_?\w*",
    re.I,
)
_NEVER_A_JOIN = frozenset({"dn", "distinguishedname", "userpassword", "password"})
_MOST_FILLED = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundAttribute:
    """One attribute; ``filled`` counts the sampled objects that have it.

    ``is_distinct`` tells that no two of these had the same value (and there were two at least).
    ``note`` is a few words about it, such as "primary key"; never a value.
    """

    name: str
    multi_valued: bool = False
    read_only: bool = False
    filled: int = 0
    is_distinct: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundType:
    """One type of objects that a silo has, and what would configure it.

    ``options`` are the keys of the type in the configuration, in the order in which they are to be
    written: text, numbers, truth values, and lists and mappings of these. They need no ``anchor``
    when ``anchors`` has candidates: the first of these is written. ``anchors`` and ``joins`` name
    attributes, the likeliest first. ``sampled`` objects were looked at; ``objects`` is how many
    there are where that is cheap to know. ``notes`` are sentences that become comments.
    """

    name: str
    options: Mapping[str, object] = field(default_factory=dict)
    attributes: tuple[FoundAttribute, ...] = ()
    anchors: tuple[str, ...] = ()
    joins: tuple[str, ...] = ()
    sampled: int = 0
    objects: int | None = None
    notes: tuple[str, ...] = ()


class Survey:
    """Looks at the objects of a sample one by one, and says what their attributes are like."""

    def __init__(self) -> None:
        self.sampled = 0
        self._filled: Counter[str] = Counter()
        self._several: set[str] = set()
        self._marks: defaultdict[str, set[int]] = defaultdict(set)

    def see(self, attributes: Attributes) -> None:
        """Count one object."""
        self.sampled += 1
        for name, value in attributes.items():
            if value is None or value in ("", ()):
                continue
            self._filled[name] += 1
            self._marks[name].add(hash(value))
            if isinstance(value, tuple):
                self._several.add(name)

    def attributes(
        self, schema: Mapping[str, AttributeSchema] | None = None
    ) -> tuple[FoundAttribute, ...]:
        """Return what was seen and what the schema names besides, the fullest first."""
        names = sorted({*self._filled, *(schema or {})}, key=str.lower)
        names.sort(key=lambda name: -self._filled[name])
        return tuple(self._attribute(name, (schema or {}).get(name)) for name in names)

    def _attribute(self, name: str, described: AttributeSchema | None) -> FoundAttribute:
        filled = self._filled[name]
        return FoundAttribute(
            name=name,
            multi_valued=name in self._several
            or (described is not None and described.multi_valued),
            read_only=described is not None and described.read_only,
            filled=filled,
            is_distinct=filled > 1 and len(self._marks[name]) == filled,
        )


def anchor_candidates(
    attributes: Sequence[FoundAttribute], sampled: int, known: Iterable[str] = ()
) -> tuple[str, ...]:
    """Return attributes that every object of the sample has, each with another value.

    ``known`` are those that the silo itself calls unique, such as a primary key; they come first,
    then those whose names say so. What is read-only cannot be the anchor of something created by
    us, but may well be assigned by the silo.
    """
    fit = [
        each.name
        for each in attributes
        if each.is_distinct and each.filled == sampled and not each.multi_valued
    ]
    likely = [name for name in fit if _LIKE_AN_ANCHOR.fullmatch(name)]
    return _each_once(known, likely, (name for name in fit if name.lower() not in _NEVER_A_JOIN))


def join_candidates(
    attributes: Sequence[FoundAttribute], sampled: int, besides: Iterable[str] = ()
) -> tuple[str, ...]:
    """Return attributes that nearly every object has, no two the same; likely names first.

    ``besides`` are left out: an identifier that only this silo knows joins nothing.
    """
    out = {name.lower() for name in besides} | _NEVER_A_JOIN
    fit = [
        each.name
        for each in attributes
        if each.is_distinct and not each.multi_valued and each.filled >= _MOST_FILLED * sampled
    ]
    known = [name for name in fit if name.lower() not in out]
    return _each_once((name for name in known if _LIKE_A_JOIN.fullmatch(name)), known)


def _each_once(*parts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for part in parts for name in part))
