"""A way to a server that breaks whenever the client says a certain word, and only then."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Self


class PoisonedWire:
    """Relays connections to a port of 127.0.0.1 and cuts the one over which ``word`` comes.

    The server does not hear the word. ``cuts`` counts how often it came.
    """

    def __init__(self, target: int, word: bytes) -> None:
        self._target = target
        self._word = word
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._ends: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self.cuts = 0

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        _break(*self._ends)
        for thread in self._threads:
            thread.join(timeout=20)
        for end in self._ends:
            end.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._ends.append(client)
                try:
                    server = socket.create_connection(("127.0.0.1", self._target))
                except OSError:
                    _break(client)
                    continue
                self._ends.append(server)
                for ends in ((client, server, self._word), (server, client, b"")):
                    way = threading.Thread(target=self._relay, args=ends, daemon=True)
                    self._threads.append(way)
                    way.start()

    def _relay(self, source: socket.socket, target: socket.socket, word: bytes) -> None:
        with contextlib.suppress(OSError):
            while said := source.recv(1 << 16):
                if word and word in said:
                    self.cuts += 1
                    break
                target.sendall(said)
        _break(source, target)


def _break(*ends: socket.socket) -> None:
    for end in ends:
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
