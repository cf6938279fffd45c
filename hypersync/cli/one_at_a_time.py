"""A server that takes one request at a time of a connection.

Waitress answers requests that came in one piece one after the other, and keeps a thread waiting
when what was answered is not read: with as many connections as threads, each asking for a style
sheet a hundred times, somebody whom nobody knows stopped the whole site. No browser and no usual
proxy sends the next request before it has the last answer. So what comes behind a request is
dropped, and the connection is closed after its answer, which tells the other end to ask again (RFC
9112, 9.3.2).
"""

from __future__ import annotations

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser


class _OneRequest(HTTPRequestParser):  # type: ignore[misc]  # waitress has no types
    """Reads a request and drops what comes behind it."""

    def received(self, data: bytes) -> int:
        """Take data and return how much of it was used: all of it, once the request is whole."""
        used: int = super().received(data)
        if self.completed and not self.empty and used < len(data):
            self.headers["CONNECTION"] = "close"
            return len(data)
        return used


class OneAtATime(HTTPChannel):  # type: ignore[misc]  # waitress has no types
    """A connection on which one request is answered before the next is read."""

    parser_class = _OneRequest
