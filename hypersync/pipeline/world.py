"""What expressions may ask of the run they are evaluated in.

Answers come from the snapshot the run reads. A name that `unique` gave is remembered for the rest
of the run, so that two people of one run never get the same; it is reserved in the store only when
the action that carries it is queued or suspended, and a preview reserves nothing for others.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from hypersync.errors import EvaluationError
from hypersync.model.ids import IdentityId, ObjectId
from hypersync.model.joins import join_key
from hypersync.model.objects import Operation
from hypersync.pipeline.drafts import Identity
from hypersync.pipeline.passwords import MARK
from hypersync.ports.store import UnitOfWork
from hypersync.rulebook.rules import Rulebook

_MOST_NUMBERS = 9_999
Counting = Callable[[bool, str, timedelta], int]


class World:
    """The run's answers.

    ``reserved`` are the names that were given, and to whom; ``awaited`` who refers to an object
    that is not there: slot, key of the object's identity, who refers.
    """

    def __init__(
        self, unit: UnitOfWork, rulebook: Rulebook, *, count: Counting, quota: Counting
    ) -> None:
        self._unit = unit
        self._rulebook = rulebook
        self._identity: Identity | None = None
        self._taken: dict[str, dict[str, IdentityId]] = {}
        self._references: dict[tuple[str, str], str | None] = {}
        self.count = count
        self.quota = quota
        self.awaited: set[tuple[str, str, IdentityId]] = set()
        self.reserved: dict[tuple[str, str], IdentityId] = {}

    def see(self, unit: UnitOfWork) -> None:
        """Answer from a newer snapshot from now on; names that were given stay given."""
        self._unit = unit
        self._taken.clear()
        self._references.clear()

    def enter(self, identity: Identity) -> None:
        """Look at another identity from now on."""
        self._identity = identity

    def reference(self, slot: str, key: str) -> str | None:
        """Return what refers to the object in a slot of the identity with this key."""
        asked = (slot, key)
        if asked not in self._references:
            found = self._unit.objects.in_slot_by_key(slot, key)
            dn = None if found is None else found.attributes.get("dn")
            anchor = None if found is None else found.anchor
            self._references[asked] = dn if isinstance(dn, str) else anchor
        if self._references[asked] is None and self._identity is not None:
            self.awaited.add((slot, join_key(key), self._identity.id))
        return self._references[asked]

    def unique(self, names: tuple[str, ...], candidate: str, maximum: int) -> str | None:
        """Return the candidate, numbered when somebody else has it under one of the names."""
        identity = self._current().id
        if not candidate:
            return None
        for number in range(1, _MOST_NUMBERS):
            suffix = "" if number == 1 else str(number)
            name = candidate[: maximum - len(suffix)] + suffix
            if all(self._is_free(each, name.casefold(), identity) for each in names):
                for each in names:
                    self.reserved[each, name.casefold()] = identity
                return name
        raise EvaluationError(f"no free name like {candidate!r} was found")

    def _is_free(self, name: str, value: str, identity: IdentityId) -> bool:
        if name not in self._taken:
            self._taken[name] = self._load(name)
        holder = self.reserved.get((name, value), self._taken[name].get(value))
        return holder is None or holder == identity

    def _load(self, name: str) -> dict[str, IdentityId]:
        slot, _, attribute = name.partition(".")
        known = next((each for each in self._rulebook.slots if each.name == slot), None)
        if known is None or not attribute:
            raise EvaluationError(f"{name!r} is no slot.attribute")
        values = self._unit.objects.values(known.silo, known.type, attribute)
        taken = {value.casefold(): holder for value, holder in values}
        return dict(self._unit.marks.reservations(name)) | taken

    def initial_password(self) -> str:
        """Return the mark of a password that is made when the account is."""
        return MARK

    def disabled_by_us(self, slot: str, obj: object) -> bool:  # noqa: ARG002 - the port's shape
        """Tell whether the last switch of this object was ours, and was off."""
        row = self._current().rows[self._rulebook.slot_index(slot)]
        if row is None:
            return False
        last = self._unit.actions.of_object(ObjectId(row[0]), (Operation.ENABLE, Operation.DISABLE))
        return last is not None and last.operation is Operation.DISABLE

    def _current(self) -> Identity:
        if self._identity is None:
            raise EvaluationError("no identity is being looked at")
        return self._identity
