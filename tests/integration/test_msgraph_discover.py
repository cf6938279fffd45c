"""What is found out about a tenant, without any type configured."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hypersync.config.models import SiloConfig, TypeConfig
from hypersync.connectors.discovery import discover
from hypersync.connectors.msgraph.options import MsgraphOptions
from hypersync.connectors.registry import build_to_discover

if TYPE_CHECKING:
    from hypersync.model.discovery import FoundType
    from tests.services.graph.service import GraphService


def found_in(graph: GraphService, **types: TypeConfig) -> dict[str, FoundType]:
    graph.tenant.sign_in.required = False
    config = SiloConfig(connector="msgraph", types=types, options={"url": graph.url})
    connector, _ = build_to_discover("entra", config, root=Path())
    with connector.open() as session:
        return {each.name: each for each in discover(connector, session)}


def test_users_and_groups_are_found_with_what_tells_them_apart(graph: GraphService):
    people = [graph.add_user(name, department="Confidential") for name in ("ann", "bob")]
    graph.add_group("staff", people)
    found = found_in(graph)
    assert set(found) == {"user", "group"}
    user = found["user"]
    assert (user.options, user.anchors, user.objects) == ({"resource": "users"}, ("id",), 2)
    assert "userPrincipalName" in user.joins
    assert "id" not in user.joins
    attributes = {each.name: each for each in user.attributes}
    assert (attributes["department"].filled, attributes["department"].is_distinct) == (2, False)
    assert attributes["createdDateTime"].read_only
    assert {each.name: each for each in found["group"].attributes}["members"].multi_valued
    assert "Confidential" not in str(found)
    types = {name: each.options for name, each in found.items()}
    MsgraphOptions.model_validate({"url": graph.url, "types": types})


def test_users_that_are_configured_are_not_found_again(graph: GraphService):
    graph.add_user("ann")
    found = found_in(graph, person=TypeConfig(options={"resource": "users"}))
    assert set(found) == {"person", "group"}
    assert found["person"].objects == 1


def test_one_page_of_each_type_is_looked_at(graph: GraphService):
    graph.fill(users=1_500, groups=120)
    found = found_in(graph)
    assert (found["user"].sampled, found["user"].objects) == (999, None)
    assert (found["group"].sampled, found["group"].objects) == (100, None)
    for resource in ("users", "groups"):
        assert len(graph.calls("GET", part=f"/{resource}/delta")) == 1
