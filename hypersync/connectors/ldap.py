"""Reads and writes LDAP directories (RFC 4511), OpenLDAP above all.

Objects are known by ``entryUUID``, never by their DN, which is reported as the attribute ``dn``.
Each type is a stream of its own: what its filter finds below its base. A delta asks for entries
changed since the cursor (``entryCSN``, else ``modifyTimestamp``, at or after, with an overlap for
what servers commit out of order) and then for all anchors, since deletes leave no trace. Passwords
(``userPassword``) are read only where the configuration names them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self
from urllib.parse import urlsplit

import orjson
from pydantic import AfterValidator, Field, model_validator

from hypersync.config.located import Located
from hypersync.config.values import Filled, Flag, PositiveNumber, Secret, SecretText, Span
from hypersync.connectors.contract import (
    SiloOptions,
    SiloSettings,
    TypeOptions,
    fingerprint,
    refuse_all,
)
from hypersync.connectors.ldap_directory import Directory, Place
from hypersync.connectors.ldap_wire import Address, Entry, Lost, Wire
from hypersync.connectors.ldap_write import Writer
from hypersync.connectors.registry import connector
from hypersync.errors import CursorLost, ScanFailed, SiloError, SiloRefused, SiloUnreachable
from hypersync.model.mistake import Level, Mistake
from hypersync.model.objects import (
    Anchors,
    AttributeSchema,
    Batch,
    Change,
    Complete,
    Invalid,
    ObjectType,
    Outcome,
    Schema,
    Seen,
    SiloObject,
)

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def _check_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("ldap", "ldaps") or not parts.hostname or parts.path.strip("/"):
        raise ValueError(f"{url!r} is no LDAP address; write for instance ldaps://ldap.example.org")
    return url.rstrip("/")


class BindOptions(Located):
    """Who signs in; ``user`` is a DN."""

    user: Filled
    password: SecretText


class TlsOptions(Located):
    """How the connection is kept secret; ``ca_file`` is a PEM file, the system's when not given."""

    start: Flag = False
    ca_file: str | None = None
    verify: Flag = True


class LdapTypeOptions(TypeOptions):
    """What the entries of one type are, and how new ones are made.

    ``single`` and ``multi`` say of attributes, against schema and custom, whether they are one
    value or several. ``placeholder`` is the DN that keeps a group from being empty, where the
    schema wants a member; it is never reported.
    """

    base: Filled
    filter: Filled = "(objectClass=*)"
    scope: Literal["subtree", "one"] = "subtree"
    object_class: tuple[Filled, ...] = ()
    anchor: Filled = "entryUUID"
    single: tuple[Filled, ...] = ()
    multi: tuple[Filled, ...] = ()
    placeholder: str | None = None


class LdapOptions(SiloOptions):
    """One directory server."""

    url: Annotated[str, AfterValidator(_check_url)]
    bind: BindOptions | None = None
    tls: TlsOptions = Field(default_factory=TlsOptions)
    page_size: PositiveNumber = 1_000
    overlap: Span = timedelta(seconds=10)
    types: Mapping[str, LdapTypeOptions] = Field(min_length=1)

    @model_validator(mode="after")
    def _check_tls(self) -> Self:
        if self.url.startswith("ldaps:") and self.tls.start:
            raise ValueError("ldaps:// is TLS from the start; remove 'start' or write ldap://")
        return self

    @property
    def is_password_in_clear(self) -> bool:
        """Whether a password leaves this machine without TLS."""
        parts = urlsplit(self.url)
        is_secret = parts.scheme == "ldaps" or self.tls.start or parts.hostname in _LOOPBACK
        return self.bind is not None and not is_secret


@connector("ldap")
class LdapConnector:
    """Reads and writes one LDAP server; each session is a connection of its own."""

    options: ClassVar[type[SiloOptions]] = LdapOptions
    can_write: ClassVar[bool] = True

    def __init__(self, settings: SiloSettings) -> None:
        self.settings = settings
        self._options = _silo_options(settings)

    def streams(self) -> Sequence[Sequence[ObjectType]]:
        """Return one stream for each type."""
        return tuple((each,) for each in self.settings.types)

    @contextmanager
    def open(self) -> Iterator[LdapSession]:
        """Connect and sign in; raises `SiloUnreachable` or `SiloRefused`."""
        wire = Wire.connect(self._address())
        try:
            yield LdapSession(self.settings, self._options, wire)
        finally:
            wire.close()

    def _address(self) -> Address:
        options = self._options
        ca_file = options.tls.ca_file
        return Address(
            url=options.url,
            user=None if options.bind is None else options.bind.user,
            password=Secret("") if options.bind is None else options.bind.password,
            start_tls=options.tls.start,
            ca_file=None if ca_file is None else Path(self.settings.root / ca_file),
            verify=options.tls.verify,
            timeout_seconds=max(1, int(self.settings.timeout.total_seconds())),
        )


def _silo_options(settings: SiloSettings) -> LdapOptions:
    if not isinstance(settings.options, LdapOptions):
        raise TypeError(f"{settings.silo} is no ldap silo")
    return settings.options


def _place(kind: ObjectType) -> Place:
    """Return what the directory needs to know of a type."""
    options = kind.options
    if not isinstance(options, LdapTypeOptions):
        raise TypeError(f"{kind.name} is no type of an ldap silo")
    single = {*options.single, *([kind.enabled.attribute] if kind.enabled else [])}
    return Place(
        name=kind.name,
        base=options.base,
        anchor=options.anchor,
        attributes=kind.attributes,
        single=frozenset(single),
        multi=frozenset({*options.multi, *([kind.members] if kind.members else [])}),
        members=kind.members,
        placeholder=options.placeholder,
        object_class=options.object_class,
    )


class LdapSession:
    """One connection's view of the directory."""

    def __init__(self, settings: SiloSettings, options: LdapOptions, wire: Wire) -> None:
        self.settings = settings
        self._options = options
        self.wire = wire

    @cached_property
    def _directory(self) -> Directory:
        with _lost_is_unreachable():
            return Directory.read(self.wire)

    def schema(self) -> Schema:
        """Return the attributes that the server knows, as each type reports them."""
        return Schema({each.name: self._attributes(each) for each in self.settings.types})

    def _attributes(self, kind: ObjectType) -> dict[str, AttributeSchema] | None:
        shown = self._directory.representation(_place(kind))
        types = self._directory.types
        if not types:
            return None
        names = {name for each in types.values() for name in (each.name, *each.aliases)}
        found = {name: shown.reported(name) for name in sorted({*names, *kind.attributes, "dn"})}
        return {
            name: AttributeSchema(
                name=name,
                multi_valued=each.is_multi and name != "dn",
                read_only=each.is_read_only,
            )
            for name, each in found.items()
            if name == "dn" or shown.is_known(name)
        }

    def scope(self, types: Sequence[ObjectType]) -> str:
        """Return the fingerprint of bases, filters and attributes."""
        return fingerprint("ldap", [_scope(each) for each in types])

    def scan(self, types: Sequence[ObjectType], cursor: str | None) -> Iterator[Batch]:
        """Read what the filter of one type finds, or what of it changed since the cursor.

        A delta ends with `Anchors`. Raises `ScanFailed` and `CursorLost`.
        """
        if len(types) != 1:
            raise ValueError("an LDAP stream is one type")
        (kind,) = types
        scan = _Scan(kind, self._options, self.wire, self._directory)
        yield from scan.full() if cursor is None else scan.delta(cursor)

    def read(self, object_type: ObjectType, anchor: str) -> SiloObject | None:
        """Find one object anywhere in the directory, whatever the filter says."""
        with _lost_is_unreachable():
            return self._directory.object(_place(object_type), anchor)

    def apply(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """Write the changes one after the other."""
        if not self.settings.write:
            return refuse_all(changes, f"the silo {self.settings.silo!r} is not to be written")
        return Writer(self._directory, {each.name: _place(each) for each in self.settings.types})(
            changes
        )

    def check(self) -> Sequence[Mistake]:
        """Look at bases, filters, anchors and attributes, and whether a password goes in clear."""
        mistakes = []
        if self._options.is_password_in_clear:
            mistakes.append(
                Mistake(
                    f"the password for {self._options.url} goes over the network in clear",
                    "use ldaps:// or 'tls: {start: true}'",
                    level=Level.WARNING,
                )
            )
        for each in self.settings.types:
            try:
                mistakes.extend(self._check_type(each))
            except SiloError as error:
                remedy = f"see the type {each.name!r} of the silo {self.settings.silo!r}"
                mistakes.append(Mistake(error.message, remedy))
        return mistakes

    def _check_type(self, kind: ObjectType) -> Iterator[Mistake]:
        place, options = _place(kind), kind.options
        directory = self._directory
        with _lost_is_unreachable():
            base = self.wire.find(place.base, "(objectClass=*)", ["1.1"], base_only=True)
            self.wire.find(place.base, _filter(options), ["1.1"], base_only=True)
        if not base:
            yield Mistake(f"there is no entry {place.base!r}", f"mend the base of {kind.name!r}")
        shown = directory.representation(place)
        named = {*kind.attributes, *place.multi, *place.single, place.anchor} - {"dn"}
        for name in sorted(name for name in named if not shown.is_known(name)):
            yield Mistake(
                f"the server knows no attribute {name!r}", f"mend it in the type {kind.name!r}"
            )


@contextmanager
def _lost_is_unreachable() -> Iterator[None]:
    try:
        yield
    except Lost as error:
        raise SiloUnreachable(f"the server went away: {error}") from error


def _filter(options: object) -> str:
    if not isinstance(options, LdapTypeOptions):
        raise TypeError("these are no options of an ldap type")
    text = options.filter.strip()
    return text if text.startswith("(") else f"({text})"


def _scope(kind: ObjectType) -> tuple[object, ...]:
    options = kind.options
    if not isinstance(options, LdapTypeOptions):
        raise TypeError(f"{kind.name} is no type of an ldap silo")
    where = (options.base, _filter(options), options.scope, options.anchor)
    shape = (sorted(options.single), sorted(options.multi), sorted(kind.attributes))
    return (kind.name, *where, *shape)


class _Scan:
    """One pass over one type; remembers the latest change it met for the cursor."""

    def __init__(
        self, kind: ObjectType, options: LdapOptions, wire: Wire, directory: Directory
    ) -> None:
        self._kind = kind
        self._options = options
        self._wire = wire
        self._place = _place(kind)
        self._shown = directory.representation(self._place)
        self._clock = directory.change_attribute
        self._latest = ""

    def full(self) -> Iterator[Batch]:
        """Report every entry of the type."""
        yield from self._entries(_filter(self._kind.options))
        yield [Complete(self._cursor())]

    def delta(self, cursor: str) -> Iterator[Batch]:
        """Report entries changed since the cursor, then all anchors."""
        since = self._since(cursor)
        wanted = _filter(self._kind.options)
        yield from self._entries(f"(&{wanted}({self._clock}>={since}))")
        anchors: set[str] = set()
        for page in self._pages(wanted, [self._place.anchor]):
            anchors.update(filter(None, map(self._anchor, page)))
        self._latest = max(self._latest, since)
        yield [Anchors(self._kind.name, frozenset(anchors)), Complete(self._cursor())]

    def _entries(self, filter_: str) -> Iterator[Batch]:
        for page in self._pages(filter_, self._requested()):
            batch: Batch = []
            for entry in page:
                anchor = self._anchor(entry)
                if anchor is None:
                    why = f"it has no {self._place.anchor!r}"
                    batch.append(Invalid(self._kind.name, None, entry.dn, why))
                    continue
                attributes = self._shown.attributes(entry.dn, entry.raw)
                self._place.hide_placeholder(attributes)
                batch.append(Seen(self._kind.name, anchor, attributes))
                self._latest = max(self._latest, self._changed(entry))
            yield batch

    def _pages(self, filter_: str, attributes: Sequence[str]) -> Iterator[list[Entry]]:
        try:
            yield from self._wire.pages(
                self._place.base,
                filter_,
                attributes,
                one_level=_is_one_level(self._kind),
                page_size=self._options.page_size,
            )
        except SiloRefused as error:
            raise ScanFailed(error.message) from error

    def _requested(self) -> list[str]:
        chosen = sorted(self._kind.attributes - {"dn"}) or ["*"]
        return [*chosen, self._place.anchor, *([self._clock] if self._clock else [])]

    def _anchor(self, entry: Entry) -> str | None:
        return self._place.anchor_of(entry)

    def _changed(self, entry: Entry) -> str:
        values = entry.raw.get(self._clock)
        return values[0].decode("ascii", "replace") if values else ""

    def _scope(self) -> str:
        return fingerprint(self._options.url, _scope(self._kind))

    def _cursor(self) -> str | None:
        """Return where the next delta starts; there is none for a type without entries."""
        if not self._latest:
            return None
        cursor = {"since": self._latest, "by": self._clock, "scope": self._scope()}
        return orjson.dumps(cursor).decode()

    def _since(self, cursor: str) -> str:
        try:
            found = orjson.loads(cursor)
            if (found["by"], found["scope"]) != (self._clock, self._scope()):
                raise CursorLost("the server or the scope is another one; scan it in full")
            return earlier(str(found["since"]), self._options.overlap)
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            raise CursorLost from error


def _is_one_level(kind: ObjectType) -> bool:
    return isinstance(kind.options, LdapTypeOptions) and kind.options.scope == "one"


def earlier(stamp: str, span: timedelta) -> str:
    """Return an ``entryCSN`` or ``modifyTimestamp`` that much before; raises ``ValueError``."""
    moment, sign, rest = stamp.partition("Z")
    pattern = "%Y%m%d%H%M%S.%f" if "." in moment else "%Y%m%d%H%M%S"
    before = datetime.strptime(moment, pattern).replace(tzinfo=UTC) - span
    if not rest:
        return f"{before:%Y%m%d%H%M%S}{sign}"
    return f"{before:%Y%m%d%H%M%S}.{before:%f}Z#000000#000#000000"
