"""Changes in the words of LDAP: values as the directory reports and stores them. Pure.

Passwords can be written and never be compared, so they are left out of every comparison.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypersync.connectors.changes import is_missing, sorted_values
from hypersync.connectors.directory.schema import Representation
from hypersync.connectors.directory.tree import Place
from hypersync.connectors.directory.wire import Entry, Step
from hypersync.model.names import NormalName, naming_values, normal
from hypersync.model.objects import Attributes, Change, Scalar, Value

PASSWORDS = frozenset({"userpassword", "unicodepwd"})
"""The attributes that hold passwords, in lower case."""


def compared_names(change: Change) -> set[str]:
    """Return the attributes that can be read and compared."""
    sides = (without_passwords(change.before), without_passwords(change.after))
    return {name for side in sides if side is not None for name in side} - {"dn"}


def as_reported(change: Change, shown: Representation, entry: Entry | None) -> Change:
    """Write the values of a change as the directory reports them.

    Passwords are left out of ``before``: they cannot be compared.
    """
    return replace(
        change,
        before=_side(without_passwords(change.before), shown, entry),
        after=_side(change.after, shown, entry),
    )


def without_passwords(attributes: Attributes | None) -> Attributes | None:
    """Leave out passwords."""
    if attributes is None:
        return None
    return {name: value for name, value in attributes.items() if name.lower() not in PASSWORDS}


def refuse_passwords_in_clear(attributes: Attributes, shown: Representation) -> None:
    """Refuse to send passwords without TLS, by ``ValueError``."""
    for name in attributes:
        if {name.lower(), shown.canonical(name).partition(";")[0]} & PASSWORDS:
            raise ValueError(
                f"the password {name!r} would go over the network in clear; use ldaps:// or "
                "'tls: {start: true}'"
            )


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
            out[name] = _value(name, value, shown, entry)
    return out


def _value(name: str, value: Value, shown: Representation, entry: Entry | None) -> Value:
    """Write a value as the directory reports it; names of objects as they are spelled there."""
    written = shown.as_written(name, value)
    if entry is None or written is None or not shown.reported(name).is_name:
        return written
    spelled = _spelled(name, shown, entry)
    if isinstance(written, tuple):
        return sorted_values(_as_spelled(each, spelled) for each in written)
    return _as_spelled(written, spelled)


def _as_spelled(value: Scalar, spelled: dict[NormalName, str]) -> Scalar:
    return spelled.get(normal(value), value) if isinstance(value, str) else value


def _spelled(name: str, shown: Representation, entry: Entry) -> dict[NormalName, str]:
    """Return the names that an attribute holds as they are spelled, by what is equal for them."""
    held = raw_values(name, shown, entry)
    return {normal(each): each for each in (raw.decode("utf-8", "replace") for raw in held)}


def raw_values(name: str, shown: Representation, entry: Entry) -> list[bytes]:
    """Return what the server holds of an attribute, by whatever name it calls that."""
    canonical = shown.canonical(name)
    return [
        value
        for known, values in entry.raw.items()
        if shown.canonical(known) == canonical
        for value in values
    ]


def as_it_was(
    change: Change, shown: Representation, entry: Entry
) -> tuple[list[str], list[tuple[str, bytes]]]:
    """Return what of the compared attributes had no value and what had one that can be compared."""
    absent, held = [], []
    for name in sorted(compared_names(change)):
        found = shown.reported(name)
        values = raw_values(name, shown, entry)
        if not shown.is_known(name) or not found.is_comparable:
            continue
        if not values:
            absent.append(name)
        elif len(values) == 1 and not shown.is_certificate(name):
            held.append((name, values[0]))
    return absent, held


def steps_of(
    after: Attributes, shown: Representation, entry: Entry
) -> tuple[dict[str, list[Step]], list[str]]:
    """Return the steps of a modify, and the attributes that must have no value before it."""
    steps: dict[str, list[Step]] = {}
    absent = []
    for name, value in after.items():
        if name == "dn":
            continue
        found = shown.reported(name)
        if found.is_read_only:
            raise ValueError(f"{name!r} is read-only in this directory")
        old = raw_values(name, shown, entry)
        new = shown.stored(name, value)
        if name.lower() in PASSWORDS or not found.is_comparable:
            steps[shown.sent(name)] = [("replace", new)]
        elif old != new:
            steps[shown.sent(name)] = _difference(old, new)
            absent += [] if old else [name]
    return steps, absent


def _difference(old: Sequence[bytes], new: Sequence[bytes]) -> list[Step]:
    before, after = set(old), set(new)
    gone = [each for each in old if each not in after]
    come = [each for each in new if each not in before]
    steps: list[Step] = [("delete", gone)] if gone else []
    return [*steps, ("add", come)] if come else steps


def new_entry(
    change: Change, place: Place, dn: str, shown: Representation
) -> dict[str, list[bytes]]:
    """Return the attributes of a new entry: classes, naming values and placeholder included."""
    out = {
        shown.sent(name): shown.stored(name, value)
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
