"""Scopes as text: what the connector told is told apart from what holds the members."""

import json
from datetime import UTC, datetime

import pytest

from hypersync.model.scans import Finding, Scan, ScanKind, ScanState, SiloType, absences
from hypersync.model.scopes import parts, told, with_members

TEXTS = [
    "",
    "base=dc=x filter=(a=b)",
    json.dumps({"base": "x", "types": {"group": "(a=b)"}}),
    json.dumps({"base": "x", "types": {"group": True, "user": {}}}),
    'filter: {"a": "b"}',
    "filter: {a: b}",
    "filter: {",
    'filter: {"a":1}',
    'filter: {"a":{"b":"c"}}',
    'filter: {"b":"c","a":"d"}',
    'filter: {"a":false}',
    'filter: {"a":null}',
    'filter: {"a":"b"} and more',
]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize(
    "members",
    [{}, {"group": "member"}, {"group": True, "user": None}, {'a {"b': 'c {"d', "a {": "b {}"}],
    ids=["none", "one", "in-doubt", "braces"],
)
def test_both_parts_are_read_as_they_were_written(text, members):
    scope = with_members(text, members)
    assert parts(scope) == (text, {name: each for name, each in members.items() if each})
    assert told(scope) == text


@pytest.mark.parametrize("text", TEXTS)
def test_what_only_looks_like_members_was_told(text):
    assert parts(text) == (text, None)


def test_members_that_a_connector_tells_itself_stay_what_it_told():
    text = 'filter: {"group":"member"}'
    assert parts(with_members(text, {"group": "owner"})) == (text, {"group": "owner"})


def test_no_scope_tells_nothing():
    assert told(None) is None


@pytest.mark.parametrize(
    ("text", "members", "is_counted"),
    [("all", "owner", False), ("some", "member", True)],
    ids=["members", "told"],
)
def test_an_object_that_changed_too_lately_is_missing_where_something_else_is_told(
    text, members, is_counted
):
    kind = SiloType(id=1, silo="s", name="group", scope=with_members("all", {"group": "member"}))
    scan = Scan(
        id="1",
        silo="s",
        stream="group",
        kind=ScanKind.FULL,
        state=ScanState.RUNNING,
        started_at=datetime(2026, 3, 2, tzinfo=UTC),
        scope=with_members(text, {"group": members}),
    )
    assert (Finding.UNSETTLED in absences(scan, kind)) is is_counted
