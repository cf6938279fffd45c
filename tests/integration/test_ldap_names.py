"""Names that a letter tells apart: what is one name to us is one to a real server, else two."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hypersync.model.joins import normal_reference
from hypersync.model.names import normal
from hypersync.model.objects import (
    Attributes,
    Change,
    Conflict,
    Operation,
    Outcome,
    Seen,
    Succeeded,
)
from tests.integration.test_ldap import connect, scan
from tests.slapd import PEOPLE, Slapd, entry, group, person, running

SS, SHARP = f"cn=Strauss,{PEOPLE}", f"cn=Strauß,{PEOPLE}"
GROSS, SHARP_GROSS = f"ou=Gross,{PEOPLE}", f"ou=Groß,{PEOPLE}"
ANN = f"cn=ann,{GROSS}"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Slapd]:
    units = "".join(
        entry(dn, {"objectClass": "organizationalUnit", "ou": dn.partition(",")[0][3:]})
        for dn in (GROSS, SHARP_GROSS)
    )
    ann = {"objectClass": "inetOrgPerson", "cn": "ann", "sn": "ann", "manager": SS}
    ldif = person("Strauss") + person("Strauß") + units + entry(ANN, ann)
    with running(tmp_path / "slapd", ldif + group("staff", [SS, SHARP])) as started:
        yield started


def listed(server: Slapd) -> dict[str, Seen]:
    """Return the people by their names as the server writes them."""
    found = [each for each in scan(connect(server.url)) if isinstance(each, Seen)]
    return {str(each.attributes["dn"]): each for each in found}


def written(
    server: Slapd, before: Attributes, after: Attributes, operation: Operation = Operation.UPDATE
) -> Outcome:
    """Change ann."""
    connector = connect(server.url)
    kind = connector.streams()[0][0]
    anchor = listed(server)[ANN].anchor
    change = Change(
        key="1", operation=operation, type=kind, anchor=anchor, before=before, after=after
    )
    with connector.open() as session:
        return session.apply([change])[0]


def test_an_update_to_a_name_that_differs_by_a_sharp_s_is_written(server: Slapd):
    outcome = written(server, {"manager": SS}, {"manager": SHARP})
    assert isinstance(outcome, Succeeded)
    assert listed(server)[ANN].attributes["manager"] == SHARP


def test_what_is_compared_is_not_a_name_that_differs_by_a_sharp_s(server: Slapd):
    outcome = written(server, {"manager": SHARP}, {"manager": ANN})
    assert isinstance(outcome, Conflict)
    assert listed(server)[ANN].attributes["manager"] == SS


def test_a_move_to_a_place_that_differs_by_a_sharp_s_is_done(server: Slapd):
    target = f"cn=ann,{SHARP_GROSS}"
    outcome = written(server, {"dn": ANN}, {"dn": target}, Operation.MOVE)
    assert isinstance(outcome, Succeeded)
    assert target in listed(server)
    assert ANN not in listed(server)


def test_members_whose_names_differ_by_a_sharp_s_are_two(server: Slapd):
    (staff,) = [each for each in scan(connect(server.url), 1) if isinstance(each, Seen)]
    members = staff.attributes["member"]
    assert isinstance(members, tuple)
    assert len({normal_reference(str(each)) for each in members}) == 2


def test_a_letter_that_equals_its_small_one_for_us_does_so_for_the_server(tmp_path: Path):
    """One entry has all capital letters; a search for all that equals them has to find it."""
    signs = filter(lambda each: each.lower() != each, map(chr, range(1 << 17)))
    forms = {f"x{sign}x": normal(f"cn=x{sign}x")[0][0][1] for sign in signs}
    small = {capital: form for capital, form in forms.items() if form != capital}
    assert len(small) > 600
    wanted = "".join(f"(title={form})" for form in small.values())
    with running(tmp_path / "slapd", person("letters", title=list(small))) as server:
        assert f"cn=letters,{PEOPLE}" in server.search(PEOPLE, f"(&{wanted})", "dn")
