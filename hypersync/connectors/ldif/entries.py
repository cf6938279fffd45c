"""Entries of an LDIF file as objects of a type. Pure.

A file has no schema, so custom says what is one value and what is several, as in `ldap`, and the
configuration may say otherwise. Names of attributes are told as the configuration writes them,
else as the file does where it has them first. Passwords are told only when they are named.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from hypersync.connectors.changes import sorted_values
from hypersync.connectors.directory.schema import CUSTOMARILY_SINGLE
from hypersync.connectors.ldif.records import Broken, Record
from hypersync.model.names import is_below
from hypersync.model.objects import Invalid, Scalar, Seen, Value

_ALWAYS_SINGLE = frozenset(
    """
    createtimestamp creatorsname distinguishedname entrycsn entrydn entryuuid hassubordinates
    modifiersname modifytimestamp name pwdchangedtime samaccountname structuralobjectclass
    subschemasubentry useraccountcontrol userprincipalname whenchanged whencreated
    """.split()  # noqa: SIM905 - one name a line would fill a page
)
_BINARY = frozenset(
    """
    audio cacertificate jpegphoto objectguid objectsid photo thumbnailphoto usercertificate
    userpkcs12 usersmimecertificate
    """.split()  # noqa: SIM905 - one name a line would fill a page
)
_PASSWORDS = frozenset({"userpassword", "unicodepwd"})
_OBJECT_CLASS = "objectclass"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Which entries are objects of a type, and how they are told; names in lower case.

    ``wanted`` maps attributes to how the configuration writes them; empty means all.
    """

    type: str
    file: str
    anchor: str
    base: str | None = None
    object_class: frozenset[str] = frozenset()
    wanted: Mapping[str, str] = field(default_factory=dict)
    single: frozenset[str] = frozenset()
    multi: frozenset[str] = frozenset()


class Entries:
    """Turns the records of one file, one after the other, into what a scan reports."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._spelled = dict(shape.wanted)
        self._lines: dict[str, int] = {}

    def event(self, record: Record | Broken) -> Seen | Invalid | None:
        """Return the object that a record is; ``None`` for one of another type."""
        shape = self._shape
        if record.dn is not None and shape.base is not None and not is_below(record.dn, shape.base):
            return None
        if isinstance(record, Broken):
            return self._invalid(record.line, record.why)
        values = _by_name(record.attributes)
        if not shape.object_class <= _folded(values.get(_OBJECT_CLASS, ("", []))[1]):
            return None
        try:
            anchor = self._anchor(record, values)
            attributes = self._attributes(record, values)
        except ValueError as error:
            return self._invalid(record.line, str(error))
        earlier = self._lines.setdefault(anchor, record.line)
        if earlier != record.line:
            where = f"{shape.file}, lines {earlier}, {record.line}"
            return Invalid(shape.type, anchor, where, "the anchor is repeated")
        return Seen(shape.type, anchor, attributes)

    def _invalid(self, line: int, why: str) -> Invalid:
        return Invalid(self._shape.type, None, f"{self._shape.file}, line {line}", why)

    def _anchor(self, record: Record, values: Mapping[str, tuple[str, list[bytes]]]) -> str:
        name = self._shape.anchor
        if name.lower() == "dn":
            return record.dn
        found = values.get(name.lower(), (name, []))[1]
        if len(found) != 1 or not found[0]:
            count = "no" if not found else f"{len(found)} values of"
            raise ValueError(f"it has {count} {name!r}, which is the anchor")
        try:
            return found[0].decode()
        except UnicodeDecodeError:
            raise ValueError(f"the anchor {name!r} is not text") from None

    def _attributes(
        self, record: Record, values: Mapping[str, tuple[str, list[bytes]]]
    ) -> dict[str, Value]:
        shape = self._shape
        out: dict[str, Value] = {}
        if not shape.wanted or "dn" in shape.wanted:
            out["dn"] = record.dn
        for name, (written, raw) in values.items():
            is_wanted = name in shape.wanted or name == shape.anchor.lower()
            if not is_wanted and (shape.wanted or name in _PASSWORDS):
                continue
            held = [_value(name, written, each) for each in raw if each]
            if held:
                out[self._spelled.setdefault(name, written)] = self._one_or_several(name, held)
        return out

    def _one_or_several(self, name: str, held: Sequence[Scalar]) -> Value:
        plain = name.partition(";")[0]
        is_single = plain in CUSTOMARILY_SINGLE | _ALWAYS_SINGLE or plain in self._shape.single
        if len(held) == 1 and is_single and plain not in self._shape.multi:
            return held[0]
        return sorted_values(held)


def _by_name(attributes: Iterable[tuple[str, bytes]]) -> dict[str, tuple[str, list[bytes]]]:
    """Return the values by the name in lower case, and how that is written first."""
    found: dict[str, tuple[str, list[bytes]]] = {}
    for name, value in attributes:
        plain = name[:-7] if name.lower().endswith(";binary") else name
        found.setdefault(plain.lower(), (plain, []))[1].append(value)
    return found


def _folded(values: Iterable[bytes]) -> frozenset[str]:
    return frozenset(each.decode("utf-8", "replace").lower() for each in values)


def _value(name: str, written: str, raw: bytes) -> Scalar:
    if name.partition(";")[0] in _BINARY:
        return raw
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise ValueError(f"the value of {written!r} is not UTF-8") from None
