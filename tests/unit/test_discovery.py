"""What a sample of objects tells: attributes, candidates for anchors and join values."""

import pytest

from hypersync.connectors.discovery import discover, discover_by_scan
from hypersync.connectors.memory import MemorySilo
from hypersync.model.discovery import (
    SAMPLE,
    FoundAttribute,
    Survey,
    anchor_candidates,
    join_candidates,
)
from hypersync.model.objects import AttributeSchema, Schema
from tests.memory_bench import GROUP, USER, make_connector, make_silo


def survey(*objects: dict) -> Survey:
    found = Survey()
    for each in objects:
        found.see(each)
    return found


def test_filled_and_different_values_are_counted():
    found = survey(
        {"id": "1", "team": "IT", "room": "", "groups": ("a", "b"), "none": None},
        {"id": "2", "team": "IT", "groups": ("a",)},
    )
    assert found.sampled == 2
    assert found.attributes() == (
        FoundAttribute(name="groups", multi_valued=True, filled=2, is_distinct=True),
        FoundAttribute(name="id", filled=2, is_distinct=True),
        FoundAttribute(name="team", filled=2),
    )


def test_one_value_is_not_called_different():
    (found,) = survey({"id": "1"}).attributes()
    assert not found.is_distinct


def test_what_the_schema_says_is_added_and_comes_last():
    described = {
        "Made": AttributeSchema(name="Made", read_only=True),
        "mail": AttributeSchema(name="mail", multi_valued=True),
    }
    assert survey({"id": "1"}).attributes(described) == (
        FoundAttribute(name="id", filled=1),
        FoundAttribute(name="Made", read_only=True),
        FoundAttribute(name="mail", multi_valued=True),
    )


def attributes(*names: str, **more: object) -> tuple[FoundAttribute, ...]:
    given = {"filled": 10, "is_distinct": True, **more}
    return tuple(FoundAttribute(name=name, **given) for name in names)


def test_anchors_are_what_every_object_has_alone_with_telling_names_first():
    found = attributes("cn", "objectGuid", "dn", "title")
    assert anchor_candidates(found, 10) == ("objectGuid", "cn", "title")
    assert anchor_candidates(found, 10, ["key"]) == ("key", "objectGuid", "cn", "title")


@pytest.mark.parametrize("more", [{"filled": 9}, {"is_distinct": False}, {"multi_valued": True}])
def test_what_is_missing_repeated_or_several_is_no_anchor(more: dict):
    assert anchor_candidates(attributes("id", **more), 10) == ()


def test_join_values_may_be_missing_now_and_then():
    found = (*attributes("cn", "employeeNumber"), *attributes("mail", filled=9))
    assert join_candidates(found, 10) == ("employeeNumber", "mail", "cn")
    assert join_candidates(attributes("mail", filled=8), 10) == ()


def test_names_passwords_and_identifiers_of_the_silo_join_nothing():
    assert join_candidates(attributes("dn", "userPassword", "id", "uid"), 10, ["ID"]) == ("uid",)


def test_a_scan_is_left_when_every_type_has_its_sample():
    silo = MemorySilo()
    for number in range(SAMPLE + 10):
        silo.put("user", f"u{number}", {"uid": f"u{number}"})
    connector = make_connector(silo, batch_size=100)
    with connector.open() as session:
        (users,) = discover_by_scan(session, [USER], session.schema())
        assert (users.sampled, users.objects) == (SAMPLE, None)
        users, groups = discover(connector, session)
        assert (users.sampled, users.objects) == (SAMPLE, None)
        assert (groups.sampled, groups.objects) == (0, 0)


def test_a_scan_that_breaks_says_so_and_keeps_what_it_saw():
    silo = make_silo()
    silo.faults.break_after = 1
    connector = make_connector(silo)
    with connector.open() as session:
        users, _ = discover_by_scan(session, [USER, GROUP], Schema({"user": None, "group": None}))
    assert (users.sampled, users.objects) == (2, None)
    assert users.notes == ("the scan failed: the silo went away in the middle of the scan",)
