"""Members are held by another attribute than before: who is in a group is found out anew."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from unittest.mock import Mock

import pytest

from hypersync.connectors.memory import MemorySilo
from hypersync.model import scopes
from hypersync.model.objects import Attributes, SiloObject
from hypersync.model.scans import ScanKind, ScanState
from hypersync.pipeline import landing, parting
from hypersync.pipeline.apply import write_back
from hypersync.pipeline.join import Joins
from hypersync.pipeline.source_guard import SourceGuard
from tests.databases import open_store
from tests.postgresql import both_databases
from tests.scanning import Desk, Silo, join_rule, put, remove, silo

NOBODY: Mapping[str, str] = {}
MEMBER = {"group": "member"}
UNIQUE = {"group": "uniqueMember"}
STAFF = {"member": ("ann", "bob"), "uniqueMember": ("ann", "cat")}


@pytest.fixture
def database_url(tmp_path) -> str:
    return f"sqlite:///{tmp_path}/hypersync.db"


@pytest.fixture
def desk(database_url) -> Iterator[Desk]:
    desk = Desk(open_store(database_url), [join_rule("apps", "group", None, slot="g")])
    yield desk
    desk.store.engine.dispose()


@pytest.fixture
def memory() -> MemorySilo:
    return MemorySilo()


def apps(memory: MemorySilo, members: Mapping[str, str]) -> Silo:
    return silo("apps", "group", members=members, memory=memory)


def members(desk: Desk, anchor: str = "staff") -> dict[str, list[str]]:
    with desk.store.snapshot() as unit:
        found = unit.objects.get("apps", "group", anchor)
        return {
            name: list(to) for name, to in unit.objects.references_by_attribute(found.id).items()
        }


def stored(desk: Desk) -> Attributes:
    with desk.store.snapshot() as unit:
        return unit.objects.whole(unit.objects.get("apps", "group", "staff")).attributes


def set_scope(desk: Desk, change) -> None:
    """Change what is written down of the last scan's scope."""
    with desk.store.begin() as unit:
        (kind,) = unit.scans.types()
        unit.scans.set_scope(kind.id, change(kind.scope))


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (NOBODY, MEMBER, {"member": ["ann", "bob"]}),
        (MEMBER, UNIQUE, {"uniqueMember": ["ann", "cat"]}),
        (UNIQUE, MEMBER, {"member": ["ann", "bob"]}),
        (MEMBER, NOBODY, {}),
    ],
    ids=["named", "renamed", "renamed-back", "no-longer-named"],
)
def test_an_unchanged_group_is_parted_anew_by_the_next_scan(desk, memory, before, after, expected):
    put(apps(memory, before), "staff", STAFF)
    desk.applied(apps(memory, before))
    report = desk.applied(apps(memory, after))
    assert report.kind is ScanKind.FULL  # a delta would not tell of it
    assert members(desk) == expected
    assert stored(desk) == STAFF


def test_who_left_under_the_other_attribute_is_out(desk, memory):
    put(apps(memory, MEMBER), "staff", {"member": ("ann", "bob"), "uniqueMember": ("ann", "bob")})
    desk.applied(apps(memory, MEMBER))
    put(apps(memory, UNIQUE), "staff", {"uniqueMember": ("ann",)})
    desk.applied(apps(memory, UNIQUE))
    assert members(desk) == {"uniqueMember": ["ann"]}


def test_what_changed_while_nobody_named_the_members_is_out(desk, memory):
    put(apps(memory, MEMBER), "staff", {"member": ("ann", "bob")})
    desk.applied(apps(memory, MEMBER))
    put(apps(memory, NOBODY), "staff", {"member": ("ann",)})
    desk.applied(apps(memory, NOBODY))
    assert members(desk) == {}
    desk.applied(apps(memory, MEMBER))
    assert members(desk) == {"member": ["ann"]}


def test_everybody_whose_membership_is_found_out_is_looked_at(desk, memory):
    put(apps(memory, NOBODY), "staff", {"member": ("team",)})
    put(apps(memory, NOBODY), "team", {"cn": "team"})
    desk.applied(apps(memory, NOBODY))
    desk.settle()
    desk.applied(apps(memory, MEMBER))
    both = {desk.get(apps(memory, MEMBER), each).identity for each in ("staff", "team")}
    assert set(desk.pending()) == both


def test_a_group_seen_twice_is_parted_anew_too(desk, memory):
    put(apps(memory, NOBODY), "staff", STAFF)
    desk.applied(apps(memory, NOBODY))
    twice = apps(memory, MEMBER)
    versions = memory.versions

    def repeated(*wanted):
        return [each for each in versions(*wanted) for _ in range(2)]

    memory.versions = repeated  # as a page that moved while it was read shows it again
    desk.applied(twice)
    assert members(desk) == {"member": ["ann", "bob"]}


def test_the_next_scans_are_deltas_again_and_believe_hashes(desk, memory):
    put(apps(memory, NOBODY), "staff", STAFF)
    desk.applied(apps(memory, NOBODY))
    desk.applied(apps(memory, MEMBER))
    assert desk.applied(apps(memory, MEMBER)).kind is ScanKind.DELTA
    assert desk.applied(apps(memory, MEMBER), full=True).types["group"].updated == 0


def test_history_tells_of_members_as_they_were(desk, memory):
    put(apps(memory, MEMBER), "staff", {**STAFF, "member": ("CN=Ann,DC=x", "CN=Bob,DC=x")})
    desk.applied(apps(memory, MEMBER))
    before = desk.now
    first = stored(desk)
    desk.applied(apps(memory, UNIQUE))
    second = stored(desk)
    moment = desk.now
    desk.applied(apps(memory, NOBODY))
    with desk.store.snapshot() as unit:
        found = unit.objects.get("apps", "group", "staff")
        assert unit.objects.at(found.id, before).attributes == first
        assert unit.objects.at(found.id, moment).attributes == second


def test_members_that_are_said_as_before_leave_no_history(desk, memory):
    put(apps(memory, NOBODY), "staff", STAFF)
    desk.applied(apps(memory, NOBODY))
    for members in (MEMBER, UNIQUE, NOBODY):
        desk.applied(apps(memory, members))
    assert desk.count("object_change") == 0


def test_nobody_is_asked_because_a_group_went_meanwhile(desk, memory):
    for number in range(30):
        put(apps(memory, NOBODY), f"g{number}", {"member": ("ann",)})
    desk.applied(apps(memory, NOBODY))
    remove(apps(memory, NOBODY), "g7")
    assert desk.scan(apps(memory, MEMBER)).state is ScanState.APPLIED


def test_a_scan_that_is_not_believed_leaves_it_to_the_next(desk, memory):
    put(apps(memory, NOBODY), "staff", STAFF)
    desk.applied(apps(memory, NOBODY))
    named = apps(memory, MEMBER)
    named.guard = SourceGuard(canaries=("nobody",))
    assert desk.scan(named).state is ScanState.SUSPENDED
    assert members(desk) == {}
    assert desk.applied(apps(memory, MEMBER)).kind is ScanKind.FULL
    assert members(desk) == {"member": ["ann", "bob"]}


def test_a_scan_approved_later_is_applied_with_the_members_of_its_day(desk, memory):
    put(apps(memory, UNIQUE), "staff", STAFF)
    put(apps(memory, UNIQUE), "other", STAFF)
    desk.applied(apps(memory, UNIQUE))
    put(apps(memory, UNIQUE), "staff", {**STAFF, "cn": "changed"})
    careful = apps(memory, UNIQUE)
    careful.guard = SourceGuard(canaries=("nobody",))
    suspended = desk.scan(careful, full=True)
    assert suspended.state is ScanState.SUSPENDED
    with desk.store.begin() as unit:
        (waiting,) = unit.scans.in_state([ScanState.SUSPENDED])
        unit.scans.decide(waiting.id, approved=True)
    desk.apply_approved(apps(memory, MEMBER))
    assert members(desk) == {"uniqueMember": ["ann", "cat"]}
    desk.applied(apps(memory, MEMBER))
    assert members(desk) == members(desk, "other") == {"member": ["ann", "bob"]}


def test_what_an_action_writes_before_that_is_parted_as_the_others_are(desk, memory):
    put(apps(memory, MEMBER), "staff", STAFF)
    desk.applied(apps(memory, MEMBER))
    (kind,) = apps(memory, UNIQUE).types
    found = SiloObject("group", "staff", {**STAFF, "cn": "staff"})
    with desk.store.begin() as unit:
        write_back(
            unit, Joins(desk.joins), kind, found, anchor="staff", source="action:1", now=desk.now
        )
    assert members(desk) == {"member": ["ann", "bob"]}
    put(apps(memory, MEMBER), "staff", {**STAFF, "cn": "staff"})
    desk.applied(apps(memory, MEMBER), full=True)  # the change of configuration was taken back
    assert members(desk) == {"member": ["ann", "bob"]}


def wrote_during(desk: Desk, silo: Silo, left: Attributes | None) -> None:
    """Let an action end that leaves a group so, or deletes it, while the next scan runs."""
    versions = silo.memory.versions

    def meanwhile(*wanted):
        seen = versions(*wanted)
        desk.now += timedelta(seconds=1)
        found = None if left is None else SiloObject("group", "staff", left)
        (kind,) = silo.types
        with desk.store.begin() as unit:
            joins = Joins(desk.joins)
            write_back(unit, joins, kind, found, anchor="staff", source="action:1", now=desk.now)
        silo.memory.versions = versions
        remove(silo, "staff") if left is None else put(silo, "staff", left)
        return seen

    silo.memory.versions = meanwhile


def in_doubt(desk: Desk, silo: Silo) -> bool:
    """Tell whether nobody knows who is in the groups, so that membership rules do nothing."""
    with desk.store.snapshot() as unit:
        return bool(parting.of_unknown_members(unit, {("apps", "group"): silo.types[0]}))


@pytest.mark.parametrize(
    "left",
    [{**STAFF, "cn": "staff"}, {**STAFF, "uniqueMember": ("ann",)}],
    ids=["else", "who-left"],
)
def test_members_are_in_doubt_when_an_action_wrote_during_that_scan(desk, memory, left):
    for anchor in ("staff", "other"):
        put(apps(memory, MEMBER), anchor, STAFF)
    desk.applied(apps(memory, MEMBER))
    renamed = apps(memory, UNIQUE)
    wrote_during(desk, renamed, left)
    desk.applied(renamed)
    assert stored(desk) == left  # as the action left it
    assert in_doubt(desk, renamed)
    assert desk.applied(renamed).kind is ScanKind.FULL
    assert not in_doubt(desk, renamed)
    assert members(desk) == {"uniqueMember": [*left["uniqueMember"]]}
    assert members(desk, "other") == {"uniqueMember": ["ann", "cat"]}
    assert stored(desk) == left
    assert desk.applied(renamed).kind is ScanKind.DELTA


def test_they_are_in_doubt_although_the_process_died_before_that_scan_ended(
    desk, memory, monkeypatch
):
    put(apps(memory, MEMBER), "staff", STAFF)
    desk.applied(apps(memory, MEMBER))
    renamed = apps(memory, UNIQUE)
    wrote_during(desk, renamed, {**STAFF, "cn": "staff"})
    with monkeypatch.context() as patched:
        patched.setattr(landing.Landing, "_finish", Mock(side_effect=MemoryError))
        with pytest.raises(MemoryError):
            desk.scan(renamed)
    desk.apply_approved(renamed)
    assert in_doubt(desk, renamed)
    assert desk.applied(renamed).kind is ScanKind.FULL
    assert members(desk) == {"uniqueMember": ["ann", "cat"]}


def test_a_group_that_an_action_left_as_that_scan_saw_it_is_parted_anew(desk, memory):
    put(apps(memory, MEMBER), "staff", STAFF)
    desk.applied(apps(memory, MEMBER))
    renamed = apps(memory, UNIQUE)
    left = {**STAFF, "uniqueMember": ("ann",)}
    put(renamed, "staff", left)
    wrote_during(desk, renamed, left)
    desk.applied(renamed)
    assert members(desk) == {"uniqueMember": ["ann"]}
    assert not in_doubt(desk, renamed)


@pytest.mark.parametrize("before", [MEMBER, UNIQUE], ids=["parted-anew", "as-before"])
def test_a_group_that_an_action_deleted_during_a_scan_stays_deleted(desk, memory, before):
    for anchor in ("staff", "other"):
        put(apps(memory, before), anchor, STAFF)
    desk.applied(apps(memory, before))
    renamed = apps(memory, UNIQUE)
    wrote_during(desk, renamed, None)
    for _ in range(2):
        desk.applied(renamed, full=True)
        assert desk.get(renamed, "staff").absence == "gone"
    assert members(desk, "other") == {"uniqueMember": ["ann", "cat"]}
    assert not in_doubt(desk, renamed)


def stale(desk: Desk, silo: Silo) -> None:
    """Check that members are in doubt until a later scan, a full one, sees or loses the group."""
    assert members(desk) == {"member": ["ann", "bob"]}
    assert in_doubt(desk, silo)


@both_databases
@pytest.mark.parametrize(
    "guard",
    [SourceGuard(grace=1), SourceGuard(settle=timedelta(hours=1))],
    ids=["missed", "unsettled"],
)
@pytest.mark.parametrize("comes_back", [True, False])
def test_members_are_in_doubt_while_a_group_is_missing_but_not_gone(
    desk, memory, guard, comes_back
):
    put(apps(memory, MEMBER), "staff", STAFF)
    put(apps(memory, MEMBER), "other", STAFF)
    desk.applied(apps(memory, MEMBER))
    renamed = apps(memory, UNIQUE)
    renamed.guard = guard
    remove(renamed, "staff")
    desk.applied(renamed)
    stale(desk, renamed)
    if comes_back:
        put(renamed, "staff", STAFF)
    desk.now += timedelta(hours=2)
    assert desk.applied(renamed).kind is ScanKind.FULL
    assert not in_doubt(desk, renamed)
    if comes_back:
        assert members(desk) == {"uniqueMember": ["ann", "cat"]}
    else:
        assert desk.get(renamed, "staff").absence == "absent"
    assert desk.applied(renamed).kind is ScanKind.DELTA


@both_databases
def test_members_are_in_doubt_when_an_action_created_a_group_during_that_scan(desk, memory):
    put(apps(memory, MEMBER), "other", STAFF)
    desk.applied(apps(memory, MEMBER))
    renamed = apps(memory, UNIQUE)
    wrote_during(desk, renamed, STAFF)
    desk.applied(renamed)
    stale(desk, renamed)
    assert desk.applied(renamed).kind is ScanKind.FULL
    assert members(desk) == {"uniqueMember": ["ann", "cat"]}
    assert not in_doubt(desk, renamed)


def test_a_group_that_was_gone_while_members_were_found_out_comes_back_without_the_old(
    desk, memory
):
    put(apps(memory, MEMBER), "staff", STAFF)
    put(apps(memory, MEMBER), "other", STAFF)
    desk.applied(apps(memory, MEMBER))
    nobody = apps(memory, NOBODY)
    remove(nobody, "staff")
    desk.applied(nobody)
    assert not in_doubt(desk, nobody)
    put(nobody, "staff", STAFF)
    desk.applied(nobody)
    assert members(desk) == {}
    assert stored(desk) == STAFF


# --- stores from before it was written down --------------------------------------------------


@both_databases
@pytest.mark.parametrize("named", [NOBODY, MEMBER], ids=["none", "member"])
def test_an_older_store_that_is_right_is_not_scanned_in_full(desk, memory, named):
    put(apps(memory, named), "staff", STAFF)
    put(apps(memory, named), "empty", {"cn": "empty"})
    desk.applied(apps(memory, named))
    set_scope(desk, scopes.told)
    report = desk.applied(apps(memory, named))
    assert report.kind is ScanKind.DELTA
    with desk.store.snapshot() as unit:
        assert not parting.is_silent(unit.scans.types()[0].scope)


@both_databases
@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (NOBODY, MEMBER, {"member": ["ann", "bob"]}),
        (MEMBER, UNIQUE, {"uniqueMember": ["ann", "cat"]}),
        (MEMBER, NOBODY, {}),
    ],
    ids=["named", "renamed", "no-longer-named"],
)
def test_an_older_store_that_is_wrong_is_scanned_in_full(desk, memory, before, after, expected):
    put(apps(memory, before), "staff", STAFF)
    desk.applied(apps(memory, before))
    set_scope(desk, scopes.told)
    assert desk.applied(apps(memory, after)).kind is ScanKind.FULL
    assert members(desk) == expected
