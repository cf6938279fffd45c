"""Microsoft Graph: a full scan by delta pages and 1 000 creates, each against the same calls bare.

The local service of the tests is the other side, in a process of its own; its pages are made before
anything is measured. The floor of the scan is httpx and orjson reading the same pages, 999 users
each, one after the other, and making nothing of them; without certificates, which plain http does
not need and the connector does not read either. The scan is that of the connector, up to the events
that it reports; what it takes besides to compare them with an unchanged store is shown against the
same floor. The floor of the creates is httpx sending what the connector sent, as many calls at
once, to a service that is empty again. All by the clock, with the processor time of the client
beside it. What importing the extra costs is shown against the connector's options, which need none
of it.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import orjson

from benchmarks.bench_scan import make_store
from hypersync.connectors.msgraph.connector import MsgraphConnector
from hypersync.connectors.msgraph.options import MsgraphOptions
from hypersync.connectors.settings import SiloSettings, object_types
from hypersync.model.ids import RequestId
from hypersync.model.objects import Change, Complete, Operation, Succeeded
from hypersync.model.scans import ScanState
from hypersync.pipeline.join import Joins
from hypersync.pipeline.scan import Scanning, Source, scan
from hypersync.pipeline.source_guard import SourceGuard
from hypersync.rulebook.expression import parse
from hypersync.rulebook.joins import JoinRule
from hypersync.rulebook.names import Names
from hypersync.rulebook.nodes import BARE
from hypersync.store.unit import Store

USERS = int(os.environ.get("HYPERSYNC_BENCH_GRAPH_USERS", "100000"))
CREATES = 1_000
AT_ONCE = 4
CHANGES_OF_A_CALL = 250
ROUNDS = 3
BY = Names(bare=True, slots={BARE: None})
NAMES = (
    "accountEnabled", "city", "companyName", "country", "department", "displayName", "employeeId",
    "employeeType", "givenName", "jobTitle", "mail", "mailNickname", "officeLocation", "surname",
    "userPrincipalName",
)  # fmt: skip


def run() -> list[dict]:
    return [*_scans(), *_creates(), *_extra()]


@contextmanager
def service(users: int) -> Iterator[Mapping[str, str]]:
    """Run the service; give what it says of itself."""
    command = [sys.executable, "-m", "tests.services.graph", "--open", "--users", str(users)]
    process = subprocess.Popen(  # noqa: S603 - our own command line
        command, cwd=Path(__file__).parent.parent, stdout=subprocess.PIPE, text=True
    )
    said = {}
    try:
        for line in process.stdout:
            name, _, value = line.rstrip().partition(": ")
            said[name] = value
            if name == "token":
                break
        yield said | {"control": said["control"].removesuffix("/state")}
    finally:
        process.terminate()
        process.communicate()


def connector(said: Mapping[str, str]) -> MsgraphConnector:
    given = {
        "url": said["graph"].removesuffix("/v1.0"),
        "at_once": AT_ONCE,
        "types": {"user": {"resource": "users", "attributes": NAMES}},
    }
    options = MsgraphOptions.model_validate(given)
    return MsgraphConnector(
        SiloSettings(
            silo="entra",
            options=options,
            types=object_types("entra", options, {}),
            write=True,
            timeout=timedelta(seconds=120),
        )
    )


# --- reading -------------------------------------------------------------------------------------


def _scans() -> list[dict]:
    with service(USERS) as said:
        silo = connector(said)
        _scan(silo)  # the pages are made, and what the connector asks for is known
        first = httpx.get(f"{said['control']}/received", timeout=60).json()[0]
        ours, bare, stored = [], [], []
        with tempfile.TemporaryDirectory() as folder:
            store = make_store(Path(folder), "graph")
            _scan_into(store, silo)  # the first one, after which nothing changes
            for _ in range(ROUNDS):
                bare.append(_timed(lambda: _read(said, first)))
                ours.append(_timed(lambda: _scan(silo)))
                stored.append(_timed(lambda: _scan_into(store, silo)))
            store.engine.dispose()
    (ours_cpu, ours_wall), (bare_cpu, bare_wall) = _best(ours), _best(bare)
    name = f"full scan of {USERS:,} users from Graph, against httpx and orjson"
    return [
        _row(name, ours_wall, bare_wall, "s", 1.5),
        _row("the same, processor of the client", ours_cpu, bare_cpu, "s of processor", None),
        _row("the same, compared with an unchanged store", _best(stored)[1], bare_wall, "s", None),
    ]


def _scan(silo: MsgraphConnector) -> None:
    (stream,) = silo.streams()
    seen = 0
    with silo.open() as session:
        for batch in session.scan(stream, None):
            seen += len(batch)
        assert isinstance(batch[-1], Complete)
    assert seen == USERS + 1, seen


def _scan_into(store: Store, silo: MsgraphConnector) -> None:
    rule = JoinRule(index=0, slot="entra", silo="entra", type="user", value=parse("employeeId", BY))
    scanning = Scanning(
        store=store,
        joins=Joins([rule]),
        clock=lambda: datetime.now(UTC),  # noqa: TID251 - a benchmark runs in real time
        open_request=lambda *_: RequestId("none"),
    )
    report = scan(scanning, Source(silo="entra", connector=silo, guard=SourceGuard()), full=True)
    assert report.state is ScanState.APPLIED, report.reason
    assert report.types["user"].seen == USERS


def _read(said: Mapping[str, str], first: dict) -> None:
    kept = {name: first["headers"][name] for name in ("prefer",) if name in first["headers"]}
    with httpx.Client(headers=kept, timeout=120, verify=False) as client:  # noqa: S501 - http
        link: str | None = str(httpx.URL(f"{said['graph']}/users/delta", params=first["query"]))
        seen = 0
        while link is not None:
            page = orjson.loads(client.get(link).content)
            seen += len(page["value"])
            link = page.get("@odata.nextLink")
    assert seen == USERS, seen


def _best(found: list[tuple[float, float]]) -> tuple[float, float]:
    """The least processor time and the least time of the clock."""
    return min(each[0] for each in found), min(each[1] for each in found)


def _timed(call) -> tuple[float, float]:
    processor, clock = time.process_time(), time.perf_counter()
    call()
    return time.process_time() - processor, time.perf_counter() - clock


# --- writing -------------------------------------------------------------------------------------


def _creates() -> list[dict]:
    with service(0) as said:
        silo = connector(said)
        _create(silo, "warm", 20)
        httpx.delete(f"{said['control']}/received")
        ours = _timed(lambda: _create(silo, "new", CREATES))
        received = httpx.get(f"{said['control']}/received", timeout=60).json()
        calls = [each for each in received if not each["in_batch"]]
    with service(0) as said:
        bare = _timed(lambda: asyncio.run(_replay(said, calls)))
    batches = sum(each["path"].endswith("/$batch") for each in calls)
    name = f"{CREATES:,} creates in Graph ({len(calls)} calls, {batches} of them batches)"
    return [
        _row(f"{name}, against the same calls bare", ours[1], bare[1], "s", None),
        _row("the same, processor of the client", ours[0], bare[0], "s of processor", None),
    ]


def _create(silo: MsgraphConnector, prefix: str, count: int) -> None:
    (stream,) = silo.streams()
    (kind,) = stream
    changes = [
        Change(
            key=f"{prefix}{number}",
            operation=Operation.CREATE,
            type=kind,
            anchor=None,
            before=None,
            after=_user(prefix, number),
        )
        for number in range(count)
    ]
    with silo.open() as session:
        for start in range(0, count, CHANGES_OF_A_CALL):
            outcomes = session.apply(changes[start : start + CHANGES_OF_A_CALL])
            assert all(isinstance(each, Succeeded) for each in outcomes), outcomes[0]


def _user(prefix: str, number: int) -> dict:
    name = f"{prefix}{number:05}"
    return {
        "accountEnabled": True,
        "department": f"D{number % 20:02}",
        "displayName": f"Given{number} Family{number}",
        "jobTitle": "Clerk",
        "mailNickname": name,
        "password": "xWwvJ]6NMw+bWH-d",
        "userPrincipalName": f"{name}@contoso.com",
    }


async def _replay(said: Mapping[str, str], calls: list[dict]) -> None:
    """Send the same calls, as many at once, in the same order."""
    waiting = iter(calls)
    async with httpx.AsyncClient(timeout=120) as client:

        async def some() -> None:
            for call in waiting:
                url = httpx.URL(
                    said["graph"].removesuffix("/v1.0") + call["path"], params=call["query"]
                )
                body = None if call["body"] is None else orjson.dumps(call["body"])
                answer = await client.request(
                    call["method"],
                    url,
                    content=body,
                    headers={"Content-Type": "application/json"},
                )
                orjson.loads(answer.content)
                assert answer.status_code == 200, answer.text

        await asyncio.gather(*(some() for _ in range(AT_ONCE)))


# --- what the extra costs ------------------------------------------------------------------------

_MEASURED = """
import json, time
began = time.process_time()
import {modules}
seconds = time.process_time() - began
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(json.dumps([seconds, int(status["VmRSS"].split()[0]) / 1024]))
"""
EXTRA = "hypersync.connectors.msgraph.client, hypersync.connectors.msgraph.sign_in"
WITHOUT = "hypersync.connectors.msgraph.options"


def _extra() -> list[dict]:
    with_it, without = (_imported(modules) for modules in (EXTRA, WITHOUT))
    return [
        _row(
            "import of the extra, against the connector's options",
            with_it[0],
            without[0],
            "s",
            None,
        ),
        _row("the same, resident memory", with_it[1], without[1], "MB", None),
    ]


def _imported(modules: str) -> tuple[float, float]:
    """Return seconds and megabytes of the best of three; the first one warms the disk."""
    command = [sys.executable, "-c", _MEASURED.format(modules=modules)]
    found = []
    for _ in range(ROUNDS):
        done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
        found.append(json.loads(done.stdout))
    return min(found)[0], min(memory for _, memory in found)


def _row(case: str, figure: float, floor: float, unit: str, target: float | None) -> dict:
    row = {"case": case, "figure": figure, "floor": floor, "unit": unit, "ratio": figure / floor}
    return row if target is None else row | {"target": target}


if __name__ == "__main__":
    print(run())
