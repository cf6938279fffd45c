"""Writes changes to a database, a batch in one transaction.

What became of each change is known, and the objects are read back, before the commit (see `batch`).
When nobody answers, when the database does not let us in, at a deadlock, or when the connection is
lost before the commit, nothing was written; lost during the commit it is unknown. When the commit
itself is refused (a constraint that is checked only then), the changes are tried again one by one:
one does not fail for another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from hypersync.connectors.sql_database.batch import Batch, Broken, Written
from hypersync.connectors.sql_database.database import Database
from hypersync.connectors.sql_database.source import Source
from hypersync.connectors.sql_database.trouble import Meaning, trouble
from hypersync.errors import NothingWritten, SiloRefused, SiloUnreachable
from hypersync.model.objects import Change, Outcome, Refused, RetryAfter, Unknown

_SOON = timedelta(seconds=5)


class Writer:
    """Applies batches of changes; ``source_of`` finds where the objects of a type are."""

    def __init__(self, database: Database, source_of: Callable[[Connection, str], Source]) -> None:
        self._database = database
        self._source_of = source_of

    def __call__(self, changes: Sequence[Change]) -> list[Outcome]:
        """Return one outcome for each change.

        Raises `NothingWritten` when the database does not let us in.
        """
        done: list[Outcome | Written] = []
        try:
            with self._database.writing() as connection:
                batch = Batch(connection, self._source_of)
                for change in changes:
                    done.append(batch.apply(change))  # noqa: PERF401 - kept when it breaks off
                outcomes = batch.read_back(done)
                refusal = _commit(connection)
        except Broken as error:
            later = RetryAfter(_SOON, error.sentence, is_lost=error.is_lost)
            outcomes = _instead(done, later, len(changes))
            if error.is_lost and error.place is not None:
                outcomes[error.place] = replace(later, is_suspect=True)
            return outcomes
        except SiloUnreachable as error:  # only connecting raises it, so nothing was sent
            later = RetryAfter(_SOON, error.message, is_lost=True)
            return _instead(done, later, len(changes))
        except SiloRefused as error:  # so does this
            raise NothingWritten(error.message) from error
        if refusal is None:
            return outcomes
        if isinstance(refusal, Refused) and len(changes) > 1:
            return [outcome for change in changes for outcome in self([change])]
        return _instead(done, refusal, len(changes))


def _commit(connection: Connection) -> Outcome | None:
    """Commit; return what became of the changes when that did not work."""
    try:
        connection.commit()
    except DBAPIError as error:
        found = trouble(error)
        match found.meaning:
            case Meaning.GONE:
                return Unknown(f"the database went away while this was written: {found.sentence}")
            case Meaning.LATER | Meaning.ABORTED:
                return RetryAfter(_SOON, found.sentence)
            case Meaning.TAKEN | Meaning.REFUSED:
                return Refused(found.sentence)
    return None


def _instead(done: Sequence[Outcome | Written], outcome: Outcome, number: int) -> list[Outcome]:
    """Answer what was written, and what was not tried, with another outcome."""
    known = [outcome if isinstance(each, Written) else each for each in done]
    return [*known, *([outcome] * (number - len(known)))]
