import pytest
from hypothesis import given
from hypothesis import strategies as st

from hypersync.model.limit import parse_limit
from hypersync.pipeline.source_guard import Evidence, SourceGuard, judge, lowest_believed


def evidence(**changed) -> Evidence:
    plain = {"live": 1000, "high": 1000, "seen": 1000, "missing": 0}
    return Evidence(**{**plain, **changed})


def test_a_scan_that_misses_nothing_is_believed():
    assert judge(evidence(), SourceGuard()) == ()


@pytest.mark.parametrize(("missing", "is_believed"), [(50, True), (51, False)])
def test_as_many_as_the_limit_may_be_missing(missing, is_believed):
    reasons = judge(evidence(seen=950, missing=missing), SourceGuard())
    assert (reasons == ()) is is_believed


def test_the_sentence_says_how_many_of_how_many_are_allowed():
    assert judge(evidence(missing=300), SourceGuard()) == (
        "300 of 1 000 objects are missing, 50 allowed (5%)",
    )


def test_new_objects_do_not_offset_missing_ones():
    assert judge(evidence(seen=2000, missing=300), SourceGuard())


def test_a_limit_of_zero_asks_about_every_missing_object():
    guard = SourceGuard(drop=parse_limit("0"))
    assert judge(evidence(missing=1), guard) == ("1 of 1 000 objects are missing, 0 allowed",)


def test_small_populations_may_lose_any_number():
    assert judge(evidence(live=19, high=19, seen=1, missing=18), SourceGuard()) == ()
    assert judge(evidence(live=20, high=20, seen=2, missing=18), SourceGuard()) != ()


def test_no_population_is_small_enough_to_become_empty():
    assert judge(evidence(live=1, high=1, seen=0, missing=1), SourceGuard()) == (
        "it is empty, and 1 objects were there",
    )


def test_an_empty_delta_is_no_empty_silo():
    assert judge(evidence(seen=0, is_complete=False), SourceGuard()) == ()


def test_a_delta_that_deletes_the_last_objects_of_a_small_silo_is_not_believed():
    small = {"live": 3, "high": 3, "is_complete": False}
    assert judge(evidence(**small, seen=0, missing=2), SourceGuard()) == ()
    assert judge(evidence(**small, seen=1, missing=3), SourceGuard()) == ()
    assert judge(evidence(**small, seen=0, missing=3), SourceGuard()) == (
        "it is empty, and 3 objects were there",
    )


def test_a_silo_that_was_empty_may_stay_empty():
    assert judge(evidence(live=0, high=0, seen=0), SourceGuard()) == ()


def test_losses_are_measured_against_the_high_of_the_week():
    assert judge(evidence(live=960, seen=940, missing=20), SourceGuard()) == (
        "60 fewer objects than the 1 000 of this week, 50 allowed (5%)",
    )


def test_the_high_of_the_week_means_nothing_while_nothing_is_missing():
    assert judge(evidence(live=500, high=1000, seen=500), SourceGuard()) == ()


def test_a_small_silo_is_measured_against_its_large_past():
    assert judge(evidence(live=10, high=1000, seen=9, missing=1), SourceGuard())


@pytest.mark.parametrize(("rekeyed", "is_believed"), [(10, True), (11, False)])
def test_as_many_as_the_limit_may_change_their_join_value(rekeyed, is_believed):
    assert (judge(evidence(rekeyed=rekeyed), SourceGuard()) == ()) is is_believed


def test_few_objects_may_all_change_their_join_value():
    assert judge(evidence(live=19, rekeyed=19), SourceGuard()) == ()


def test_lost_canaries_are_named():
    assert judge(evidence(lost_canaries={"b", "a"}), SourceGuard()) == (
        "2 canaries not seen: a, b",
    )


def test_under_another_scope_no_absence_is_believed():
    assert judge(evidence(scope_changed=True, missing=1), SourceGuard()) == (
        "the filter, base, account or attributes changed, and 1 object is missing",
    )


def test_another_scope_in_which_nothing_is_missing_is_believed():
    assert judge(evidence(scope_changed=True), SourceGuard()) == ()


def test_every_reason_is_said():
    reasons = judge(
        evidence(missing=300, rekeyed=300, lost_canaries={"a"}, scope_changed=True), SourceGuard()
    )
    assert len(reasons) == 4


@given(
    live=st.integers(0, 400),
    over=st.integers(0, 100),
    left=st.integers(0, 400),
    percent=st.integers(0, 100),
    least=st.integers(0, 200),
)
def test_the_lowest_count_that_is_believed_is_where_the_guard_trips(
    live, over, left, percent, least
):
    guard = SourceGuard(drop=parse_limit(f"{percent}%"), min_population=least)
    left = min(left, live)
    found = Evidence(live=live, high=live + over, seen=left, missing=live - left)
    is_believed = judge(found, guard) == ()
    assert is_believed == (left >= lowest_believed(live, live + over, guard))
