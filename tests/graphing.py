"""The connector for Microsoft Graph on the local service, for tests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from hypersync.connectors.msgraph.connector import MsgraphConnector
from hypersync.connectors.msgraph.options import MsgraphOptions
from hypersync.connectors.settings import SiloSettings, object_types
from hypersync.model.mistake import Mistake
from hypersync.model.objects import (
    Attributes,
    Batch,
    Change,
    Changed,
    Complete,
    Conflict,
    ObjectType,
    Operation,
    Outcome,
    Scalar,
    ScanEvent,
    Schema,
    Seen,
    SiloObject,
    Succeeded,
    Value,
)
from hypersync.ports.connector import Connector, Session

if TYPE_CHECKING:
    from tests.services.graph.service import GraphService

USER = ["displayName", "jobTitle", "department", "employeeType", "userPrincipalName"]
TYPES = {
    "user": {"resource": "users", "attributes": USER},
    "group": {"resource": "groups", "attributes": ["displayName"]},
}
PASSWORD = "xWwvJ]6NMw+bWH-d"  # noqa: S105 - of users that live for a moment


def connect(
    graph: GraphService | str,
    *,
    write: bool = True,
    timeout: float = 20,
    types: object = None,
    needed: Mapping[str, Iterable[str]] | None = None,
    sign_in: object = None,
    **options: object,
) -> MsgraphConnector:
    """Return a connector; with the service itself given, nobody has to sign in."""
    if isinstance(graph, str):
        url = graph
    else:
        url = graph.url
        graph.tenant.sign_in.required = sign_in is not None
    given = {"url": url, "types": types or TYPES, "patience": "2s", **options}
    if sign_in is not None:
        given["sign_in"] = sign_in
    found = MsgraphOptions.model_validate(given)
    settings = SiloSettings(
        silo="entra",
        options=found,
        types=object_types("entra", found, {k: list(v) for k, v in (needed or {}).items()}),
        write=write,
        timeout=timedelta(seconds=timeout),
    )
    return MsgraphConnector(settings)


def kinds(connector: MsgraphConnector) -> dict[str, ObjectType]:
    return {kind.name: kind for stream in connector.streams() for kind in stream}


def scan(
    connector: MsgraphConnector, kind: str = "user", cursor: str | None = None
) -> list[ScanEvent]:
    with connector.open() as session:
        stream = session.scan([kinds(connector)[kind]], cursor)
        return [event for batch in stream for event in batch]


def cursor_of(events: Sequence[ScanEvent]) -> str:
    end = events[-1]
    assert isinstance(end, Complete)
    assert end.cursor is not None
    return end.cursor


def change(
    connector: MsgraphConnector,
    operation: Operation,
    anchor: str | None,
    before: Attributes | None,
    after: Attributes | None,
    *,
    kind: str = "user",
) -> Change:
    return Change(
        key=f"{operation.value}-{anchor}",
        operation=operation,
        type=kinds(connector)[kind],
        anchor=anchor,
        before=before,
        after=after,
    )


def apply(connector: MsgraphConnector, *changes: Change) -> list[Outcome]:
    with connector.open() as session:
        return list(session.apply(changes))


# --- other names ---------------------------------------------------------------------------------


class Renamed:
    """A connector whose attributes and members have other names: those of the contract.

    ``names`` maps ours to those of the connector, ``members`` ours to real ids.
    """

    def __init__(
        self, connector: Connector, names: Mapping[str, str], members: Mapping[str, str]
    ) -> None:
        self.inner = connector
        self.options = connector.options
        self.can_write = connector.can_write
        self.there = dict(names)
        self.back = {theirs: ours for ours, theirs in names.items()}
        self.ids = dict(members)
        self.named = {id_: name for name, id_ in members.items()}

    def streams(self) -> Sequence[Sequence[ObjectType]]:
        return [[self._ours(kind) for kind in stream] for stream in self.inner.streams()]

    def _ours(self, kind: ObjectType) -> ObjectType:
        names = frozenset(self.back.get(each, each) for each in kind.attributes)
        members = None if kind.members is None else self.back.get(kind.members, kind.members)
        return replace(kind, attributes=names, members=members)

    def kind(self, kind: ObjectType) -> ObjectType:
        names = frozenset(self.there.get(each, each) for each in kind.attributes)
        members = None if kind.members is None else self.there.get(kind.members, kind.members)
        return replace(kind, attributes=names, members=members)

    @contextmanager
    def open(self) -> Iterator[RenamedSession]:
        with self.inner.open() as session:
            yield RenamedSession(self, session)

    def asked(self, attributes: Attributes | None) -> dict[str, Value] | None:
        if attributes is None:
            return None
        return {self.there.get(n, n): self._id(v) for n, v in attributes.items()}

    def given(self, attributes: Attributes) -> dict[str, Value]:
        return {self.back.get(n, n): self._name(v) for n, v in attributes.items()}

    def lists(self, values: Mapping[str, tuple[Scalar, ...]]) -> dict[str, tuple[Scalar, ...]]:
        return {
            self.back.get(n, n): tuple(sorted(self.named.get(str(v), str(v)) for v in each))
            for n, each in values.items()
        }

    def _id(self, value: Value) -> Value:
        return tuple(self.ids.get(str(v), v) for v in value) if isinstance(value, tuple) else value

    def _name(self, value: Value) -> Value:
        if not isinstance(value, tuple):
            return value
        return tuple(sorted(self.named.get(str(v), str(v)) for v in value))


class RenamedSession:
    def __init__(self, names: Renamed, session: Session) -> None:
        self.names, self.session = names, session

    def schema(self) -> Schema:
        return Schema(
            {
                kind: None
                if found is None
                else {self.names.back.get(n, n): a for n, a in found.items()}
                for kind, found in self.session.schema().types.items()
            }
        )

    def scope(self, types: Sequence[ObjectType]) -> str:
        return self.session.scope([self.names.kind(each) for each in types])

    def scan(self, types: Sequence[ObjectType], cursor: str | None) -> Iterator[Batch]:
        for batch in self.session.scan([self.names.kind(each) for each in types], cursor):
            yield [self._event(event) for event in batch]

    def _event(self, event: ScanEvent) -> ScanEvent:
        match event:
            case Seen(kind, anchor, attributes):
                return Seen(kind, anchor, self.names.given(attributes))
            case Changed():
                return self._changed(event)
            case _:
                return event

    def _changed(self, event: Changed) -> Changed:
        names = self.names
        return replace(
            event,
            set=names.given(event.set),
            cleared=tuple(names.back.get(each, each) for each in event.cleared),
            added=names.lists(event.added),
            removed=names.lists(event.removed),
        )

    def read(self, object_type: ObjectType, anchor: str) -> SiloObject | None:
        return self._object(self.session.read(self.names.kind(object_type), anchor))

    def _object(self, found: SiloObject | None) -> SiloObject | None:
        if found is None:
            return None
        return replace(found, attributes=self.names.given(found.attributes))

    def apply(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        return [
            self._outcome(each) for each in self.session.apply([self._change(c) for c in changes])
        ]

    def _change(self, change: Change) -> Change:
        kind = self.names.kind(change.type)
        if change.operation in (Operation.ADD_MEMBER, Operation.REMOVE_MEMBER):
            return replace(change, type=kind)
        before, after = self.names.asked(change.before), self.names.asked(change.after)
        return replace(change, type=kind, before=before, after=after)

    def _outcome(self, outcome: Outcome) -> Outcome:
        match outcome:
            case Succeeded(found) | Conflict(object=found):
                why = outcome.why if isinstance(outcome, Conflict) else ""
                for theirs, ours in self.names.back.items():
                    why = why.replace(theirs, ours)
                named = self._object(found)
                is_conflict = isinstance(outcome, Conflict)
                return Conflict(why, named) if is_conflict else replace(outcome, object=named)
            case _:
                return outcome

    def check(self) -> Sequence[Mistake]:
        return self.session.check()
