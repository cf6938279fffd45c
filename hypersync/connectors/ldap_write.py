"""Writes changes to an LDAP directory, each only if the object is still as it was.

An object is read before it is written: what already is as wanted has succeeded, what is no longer
as it was is a conflict. What happens between reading and writing is caught by the request itself:
one modify deletes exactly the old values and adds the new ones, so it fails when they are gone,
and where there was no value it asserts (RFC 4528) that there is none, if the server can.
Memberships add or remove one value and read nothing, whatever the size of the group. When the
connection breaks during a write, its outcome is unknown and nothing more is tried.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from hypersync.connectors.contract import is_missing, reference, settled, sorted_values
from hypersync.connectors.ldap_directory import Directory, Place
from hypersync.connectors.ldap_names import naming_values, normal, split
from hypersync.connectors.ldap_schema import Reported, Representation, encoded
from hypersync.connectors.ldap_wire import Code, Entry, Lost, Result, Step
from hypersync.errors import SiloRefused
from hypersync.model.objects import (
    Attributes,
    Change,
    Conflict,
    Operation,
    Outcome,
    Refused,
    RetryAfter,
    Scalar,
    SiloObject,
    Succeeded,
    Unknown,
    Value,
)

_LATER = timedelta(seconds=30)
_PASSWORD = "userpassword"  # noqa: S105 - the name of the attribute
_MEANWHILE = "changed in the silo meanwhile"


class _Unsure(Exception):
    """The connection broke while something was written."""


@dataclass(frozen=True, slots=True)
class _Written:
    """Done; the object is read once the whole batch is written. One of anchor and DN is known."""

    place: Place
    anchor: str | None = None
    dn: str = ""


class Writer:
    """Applies one batch of changes over one connection."""

    def __init__(self, directory: Directory, places: Mapping[str, Place]) -> None:
        self._directory = directory
        self._wire = directory.wire
        self._places = places
        self._is_lost = False
        self._objects: dict[_Written, SiloObject | None] = {}

    def __call__(self, changes: Sequence[Change]) -> list[Outcome]:
        """Return one outcome for each change."""
        done = [self._apply(change) for change in changes]
        return [self._read_back(each) if isinstance(each, _Written) else each for each in done]

    def _apply(self, change: Change) -> Outcome | _Written:
        if self._is_lost:
            return RetryAfter(_LATER, "the server went away before this was tried")
        place = self._places[change.type.name]
        try:
            return self._operation(change)(change, place)
        except (ValueError, SiloRefused) as error:
            return Refused(str(error))
        except Lost as error:
            self._is_lost = True
            return RetryAfter(_LATER, f"the server went away before this was written: {error}")
        except _Unsure as error:
            self._is_lost = True
            return Unknown(f"the server went away while this was written: {error}")

    def _operation(self, change: Change) -> Callable[[Change, Place], Outcome | _Written]:
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

    def _read_back(self, written: _Written) -> Outcome:
        if written not in self._objects:
            try:
                self._objects[written] = self._object(written)
            except (Lost, SiloRefused) as error:
                return Unknown(f"written, and could not be read back: {error}")
        found = self._objects[written]
        return Unknown("written, and gone when it was read back") if not found else Succeeded(found)

    def _object(self, written: _Written) -> SiloObject | None:
        place = written.place
        if written.anchor is not None:
            return self._directory.object(place, written.anchor)
        entry = self._directory.at(place, written.dn, place.attributes - {"dn"} or ["*"])
        return None if entry is None else self._directory.shown(place, entry)

    # --- one operation each --------------------------------------------------------------------

    def _update(self, change: Change, place: Place) -> Outcome | _Written:
        shown = self._representation(change, place)
        entry = self._entry(change, place)
        change = _as_shown(change, shown, entry)
        outcome = self._settled(change, place, shown, entry)
        if outcome is not None or entry is None:
            return outcome or Conflict(f"{change.type.name} {change.anchor} is not there any more")
        after = change.after or {}
        if not is_missing(after.get("dn")) and after["dn"] != entry.dn:
            raise ValueError("the dn changes by a move or a rename only")
        steps, absent = _steps(after, shown, entry)
        try:
            result = self._wire.modify(entry.dn, steps, absent=self._assertable(absent))
        except Lost as error:
            raise _Unsure(str(error)) from error
        return self._answer(result, change, place)

    def _create(self, change: Change, place: Place) -> Outcome | _Written:
        dn = (change.after or {}).get("dn")
        if not isinstance(dn, str) or not dn:
            raise ValueError(f"a new {place.name} needs its place: set 'dn'")
        shown = self._representation(change, place)
        found = self._directory.at(place, dn, _names(change) or ["1.1"])
        if found is not None:
            change = _as_shown(replace(change, after=_open(change.after)), shown, found)
            return self._settled(change, place, shown, found) or Conflict(f"{dn} is there already")
        try:
            result = self._wire.add(dn, _new_entry(change, place, dn))
        except Lost as error:
            raise _Unsure(str(error)) from error
        if result.code == 0:
            return _Written(place, dn=dn)
        if result.is_(Code.ENTRY_EXISTS):
            return Conflict(f"{dn} is there already")
        if result.is_(Code.NO_SUCH_OBJECT):
            return Refused(f"there is no entry {split(dn)[1]} to create it in")
        return _refused_or_later(result)

    def _move(self, change: Change, place: Place) -> Outcome | _Written:
        target = (change.after or {}).get("dn")
        if not isinstance(target, str) or set(change.after or {}) != {"dn"}:
            raise ValueError("a move or a rename writes the dn, and nothing else")
        rdn, parent = split(target)
        shown = self._representation(change, place)
        entry = self._entry(change, place)
        change = _as_shown(change, shown, entry)
        outcome = self._settled(change, place, shown, entry)
        if outcome is not None or entry is None:
            return outcome or Conflict(f"{change.type.name} {change.anchor} is not there any more")
        is_elsewhere = normal(parent) != normal(split(entry.dn)[1])
        try:
            result = self._wire.move(entry.dn, rdn, parent if is_elsewhere else None)
        except Lost as error:
            raise _Unsure(str(error)) from error
        if result.is_(Code.ENTRY_EXISTS):
            return Conflict(f"{target} is there already", self._whole(change, place))
        if result.is_(Code.NO_SUCH_OBJECT) and is_elsewhere:
            return Refused(f"there is no entry {parent} to move it to")
        return self._answer(result, change, place)

    def _delete(self, change: Change, place: Place) -> Outcome | _Written:
        shown = self._representation(change, place)
        entry = self._entry(change, place)
        change = _as_shown(change, shown, entry)
        outcome = self._settled(change, place, shown, entry)
        if outcome is not None or entry is None:
            return outcome or Succeeded(None)
        try:
            result = self._wire.delete(entry.dn)
        except Lost as error:
            raise _Unsure(str(error)) from error
        if result.is_(Code.SUCCESS, Code.NO_SUCH_OBJECT):
            return Succeeded(None)
        return _refused_or_later(result)

    def _member(self, change: Change, place: Place) -> Outcome | _Written:
        if place.members is None:
            raise ValueError(f"the type {place.name!r} has no members; name them with 'members:'")
        member = reference(change).encode()
        entry = self._entry(change, place)
        if entry is None:
            return Conflict(f"{change.type.name} {change.anchor} is not there any more")
        is_added = change.operation is Operation.ADD_MEMBER
        steps: list[Step] = [("add" if is_added else "delete", [member])]
        result = self._modify_members(entry, place.members, steps)
        if result.is_(Code.OBJECT_CLASS) and not is_added:
            if place.placeholder is None:
                return Refused(
                    "a group of this kind needs a member; give its type a 'placeholder' (a DN)"
                )
            steps.append(("add", [place.placeholder.encode()]))
            result = self._modify_members(entry, place.members, steps)
        if result.is_(Code.VALUE_EXISTS if is_added else Code.NO_SUCH_ATTRIBUTE):
            return _Written(place, change.anchor)
        return self._answer(result, change, place)

    def _modify_members(self, entry: Entry, attribute: str, steps: Sequence[Step]) -> Result:
        try:
            return self._wire.modify(entry.dn, {attribute: steps})
        except Lost as error:
            raise _Unsure(str(error)) from error

    # --- what they share -----------------------------------------------------------------------

    def _representation(self, change: Change, place: Place) -> Representation:
        """Return how the attributes of the change are reported, by the names it uses."""
        return Representation(
            self._directory.types,
            wanted=_names(change) or {"objectClass"},
            single=place.single,
            multi=place.multi,
        )

    def _entry(self, change: Change, place: Place) -> Entry | None:
        """Read what the change is compared with; of a group no members."""
        if change.anchor is None:
            raise ValueError("the change names no object")
        is_membership = change.operation in (Operation.ADD_MEMBER, Operation.REMOVE_MEMBER)
        names = set() if is_membership else _names(change)
        return self._directory.entry(place, change.anchor, names or ["1.1"])

    def _settled(
        self, change: Change, place: Place, shown: Representation, entry: Entry | None
    ) -> Outcome | _Written | None:
        """Decide before writing, with the whole object in the answer."""
        anchor = None if entry is None else place.anchor_of(entry)
        if entry is None or anchor is None:
            return settled(change, None)
        current = SiloObject(place.name, anchor, shown.attributes(entry.dn, entry.raw))
        outcome = settled(change, current)
        if isinstance(outcome, Succeeded) and change.operation is not Operation.DELETE:
            return _Written(place, anchor)
        if isinstance(outcome, Conflict):
            return replace(outcome, object=self._directory.object(place, anchor))
        return outcome

    def _answer(self, result: Result, change: Change, place: Place) -> Outcome | _Written:
        if result.code == 0:
            return _Written(place, change.anchor)
        if result.is_(Code.NO_SUCH_OBJECT):
            return Conflict(f"{change.type.name} {change.anchor} is not there any more")
        if result.is_(Code.NO_SUCH_ATTRIBUTE, Code.VALUE_EXISTS, Code.ASSERTION_FAILED):
            return Conflict(_MEANWHILE, self._whole(change, place))
        return _refused_or_later(result)

    def _whole(self, change: Change, place: Place) -> SiloObject | None:
        return None if change.anchor is None else self._directory.object(place, change.anchor)

    def _assertable(self, absent: Sequence[str]) -> Sequence[str]:
        return absent if self._directory.has_assertions else ()


def _names(change: Change) -> set[str]:
    """Return the attributes that can be read and compared."""
    return {*(_open(change.before) or {}), *(_open(change.after) or {})} - {"dn"}


def _as_shown(change: Change, shown: Representation, entry: Entry | None) -> Change:
    """Write the values of a change as the directory reports them.

    Passwords are left out of ``before``: they cannot be compared.
    """
    return replace(
        change,
        before=_side(_open(change.before), shown, entry),
        after=_side(change.after, shown, entry),
    )


def _open(attributes: Attributes | None) -> Attributes | None:
    """Leave out passwords."""
    if attributes is None:
        return None
    return {name: value for name, value in attributes.items() if name.lower() != _PASSWORD}


def _side(
    attributes: Attributes | None, shown: Representation, entry: Entry | None
) -> dict[str, Value] | None:
    if attributes is None:
        return None
    out: dict[str, Value] = {}
    for name, value in attributes.items():
        if name == "dn":
            is_same = entry is not None and normal(str(value)) == normal(entry.dn)
            out[name] = entry.dn if is_same and entry is not None else value
        else:
            out[name] = _value(value, shown.reported(name))
    return out


def _value(value: Value, found: Reported) -> Value:
    values = _values(value)
    if found.is_multi or len(values) > 1:
        return sorted_values(_scalar(each, found) for each in values)
    return _scalar(values[0], found) if values else None


def _values(value: Value) -> tuple[Scalar, ...]:
    if value is None or is_missing(value):
        return ()
    return value if isinstance(value, tuple) else (value,)


def _scalar(value: Scalar, found: Reported) -> Scalar:
    return encoded(value) if found.is_binary else encoded(value).decode("utf-8", "replace")


def _steps(
    after: Attributes, shown: Representation, entry: Entry
) -> tuple[dict[str, list[Step]], list[str]]:
    """Return the steps of a modify, and the attributes that must have no value before it."""
    raw = {shown.canonical(name): list(values) for name, values in entry.raw.items()}
    steps: dict[str, list[Step]] = {}
    absent = []
    for name, value in after.items():
        if name == "dn":
            continue
        found = shown.reported(name)
        if found.is_read_only:
            raise ValueError(f"{name!r} is read-only in this directory")
        old = raw.get(shown.canonical(name), [])
        new = [encoded(each) for each in _values(value)]
        if name.lower() == _PASSWORD or not found.is_comparable:
            steps[name] = [("replace", new)]
        elif old != new:
            steps[name] = _difference(old, new)
            absent += [] if old else [name]
    return steps, absent


def _difference(old: Sequence[bytes], new: Sequence[bytes]) -> list[Step]:
    gone = [each for each in old if each not in new]
    come = [each for each in new if each not in old]
    steps: list[Step] = [("delete", gone)] if gone else []
    return [*steps, ("add", come)] if come else steps


def _new_entry(change: Change, place: Place, dn: str) -> dict[str, list[bytes]]:
    """Return the attributes of a new entry: classes, naming values and placeholder included."""
    out = {
        name: [encoded(each) for each in _values(value)]
        for name, value in (change.after or {}).items()
        if name != "dn" and not is_missing(value)
    }
    given = {name.lower() for name in out}
    if "objectclass" not in given:
        if not place.object_class:
            raise ValueError(f"the type {place.name!r} needs its 'object_class' for new objects")
        out["objectClass"] = [each.encode() for each in place.object_class]
    for name, value in naming_values(dn):
        if name.lower() not in given:
            out[name] = [value.encode()]
    if place.members is not None and place.placeholder and place.members.lower() not in given:
        out[place.members] = [place.placeholder.encode()]
    return out


def _refused_or_later(result: Result) -> Outcome:
    if result.is_(Code.BUSY, Code.UNAVAILABLE, Code.TIME_LIMIT, Code.ADMIN_LIMIT):
        return RetryAfter(_LATER, result.sentence)
    return Refused(result.sentence)
