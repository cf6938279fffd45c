"""The store port: one unit of work, and the subjects it reaches.

A unit of work is one transaction. `Store.begin` opens one that may write; `Store.snapshot` one
that sees a single moment and writes nothing. Leaving the ``with`` block commits, an exception rolls
everything back. With a fence, the transaction first checks that the lease is still held.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from hypersync.ports.store.accounts import Accounts, Sessions
from hypersync.ports.store.actions import Actions
from hypersync.ports.store.deliveries import Deliveries
from hypersync.ports.store.events import Events
from hypersync.ports.store.identities import Identities
from hypersync.ports.store.leases import Fence, Leases
from hypersync.ports.store.ledger import Ledger
from hypersync.ports.store.listing import Listing
from hypersync.ports.store.marks import Marks
from hypersync.ports.store.objects import Objects
from hypersync.ports.store.past import Past
from hypersync.ports.store.portraits import Portraits
from hypersync.ports.store.publications import Publications
from hypersync.ports.store.requests import Requests
from hypersync.ports.store.runs import Runs
from hypersync.ports.store.scans import Scans
from hypersync.ports.store.schedules import Schedules
from hypersync.ports.store.search import Search
from hypersync.ports.store.silos import Silos
from hypersync.ports.store.tokens import Calls, Tokens
from hypersync.ports.store.unlocks import Unlocks
from hypersync.ports.store.waiting import Waiting


class UnitOfWork(Protocol):
    """One transaction and what can be done in it."""

    @property
    def leases(self) -> Leases:
        """Who may do what only one may do at a time."""

    @property
    def events(self) -> Events:
        """The audit trail."""

    @property
    def scans(self) -> Scans:
        """Scans, their staged changes, cursors and populations."""

    @property
    def objects(self) -> Objects:
        """Objects, their history and references."""

    @property
    def portraits(self) -> Portraits:
        """What people ask about one object."""

    @property
    def search(self) -> Search:
        """Finds identities."""

    @property
    def identities(self) -> Identities:
        """Identities, their keys, and which are pending."""

    @property
    def runs(self) -> Runs:
        """Runs, their reports and errors."""

    @property
    def ledger(self) -> Ledger:
        """What runs did, a page at a time."""

    @property
    def past(self) -> Past:
        """What happened, in order."""

    @property
    def actions(self) -> Actions:
        """Actions and their states."""

    @property
    def marks(self) -> Marks:
        """Execution marks, holds, quotas and reservations."""

    @property
    def requests(self) -> Requests:
        """Requests and decisions."""

    @property
    def waiting(self) -> Waiting:
        """What waits for a decision."""

    @property
    def deliveries(self) -> Deliveries:
        """The outbox and the tokens of its links."""

    @property
    def schedules(self) -> Schedules:
        """Which schedule ran when."""

    @property
    def silos(self) -> Silos:
        """Silos that are paused."""

    @property
    def unlocks(self) -> Unlocks:
        """Unlock keys."""

    @property
    def publications(self) -> Publications:
        """What rules said, and who changed it."""

    @property
    def accounts(self) -> Accounts:
        """Accounts with passwords."""

    @property
    def sessions(self) -> Sessions:
        """Who is signed in."""

    @property
    def listing(self) -> Listing:
        """Requests and actions, a page at a time."""

    @property
    def tokens(self) -> Tokens:
        """Tokens of the API."""

    @property
    def calls(self) -> Calls:
        """Calls of the API that may be sent again."""


class Store(Protocol):
    """Where everything is kept."""

    def begin(self, fence: Fence | None = None) -> AbstractContextManager[UnitOfWork]:
        """Open a transaction that may write; raises `FenceLost` when the lease went to another."""

    def snapshot(self) -> AbstractContextManager[UnitOfWork]:
        """Open a transaction that sees one moment and writes nothing."""
