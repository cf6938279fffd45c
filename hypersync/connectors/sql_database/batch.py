"""The changes of one batch, each written or not within the transaction of all.

Each change has a savepoint of its own: what is refused takes nothing else with it. An object is
locked and read first; what already is as wanted has succeeded, what is no longer as it was is a
conflict. Objects are read back when the whole batch is written, each once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy.engine import Connection, NestedTransaction
from sqlalchemy.exc import DBAPIError, StatementError

from hypersync.connectors.changes import differing, is_missing, reference, settled, written
from hypersync.connectors.sql_database.columns import anchor_text
from hypersync.connectors.sql_database.list_rows import Moved
from hypersync.connectors.sql_database.rows import Locked, Rows
from hypersync.connectors.sql_database.source import Source
from hypersync.connectors.sql_database.trouble import Meaning, Trouble, trouble
from hypersync.connectors.sql_database.wanted import (
    anchor_of,
    as_reported,
    check_writable,
    not_there,
    values_of,
)
from hypersync.errors import SiloRefused
from hypersync.model.objects import (
    Attributes,
    Change,
    Conflict,
    Operation,
    Outcome,
    Refused,
    RetryAfter,
    SiloObject,
    Succeeded,
    Unknown,
)

_LATER = timedelta(seconds=30)
_UNSENDABLE = "a value is too large for the database, or of a kind that its driver cannot send"


class Broken(Exception):
    """The transaction is at its end; nothing of it was written.

    ``place`` is that of the change it came of, as far as one can know: what came right before it
    was answered. It is ``None`` where no change was begun.
    """

    def __init__(self, found: Trouble, place: int | None = None) -> None:
        super().__init__(found.sentence)
        self.sentence = found.sentence
        self.is_lost = found.meaning is Meaning.GONE
        self.place = place


@dataclass(frozen=True, slots=True)
class Written:
    """Done, when the transaction is committed; ``anchor`` is ``None`` for what was deleted.

    ``made`` is false where a create found it there already.
    """

    source: Source
    anchor: str | None
    made: bool = True


class Batch:
    """Changes within one transaction."""

    def __init__(
        self, connection: Connection, source_of: Callable[[Connection, str], Source]
    ) -> None:
        self._connection = connection
        self._source_of = source_of
        self._last: int | None = None

    def apply(self, change: Change) -> Outcome | Written:
        """Write one change, or nothing of it; raises `Broken` when the transaction is lost."""
        savepoint = self._begun()
        try:
            try:
                outcome = self._operation(change)(
                    change, self._source_of(self._connection, change.type.name)
                )
            except (ValueError, SiloRefused) as error:
                savepoint.rollback()
                return Refused(str(error))
            except Moved:
                savepoint.rollback()
                return Conflict("changed in the silo meanwhile")
            except DBAPIError as error:
                return self._refusal(change, savepoint.rollback, error)
            except (OverflowError, StatementError):
                savepoint.rollback()
                return Refused(_UNSENDABLE)
            savepoint.commit()
        except DBAPIError as error:
            raise Broken(trouble(error), self._last) from error
        return outcome

    def _begun(self) -> NestedTransaction:
        """Begin the next change; that this fails may be what the one before left behind."""
        try:
            savepoint = self._connection.begin_nested()
        except DBAPIError as error:
            raise Broken(trouble(error), self._last) from error
        self._last = 0 if self._last is None else self._last + 1
        return savepoint

    def _refusal(self, change: Change, roll_back: Callable[[], None], error: DBAPIError) -> Outcome:
        found = trouble(error)
        if found.meaning in (Meaning.GONE, Meaning.ABORTED):
            raise Broken(found, self._last) from error
        roll_back()
        if found.meaning is Meaning.LATER:
            return RetryAfter(_LATER, found.sentence)
        is_new = change.operation in (Operation.CREATE, Operation.ADD_MEMBER)
        if found.meaning is Meaning.TAKEN and is_new:
            return Conflict(found.sentence)
        return Refused(found.sentence)

    def read_back(self, done: Sequence[Outcome | Written]) -> list[Outcome]:
        """Return the outcomes with the objects as they are now; each object is read once.

        Raises `Broken` when the transaction is lost.
        """
        found: dict[tuple[str, str], Outcome] = {}
        outcomes: list[Outcome] = []
        try:
            for each in done:
                outcomes.append(self._read_back(each, found))  # noqa: PERF401 - counted below
        except DBAPIError as error:
            raise Broken(trouble(error), len(outcomes)) from error
        return outcomes

    def _read_back(self, each: Outcome | Written, found: dict[tuple[str, str], Outcome]) -> Outcome:
        if not isinstance(each, Written):
            return each
        if each.anchor is None:
            return Succeeded(None)
        key = (each.source.kind.name, each.anchor)
        if key not in found:
            try:
                read = each.source.object(self._connection, each.anchor)
            except SiloRefused as error:
                found[key] = Unknown(f"written, and could not be read back: {error}", is_lost=False)
            else:
                gone = Unknown("written, and not there when it was read back", is_lost=False)
                found[key] = gone if read is None else Succeeded(read)
        outcome = found[key]
        return replace(outcome, made=each.made) if isinstance(outcome, Succeeded) else outcome

    def _operation(self, change: Change) -> Callable[[Change, Source], Outcome | Written]:
        match change.operation:
            case Operation.CREATE:
                return self._create
            case Operation.DELETE:
                return self._delete
            case Operation.ADD_MEMBER | Operation.REMOVE_MEMBER:
                return self._member
            case Operation.EVENT:
                raise ValueError("an event is not written to a silo")
            case _:
                return self._update

    # --- one operation each --------------------------------------------------------------------

    def _create(self, change: Change, source: Source) -> Outcome | Written:
        rows = Rows(self._connection, source)
        after = as_reported(source, change.after)
        check_writable(source, after)
        anchor = self._known_anchor(rows, source, after)
        if anchor is not None:
            current = source.object(self._connection, anchor, {*after})
            outcome = settled(replace(change, after=after), current)
            if outcome is not None:
                return self._shown(outcome, source, anchor)
        given = after.get(source.anchor)
        values = {
            name: value
            for name, value in after.items()
            if name not in source.lists and not is_missing(value)
        }
        new = rows.insert(values, None if given is None else anchor_text(given))
        self._change_lists(rows, source, new, after, {})
        return Written(source, new)

    def _known_anchor(self, rows: Rows, source: Source, after: Attributes) -> str | None:
        """Return the anchor of a new object, where it is known before it is there.

        Raises ``ValueError`` when a retry could not tell that it is there already.
        """
        given = after.get(source.anchor)
        if given is not None:
            return anchor_text(given)
        key = source.options.key
        if key is None:
            raise ValueError(
                f"a new {source.kind.name} needs its anchor: set {source.anchor!r}; where the "
                "database gives it, name in 'key' the column by which a new row is found again"
            )
        if is_missing(after.get(key)):
            raise ValueError(f"a new {source.kind.name} needs {key!r}, the 'key' of its type")
        return rows.with_key(key, after[key])

    def _update(self, change: Change, source: Source) -> Outcome | Written:
        rows = Rows(self._connection, source)
        anchor = anchor_of(change)
        before, after = as_reported(source, change.before), as_reported(source, change.after)
        check_writable(source, {**after, source.anchor: None})
        if after.get(source.anchor) is not None and anchor_text(after[source.anchor]) != anchor:
            raise ValueError(f"the anchor {source.anchor!r} of an object cannot be changed")
        locked, current = self._locked(rows, source, anchor, {*before, *after})
        outcome = settled(replace(change, before=before, after=after), current)
        if outcome is not None or locked is None or current is None:
            return self._shown(outcome or not_there(change), source, anchor)
        names = differing(after, current.attributes)
        columns = {name: after[name] for name in names if name not in source.lists}
        if columns:
            rows.update(locked, columns)
        self._change_lists(rows, source, anchor, after, current.attributes)
        return Written(source, anchor)

    def _delete(self, change: Change, source: Source) -> Outcome | Written:
        rows = Rows(self._connection, source)
        anchor = anchor_of(change)
        before = as_reported(source, change.before)
        locked, current = self._locked(rows, source, anchor, {*before})
        outcome = settled(replace(change, before=before), current)
        if outcome is not None or locked is None:
            return self._shown(outcome or Succeeded(None), source, anchor)
        rows.delete(locked)
        return Written(source, None)

    def _member(self, change: Change, source: Source) -> Outcome | Written:
        members = source.kind.members
        if members is None:
            raise ValueError(
                f"the type {source.kind.name!r} has no members; name them with 'members:'"
            )
        member = reference(change)
        if members not in source.lists:
            return self._member_of_column(change, source, members)
        rows = Rows(self._connection, source)
        anchor = anchor_of(change)
        if rows.lock(anchor, ()) is None:
            return not_there(change)
        is_wanted = change.operation is Operation.ADD_MEMBER
        if rows.holds(members, anchor, member) != is_wanted:
            changed = [member]
            rows.change_list(
                members,
                anchor,
                added=changed if is_wanted else (),
                removed=() if is_wanted else changed,
            )
        return Written(source, anchor)

    def _member_of_column(self, change: Change, source: Source, name: str) -> Outcome | Written:
        """Change a column that holds all members, as an array or as JSON."""
        current = source.object(self._connection, anchor_of(change), {name})
        outcome = settled(change, current)
        if outcome is not None or current is None:
            return self._shown(outcome or not_there(change), source, anchor_of(change))
        held = {name: current.attributes.get(name)}
        after = {name: written(change, current.attributes).get(name)}
        whole = replace(change, operation=Operation.UPDATE, before=held, after=after)
        return self._update(whole, source)

    # --- what they share -----------------------------------------------------------------------

    def _locked(
        self, rows: Rows, source: Source, anchor: str, names: set[str]
    ) -> tuple[Locked | None, SiloObject | None]:
        """Lock an object and read it."""
        locked = rows.lock(anchor, names)
        if locked is None:
            return None, None
        return locked, source.object(self._connection, anchor, names)

    def _change_lists(
        self, rows: Rows, source: Source, anchor: str, after: Attributes, current: Attributes
    ) -> None:
        for name in set(after) & set(source.lists):
            wanted, held = values_of(after[name]), values_of(current.get(name))
            rows.change_list(name, anchor, added=wanted - held, removed=held - wanted)

    def _shown(self, outcome: Outcome, source: Source, anchor: str) -> Outcome | Written:
        """Put the object into an outcome as a scan reports it."""
        match outcome:
            case Succeeded(object=None):
                return outcome
            case Succeeded(made=made):
                return Written(source, anchor, made)
            case Conflict(object=SiloObject()):
                return replace(outcome, object=source.object(self._connection, anchor))
            case _:
                return outcome
