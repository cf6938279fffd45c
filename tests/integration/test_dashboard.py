"""The dashboard: what is going on, and what everybody is told on every page."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest

from hypersync.insight.dashboard import guarded
from hypersync.model.circuit import CircuitState
from hypersync.model.limit import parse_limit
from hypersync.pipeline.source_guard import SourceGuard
from hypersync.ports.store.scans import Stretch
from tests.asking import NOON, person
from tests.integration.test_query_plans import shape, traced, walks
from tests.postgresql import both_databases
from tests.signing_in import signed_in
from tests.worlds import DISABLE, World
from webui import create_app

MORE = """\
schedules:
  - {scan: hr, full: "0 3 * * *", delta: every 5m}
  - {sync: delta, every: 5m}
people:
  ann: {email: ann@example.org, name: Ann Ng, roles: [approver]}
  bob: {email: bob@example.org, name: Bob Ray, roles: [viewer]}
plans:
  night: {steps: [{to: "person:bob", until: 1h}, {to: "person:ann"}]}
"""


@pytest.fixture
def world(tmp_path, database_url):
    made = World(tmp_path, DISABLE, more=MORE, database=database_url)
    made.people(range(1, 8))
    made.run("full")
    yield made
    made.close()


def page(world, address="/dashboard", status=200):
    answer = create_app(world.app).test_client().get(address)
    assert answer.status_code == status
    return answer.get_data(as_text=True)


def words(text):
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split()).replace("\xa0", " ")


def banners(world, address="/report/runs"):
    """What every page says on top: how bad it is, and what."""
    found = re.findall(r'<p class="banner (\w+)" role="note">(.*?)</p>', page(world, address))
    return [(severity, words(text)) for severity, text in found]


# --- where it is -------------------------------------------------------------------------------


def test_viewers_begin_at_the_dashboard(world):
    client = create_app(world.app).test_client()
    assert client.get("/").headers["Location"] == "/dashboard"


def test_others_begin_where_a_mail_may_lead_and_see_no_dashboard(world):
    client = create_app(world.app).test_client()
    elsewhere = {"REMOTE_ADDR": "192.0.2.7"}
    assert client.get("/", environ_base=elsewhere).headers["Location"] == "/report/pending"
    for address in ("/dashboard", "/dashboard/now"):
        answer = client.get(address, environ_base=elsewhere)
        assert answer.status_code == 403
        assert "hr" not in words(answer.text).split()


# --- what it shows -----------------------------------------------------------------------------


@both_databases
def test_silos_are_shown_with_their_last_scan_and_its_counts(world):
    world.person(99)
    world.later(minutes=1)
    world.scan()
    said = words(page(world))
    assert "hr 8 person delta, applied person" in said
    assert "1 seen, 1 created" in said
    assert "dir 7 account, 0 group" in said


def test_a_scan_that_is_not_believed_says_why_and_which_was_the_last_that_was(world):
    for number in range(1, 8):
        world.hr.remove("person", f"e{number}")
    world.later(minutes=1)
    world.app.scan(["hr"], full=True)
    text = page(world)
    assert "full, suspended" in text
    assert "it is empty, and 7 objects were there" in text
    assert "The last one that was applied began Mon 2 Mar 2026, 08:01 UTC." in words(text)


def test_a_scan_that_failed_says_why(world):
    with world.app.store.snapshot() as unit:
        scans = unit.scans.recent(1, "hr")
    world.execute(
        "UPDATE scan SET state = 'failed', reason = 'no answer' WHERE id = ?", scans[0].id
    )
    said = words(page(world))
    assert "full, failed" in said
    assert "no answer" in said


def test_what_waits_is_counted_with_the_oldest_and_the_next_that_ends(world):
    assert "Nothing waits for a decision." in page(world)
    world.leave(1, 2, 3)
    world.run("delta")
    said = words(page(world))
    assert "1 request waits for a decision." in said
    assert "Oldest disable-leaver would disable 3 accounts in dir" in said
    assert "since Mon 2 Mar 2026, 08:02 UTC" in said
    assert re.search(r"Ends next disable-leaver .* Tue 3 Mar 2026, 08:02 UTC", said)


def test_the_last_runs_lead_to_their_pages(world):
    run = world.run("delta")
    assert f'href="/report/runs/{run.id}"' in page(world)


def test_schedules_say_when_they_are_due_next_without_a_daemon(world):
    now = world.clock.time
    with world.app.store.begin() as unit:
        unit.leases.take("leader", "daemon x", now)
        unit.schedules.claim("1 scan hr delta every 5m", now - timedelta(minutes=2), "x", now)
    said = words(page(world))
    assert "A daemon runs: schedules are kept, mails go out." in said
    assert "delta scan of hr, every 5m Mon 2 Mar 2026, 08:04 UTC Mon 2 Mar 2026, 07:59 UTC" in said
    assert "full scan of hr, 0 3 * * * Tue 3 Mar 2026, 03:00 UTC never yet" in said
    assert "delta sync, every 5m now never yet" in said


def test_a_daemon_that_died_is_missed_once_its_lease_ended(world):
    with world.app.store.begin() as unit:
        unit.leases.take("leader", "daemon x", world.clock.time)
    assert "A daemon runs" in page(world)
    world.later(seconds=31)
    said = words(page(world))
    assert "No daemon runs: nothing is scanned or synced by itself, and no mail goes out." in said
    assert "as soon as a daemon runs" in said


def test_who_would_be_asked_now_is_said_for_each_plan_in_honest_words(world):
    said = words(page(world))
    assert "There are no rotas yet" in said
    assert "without a plan Ann Ng Ann Ng" in said
    assert "night Bob Ray Ann Ng, Bob Ray" in said


@pytest.mark.parametrize(("who", "may_know"), [("vic", False), ("ann", True), ("oli", True)])
def test_S29_who_is_asked_is_shown_to_those_it_concerns_only(tmp_path, who, may_know):
    people = [
        person(name, roles=frozenset({role}))
        for name, role in (("vic", "viewer"), ("ann", "approver"), ("oli", "operator"))
    ]
    text = signed_in(tmp_path, who, *people).open("/dashboard").text
    asked = words(text.split('id="asked"')[1])
    assert ("Ann Ng" in asked) is may_know
    assert ("is shown to approvers, operators and admins" in asked) is not may_know


# --- how many objects there were ---------------------------------------------------------------


def test_counts_over_time_are_drawn_with_the_room_the_guard_leaves(world):
    world.later(hours=2)
    world.person(99)
    world.scan()
    text = page(world)
    assert "Objects of hr/person" in text
    assert "believed unasked" in text
    assert "Mon 2 Mar 2026, 10:01 UTC 8" in words(text)


def test_the_band_is_what_the_guard_would_suspend_at():
    guard = SourceGuard(drop=parse_limit("10%"), min_population=20)
    known = [
        Stretch(NOON, 100, 100, 1),
        Stretch(NOON + timedelta(hours=1), 95, 100, 3),
        Stretch(NOON + timedelta(days=8), 50, 50, 1),
        Stretch(NOON + timedelta(days=8, hours=1), 50, 50, 1),
    ]
    assert [(point.live, point.lowest) for point in guarded(known, guard)] == [
        (100, 90),
        (95, 90),
        (50, 86),
        (50, 45),
    ]
    assert list(guarded([], guard)) == []


# --- what everybody is told --------------------------------------------------------------------


def test_without_a_sign_in_every_page_says_so(world):
    note = ("note", "No sign-in is configured: these pages are shown on this machine only")
    assert banners(world) == [note]
    assert banners(world, "/identities") == [note]


def test_a_simulation_is_said_on_every_page(world):
    world.set_guards(simulate=True)
    assert (
        "warning",
        "Simulation: runs plan and report only; nothing is asked, released or executed",
    ) in banners(world)


def test_a_silo_that_is_paused_is_said_on_every_page_with_its_reason(world):
    with world.app.store.begin() as unit:
        unit.silos.pause("dir", "moving \u202ehouse")
    said = "The silo dir is paused; nothing is written to it: moving [U+202E]house"
    assert ("warning", said) in banners(world)
    assert "<p>moving [U+202E]house</p>" in page(world)


def test_a_silo_that_the_engine_paused_is_neither_read_nor_written_until_it_is_tried(world):
    state = CircuitState(failures=1, pauses=1, opened_at=NOON, until=NOON, because="no answer")
    with world.app.store.begin() as unit:
        unit.silos.count_failure("dir")
        unit.silos.open_circuit("dir", state)
    assert (
        "warning",
        f"The silo dir is {state.sentence}; until then nothing is read from it or written to it",
    ) in banners(world)


def test_a_blackout_is_said_while_it_is_in_force(tmp_path):
    window = "blackout: {windows: ['mon 09:00 - mon 17:00']}"
    world = World(tmp_path, DISABLE, more=window)
    said = ("warning", "A blackout is in force: nothing is released or executed until it ends")
    assert said not in banners(world)
    world.later(hours=2)
    assert said in banners(world)
    world.close()


def test_errors_of_the_last_committing_run_lead_to_it(world):
    run = world.run("delta")
    world.execute("UPDATE run SET counts = '{\"errors\": 2}' WHERE id = ?", run.id)
    world.execute(
        "INSERT INTO run_error (run, code, message) VALUES (?, 'evaluation', 'x')", run.id
    )
    assert ("warning", "The last committing run met 2 errors Look") in banners(world)
    world.execute("INSERT INTO run_error (run, code, message) VALUES (?, 'guard', 'x')", run.id)
    severity, said = banners(world)[0]
    assert severity == "bad"
    assert said.startswith("The guards met 1 error in the last committing run")
    assert f'<a href="/report/runs/{run.id}">Look</a>' in page(world, "/identities")


def test_a_failed_run_is_said_and_a_preview_after_it_does_not_hide_it(world):
    run = world.run("delta")
    world.execute("UPDATE run SET state = 'failed' WHERE id = ?", run.id)
    world.run("delta", commit=False)
    assert ("bad", "The last committing run failed Look") in banners(world)


# --- what asks for itself again ----------------------------------------------------------------


def test_the_part_that_changes_asks_for_itself_and_keeps_the_focus(world):
    world.run("delta")
    text = page(world)
    assert 'hx-get="/dashboard/now" hx-trigger="every 30s"' in text
    part = page(world, "/dashboard/now")
    assert part.lstrip().startswith('<div id="now"')
    assert "<html" not in part
    links = re.findall(r"<a [^>]*>", part)
    assert links
    assert all(re.search(r' id="[\w-]+"', link) for link in links)


# --- what it costs -----------------------------------------------------------------------------


def test_the_dashboard_costs_the_same_however_much_there_is(tmp_path):
    traces = []
    for size in (50, 1_500):
        folder = tmp_path / str(size)
        folder.mkdir()
        world = World(folder, DISABLE, more=MORE)
        world.people(range(size))
        world.run("full")
        world.leave(*range(size // 2))
        world.run("delta")
        client = create_app(world.app).test_client()
        with traced(world) as statements:
            assert client.get("/dashboard").status_code == 200
        assert walks(world, statements) == set()
        assert not [each for each in statements if "FROM action" in each]
        traces.append(statements)
        world.close()
    assert shape(traces[0]) == shape(traces[1])
