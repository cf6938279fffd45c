"""The unit of work: one transaction, and the subjects that work in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property

from sqlalchemy import Engine
from sqlalchemy.engine import Connection

from hypersync.ports.store.leases import Fence
from hypersync.store.accounts import Accounts, Sessions
from hypersync.store.actions import Actions
from hypersync.store.deliveries import Deliveries
from hypersync.store.engine import WRITE, refusals
from hypersync.store.events import Events
from hypersync.store.identities import Identities
from hypersync.store.leases import Leases
from hypersync.store.ledger import Ledger
from hypersync.store.listing import Listing
from hypersync.store.marks import Marks
from hypersync.store.objects import Objects
from hypersync.store.past import Past
from hypersync.store.portraits import Portraits
from hypersync.store.publications import Publications
from hypersync.store.requests import Requests
from hypersync.store.runs import Runs
from hypersync.store.scans import Scans
from hypersync.store.schedules import Schedules
from hypersync.store.search import Search
from hypersync.store.silos import Silos
from hypersync.store.tokens import Calls, Tokens
from hypersync.store.unlocks import Unlocks
from hypersync.store.waiting import Waiting


class UnitOfWork:
    """One transaction and what can be done in it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @cached_property
    def leases(self) -> Leases:
        """Who may do what only one may do at a time."""
        return Leases(self._connection)

    @cached_property
    def events(self) -> Events:
        """The audit trail."""
        return Events(self._connection)

    @cached_property
    def scans(self) -> Scans:
        """Scans, their staged changes, cursors and populations."""
        return Scans(self._connection)

    @cached_property
    def objects(self) -> Objects:
        """Objects, their history and references."""
        return Objects(self._connection)

    @cached_property
    def portraits(self) -> Portraits:
        """What people ask about one object."""
        return Portraits(self._connection)

    @cached_property
    def search(self) -> Search:
        """Finds identities."""
        return Search(self._connection)

    @cached_property
    def identities(self) -> Identities:
        """Identities, their keys, and which are pending."""
        return Identities(self._connection)

    @cached_property
    def runs(self) -> Runs:
        """Runs, their reports and errors."""
        return Runs(self._connection)

    @cached_property
    def ledger(self) -> Ledger:
        """What runs did, a page at a time."""
        return Ledger(self._connection)

    @cached_property
    def past(self) -> Past:
        """What happened, in order."""
        return Past(self._connection)

    @cached_property
    def actions(self) -> Actions:
        """Actions and their states."""
        return Actions(self._connection)

    @cached_property
    def marks(self) -> Marks:
        """Execution marks, holds, quotas and reservations."""
        return Marks(self._connection)

    @cached_property
    def requests(self) -> Requests:
        """Requests and decisions."""
        return Requests(self._connection)

    @cached_property
    def waiting(self) -> Waiting:
        """What waits for a decision."""
        return Waiting(self._connection)

    @cached_property
    def deliveries(self) -> Deliveries:
        """The outbox and the tokens of its links."""
        return Deliveries(self._connection)

    @cached_property
    def schedules(self) -> Schedules:
        """Which schedule ran when."""
        return Schedules(self._connection)

    @cached_property
    def silos(self) -> Silos:
        """Silos that are paused."""
        return Silos(self._connection)

    @cached_property
    def unlocks(self) -> Unlocks:
        """Unlock keys."""
        return Unlocks(self._connection)

    @cached_property
    def publications(self) -> Publications:
        """What rules said, and who changed it."""
        return Publications(self._connection)

    @cached_property
    def accounts(self) -> Accounts:
        """Accounts with passwords."""
        return Accounts(self._connection)

    @cached_property
    def sessions(self) -> Sessions:
        """Who is signed in."""
        return Sessions(self._connection)

    @cached_property
    def listing(self) -> Listing:
        """Requests and actions, a page at a time."""
        return Listing(self._connection)

    @cached_property
    def tokens(self) -> Tokens:
        """Tokens of the API."""
        return Tokens(self._connection)

    @cached_property
    def calls(self) -> Calls:
        """Calls of the API that may be sent again."""
        return Calls(self._connection)


class Store:
    """The database behind one engine."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    @contextmanager
    def begin(self, fence: Fence | None = None) -> Iterator[UnitOfWork]:
        """Open a transaction that may write; raises `FenceLost` when the lease went to another."""
        with self._transaction(write=True) as unit:
            if fence is not None:
                unit.leases.check(fence)
            yield unit

    @contextmanager
    def snapshot(self) -> Iterator[UnitOfWork]:
        """Open a transaction that sees one moment and writes nothing."""
        with self._transaction(write=False) as unit:
            yield unit

    @contextmanager
    def _transaction(self, *, write: bool) -> Iterator[UnitOfWork]:
        with refusals(self.engine), self.engine.connect() as connection:
            options = connection.execution_options(**{WRITE: write})
            if not write and self.engine.dialect.name != "sqlite":
                options = connection.execution_options(
                    isolation_level="REPEATABLE READ", postgresql_readonly=True
                )
            with options.begin():
                yield UnitOfWork(options)
