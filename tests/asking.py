"""What tests of requests and decisions share: a database with a run that was stopped."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import insert, select

from hypersync.approvals.directory import Directory, Person
from hypersync.approvals.links import Links, Signer
from hypersync.approvals.open import open_request
from hypersync.approvals.settings import Settings
from hypersync.model.actions import ActionState, OnExpiry, Reason
from hypersync.model.ids import ActionId, RequestId, RunId, new_public_id
from hypersync.model.objects import Operation
from hypersync.model.requests import Plan, RequestDraft, RequestKind
from hypersync.model.runs import Run, RunKind, RunMode, RunState
from hypersync.ports.store.actions import Proposal, Suspension
from hypersync.store import tables
from hypersync.store.unit import Store
from tests.databases import open_store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hypersync.model.actions import Action
    from hypersync.model.requests import Request

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
KEY = b"a-key-for-tests-only"


def person(who: str, **values: object) -> Person:
    """Somebody who may approve."""
    known: dict[str, object] = {
        "id": who,
        "email": f"{who}@example.org",
        "name": f"{who.capitalize()} Ng",
        "roles": frozenset({"approver"}),
    }
    return Person(**{**known, **values})  # type: ignore[arg-type]


def settings(*people: Person, plans: Sequence[Plan] = (), **values: object) -> Settings:
    """Settings with these people; ann when nobody is given."""
    known = {each.id: each for each in people or (person("ann"),)}
    return Settings(
        directory=Directory(people=known, plans={plan.name: plan for plan in plans}),
        links=Links("https://iam.example.org"),
        signer=Signer(keys=(KEY,), environment="test/dev"),
        **values,  # type: ignore[arg-type]
    )


@dataclass(slots=True)
class Stopped:
    """A run whose rule was stopped, in a store."""

    store: Store
    settings: Settings
    run: RunId = field(default_factory=lambda: RunId(new_public_id()))

    def start(self, started_by: str | None = "schedule:sync") -> Stopped:
        """Store the run."""
        run = Run(
            id=self.run,
            kind=RunKind.FULL,
            mode=RunMode.COMMIT,
            state=RunState.DONE,
            config="r1",
            started_at=NOON,
            finished_at=NOON,
            started_by=started_by,
        )
        with self.store.begin() as unit:
            unit.runs.start(run)
        return self

    def suspend(
        self,
        count: int = 1,
        *,
        rule: str = "disable-leaver",
        now: datetime = NOON,
        span: timedelta = DAY,
        on_expiry: OnExpiry = OnExpiry.CLEAR,
        operation: Operation = Operation.DISABLE,
        vip: str | None = None,
        kind: str = "deprovision",
        first: int = 1,
        before: object = None,
        after: object = None,
        title: str = "",
        cluster: str | None = None,
    ) -> list[ActionId]:
        """Suspend actions of a rule; identities count from ``first``."""
        ids = [ActionId(new_public_id()) for _ in range(count)]
        proposals = [
            Proposal(
                id=each,
                rule=rule,
                kind=kind,
                identity=first + number,
                object_id=None,
                silo="directory",
                type="user",
                anchor=f"u{first + number}",
                slot="account",
                operation=operation,
                key=f"{rule}/{first + number}/{each}",
                target="",
                before={"active": "true"} if before is None else before,  # type: ignore[arg-type]
                after={"active": "false"} if after is None else after,  # type: ignore[arg-type]
                once={},
                title=title or f"Person {first + number}",
                fingerprint=f"print-{first + number}",
            )
            for number, each in enumerate(ids)
        ]
        why = Suspension(
            reasons=[Reason("vip" if vip else "threshold", vip or "", "too many at once")],
            on_expiry=on_expiry,
            expires_at=now + span,
            vip=vip,
            cluster=cluster,
        )
        with self.store.begin() as unit:
            unit.actions.spool(self.run, proposals, now)
            unit.actions.suspend(self.run, dict.fromkeys(ids, why), now)
        return ids

    def ask(
        self,
        ids: Sequence[ActionId],
        *,
        rule: str | None = "disable-leaver",
        now: datetime = NOON,
        **values: object,
    ) -> Request:
        """Open the request about them."""
        draft = RequestDraft(
            kind=RequestKind.VOLUME,
            sentence=f"{rule} wants to disable in directory {len(ids)} times: 5 allowed",
            count=len(ids),
            actions=list(ids),
            run=self.run,
            rule=rule,
            silo="directory",
            type="user",
            expires_at=now + DAY,
        )
        draft = replace(draft, **values)  # type: ignore[arg-type]
        with self.store.begin() as unit:
            opened = open_request(unit, draft, now, settings=self.settings)
        return self.request(opened)

    def request(self, request: RequestId) -> Request:
        """The request as it is now."""
        with self.store.snapshot() as unit:
            found = unit.requests.get(request)
        assert found is not None
        return found

    def actions(self, ids: Sequence[ActionId]) -> Sequence[Action]:
        """The actions as they are now."""
        with self.store.snapshot() as unit:
            return unit.actions.get(ids)

    def states(self, ids: Sequence[ActionId]) -> list[ActionState]:
        """The states of actions."""
        return [action.state for action in self.actions(ids)]

    def rows(self, table: str) -> list[dict[str, object]]:
        """Every row of a table."""
        with self.store.engine.connect() as connection:
            found = connection.execute(select(tables.metadata.tables[table])).mappings()
            return [dict(row) for row in found]

    def events(self, kind: str) -> list[dict[str, object]]:
        """The data of the events of a kind, oldest first."""
        return [row["data"] or {} for row in self.rows("event") if row["kind"] == kind]  # type: ignore[misc]

    def write(self, table: str, **values: object) -> None:
        """Insert a row."""
        with self.store.engine.begin() as connection:
            connection.execute(insert(tables.metadata.tables[table]).values(**values))


def stopped(
    place: Path | str, *people: Person, started_by: str | None = "schedule:sync", **values: object
) -> Stopped:
    """A store with a stopped run and these settings."""
    return Stopped(open_store(place), settings(*people, **values)).start(started_by)  # type: ignore[arg-type]
