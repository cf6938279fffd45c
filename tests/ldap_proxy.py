"""A relay between a client and an LDAP server that sees every request pass."""

from __future__ import annotations

import contextlib
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SEARCH, MODIFY, ADD = 0x63, 0x66, 0x68
"""What a request asks for: the tags of RFC 4511."""
WRITES = (MODIFY, ADD)


class LdapProxy:
    """Relays connections to a port; calls ``seen`` with the tag of each request it passed on."""

    def __init__(self, target: int, host: str = "127.0.0.1") -> None:
        self._target = (host, target)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.seen: Callable[[int], None] = lambda tag: None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"ldap://127.0.0.1:{self._listening.getsockname()[1]}"

    def run(self) -> None:
        """Accept connections until closed."""
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                server = socket.create_connection(self._target)
                self._open += [client, server]
                self._relay(client, server, self._watched)
                self._relay(server, client, lambda data: None)

    def _relay(
        self, source: socket.socket, target: socket.socket, watch: Callable[[bytes], None]
    ) -> None:
        def pump() -> None:
            with contextlib.suppress(OSError):
                while data := source.recv(65536):
                    target.sendall(data)
                    watch(data)
            for each in (source, target):
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

        thread = threading.Thread(target=pump, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _watched(self, data: bytes) -> None:
        while len(data) > 6 and data[0] == 0x30:
            length, start = _length(data, 1)
            operation = start + 2 + data[start + 1]
            if operation < len(data):
                self.seen(data[operation])
            data = data[start + length :]

    def cut(self) -> None:
        """Break every connection there is; new ones are possible, also while this goes on."""
        for each in [*self._open]:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Break every connection and stop."""
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.cut()
        for thread in self._threads:
            thread.join(10)
        for each in self._open:
            each.close()


def _length(data: bytes, at: int) -> tuple[int, int]:
    """Read a BER length; return it and where the content begins."""
    first = data[at]
    if first < 0x80:
        return first, at + 1
    count = first & 0x7F
    return int.from_bytes(data[at + 1 : at + 1 + count], "big"), at + 1 + count


@contextmanager
def relaying(target: int, host: str = "127.0.0.1") -> Iterator[LdapProxy]:
    """Relay to a port while the block runs."""
    proxy = LdapProxy(target, host)
    thread = threading.Thread(target=proxy.run, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.close()
        thread.join(10)
