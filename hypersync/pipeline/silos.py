"""The silos as carrying out needs them, and a session to one of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from hypersync.model.actions import Action
from hypersync.model.objects import (
    Attributes,
    Change,
    Member,
    ObjectType,
    Operation,
    Outcome,
)
from hypersync.pipeline.join import Joins
from hypersync.pipeline.passwords import with_passwords
from hypersync.ports.connector import Connector, Session, is_lost
from hypersync.ports.store import UnitOfWork
from hypersync.ports.vault import Vault


class EventSink(Protocol):
    """Where the effects of event rules go."""

    def fire(self, action: Action) -> Outcome:
        """Carry out one event; never raises for what the other side does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Silos:
    """The silos as execution needs them: connectors, object types by (silo, type), joins.

    ``read_only`` are those that the configuration does not let anybody write, ``parallel`` says
    over how many sessions at once one is written (1 when it says nothing), ``vaults`` where the
    initial passwords of one go.
    """

    connectors: Mapping[str, Connector]
    types: Mapping[tuple[str, str], ObjectType]
    slots: Mapping[str, tuple[str, str]]
    joins: Joins
    events: EventSink
    settle: Mapping[str, timedelta] = field(default_factory=dict)
    read_only: frozenset[str] = frozenset()
    parallel: Mapping[str, int] = field(default_factory=dict)
    vaults: Mapping[str, Vault] = field(default_factory=dict)


class Reach:
    """Reaches one silo over one session, which is opened when it is needed first."""

    def __init__(self, silos: Silos, silo: str, stack: ExitStack) -> None:
        self._silos = silos
        self._silo = silo
        self._stack = stack
        self._session: Session | None = None

    @property
    def is_open(self) -> bool:
        """Tell whether there is a session that did not break off."""
        return self._session is not None and not is_lost(self._session)

    def opened(self) -> Session:
        """Return the session, or another one when it broke off.

        Raises `SiloError` when the silo cannot be opened.
        """
        if self._session is None or is_lost(self._session):
            self._session = None  # which it stays when there is no other
            connector = self._silos.connectors[self._silo]
            self._session = self._stack.enter_context(connector.open())
        return self._session

    def broke_off(self) -> None:
        """Forget the session: the next call opens another."""
        self._session = None

    def change(self, unit: UnitOfWork, action: Action, clock: Callable[[], datetime]) -> Change:
        """Return what the connector is asked to do now, passwords and members filled in."""
        before, after = action.before, action.after
        if action.operation is Operation.CREATE and after is not None:
            after = with_passwords({**after, **action.once})
        member = None
        if action.operation in (Operation.ADD_MEMBER, Operation.REMOVE_MEMBER):
            member = self._member(action)
            before, after = (self._refer(unit, action, side) for side in (before, after))
        return Change(
            key=action.id,
            operation=action.operation,
            type=self._silos.types[action.silo, action.type],
            anchor=action.anchor,
            before=before,
            after=after,
            member=member,
            fresh_for=self._fresh_for(unit, action, clock),
        )

    def _fresh_for(
        self, unit: UnitOfWork, action: Action, clock: Callable[[], datetime]
    ) -> timedelta:
        """Return for how long a server may not know the object as it was left last.

        A time that is still to come was written before the clock was set back, and says nothing.
        """
        settle = self._silos.settle.get(action.silo)
        if not settle or action.anchor is None:
            return timedelta(0)
        stored = unit.objects.get(action.silo, action.type, action.anchor)
        now = clock()  # after what is stored was read, which may be younger than the action
        if stored is None or stored.changed_at > now:
            return timedelta(0)
        return max(stored.changed_at + settle - now, timedelta(0))

    def _member(self, action: Action) -> Member | None:
        """Return the member by its anchor, which stays its own whatever happens to its DN."""
        side = action.after or action.before
        if side is None:
            return None
        return Member(self._silos.types[self._silos.slots[action.slot]], str(side["member"]))

    def _refer(
        self, unit: UnitOfWork, action: Action, side: Attributes | None
    ) -> Attributes | None:
        """Turn the member's anchor into what the silo stores: its DN where it has one."""
        if side is None:
            return None
        silo, kind = self._silos.slots[action.slot]
        anchor = str(side["member"])
        member = unit.objects.get(silo, kind, anchor)
        dn = None if member is None else member.attributes.get("dn")
        return {"member": anchor if dn is None else dn}
