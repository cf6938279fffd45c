"""Odd objects of real silos of every kind, read into the store: none does harm to another."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hypersync.model.joins import REPLACED, normal_reference
from hypersync.model.objects import Change, Conflict, Operation, Succeeded
from hypersync.model.scans import ScanReport, ScanState
from hypersync.pipeline.scan import Source, scan
from hypersync.pipeline.source_guard import SourceGuard
from tests.ad_silos import Corner, connect
from tests.databases import open_store
from tests.place import Place
from tests.real_silos import place
from tests.scanning import Desk, join_rule

if TYPE_CHECKING:
    from tests.samba import Samba

__all__ = ["place"]


class Desks(Desk):
    """A store into which one real silo is scanned."""

    place: Place

    @property
    def silo(self) -> str:
        return self.place.connector.streams()[0][0].silo

    def run(self) -> ScanReport:
        source = Source(silo=self.silo, connector=self.place.connector, guard=SourceGuard())
        report = scan(self.scanning(), source, full=False)
        assert report.state is ScanState.APPLIED, report.reason
        return report

    def get_user(self, anchor: str):
        with self.store.snapshot() as unit:
            return unit.objects.get(self.silo, "user", anchor)

    def slot(self, slot: str, kind: str):
        with self.store.snapshot() as unit:
            return list(unit.objects.of_slot(self.silo, kind, slot))


@pytest.fixture
def desk(tmp_path: Path, place: Place) -> Iterator[Desks]:
    silo = place.connector.streams()[0][0].silo
    joins = [
        join_rule(silo, "user", place.number, slot="account"),
        join_rule(silo, "group", None, slot="team", index=1),
    ]
    made = Desks(open_store(tmp_path), joins, now=datetime(2030, 1, 1, tzinfo=UTC))
    made.place = place
    yield made
    made.store.engine.dispose()


def test_a_group_that_contains_itself_is_read_like_any_other(place: Place, desk: Desks):
    ann = place.add("ann", "E1")
    loop = place.circle(ann)
    desk.run()
    (group,) = desk.slot("team", "group")
    with desk.store.snapshot() as unit:
        members = unit.objects.references(group.id)
    assert members == {normal_reference(loop), normal_reference(ann)}


def test_two_objects_with_one_join_value_wait_until_one_is_mended(place: Place, desk: Desks):
    for name, number in (("ann", "E1"), ("bob", "E2"), ("ann2", "E1")):
        place.add(name, number)
    desk.run()
    by_number: dict[str, set[int]] = {}
    for each in desk.slot("account", "user"):
        by_number.setdefault(each.attributes[place.number], set()).add(each.identity)
    (identity,) = by_number["E1"]
    assert identity not in by_number["E2"]
    ((waiting, why),) = desk.waiting().items()
    assert waiting == identity
    assert why.startswith("2 objects for account with the join value e1: ")
    place.remove("ann2")
    desk.run()
    assert not any(why.startswith("2 objects") for why in desk.waiting().values())


def test_a_user_whose_anchor_changes_is_another_one_and_people_are_asked(place: Place, desk: Desks):
    for name, number in (("ann", "E1"), ("bob", "E2")):
        place.add(name, number)
    desk.run()
    before = {each.attributes[place.number]: each for each in desk.slot("account", "user")}
    place.remake("ann", "E1")
    desk.run()
    after = {each.attributes[place.number]: each for each in desk.slot("account", "user")}
    assert after["E1"].anchor != before["E1"].anchor
    assert after["E2"].anchor == before["E2"].anchor
    assert desk.get_user(before["E1"].anchor).absence is not None
    with desk.store.snapshot() as unit:
        marks = unit.identities.vips([each.identity for each in after.values()])
    assert {who: set(why) for who, why in marks.items() if why} == {
        after["E1"].identity: {f"{REPLACED}account"}
    }


# --- values that look the same and are not ------------------------------------------------------

FIRST = ("SMTP:a@example.org", "smtp:b@example.org")
SECOND = ("SMTP:b@example.org", "smtp:a@example.org")


def test_another_address_becomes_the_first_though_only_letters_change(domain_controller: Samba):
    corner = Corner.new(domain_controller)
    corner.add_people("ann")
    dn = corner.person("ann")
    for each in FIRST:
        corner.change(dn, f"add: proxyAddresses\nproxyAddresses: {each}")
    types = {"user": {"base": corner.people, "attributes": ["proxyAddresses"]}}
    connector = connect(domain_controller, types, write=True)
    ((kind,),) = connector.streams()
    change = Change(
        key="key",
        operation=Operation.UPDATE,
        type=kind,
        anchor=corner.guid("ann"),
        before={"proxyAddresses": FIRST},
        after={"proxyAddresses": SECOND},
    )
    with connector.open() as session:
        (outcome,) = session.apply([change])
    assert isinstance(outcome, Succeeded), outcome
    assert outcome.object is not None
    assert outcome.object.attributes["proxyAddresses"] == SECOND
    assert sorted(domain_controller.values(dn, "proxyAddresses")) == sorted(SECOND)
    with connector.open() as session:
        (again,) = session.apply([change])
    assert isinstance(again, Succeeded)
    corner.change(
        dn, "replace: proxyAddresses\n" + "".join(f"proxyAddresses: {e}\n" for e in FIRST)
    )
    turned = Change(
        key="key",
        operation=Operation.UPDATE,
        type=kind,
        anchor=corner.guid("ann"),
        before={"proxyAddresses": SECOND},
        after={"proxyAddresses": ()},
    )
    with connector.open() as session:
        (outcome,) = session.apply([turned])
    assert isinstance(outcome, Conflict)
