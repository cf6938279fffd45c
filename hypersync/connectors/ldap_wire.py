"""The LDAP protocol for `ldap`, by the library ldap3; the only module that knows it.

What the library does not do for us (each is a test): it swallows errors after the first page of a
paged search, it answers False for a search without entries, it waits for ever unless told, and
its formatters change values. So there is an own loop over pages that believes a search only when
the result code is 0 and the cookie is empty, every wait is bounded, and only raw values come out.
"""

from __future__ import annotations

import ssl
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, TypeAlias

from hypersync.config.values import Secret
from hypersync.connectors.ldap_ber import search_entry
from hypersync.errors import ScanFailed, SiloRefused, SiloUnreachable

with warnings.catch_warnings():
    # ldap3 2.9 uses old names of pyasn1 while it is imported
    warnings.filterwarnings("ignore", r"(tagMap|typeMap) is deprecated", DeprecationWarning)
    import ldap3
    from ldap3.core.exceptions import (
        LDAPException,
        LDAPInvalidFilterError,
        LDAPStartTLSError,
    )
    from ldap3.operation.search import compile_filter, parse_filter
    from ldap3.strategy.base import RESPONSE_COMPLETE, SESSION_TERMINATED_BY_SERVER
    from ldap3.strategy.sync import SyncStrategy
    from ldap3.utils.asn1 import decode_message_fast, encode
    from ldap3.utils.conv import escape_filter_chars

Raw: TypeAlias = Mapping[str, Sequence[bytes]]
Step: TypeAlias = tuple[str, Sequence[bytes]]
ASSERTION = "1.3.6.1.1.12"
_PAGED_RESULTS = "1.2.840.113556.1.4.319"
_ENTRY = "searchResEntry"
_UNFINISHED = (_ENTRY, "searchResRef", "intermediateResponse")
_RECEIVE_SIZE = 1 << 18


class Code(Enum):
    """The result codes (RFC 4511, appendix A) that mean something of their own to us."""

    SUCCESS = 0
    TIME_LIMIT = 3
    SIZE_LIMIT = 4
    REFERRAL = 10
    ADMIN_LIMIT = 11
    CONFIDENTIALITY = 13
    NO_SUCH_ATTRIBUTE = 16
    CONSTRAINT = 19
    VALUE_EXISTS = 20
    NO_SUCH_OBJECT = 32
    INVALID_CREDENTIALS = 49
    INSUFFICIENT_ACCESS = 50
    BUSY = 51
    UNAVAILABLE = 52
    NAMING = 64
    OBJECT_CLASS = 65
    NOT_ON_NON_LEAF = 66
    NOT_ON_RDN = 67
    ENTRY_EXISTS = 68
    OTHER = 80
    ASSERTION_FAILED = 122


_SENTENCES = {
    Code.TIME_LIMIT: "the server's time limit was reached",
    Code.SIZE_LIMIT: "the server's size limit was reached",
    Code.REFERRAL: "the server refers to another one",
    Code.ADMIN_LIMIT: "an administrative limit of the server was reached",
    Code.CONFIDENTIALITY: "the server wants TLS; use ldaps:// or 'tls: {start: true}'",
    Code.NO_SUCH_OBJECT: "there is no such entry",
    Code.INVALID_CREDENTIALS: "wrong user or password",
    Code.INSUFFICIENT_ACCESS: "the account we sign in with has not the right",
    Code.OBJECT_CLASS: "the schema does not allow it",
    Code.NOT_ON_NON_LEAF: "the entry has others below it",
    Code.NOT_ON_RDN: "the attribute is part of the name; rename the object instead",
    Code.NAMING: "the attribute is part of the name; rename the object instead",
}


@dataclass(frozen=True, slots=True)
class Result:
    """How the server answered; ``code`` is a number of RFC 4511."""

    code: int
    description: str
    text: str

    def is_(self, *codes: Code) -> bool:
        """Tell whether the answer was one of these."""
        return any(self.code == code.value for code in codes)

    @property
    def sentence(self) -> str:
        """The answer for people, with what the server itself says."""
        known = next((_SENTENCES[code] for code in _SENTENCES if self.is_(code)), "")
        said = f"{self.description} ({self.code})" + (f": {self.text}" if self.text else "")
        return f"{known} [{said}]" if known else said


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry as it came: its DN and its raw values by the server's attribute names."""

    dn: str
    raw: Raw


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where the server is and how to sign in; ``user`` is ``None`` for nobody."""

    url: str
    user: str | None = None
    password: Secret = field(default_factory=lambda: Secret(""))
    start_tls: bool = False
    ca_file: Path | None = None
    verify: bool = True
    timeout_seconds: int = 60


class Lost(Exception):
    """The connection broke; whether the last request was carried out is unknown."""


class _RawStrategy(SyncStrategy):  # type: ignore[misc] # the library has no types
    """Reads search entries as raw values, four times as fast as the library.

    It also closes the socket of an attempt to connect that failed, which the library forgets.
    """

    def _open_socket(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - passed on
        try:
            super()._open_socket(*arguments, **named)
        except LDAPException:
            if self.connection.socket is not None:
                self.connection.socket.close()
            raise

    def _get_response(self, message_id: int, timeout: float) -> list[Any] | str:  # noqa: ARG002
        """Receive what belongs to a request: entries by `ldap_ber`, the rest by the library.

        How long to wait is a matter of the socket.
        """
        found: list[Any] = []
        while messages := self.receiving():
            for message in messages:
                entry = search_entry(message)
                if entry is not None and entry.message_id == message_id:
                    found.append({"type": _ENTRY, "raw_dn": entry.name, "raw": entry.raw})
                    continue
                general = decode_message_fast(message)
                if general["messageID"] != message_id:  # a notice of disconnection, or nonsense
                    return SESSION_TERMINATED_BY_SERVER  # type: ignore[no-any-return] # a text
                found.append(self.decode_response_fast(general))
                if found[-1]["type"] not in _UNFINISHED:
                    return [*found, RESPONSE_COMPLETE]
        return SESSION_TERMINATED_BY_SERVER  # type: ignore[no-any-return] # a text


class _Tls(ldap3.Tls):  # type: ignore[misc] # the library has no types
    """TLS with the checks of the standard library; those of ldap3 use what Python 3.12 removed."""

    def __init__(self, address: Address) -> None:
        super().__init__()
        self._address = address

    def wrap_socket(self, connection: Any, do_handshake: bool = False) -> None:  # noqa: ANN401 - see above
        """Put the connection's socket into TLS; raises ``OSError``, of which TLS errors are."""
        ca_file = self._address.ca_file
        context = ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
        if not self._address.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        connection.socket = context.wrap_socket(
            connection.socket,
            server_hostname=connection.server.host,
            do_handshake_on_connect=do_handshake,
        )


class Wire:
    """One connection. Not thread-safe."""

    def __init__(self, connection: Any) -> None:  # noqa: ANN401 - the library has no types
        self._connection = connection

    @classmethod
    def connect(cls, address: Address) -> Wire:
        """Connect and sign in; raises `SiloUnreachable` or `SiloRefused` with a sentence."""
        connection = _connection(address)
        try:
            connection.open(read_server_info=False)
            if address.start_tls:
                connection.start_tls(read_server_info=False)
            connection.bind(read_server_info=False)
        except (LDAPException, OSError, LookupError, ValueError) as error:
            connection.strategy.close()
            is_tls = isinstance(error, LDAPStartTLSError)
            problem = "does not start TLS" if is_tls else "cannot be reached"
            raise SiloUnreachable(f"{address.url} {problem}: {error}") from error
        result = _result(connection)
        if result.code:
            connection.unbind()
            who = address.user or "nobody (no bind: is given)"
            raise SiloRefused(f"{address.url} refuses {who}: {result.sentence}")
        return cls(connection)

    def close(self) -> None:
        """Say goodbye; never raises."""
        with suppress(LDAPException, OSError):
            self._connection.unbind()

    def pages(
        self,
        base: str,
        filter_: str,
        attributes: Sequence[str],
        *,
        one_level: bool = False,
        page_size: int = 1_000,
    ) -> Iterator[list[Entry]]:
        """Search page by page.

        Raises `ScanFailed` unless every page was answered with result code 0 and the last one with
        an empty cookie; `SiloRefused` for a filter that is none.
        """
        cookie: bytes | None = None
        scope = ldap3.LEVEL if one_level else ldap3.SUBTREE
        while cookie != b"":
            try:
                entries, result = self._search(
                    base, filter_, attributes, scope, page_size=page_size, cookie=cookie or None
                )
            except Lost as error:
                raise ScanFailed(f"the server went away in the middle of {base}: {error}") from None
            if result.code:
                raise ScanFailed(f"the search below {base} did not end well: {result.sentence}")
            yield entries
            cookie = self._next_cookie()

    def _next_cookie(self) -> bytes:
        controls = self._connection.result.get("controls") or {}
        value = (controls.get(_PAGED_RESULTS) or {}).get("value") or {}
        return bytes(value.get("cookie") or b"")

    def find(
        self, base: str, filter_: str, attributes: Sequence[str], *, base_only: bool = False
    ) -> list[Entry]:
        """Search for a few entries; none when ``base`` is not there.

        Raises `Lost`, and `SiloRefused` for every answer but success and no such object.
        """
        scope = ldap3.BASE if base_only else ldap3.SUBTREE
        entries, result = self._search(base, filter_, attributes, scope)
        if result.is_(Code.NO_SUCH_OBJECT):
            return []
        if result.code:
            raise SiloRefused(f"the search in {base or 'the root'} failed: {result.sentence}")
        return entries

    def _search(
        self,
        base: str,
        filter_: str,
        attributes: Sequence[str],
        scope: str,
        *,
        page_size: int | None = None,
        cookie: bytes | None = None,
    ) -> tuple[list[Entry], Result]:
        with _broken_becomes_lost():
            try:
                self._connection.search(
                    base,
                    filter_,
                    search_scope=scope,
                    attributes=list(attributes),
                    paged_size=page_size,
                    paged_criticality=page_size is not None,
                    paged_cookie=cookie,
                )
            except LDAPInvalidFilterError as error:
                raise SiloRefused(f"{filter_!r} is no LDAP filter: {error}") from error
        found = [
            Entry(each["raw_dn"].decode(), each["raw"])
            for each in self._connection.response or ()
            if each["type"] == _ENTRY
        ]
        return found, _result(self._connection)

    def add(self, dn: str, attributes: Raw) -> Result:
        """Add an entry; raises `Lost`."""
        with _broken_becomes_lost():
            self._connection.add(dn, attributes={k: list(v) for k, v in attributes.items()})
        return _result(self._connection)

    def modify(
        self, dn: str, changes: Mapping[str, Sequence[Step]], *, absent: Sequence[str] = ()
    ) -> Result:
        """Modify an entry in one request; raises `Lost`.

        ``changes`` maps attributes to steps: ``delete``, ``add`` or ``replace`` with values.
        ``absent`` are attributes that must have no value, else nothing is done (RFC 4528).
        """
        kinds = {
            "delete": ldap3.MODIFY_DELETE,
            "add": ldap3.MODIFY_ADD,
            "replace": ldap3.MODIFY_REPLACE,
        }
        steps = {
            name: [(kinds[kind], list(values)) for kind, values in each]
            for name, each in changes.items()
        }
        with _broken_becomes_lost():
            self._connection.modify(dn, steps, controls=_assert_absent(absent))
        return _result(self._connection)

    def move(self, dn: str, rdn: str, parent: str | None) -> Result:
        """Rename an entry, and give it another parent unless ``None``; raises `Lost`."""
        with _broken_becomes_lost():
            self._connection.modify_dn(dn, rdn, delete_old_dn=True, new_superior=parent)
        return _result(self._connection)

    def delete(self, dn: str) -> Result:
        """Delete an entry; raises `Lost`."""
        with _broken_becomes_lost():
            self._connection.delete(dn)
        return _result(self._connection)


@contextmanager
def _broken_becomes_lost() -> Iterator[None]:
    try:
        yield
    except SiloRefused:
        raise
    except (LDAPException, OSError, LookupError, ValueError) as error:  # the latter: nonsense
        raise Lost(str(error) or type(error).__name__) from error


def _result(connection: Any) -> Result:  # noqa: ANN401 - the library has no types
    found = connection.result
    return Result(int(found["result"]), str(found["description"]), str(found["message"] or ""))


def _connection(address: Address) -> Any:  # noqa: ANN401 - the library has no types
    server = ldap3.Server(
        address.url,
        get_info=ldap3.NONE,
        connect_timeout=address.timeout_seconds,
        tls=_Tls(address),
    )
    connection = ldap3.Connection(
        server,
        user=address.user,
        password=address.password.reveal() if address.user is not None else None,
        auto_bind=ldap3.AUTO_BIND_NONE,
        raise_exceptions=False,
        auto_referrals=False,
        auto_range=False,
        check_names=False,
        receive_timeout=address.timeout_seconds,
        return_empty_attributes=False,
    )
    _use(connection, _RawStrategy(connection))
    return connection


def _use(connection: Any, strategy: _RawStrategy) -> None:  # noqa: ANN401 - the library has no types
    """Put our strategy in place; the constructor of the library refuses foreign ones."""
    strategy.socket_size = _RECEIVE_SIZE
    connection.strategy = strategy
    for name in ("send", "open", "get_response", "post_send_single_response", "post_send_search"):
        setattr(connection, name, getattr(strategy, name))


def _assert_absent(names: Sequence[str]) -> list[tuple[str, bool, bytes]] | None:
    """Return the control that lets a request through only if the attributes have no value."""
    if not names:
        return None
    text = "(&" + "".join(f"(!({name}=*))" for name in names) + ")"
    parsed = parse_filter(text, None, True, True, None, False)
    return [(ASSERTION, True, encode(compile_filter(parsed.elements[0])))]


def escaped(value: str) -> str:
    """Return a value as it may stand in a filter."""
    return str(escape_filter_chars(value))
