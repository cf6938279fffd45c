"""Members that come in ranges, as Windows gives them: 1 500 at once, beside an empty attribute."""

from uuid import UUID

import pytest

from hypersync.connectors.ad.delta import Changes
from hypersync.connectors.ad.directory import AdDirectory
from hypersync.connectors.ad.members import ATTEMPTS, Unsteady, complete
from hypersync.connectors.ad.options import AdOptions
from hypersync.connectors.ad.place import place_of
from hypersync.connectors.ad.reading import Reader
from hypersync.connectors.ad.representation import types_of
from hypersync.connectors.ad.usn import SHOW_DELETED
from hypersync.connectors.ad.values import DN_SYNTAX
from hypersync.connectors.directory.answers import Answer, Entry, Lost, Search
from hypersync.connectors.directory.schema import AttributeType
from hypersync.connectors.settings import object_types
from hypersync.errors import SiloRefused
from hypersync.model.objects import Changed, Seen
from tests.ad_scripted import Scripted, answer

GUID = UUID("8f3c9a52-1111-4222-8333-444455556666")
DN = "CN=staff,DC=example,DC=org"


def members(start: int, end: int) -> list[bytes]:
    return [f"CN=p{n},DC=example,DC=org".encode() for n in range(start, end)]


def group(changed: int = 7, **raw: list[bytes]) -> Entry:
    known = {"objectGUID": [GUID.bytes_le], "uSNChanged": [str(changed).encode()]}
    return Entry(DN, {**known, **raw})


def first_part(changed: int = 7) -> Entry:
    """What Windows answers of a group of 3 200: an empty member, and a range beside it."""
    entry = group(changed, member=[], cn=[b"staff"])
    return Entry(DN, {**entry.raw, "member;range=0-1499": members(0, 1500)})


def part(low: int, high: int | str, end: int, changed: int = 7) -> Answer:
    entry = group(changed)
    return answer(Entry(DN, {**entry.raw, f"member;range={low}-{high}": members(low, end)}))


def test_ranges_are_fetched_until_the_star():
    link = Scripted(part(1500, 2999, 3000), part(3000, "*", 3200))
    found = complete(link.wire, first_part())
    assert found is not None
    assert found.raw["member"] == members(0, 3200)
    assert not any("range" in name for name in found.raw)
    assert found.raw["cn"] == [b"staff"]
    assert [each.attributes[0] for each in link.asked] == [
        "member;range=1500-*",
        "member;range=3000-*",
    ]
    assert {each.base for each in link.asked} == {f"<GUID={GUID}>"}


def directory_over(link: Scripted) -> AdDirectory:
    return AdDirectory(link.wire, {}, {"namingContexts": [b"DC=example,DC=org"]})


def test_what_is_found_by_its_name_is_the_whole_of_it():
    given = {"url": "ldaps://dc", "types": {"group": {"base": "DC=example,DC=org"}}}
    (kind,) = object_types("ad", AdOptions.model_validate(given), {})
    link = Scripted(answer(first_part()), part(1500, "*", 3200))
    found = directory_over(link).at(place_of(kind), DN, ["member"])
    assert found is not None
    assert found.raw["member"] == members(0, 3200)


def test_after_a_deletion_what_comes_in_ranges_is_not_taken_for_cleared():
    team = {"base": "DC=example,DC=org", "filter": "(objectCategory=group)"}
    given = {"url": "ldaps://dc", "types": {"team": team}}
    options = AdOptions.model_validate(given)
    (kind,) = object_types("ad", options, {"team": ["member", "managedBy"]})
    types = types_of(
        {
            "member": AttributeType(name="member", is_single=False, syntax=DN_SYNTAX),
            "managedby": AttributeType(name="managedBy", is_single=True, syntax=DN_SYNTAX),
        }
    )
    link = Scripted(answer(first_part()), part(1500, "*", 2000), answer(first_part()))
    directory = AdDirectory(link.wire, types, {"namingContexts": [b"DC=example,DC=org"]})
    changes = Changes(directory, [place_of(kind)], Reader(directory, 100))
    seen, changed = (event for batch in changes.without_reference() for event in batch)
    assert isinstance(seen, Seen)
    assert len(seen.attributes["member"]) == 2000
    assert changed == Changed("team", str(GUID), cleared=("managedBy",))


def test_what_was_deleted_is_found_as_a_whole_and_asked_for_among_the_deleted():
    link = Scripted(answer(first_part()), part(1500, "*", 3200))
    found = directory_over(link).deleted(str(GUID), ["otherTelephone", "member"])
    assert found is not None
    assert found.raw["member"] == members(0, 3200)
    assert [list(each.controls) for each in link.asked] == [[SHOW_DELETED]] * 2


def test_what_is_compared_before_a_write_is_the_whole_of_it():
    given = {"url": "ldaps://dc", "types": {"group": {"base": "DC=example,DC=org"}}}
    (kind,) = object_types("ad", AdOptions.model_validate(given), {})
    link = Scripted(answer(first_part()), part(1500, "*", 3200))
    directory = AdDirectory(link.wire, {}, {"namingContexts": [b"DC=example,DC=org"]})
    found = directory.entry(place_of(kind), str(GUID), ["member"])
    assert found is not None
    assert found.raw["member"] == members(0, 3200)


def test_an_entry_that_came_whole_is_not_asked_for_again():
    entry = group(member=members(0, 3))
    assert complete(Scripted().wire, entry) is entry


def test_a_group_that_changed_meanwhile_is_read_again():
    link = Scripted(
        part(1500, "*", 2000, changed=8),
        answer(first_part(changed=8)),
        part(1500, "*", 1700, changed=8),
    )
    found = complete(link.wire, first_part())
    assert found is not None
    assert found.raw["member"] == members(0, 1700)
    assert "member" in link.asked[1].attributes


def test_a_group_that_shrank_below_the_range_is_read_again():
    link = Scripted(
        answer(code=1, said="00002121: no such range"), answer(group(8, member=members(0, 10)))
    )
    found = complete(link.wire, first_part())
    assert found is not None
    assert found.raw["member"] == members(0, 10)


@pytest.mark.parametrize(
    "name", ["member", "member;range=0-1499", "manager;range=1500-*", "member;range=1500-x"]
)
def test_an_answer_that_does_not_go_on_is_not_believed(name: str):
    odd = answer(Entry(DN, {**group().raw, name: members(0, 2)}))
    again = [reply for _ in range(ATTEMPTS) for reply in (odd, answer(first_part()))]
    with pytest.raises(Unsteady, match="changed 5 times"):
        complete(Scripted(*again).wire, first_part())


def test_a_group_that_never_stands_still_is_unsteady():
    numbers = iter(range(8, 100))

    def reply(search: Search) -> Answer:
        changed = next(numbers)
        if "member;range=1500-*" in search.attributes:
            return part(1500, "*", 2000, changed)
        return answer(first_part(changed))

    with pytest.raises(Unsteady):
        complete(Scripted(*[reply] * 2 * ATTEMPTS).wire, first_part())


def test_a_group_that_went_meanwhile_is_gone():
    link = Scripted(answer(code=32), answer(code=32))
    assert complete(link.wire, first_part()) is None


def test_a_first_part_without_a_number_is_read_again_before_it_is_trusted():
    entry = Entry(DN, {"objectGUID": [GUID.bytes_le], "member;range=0-1499": members(0, 1500)})
    link = Scripted(answer(first_part()), part(1500, "*", 1501))
    found = complete(link.wire, entry)
    assert found is not None
    assert len(found.raw["member"]) == 1501


def test_a_connection_that_breaks_meanwhile_is_lost():
    with pytest.raises(Lost):
        complete(Scripted(Lost("reset")).wire, first_part())


def test_a_range_of_an_object_that_has_no_guid_is_refused():
    with pytest.raises(SiloRefused, match="no objectGUID"):
        complete(Scripted().wire, Entry(DN, {"member;range=0-1499": members(0, 1500)}))
