"""What a connector's tests give to the contract: one silo, and hands to play somebody else."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from hypersync.model.objects import (
    Anchors,
    Attributes,
    Change,
    Changed,
    Deleted,
    ObjectType,
    Operation,
    Outcome,
    ScanEvent,
    Seen,
    Succeeded,
    Value,
)
from hypersync.ports.connector import Connector


class Hands(Protocol):
    """Somebody else who changes the silo behind the connector's back, also while a scan reads."""

    def anchor(self, name: str) -> str:
        """Return the anchor of a user or group by its short name."""

    def set(self, name: str, attribute: str, value: str) -> None:
        """Set title, departmentNumber, employeeType or telephoneNumber of a user."""

    def delete(self, name: str) -> None:
        """Delete a user."""


@dataclass(frozen=True, kw_only=True)
class Fragile:
    """A way to the silo that can be cut.

    ``cut`` makes the silo go away for ``connector``, in the middle of whatever it does. A scan of
    ``connector`` takes at least three answers of the silo, and is told in as many batches (pages of
    one object will do; where their size is fixed, somebody else adds enough objects before).
    """

    connector: Connector
    cut: Callable[[], None]


@dataclass(frozen=True, kw_only=True)
class Bench:
    """One silo under test.

    ``moved`` is the DN that ann can be moved to; without one, moves are refused.
    ``read_only_attribute`` is one that nobody may write; without one, the schema names none.
    ``wrong_password`` signs in with one; without it, the options of the connector take no secret.
    ``fragile`` gives a way to the silo that can be cut; whoever leaves it finds the silo whole.
    ``duplicate`` makes somebody else give two users one anchor, and returns it.

    ``lacks`` says why something is not given that cannot be shown to be lacking: by
    ``wrong_password``, ``truncated_stream``, ``server_gone`` (both want ``fragile``) or
    ``duplicate_anchors`` a sentence each.
    """

    connector: Connector
    read_only_connector: Connector
    hands: Hands
    user: ObjectType
    group: ObjectType
    new_user: Mapping[str, Value]
    moved: str | None = None
    has_deltas: bool = False
    read_only_attribute: str | None = None
    wrong_password: Connector | None = None
    fragile: Callable[[], AbstractContextManager[Fragile]] | None = None
    duplicate: Callable[[], str] | None = None
    lacks: Mapping[str, str] = field(default_factory=dict)
    many_members: int = 100_000
    references: Mapping[str, str] = field(default_factory=dict)

    def reference(self, name: str) -> str:
        """Return what a group stores for a member."""
        return self.references.get(name) or self.hands.anchor(name)

    def change(
        self,
        operation: Operation,
        name: str | None,
        before: Attributes | None,
        after: Attributes | None,
        *,
        of_group: bool = False,
    ) -> Change:
        return Change(
            key=f"{operation.value}-{name}",
            operation=operation,
            type=self.group if of_group else self.user,
            anchor=None if name is None else self.hands.anchor(name),
            before=before,
            after=after,
        )

    def update(self, name: str, before: Attributes, after: Attributes) -> Change:
        return self.change(Operation.UPDATE, name, before, after)

    def member(self, operation: Operation, name: str) -> Change:
        held = {"member": self.reference(name)}
        is_added = operation is Operation.ADD_MEMBER
        before, after = (None, held) if is_added else (held, None)
        return self.change(operation, "staff", before, after, of_group=True)

    def apply(self, change: Change) -> Outcome:
        with self.connector.open() as session:
            (outcome,) = session.apply([change])
        return outcome

    def read(self, name: str, kind: ObjectType | None = None) -> Attributes:
        with self.connector.open() as session:
            found = session.read(kind or self.user, self.hands.anchor(name))
        assert found is not None
        return found.attributes

    def scan(self, kind: ObjectType, cursor: str | None = None) -> list[ScanEvent]:
        with self.connector.open() as session:
            stream = session.scan(self.stream_of(kind), cursor)
            return [event for batch in stream for event in batch]

    def stream_of(self, kind: ObjectType) -> Sequence[ObjectType]:
        """Return the types that are scanned together with one."""
        return next(stream for stream in self.connector.streams() if kind in stream)


def seen(events: Sequence[ScanEvent], kind: ObjectType) -> dict[str, Attributes]:
    return {
        event.anchor: event.attributes
        for event in events
        if isinstance(event, Seen) and event.type == kind.name
    }


def told(events: Sequence[ScanEvent], anchor: str) -> Attributes:
    """Return what a delta tells of an object: all of it, or what changed."""
    found: dict[str, Value] = {}
    for event in events:
        if isinstance(event, Seen) and event.anchor == anchor:
            found = dict(event.attributes)
        elif isinstance(event, Changed) and event.anchor == anchor:
            found.update(event.set)
    return found


def succeeded(outcome: Outcome) -> Attributes:
    assert isinstance(outcome, Succeeded), outcome
    assert outcome.object is not None
    return outcome.object.attributes


def is_reported_gone(events: Sequence[ScanEvent], anchor: str) -> bool:
    """Tell whether a delta says, by tombstone or by the list of anchors, that the object went."""
    if any(isinstance(e, Deleted) and e.anchor == anchor for e in events):
        return True
    lists = [e.anchors for e in events if isinstance(e, Anchors)]
    return bool(lists) and not any(anchor in each for each in lists)
