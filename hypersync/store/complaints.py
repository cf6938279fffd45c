"""What a database complains about, as one sentence that names it and says what to do.

A database is named by its file, or by its name and server; never by its user or password. The
drivers' own sentences stay as they are, of several lines the first: those after it show values.
Sources: SQLite "Result and Error Codes"; PostgreSQL "Error Codes" (SQLSTATE). A server that does
not let somebody in says no such code, only a sentence, which is known when it is English.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping, Sequence

from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

_RIGHTS = "this user has to be able to read and write {name} and its folder"
_BACKUP = "see whether {name} is the right file, or restore it from a backup"
_HELD = "another process holds {name}: wait until it is done, or end it"
_SQLITE: Mapping[int, str] = {
    sqlite3.SQLITE_BUSY: _HELD,
    sqlite3.SQLITE_LOCKED: _HELD,
    sqlite3.SQLITE_FULL: "make room on the disk of {name}",
    # one that is full says this, too, while the files beside the database are made
    sqlite3.SQLITE_IOERR: "see whether the disk of {name} is full or broken",
    sqlite3.SQLITE_READONLY: _RIGHTS,
    sqlite3.SQLITE_CANTOPEN: _RIGHTS,
    sqlite3.SQLITE_PERM: _RIGHTS,
    sqlite3.SQLITE_NOTADB: _BACKUP,
    sqlite3.SQLITE_CORRUPT: _BACKUP,
}

_RUNNING = "see whether the server of {name} is running"
_LET_IN = "see whether the address of {name} has the right user and password"
_THERE = "see whether {name} is spelled right, or have it made"
_CONNECTIONS = "free connections to {name}, or have its server allow more"
_AGAIN = "others were working in {name} at the same moment: try again"
_STATES: Mapping[str, str] = {
    "08": _RUNNING,
    "57P01": _RUNNING,
    "57P02": _RUNNING,
    "57P03": _RUNNING,
    "28": _LET_IN,
    "3D000": _THERE,
    "53100": "make room on the disk of the server of {name}",
    "53300": _CONNECTIONS,
    "25006": "see whether {name} is a standby, and write the address of its primary",
    "42501": "have the user of {name} granted the right to do this",
    "40": _AGAIN,
    "55P03": _AGAIN,
}
_SAID: Sequence[tuple[str, str]] = (
    (r"Connection refused|No such file|starting up|shutting down|closed the conn", _RUNNING),
    (r"password|role .* does not exist", _LET_IN),
    (r"database .* does not exist", _THERE),
    (r"pg_hba\.conf", "have pg_hba.conf of the server of {name} let this user in from here"),
    (r"too many", _CONNECTIONS),
    (r"resolve host|translate host", "see whether the host of {name} is spelled right"),
    (r"time ?out|timed out|unreachable|No route", "see whether {name} can be reached from here"),
)


def name_of(url: URL) -> str:
    """Return a database as messages name it: its file, or its name, host and port."""
    if url.get_backend_name() == "sqlite":
        return url.database or "in memory"
    given = url.query.get("host", "this machine")
    host = url.host or (given if isinstance(given, str) else ", ".join(given))
    port = "" if url.port is None else f":{url.port}"
    return (
        f"{url.database or 'the database'} on {f'[{host}]' if ':' in host and port else host}{port}"
    )


def complaint(url: URL, error: Exception) -> str:
    """Return what a driver complains about, which database it means, and what to do about it."""
    original = error.orig if isinstance(error, DBAPIError) else error
    reason = str(original).strip().partition("\n")[0] or type(original).__name__
    remedy = _remedy(original, reason)
    name = name_of(url)
    if remedy is None:
        return f"the database refused: {reason} ({name})"
    return f"the database refused: {reason}; {remedy.format(name=name)}"


def _remedy(original: BaseException | None, reason: str) -> str | None:
    """Return what is to be done, with ``{name}`` for the database; ``None`` when we do not know."""
    code = getattr(original, "sqlite_errorcode", None)
    if code is not None:
        return _SQLITE.get(code & 0xFF)
    state = getattr(original, "sqlstate", None)
    if state is not None:
        return _STATES.get(state) or _STATES.get(state[:2])
    return next((remedy for said, remedy in _SAID if re.search(said, reason)), None)
