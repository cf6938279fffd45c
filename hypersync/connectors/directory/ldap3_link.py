"""The requests of `link` by the library ldap3, which needs nothing but Python."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from hypersync.connectors.directory import kerberos
from hypersync.connectors.directory.address import Address, host_and_port
from hypersync.connectors.directory.alike import Alike
from hypersync.connectors.directory.answers import (
    Answer,
    Code,
    Control,
    Entry,
    Lost,
    Raw,
    Result,
    Search,
    Step,
)
from hypersync.connectors.directory.ber import search_entry
from hypersync.connectors.directory.client import (
    LOCAL_ERRORS,
    LDAPException,
    Tls,
    connection_to,
    filter_of,
    ldap3,
)
from hypersync.connectors.directory.requests import search_request
from hypersync.connectors.directory.tls import context_of, why
from hypersync.errors import SiloBusy, SiloRefused, SiloUnreachable

_KINDS = {
    "delete": ldap3.MODIFY_DELETE,
    "add": ldap3.MODIFY_ADD,
    "replace": ldap3.MODIFY_REPLACE,
}
_BROKEN = (LDAPException, OSError, LookupError, ValueError)
"""What goes wrong on the way; the last two come of answers that are nonsense."""
_NO_ADDRESS = "invalid server address"
"""How the library says that the name of the host does not resolve."""


def open_link(url: str, address: Address) -> Ldap3Link:
    """Connect to one server and sign in; raises `SiloUnreachable` or `SiloRefused`."""
    tls = _tls(url, address)
    connection = connection_to(url, address, tls)
    try:
        with _broken_is_unreachable(url, tls):
            _open(connection, url, address, tls)
            _sign_in(connection, url, address)
    except BaseException:
        connection.strategy.close()
        raise
    return Ldap3Link(connection)


def why_unreachable(url: str, address: Address) -> str:
    """Say why a server cannot be reached, nothing if it can; nobody signs in."""
    tls = _tls(url, address)
    connection = connection_to(url, address, tls)
    try:
        with _broken_is_unreachable(url, tls):
            _open(connection, url, address, tls)
    except SiloUnreachable as error:
        return error.message
    finally:
        connection.strategy.close()
    return ""


def _tls(url: str, address: Address) -> Tls:
    """Return how TLS is to be spoken; the system's certificates take a while to read."""
    return Tls(context_of(address) if address.has_tls(url) else None, address.name_of(url))


@contextmanager
def _broken_is_unreachable(url: str, tls: Tls) -> Iterator[None]:
    try:
        yield
    except _BROKEN as error:
        because = str(error) if tls.failure is None else why(tls.failure)
        if because == _NO_ADDRESS:
            because = f"the name {host_and_port(url)[0]!r} does not resolve to an address"
        raise SiloUnreachable(f"{url} cannot be reached: {because}") from error


def _open(connection: Any, url: str, address: Address, tls: Tls) -> None:  # noqa: ANN401 - see client
    connection.open(read_server_info=False)
    if address.start_tls:
        _start_tls(connection, url, tls)


def _sign_in(connection: Any, url: str, address: Address) -> None:  # noqa: ANN401 - see client
    if address.kerberos:
        kerberos.sign_in(connection, address.name_of(url))
    else:
        connection.bind(read_server_info=False)
    result = _result(connection)
    if result.is_(Code.BUSY, Code.UNAVAILABLE):
        raise SiloBusy(f"{url} is not available: {result.sentence}")
    if result.code:
        raise SiloRefused(f"{url} refuses {address.who}: {result.sentence}")


def _start_tls(connection: Any, url: str, tls: Tls) -> None:  # noqa: ANN401 - see client
    """Start TLS or raise: nothing may go on in clear."""
    try:
        connection.start_tls(read_server_info=False)
    except LDAPException as error:
        if tls.failure is not None:
            raise
        said = _result(connection).sentence if connection.result else str(error)
        raise SiloUnreachable(
            f"{url} does not start TLS: {said}; give the server a certificate, or use ldaps://"
        ) from error
    if not connection.tls_started:
        raise SiloUnreachable(f"{url} does not start TLS")


class Ldap3Link:
    """One connection of the library."""

    def __init__(self, connection: Any) -> None:  # noqa: ANN401 - the library has no types
        self._connection = connection
        self._alike = Alike()

    def search(self, search: Search) -> Answer:
        """Search once."""
        read_entry = self._alike.search_entry if search.are_alike else search_entry
        self._connection.strategy.read_entry = read_entry
        with _broken_becomes_lost():
            found, last = self._connection.strategy.ask(search_request(search, filter_of))
        result = _result_of(last)
        references = [
            uri for each in found if not isinstance(each, Entry) for uri in each.get("uri") or ()
        ]
        return Answer(
            [each for each in found if isinstance(each, Entry)],
            result,
            last["controls"],
            (*references, *result.referrals),
        )

    def add(self, dn: str, attributes: Raw, controls: Sequence[Control]) -> Result:
        """Add an entry."""
        values = {name: list(each) for name, each in attributes.items()}
        with _broken_becomes_lost():
            self._connection.add(dn, attributes=values, controls=_sent(controls))
        return _result(self._connection)

    def modify(
        self, dn: str, changes: Mapping[str, Sequence[Step]], controls: Sequence[Control]
    ) -> Result:
        """Modify an entry."""
        steps = {
            name: [(_KINDS[kind], list(values)) for kind, values in each]
            for name, each in changes.items()
        }
        with _broken_becomes_lost():
            self._connection.modify(dn, steps, controls=_sent(controls))
        return _result(self._connection)

    def move(self, dn: str, rdn: str, parent: str | None, controls: Sequence[Control]) -> Result:
        """Rename an entry."""
        with _broken_becomes_lost():
            self._connection.modify_dn(
                dn, rdn, delete_old_dn=True, new_superior=parent, controls=_sent(controls)
            )
        return _result(self._connection)

    def delete(self, dn: str, controls: Sequence[Control]) -> Result:
        """Delete an entry."""
        with _broken_becomes_lost():
            self._connection.delete(dn, controls=_sent(controls))
        return _result(self._connection)

    def close(self) -> None:
        """Say goodbye; never raises."""
        with suppress(LDAPException, OSError):
            self._connection.unbind()


@contextmanager
def _broken_becomes_lost() -> Iterator[None]:
    """Part what could not even be sent (`SiloRefused`) from what broke on the way (`Lost`)."""
    try:
        yield
    except LOCAL_ERRORS as error:
        raise SiloRefused(f"this is not LDAP: {error}") from error
    except _BROKEN as error:
        raise Lost(str(error) or type(error).__name__) from error


def _sent(controls: Sequence[Control]) -> list[Control] | None:
    return list(controls) or None


def _result(connection: Any) -> Result:  # noqa: ANN401 - the library has no types
    return _result_of(connection.result)


def _result_of(found: Mapping[str, Any]) -> Result:
    referrals = tuple(map(str, found.get("referrals") or ()))
    return Result(int(found["result"]), str(found["message"] or ""), referrals)
