"""Decides which objects are one identity. Pure.

An object's key is the normal value that the first join rule of its type whose ``where`` holds gives
it; without a value it stands alone. An identity has at most one key, and a key at most one
identity. Only objects that are new or whose key changed are moved:

* all of an identity moved to a key nobody has: the identity takes the key (a renumbering);
* all of it moved to a key that another identity has: both merge into the older one;
* part of it moved: that part is split off, into the identity that has the key or a new one.

Objects that are gone follow their identity and never decide. Where several parts of an identity
move apart and none stays, the part with the oldest object keeps the identity. Throttle marks, holds
and VIP memory are handed on by whoever carries the decision out, so that regrouping never
unprotects anybody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from hypersync.model.canonical import digest, encode_value
from hypersync.model.joins import join_key
from hypersync.model.objects import Attributes
from hypersync.rulebook.joins import JoinRule


class Assignment(NamedTuple):
    """The slot that an object takes, ``None`` for none, and its key, ``None`` when it is alone."""

    slot: str | None
    key: str | None


NOWHERE = Assignment(None, None)


class Joins:
    """The join rules, by silo and type."""

    def __init__(self, rules: Iterable[JoinRule]) -> None:
        self._rules: dict[tuple[str, str], list[JoinRule]] = {}
        for rule in sorted(rules, key=lambda each: each.index):
            self._rules.setdefault((rule.silo, rule.type), []).append(rule)

    def assign(self, silo: str, type_name: str, attributes: Attributes) -> Assignment:
        """Return where an object belongs; raises `EvaluationError` when that cannot be told."""
        for rule in self._rules.get((silo, type_name), ()):
            if rule.holds(attributes):
                normal = None if rule.none else rule.key(attributes)
                return Assignment(rule.slot, None if normal is None else join_key(normal))
        return NOWHERE

    def revision(self, silo: str, type_name: str) -> str:
        """Return a fingerprint of everything that decides about objects of this type."""
        parts = [
            (
                rule.slot,
                None if rule.value is None else rule.value.normal or rule.value.source,
                None if rule.where is None else rule.where.normal or rule.where.source,
                sorted(rule.never_join),
                rule.exact,
                rule.none,
            )
            for rule in self._rules.get((silo, type_name), ())
        ]
        return digest(encode_value(parts)).hex()


class Mover(NamedTuple):
    """An object that has to be placed; ``identity`` is where it is now, ``None`` when it is new."""

    object: int
    identity: int | None
    key: str | None


class Member(NamedTuple):
    """An object of an identity, and whether it is there."""

    object: int
    identity: int
    is_there: bool


@dataclass(slots=True)
class Grouping:
    """Who belongs together from now on.

    ``placed`` maps objects, new and moved, to their identity; ``created`` are new identities with
    their keys, ``rekeyed`` earlier ones with their new keys. ``merged`` pairs the younger identity
    with the older, ``split`` the identity that objects left with the one that they went to.
    """

    placed: dict[int, int] = field(default_factory=dict)
    created: dict[int, str | None] = field(default_factory=dict)
    rekeyed: dict[int, str | None] = field(default_factory=dict)
    merged: list[tuple[int, int]] = field(default_factory=list)
    split: list[tuple[int, int]] = field(default_factory=list)

    @property
    def regrouped(self) -> set[int]:
        """The earlier identities whose open actions are no longer about the same thing."""
        return {identity for pair in (*self.merged, *self.split) for identity in pair}


def join(
    movers: Sequence[Mover],
    members: Iterable[Member],
    keys: Mapping[int, str | None],
    owners: Mapping[str, int],
    ids: Iterable[int],
) -> Grouping:
    """Place the movers.

    ``members`` are all objects of the identities that movers come from and of those that own
    their new keys; ``keys`` are these identities' keys, ``owners`` the identities that have the
    movers' new keys. ``ids`` are unused identity ids, at least one per mover.
    """
    table = _Table(members, keys, owners, ids)
    origins = sorted({mover.identity for mover in movers if mover.identity is not None})
    by_origin: dict[int, list[Mover]] = {origin: [] for origin in origins}
    for mover in movers:
        if mover.identity is not None:
            by_origin[mover.identity].append(mover)
    for origin in origins:
        table.regroup(origin, sorted(by_origin[origin]))
    for mover in movers:
        if mover.identity is None:
            table.add(mover)
    return table.found


class _Table:
    """The identities while they are being regrouped."""

    def __init__(
        self,
        members: Iterable[Member],
        keys: Mapping[int, str | None],
        owners: Mapping[str, int],
        ids: Iterable[int],
    ) -> None:
        self.found = Grouping()
        self._objects: dict[int, set[int]] = {}
        self._gone: set[int] = set()
        for member in members:
            self._objects.setdefault(member.identity, set()).add(member.object)
            if not member.is_there:
                self._gone.add(member.object)
        self._keys = dict(keys)
        self._owners = dict(owners)
        self._ids = iter(ids)
        self._now: dict[int, int] = {}

    def add(self, mover: Mover) -> None:
        """Place a new object."""
        owner = None if mover.key is None else self._owners.get(mover.key)
        self.found.placed[mover.object] = self._create(mover.key) if owner is None else owner

    def regroup(self, origin: int, movers: Sequence[Mover]) -> None:
        """Place the objects of one identity whose keys may have changed."""
        identity = self._now.get(origin, origin)
        parts = _parts([mover for mover in movers if mover.key != self._keys.get(identity)])
        if not parts:
            return
        moving = {mover.object for mover in movers}
        settled = {mover.object for mover in movers if mover.key == self._keys.get(identity)}
        stay = (self._objects.get(identity, set()) - self._gone - moving) | settled
        if not stay:
            key, _ = parts.pop(0)
            identity = self._take(identity, key)
        for key, objects in parts:
            self._split(identity, key, objects)

    def _take(self, identity: int, key: str | None) -> int:
        """Give an identity another key; merge it with the one that has the key already."""
        owner = None if key is None else self._owners.get(key)
        if owner is None or owner == identity:
            self._rekey(identity, key)
            return identity
        older, younger = sorted((identity, owner))
        self._rekey(younger, None)
        self._rekey(older, key)
        for each in self._objects.pop(younger, set()):
            self.found.placed[each] = older
            self._objects.setdefault(older, set()).add(each)
        self.found.merged.append((younger, older))
        self._now[younger] = older
        return older

    def _split(self, identity: int, key: str | None, objects: Iterable[int]) -> None:
        owner = None if key is None else self._owners.get(key)
        heir = self._create(key) if owner is None else owner
        for each in objects:
            self.found.placed[each] = heir
            self._objects.setdefault(identity, set()).discard(each)
            self._objects.setdefault(heir, set()).add(each)
        self.found.split.append((identity, heir))

    def _create(self, key: str | None) -> int:
        identity = next(self._ids)
        self.found.created[identity] = key
        self._keys[identity] = key
        if key is not None:
            self._owners[key] = identity
        return identity

    def _rekey(self, identity: int, key: str | None) -> None:
        former = self._keys.get(identity)
        if former is not None and self._owners.get(former) == identity:
            del self._owners[former]
        self._keys[identity] = key
        if key is not None:
            self._owners[key] = identity
        if identity in self.found.created:
            self.found.created[identity] = key
        else:
            self.found.rekeyed[identity] = key


def _parts(movers: Iterable[Mover]) -> list[tuple[str | None, list[int]]]:
    """Gather movers by their new key, the oldest object first; those without a key stand alone."""
    by_key: dict[str, list[int]] = {}
    parts: list[tuple[str | None, list[int]]] = []
    for mover in movers:
        if mover.key is None:
            parts.append((None, [mover.object]))
        elif mover.key in by_key:
            by_key[mover.key].append(mover.object)
        else:
            by_key[mover.key] = [mover.object]
            parts.append((mover.key, by_key[mover.key]))
    return parts
