"""Connectors that each write one thing wrong, which the contract has to find out."""

from dataclasses import replace
from typing import ClassVar

from hypersync.connectors.changes import present, settled, written
from hypersync.connectors.memory import MemorySession
from hypersync.model.objects import (
    Attributes,
    Change,
    Operation,
    Outcome,
    SiloObject,
    Succeeded,
)

MEMBERSHIP = (Operation.ADD_MEMBER, Operation.REMOVE_MEMBER)


class Writing(MemorySession):
    def stored(self, change: Change) -> Attributes:
        return self._silo.get(change.type.name, change.anchor or "") or {}

    def claim(self, change: Change, attributes: Attributes) -> Outcome:
        """Say that a change was done which was not, unless it is settled anyway."""
        kind, anchor, stored = change.type.name, change.anchor or "", self.stored(change)
        current = SiloObject(kind, anchor, stored) if stored else None
        return settled(change, current) or Succeeded(SiloObject(kind, anchor, present(attributes)))

    def blindly(self, change: Change, *names: str) -> Outcome:
        """Write a change without comparing these attributes."""
        stored = self.stored(change)
        before = {n: stored.get(n) if n in names else v for n, v in (change.before or {}).items()}
        return super()._write(replace(change, before=before))


class ComparesTheFirstAttribute(Writing):
    def _write(self, change: Change) -> Outcome:
        return self.blindly(change, *list(change.before or {})[1:])


class ComparesWhatWasThere(Writing):
    """Takes what ``before`` says is missing for of no interest."""

    def _write(self, change: Change) -> Outcome:
        return self.blindly(change, *(n for n, v in (change.before or {}).items() if v is None))


class ComparesUpdatesOnly(Writing):
    def _write(self, change: Change) -> Outcome:
        is_update = change.operation in (Operation.UPDATE, *MEMBERSHIP)
        return self.blindly(change, *(() if is_update else change.before or ()))


class ComparesNoMembers(Writing):
    def _write(self, change: Change) -> Outcome:
        if change.operation in MEMBERSHIP:
            return super()._write(change)
        return self.blindly(change, "member")


class SucceedsInGroupsThatAreGone(Writing):
    def _write(self, change: Change) -> Outcome:
        is_gone = change.operation in MEMBERSHIP and not self.stored(change)
        return Succeeded(None) if is_gone else super()._write(change)


class WritesTheFirstAttribute(Writing):
    def _write(self, change: Change) -> Outcome:
        if change.operation is not Operation.UPDATE or len(change.after or {}) < 2:
            return super()._write(change)
        wanted = {**self.stored(change), **(change.after or {})}
        outcome = self.claim(change, wanted)
        name = next(iter(change.after or {}))
        super()._write(replace(change, before={}, after={name: wanted[name]}))
        return outcome


class IsBlindToCase(Writing):
    def _write(self, change: Change) -> Outcome:
        after, stored = change.after or {}, self.stored(change)
        if all(str(stored.get(n)).lower() == str(v).lower() for n, v in after.items()):
            return Succeeded(self.read(change.type, change.anchor or ""))
        return super()._write(change)


class Claims(Writing):
    """Says that one operation was done, and does nothing."""

    operation: ClassVar[Operation]

    def _write(self, change: Change) -> Outcome:
        if change.operation is not self.operation:
            return super()._write(change)
        return self.claim(change, written(change, self.stored(change)))


class ClaimsToDisable(Claims):
    operation = Operation.DISABLE


class ClaimsToRemoveMembers(Claims):
    operation = Operation.REMOVE_MEMBER


class ClaimsToDelete(Writing):
    def _write(self, change: Change) -> Outcome:
        is_delete = change.operation is Operation.DELETE
        return Succeeded(None) if is_delete else super()._write(change)


class ReplacesMembers(Writing):
    """Forgets who was there when somebody is added."""

    def _write(self, change: Change) -> Outcome:
        outcome = super()._write(change)
        if change.operation is Operation.ADD_MEMBER and len(self.stored(change)["member"]) > 2:
            added = (change.after or {})["member"]
            self._silo.put("group", "staff", {**self.stored(change), "member": (added,)})
        return outcome


class DeletesEmptyGroups(Writing):
    def _write(self, change: Change) -> Outcome:
        outcome = super()._write(change)
        if change.operation is Operation.REMOVE_MEMBER and "member" not in self.stored(change):
            self._silo.remove("group", "staff")
        return outcome


class DropsAnAttribute(Writing):
    def _write(self, change: Change) -> Outcome:
        outcome = super()._write(change)
        if change.operation is Operation.UPDATE and isinstance(outcome, Succeeded):
            kept = {n: v for n, v in self.stored(change).items() if n != "employeeType"}
            self._silo.put(change.type.name, change.anchor or "", kept)
        return outcome


def meddling(operation: Operation) -> type[MemorySession]:
    """Return sessions that empty another object with each change of a kind."""

    class Meddles(Writing):
        def _write(self, change: Change) -> Outcome:
            outcome = super()._write(change)
            if change.operation is operation and isinstance(outcome, Succeeded):
                is_create = operation is Operation.CREATE
                self._silo.put(*(("group", "staff") if is_create else ("user", "zoë")), {"cn": "x"})
            return outcome

    return Meddles
