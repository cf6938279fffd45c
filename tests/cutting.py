"""A way to a server that a test can cut: right away, or after the client said certain bytes."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Self


class CuttableWire:
    """Passes connections on to a port of 127.0.0.1 until it is cut.

    With ``cut_after`` the wire is cut once a client said these bytes and before the server hears
    the rest of what follows; ``is_heard`` tells whether those bytes themselves reach the server.
    """

    def __init__(self, target: int, cut_after: bytes = b"", *, is_heard: bool = True) -> None:
        self._target = target
        self._cut_after = cut_after
        self._is_heard = is_heard
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
                for way in ((client, server, self._cut_after), (server, client, b"")):
                    thread = threading.Thread(target=self._pass_on, args=way, daemon=True)
                    self._threads.append(thread)
                    thread.start()

    def _pass_on(self, source: socket.socket, target: socket.socket, last: bytes) -> None:
        with contextlib.suppress(OSError):
            # small pieces: what is not passed on yet is lost with the wire
            while said := source.recv(1 << 14):
                is_last = bool(last) and last in said
                if is_last and not self._is_heard:
                    break
                target.sendall(said)
                if is_last:
                    with contextlib.suppress(OSError):
                        target.recv(1, socket.MSG_PEEK)  # the server has answered, to nobody
                    break
        self._break()
