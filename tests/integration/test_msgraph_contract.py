"""The contract against the local Graph, under the names that the contract uses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from hypersync.connectors.contract import Bench, ConnectorContract, Fragile
from tests.graphing import PASSWORD, Renamed, connect
from tests.wires import Wire

if TYPE_CHECKING:
    from tests.services.graph.service import GraphService

NAMES = {
    "title": "jobTitle",
    "departmentNumber": "department",
    "telephoneNumber": "mobilePhone",
    "member": "members",
}
TYPES = {
    "user": {
        "resource": "users",
        "attributes": [
            "userPrincipalName",
            "displayName",
            "mailNickname",
            "jobTitle",
            "department",
            "mobilePhone",
            "employeeType",
            "createdDateTime",
        ],
    },
    "group": {"resource": "groups", "attributes": ["displayName"]},
}
MANY = 10_000


class Hands:
    """Somebody with an administrator's page."""

    def __init__(self, graph: GraphService) -> None:
        self.graph = graph
        given = {"jobTitle": "Clerk", "department": "Sales", "employeeType": "active"}
        self.ids = {
            name: graph.add_user(name.replace("ë", "e"), displayName=name, **given)
            for name in ("ann", "bob", "zoë")
        }
        self.ids["staff"] = graph.add_group("staff", [self.ids["ann"]])

    def anchor(self, name: str) -> str:
        return self.ids[name]

    def set(self, name: str, attribute: str, value: str) -> None:
        self.graph.set(self.ids[name], **{NAMES[attribute]: value})

    def delete(self, name: str) -> None:
        self.graph.delete(self.ids[name])


class TestMsgraph(ConnectorContract):
    @pytest.fixture
    def bench(self, graph: GraphService, request: pytest.FixtureRequest) -> Bench:
        hands = Hands(graph)
        members: dict[str, str] = {}
        page_size = 1
        if "many_members" in request.node.name:
            page_size = 999
            members = {
                f"cn=m{n},ou=people,dc=example,dc=org": graph.add_user(f"m{n}") for n in range(MANY)
            }

        def renamed(url: str, **options: object) -> Renamed:
            graph.tenant.sign_in.required = "sign_in" in options
            way = connect(url, types=TYPES, page_size=page_size, **options)
            return Renamed(way, NAMES, members)

        @contextmanager
        def fragile() -> Iterator[Fragile]:
            with Wire(graph.port) as wire:
                yield Fragile(connector=renamed(f"http://127.0.0.1:{wire.port}"), cut=wire.cut)

        connector = renamed(graph.url)
        (user,), (group,) = connector.streams()
        application = graph.tenant.sign_in.application
        https = graph.https()
        return Bench(
            connector=connector,
            read_only_connector=renamed(graph.url, write=False),
            hands=hands,
            user=user,
            group=group,
            new_user={
                "userPrincipalName": "new@contoso.com",
                "displayName": "new",
                "mailNickname": "new",
                "accountEnabled": True,
                "password": PASSWORD,
                "title": "Trainee",
                "employeeType": "active",
            },
            has_deltas=True,
            read_only_attribute="createdDateTime",
            wrong_password=Renamed(
                connect(
                    graph.url,
                    types=TYPES,
                    ca_file=str(https.ca_file),
                    sign_in={
                        "tenant": graph.tenant.id,
                        "client": application.id,
                        "secret": "wrong",
                        "authority": https.url,
                    },
                ),
                NAMES,
                {},
            ),
            fragile=fragile,
            many_members=MANY,
            lacks={"duplicate_anchors": "Graph's ids are its own; one that comes again is merged"},
        )
