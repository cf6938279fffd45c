"""Ways to a server that tests can break: at once, at certain words, or after certain requests."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Sequence
from typing import Self

SEARCH, MODIFY, ADD = 0x63, 0x66, 0x68
"""What an LDAP request asks for: the tags of RFC 4511."""
WRITES = (MODIFY, ADD)


class Wire:
    """Passes connections on to a port until it is cut; ``port`` of 127.0.0.1 is where it listens.

    A connection that ends at one side ends at the other too, and no other one with it.
    """

    def __init__(self, target: int, host: str = "127.0.0.1") -> None:
        self._target = (host, target)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._ends: list[socket.socket] = []
        self._relays: list[threading.Thread] = []
        self._door = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Self:
        self._door.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        for relay in self._relays:
            relay.join(timeout=20)
        for end in self._ends:
            end.close()
        self._listener.close()

    def interrupt(self) -> None:
        """Break every connection that there is; new ones are possible, also while this goes on."""
        _break(*self._ends)

    def cut(self) -> None:
        """Break every connection and take no new ones."""
        _break(self._listener)
        self._door.join(timeout=20)  # what it lets in is known then
        self.interrupt()

    def _asks(self, said: bytes) -> bool:
        """Tell whether the server hears what a client says; the connection breaks otherwise."""
        return True

    def _asked(self, said: bytes) -> None:
        """Look at what the server heard."""

    def _answers(self) -> bool:
        """Tell whether clients hear what the server says; the connection breaks otherwise."""
        return True

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._ends.append(client)
                try:
                    server = socket.create_connection(self._target)
                except OSError:
                    _break(client)
                    continue
                self._ends.append(server)
                for way, ends in ((self._ask, (client, server)), (self._answer, (server, client))):
                    relay = threading.Thread(target=way, args=ends, daemon=True)
                    self._relays.append(relay)
                    relay.start()

    def _ask(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while (said := client.recv(1 << 16)) and self._asks(said):
                server.sendall(said)
                self._asked(said)
        _break(client, server)

    def _answer(self, server: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            # small pieces: what is not passed on yet is lost with the connection
            while (said := server.recv(1 << 14)) and self._answers():
                client.sendall(said)
        _break(client, server)


class LastWordsWire(Wire):
    """Is cut when a client says certain words, one after the other.

    That is before the server hears the last of them, or, if ``is_heard``, before the client hears
    what the server answers to it.
    """

    def __init__(self, target: int, words: Sequence[bytes], *, is_heard: bool = True) -> None:
        super().__init__(target)
        self._words = list(words)
        self._is_heard = is_heard

    def _asks(self, said: bytes) -> bool:
        if self._words and self._words[0] in said:
            del self._words[0]
        if self._words or self._is_heard:
            return True
        self.cut()
        return False

    def _answers(self) -> bool:
        if not self._words:
            self.cut()
        return bool(self._words)


class PoisonedWire(Wire):
    """Breaks each connection over which a client says ``word``, before the server hears it.

    ``cuts`` counts how often that was.
    """

    def __init__(self, target: int, word: bytes) -> None:
        super().__init__(target)
        self._word = word
        self.cuts = 0

    def _asks(self, said: bytes) -> bool:
        is_poisoned = self._word in said
        self.cuts += is_poisoned
        return not is_poisoned


class LdapWire(Wire):
    """Passes connections on to an LDAP server; calls ``seen`` with the tag of what it heard."""

    def __init__(self, target: int, host: str = "127.0.0.1") -> None:
        super().__init__(target, host)
        self.seen: Callable[[int], None] = lambda tag: None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"ldap://127.0.0.1:{self.port}"

    def _asked(self, said: bytes) -> None:
        while len(said) > 6 and said[0] == 0x30:
            length, start = _length(said, 1)
            operation = start + 2 + said[start + 1]
            if operation < len(said):
                self.seen(said[operation])
            said = said[start + length :]


def _length(data: bytes, at: int) -> tuple[int, int]:
    """Read a BER length; return it and where the content begins."""
    first = data[at]
    if first < 0x80:
        return first, at + 1
    count = first & 0x7F
    return int.from_bytes(data[at + 1 : at + 1 + count], "big"), at + 1 + count


def _break(*ends: socket.socket) -> None:
    for end in ends:
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
