"""The store port for what people ask about one object: its past and what it is tied to.

Every answer is bounded by ``most``, so that it costs the same however much else there is.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from hypersync.model.ids import IdentityId, ObjectId
from hypersync.ports.store.objects import ObjectChange, StoredObject


class Tie(NamedTuple):
    """An object in whose attribute a target stands, in normal form."""

    object: StoredObject
    attribute: str
    target: str


class Then(NamedTuple):
    """An object at a time: ``None`` before it was there.

    ``is_known`` is false when too much changed since to walk back. Members are among the attributes
    unless there are too many.
    """

    object: StoredObject | None
    is_known: bool = True
    has_members: bool = True


class Portraits(Protocol):
    """Reads what is known of one object."""

    def of_identity(self, identity: IdentityId, most: int) -> Sequence[StoredObject]:
        """Return the objects of an identity, those that are not there any more too."""

    def past(
        self, object_id: ObjectId, most: int, *, before: datetime | None = None
    ) -> Sequence[ObjectChange]:
        """Return the newest changes of an object first, those before a moment or all."""

    def since(self, object_id: ObjectId, time: datetime, most: int) -> Sequence[ObjectChange]:
        """Return the changes of an object after a time, newest first."""

    def at(self, stored: StoredObject, time: datetime, most: int) -> Then:
        """Return an object as it was at a time, walking back over at most so many changes."""

    def members(self, object_id: ObjectId, most: int) -> Sequence[tuple[str, str]]:
        """Return what an object refers to as members: attribute and target, in normal form."""

    def tied(self, silo: str, targets: Collection[str], most: int) -> Sequence[Tie]:
        """Return the objects in a silo that have one of these as a member."""

    def named(self, silo: str, targets: Collection[str], most: int) -> Sequence[StoredObject]:
        """Return the objects in a silo with one of these distinguished names or anchors."""
