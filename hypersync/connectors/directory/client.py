"""The library ldap3, set up the way `ldap3_link` needs it; nobody else imports it.

What is changed: entries are read as raw values (`ber`), TLS is checked by the standard
library, every wait is bounded, and nothing is read from the server unasked.
"""

from __future__ import annotations

import ssl
import warnings
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from hypersync.connectors.directory import ber
from hypersync.connectors.directory.address import Address
from hypersync.connectors.directory.answers import Entry
from hypersync.connectors.directory.ber import message_end, says_result, search_entry

with warnings.catch_warnings():
    # ldap3 2.9 uses old names of pyasn1 while it is imported
    warnings.filterwarnings("ignore", r"(tagMap|typeMap) is deprecated", DeprecationWarning)
    import ldap3
    from ldap3.core.exceptions import (
        LDAPAttributeError,
        LDAPException,
        LDAPInvalidDnError,
        LDAPInvalidFilterError,
        LDAPInvalidValueError,
        LDAPObjectClassError,
        LDAPSocketOpenError,
    )
    from ldap3.operation.search import compile_filter, parse_filter
    from ldap3.protocol.sasl.sasl import send_sasl_negotiation
    from ldap3.strategy.base import RESPONSE_COMPLETE, SESSION_TERMINATED_BY_SERVER
    from ldap3.strategy.sync import SyncStrategy
    from ldap3.utils.asn1 import decode_message_fast, encode

__all__ = [
    "LOCAL_ERRORS",
    "LDAPException",
    "Tls",
    "connection_to",
    "decode_message_fast",
    "filter_of",
    "ldap3",
    "send_sasl_negotiation",
]
LOCAL_ERRORS = (
    LDAPAttributeError,
    LDAPInvalidDnError,
    LDAPInvalidFilterError,
    LDAPInvalidValueError,
    LDAPObjectClassError,
)
"""What the library raises before it sends anything."""

_UNFINISHED = ("searchResRef", "intermediateResponse")
_ANSWERS = {
    "bindRequest": "bindResponse",
    "searchRequest": "searchResDone",
    "modifyRequest": "modifyResponse",
    "addRequest": "addResponse",
    "delRequest": "delResponse",
    "modDNRequest": "modDNResponse",
    "extendedReq": "extendedResp",
}
_SEARCH = {"type": "searchRequest"}
_FILTERS = 200
"""So many filters are remembered as they are sent; those of the object types come each time."""
_OCTETS = 4
_RECEIVE_SIZE = 1 << 18


class _RawStrategy(SyncStrategy):  # type: ignore[misc] # the library has no types
    """Reads search entries as raw values, four times as fast as the library.

    It also closes the socket of an attempt to connect that failed, which the library forgets.
    """

    read_entry = staticmethod(search_entry)
    """How the entries of the next search are read."""

    _rest = b""
    """What came after the last message that was asked for, as far as it came."""

    @property
    def has_more(self) -> bool:
        """Tell whether more came than was asked for."""
        return bool(self._rest)

    def ask(self, request: bytes) -> tuple[list[Any], dict[str, Any]]:
        """Send a search request that is written already; return what it found, and the result.

        Raises what the library does.
        """
        if not self.connection.listening:
            raise LDAPSocketOpenError("unable to send message, socket is not open")
        number = self.connection.server.next_message_id()
        self.connection.request = self._outstanding[number] = _SEARCH
        self.connection.socket.sendall(ber.sequence(ber.integer(number), request))
        found: tuple[list[Any], dict[str, Any]] = self.get_response(number)
        return found

    def _open_socket(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - passed on
        try:
            super()._open_socket(*arguments, **named)
        except LDAPException:
            if self.connection.socket is not None:
                self.connection.socket.close()
            raise

    def _get_response(self, message_id: int, timeout: float) -> list[Any] | str:  # noqa: ARG002
        """Receive what belongs to a request: entries by `ber`, the rest by the library.

        How long to wait is a matter of the socket. Where reading was interrupted, nobody knows
        what comes next, so the connection is closed.
        """
        try:
            return self._read(message_id)
        except BaseException:
            self.close()
            raise

    def _read(self, message_id: int) -> list[Any] | str:
        found: list[Any] = []
        for data, start, end in self._messages():
            entry = self.read_entry(data, start, end)
            if entry is not None and entry.message_id == message_id:
                found.append(Entry(entry.name.decode(), entry.raw))
                continue
            general = decode_message_fast(data[start:end])
            if general["messageID"] != message_id:  # a notice of disconnection, or nonsense
                break
            found.append(self._decoded(general))
            kind = found[-1]["type"]
            if kind not in _UNFINISHED:
                self._insist(kind, data, start)
                self._rest = data[end:]
                return [*found, RESPONSE_COMPLETE]
        return SESSION_TERMINATED_BY_SERVER  # type: ignore[no-any-return] # a text

    def _messages(self) -> Iterator[tuple[bytes, int, int]]:
        """Yield what was received, and where in it one message after the other starts and ends."""
        data, start = self._rest, 0
        self._rest = b""
        while True:
            end = message_end(data, start)
            if end is None or end > len(data):
                data, start = self._received(data[start:]), 0
                end = message_end(data)
            if end is None:
                return
            yield data, start, end
            start = end

    def _received(self, rest: bytes) -> bytes:
        """Receive what is missing of a message; nothing when the server hung up."""
        data = bytearray(rest)
        end: int | None = None
        while end is None or end > len(data):
            more = self.connection.socket.recv(_RECEIVE_SIZE)
            if not more:
                return b""
            data += more
            end = message_end(data)
        return bytes(data)

    def _insist(self, kind: str, data: bytes, start: int) -> None:
        """Raise ``ValueError`` unless this answers what was asked and says how it ended."""
        asked = self.connection.request["type"]
        if kind != _ANSWERS.get(asked):
            raise ValueError(f"the server answers a {asked} with a {kind}")
        if not says_result(data, start):
            raise ValueError(f"the server does not say how a {asked} ended")

    def _decoded(self, general: Any) -> dict[str, Any]:  # noqa: ANN401 - the library has no types
        """Decode a message, its controls as they came: the library misreads some of them."""
        controls = _controls(general["controls"] or ())
        decoded: dict[str, Any] = self.decode_response_fast({**general, "controls": None})
        return {**decoded, "controls": controls}


def _controls(found: Any) -> dict[str, bytes]:  # noqa: ANN401 - tuples of class, form, tag, content
    return {
        each[3][0][3].decode(): next((part[3] for part in each[3][1:] if part[2] == _OCTETS), b"")
        for each in found
    }


class Tls(ldap3.Tls):  # type: ignore[misc] # the library has no types
    """TLS with the checks of the standard library; those of ldap3 use what Python 3.12 removed.

    Without a ``context`` there is none. ``failure`` keeps what went wrong, of which the library
    only passes on a text.
    """

    def __init__(self, context: ssl.SSLContext | None, name: str) -> None:
        super().__init__()
        self._context = context
        self._name = name
        self.failure: OSError | ValueError | None = None

    def wrap_socket(self, connection: Any, do_handshake: bool = False) -> None:  # noqa: ANN401 - see above
        """Put the connection's socket into TLS; raises ``OSError``, of which TLS errors are.

        What came in clear after the answer to StartTLS would be read as if it had come by TLS:
        anybody on the way can write it, so there is no TLS then.
        """
        if self._context is None:
            raise ValueError("TLS was not asked for")
        try:
            if connection.strategy.has_more:
                raise ConnectionAbortedError(
                    "something was sent in clear after the answer to StartTLS, as if it were "
                    "part of what follows; look for who meddles on the way, or use ldaps://"
                )
            connection.socket = self._context.wrap_socket(
                connection.socket, server_hostname=self._name, do_handshake_on_connect=do_handshake
            )
        except (OSError, ValueError) as error:
            self.failure = error
            raise


@lru_cache(maxsize=_FILTERS)
def filter_of(text: str) -> bytes:
    """Return a filter as it is sent; raises what the library does when it is none."""
    parsed = parse_filter(text, None, True, None, None, False)
    written: bytes = encode(compile_filter(parsed.elements[0]))
    return written


def connection_to(url: str, address: Address, tls: Tls) -> Any:  # noqa: ANN401 - the library has no types
    """Return a connection that is not open yet."""
    server = ldap3.Server(
        url, get_info=ldap3.NONE, connect_timeout=address.timeout_seconds, tls=tls
    )
    user = None if address.kerberos else address.user
    connection = ldap3.Connection(
        server,
        user=user,
        password=address.password.reveal() if user is not None else None,
        authentication=ldap3.SASL if address.kerberos else None,
        sasl_mechanism=ldap3.KERBEROS if address.kerberos else None,
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
    connection.strategy = strategy
    for name in ("send", "open", "get_response", "post_send_single_response", "post_send_search"):
        setattr(connection, name, getattr(strategy, name))
