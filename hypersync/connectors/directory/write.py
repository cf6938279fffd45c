"""Writes changes to an LDAP directory, each only if the object is still as it was.

An object is read before it is written: what already is as wanted has succeeded, what is no longer
as it was is a conflict. What happens between reading and writing is caught by the request itself:
one modify deletes exactly the old values and adds the new ones, so it fails when they are gone,
and where there was no value it asserts (RFC 4528) that there is none, if the server can. So does
every request assert that the anchor is still the one that was read, and a delete the values.
A move is asked for by the name that was read, so it fails when that is gone; who took the name
meanwhile, where nothing could be asserted, is put back (`moving`).
Memberships add or remove one value and read no members, whatever the size of the group; what DN the
member has now is looked up by its anchor (`members`). When the connection breaks during a write,
its outcome is unknown and nothing more is tried.

A kind of directory that does some of this in a way of its own overrides the methods of `Writer`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from hypersync.connectors.changes import is_missing, reference
from hypersync.connectors.directory.comparing import MEANWHILE, Comparing
from hypersync.connectors.directory.members import is_same, lists, member_now
from hypersync.connectors.directory.moving import put_back
from hypersync.connectors.directory.schema import Representation
from hypersync.connectors.directory.tree import Directory, Place
from hypersync.connectors.directory.values import (
    as_it_was,
    as_reported,
    new_entry,
    steps_of,
    without_passwords,
)
from hypersync.connectors.directory.wire import (
    Busy,
    Code,
    Entry,
    Lost,
    Result,
    Step,
)
from hypersync.connectors.directory.writing import (
    LATER,
    ReadBack,
    Unsure,
    Written,
    writing,
)
from hypersync.errors import SiloRefused
from hypersync.model.names import split
from hypersync.model.objects import (
    Attributes,
    Change,
    Conflict,
    Operation,
    Outcome,
    Refused,
    RetryAfter,
    Succeeded,
    Unknown,
    not_yet,
)


class Writer(Comparing):
    """Applies one batch of changes over one connection."""

    def __init__(self, directory: Directory, places: Mapping[str, Place]) -> None:
        super().__init__(directory)
        self._places = places
        self._is_lost = False
        self._read_back = ReadBack(directory)

    def __call__(self, changes: Sequence[Change]) -> list[Outcome]:
        """Return one outcome for each change."""
        done = [self._apply(change) for change in changes]
        return [self._read_back(each) if isinstance(each, Written) else each for each in done]

    def _apply(self, change: Change) -> Outcome | Written:
        if self._is_lost:
            return RetryAfter(LATER, "the server went away before this was tried")
        place = self._places[change.type.name]
        try:
            return self._operation(change)(change, place)
        except Busy as error:
            return RetryAfter(LATER, f"nothing was written: {error.message}")
        except (ValueError, SiloRefused) as error:
            return Refused(str(error))
        except Lost as error:
            self._is_lost = True
            text = f"the server went away before this was written: {error}"
            return RetryAfter(LATER, text, is_lost=True, is_suspect=True)
        except Unsure as error:
            self._is_lost = True
            return Unknown(f"the server went away while this was written: {error}")

    def _operation(self, change: Change) -> Callable[[Change, Place], Outcome | Written]:
        match change.operation:
            case Operation.CREATE:
                return self._create
            case Operation.MOVE | Operation.RENAME:
                return self._move
            case Operation.DELETE:
                return self._delete
            case Operation.ADD_MEMBER | Operation.REMOVE_MEMBER:
                return self._member
            case Operation.UPDATE | Operation.ENABLE | Operation.DISABLE:
                return self._update
            case Operation.EVENT:
                raise ValueError("an event is not written to a silo")

    # --- one operation each --------------------------------------------------------------------

    def _update(self, change: Change, place: Place) -> Outcome | Written:
        shown = self._representation(change, place)
        entry = self._entry(change, place)
        change = as_reported(change, shown, entry)
        outcome = self._settled(change, place, shown, entry)
        if outcome is not None or entry is None:
            return outcome or Conflict(f"{change.type.name} {change.anchor} is not there any more")
        after = change.after or {}
        if not is_missing(after.get("dn")) and after["dn"] != entry.dn:
            raise ValueError("the dn changes by a move or a rename only")
        steps, absent = self._steps(after, place, shown, entry)
        with writing():
            result = self._wire.modify(
                self._address(entry, place), steps, controls=self._asserted(entry, place, absent)
            )
        return self._answer(result, change, place)

    def _create(self, change: Change, place: Place) -> Outcome | Written:
        dn = (change.after or {}).get("dn")
        if not isinstance(dn, str) or not dn:
            raise ValueError(f"a new {place.name} needs its place: set 'dn'")
        shown = self._representation(change, place)
        found = self._at(place, dn, self._compared(change) or ["1.1"])
        if found is not None:
            change = replace(change, after=without_passwords(change.after))
            change = as_reported(change, shown, found)
            return self._settled(change, place, shown, found) or Conflict(f"{dn} is there already")
        with writing():
            result = self._wire.add(dn, self._new_entry(change, place, dn, shown))
        if result.code == 0:
            return Written(place, dn=dn)
        return self._out_of_reach(result, dn) or self._not_created(result, place, dn)

    def _not_created(self, result: Result, place: Place, dn: str) -> Outcome:  # noqa: ARG002 - see AD
        if result.is_(Code.ENTRY_EXISTS):
            return Conflict(f"{dn} is there already")
        if result.is_(Code.NO_SUCH_OBJECT):
            return Refused(f"there is no entry {split(dn)[1]} to create it in")
        return self._refused(result)

    def _move(self, change: Change, place: Place) -> Outcome | Written:
        target = (change.after or {}).get("dn")
        if not isinstance(target, str) or set(change.after or {}) != {"dn"}:
            raise ValueError("a move or a rename writes the dn, and nothing else")
        rdn, parent = split(target)
        shown = self._representation(change, place)
        entry = self._entry(change, place)
        change = as_reported(change, shown, entry)
        outcome = self._settled(change, place, shown, entry)
        if outcome is not None or entry is None:
            return outcome or Conflict(f"{change.type.name} {change.anchor} is not there any more")
        is_elsewhere = not is_same(parent, split(entry.dn)[1])
        asserted = self._asserted(entry, place)
        with writing():
            result = self._wire.move(
                entry.dn, rdn, parent if is_elsewhere else None, controls=asserted
            )
        if result.is_(Code.ENTRY_EXISTS):
            return Conflict(f"{target} is there already", self._whole(change, place))
        if lost := self._out_of_reach(result, target):
            return lost
        if result.code and is_elsewhere and self._lacks(place, parent):
            return Refused(f"there is no entry {parent} to move it to")
        if result.code == 0 and not asserted:
            stranger = put_back(self._directory, place, entry, target, self._address)
            if stranger is not None:
                return stranger
        return self._answer(result, change, place)

    def _delete(self, change: Change, place: Place) -> Outcome | Written:
        shown = self._representation(change, place)
        entry = self._entry(change, place)
        change = as_reported(change, shown, entry)
        outcome = self._settled(change, place, shown, entry)
        if outcome is not None or entry is None:
            return outcome or Succeeded(None)
        absent, held = as_it_was(change, shown, entry)
        asserted = self._asserted(entry, place, absent, held)
        with writing():
            result = self._wire.delete(self._address(entry, place), controls=asserted)
        if result.is_(Code.NO_SUCH_OBJECT, Code.ASSERTION_FAILED):
            there = self._whole(change, place)
            return Succeeded(None) if there is None else Conflict(MEANWHILE, there)
        return Succeeded(None) if result.code == 0 else self._refused(result)

    def _member(self, change: Change, place: Place) -> Outcome | Written:
        if place.members is None:
            raise ValueError(f"the type {place.name!r} has no members; name them with 'members:'")
        entry = self._entry(change, place)
        if entry is None:
            return Conflict(f"{change.type.name} {change.anchor} is not there any more")
        member = member_now(self._directory, self._places, change)
        if isinstance(member, Conflict):
            return member
        is_added = change.operation is Operation.ADD_MEMBER
        steps: list[Step] = [("add" if is_added else "delete", [member.encode()])]
        result = self._modify_members(entry, place, steps)
        if result.is_(Code.OBJECT_CLASS) and not is_added:
            if place.placeholder is None:
                return Refused(
                    "a group of this kind needs a member; give its type a 'placeholder' (a DN)"
                )
            steps.append(("add", [place.placeholder.encode()]))
            result = self._modify_members(entry, place, steps)
        if result.is_(Code.VALUE_EXISTS if is_added else Code.NO_SUCH_ATTRIBUTE):
            told = reference(change)
            if not is_same(told, member) and lists(self._wire, entry.dn, place, told):
                return Conflict(f"{entry.dn} lists {told}, the old name of {member}")
            return not_yet(change) or Written(place, change.anchor)
        return self._answer(result, change, place)

    def _modify_members(self, entry: Entry, place: Place, steps: Sequence[Step]) -> Result:
        with writing():
            return self._wire.modify(
                self._address(entry, place),
                {str(place.members): steps},
                controls=self._asserted(entry, place),
            )

    # --- what kinds of directories do in their own way -----------------------------------------

    def _steps(
        self,
        after: Attributes,
        place: Place,  # noqa: ARG002 - see AD
        shown: Representation,
        entry: Entry,
    ) -> tuple[dict[str, list[Step]], list[str]]:
        """Return the steps of a modify, and the attributes that must have no value before it.

        Raises ``ValueError`` with a sentence for what cannot be written.
        """
        return steps_of(after, shown, entry)

    def _new_entry(
        self, change: Change, place: Place, dn: str, shown: Representation
    ) -> dict[str, list[bytes]]:
        """Return the raw attributes of a new object; raises ``ValueError`` with a sentence."""
        return new_entry(change, place, dn, shown)
