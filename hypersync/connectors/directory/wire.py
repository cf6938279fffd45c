"""The LDAP protocol for directories: a thin adapter, so that the library can be replaced.

What the library does not do for us (each is a test): it swallows errors after the first page of a
paged search, and answers False for a search without entries. So there is an own loop over pages
that believes a search only when the result code is 0 and the cookie is empty, and results are
values of ours with a sentence for people.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias

from hypersync.connectors.directory.client import (
    ENTRY,
    LOCAL_ERRORS,
    Address,
    LDAPException,
    LDAPStartTLSError,
    compile_filter,
    connection_to,
    encode,
    escape_filter_chars,
    ldap3,
    parse_filter,
)
from hypersync.errors import ScanFailed, SiloRefused, SiloUnreachable

Raw: TypeAlias = Mapping[str, Sequence[bytes]]
Step: TypeAlias = tuple[str, Sequence[bytes]]
ASSERTION = "1.3.6.1.1.12"
_PAGED_RESULTS = "1.2.840.113556.1.4.319"


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


class Lost(Exception):
    """The connection broke; whether the last request was carried out is unknown."""


class Wire:
    """One connection. Not thread-safe."""

    def __init__(self, connection: Any) -> None:  # noqa: ANN401 - the library has no types
        self._connection = connection

    @classmethod
    def connect(cls, address: Address) -> Wire:
        """Connect and sign in; raises `SiloUnreachable` or `SiloRefused` with a sentence."""
        connection = connection_to(address)
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
            cookie = self._next_cookie()  # before the caller uses the connection for another search
            yield entries

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
            self._connection.search(
                base,
                filter_,
                search_scope=scope,
                attributes=list(attributes),
                paged_size=page_size,
                paged_criticality=page_size is not None,
                paged_cookie=cookie,
            )
        found = [
            Entry(each["raw_dn"].decode(), each["raw"])
            for each in self._connection.response or ()
            if each["type"] == ENTRY
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
    """Part what could not even be sent (`SiloRefused`) from what broke on the way (`Lost`)."""
    try:
        yield
    except LOCAL_ERRORS as error:
        raise SiloRefused(f"this is not LDAP: {error}") from error
    except (LDAPException, OSError, LookupError, ValueError) as error:  # the latter: nonsense
        raise Lost(str(error) or type(error).__name__) from error


def _result(connection: Any) -> Result:  # noqa: ANN401 - the library has no types
    found = connection.result
    return Result(int(found["result"]), str(found["description"]), str(found["message"] or ""))


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
