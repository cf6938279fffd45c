"""Scans of servers that may lag behind: what they miss is looked at again, and not forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from hypersync.model.scans import ScanKind, ScanState
from hypersync.pipeline.missing import READ_BACK
from hypersync.pipeline.source_guard import SourceGuard
from tests.databases import open_store
from tests.integration.test_scan_of_scripted_silos import (
    Deleted,
    DeletionKind,
    Invalid,
    Scripted,
    anchors,
    run,
    seen,
    user,
)
from tests.scanning import Desk, join_rule

SETTLE = timedelta(minutes=15)
LAGS = SourceGuard(settle=SETTLE)
PATIENT = SourceGuard(settle=SETTLE, grace=1)


@pytest.fixture
def desk(tmp_path) -> Iterator[Desk]:
    desk = Desk(open_store(tmp_path), [join_rule("ad", "user", "number")])
    yield desk
    desk.store.engine.dispose()


@pytest.fixture
def ad(desk) -> Scripted:
    """A silo of forty that was read five hours ago."""
    ad = Scripted(full=[seen(number) for number in range(40)])
    run(desk, ad)
    desk.now += timedelta(hours=5)
    return ad


def absence(desk: Desk, number: int) -> str | None:
    return user(desk, f"u{number}").absence


def changed_lately(desk: Desk, ad: Scripted, *numbers: int) -> None:
    """Let a delta tell of a change, five minutes ago."""
    ad.delta = [seen(number, title="new") for number in numbers]
    run(desk, ad, guard=LAGS)
    ad.delta = []
    desk.now += timedelta(minutes=5)


def leave_out(ad: Scripted, *numbers: int) -> None:
    """Let full scans no longer see these."""
    ad.full = [seen(number) for number in range(40) if number not in numbers]


def later(desk: Desk, ad: Scripted, **span: int):
    desk.now += timedelta(**span)
    return run(desk, ad, guard=LAGS)


# --- grace -------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_full", [True, False])
def test_looks_that_are_less_than_settle_apart_are_one_look(desk, ad, is_full):
    ad.delta = [anchors(*range(1, 40))]
    leave_out(ad, 0)
    run(desk, ad, full=True, guard=PATIENT)
    for _ in range(13):
        desk.now += timedelta(minutes=1)
        run(desk, ad, full=is_full, guard=PATIENT)
        assert absence(desk, 0) is None
    desk.now += timedelta(minutes=3)
    run(desk, ad, full=is_full, guard=PATIENT)
    assert absence(desk, 0) == "absent"


def test_without_settle_each_delta_is_a_look(desk, ad):
    ad.delta = [anchors(*range(1, 40))]
    for expected in (None, "absent"):
        run(desk, ad, guard=SourceGuard(grace=1))
        assert absence(desk, 0) == expected


def test_a_look_in_the_future_is_noted_again(desk, ad):
    ad.delta = [anchors(*range(1, 40))]
    run(desk, ad, guard=PATIENT)
    desk.now -= timedelta(hours=1)
    for minutes, expected in ((1, None), (14, None), (2, "absent")):
        desk.now += timedelta(minutes=minutes)
        run(desk, ad, guard=PATIENT)
        assert absence(desk, 0) == expected


def test_what_is_missing_and_not_yet_gone_is_still_measured(desk, ad):
    ad.delta = [anchors(*range(38))]
    run(desk, ad, guard=PATIENT)
    ad.delta = [anchors(*range(35))]
    assert run(desk, ad, guard=PATIENT).state is ScanState.SUSPENDED


# --- what changed less than settle ago ---------------------------------------------------------


def test_what_settle_kept_from_being_believed_is_asked_for_by_the_next_deltas(desk, ad):
    changed_lately(desk, ad, 3)
    leave_out(ad, 3)
    run(desk, ad, full=True, guard=LAGS)
    later(desk, ad, minutes=9)
    assert absence(desk, 3) is None
    assert later(desk, ad, minutes=2).types["user"].deleted == 1
    assert absence(desk, 3) == "absent"


def test_what_is_found_then_is_out_of_scope(desk, ad):
    changed_lately(desk, ad, 3)
    leave_out(ad, 3)
    run(desk, ad, full=True, guard=LAGS)
    ad.there["u3"] = {"number": "3"}
    later(desk, ad, minutes=11)
    assert absence(desk, 3) == "out_of_scope"


def test_who_is_told_of_again_is_not_asked_for(desk, ad):
    changed_lately(desk, ad, 3)
    leave_out(ad, 3)
    run(desk, ad, full=True, guard=LAGS)
    ad.delta = [seen(3, title="new")]
    later(desk, ad, minutes=1)
    ad.delta = []
    later(desk, ad, hours=1)
    assert absence(desk, 3) is None


def test_a_deletion_is_believed_at_once_whatever_was_left_open(desk, ad):
    changed_lately(desk, ad, 3)
    leave_out(ad, 3)
    run(desk, ad, full=True, guard=LAGS)
    ad.delta = [Deleted("user", "u3", DeletionKind.GONE)]
    later(desk, ad, minutes=1)
    assert absence(desk, 3) == "gone"


def test_grace_still_wants_another_complete_scan(desk, ad):
    changed_lately(desk, ad, 3)
    leave_out(ad, 3)
    run(desk, ad, full=True, guard=PATIENT)
    desk.now += timedelta(hours=1)
    run(desk, ad, guard=PATIENT)
    assert absence(desk, 3) is None
    run(desk, ad, full=True, guard=PATIENT)
    assert absence(desk, 3) == "absent"


def test_what_was_left_open_is_measured_once_it_is_claimed(desk, ad):
    changed_lately(desk, ad, *range(5))
    leave_out(ad, *range(5))
    assert run(desk, ad, full=True, guard=LAGS).state is ScanState.APPLIED
    assert later(desk, ad, minutes=11).state is ScanState.SUSPENDED
    assert absence(desk, 3) is None


def test_too_much_to_ask_for_is_read_in_full(desk):
    many = range(READ_BACK + 2)
    ad = Scripted(full=[seen(number) for number in range(10_000)])
    run(desk, ad)
    changed_lately(desk, ad, *many)
    ad.full = [seen(number) for number in range(len(many), 10_000)]
    run(desk, ad, full=True, guard=LAGS)
    report = later(desk, ad, minutes=11)
    assert report.kind is ScanKind.FULL
    assert report.types["user"].deleted == len(many)


def test_a_row_without_a_name_may_be_what_was_left_open(desk, ad):
    changed_lately(desk, ad, 3)
    leave_out(ad, 3)
    run(desk, ad, full=True, guard=LAGS)
    ad.delta = [Invalid("user", None, "row 7", "it has no number")]
    later(desk, ad, minutes=11)
    assert absence(desk, 3) is None
    ad.delta = []
    later(desk, ad, minutes=1)
    assert absence(desk, 3) == "absent"


# --- canaries ----------------------------------------------------------------------------------


@pytest.mark.parametrize("canary", ["u3", "user/u3"])
def test_a_canary_that_changed_a_moment_ago_still_guards(desk, ad, canary):
    guard = SourceGuard(settle=SETTLE, canaries=(canary,))
    changed_lately(desk, ad, 3)
    leave_out(ad, 3, 4)
    report = run(desk, ad, full=True, guard=guard)
    assert report.state is ScanState.SUSPENDED
    assert canary in (report.reason or "")
    assert absence(desk, 4) is None
