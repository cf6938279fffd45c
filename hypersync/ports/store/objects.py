"""The store port for objects, their history and references."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from hypersync.model.ids import IdentityId, ObjectId
from hypersync.model.objects import Attributes

ObjectRow = tuple[int, str | None, int, str, str, str | None]
"""Identity, slot, object id, anchor, stored JSON, and why the object is not there (or ``None``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """One object as the store knows it; ``absence`` is ``None`` while it is there.

    Members are kept apart as references; only `Objects.whole` and `Objects.at` put them back.
    """

    id: ObjectId
    silo: str
    type: str
    anchor: str
    identity: IdentityId
    slot: str | None
    key: str | None
    attributes: Attributes
    absence: str | None
    source: str
    created_at: datetime
    changed_at: datetime
    deleted_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectChange:
    """One change in an object's history.

    ``before`` and ``after`` hold the attributes that changed, ``None`` for a missing one; members
    that came or went stand under ``+ATTRIBUTE`` in ``after`` and ``-ATTRIBUTE`` in ``before``.
    """

    at: datetime
    source: str
    before: Attributes
    after: Attributes
    absence_before: str | None
    absence_after: str | None


class Current(NamedTuple):
    """What writing needs to know of an object that is stored already."""

    id: int
    anchor: str
    identity: int
    slot: str | None
    key: str | None
    hash: bytes
    attributes: str
    absence: str | None
    misses: int
    reference: str | None
    source: str
    changed_at: datetime


class Away(NamedTuple):
    """An object that is away, or that so many complete scans missed, the last one then."""

    anchor: str
    absence: str | None
    misses: int
    missed_at: datetime | None


class Placed(NamedTuple):
    """Where an object stands: its identity, its slot and its own key."""

    id: int
    identity: int
    slot: str | None
    key: str | None
    absence: str | None
    anchor: str


class Trait(NamedTuple):
    """What an object says about itself, for comparing many: ``attributes`` is the stored JSON.

    ``source`` is ``scan:ID`` or ``action:ID``, whichever wrote it last.
    """

    identity: int
    id: int
    silo_type: int
    anchor: str
    attributes: str
    absence: str | None
    source: str


class NewObject(NamedTuple):
    """An object to be stored for the first time.

    ``reference`` is what others store to refer to it, in normal form; ``None`` is the anchor.
    """

    id: int
    anchor: str
    identity: int
    slot: str | None
    key: str | None
    hash: bytes
    attributes: str
    absence: str | None
    reference: str | None


class NewState(NamedTuple):
    """What an object that is stored already becomes."""

    slot: str | None
    key: str | None
    hash: bytes
    attributes: str
    absence: str | None
    deleted_at: datetime | None
    misses: int
    reference: str | None
    id: int


class NewChange(NamedTuple):
    """A line for an object's history; see `ObjectChange`."""

    object: int
    before: Attributes
    after: Attributes
    absence_before: str | None
    absence_after: str | None


class Reference(NamedTuple):
    """An object's attribute refers to a target, in normal form."""

    object: int
    attribute: str
    target: str


class Objects(Protocol):
    """Objects, their history and references."""

    # --- for evaluation

    def in_identity_order(
        self, low: int | None = None, high: int | None = None
    ) -> Iterator[ObjectRow]:
        """Yield the objects of all identities, or of those from ``low`` up to before ``high``."""

    def of_identities(self, identities: Iterable[int]) -> Iterator[ObjectRow]:
        """Yield the objects of these identities, which are given in ascending order."""

    # --- for lookups

    def get(self, silo: str, type_name: str, anchor: str) -> StoredObject | None:
        """Return an object, present or not; ``None`` when it was never seen."""

    def by_id(self, object_id: ObjectId) -> StoredObject | None:
        """Return an object, present or not."""

    def in_slot(self, identity: IdentityId, slot: str) -> StoredObject | None:
        """Return the object that is there in a slot of an identity."""

    def all_in_slot(self, identity: IdentityId, slot: str) -> Sequence[StoredObject]:
        """Return every object that is there in a slot of an identity; more than one is too many."""

    def bearing(
        self, silo: str, type_name: str, attribute: str, values: Collection[str]
    ) -> Sequence[tuple[str, StoredObject]]:
        """Return the objects that are there and have one of these casefolded texts, with it."""

    def in_slot_by_key(self, slot: str, key: str) -> StoredObject | None:
        """Return the object that is there in a slot of the identity with this join value."""

    def of_identity(self, identity: IdentityId) -> Sequence[StoredObject]:
        """Return all objects of an identity, those that are not there any more too."""

    def of_slot(self, silo: str, type_name: str, slot: str) -> Sequence[StoredObject]:
        """Return the objects of a type that are there, in one slot."""

    def values(self, silo: str, type_name: str, attribute: str) -> Iterable[tuple[str, IdentityId]]:
        """Yield every text that an attribute has now, and the identity it belongs to."""

    def live(self, silo: str, type_name: str) -> int | None:
        """Return how many objects of a type are there, ``None`` while no scan was applied."""

    def references(self, object_id: ObjectId) -> Collection[str]:
        """Return what an object refers to, in normal form (`model.joins.normal_reference`)."""

    def references_of(self, objects: Iterable[int]) -> Mapping[int, Collection[str]]:
        """Return what these objects refer to, in normal form; those that do not are left out."""

    def references_by_attribute(self, object_id: ObjectId) -> Mapping[str, Sequence[str]]:
        """Return what each attribute of an object refers to, in normal form and sorted."""

    def left_behind(self, silo: str, names: Collection[str]) -> Mapping[str, str]:
        """Return which of these names, in normal form, nobody keeps and an object refers to.

        Nobody keeps a name whom an action that may still be carried out, or is judged right now,
        takes it from. With the name, or the anchor, of one that refers to it.
        """

    def refers(self, object_id: ObjectId, target: str) -> bool:
        """Tell whether an object refers to a target, given in normal form."""

    def whole(self, stored: StoredObject) -> StoredObject:
        """Return the object with its references among the attributes."""

    def history(self, object_id: ObjectId, limit: int | None = None) -> Sequence[ObjectChange]:
        """Return the changes of an object, newest first."""

    def at(self, object_id: ObjectId, time: datetime) -> StoredObject | None:
        """Return the object as it was at a time, with references; ``None`` before it was there."""

    # --- for comparing many

    def traits(self, identities: Iterable[int]) -> Iterator[Trait]:
        """Yield what all objects of these identities say, those that are away too."""

    def sample(self, silo_type: int, most: int) -> Iterator[Trait]:
        """Yield the objects of a type that are there: all, or about ``most`` spread evenly."""

    def changed_by(self, source: str, objects: Iterable[int]) -> Iterator[tuple[int, str]]:
        """Yield what one source changed: the object, and the new values as stored JSON."""

    # --- for scans and outcomes

    def hashes(self, silo_type: int) -> dict[str, bytes]:
        """Return the hash of every object of a type by anchor, those that are away included."""

    def anchors(self, silo_type: int) -> Iterator[str]:
        """Yield the anchor of every object of a type, those that are away included."""

    def away(self, silo_type: int) -> Sequence[Away]:
        """Return the objects of a type that are away or were missed."""

    def missed(self, silo_type: int) -> Sequence[Away]:
        """Return the objects of a type that were missed, and not whatever else is away."""

    def current(self, silo_type: int, anchors: Iterable[str]) -> Mapping[str, Current]:
        """Return what is stored of these anchors."""

    def page(self, silo_type: int, after: str, limit: int) -> Sequence[Current]:
        """Return the next objects of a type by anchor."""

    def placed(self, identities: Iterable[int]) -> Sequence[Placed]:
        """Return where all objects of these identities stand."""

    def reserve(self, count: int) -> Sequence[int]:
        """Return so many object ids that nobody else will use."""

    def add(self, silo_type: int, rows: Sequence[NewObject], source: str, now: datetime) -> None:
        """Store new objects."""

    def change(self, rows: Sequence[NewState], source: str, now: datetime) -> None:
        """Store what objects have become."""

    def set_misses(self, rows: Sequence[tuple[int, int]], now: datetime) -> None:
        """Store how many complete scans missed an object: (misses, object).

        Where that is another number than before, or its time is still to come, the time is now.
        """

    def place(self, rows: Sequence[tuple[int, int]]) -> None:
        """Put objects into identities: (identity, object)."""

    def assign(self, rows: Sequence[tuple[str | None, str | None, int]]) -> None:
        """Set the slots and keys of objects: (slot, key, object)."""

    def record(self, changes: Sequence[NewChange], source: str, now: datetime) -> None:
        """Write history."""

    def refer(self, added: Sequence[Reference], removed: Sequence[Reference]) -> None:
        """Add and remove references."""

    def is_parted(self, silo_type: int, members: str | None) -> bool:
        """Tell whether nobody who is there has members elsewhere than in references by ``members``.

        Reads every object of the type.
        """

    def referred(self, silo: str, targets: Iterable[str]) -> Collection[int]:
        """Return the identities of the objects in a silo to which these targets refer."""

    def discard(self, silo_type: int) -> None:
        """Delete the objects of a first load that did not end, and identities it made."""
