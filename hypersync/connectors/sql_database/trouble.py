"""What a database complains about, in one sentence and with what follows from it.

The drivers' own sentences may hold values, hence where we know what is meant we say it ourselves,
naming constraint and column. Sources: PostgreSQL "Error Codes" (SQLSTATE), MariaDB "Error Codes",
SQLite "Result and Error Codes".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from sqlalchemy.exc import DBAPIError


class Meaning(Enum):
    """What follows from a complaint."""

    GONE = "gone"  # the connection is lost or was never there
    LATER = "later"  # the statement did nothing; the transaction goes on
    ABORTED = "aborted"  # the whole transaction did nothing; try it again
    TAKEN = "taken"  # another row has the value that must be unique
    REFUSED = "refused"  # for good


@dataclass(frozen=True, slots=True)
class Trouble:
    """One complaint."""

    meaning: Meaning
    sentence: str


_TAKEN = "another row has the same value already"
_REFERENCE = (
    "a reference does not hold: the row is still referred to, or it refers to one that is not there"
)
_NULL = "a column that needs a value gets none"
_CHECK = "a check of the table does not allow it"
_TIMEOUT = "it took longer than the 'timeout' of the silo"
_LOCKED = "somebody else is writing there"
_DEADLOCK = "two transactions were in each other's way"

_POSTGRESQL: Mapping[str, tuple[Meaning | None, str]] = {
    "08": (Meaning.GONE, ""),
    "57P01": (Meaning.GONE, "the server is shutting down"),
    "57P02": (Meaning.GONE, "the server crashed"),
    "57P03": (Meaning.GONE, "the server is starting or stopping"),
    "57014": (Meaning.LATER, _TIMEOUT),
    "55P03": (Meaning.LATER, _LOCKED),
    "53": (Meaning.LATER, ""),
    "40": (Meaning.ABORTED, _DEADLOCK),
    "23505": (Meaning.TAKEN, _TAKEN),
    "23503": (Meaning.REFUSED, _REFERENCE),
    "23502": (Meaning.REFUSED, _NULL),
    "23514": (Meaning.REFUSED, _CHECK),
}
_MARIADB: Mapping[int, tuple[Meaning | None, str]] = {
    1040: (Meaning.LATER, ""),
    1205: (Meaning.LATER, _LOCKED),
    1969: (Meaning.LATER, _TIMEOUT),
    1020: (Meaning.ABORTED, _DEADLOCK),
    1213: (Meaning.ABORTED, _DEADLOCK),
    1062: (Meaning.TAKEN, _TAKEN),
    1451: (Meaning.REFUSED, _REFERENCE),
    1452: (Meaning.REFUSED, _REFERENCE),
    1048: (Meaning.REFUSED, _NULL),
    1364: (Meaning.REFUSED, _NULL),
    4025: (Meaning.REFUSED, _CHECK),
}
_MARIADB_GONE = frozenset({0, 1053, 1152, 1927, 2002, 2003, 2006, 2013, 2014, 2055})
_SQLITE: Mapping[str, tuple[Meaning | None, str]] = {
    "SQLITE_CANTOPEN": (Meaning.GONE, "there is no such file, or it cannot be opened"),
    "SQLITE_IOERR": (Meaning.GONE, ""),
    "SQLITE_BUSY": (Meaning.LATER, _LOCKED),
    "SQLITE_LOCKED": (Meaning.LATER, _LOCKED),
    "SQLITE_CONSTRAINT_UNIQUE": (Meaning.TAKEN, _TAKEN),
    "SQLITE_CONSTRAINT_PRIMARYKEY": (Meaning.TAKEN, _TAKEN),
    "SQLITE_CONSTRAINT_ROWID": (Meaning.TAKEN, _TAKEN),
    "SQLITE_CONSTRAINT_FOREIGNKEY": (Meaning.REFUSED, _REFERENCE),
    "SQLITE_CONSTRAINT_NOTNULL": (Meaning.REFUSED, _NULL),
    "SQLITE_CONSTRAINT_CHECK": (Meaning.REFUSED, _CHECK),
}
_NAMED = re.compile(r"for key '([^']*)'|CONSTRAINT `([^`]*)`|[Cc]olumn '([^']*)'|failed: (\S.*)")


def trouble(error: DBAPIError) -> Trouble:
    """Say what an error of the driver means."""
    original: Any = error.orig
    if getattr(original, "sqlite_errorname", None) is not None:
        return _of_sqlite(original)
    if type(original).__module__.startswith("pymysql"):
        return _of_mariadb(original)
    if hasattr(original, "sqlstate"):
        return _of_postgresql(original, is_lost=error.connection_invalidated)
    return Trouble(Meaning.REFUSED, _first_line(original))


def _of_postgresql(original: Any, *, is_lost: bool) -> Trouble:  # noqa: ANN401 - psycopg.Error
    state = original.sqlstate or ""
    if not state:
        # without one the server did not speak: nobody answered, or it went away. What the server
        # says when it does not let somebody in comes like that too
        is_refusal = re.search(r"FATAL: +(.*)", str(original))
        if is_refusal and not _is_starting(is_refusal[1]):
            return Trouble(Meaning.REFUSED, is_refusal[1])
        is_out = is_lost or type(original).__name__ == "OperationalError"
        return Trouble(Meaning.GONE if is_out else Meaning.REFUSED, _first_line(original))
    meaning, sentence = _POSTGRESQL.get(state) or _POSTGRESQL.get(state[:2]) or (None, "")
    found = original.diag
    name = found.constraint_name or found.column_name
    return _trouble(meaning, sentence, name, found.message_primary or _first_line(original))


def _is_starting(sentence: str) -> bool:
    return "starting up" in sentence or "shutting down" in sentence or "too many" in sentence


def _of_mariadb(original: Any) -> Trouble:  # noqa: ANN401 - pymysql.Error
    code, *rest = original.args or (-1,)
    text = str(rest[0]) if rest else str(original)
    if code in _MARIADB_GONE or type(original).__name__ == "InterfaceError":
        return Trouble(Meaning.GONE, text or "the connection is lost")
    meaning, sentence = _MARIADB.get(code, (None, ""))
    return _trouble(meaning, sentence, _named(text), text)


def _of_sqlite(original: Any) -> Trouble:  # noqa: ANN401 - sqlite3.Error
    name = original.sqlite_errorname
    known = _SQLITE.get(name) or _SQLITE.get("_".join(name.split("_")[:2]))
    meaning, sentence = known or (None, "")
    return _trouble(meaning, sentence, _named(str(original)), str(original))


def _named(text: str) -> str | None:
    found = _NAMED.search(text)
    return next(filter(None, found.groups()), None) if found else None


def _trouble(meaning: Meaning | None, sentence: str, name: str | None, text: str) -> Trouble:
    if not sentence:
        return Trouble(meaning or Meaning.REFUSED, text.partition("\n")[0])
    named = f" ({name})" if name and meaning in (Meaning.TAKEN, Meaning.REFUSED) else ""
    return Trouble(meaning or Meaning.REFUSED, sentence + named)


def _first_line(original: object) -> str:
    text = str(original).strip().partition("\n")[0]
    # the value that could not be decoded stays where it is
    return text.partition(" with text ")[0] or type(original).__name__
