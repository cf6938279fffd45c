"""Lets all databases and pages of a test process share what was compiled for one of them.

A test opens a database of its own, and SQLAlchemy compiles each statement anew for each: an eighth
of the time of a test that runs a sync. Dialects of one kind are set up alike here, so what was
compiled for one fits the others.

A test makes pages of its own too, and Werkzeug compiles for each address how it is written: nearly
all of the time that making them takes.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, event
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from werkzeug.routing import Rule

if TYPE_CHECKING:
    from sqlalchemy import Connection

_compiled: dict[Any, Any] = {}
_written: dict[Any, Any] = {}


@cache
def share_compiled_statements() -> None:
    """Begin to share, once a process."""
    for dialect in (SQLiteDialect_pysqlite, PGDialect_psycopg):
        dialect.__eq__ = _is_of_one_kind  # type: ignore[assignment] # part of the key
        dialect.__hash__ = _kind  # type: ignore[assignment]
    event.listen(Engine, "engine_connect", _share)


def _is_of_one_kind(one: object, other: object) -> bool:
    return type(one) is type(other)


def _kind(dialect: object) -> int:
    return hash(type(dialect))


def _share(connection: Connection) -> None:
    connection.execution_options(compiled_cache=_compiled)


@cache
def share_compiled_addresses() -> None:
    """Begin to share, once a process."""
    compiled = Rule._compile_builder

    def shared(rule: Rule, append_unknown: bool = True) -> Any:
        if rule.defaults:
            return compiled(rule, append_unknown)
        about = rule.rule, tuple(rule._trace), append_unknown
        if about not in _written:
            _written[about] = compiled(rule, append_unknown)
        return _written[about]

    Rule._compile_builder = shared  # type: ignore[method-assign]
