"""Writes changes to Active Directory, each only if the object is still as it was.

Beyond `directory.write`: an object is named by its GUID, so that nothing is written to another one
that took its name meanwhile, and so is a member whose anchor is told; the enabled state is one bit;
an account is made with its password in one request; why the domain controller refuses is told by
its own codes; and a deleted object comes back as itself (`restore`).

There is no assertion control here. A single-valued attribute that had no value is therefore added
to, which fails when one has come. One of several values that had none may get others beside ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from hypersync.connectors.ad.account import (
    PASSWORD_SET,
    SWITCH,
    new_account,
    part,
    refuse_passwords,
    switched,
    with_password,
)
from hypersync.connectors.ad.directory import AdDirectory
from hypersync.connectors.ad.members import number_of
from hypersync.connectors.ad.place import AdPlace, first
from hypersync.connectors.ad.reasons import sentence
from hypersync.connectors.ad.restore import Restorer
from hypersync.connectors.ad.values import CONTROL
from hypersync.connectors.directory.members import lists, member_now
from hypersync.connectors.directory.schema import Representation
from hypersync.connectors.directory.tree import Place
from hypersync.connectors.directory.values import new_entry
from hypersync.connectors.directory.wire import Code, Entry, Result, Step
from hypersync.connectors.directory.write import Writer
from hypersync.connectors.directory.writing import Written, refused_or_later
from hypersync.model.names import split
from hypersync.model.objects import (
    Attributes,
    Change,
    Conflict,
    Operation,
    Outcome,
    Refused,
    not_yet,
)

_CLASS = "objectClass"


class AdWriter(Writer):
    """Applies one batch of changes over one connection, on which passwords may go if ``is_tls``."""

    def __init__(
        self, directory: AdDirectory, places: Mapping[str, AdPlace], *, is_tls: bool
    ) -> None:
        super().__init__(directory, places)
        self._domain = directory
        self._is_tls = is_tls

    # --- what is read and written otherwise ----------------------------------------------------

    def _address(self, entry: Entry, place: Place) -> str:
        anchor = place.anchor_of(entry)
        return entry.dn if anchor is None else f"<GUID={anchor}>"

    def _compared(self, change: Change) -> set[str]:
        names = super()._compared(change)
        is_switched = SWITCH in {name.lower() for name in names}
        return names | {CONTROL, PASSWORD_SET} if is_switched else names

    def _steps(
        self, after: Attributes, place: Place, shown: Representation, entry: Entry
    ) -> tuple[dict[str, list[Step]], list[str]]:
        refuse_passwords(after)
        _refuse_unknown(after, shown)
        steps, absent = super()._steps(part(after, SWITCH)[1], place, shown, entry)
        return {**steps, **switched(after, entry, _ad(place))}, absent

    def _new_entry(
        self, change: Change, place: Place, dn: str, shown: Representation
    ) -> dict[str, list[bytes]]:
        after = change.after or {}
        _refuse_unknown(after, shown)
        account = new_account(after, _ad(place), is_tls=self._is_tls)
        known = {SWITCH, *(name.lower() for name in account)}
        rest = {name: value for name, value in after.items() if name.lower() not in known}
        for name in rest:
            if shown.reported(name).is_read_only:
                raise ValueError(f"{name!r} is read-only in this directory")
        return {**new_entry(replace(change, after=rest), place, dn, shown), **account}

    def _settled(
        self, change: Change, place: Place, shown: Representation, entry: Entry | None
    ) -> Outcome | Written | None:
        if change.operation is Operation.CREATE:  # the server adds classes of its own
            change = replace(change, after=part(change.after or {}, _CLASS)[1])
        return super()._settled(change, place, shown, entry)

    # --- why it was not done -------------------------------------------------------------------

    def _refused(self, result: Result) -> Outcome:
        return refused_or_later(result, sentence(result))

    def _not_created(self, result: Result, place: Place, dn: str) -> Outcome:
        parent = split(dn)[1]
        if self._lacks(place, parent):
            return Refused(f"there is no entry {parent} to create it in")
        if result.is_(Code.ENTRY_EXISTS) and not self._lacks(place, dn):
            return Conflict(f"{dn} is there already")
        return self._refused(result)

    # --- operations of its own -----------------------------------------------------------------

    def _create(self, change: Change, place: Place) -> Outcome | Written:
        change = replace(change, after=with_password(change.after or {}))
        if change.anchor is None:
            return super()._create(change, place)
        return Restorer(self._domain, _ad(place), change, change.anchor)()

    def _member(self, change: Change, place: Place) -> Outcome | Written:
        entry = self._entry(change, place) if place.members is not None else None
        if entry is None:
            return super()._member(change, place)
        member = member_now(self._directory, self._places, change)
        if isinstance(member, Conflict):
            return member
        named = member if change.member is None else f"<GUID={change.member.anchor}>"
        is_added = change.operation is Operation.ADD_MEMBER
        steps: Sequence[Step] = [("add" if is_added else "delete", [named.encode()])]
        result = self._modify_members(entry, place, steps)
        if result.code == 0:
            return Written(place, change.anchor)
        if is_added and lists(self._wire, self._address(entry, place), place, member):
            return not_yet(change) or Written(place, change.anchor)
        return self._no_member(result, change, _ad(place), entry, member)

    def _no_member(
        self, result: Result, change: Change, place: AdPlace, group: Entry, member: str
    ) -> Outcome | Written:
        """Find out why a membership was not written; it may be as wanted already."""
        is_added = change.operation is Operation.ADD_MEMBER
        found = self._wire.find(member, "(objectClass=*)", ["primaryGroupID"], base_only=True)
        if not found:
            return Conflict(f"there is no entry {member}; it was moved, renamed or deleted")
        if self._is_primary(group, place, found[0]):
            if is_added and place.primary_members:
                return not_yet(change) or Written(place, change.anchor)
            return Refused(
                f"{group.dn} is the primary group of {member}; give it another primary group first"
                if not is_added
                else f"{group.dn} is the primary group of {member}, which 'member' never shows; "
                f"say 'primary_members: true' of the type {place.name!r}"
            )
        if not is_added and not lists(self._wire, self._address(group, place), place, member):
            return not_yet(change) or Written(place, change.anchor)
        return self._refused(result)

    def _is_primary(self, group: Entry, place: AdPlace, member: Entry) -> bool:
        number = first(member.raw, "primaryGroupID")
        if number is None:
            return False
        address = self._address(group, place)
        found = self._wire.find(address, "(objectClass=*)", ["objectSid"], base_only=True)
        sid = first(found[0].raw, "objectSid") if found else None
        return sid is not None and number_of(sid) == int(number)


def _ad(place: Place) -> AdPlace:
    if not isinstance(place, AdPlace):
        raise TypeError(f"{place.name} is no type of an ad silo")
    return place


def _refuse_unknown(after: Attributes, shown: Representation) -> None:
    for name in after:
        if name != "dn" and not shown.is_known(name):
            raise ValueError(f"the schema of the domain has no attribute {name!r}")
