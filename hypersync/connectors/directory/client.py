"""The library ldap3, set up the way `wire` needs it; nobody else imports it.

What is changed: entries are read as raw values (`ber`), TLS is checked by the standard
library, every wait is bounded, and nothing is read from the server unasked.
"""

from __future__ import annotations

import ssl
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypersync.config.values import Secret
from hypersync.connectors.directory.ber import search_entry

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
        LDAPStartTLSError,
    )
    from ldap3.operation.search import compile_filter, parse_filter
    from ldap3.strategy.base import RESPONSE_COMPLETE, SESSION_TERMINATED_BY_SERVER
    from ldap3.strategy.sync import SyncStrategy
    from ldap3.utils.asn1 import decode_message_fast, encode
    from ldap3.utils.conv import escape_filter_chars

__all__ = [
    "ENTRY",
    "LOCAL_ERRORS",
    "Address",
    "LDAPException",
    "LDAPStartTLSError",
    "compile_filter",
    "connection_to",
    "decode_message_fast",
    "encode",
    "escape_filter_chars",
    "ldap3",
    "parse_filter",
]
LOCAL_ERRORS = (
    LDAPAttributeError,
    LDAPInvalidDnError,
    LDAPInvalidFilterError,
    LDAPInvalidValueError,
    LDAPObjectClassError,
)
"""What the library raises before it sends anything."""

ENTRY = "searchResEntry"
_UNFINISHED = (ENTRY, "searchResRef", "intermediateResponse")
_RECEIVE_SIZE = 1 << 18


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
        """Receive what belongs to a request: entries by `ber`, the rest by the library.

        How long to wait is a matter of the socket.
        """
        found: list[Any] = []
        while messages := self.receiving():
            for message in messages:
                entry = search_entry(message)
                if entry is not None and entry.message_id == message_id:
                    found.append({"type": ENTRY, "raw_dn": entry.name, "raw": entry.raw})
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


def connection_to(address: Address) -> Any:  # noqa: ANN401 - the library has no types
    """Return a connection that is not open yet."""
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
