"""Each newer test of the contract fails for a connector that does one thing wrong."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from hypersync.connectors.contract import Bench, ConnectorContract
from hypersync.connectors.contract.comparing import ComparingContract
from hypersync.connectors.contract.effects import EffectsContract
from hypersync.connectors.contract.following import FollowingContract
from hypersync.connectors.contract.sessions import SessionContract
from hypersync.connectors.memory import MemoryConnector, MemorySession
from hypersync.model.objects import Operation
from tests import careless_scans as scans
from tests import careless_writes as writes
from tests.memory_bench import bench_of, make_connector, make_silo

FAULTS: list[tuple[type[MemorySession], str, dict[str, object]]] = [
    (scans.LeavesOutGroups, "full_scan_reports_every_group_once_with_its_members", {}),
    (scans.LeavesOutMembers, "full_scan_reports_every_group_once_with_its_members", {}),
    (scans.TellsGroupsTwice, "full_scan_reports_every_group_once_with_its_members", {}),
    (scans.HasOneScope, "each_type_has_a_scope_of_its_own", {}),
    (scans.TellsOnce, "one_session_scans_twice_and_tells_the_same", {}),
    (scans.KeepsWhatItRead, "one_session_scans_and_reads_what_it_wrote", {}),
    (scans.NeverLooksAgain, "one_session_scans_and_reads_what_it_wrote", {}),
    (scans.NeverLooksAgain, "the_next_full_scan_tells_what_somebody_else_changed", {}),
    (scans.TellsTheDeletedAsSeen, "who_follows_knows_what_somebody_else_changed_and_deleted", {}),
    (scans.TellsTheUnchangedAsDeleted, "where_nothing_changed_who_follows_knows_the_same", {}),
    (scans.Invents, "where_nothing_changed_who_follows_knows_the_same", {}),
    (scans.TellsAPartAsAll, "who_follows_knows_what_somebody_else_changed_and_deleted", {}),
    (scans.TellsAnOldStateLast, "who_follows_knows_what_somebody_else_changed_and_deleted", {}),
    (scans.TellsNothingNew, "who_follows_knows_what_is_new", {}),
    (scans.NeverClears, "who_follows_knows_what_was_cleared", {}),
    (scans.NeverClears, "who_follows_knows_who_came_into_a_group_and_who_left", {}),
    (scans.LeavesGroupsOutOfDeltas, "who_follows_knows_who_came_into_a_group_and_who_left", {}),
    (scans.LeavesGroupsOutOfDeltas, "who_follows_knows_which_group_went", {}),
    *(
        (
            scans.TakesTheCursorInTheEnd,
            "what_changes_during_a_scan_is_told_by_the_next_at_the_latest",
            {"is_deleted": is_deleted},
        )
        for is_deleted in (False, True)
    ),
    (scans.ReadsOnePage, "a_stream_that_breaks_later_completes_only_if_it_told_all", {}),
    (scans.SwallowsLaterErrors, "a_stream_that_breaks_later_completes_only_if_it_told_all", {}),
    *(
        (writes.ComparesTheFirstAttribute, f"{operation}_compares_every_attribute", {"name": name})
        for operation in ("an_update", "a_delete")
        for name in ("departmentNumber", "telephoneNumber")
    ),
    (
        writes.ComparesWhatWasThere,
        "an_update_compares_every_attribute",
        {"name": "telephoneNumber"},
    ),
    (writes.ComparesUpdatesOnly, "a_delete_compares_every_attribute", {"name": "title"}),
    (writes.ComparesUpdatesOnly, "disable_and_enable_compare", {}),
    (writes.ComparesUpdatesOnly, "a_move_compares", {}),
    (writes.ComparesNoMembers, "an_update_compares_members", {}),
    *(
        (
            writes.SucceedsInGroupsThatAreGone,
            "membership_of_a_group_that_is_gone_is_a_conflict",
            {"operation": operation},
        )
        for operation in writes.MEMBERSHIP
    ),
    (writes.WritesTheFirstAttribute, "several_attributes_are_read_back", {}),
    (writes.IsBlindToCase, "a_change_of_case_only_is_written", {}),
    (writes.ClaimsToDisable, "disabled_and_enabled_are_read_back", {}),
    (writes.ClaimsToRemoveMembers, "members_are_read_back", {}),
    (writes.ReplacesMembers, "members_are_read_back", {}),
    (writes.DeletesEmptyGroups, "without_its_last_member_a_group_is_still_there", {}),
    (writes.ClaimsToDelete, "what_was_deleted_is_not_read", {}),
    (writes.DropsAnAttribute, "an_update_changes_no_other_attribute", {}),
    *(
        (
            writes.meddling(operation),
            "a_write_changes_nothing_but_its_object",
            {"name": name, "changes": changes},
        )
        for operation, name, changes in (
            (Operation.UPDATE, "update", "ann"),
            (Operation.DISABLE, "disable", "ann"),
            (Operation.DELETE, "delete", "bob"),
            (Operation.CREATE, "create", None),
            (Operation.ADD_MEMBER, "add", "staff"),
            (Operation.UPDATE, "several", "staff"),
        )
    ),
]


def bench_with(kind: type[MemorySession]) -> Bench:
    """Return the silo in memory with sessions of a kind, whose pages are of one object."""

    class Connector(MemoryConnector):
        @contextmanager
        def open(self) -> Iterator[MemorySession]:
            yield kind(self.silo, self._settings, 1)

    silo = make_silo()
    return bench_of(silo, make_connector(silo, kind=Connector))


@pytest.mark.parametrize(
    ("kind", "name", "arguments"),
    FAULTS,
    ids=[f"{kind.__name__}-{name}" for kind, name, _ in FAULTS],
)
def test_a_connector_with_one_fault_breaks_the_contract(
    kind: type[MemorySession], name: str, arguments: dict[str, object]
):
    test = getattr(ConnectorContract(), f"test_{name}")
    test(bench_with(MemorySession), **arguments)
    with pytest.raises((AssertionError, ValueError)):
        test(bench_with(kind), **arguments)


@pytest.mark.parametrize(
    "part", [SessionContract, FollowingContract, ComparingContract, EffectsContract]
)
def test_each_test_of_the_newer_parts_is_shown_to_fail(part: type):
    elsewhere = {"two_sessions_do_not_disturb_each_other"}
    tests = {each.removeprefix("test_") for each in vars(part) if each.startswith("test_")}
    assert tests - elsewhere <= {name for _, name, _ in FAULTS}
