from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from hypersync.config.values import Every, parse_cron
from hypersync.timetable import Scheduled, latest_due, next_due, trigger_of, weekdays

PARIS = ZoneInfo("Europe/Paris")


def job(timing, zone="UTC"):
    return Scheduled(name="1 sync full", timing=timing, timezone=zone)


def cron(line, zone="UTC"):
    return job(parse_cron(line), zone)


def every(**span):
    return job(Every(timedelta(**span)))


def at(text, zone=UTC):
    return datetime.fromisoformat(text).replace(tzinfo=zone)


def due_times(scheduled, start, end):
    """Every due time between two moments, found the way the daemon finds them."""
    found, last, now = [], start, start
    while now <= end:
        now += timedelta(minutes=10)
        due = latest_due(scheduled, last, now)
        if due is not None:
            found.append(due)
            last = due
    return found


@pytest.mark.parametrize(
    ("line", "by_name"),
    [
        ("*", "*"),
        ("0", "sun"),
        ("7", "sun"),
        ("1-5", "mon,tue,wed,thu,fri"),
        ("5-7", "fri,sat,sun"),
        ("1,3", "mon,wed"),
        ("*/2", "sun,tue,thu,sat"),
        ("1-5/2", "mon,wed,fri"),
    ],
)
def test_days_of_the_week_are_those_of_cron_and_not_of_the_scheduler(line, by_name):
    assert weekdays(line) == by_name


def test_nothing_is_due_before_its_time():
    nightly = cron("0 3 * * *")
    since = at("2026-11-21T03:00")
    assert latest_due(nightly, since, at("2026-11-22T02:59")) is None
    assert latest_due(nightly, since, at("2026-11-22T03:00")) == at("2026-11-22T03:00")


def test_a_due_time_that_was_run_is_not_due_again():
    nightly = cron("0 3 * * *")
    assert latest_due(nightly, at("2026-11-22T03:00"), at("2026-11-22T03:00:30")) is None


@pytest.mark.parametrize(
    ("away", "latest"),
    [
        ("2026-11-21T03:30", "2026-11-21T03:00"),
        ("2026-11-23T11:00", "2026-11-23T03:00"),
        ("2027-01-20T11:00", "2027-01-20T03:00"),
        ("2031-06-01T02:00", "2031-05-31T03:00"),
    ],
)
def test_of_many_missed_times_only_the_latest_is_due(away, latest):
    assert latest_due(cron("0 3 * * *"), at("2026-11-20T03:00"), at(away)) == at(latest)


def test_a_yearly_schedule_is_found_after_years():
    yearly = cron("30 4 29 2 *")
    assert latest_due(yearly, at("2024-02-29T04:30"), at("2031-01-01T00:00")) == at(
        "2028-02-29T04:30"
    )


def test_every_minute_for_a_month_is_one_run():
    found = latest_due(cron("* * * * *"), at("2026-10-21T11:00"), at("2026-11-21T11:00:59"))
    assert found == at("2026-11-21T11:00")


def test_intervals_are_counted_from_the_run_before():
    often = every(minutes=5)
    start = at("2026-11-21T11:00:30")
    assert latest_due(often, start, start) is None
    assert latest_due(often, start, start, is_first=True) == start
    assert latest_due(often, start, at("2026-11-21T11:05:29")) is None
    assert latest_due(often, start, at("2026-11-21T11:05:30")) == at("2026-11-21T11:05:30")
    assert latest_due(often, start, at("2026-12-21T11:07")) == at("2026-12-21T11:05:30")


def test_a_clock_that_was_set_back_makes_nothing_due():
    last = at("2026-11-21T11:00")
    assert latest_due(every(minutes=5), last, at("2026-11-21T10:00")) is None
    assert latest_due(cron("*/5 * * * *"), last, at("2026-11-21T10:00")) is None


def test_cron_lines_are_on_the_clocks_of_their_zone_in_summer_and_winter():
    nightly = cron("0 3 * * *", "Europe/Paris")
    found = due_times(nightly, at("2026-10-24T00:00"), at("2026-10-26T12:00"))
    assert [each.astimezone(PARIS).strftime("%d %H:%M") for each in found] == [
        "24 03:00",
        "25 03:00",
        "26 03:00",
    ]
    assert found[1] - found[0] == timedelta(hours=25)


@pytest.mark.parametrize(
    ("start", "end", "days"),
    [
        ("2026-10-24T00:00", "2026-10-26T12:00", ["24", "25", "26"]),  # 02:30 is there twice
        ("2027-03-27T00:00", "2027-03-29T12:00", ["27", "28", "29"]),  # 02:30 is not there
    ],
)
def test_when_clocks_change_a_nightly_run_happens_once(start, end, days):
    nightly = cron("30 2 * * *", "Europe/Paris")
    found = due_times(nightly, at(start), at(end))
    assert [each.astimezone(PARIS).strftime("%d") for each in found] == days


def test_a_day_of_the_month_and_a_day_of_the_week_mean_either():
    line = cron("0 3 1 * 1")
    found = due_times(line, at("2026-11-28T00:00"), at("2026-12-08T00:00"))
    assert [each.day for each in found] == [30, 1, 7]  # Monday, the first, Monday


def test_the_trigger_of_an_interval_starts_where_it_left_off():
    start = at("2026-11-21T11:00")
    trigger = trigger_of(every(hours=1), start)
    assert trigger.get_next_fire_time(None, at("2026-11-21T13:30")) == at("2026-11-21T14:00")


def test_what_is_due_next_is_told_without_a_scheduler():
    nightly, often = cron("0 3 * * *", "Europe/Paris"), every(minutes=5)
    last, now = at("2026-11-21T02:00"), at("2026-11-21T10:02")
    assert next_due(nightly, last, now) == at("2026-11-22T02:00")
    assert next_due(nightly, None, now) == at("2026-11-22T02:00")
    assert next_due(often, at("2026-11-21T10:00"), now) == at("2026-11-21T10:05")


def test_what_was_missed_is_due_now():
    now = at("2026-11-21T10:02")
    assert next_due(cron("0 3 * * *"), at("2026-11-19T03:00"), now) == now
    assert next_due(every(minutes=5), at("2026-11-21T09:00"), now) == now
    assert next_due(every(minutes=5), None, now) == now


def test_a_day_that_never_comes_is_due_never():
    assert next_due(cron("0 3 31 2 *"), None, at("2026-11-21T10:02")) is None
