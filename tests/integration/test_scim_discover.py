"""What is found out about a SCIM service, and what configures it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hypersync.cli.discovered import block, named
from hypersync.config.models import SiloConfig, TypeConfig
from hypersync.connectors.discovery import discover
from hypersync.connectors.registry import build_to_discover
from hypersync.connectors.scim.options import ScimOptions
from hypersync.errors import SiloRefused
from hypersync.model.discovery import FoundType
from hypersync.model.rights import Verb
from tests.scim_service import TOKEN, ScimServer, serving
from tests.scimming import connect


@pytest.fixture(scope="module")
def server() -> Iterator[ScimServer]:
    with serving() as started:
        started.fresh()
        ids = [started.add_user(name) for name in ("ann", "bob")]
        started.add_group("staff", ids)
        yield started


def found_in(server: ScimServer, token: str = TOKEN, **types: TypeConfig) -> dict[str, FoundType]:
    options = {"url": server.url, "auth": {"bearer": token}}
    config = SiloConfig(connector="scim", types=types, options=options)
    connector, used = build_to_discover("apps", config, root=Path())
    with connector.open() as session:
        found = named(discover(connector, session))
    assert token not in block("apps", config, used, found)
    return found


def test_resource_types_are_found_without_any_configured(server: ScimServer):
    found = found_in(server)
    assert {"User", "Group"} <= set(found)
    user = found["User"]
    assert user.options == {"resource": "User"}
    assert (user.anchors, user.objects) == (("id",), 2)
    assert user.joins[0] == "userName"
    assert "id" not in user.joins
    attributes = {each.name: each for each in user.attributes}
    assert attributes["meta.created"].read_only
    assert found["Group"].objects == 1
    assert "ann" not in str(found)


def test_what_is_found_can_be_configured(server: ScimServer):
    types = {name: each.options for name, each in found_in(server).items()}
    ScimOptions.model_validate({"url": server.url, "types": types})


def test_types_that_are_configured_are_not_found_again(server: ScimServer):
    found = found_in(server, person=TypeConfig(options={"resource": "User"}))
    assert found["person"].objects == 2
    assert "User" not in found
    assert "Group" in found


def test_a_wrong_token_is_refused(server: ScimServer):
    with pytest.raises(SiloRefused):
        found_in(server, token="wrong")  # noqa: S106 - a wrong one


def test_reading_is_what_a_service_tells_of(server: ScimServer):
    with connect(server.url).open() as session:
        assert {(each.type, each.verb, each.granted) for each in session.rights()} == {
            ("user", Verb.READ, True),
            ("group", Verb.READ, True),
        }
