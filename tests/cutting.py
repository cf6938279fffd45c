"""A way to a server that a test can cut: right away, or when the client says certain words."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Sequence
from typing import Self


class CuttableWire:
    """Passes connections on to a port of 127.0.0.1 until it is cut.

    With ``last_words`` it is cut by itself when the client says these, one after the other:
    before the server hears the last of them, or, if ``is_heard``, before the client hears what the
    server answers to it.
    """

    def __init__(
        self, target: int, last_words: Sequence[bytes] = (), *, is_heard: bool = True
    ) -> None:
        self._target = target
        self._words = list(last_words)
        self._is_heard = is_heard
        self._is_deaf = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._ends: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        for thread in self._threads:
            thread.join(timeout=20)

    def cut(self) -> None:
        """Break every connection and take no new ones."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._break()

    def _break(self) -> None:
        for each in self._ends:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
                self._ends += [client, server]
                for way in (
                    threading.Thread(target=self._ask, args=(client, server), daemon=True),
                    threading.Thread(target=self._answer, args=(server, client), daemon=True),
                ):
                    self._threads.append(way)
                    way.start()

    def _ask(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while said := client.recv(1 << 14):
                if self._is_last(said):
                    if not self._is_heard:
                        break
                    self._is_deaf = True
                server.sendall(said)
        self._break()

    def _is_last(self, said: bytes) -> bool:
        if not self._words or self._words[0] not in said:
            return False
        del self._words[0]
        return not self._words

    def _answer(self, server: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            # small pieces: what is not passed on yet is lost with the wire
            while (said := server.recv(1 << 14)) and not self._is_deaf:
                client.sendall(said)
        self._break()
