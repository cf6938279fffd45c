"""What all writes of one object share: it is read, compared, and what came of it is said."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from hypersync.connectors.changes import settled
from hypersync.connectors.directory.answers import NOT_NOW
from hypersync.connectors.directory.schema import Representation
from hypersync.connectors.directory.tree import Directory, Place
from hypersync.connectors.directory.values import compared_names
from hypersync.connectors.directory.wire import Busy, Code, Control, Entry, Result, assertion
from hypersync.connectors.directory.writing import Written, refused_or_later
from hypersync.errors import SiloRefused
from hypersync.model.objects import (
    Change,
    Conflict,
    Operation,
    Outcome,
    Refused,
    SiloObject,
    Succeeded,
)

MEANWHILE: Final = "changed in the silo meanwhile"
ELSEWHERE: Final = "{} is in no part of the tree that this server has; correct it in the rule"


class Comparing:
    """Compares objects of one directory with what changes say of them.

    Its methods raise ``Lost``, ``SiloRefused``, and ``ValueError`` with a sentence.
    """

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._wire = directory.wire

    def _address(self, entry: Entry, place: Place) -> str:  # noqa: ARG002 - see AD
        """Return by what name a request finds the entry that was read."""
        return entry.dn

    def _compared(self, change: Change) -> set[str]:
        """Return the attributes to read before a write."""
        return compared_names(change)

    def _refused(self, result: Result) -> Outcome:
        """Say why the server did not do it."""
        return refused_or_later(result, result.sentence)

    def _lacks(self, place: Place, dn: str) -> bool:
        return self._at(place, dn, ["1.1"]) is None

    def _at(self, place: Place, dn: str, attributes: Iterable[str]) -> Entry | None:
        """Find an entry by the name that a rule gave it."""
        try:
            return self._directory.at(place, dn, attributes)
        except Busy:
            raise
        except SiloRefused as error:
            if self._directory.is_elsewhere(dn):
                raise SiloRefused(ELSEWHERE.format(dn)) from error
            raise

    def _out_of_reach(self, result: Result, dn: str) -> Refused | None:
        """Part a name that is nowhere in the silo from a copy that refers to who may be written.

        The former is a mistake in a rule, which no other server in ``url`` mends.
        """
        if result.code == 0 or result.is_(*NOT_NOW) or not self._directory.is_elsewhere(dn):
            return None
        return Refused(ELSEWHERE.format(dn))

    def _representation(self, change: Change, place: Place) -> Representation:
        """Return how the attributes of the change are reported, by the names it uses."""
        wanted = compared_names(change) or {"objectClass"}
        return self._directory.representation_of(place, wanted)

    def _entry(self, change: Change, place: Place) -> Entry | None:
        """Read what the change is compared with; of a group no members."""
        if change.anchor is None:
            raise ValueError("the change names no object")
        is_membership = change.operation in (Operation.ADD_MEMBER, Operation.REMOVE_MEMBER)
        names = set() if is_membership else self._compared(change)
        return self._directory.entry(place, change.anchor, names or ["1.1"])

    def _settled(
        self, change: Change, place: Place, shown: Representation, entry: Entry | None
    ) -> Outcome | Written | None:
        """Decide before writing, with the whole object in the answer."""
        anchor = None if entry is None else place.anchor_of(entry)
        if entry is None or anchor is None:
            return settled(change, None)
        current = SiloObject(place.name, anchor, shown.attributes(entry.dn, entry.raw))
        outcome = settled(change, current)
        if isinstance(outcome, Succeeded) and change.operation is not Operation.DELETE:
            return Written(place, anchor, made=outcome.made)
        if isinstance(outcome, Conflict):
            return replace(outcome, object=self._directory.object(place, anchor))
        return outcome

    def _answer(self, result: Result, change: Change, place: Place) -> Outcome | Written:
        if result.code == 0:
            return Written(place, change.anchor)
        if result.is_(Code.NO_SUCH_OBJECT):
            return Conflict(f"{change.type.name} {change.anchor} is not there any more")
        if result.is_(Code.NO_SUCH_ATTRIBUTE, Code.VALUE_EXISTS, Code.ASSERTION_FAILED):
            return Conflict(MEANWHILE, self._whole(change, place))
        return self._refused(result)

    def _whole(self, change: Change, place: Place) -> SiloObject | None:
        return None if change.anchor is None else self._directory.object(place, change.anchor)

    def _asserted(
        self,
        entry: Entry,
        place: Place,
        absent: Sequence[str] = (),
        held: Sequence[tuple[str, bytes]] = (),
    ) -> Sequence[Control]:
        """Return what a request demands of the entry, if the server can: above all its anchor."""
        anchor = place.anchor_of(entry)
        if not self._directory.has_assertions or anchor is None:
            return ()
        return [assertion(absent, [(place.anchor, anchor.encode()), *held])]
