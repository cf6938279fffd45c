"""The contract against scim2-server, in each dialect of PATCH, and with pages by cursor."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from hypersync.connectors.contract import Bench, ConnectorContract, Fragile
from hypersync.connectors.contract.comparing import ComparingContract
from hypersync.connectors.contract.deltas import DeltaContract
from hypersync.connectors.contract.effects import EffectsContract
from hypersync.connectors.contract.following import FollowingContract
from hypersync.connectors.contract.reading import ReadingContract
from hypersync.connectors.contract.sessions import SessionContract
from hypersync.connectors.contract.writing import WritingContract
from tests.scim_service import ENTERPRISE, ScimServer, serving
from tests.scimming import connect
from tests.wires import Wire

MANY = 5_000
PATHS = {
    "departmentNumber": (f"{ENTERPRISE}:department", str),
    "telephoneNumber": ("phoneNumbers", lambda number: [{"type": "work", "value": number}]),
}
"""Where somebody else finds what the contract calls so, and what stands there."""


class Hands:
    """Somebody with a client of their own."""

    def __init__(self, server: ScimServer) -> None:
        self.server = server
        self.ids = {name: server.add_user(name) for name in ("ann", "bob", "zoë")}
        self.ids["staff"] = server.add_group("staff", [self.ids["ann"]])

    def anchor(self, name: str) -> str:
        return self.ids[name]

    def set(self, name: str, attribute: str, value: str) -> None:
        path, given = PATHS.get(attribute, (attribute, str))
        operation = {"op": "replace", "path": path, "value": given(value)}
        self.server.patch(f"/Users/{self.ids[name]}", operation)

    def delete(self, name: str) -> None:
        self.server.call("DELETE", f"/Users/{self.ids[name]}")


def bench_of(server: ScimServer, **options: object) -> Bench:
    server.fresh()
    connector = connect(server.url, page_size=2, **options)
    (user,), (group,) = connector.streams()

    @contextmanager
    def fragile() -> Iterator[Fragile]:
        for number in range(4):  # for more pages, which hold two at least
            server.add_user(f"p{number}")
        with Wire(server.port) as wire:
            address = f"http://127.0.0.1:{wire.port}/v2"
            way = connect(address, page_size=2, **options)
            yield Fragile(connector=way, cut=wire.cut)

    return Bench(
        connector=connector,
        read_only_connector=connect(server.url, write=False),
        hands=Hands(server),
        user=user,
        group=group,
        new_user={"userName": "new", "title": "Trainee", "employeeType": "active", "active": True},
        has_deltas=True,
        read_only_attribute="meta.created",
        wrong_password=connect(server.url, auth={"bearer": "wrong"}),
        fragile=fragile,
        many_members=MANY,
        lacks={"duplicate_anchors": "a list in which an id comes twice is no complete list"},
    )


@pytest.fixture(scope="module")
def server() -> Iterator[ScimServer]:
    with serving() as started:
        yield started


@pytest.fixture(scope="module")
def server_with_cursors() -> Iterator[ScimServer]:
    with serving(pagination={"cursor": True, "index": True}) as started:
        yield started


class TestScimByCursor(ReadingContract, SessionContract, DeltaContract, FollowingContract):
    @pytest.fixture
    def bench(self, server_with_cursors: ScimServer) -> Bench:
        return replace(bench_of(server_with_cursors), many_members=300)  # not read by cursor


class TestScimByPath(ConnectorContract):
    @pytest.fixture
    def bench(self, server: ScimServer) -> Bench:
        return bench_of(server)


class TestScimByValue(WritingContract, ComparingContract, EffectsContract):
    @pytest.fixture
    def bench(self, server: ScimServer) -> Bench:
        return bench_of(server, patch="value")


class TestScimByPut(WritingContract, ComparingContract, EffectsContract):
    @pytest.fixture
    def bench(self, server: ScimServer) -> Bench:
        return bench_of(server, patch="put")
