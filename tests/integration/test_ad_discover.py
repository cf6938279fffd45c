"""What is found out about a domain, and what its controller says the account may do."""

from pathlib import Path

import pytest

from hypersync.config.models import SiloConfig, TypeConfig
from hypersync.connectors.ad.options import AdOptions
from hypersync.connectors.discovery import discover
from hypersync.connectors.registry import build_to_discover
from hypersync.model.discovery import FoundType
from hypersync.model.rights import Right, Verb
from tests.ad_silos import Corner, connect
from tests.samba import DOMAIN, PASSWORD, PLAIN, SERVICE, Samba


@pytest.fixture(scope="module")
def corner(domain_controller: Samba) -> Corner:
    found = Corner.new(domain_controller)
    found.add_people("ann", "bob", title="Confidential")
    return found


def found_in(corner: Corner, **types: TypeConfig) -> dict[str, FoundType]:
    options = {"url": corner.server.url, "bind": {"user": SERVICE, "password": PASSWORD}}
    config = SiloConfig(connector="ad", types=types, options=options)
    connector, _ = build_to_discover("ad", config, root=Path())
    with connector.open() as session:
        return {each.name: each for each in discover(connector, session)}


def test_the_usual_kinds_of_a_domain_are_found(corner: Corner):
    found = found_in(corner)
    assert {"user", "group", "ou"} <= set(found)
    user = found["user"]
    assert user.options == {"base": DOMAIN}
    assert user.anchors == ("objectGUID",)
    assert user.joins[0] == "sAMAccountName"
    assert "objectSid" not in user.joins
    assert user.sampled >= 2
    assert {each.name: each for each in user.attributes}["whenChanged"].read_only
    assert "Confidential" not in str(found)
    given = {name: each.options for name, each in found.items()}
    AdOptions.model_validate({"url": corner.server.url, "types": given})


def test_a_type_that_is_configured_is_looked_at_where_it_is(corner: Corner):
    staff = TypeConfig(options={"base": corner.people, "object_class": ["user"]})
    found = found_in(corner, staff=staff)
    assert found["staff"].objects == 2
    assert "user" not in found


def rights(corner: Corner, user: str, *attributes: str) -> dict[Verb, Right]:
    types = {"user": {"base": corner.people, "attributes": list(attributes)}}
    with connect(corner.server, types, user=user).open() as session:
        return {each.verb: each for each in session.rights()}


def test_an_administrator_may_do_all_that_can_be_told(corner: Corner):
    found = rights(corner, SERVICE, "title", "accountEnabled", "whenChanged")
    assert {verb: each.granted for verb, each in found.items()} == {
        Verb.READ: True,
        Verb.CREATE: True,
        Verb.UPDATE: True,
    }
    assert found[Verb.UPDATE].except_for == ()


def test_what_an_ordinary_account_lacks_is_named(corner: Corner):
    found = rights(corner, PLAIN, "title", "accountEnabled")
    assert found[Verb.READ].granted
    assert found[Verb.CREATE].lacking == (f"create user objects in {corner.people}",)
    assert found[Verb.UPDATE].lacking == ("write accountEnabled, title",)
    assert found[Verb.UPDATE].remedy == (
        f"delegate control of {corner.people} to the account, or let it inherit the right"
    )


def test_a_base_that_is_not_seen_cannot_be_read(corner: Corner):
    types = {"user": {"base": f"OU=Nowhere,{DOMAIN}"}}
    with connect(corner.server, types).open() as session:
        (found,) = session.rights()
    assert (found.verb, found.granted) == (Verb.READ, False)
    assert found.lacking == (f"read OU=Nowhere,{DOMAIN}",)
