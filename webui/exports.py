"""Files that people take along: written whole first, and few at a time.

Whoever reads a file slowly, or not at all, holds neither a look at the store nor a thread of the
server: what is sent is a temporary file that the server hands out beside its other work. It has no
name in the file system and is gone when it was sent or the connection ended. Until then its person
gets no other one, so that what lies there for a person is one file.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from tempfile import SpooledTemporaryFile

from flask import Response, request
from werkzeug.wsgi import wrap_file

from hypersync.app import App
from webui.security import error_page

MOST_AT_ONCE = 2
"""How many are written at a time, by one process."""
AGAIN_AFTER = 10
"""Seconds after which somebody may try again."""
_IN_MEMORY = 1024 * 1024


class TooManyExports(Exception):
    """Somebody has to wait; the text says for what."""


class Outgoing(SpooledTemporaryFile[bytes]):
    """A file on its way to somebody; closed or forgotten, it says so, once."""

    def __init__(self, over: Callable[[], object]) -> None:
        super().__init__(max_size=_IN_MEMORY)
        self._over = weakref.finalize(self, over)

    def close(self) -> None:
        """Remove the file."""
        super().close()
        self._over()

    def __del__(self) -> None:
        self.close()


class Exports:
    """Who takes a file along just now."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._takers: set[str] = set()
        self._writing = 0

    def written(self, who: str, chunks: Iterator[str]) -> Outgoing:
        """Return a file with all of it; raises `TooManyExports` before anything is read."""
        self._begin(who)
        file = Outgoing(partial(self._end, who))
        try:
            with closing(chunks):  # type: ignore[type-var]
                for chunk in chunks:
                    file.write(chunk.encode())
        except BaseException:
            file.close()
            raise
        finally:
            with self._lock:
                self._writing -= 1
        return file

    def _begin(self, who: str) -> None:
        with self._lock:
            if who in self._takers:
                raise TooManyExports(
                    "You are taking a file along already. Wait until it has arrived, then try "
                    "again."
                )
            if self._writing >= MOST_AT_ONCE:
                raise TooManyExports(
                    "Others are taking files along just now. Wait a moment, then try again."
                )
            self._takers.add(who)
            self._writing += 1

    def _end(self, who: str) -> None:
        with self._lock:
            self._takers.discard(who)


def as_file(
    app: App, exports: Exports, who: str, chunks: Iterator[str], *, name: str, content_type: str
) -> Response:
    """Return a file to take along, or a page that says to wait."""
    if request.method == "HEAD":
        response = Response(content_type=content_type)
    else:
        try:
            file = exports.written(who, chunks)
        except TooManyExports as refused:
            response = error_page(app, 429, str(refused))
            response.headers["Retry-After"] = str(AGAIN_AFTER)
            return response
        size = file.tell()
        file.seek(0)
        body = wrap_file(request.environ, file)
        response = Response(body, content_type=content_type, direct_passthrough=True)
        response.content_length = size
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
