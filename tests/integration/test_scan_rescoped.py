"""Scans under another scope than before, of objects that changed too lately to be judged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

import pytest

from hypersync.model.objects import Invalid
from hypersync.model.requests import RequestState
from hypersync.model.scans import ScanState
from hypersync.pipeline.missing import READ_BACK
from hypersync.pipeline.source_guard import SourceGuard
from tests.asking import settings
from tests.databases import open_store
from tests.integration.test_scan_of_scripted_silos import Scripted, run, seen, user
from tests.integration.test_scan_requests import AskingDesk
from tests.scanning import join_rule

SETTLE = timedelta(minutes=15)
LAGS = SourceGuard(settle=SETTLE)
GUARDS = [
    pytest.param(SourceGuard(), id="one server"),
    pytest.param(LAGS, id="settle"),
    pytest.param(SourceGuard(settle=SETTLE, grace=1), id="settle and grace"),
]
NAMELESS = Invalid("user", None, "row 7", "it has no number")
MANY, GONE = 10_000, READ_BACK + 100


@pytest.fixture
def desk(tmp_path) -> Iterator[AskingDesk]:
    rules = [join_rule("ad", "user", "number")]
    desk = AskingDesk(open_store(tmp_path), rules, settings=settings())
    yield desk
    desk.store.engine.dispose()


@pytest.fixture
def ad(desk) -> Scripted:
    """A silo of forty that was loaded five minutes ago, and has another scope since."""
    ad = Scripted(full=[seen(number) for number in range(40)])
    assert run(desk, ad, guard=LAGS).state is ScanState.APPLIED
    desk.now += timedelta(minutes=5)
    ad.fingerprint = "a narrower base"
    return ad


def open_question(desk: AskingDesk):
    with desk.store.snapshot() as unit:
        return unit.requests.of_silo("ad", "user")


def leave_out(ad: Scripted, numbers: Sequence[int]) -> None:
    """Let full scans no longer see these."""
    left_out = {f"u{number}" for number in numbers}
    ad.full = [each for each in ad.full if each.anchor not in left_out]


@pytest.mark.parametrize("guard", GUARDS)
def test_who_is_left_out_by_a_narrower_scope_is_not_gone(desk, guard):
    ad = Scripted(full=[seen(number) for number in range(MANY)])
    run(desk, ad, guard=guard)
    desk.now += timedelta(minutes=5)
    ad.fingerprint = "a narrower base"
    leave_out(ad, range(GONE))
    for minutes in (0, 20, 20):
        desk.now += timedelta(minutes=minutes)
        report = run(desk, ad, guard=guard)
        assert report.state is ScanState.SUSPENDED
        assert f"attributes changed, and {GONE} objects are missing" in report.reason
    assert user(desk, "u7").absence is None


def test_people_are_shown_who_changed_too_lately_to_be_judged(desk, ad):
    leave_out(ad, range(3))
    assert run(desk, ad, guard=LAGS).state is ScanState.SUSPENDED
    question = open_question(desk)
    assert question.count == 3
    assert question.detail["missing"] == ["u0", "u1", "u2"]


def test_a_newer_scan_that_leaves_out_others_asks_anew(desk, ad):
    everybody = ad.full
    leave_out(ad, range(3))
    run(desk, ad, guard=LAGS)
    first = open_question(desk)
    ad.full = everybody
    leave_out(ad, range(3, 6))
    run(desk, ad, guard=LAGS)
    assert open_question(desk).id != first.id


def test_who_is_seen_after_all_answers_the_question(desk, ad):
    everybody = ad.full
    leave_out(ad, range(3))
    run(desk, ad, guard=LAGS)
    asked = open_question(desk)
    ad.full = everybody
    assert run(desk, ad, guard=LAGS).state is ScanState.APPLIED
    with desk.store.snapshot() as unit:
        assert unit.requests.get(asked.id).state is RequestState.VOID


def test_what_people_agreed_to_is_believed_once_it_is_old_enough(desk, ad):
    leave_out(ad, [7])
    run(desk, ad, guard=LAGS)
    with desk.store.begin() as unit:
        assert unit.scans.decide(desk.asked[-1].scan, approved=True)
    desk.now += timedelta(minutes=5)
    assert run(desk, ad, guard=LAGS).state is ScanState.APPLIED
    assert user(desk, "u7").absence is None
    desk.now += SETTLE
    assert run(desk, ad, guard=LAGS, full=True).state is ScanState.APPLIED
    assert user(desk, "u7").absence == "absent"


def test_under_the_same_scope_what_changed_a_moment_ago_is_nobodys_question(desk, ad):
    ad.fingerprint = "everything"
    leave_out(ad, range(3))
    assert run(desk, ad, guard=LAGS, full=True).state is ScanState.APPLIED


# --- rows that do not say which object they are --------------------------------------------------


@pytest.mark.parametrize("guard", GUARDS)
def test_beside_a_row_without_a_name_a_narrower_scope_is_asked_about_too(desk, ad, guard):
    leave_out(ad, [7])
    ad.full.append(NAMELESS)
    for minutes in (0, 20):
        desk.now += timedelta(minutes=minutes)
        report = run(desk, ad, guard=guard)
        assert report.state is ScanState.SUSPENDED
        assert "attributes changed, and 1 object is missing" in report.reason
    ad.full.remove(NAMELESS)
    desk.now += timedelta(minutes=20)
    assert run(desk, ad, guard=guard).state is ScanState.SUSPENDED
    assert user(desk, "u7").absence is None


def test_beside_a_row_without_a_name_a_newer_scan_that_leaves_out_others_asks_anew(desk, ad):
    everybody = ad.full
    leave_out(ad, [7])
    ad.full.append(NAMELESS)
    run(desk, ad, guard=LAGS)
    first = open_question(desk)
    ad.full = everybody
    leave_out(ad, [8])
    ad.full.append(NAMELESS)
    run(desk, ad, guard=LAGS)
    assert open_question(desk).id != first.id


def test_a_row_without_a_name_where_nobody_is_missing_asks_nothing(desk, ad):
    ad.full = [*ad.full, NAMELESS]
    assert run(desk, ad, guard=LAGS).state is ScanState.APPLIED
