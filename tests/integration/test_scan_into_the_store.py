from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import event

from hypersync.errors import LeaseHeld
from hypersync.model.objects import SiloObject
from hypersync.model.scans import ScanKind, ScanState, TypeCounts
from hypersync.pipeline.apply import write_back
from hypersync.pipeline.join import Joins
from hypersync.pipeline.scan import Source, scan
from hypersync.store.unit import Store
from tests.databases import open_store
from tests.scanning import Desk, Silo, join_rule, people, put, remove, silo


@pytest.fixture
def hr() -> Silo:
    return silo("hr", "person")


@pytest.fixture
def ad() -> Silo:
    return silo("ad", "user", "group", members={"group": "member"})


@pytest.fixture
def desk(tmp_path) -> Iterator[Desk]:
    joins = [
        join_rule("hr", "person", "id"),
        join_rule("ad", "user", "number", index=1),
        join_rule("ad", "group", None, slot="ad_group", index=2),
    ]
    store = open_store(tmp_path)
    yield Desk(store, joins)
    store.engine.dispose()


WRITES = ("INSERT", "UPDATE", "DELETE")


def counts(**numbers: int) -> TypeCounts:
    return TypeCounts(**numbers)


def statements(desk: Desk) -> list[str]:
    seen: list[str] = []

    @event.listens_for(desk.store.engine, "before_cursor_execute")
    def note(connection, cursor, statement, parameters, context, executemany):
        seen.append(statement)

    return seen


# --- loading and comparing ---------------------------------------------------------------------


def test_a_first_scan_loads_every_object_and_makes_its_identity_pending(desk, hr):
    people(hr, range(120))
    report = desk.applied(hr)
    assert report.kind is ScanKind.FULL
    assert report.types == {"person": counts(seen=120, created=120)}
    assert desk.live(hr) == 120
    assert len(desk.pending()) == 120
    assert desk.count("scan_change") == 0


def test_a_full_scan_of_unchanged_objects_writes_none(desk, hr):
    people(hr, range(60))
    desk.applied(hr)
    desk.settle()
    before = desk.get(hr, "p1")
    seen = statements(desk)
    report = desk.applied(hr, full=True)
    assert report.types == {"person": counts(seen=60)}
    assert desk.get(hr, "p1") == before
    assert desk.pending() == []
    writes = {" ".join(each.split()[:3]) for each in seen if each.startswith(WRITES)}
    assert writes == {
        "UPDATE lease SET",
        "INSERT INTO scan",
        "UPDATE scan SET",
        "UPDATE silo_type SET",
        "DELETE FROM population",
        "INSERT INTO population",
        "INSERT INTO stream",
    }


def test_rows_written_are_rows_changed(desk, hr):
    people(hr, range(60))
    desk.applied(hr)
    for number in (3, 4, 5):
        put(hr, f"p{number}", {"id": str(number), "name": "Another"})
    desk.applied(hr, full=True)
    assert desk.count("object_change") == 3
    with desk.store.snapshot() as unit:
        latest = desk.get(hr, "p3").changed_at
        assert latest > desk.get(hr, "p1").changed_at
        (change,) = unit.objects.history(desk.get(hr, "p3").id)
    assert (change.before, change.after) == ({"name": "Person 3"}, {"name": "Another"})


def test_a_missing_object_is_absent_and_returns_when_it_is_seen_again(desk, hr):
    people(hr, range(60))
    desk.applied(hr)
    remove(hr, "p7")
    report = desk.applied(hr, full=True)
    assert report.types["person"] == counts(seen=59, deleted=1)
    gone = desk.get(hr, "p7")
    assert gone.absence == "absent"
    assert gone.deleted_at is not None
    assert desk.live(hr) == 59
    people(hr, range(7, 8))
    desk.applied(hr, full=True)
    back = desk.get(hr, "p7")
    assert back.absence is None
    assert back.deleted_at is None
    assert back.identity == gone.identity
    assert desk.live(hr) == 60


def test_an_absent_object_is_not_missing_again(desk, hr):
    people(hr, range(60))
    desk.applied(hr)
    remove(hr, "p7")
    desk.applied(hr, full=True)
    desk.settle()
    assert desk.applied(hr, full=True).types["person"] == counts(seen=59)
    assert desk.pending() == []


def test_the_cursor_makes_the_next_scan_a_delta(desk, hr):
    people(hr, range(60))
    desk.applied(hr)
    put(hr, "p1", {"id": "1", "name": "Another"})
    people(hr, range(60, 61))
    remove(hr, "p2")
    report = desk.applied(hr)
    assert report.kind is ScanKind.DELTA
    assert report.types["person"] == counts(seen=2, created=1, updated=1, deleted=1)
    assert desk.get(hr, "p2").absence == "gone"
    assert desk.live(hr) == 60


def test_a_delta_of_what_is_known_already_writes_nothing(desk, hr):
    people(hr, range(60))
    desk.applied(hr)
    desk.settle()
    people(hr, range(5))
    assert desk.applied(hr).types["person"] == counts(seen=5)
    assert desk.pending() == []
    assert desk.count("object_change") == 0


def test_a_lost_cursor_is_followed_by_a_full_scan(desk, hr):
    people(hr, range(60))
    desk.applied(hr)
    hr.memory.forget_changes()
    remove(hr, "p1")
    report = desk.applied(hr)
    assert report.kind is ScanKind.FULL
    assert desk.get(hr, "p1").absence == "absent"


def test_the_same_number_of_statements_whatever_the_number_of_objects(tmp_path):
    made = []
    for size in (200, 2_000):
        (folder := tmp_path / str(size)).mkdir()
        desk = Desk(open_store(folder), [join_rule("hr", "person", "id")])
        hr = silo("hr", "person")
        people(hr, range(size))
        desk.applied(hr)
        for number in range(20):
            put(hr, f"p{number}", {"id": str(number), "name": "Another"})
        seen = statements(desk)
        assert desk.applied(hr).kind is ScanKind.DELTA
        made.append(len(seen))
        desk.store.engine.dispose()
    assert made[0] == made[1]


# --- scans that are not believed ---------------------------------------------------------------


def test_a_scan_that_breaks_off_changes_nothing(desk, hr):
    people(hr, range(120))
    desk.applied(hr)
    put(hr, "p1", {"id": "1", "name": "Another"})
    hr.memory.faults.break_after = 2
    report = desk.scan(hr, full=True)
    assert report.state is ScanState.FAILED
    assert "went away" in report.reason
    assert desk.get(hr, "p1").attributes["name"] == "Person 1"
    assert desk.get(hr, "p119").absence is None
    assert desk.count("scan_change") == 0
    hr.memory.faults.break_after = None
    assert desk.applied(hr).kind is ScanKind.DELTA


def test_a_first_scan_that_breaks_off_leaves_nothing_behind(desk, hr):
    people(hr, range(120))
    hr.memory.faults.break_after = 2
    assert desk.scan(hr).state is ScanState.FAILED
    assert desk.count("object") == 0
    assert desk.count("identity") == 0
    hr.memory.faults.break_after = None
    assert desk.applied(hr).types["person"].created == 120


def test_an_unreachable_silo_is_a_failed_scan(desk, hr):
    hr.memory.faults.unreachable = "nobody answers on port 636"
    report = desk.scan(hr)
    assert report.state is ScanState.FAILED
    assert report.reason == "nobody answers on port 636"


def test_two_scans_of_one_silo_do_not_run_at_once(desk, hr):
    with desk.store.begin() as unit:
        unit.leases.take("scan:hr", "somebody else", desk.now)
    with pytest.raises(LeaseHeld, match="somebody else"):
        desk.scan(hr)


def test_too_many_missing_objects_suspend_the_scan(desk, hr):
    people(hr, range(100))
    desk.applied(hr)
    remove(hr, *(f"p{number}" for number in range(10)))
    put(hr, "p50", {"id": "50", "name": "Another"})
    report = desk.scan(hr, full=True)
    assert report.state is ScanState.SUSPENDED
    assert report.reason == "person: 10 of 100 objects are missing, 5 allowed (5%)"
    assert desk.live(hr) == 100
    assert desk.get(hr, "p50").attributes["name"] == "Person 50"
    (draft,) = desk.asked
    assert (draft.silo, draft.type, draft.count) == ("hr", "person", 10)
    assert draft.detail["missing"] == [f"p{number}" for number in range(10)]
    assert draft.expires_at is None


def test_an_empty_silo_is_not_believed_whatever_its_size(desk, hr):
    people(hr, range(3))
    desk.applied(hr)
    remove(hr, "p0", "p1", "p2")
    report = desk.scan(hr, full=True)
    assert report.state is ScanState.SUSPENDED
    assert "empty" in report.reason


def test_an_explicit_delete_counts_like_an_absence(desk, hr):
    people(hr, range(100))
    desk.applied(hr)
    remove(hr, *(f"p{number}" for number in range(10)))
    report = desk.scan(hr)
    assert report.kind is ScanKind.DELTA
    assert report.state is ScanState.SUSPENDED


def test_small_drops_that_add_up_within_a_week_are_stopped(desk, hr):
    people(hr, range(100))
    desk.applied(hr)
    for day in range(2):
        desk.now += timedelta(days=1)
        remove(hr, *(f"p{number}" for number in range(day * 4, day * 4 + 4)))
        report = desk.scan(hr, full=True)
    assert report.state is ScanState.SUSPENDED
    assert "8 fewer objects than the 100 of this week" in report.reason


def test_the_week_begins_with_what_was_there_when_it_began(desk, hr):
    people(hr, range(100))
    desk.applied(hr, full=True)
    desk.now += timedelta(days=9)
    remove(hr, *(f"p{number}" for number in range(5)))
    desk.applied(hr)
    desk.now += timedelta(hours=6)
    remove(hr, *(f"p{number}" for number in range(5, 9)))
    report = desk.scan(hr)
    assert report.state is ScanState.SUSPENDED
    assert "9 fewer objects than the 100 of this week" in report.reason


def test_who_approves_a_canary_that_is_not_there_agrees_to_nothing_that_is_missing(desk, hr):
    people(hr, range(100))
    desk.applied(hr)
    remove(hr, *(f"p{number}" for number in range(4)))
    desk.applied(hr, full=True)
    hr.guard = type(hr.guard)(canaries=("the-boss",))
    desk.scan(hr, full=True)
    assert desk.asked[0].detail["missing"] == []
    with desk.store.begin() as unit:
        unit.scans.decide(desk.asked[0].scan, approved=True)
    desk.apply_approved(hr)
    hr.guard = type(hr.guard)()
    remove(hr, "p4", "p5")
    report = desk.scan(hr, full=True)
    assert report.state is ScanState.SUSPENDED
    assert "6 fewer objects than the 100 of this week" in report.reason


def test_approved_misses_are_applied_by_the_next_sync(desk, hr):
    people(hr, range(100))
    desk.applied(hr)
    remove(hr, *(f"p{number}" for number in range(30)))
    desk.scan(hr, full=True)
    with desk.store.begin() as unit:
        assert unit.scans.decide(desk.asked[0].scan, approved=True)
    (report,) = desk.apply_approved(hr)
    assert report.state is ScanState.APPLIED
    assert desk.live(hr) == 70
    remove(hr, "p50")
    desk.applied(hr, full=True)


def test_an_approval_covers_a_newer_scan_in_which_nothing_else_is_missing(desk, hr):
    people(hr, range(100))
    desk.applied(hr)
    remove(hr, *(f"p{number}" for number in range(30)))
    desk.scan(hr, full=True)
    people(hr, range(5))
    with desk.store.begin() as unit:
        unit.scans.decide(desk.asked[0].scan, approved=True)
    desk.applied(hr, full=True)
    assert desk.live(hr) == 75


def test_a_newer_suspended_scan_takes_the_place_of_the_older(desk, hr):
    people(hr, range(100))
    desk.applied(hr)
    remove(hr, *(f"p{number}" for number in range(10)))
    desk.scan(hr, full=True)
    remove(hr, "p20")
    desk.scan(hr, full=True)
    assert [draft.count for draft in desk.asked] == [10, 11]
    with desk.store.begin() as unit:
        assert not unit.scans.decide(desk.asked[0].scan, approved=True)
        assert unit.scans.decide(desk.asked[1].scan, approved=True)


def test_a_scan_that_is_fine_again_supersedes_the_suspended_one(desk, hr):
    people(hr, range(100))
    desk.applied(hr)
    remove(hr, *(f"p{number}" for number in range(10)))
    desk.scan(hr, full=True)
    people(hr, range(10))
    desk.applied(hr, full=True)
    with desk.store.begin() as unit:
        assert unit.scans.get(desk.asked[0].scan).state is ScanState.SUPERSEDED
    assert desk.count("scan_change") == 0


def test_people_are_not_asked_again_about_what_they_rejected_unless_more_is_missing(desk, hr):
    people(hr, range(100))
    desk.applied(hr)
    remove(hr, *(f"p{number}" for number in range(10)))
    desk.scan(hr, full=True)
    with desk.store.begin() as unit:
        unit.scans.decide(desk.asked[0].scan, approved=False)
    assert desk.scan(hr, full=True).state is ScanState.SUSPENDED
    assert len(desk.asked) == 1
    remove(hr, "p20")
    assert desk.scan(hr, full=True).state is ScanState.SUSPENDED
    assert len(desk.asked) == 2
    assert desk.live(hr) == 100


def test_a_lost_canary_suspends_the_scan(desk, hr):
    hr.guard = type(hr.guard)(canaries=("p3",))
    people(hr, range(100))
    desk.applied(hr)
    remove(hr, "p3")
    report = desk.scan(hr, full=True)
    assert report.state is ScanState.SUSPENDED
    assert "canary not seen: p3" in report.reason


def test_a_canary_that_was_never_there_suspends_the_first_scan(desk, hr):
    hr.guard = type(hr.guard)(canaries=("the-boss",))
    people(hr, range(10))
    assert desk.scan(hr).state is ScanState.SUSPENDED
    assert desk.count("object") == 0


def test_many_changed_join_values_suspend_the_scan(desk, hr):
    people(hr, range(100))
    desk.applied(hr)
    for number in range(5):
        put(hr, f"p{number}", {"id": f"X{number}", "name": f"Person {number}"})
    report = desk.scan(hr)
    assert report.state is ScanState.SUSPENDED
    assert "5 of 100 objects changed their join value, 1 allowed (1%)" in report.reason


def test_grace_believes_an_absence_only_after_more_scans(desk, hr):
    hr.guard = type(hr.guard)(grace=1)
    people(hr, range(60))
    desk.applied(hr)
    remove(hr, "p7")
    desk.applied(hr, full=True)
    assert desk.get(hr, "p7").absence is None
    desk.applied(hr, full=True)
    assert desk.get(hr, "p7").absence == "absent"


def test_grace_begins_again_when_the_object_was_seen(desk, hr):
    hr.guard = type(hr.guard)(grace=1)
    people(hr, range(60))
    desk.applied(hr)
    for _ in range(2):
        remove(hr, "p7")
        desk.applied(hr, full=True)
        people(hr, range(7, 8))
        desk.applied(hr, full=True)
    assert desk.get(hr, "p7").absence is None


def test_an_invalid_object_is_not_absent(desk, hr):
    people(hr, range(60))
    desk.applied(hr)
    hr.memory.faults.invalid = {"p7"}
    report = desk.applied(hr, full=True)
    assert report.types["person"] == counts(seen=60, invalid=1)
    assert desk.get(hr, "p7").absence == "invalid"
    desk.settle()
    desk.applied(hr, full=True)
    assert desk.pending() == []
    hr.memory.faults.invalid = set()
    desk.applied(hr, full=True)
    assert desk.get(hr, "p7").absence is None


class Filtered:
    """A connector whose scans leave out some objects that are there."""

    def __init__(self, hr: Silo, hidden: set[str]) -> None:
        self._inner = hr.source.connector
        self._hidden = hidden
        self.streams = self._inner.streams

    @contextmanager
    def open(self):
        with self._inner.open() as session:
            self.scope, self.read = session.scope, session.read
            self._session = session
            yield self

    def scan(self, types, cursor):
        for batch in self._session.scan(types, cursor):
            yield [each for each in batch if getattr(each, "anchor", "") not in self._hidden]


def test_what_is_found_by_its_anchor_is_out_of_scope_not_absent(desk, hr):
    people(hr, range(60))
    desk.applied(hr)
    hidden = Source(silo="hr", connector=Filtered(hr, {"p7", "p8"}), guard=hr.guard)
    remove(hr, "p8")
    report = scan(desk.scanning(), hidden, full=True)
    assert report.types["person"] == counts(seen=58, deleted=1)
    assert desk.get(hr, "p7").absence == "out_of_scope"
    assert desk.get(hr, "p8").absence == "absent"


# --- crashes -----------------------------------------------------------------------------------


class Crash(BaseException):
    """The process ends."""


class Crashing:
    """A store whose process ends at one of its write transactions."""

    def __init__(self, store: Store, at: int) -> None:
        self._store = store
        self._left = at
        self.snapshot = store.snapshot

    def begin(self, fence=None):
        self._left -= 1
        if self._left == 0:
            raise Crash
        return self._store.begin(fence)


@pytest.mark.parametrize("point", range(2, 9))
def test_a_crash_at_any_point_is_finished_by_the_next_scan(desk, hr, point):
    people(hr, range(100))
    desk.applied(hr)
    put(hr, "p1", {"id": "1", "name": "Another"})
    remove(hr, "p2")
    with pytest.raises(Crash):
        replace(desk, store=Crashing(desk.store, point)).scan(hr, full=True)
    desk.now += timedelta(minutes=1)
    desk.applied(hr, full=True)
    assert desk.get(hr, "p1").attributes["name"] == "Another"
    assert desk.get(hr, "p2").absence == "absent"
    assert desk.live(hr) == 99
    assert desk.count("object_change") == 2
    assert desk.count("scan_change") == 0


@pytest.mark.parametrize("point", range(3, 9))
def test_a_crash_while_loading_is_finished_by_the_next_scan(desk, hr, point):
    people(hr, range(5_000))
    with pytest.raises(Crash):
        replace(desk, store=Crashing(desk.store, point)).scan(hr)
    desk.now += timedelta(minutes=1)
    with desk.store.snapshot() as unit:
        assert list(unit.objects.in_identity_order()) == []
    desk.applied(hr, full=True)
    with desk.store.snapshot() as unit:
        assert len(list(unit.objects.in_identity_order())) == 5_000
    assert len(desk.pending()) == 5_000


# --- joining -----------------------------------------------------------------------------------


def user(ad: Silo, anchor: str, number: str | None) -> None:
    put(ad, anchor, {"number": number, "login": anchor})


def test_objects_with_the_same_value_are_one_identity(desk, hr, ad):
    people(hr, range(3))
    user(ad, "u1", " 1 ")
    user(ad, "u9", None)
    desk.applied(hr)
    desk.applied(ad)
    assert desk.get(ad, "u1").identity == desk.get(hr, "p1").identity
    assert desk.get(ad, "u9").identity not in {desk.get(hr, f"p{n}").identity for n in range(3)}
    assert desk.get(ad, "u1").slot == "ad"
    with desk.store.snapshot() as unit:
        assert unit.objects.in_slot_by_key("ad", "1").anchor == "u1"
        assert unit.objects.in_slot(desk.get(hr, "p1").identity, "ad").anchor == "u1"
        assert unit.objects.in_slot_by_key("ad", "2") is None


def test_two_objects_in_one_slot_make_the_identity_ambiguous(desk, hr, ad):
    people(hr, range(3))
    user(ad, "u1", "1")
    user(ad, "u1-again", "1")
    desk.applied(hr)
    desk.applied(ad)
    identity = desk.get(hr, "p1").identity
    assert desk.waiting() == {identity: "2 objects for ad with the join value 1: u1, u1-again"}
    user(ad, "u1-again", None)
    desk.applied(ad)
    assert identity not in {
        each for each, why in desk.waiting().items() if why.startswith("2 objects")
    }


def test_a_mended_value_merges_and_waits_for_one_more_scan(desk, hr, ad):
    people(hr, range(3))
    user(ad, "u1", None)
    desk.applied(hr)
    desk.applied(ad)
    apart = desk.get(ad, "u1").identity
    user(ad, "u1", "1")
    desk.applied(ad)
    identity = desk.get(hr, "p1").identity
    assert desk.get(ad, "u1").identity == identity != apart
    assert "one more scan" in desk.waiting()[identity]
    desk.applied(ad)
    assert identity in desk.waiting()
    desk.settle()
    desk.applied(hr)
    assert desk.waiting() == {}
    assert desk.pending() == [identity]
    with desk.store.snapshot() as unit:
        assert not unit.identities.exists(apart)


def test_a_renumbered_person_keeps_the_identity(desk, hr):
    people(hr, range(3))
    desk.applied(hr)
    before = desk.get(hr, "p1")
    put(hr, "p1", {"id": "4711", "name": "Person 1"})
    desk.applied(hr)
    after = desk.get(hr, "p1")
    assert after.identity == before.identity
    assert (before.key, after.key) == ("value:1", "value:4711")
    assert desk.waiting() == {}


def test_a_part_that_moves_is_split_off_and_inherits_marks(desk, hr, ad):
    people(hr, range(3))
    user(ad, "u1", "1")
    desk.applied(hr)
    desk.applied(ad)
    origin = desk.get(hr, "p1").identity
    with desk.store.begin() as unit:
        unit.marks.start([("leaver", origin, "")], desk.now)
        unit.identities.remember_vips({origin: {"executives": None}})
    user(ad, "u1", "new")
    desk.applied(ad)
    heir = desk.get(ad, "u1").identity
    assert heir != origin
    with desk.store.snapshot() as unit:
        assert unit.identities.vips([heir]) == {heir: {"executives": None}}
        starts = unit.marks.last_starts(["leaver"], desk.now - timedelta(days=1), [heir])
    assert starts.keys() == {("leaver", heir, "")}
    assert {origin, heir} <= desk.waiting().keys()


def test_other_joins_join_everything_anew(desk, hr, ad):
    people(hr, range(3))
    put(ad, "u1", {"number": None, "mail": "1"})
    desk.applied(hr)
    desk.applied(ad)
    desk.joins = [join_rule("hr", "person", "id"), join_rule("ad", "user", "mail", slot="account")]
    desk.applied(ad)
    joined = desk.get(ad, "u1")
    assert joined.identity == desk.get(hr, "p1").identity
    assert joined.slot == "account"


def test_an_object_whose_join_value_cannot_be_told_is_invalid(desk, ad):
    put(ad, "u1", {"number": ("1", "2")})
    desk.applied(ad)
    assert desk.get(ad, "u1").absence == "invalid"


def test_members_are_references_in_normal_form(desk, ad):
    put(ad, "staff", {"cn": "staff", "member": ("CN=Ann, OU=People", "CN=Bob,OU=People")}, "group")
    desk.applied(ad)
    group = desk.get(ad, "staff", "group")
    assert group.attributes == {"cn": "staff"}
    with desk.store.snapshot() as unit:
        assert unit.objects.refers(group.id, "cn=ann,ou=people")
    put(ad, "staff", {"cn": "staff", "member": ("CN=Bob,OU=People", "CN=Cid,OU=People")}, "group")
    desk.applied(ad)
    with desk.store.snapshot() as unit:
        assert unit.objects.references(group.id) == {"cn=bob,ou=people", "cn=cid,ou=people"}
        (change,) = unit.objects.history(group.id)
        assert change.before == {"-member": ("cn=ann,ou=people",)}
        assert change.after == {"+member": ("cn=cid,ou=people",)}
        then = unit.objects.at(group.id, group.changed_at)
    assert then.attributes["member"] == ("cn=ann,ou=people", "cn=bob,ou=people")


@pytest.mark.parametrize(
    ("own", "dn"), [("u1", None), ("u1", "CN=Ann, OU=People"), ("QUJDRA==", None), ("QUI=", None)]
)
def test_who_comes_into_a_group_or_leaves_it_is_looked_at_again(desk, ad, own, dn):
    for anchor, place in ((own, dn), ("u2", "CN=Bob,OU=People")):
        put(ad, anchor, {"number": anchor, "dn": place})
    put(ad, "staff", {"cn": "staff"}, "group")
    desk.applied(ad)
    member, group = desk.get(ad, own).identity, desk.get(ad, "staff", "group").identity
    for members in (("cn=Ann,ou=people" if dn else own,), ()):
        desk.settle()
        put(ad, "staff", {"cn": "staff", "member": members}, "group")
        desk.applied(ad)
        assert desk.pending() == sorted({member, group})


# --- what actions write ------------------------------------------------------------------------


def written(desk: Desk, ad: Silo, anchor: str, attributes, source: str = "action:1"):
    with desk.store.begin() as unit:
        return write_back(
            unit,
            Joins(desk.joins),
            ad.types[0],
            None if attributes is None else SiloObject("user", anchor, attributes),
            anchor=anchor,
            source=source,
            now=desk.now,
        )


def test_what_an_action_created_lands_in_the_identity_that_wanted_it(desk, hr, ad):
    people(hr, range(3))
    desk.applied(hr)
    desk.applied(ad)
    desk.settle()
    object_id = written(desk, ad, "u1", {"number": "1", "login": "u1"})
    stored = desk.get(ad, "u1")
    assert stored.id == object_id
    assert stored.identity == desk.get(hr, "p1").identity
    assert stored.source == "action:1"
    assert desk.pending() == [stored.identity]
    assert desk.waiting() == {}


def test_a_scan_that_confirms_an_action_writes_nothing(desk, hr, ad):
    people(hr, range(3))
    desk.applied(hr)
    desk.applied(ad)
    written(desk, ad, "u1", {"number": "1", "login": "u1"})
    desk.settle()
    put(ad, "u1", {"number": "1", "login": "u1"})
    desk.applied(ad)
    assert desk.get(ad, "u1").source == "action:1"
    assert desk.pending() == []


def test_a_deleted_object_is_gone_with_its_history(desk, ad):
    user(ad, "u1", "1")
    desk.applied(ad)
    written(desk, ad, "u1", None)
    stored = desk.get(ad, "u1")
    assert stored.absence == "gone"
    with desk.store.snapshot() as unit:
        (change,) = unit.objects.history(stored.id)
        assert (change.absence_before, change.absence_after) == (None, "gone")
        assert unit.objects.at(stored.id, stored.created_at).absence is None


class Interrupted:
    """A connector whose silo is written by an action while it is scanned."""

    def __init__(self, ad: Silo, interrupt) -> None:
        self._inner = ad.source.connector
        self._interrupt = interrupt
        self.streams = self._inner.streams

    @contextmanager
    def open(self):
        with self._inner.open() as session:
            self.scope, self.read = session.scope, session.read
            self._session = session
            yield self

    def scan(self, types, cursor):
        for batch in self._session.scan(types, cursor):
            self._interrupt()
            yield batch


def test_a_scan_does_not_take_back_what_an_action_wrote_while_it_read(desk, ad):
    user(ad, "u1", "1")
    desk.applied(ad)
    put(ad, "u1", {"number": "1", "login": "u1", "title": "as the scan saw it"})

    def act() -> None:
        desk.now += timedelta(seconds=1)
        written(desk, ad, "u1", {"number": "1", "login": "u1", "title": "as the action left it"})

    source = Source(silo="ad", connector=Interrupted(ad, act), guard=ad.guard)
    assert scan(desk.scanning(), source, full=True).state is ScanState.APPLIED
    assert desk.get(ad, "u1").attributes["title"] == "as the action left it"
