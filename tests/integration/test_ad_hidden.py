"""What an account may not list looks absent, and what check can say about it."""

import base64

import pytest

from hypersync.connectors.ad.connector import AdConnector
from hypersync.connectors.ad.values import sid_text
from hypersync.model.mistake import Level, Mistake
from tests.ad_silos import Corner, connect, scan, seen
from tests.samba import DOMAIN, PLAIN, USERS, Samba, entry


@pytest.fixture
def corner(domain_controller: Samba) -> Corner:
    """Ann among the people, and bob in a unit below them."""
    corner = Corner.new(domain_controller)
    domain_controller.modify(entry(unit(corner), {"objectClass": "organizationalUnit"}))
    corner.add_people("ann")
    corner.add_people("bob", below=unit(corner))
    return corner


def unit(corner: Corner) -> str:
    return f"OU=Inner,{corner.people}"


def hide(corner: Corner) -> None:
    """Deny an ordinary account to list the inner unit."""
    (raw,) = corner.server.values(f"CN=plain,{USERS}", "objectSid")
    sid = sid_text(base64.b64decode(raw))
    corner.server.tool("dsacl", "set", f"--objectdn={unit(corner)}", f"--sddl=(D;;LC;;;{sid})")


def silo(corner: Corner) -> AdConnector:
    return connect(corner.server, {"user": {"base": corner.people}}, user=PLAIN)


def warnings(corner: Corner) -> list[Mistake]:
    with silo(corner).open() as session:
        return [each for each in session.check() if "nothing is seen" in each.message]


def names(corner: Corner) -> set[str]:
    return {str(each["cn"]) for each in seen(scan(silo(corner))).values()}


def test_what_may_not_be_listed_looks_absent_and_check_names_the_unit(corner: Corner):
    assert names(corner) == {"ann", "bob"}
    assert warnings(corner) == []
    hide(corner)
    assert names(corner) == {"ann"}
    (mistake,) = warnings(corner)
    assert mistake.level is Level.WARNING
    assert mistake.message.startswith(f"nothing is seen in {unit(corner)}: there is nothing, or")
    assert "canaries" in mistake.remedy


def test_units_in_which_nothing_is_seen_are_counted_and_the_first_are_named(corner: Corner):
    made = [f"OU=e{number},{corner.people}" for number in range(5)]
    corner.server.modify(
        "".join(entry(each, {"objectClass": "organizationalUnit"}) for each in made)
    )
    (mistake,) = warnings(corner)
    assert f"{'; '.join(made[:3])} and 2 more: " in mistake.message


def test_a_base_that_is_not_there_is_said_once(domain_controller: Samba):
    types = {"user": {"base": f"OU=Nowhere,{DOMAIN}"}}
    with connect(domain_controller, types).open() as session:
        found = [each.message for each in session.check() if "in clear" not in each.message]
    assert found == [f"there is no entry 'OU=Nowhere,{DOMAIN}'"]
