"""How a company of `tests.kill_world` ended: every fact on a line of text, by subject.

Ids are replaced by what they stand for, and times are left out: a run that was killed is followed
by another one, minutes later. The runs themselves are left out too, a killed one is one more. What
else may end differently says `is_allowed`, with the reason, and nothing else may.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from hypersync.model.actions import ActionState
from hypersync.ports.store.deliveries import DeliveryState
from hypersync.store import tables
from hypersync.store.engine import open_engine
from tests.kill_world import JournalSilo, lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from sqlalchemy import Table
    from sqlalchemy.engine import Connection

    from tests.kill_world import Company


@dataclass(frozen=True, slots=True)
class Doubt:
    """What a killed process was in the middle of, and the outside world cannot be asked about.

    ``events`` are (rule, whom, whether it may be repeated), ``mails`` message ids.
    """

    events: frozenset[tuple[str, str, bool]] = frozenset()
    mails: frozenset[str] = frozenset()


def is_allowed(subject: str, sign: str, line: str, doubt: Doubt) -> bool:
    """Tell whether something may be missing (``-``) or be there besides (``+``), and why.

    A mail that was being sent is sent once more, under the same Message-ID: no mail server tells
    whether it took the first. An event that was being fired is fired once more where its rule says
    ``repeatable``. Where it does not, it is never repeated: it may not have been fired at all, and
    the action says so and does not succeed by itself.
    """
    if subject == "mailed again":
        return sign == "+" and json.loads(line) in doubt.mails
    for rule, whom, is_repeatable in doubt.events:
        named = json.dumps(rule) in line
        if subject == "fired" and named and json.dumps(whom) in line:
            return sign == ("+" if is_repeatable else "-")
        if is_repeatable or not named:
            continue
        if subject == "action":
            return json.dumps(whom) in line
        if subject in ("event", "request", "delivery"):
            return sign == "+"
    return False


def doubt_of(company: Company) -> Doubt:
    """Return what was under way when a process ended."""
    engine = open_engine(company.database)
    action, delivery = tables.action, tables.delivery
    firing = select(action.c.rule, action.c.title, action.c.after).where(
        action.c.state == ActionState.EXECUTING, action.c.silo == ""
    )
    sending = select(delivery.c.message_id).where(delivery.c.state == DeliveryState.SENDING.value)
    with engine.connect() as connection:
        doubt = Doubt(
            events=frozenset(
                (rule, whom, bool(after["repeatable"]))
                for rule, whom, after in connection.execute(firing)
            ),
            mails=frozenset(connection.execute(sending).scalars()),
        )
    engine.dispose()
    return doubt


def end_state(company: Company) -> dict[str, list[str]]:
    """Return everything that is to be the same, whatever happened on the way."""
    data = company.folder / "data"
    engine = open_engine(company.database)
    with engine.connect() as connection:
        stored = {name: sorted(_lines(rows)) for name, rows in _stored(connection).items()}
    engine.dispose()
    silo = JournalSilo(data / "dir.jsonl", lambda _: None)
    return {
        "users.csv": sorted(lines(data / "users.csv")),
        "directory": sorted(_lines(silo.objects().items())),
        "writes": sorted(lines(data / "dir.jsonl")),
        "fired": sorted(lines(data / "fired.jsonl")),
        "mailed again": _again(json.loads(line)[0] for line in lines(data / "mails.jsonl")),
        **stored,
    }


def _again(names: Iterator[str]) -> list[str]:
    return sorted(
        json.dumps(name) for name, count in Counter(names).items() for _ in range(count - 1)
    )


def _lines(rows: Iterable[Any]) -> Iterator[str]:
    for row in rows:
        yield json.dumps(row, sort_keys=True, default=str)


def rows_of(connection: Connection, table: Table) -> list[str]:
    """Return all rows of a table as text, in order."""
    return sorted(_lines(tuple(row) for row in connection.execute(select(table))))


def _stored(connection: Connection) -> dict[str, Any]:
    rows = {
        table.name: [row._mapping for row in connection.execute(select(table))]
        for table in tables.metadata.sorted_tables
    }
    kinds = {row["id"]: f"{row['silo']}/{row['type']}" for row in rows["silo_type"]}
    objects = {row["id"]: f"{kinds[row['silo_type']]}/{row['anchor']}" for row in rows["object"]}
    people: dict[int, str] = {}
    for row in rows["object"]:
        name = objects[row["id"]]
        known = people.get(row["identity"], name)
        people[row["identity"]] = max(known, name)
    names = _Names(people, objects, rows)
    subjects: Mapping[str, Callable[[Any], Any]] = {
        "action": names.action,
        "request": names.request,
        "decision": names.decision,
        "execution_mark": names.mark,
        "hold": lambda row: _some(row, "rule", "fingerprint", "until", "times", "by"),
        "undo_hold": lambda row: _some(row, "rule", "target", "operation", "after", "until"),
        "quota": lambda row: _some(row, "context", "used"),
        "reservation": lambda row: [
            *_some(row, "namespace", "value", "rule"),
            people[row["identity"]],
        ],
        "pending_identity": lambda row: [people[row["identity"]], row["run"] is None],
        "identity": lambda row: [people.get(row["id"]), row["key"], sorted(row["vip"] or {})],
        "object": names.object,
        "reference": lambda row: [objects[row["object"]], row["attribute"], row["target"]],
        "delivery": names.delivery,
        "silo_type": lambda row: _some(row, "silo", "type", "live", "scope", "loaded", "loading"),
        "stream": lambda row: _some(row, "silo", "name", "cursor"),
        "lease": lambda row: _some(row, "name", "holder"),
    }
    found: dict[str, Any] = {
        name: [write(row) for row in rows[name]] for name, write in subjects.items()
    }
    found["object_change"] = _changes(rows["object_change"], objects)
    found["unfinished runs"] = [
        _some(row, "kind", "mode", "state")
        for row in rows["run"]
        if row["state"].value in ("planning", "executing")
    ]
    found["unfinished scans"] = [
        _some(row, "silo", "state")
        for row in rows["scan"]
        if row["state"] in ("running", "applying")
    ]
    found["event"] = [
        _some(row, "kind", "rule", "silo", "by")
        for row in rows["event"]
        if not row["kind"].startswith(("run_", "scan_"))
    ]
    return found


def _changes(rows: list[Any], objects: Mapping[int, str]) -> list[Any]:
    """Return what changed in each object, all in all.

    A scan that comes between two writes and their outcomes finds both as one change.
    """
    found: dict[str, tuple[dict[str, Any], dict[str, Any], list[Any]]] = {}
    for row in sorted(rows, key=lambda each: int(each["id"])):
        known = found.setdefault(objects[row["object"]], ({}, {}, [row["absence_before"], None]))
        known[0].update(
            {name: value for name, value in row["before"].items() if name not in known[0]}
        )
        known[1].update(row["after"])
        known[2][1] = row["absence_after"]
    return [[name, *change] for name, change in found.items()]


def _some(row: Mapping[str, Any], *names: str) -> list[Any]:
    return [getattr(row[name], "value", row[name]) for name in names]


class _Names:
    """Writes rows without ids and times."""

    def __init__(
        self, people: Mapping[int, str], objects: Mapping[int, str], rows: Mapping[str, list[Any]]
    ) -> None:
        self._people = people
        self._objects = objects
        self._requests = {row["id"]: row for row in rows["request"]}
        self._actions = {row["id"]: row for row in rows["action"]}

    def action(self, row: Mapping[str, Any]) -> list[Any]:
        columns = ("rule", "kind", "silo", "type", "anchor", "slot", "operation", "target", "state")
        more = ("before", "after", "once", "title", "reasons", "vip", "on_expiry", "replacements")
        decided = ("decided_by", "let_through", "error")
        return [
            self._people[row["identity"]],
            *_some(row, *columns, *more, *decided),
            row["released_by"] is not None,
            self._about(row["request"]),
        ]

    def request(self, row: Mapping[str, Any]) -> list[Any]:
        columns = ("kind", "state", "rule", "vip", "silo", "type", "sentence", "cause", "count")
        more = ("nth", "plan", "approvers", "step", "rounds", "notifying", "on_expiry", "counts")
        return _some(row, *columns, *more, "detail")

    def decision(self, row: Mapping[str, Any]) -> list[Any]:
        action = self._actions[row["action"]]
        about = [action["rule"], self._people[action["identity"]]]
        return [*about, *_some(row, "answer", "by", "at", "proof", "comment")]

    def mark(self, row: Mapping[str, Any]) -> list[Any]:
        started = row["last_start"] is not None
        return [self._people[row["identity"]], *_some(row, "rule", "target", "held"), started]

    def object(self, row: Mapping[str, Any]) -> list[Any]:
        columns = ("slot", "key", "reference", "attributes", "absence", "misses")
        return [self._objects[row["id"]], self._people[row["identity"]], *_some(row, *columns)]

    def delivery(self, row: Mapping[str, Any]) -> list[Any]:
        columns = ("step", "round", "kind", "channel", "address", "person", "state")
        return [self._about(row["request"]), *_some(row, *columns)]

    def _about(self, request: str | None) -> list[Any] | None:
        return None if request is None else _some(self._requests[request], "rule", "vip", "nth")
