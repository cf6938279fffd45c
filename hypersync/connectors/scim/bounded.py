"""HTTP answers that end: complete within a time, and with no more bytes than one can hold.

The library's timeout is for each read from a connection, so that an answer of which a byte comes
now and then lasts for ever. Here every read waits until one moment at most, that by which the
answer has to be complete. Bodies are read in parts and counted, also what they are unpacked to.
"""

from __future__ import annotations

import io
import socket
import time
from http.client import HTTPResponse
from typing import Any, Final, TypeVar

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager, ProxyManager, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ReadTimeoutError

MOST_MEGABYTES: Final = 64
_MOST_BYTES: Final = MOST_MEGABYTES * 1_000_000
_PART_BYTES: Final = 65_536
_Manager = TypeVar("_Manager", bound=PoolManager)


class TooLarge(Exception):
    """An answer has more than `MOST_MEGABYTES`."""


class _Timed(io.RawIOBase):
    """What a connection gives until a moment of the monotonic clock; after it `TimeoutError`."""

    def __init__(self, raw: io.RawIOBase, connection: socket.socket, until: float) -> None:
        self._raw = raw
        self._connection = connection
        self._until = until

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int | None:  # noqa: ANN401 - as in the class above
        """Read what is there; wait for it no longer than until the moment."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._connection.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        """Let go of the connection, which ends when nobody else holds it."""
        self._raw.close()
        super().close()


class _Response(HTTPResponse):
    """An answer, headers and body, that has to be complete by the timeout of its connection."""

    def __init__(
        self,
        sock: socket.socket,
        debuglevel: int = 0,
        method: str | None = None,
        url: str | None = None,
    ) -> None:
        super().__init__(sock, debuglevel, method, url)
        seconds = sock.gettimeout()
        if seconds is not None:
            until = time.monotonic() + seconds
            self.fp = io.BufferedReader(_Timed(self.fp.detach(), sock, until))


class HTTPTimed(HTTPConnection):
    """A connection whose answers end in time; the library's errors begin with its name."""

    response_class = _Response


class HTTPSTimed(HTTPSConnection):
    """The same by TLS."""

    response_class = _Response


class HTTPTimedPool(HTTPConnectionPool):
    """Connections whose answers end in time."""

    ConnectionCls = HTTPTimed


class HTTPSTimedPool(HTTPSConnectionPool):
    """The same by TLS."""

    ConnectionCls = HTTPSTimed


class _Adapter(HTTPAdapter):
    """Makes connections whose answers end in time."""

    def init_poolmanager(self, *arguments: Any, **more: Any) -> None:  # noqa: ANN401 - passed on
        """Make the pools of direct connections."""
        super().init_poolmanager(*arguments, **more)
        _timed(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **more: Any) -> ProxyManager:  # noqa: ANN401 - passed on
        """Make the pools of connections through a proxy."""
        manager: ProxyManager = super().proxy_manager_for(proxy, **more)
        return _timed(manager)


class BoundedSession(requests.Session):
    """A session that waits for no answer longer than the timeout, and looks into no redirect."""

    def __init__(self) -> None:
        super().__init__()
        self.mount("https://", _Adapter())
        self.mount("http://", _Adapter())

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Say that there is none; else the library reads all of an answer that redirects."""


def limit(seconds: float) -> Timeout:
    """Return the timeout that connecting, sending and the answer share."""
    return Timeout(total=seconds, connect=seconds, read=seconds)


def content(response: requests.Response) -> bytes:
    """Read the body of an answer.

    Raises `TooLarge`, and what the library raises when the rest does not come or not in time.
    """
    body = bytearray()
    for part in response.iter_content(_PART_BYTES):
        body += part
        if len(body) > _MOST_BYTES:
            raise TooLarge
    return bytes(body)


def is_late(error: Exception) -> bool:
    """Tell whether an error of the library means that an answer was not complete in time."""
    cause = error.args[0] if error.args else None
    return isinstance(error, requests.ReadTimeout) or isinstance(cause, ReadTimeoutError)


def words_of(error: Exception) -> str:
    """Return what an error of the library says, without the objects it names."""
    text = str(error)
    return text.partition(": ")[2] if text.startswith(("<", "HTTP")) else text


def _timed(manager: _Manager) -> _Manager:
    """Let a manager make our connections, where it would make the library's own."""
    ours = {HTTPConnectionPool: HTTPTimedPool, HTTPSConnectionPool: HTTPSTimedPool}
    manager.pool_classes_by_scheme = {
        scheme: ours.get(pool, pool) for scheme, pool in manager.pool_classes_by_scheme.items()
    }
    return manager
