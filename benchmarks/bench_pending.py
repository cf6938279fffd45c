"""W1: the report of a request of 5 000 actions, and approving all of it.

All of it goes through the pages, signed in, as an approver does it: parsing, the store, the
template, the whole answer. It is measured in seconds of this process's processor, because other
programs share the machine. The figures are set against what was promised (0.3 s for the first page,
500 kB, 1 s for the answer) and against the same with ten times the history, which may at most
double them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any

from sqlalchemy import BigInteger, Table
from werkzeug.test import TestResponse

from benchmarks.company import NOW, make
from hypersync.approvals.directory import Directory, Person
from hypersync.approvals.open import open_request
from hypersync.config.sign_in_models import SignInConfig
from hypersync.model.actions import OnExpiry, Reason
from hypersync.model.ids import ActionId, IdentityId, RequestId, RunId, new_public_id
from hypersync.model.objects import Operation
from hypersync.model.requests import Answer, RequestDraft, RequestKind, RequestState
from hypersync.model.runs import Run, RunKind, RunMode, RunState
from hypersync.pipeline.guard import number
from hypersync.ports.store.actions import Proposal, Suspension
from hypersync.ports.store.requests import Vote
from hypersync.store import tables
from webui import create_app

COUNT = 5_000
HISTORY = 20_000
PAGE = 0.3
BYTES = 500_000
ANSWER = 1.0
HEADER = "X-Remote-User"

_BY_ACTION = ((tables.action, COUNT), (tables.decision, COUNT))
_IDS = ("id", "key", "request", "action")


def run() -> list[dict[str, Any]]:
    """Measure each with the history of a small site, and with ten times as much."""
    with TemporaryDirectory() as folder:
        few = _Site(Path(folder) / "few", HISTORY)
        many = _Site(Path(folder) / "many", 10 * HISTORY)
        page, page_later = few.first_page(), many.first_page()
        size = few.size()
        answer, answer_later = few.approve_all(), many.approve_all()
        few.close()
        many.close()
    what = f"{number(COUNT)} pending actions"
    return [
        _row(f"W1 report of {what}, first page", page, PAGE, "s"),
        _row(f"W1 report of {what}, bytes", size, BYTES, "B"),
        _row(f"W1 approve all of {what}", answer, ANSWER, "s"),
        _row("W1 first page, ten times the history", page_later, page, "s", 2),
        _row("W1 approve all, ten times the history", answer_later, answer, "s", 2),
    ]


def _row(case: str, figure: float, floor: float, unit: str, target: float = 1) -> dict[str, Any]:
    return {
        "case": case,
        "figure": round(figure, 4),
        "floor": round(floor, 4),
        "ratio": round(figure / floor, 2),
        "target": target,
        "unit": unit,
    }


@dataclass(frozen=True, slots=True)
class _Now:
    """A clock that stands still."""

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0


class _Site:
    """The pages over a store in which people decided for a long time, and requests wait."""

    def __init__(self, folder: Path, history: int) -> None:
        folder.mkdir()
        app = make(folder, 100)
        ann = Person(
            id="ann", email="ann@example.org", name="Ann Ng", roles=frozenset({"approver"})
        )
        sign_in = SignInConfig.model_validate(
            {"proxy": {"header": HEADER, "from": ["127.0.0.1"], "names": "person"}}
        )
        self._app = replace(
            app,
            clock=_Now(),
            settings=replace(app.settings, directory=Directory({"ann": ann}), loaded=None),
            configuration=app.configuration.model_copy(update={"sign_in": sign_in}),
        )
        self._past(history)
        self._requests = [self._ask(1_000_000 * turn) for turn in range(1, 4)]
        self._client = create_app(self._app).test_client()

    def close(self) -> None:
        self._app.close()

    def first_page(self) -> float:
        """Return what the first page of one request takes, the best of five."""
        return min(_seconds(lambda: self._page(self._requests[0])) for _ in range(5))

    def size(self) -> int:
        """Return how many bytes that page is."""
        return len(self._page(self._requests[0]).data)

    def approve_all(self) -> float:
        """Return what approving a whole request takes, the best of three."""
        return min(_seconds(self._approval(each)) for each in self._requests)

    def _approval(self, request: RequestId) -> Callable[[], object]:
        address = f"/hypersync/approve?request={request}"
        page = self._get(address).text
        fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))
        return lambda: self._send(address, {**fields, "answer": "approve"})

    def _send(self, address: str, fields: dict[str, str]) -> None:
        sent = self._client.post(address, data=fields, headers={HEADER: "ann"})
        assert sent.status_code == 200, sent.text
        assert re.search(r"5\s000 actions approved", sent.text)

    def _page(self, request: RequestId) -> TestResponse:
        return self._get(f"/report/pending?request={request}")

    def _get(self, address: str) -> TestResponse:
        answer = self._client.get(address, headers={HEADER: "ann"})
        assert answer.status_code == 200, answer.text
        return answer

    # --- what is in the store ------------------------------------------------------------------

    def _past(self, count: int) -> None:
        """Let so many actions have been decided and carried out in earlier runs."""
        earlier = NOW - timedelta(days=3)
        run = self._run()
        ids = self._suspend(run, 10_000_000, earlier)
        request = self._open(run, ids, earlier)
        until = NOW + timedelta(days=1)
        with self._app.store.begin() as unit:
            unit.requests.vote([_vote(request, each) for each in ids])
            unit.requests.approve(ids, by="person:ann", now=NOW, until=until)
            unit.actions.release(run, ids, NOW)
            unit.requests.close(request, RequestState.CLOSED, {"approved": COUNT}, NOW)
        with self._app.store.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE action SET state = 'succeeded'")
            for copy in range(1, count // COUNT):
                for table, rows in ((tables.request, 1), *_BY_ACTION):
                    connection.exec_driver_sql(_copied(table, rows, copy))

    def _ask(self, first: int) -> RequestId:
        run = self._run()
        return self._open(run, self._suspend(run, first, NOW), NOW)

    def _run(self) -> RunId:
        run = RunId(new_public_id())
        with self._app.store.begin() as unit:
            unit.runs.start(
                Run(
                    id=run,
                    kind=RunKind.FULL,
                    mode=RunMode.COMMIT,
                    state=RunState.DONE,
                    config="r1",
                    started_at=NOW,
                    finished_at=NOW,
                    started_by="schedule:sync",
                )
            )
        return run

    def _suspend(self, run: RunId, first: int, now: datetime) -> list[ActionId]:
        proposals = [_proposal(first + each) for each in range(COUNT)]
        ids = [each.id for each in proposals]
        why = Suspension(
            reasons=[Reason("threshold", "", "5 000 actions, 100 allowed (5% of 2 000)")],
            on_expiry=OnExpiry.CLEAR,
            expires_at=now + timedelta(days=1),
            vip=None,
            cluster=None,
        )
        with self._app.store.begin() as unit:
            unit.actions.spool(run, proposals, now)
            unit.actions.suspend(run, dict.fromkeys(ids, why), now)
        return ids

    def _open(self, run: RunId, ids: list[ActionId], now: datetime) -> RequestId:
        draft = RequestDraft(
            kind=RequestKind.VOLUME,
            sentence="disable wants to disable in dir 5 000 times: 100 allowed",
            count=len(ids),
            actions=ids,
            run=run,
            rule="disable",
            silo="dir",
            type="user",
            expires_at=now + timedelta(days=1),
        )
        with self._app.store.begin() as unit:
            return open_request(unit, draft, now, settings=self._app.settings)


def _copied(table: Table, rows: int, copy: int) -> str:
    """Return the statement that copies the first rows of a table under other ids."""
    names = [column.name for column in table.c if not isinstance(column.type, BigInteger)]
    names += [each for each in ("identity",) if each in table.c]
    values = [f"\"{name}\" || '-{copy}'" if name in _IDS else f'"{name}"' for name in names]
    into = ", ".join(f'"{name}"' for name in names)
    chosen = f'FROM "{table.name}" WHERE rowid <= {rows}'
    return f'INSERT INTO "{table.name}" ({into}) SELECT {", ".join(values)} {chosen}'


def _proposal(person: int) -> Proposal:
    return Proposal(
        id=ActionId(new_public_id()),
        rule="disable",
        kind="deprovision",
        identity=IdentityId(person),
        object_id=None,
        silo="dir",
        type="user",
        anchor=f"E{person:07d}",
        slot="dir",
        operation=Operation.DISABLE,
        key=f"disable/{person}",
        target="",
        before={"active": "true", "department": "Sales", "title": f"Title {person % 113}"},
        after={"active": "false", "department": None, "title": "none"},
        once={},
        title=f"Given{person % 997} Surname{person % 7919}",
        fingerprint=f"{person:032x}",
    )


def _vote(request: RequestId, action: ActionId) -> Vote:
    return Vote(
        request=request,
        action=action,
        answer=Answer.APPROVE,
        by="person:ann",
        at=NOW,
        proof="session",
    )


def _seconds(work: Callable[[], object]) -> float:
    start = process_time()
    work()
    return process_time() - start
