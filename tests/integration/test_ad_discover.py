"""What is found out about a domain, and what its controller says the account may do."""

from pathlib import Path

import pytest

from hypersync.check.probe import State, needed_rights, probe, written_attributes
from hypersync.config.models import SiloConfig, TypeConfig
from hypersync.connectors.ad.options import AdOptions
from hypersync.connectors.discovery import discover
from hypersync.connectors.registry import build_to_discover
from hypersync.model.discovery import FoundType
from hypersync.model.rights import Right, Verb
from hypersync.ports.progress import NoProgress
from hypersync.rulebook.load import load_rulebook
from tests.ad_silos import Corner, connect
from tests.projects import load_project, write_project
from tests.samba import DOMAIN, PASSWORD, PLAIN, SERVICE, Samba

MEMBERSHIPS = """\
public_url: https://iam.example.org
secret_keys: ["${HYPERSYNC_SECRET_KEY}"]
silos:
  ad:
    connector: ad
    write: true
    url: ldaps://dc1.hs.test
    bind: {user: hypersync@hs.test, password: secret}
    types:
      user: {base: "DC=hs,DC=test"}
      group: {base: "DC=hs,DC=test"}
joins:
  - {slot: user, silo: ad, type: user, value: sAMAccountName}
  - {slot: team, silo: ad, type: group, join: none}
"""
STAFF = """\
ruleset: staff
rules:
  - {id: staff, kind: membership, group: {slot: team, where: "cn == 'staff'"}, member: user,
     when: "user.title == 'Clerk'"}
  - {id: off, kind: deprovision, target: user, when: "user.title == 'Gone'", do: disable}
"""
DESCRIPTION = "bf967950-0de6-11d0-a285-00aa003049e2"
MEMBER = "bf9679c0-0de6-11d0-a285-00aa003049e2"
"""What the schema of a domain calls these attributes in the rights to them."""


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
    assert found[Verb.CREATE].remedy == (
        f"delegate control of {corner.people} to the account, or let it inherit the right"
    )
    assert found[Verb.UPDATE].lacking == ("write any of accountEnabled, title",)
    assert found[Verb.UPDATE].remedy == (
        "let it write what rules set ('userAccountControl' to enable and disable) below "
        f"{corner.people}; the others need no right"
    )


def test_who_may_write_what_rules_write_needs_no_other_right(corner: Corner, tmp_path: Path):
    corner = Corner.new(corner.server)
    corner.add_group("staff")
    rulebook = load_rulebook(load_project(write_project(tmp_path, MEMBERSHIPS, rules=STAFF)))
    types = {"group": {"base": corner.groups, "attributes": ["cn", "description"]}}

    def told() -> list[tuple[State, str, str]]:
        connector = connect(corner.server, types, user=PLAIN)
        written = written_attributes(rulebook, "ad", connector.streams())
        needed = needed_rights(rulebook, "ad")
        steps = probe("ad", connector, needed, NoProgress(), written)
        found = [(each.state, each.message, each.remedy) for each in steps]
        return [each for each in found if "update" in each[1] or "write" in each[1]]

    remedy = (
        f"let it write what rules set ('member' for memberships) below {corner.groups}; the "
        "others need no right"
    )
    types_of_the_domain = connect(corner.server, {"user": {"base": DOMAIN}, **types}).streams()
    assert written_attributes(rulebook, "ad", types_of_the_domain) == {
        ("group", "member"),
        ("user", "accountEnabled"),
    }
    lacks = "because the account lacks the right 'write any of cn, description, member'"
    assert told()[0] == (State.FAILED, f"group: may not update, {lacks}", remedy)
    allow(corner, DESCRIPTION)
    assert told()[0] == (State.FAILED, "group: may not write 'member'", remedy)
    allow(corner, MEMBER)
    assert told()[0] == (State.OK, "group: may read, update", "")


def allow(corner: Corner, attribute: str) -> None:
    """Let everybody who signs in write one attribute of the groups."""
    aces = f"--sddl=(OA;CI;WP;{attribute};;AU)"
    corner.server.tool("dsacl", "set", f"--objectdn={corner.groups}", aces)


def test_a_base_that_is_not_seen_cannot_be_read(corner: Corner):
    types = {"user": {"base": f"OU=Nowhere,{DOMAIN}"}}
    with connect(corner.server, types).open() as session:
        (found,) = session.rights()
    assert (found.verb, found.granted) == (Verb.READ, False)
    assert found.lacking == (f"read OU=Nowhere,{DOMAIN}",)
