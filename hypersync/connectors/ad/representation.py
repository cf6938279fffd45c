"""How attributes of Active Directory become values of ours. Pure.

The schema that a domain controller publishes says which attributes hold one value, which nobody may
write and which are names of objects. It says nothing of matching rules, but everything can be
compared there, so that a write can take away exactly the old value. One attribute is ours:
``accountEnabled`` is a bit of ``userAccountControl`` that account types report as true or false.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from hypersync.connectors.ad.place import AdPlace, first
from hypersync.connectors.ad.values import (
    ACCOUNT_ENABLED,
    CONTROL,
    DESCRIPTOR_SYNTAX,
    DN_SYNTAX,
    FILETIMES,
    Coding,
    coding,
    is_enabled,
)
from hypersync.connectors.directory.schema import (
    AttributeType,
    Reported,
    Representation,
    decoded,
    values_of,
)
from hypersync.model.objects import Value

_SWITCH: Final = ACCOUNT_ENABLED.lower()
_NEVER: Final = b"0"
RESTLESS: Final = frozenset(
    """
    badpasswordtime badpwdcount dscorepropagationdata lastlogoff lastlogon lastlogontimestamp
    logoncount logonhours msds-supportedencryptiontypes
    """.split()  # noqa: SIM905 - one name a line would fill a page
)
"""What changes whenever somebody signs in, or means nothing to rules: read only where named."""

_REFERENCES: Final = ("member", "manager", "managedBy", "secretary", "assistant", "owner")
_OWN_NAMES: Final = frozenset({"distinguishedname", "objectcategory", "defaultobjectcategory"})


def types_of(published: Mapping[str, AttributeType]) -> dict[str, AttributeType]:
    """Return the attributes of the schema as we report them, ours among them."""
    different = {kind.name: kind for kind in published.values()}  # each has two names at least
    ours = {name: _reported_as_text(kind) for name, kind in different.items()}
    found = {name: ours[kind.name] for name, kind in published.items()}
    if found:
        found[_SWITCH] = AttributeType(name=ACCOUNT_ENABLED, is_single=True)
    return found


def _reported_as_text(kind: AttributeType) -> AttributeType:
    is_text = coding(kind.name.lower(), kind.syntax) is not None
    is_binary = (kind.is_binary or kind.syntax == DESCRIPTOR_SYNTAX) and not is_text
    return replace(kind, is_binary=is_binary, is_comparable=True)


def references_of(types: Mapping[str, AttributeType], wanted: Iterable[str]) -> list[str]:
    """Return the attributes among those that are read that name other objects, and can be written.

    When nobody names any (all are read), the usual ones.
    """
    found = []
    for name in sorted(wanted) or _REFERENCES:
        kind = types.get(name.lower())
        if kind is None or kind.syntax != DN_SYNTAX or kind.is_read_only:
            continue
        if name.lower() not in _OWN_NAMES:
            found.append(name)
    return found


class AdRepresentation(Representation):
    """Turns raw values into ours, for one object type.

    ``attributes`` raises ``ValueError`` when a value is not what its attribute holds.
    """

    def __init__(
        self, types: Mapping[str, AttributeType], place: AdPlace, wanted: Iterable[str]
    ) -> None:
        super().__init__(types, wanted=wanted, single=place.single, multi=place.multi)
        is_wanted = not self._wanted or _SWITCH in self._wanted
        self._switch = self._wanted.get(_SWITCH, ACCOUNT_ENABLED) if is_wanted else None
        self._has_account = place.has_account
        self._codings: dict[str, Callable[[bytes], bytes] | None] = {}

    def attributes(self, dn: str, raw: Mapping[str, Sequence[bytes]]) -> dict[str, Value]:
        """Return the attributes of an entry, the DN among them."""
        out = super().attributes(dn, {name: self._texts(name, raw[name]) for name in raw})
        if self._has_account and self._switch is not None:
            control = first(raw, CONTROL)
            if control is not None:
                out[self._switch] = is_enabled(control)
        return out

    def stored(self, name: str, value: Value) -> list[bytes]:
        """Return the values that the server stores; a time that is cleared is never."""
        plain, found = self._pair(name)
        if found is None:
            return super().stored(name, value)
        texts = [str(each).encode() for each in values_of(value)]
        if plain not in FILETIMES:
            return [found[1](each) for each in texts]
        return [each if each == _NEVER else found[1](each) for each in texts] or [_NEVER]

    def as_written(self, name: str, value: Value) -> Value:
        """Return a value as it is reported once it is written."""
        if self.canonical(name) == _SWITCH:
            return _truth(value)
        _, found = self._pair(name)
        raw = self.stored(name, value)
        texts = raw if found is None else [text for text in map(found[0], raw) if text]
        if not texts:
            return None
        known = self.reported(name)
        return decoded(replace(known, is_multi=known.is_multi or len(texts) > 1), texts)

    def _pair(self, name: str) -> tuple[str, Coding | None]:
        plain = self.canonical(name).partition(";")[0]
        kind = self._types.get(plain)
        return plain, coding(plain, kind.syntax if kind else "")

    def _texts(self, name: str, values: Sequence[bytes]) -> Sequence[bytes]:
        if name not in self._codings:
            self._codings[name] = self._coding(name)
        decode = self._codings[name]
        if decode is None:
            return values
        return [text for text in map(decode, values) if text]

    def _coding(self, name: str) -> Callable[[bytes], bytes] | None:
        found = self._pair(name)[1]
        return None if found is None or self._choose(name) is None else found[0]

    def _choose(self, name: str) -> Reported | None:
        if not self._wanted and self.canonical(name) in RESTLESS:
            return None
        return super()._choose(name)


def _truth(value: Value) -> Value:
    return value.lower() == "true" if isinstance(value, str) and value else value
