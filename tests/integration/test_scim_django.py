"""The contract against django-scim2: no versions, hardly any filters, PATCH as Entra writes it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from hypersync.connectors.contract import Bench, ConnectorContract, Fragile, seen, succeeded
from hypersync.model.objects import Complete, Conflict, Operation, Refused, Unknown
from tests.scim_service import ENTERPRISE, MEDIA, TOKEN, user
from tests.scimming import connect, scan
from tests.wires import Wire

ROOT = Path(__file__).parent.parent.parent
MANY = 40
PATHS = {
    "departmentNumber": f"{ENTERPRISE}:department",
    "telephoneNumber": 'phoneNumbers[type eq "work"].value',
}
"""Where somebody else finds what the contract calls so."""


class Django:
    """A running server, with a client of somebody else's."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, "the Django server did not start; what it said stands above"
        self.port = int(line)
        self.base = f"http://127.0.0.1:{self.port}"
        self.url = f"{self.base}/scim/v2"
        self._client = requests.Session()
        self._client.headers.update({"Authorization": f"Bearer {TOKEN}", "Content-Type": MEDIA})

    def call(self, method: str, url: str, body: object = None) -> dict[str, str]:
        answer = self._client.request(method, url, json=body, timeout=20)
        assert answer.ok, answer.text
        return answer.json() if answer.content else {}

    def close(self) -> None:
        self._client.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Django]:
    database = tmp_path_factory.mktemp("django") / "db.sqlite3"
    command = [sys.executable, "-m", "tests.services.scim_django", str(database)]
    environment = {**os.environ, "SCIM_TOKEN": TOKEN}
    with subprocess.Popen(  # noqa: S603 - our own command line
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            django = Django(process)
            yield django
            django.close()
        finally:
            process.terminate()


class Hands:
    """Somebody with a client of their own."""

    def __init__(self, server: Django) -> None:
        self.server = server
        server.call("POST", f"{server.base}/empty")
        self.ids = {name: self.add(name) for name in ("ann", "bob", "zoë")}
        self.ids["staff"] = server.call("POST", f"{server.url}/Groups", {"displayName": "staff"})[
            "id"
        ]
        self.patch("/Groups/" + self.ids["staff"], "Add", "members", [{"value": self.ids["ann"]}])

    def add(self, name: str) -> str:
        return self.server.call("POST", f"{self.server.url}/Users", user(name))["id"]

    def anchor(self, name: str) -> str:
        return self.ids[name]

    def set(self, name: str, attribute: str, value: str) -> None:
        self.patch(f"/Users/{self.ids[name]}", "Replace", PATHS.get(attribute, attribute), value)

    def patch(self, path: str, op: str, attribute: str, value: object) -> None:
        operations = [{"op": op, "path": attribute, "value": value}]
        self.server.call("PATCH", self.server.url + path, {"Operations": operations})

    def delete(self, name: str) -> None:
        self.server.call("DELETE", f"{self.server.url}/Users/{self.ids[name]}")


@pytest.fixture
def bench(server: Django) -> Bench:
    connector = connect(server.url, page_size=2, patch="entra")
    (kind,), (group,) = connector.streams()
    hands = Hands(server)

    @contextmanager
    def fragile() -> Iterator[Fragile]:
        for number in range(4):  # for more pages, which hold two at least
            hands.add(f"p{number}")
        with Wire(server.port) as wire:
            address = f"http://127.0.0.1:{wire.port}/scim/v2"
            way = connect(address, page_size=2, patch="entra")
            yield Fragile(connector=way, cut=wire.cut)

    return Bench(
        connector=connector,
        read_only_connector=connect(server.url, write=False),
        hands=hands,
        user=kind,
        group=group,
        new_user={"userName": "new", "title": "Trainee", "employeeType": "active", "active": True},
        read_only_attribute="meta.created",
        wrong_password=connect(server.url, auth={"bearer": "wrong"}),
        fragile=fragile,
        lacks={"duplicate_anchors": "a list in which an id comes twice is no complete list"},
    )


class TestDjangoScim(ConnectorContract):
    @pytest.fixture
    def bench(self, bench: Bench) -> Bench:
        return bench

    def test_many_members_are_read(self, bench: Bench) -> None:
        """With members that exist, which this server wants."""
        hands = bench.hands
        assert isinstance(hands, Hands)
        ann = bench.reference("ann")
        members = tuple(sorted(hands.add(f"m{n}") for n in range(MANY)))
        for before, after in (((ann,), members), (members, members[1:])):
            change = bench.change(
                Operation.UPDATE, "staff", {"member": before}, {"member": after}, of_group=True
            )
            assert succeeded(bench.apply(change))["member"] == after


def test_a_group_gets_its_first_members_when_it_is_made(bench: Bench):
    after = {"displayName": "crew", "member": (bench.reference("bob"),)}
    outcome = bench.apply(bench.change(Operation.CREATE, None, None, after, of_group=True))
    assert succeeded(outcome)["displayName"] == "crew"


def test_a_server_that_does_not_filter_has_no_deltas_and_finds_its_objects_all_the_same(
    bench: Bench,
):
    events = bench.scan(bench.user)
    assert events[-1] == Complete(None)
    assert len(seen(events, bench.user)) == 3
    taken = bench.change(Operation.CREATE, None, None, {"userName": "ANN", "title": "Boss"})
    outcome = bench.apply(taken)
    assert isinstance(outcome, Conflict)
    assert outcome.object is not None
    assert outcome.object.anchor == bench.hands.anchor("ann")


def test_a_member_that_does_not_exist_is_refused(bench: Bench):
    held = {"member": "4711"}
    outcome = bench.apply(bench.change(Operation.ADD_MEMBER, "staff", None, held, of_group=True))
    assert isinstance(outcome, Refused)
    assert "non-existent user" in outcome.reason


def test_by_put_it_is_written_too(server: Django, bench: Bench):
    with connect(server.url, patch="put").open() as session:
        change = bench.update("ann", {"departmentNumber": "Sales"}, {"departmentNumber": "IT"})
        (outcome,) = session.apply([change])
    ann = succeeded(outcome)
    assert (ann["departmentNumber"], ann["title"], ann["active"]) == ("IT", "Clerk", True)


def test_the_group_that_put_cannot_write_is_not_taken_for_written(server: Django, bench: Bench):
    """Its PUT says yes and leaves the members as they were."""
    with connect(server.url, patch="put").open() as session:
        (outcome,) = session.apply([bench.member(Operation.ADD_MEMBER, "bob")])
    assert outcome == Unknown("the service accepted it and does not show it: member")


def test_the_schema_is_the_servers_own(server: Django, bench: Bench):
    with bench.connector.open() as session:
        schema = session.schema().types["user"]
    assert schema is not None
    assert schema["groups"].read_only
    assert schema["departmentNumber"].multi_valued is False
    assert scan(connect(server.url, page_size=50))[-1] == Complete(None)
