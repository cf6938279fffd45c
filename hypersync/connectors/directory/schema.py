"""How an LDAP server's attributes become values of ours. Pure.

The server's own schema (RFC 4512, attribute type descriptions) says which attributes hold one
value, which are binary and which nobody may write. Nearly all attributes of people may hold
several values in LDAP and by custom never do; those are reported as one value, so that rules
compare text with text. If one of them does hold several, all are reported: a rule then fails for
that object alone and says so, instead of picking one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from hypersync.connectors.changes import sorted_values
from hypersync.model.objects import Scalar, Value

CUSTOMARILY_SINGLE = frozenset(
    """
    buildingname businesscategory carlicense cn co departmentnumber description displayname
    employeenumber employeetype facsimiletelephonenumber gidnumber givenname homedirectory
    homephone homepostaladdress initials jpegphoto l loginshell mail manager mobile o ou pager
    personaltitle physicaldeliveryofficename postaladdress postalcode postofficebox
    preferredlanguage roomnumber secretary sn st street telephonenumber title uid uidnumber
    """.split()  # noqa: SIM905 - one name a line would fill a page
)
"""Attributes that schemas let hold several values and directories fill with one; lower case."""

_BINARY = frozenset(
    f"1.3.6.1.4.1.1466.115.121.1.{number}" for number in (4, 5, 8, 9, 10, 23, 28, 40, 49)
)
_TRANSFERRED = frozenset(f"1.3.6.1.4.1.1466.115.121.1.{number}" for number in (8, 9, 10, 49))
"""The syntaxes of X.509 (RFC 4523), whose values are only ever transferred as ``;binary``."""
DN_SYNTAX = "1.3.6.1.4.1.1466.115.121.1.12"
_NAMES = re.compile(r"\bNAME\s+(?:'([^']+)'|\(\s*([^)]+)\))")
_WORD = re.compile(r"\b(SUP|EQUALITY|SYNTAX)\s+'?([A-Za-z0-9.-]+)")
_QUOTED = re.compile(r"'[^']*'")


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeType:
    """One attribute as the server describes it; ``name`` is the first of its names."""

    name: str
    aliases: tuple[str, ...] = ()
    is_single: bool = False
    is_read_only: bool = False
    is_binary: bool = False
    is_comparable: bool = True
    syntax: str = ""


def parse_types(descriptions: Iterable[bytes]) -> dict[str, AttributeType]:
    """Read ``attributeTypes`` of a subschema; the keys are all names in lower case."""
    parsed = [_parse(raw.decode("utf-8", "replace")) for raw in descriptions]
    by_name: dict[str, _Described] = {}
    for each in parsed:
        by_name.update({name.lower(): each for name in (each.oid, *each.names)})
    found: dict[str, AttributeType] = {}
    for each in parsed:
        kind = _attribute_type(each, by_name)
        found.update({name.lower(): kind for name in (each.oid, *each.names)})
    return found


@dataclass(frozen=True, slots=True)
class _Described:
    oid: str
    names: tuple[str, ...]
    words: Mapping[str, str]
    flags: frozenset[str]


def _parse(text: str) -> _Described:
    match = _NAMES.search(text)
    listed = match[1] or match[2] if match else ""
    names = tuple(listed.replace("'", " ").split())
    bare = _QUOTED.sub(" ", text)
    oid = bare.replace("(", " ").split()[0]
    return _Described(oid, names, dict(_WORD.findall(text)), frozenset(bare.split()))


def _attribute_type(described: _Described, by_name: Mapping[str, _Described]) -> AttributeType:
    """Follow the supertypes for what the description leaves to them."""
    words = dict(described.words)
    above, depth = by_name.get(words.get("SUP", "").lower()), 0
    while above is not None and depth < len(by_name):
        words = {**above.words, **words}
        above, depth = by_name.get(above.words.get("SUP", "").lower()), depth + 1
    names = described.names or (described.oid,)
    return AttributeType(
        name=names[0],
        aliases=names[1:],
        is_single="SINGLE-VALUE" in described.flags,
        is_read_only="NO-USER-MODIFICATION" in described.flags,
        is_binary=words.get("SYNTAX", "") in _BINARY,
        is_comparable="EQUALITY" in words,
        syntax=words.get("SYNTAX", ""),
    )


@dataclass(frozen=True, slots=True)
class Reported:
    """How one attribute of the server is reported; ``name`` is as the configuration writes it."""

    name: str
    is_multi: bool
    is_binary: bool
    is_read_only: bool = False
    is_comparable: bool = True
    is_name: bool = False


class Representation:
    """Turns raw values into ours and back, for one object type.

    ``wanted`` are the attributes to report (empty for all but the operational ones and passwords),
    ``single`` and ``multi`` what the configuration says against schema and custom.
    """

    def __init__(
        self,
        types: Mapping[str, AttributeType],
        *,
        wanted: Iterable[str] = (),
        single: Iterable[str] = (),
        multi: Iterable[str] = (),
    ) -> None:
        self._types = types
        self._single = {self.canonical(name) for name in single}
        self._multi = {self.canonical(name) for name in multi}
        self._wanted = {self.canonical(name): name for name in sorted(wanted)}
        self._known: dict[str, Reported | None] = {}

    def canonical(self, name: str) -> str:
        """Return what is equal for all names of an attribute, options kept.

        That values are transferred as ``;binary`` (RFC 4522) makes no other attribute of it: a
        server says so of a certificate whatever it was asked for.
        """
        plain, *options = name.lower().split(";")
        kind = self._types.get(plain)
        kept = [option for option in options if option != "binary"]
        return ";".join([kind.name.lower() if kind else plain, *kept])

    def sent(self, name: str) -> str:
        """Return the name under which values of an attribute are written."""
        is_bare = self.is_certificate(name) and "binary" not in name.lower().split(";")
        return f"{name};binary" if is_bare else name

    def is_certificate(self, name: str) -> bool:
        """Tell whether values are of X.509, which no filter finds by the value itself."""
        kind = self._types.get(name.lower().partition(";")[0])
        return kind is not None and kind.syntax in _TRANSFERRED

    def reported(self, name: str) -> Reported:
        """Return how an attribute is reported, whether it is wanted or not."""
        canonical = self.canonical(name)
        plain = canonical.partition(";")[0]
        kind = self._types.get(plain, AttributeType(name=name))
        is_single = kind.is_single or plain in CUSTOMARILY_SINGLE
        is_multi = canonical in self._multi or not (is_single or canonical in self._single)
        return Reported(
            name=self._wanted.get(canonical, name),
            is_multi=is_multi,
            is_binary=kind.is_binary,
            is_read_only=kind.is_read_only,
            is_comparable=kind.is_comparable,
            is_name=kind.syntax == DN_SYNTAX,
        )

    def stored(self, name: str, value: Value) -> list[bytes]:  # noqa: ARG002 - see AD
        """Return the values that the server stores; raises ``ValueError`` when it cannot."""
        return [encoded(each) for each in values_of(value)]

    def as_written(self, name: str, value: Value) -> Value:
        """Return a value as it is reported once it is written; raises what `stored` raises."""
        found = self.reported(name)
        raw = self.stored(name, value)
        if not raw:
            return None
        return decoded(replace(found, is_multi=found.is_multi or len(raw) > 1), raw)

    def is_known(self, name: str) -> bool:
        """Tell whether the server's schema has the attribute."""
        return not self._types or self.canonical(name).partition(";")[0] in self._types

    def _choose(self, name: str) -> Reported | None:
        """Decide about an attribute when it comes for the first time; ``None`` leaves it out."""
        canonical = self.canonical(name)
        found = self.reported(name)
        if self._wanted:
            return found if canonical in self._wanted else None
        is_left_out = found.is_read_only or canonical == "userpassword"
        return None if is_left_out else replace(found, name=name)

    def attributes(self, dn: str, raw: Mapping[str, Sequence[bytes]]) -> dict[str, Value]:
        """Return the attributes of an entry, the DN among them."""
        out: dict[str, Value] = {"dn": dn}
        known = self._known
        for name, values in raw.items():
            if name not in known:
                known[name] = self._choose(name)
            found = known[name]
            if found is not None and values:
                value = decoded(found, values)
                if value not in ("", ()):
                    out[found.name] = value
        return out


def decoded(found: Reported, values: Sequence[bytes]) -> Value:
    """Return raw values as one value or a sorted tuple; what is no text stays bytes."""
    if len(values) == 1 and not found.is_multi:
        return values[0] if found.is_binary else _text(values[0])
    if found.is_binary:
        return tuple(sorted(set(values)))
    return sorted_values(text for text in map(_text, values) if text != "")


def values_of(value: Value) -> tuple[Scalar, ...]:
    """Return the single values of a value; what is empty is none, since it cannot be stored."""
    if value is None:
        return ()
    each = value if isinstance(value, tuple) else (value,)
    return tuple(one for one in each if one != "")


def _text(value: bytes) -> str | bytes:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value


def encoded(value: Scalar) -> bytes:
    """Return a value as LDAP stores it."""
    match value:
        case bytes():
            return value
        case bool():
            return b"TRUE" if value else b"FALSE"
        case _:
            return str(value).encode()
