"""Scopes that connectors tell in their own words, and what people are shown under another one."""

import json
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import pytest

from hypersync.connectors.memory import MemoryConnector, MemorySilo
from hypersync.model import scopes
from hypersync.model.scans import ScanKind, ScanState
from hypersync.pipeline import parting
from hypersync.pipeline.source_guard import SourceGuard
from tests.databases import open_store
from tests.scanning import Desk, Silo, join_rule, put, remove, silo

STAFF = {"member": ("ann", "bob"), "uniqueMember": ("ann", "cat")}


@pytest.fixture
def desk(tmp_path):
    store = open_store(f"sqlite:///{tmp_path}/hypersync.db")
    desk = Desk(store, [join_rule("apps", "group", None, slot="g")])
    yield desk
    desk.store.engine.dispose()


@pytest.fixture
def memory():
    return MemorySilo()


class Telling(MemoryConnector):
    """Tells a scope in its own words."""

    words: str

    @contextmanager
    def open(self):
        with super().open() as session:
            session.scope = lambda types: self.words
            yield session


@dataclass
class TellingSilo(Silo):
    words: str = ""

    @property
    def source(self):
        source = super().source
        source.connector.__class__ = Telling
        source.connector.words = self.words
        return source


def apps(memory, members, words=None):
    """Return a silo of groups, whose connector may tell its scope in its own words."""
    made = silo("apps", "group", members={"group": members}, memory=memory)
    return made if words is None else TellingSilo("apps", made.types, memory, words=words)


NESTED = json.dumps({"base": "x", "types": {"group": "(a=b)"}})


@pytest.mark.parametrize("scope", [NESTED, 'filter: {"a": "b"}', 'filter: {"a":"b"}'])
def test_a_scope_with_braces_is_kept_as_any_other(desk, memory, scope):
    told = apps(memory, "member", scope)
    put(told, "staff", STAFF)
    desk.applied(told)
    put(told, "staff", {**STAFF, "cn": "changed"})
    assert desk.applied(told).kind is ScanKind.DELTA
    assert desk.applied(apps(memory, "uniqueMember", scope)).kind is ScanKind.FULL
    with desk.store.snapshot() as unit:
        assert scopes.told(unit.scans.types()[0].scope) == scope


def test_who_leaves_a_scope_with_braces_is_measured_against_it(desk, memory):
    """Both scopes begin the same up to the first brace."""
    wide, narrow = 'filter: {"a": "wide"}', 'filter: {"a": "narrow"}'
    for number in range(60):
        put(apps(memory, "member"), f"g{number:02}", STAFF)
    desk.applied(apps(memory, "member", wide))
    remove(apps(memory, "member"), "g00")
    report = desk.scan(apps(memory, "member", narrow))
    assert report.state is ScanState.SUSPENDED


def test_an_older_store_with_braces_in_its_scope_learns_what_holds_members(desk, memory):
    told = apps(memory, "member", NESTED)
    put(told, "staff", STAFF)
    desk.applied(told)
    with desk.store.begin() as unit:
        (kind,) = unit.scans.types()
        unit.scans.set_scope(kind.id, NESTED)
    assert desk.applied(told).kind is ScanKind.DELTA
    with desk.store.snapshot() as unit:
        (kind,) = unit.scans.types()
    assert not parting.is_silent(kind.scope)
    assert scopes.told(kind.scope) == NESTED


def test_people_are_shown_who_was_counted_when_members_are_held_elsewhere(desk, memory):
    """What changed a moment ago is no absence yet: the scope of who is there is the same."""
    before = apps(memory, "member")
    for number in range(60):
        put(before, f"g{number:02}", {"cn": "x", "member": ("ann",)})
    desk.applied(before)
    desk.now += timedelta(hours=1)
    put(before, "g59", {"cn": "changed", "member": ("ann",)})
    desk.applied(before)
    remove(before, *(f"g{number:02}" for number in range(10)), "g59")
    named = apps(memory, "uniqueMember")
    named.guard = SourceGuard(settle=timedelta(minutes=15))
    assert desk.scan(named).state is ScanState.SUSPENDED
    assert desk.asked[-1].count == 10
    assert desk.asked[-1].detail["missing_total"] == 10
