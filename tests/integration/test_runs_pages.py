"""The history of runs, one run with all it did, and two runs compared."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from hypersync.approvals.decide import Ballot, OfActions, decide
from hypersync.insight import runs as insight
from hypersync.insight.compare import ROWS, Part, Shown, compare
from hypersync.insight.hidden import Hidden
from hypersync.model.ids import RunId, new_public_id
from hypersync.model.requests import Answer
from hypersync.model.runs import Counts, RuleReport, Run, RunError, RunKind, RunMode, RunState
from hypersync.ports.store.ledger import ActionsWanted, RunsWanted
from tests.asking import NOON
from tests.databases import open_store
from tests.integration.test_query_plans import traced, walks
from tests.operating import Desk

RULES = """\
ruleset: everything
defaults: {throttle: 1h, threshold: {limit: 100}}
rules:
  - {id: flow-title, kind: update, target: account, set: {title: hr.title}}
  - {id: disable-leaver, kind: deprovision, target: account, do: disable, threshold: {limit: 2},
     when: "hr.status == 'left' and account.enabled"}
  - {id: few, kind: update, target: account, set: {office: hr.country},
     when: "present(hr.country) and Count(True, 'few', '1h') <= 1"}
"""

NOTHING = Hidden()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path, RULES)
    for number in range(20):
        made.world.person(number, title="clerk")
        made.world.account(number, title="clerk")
    made.world.run("full")
    yield made
    made.close()


def some_run(number: int = 0, **values: object) -> Run:
    known: dict[str, object] = {
        "id": RunId(new_public_id()),
        "kind": RunKind.DELTA,
        "mode": RunMode.COMMIT,
        "state": RunState.DONE,
        "config": "r1",
        "started_at": NOON + timedelta(minutes=number),
        "finished_at": NOON + timedelta(minutes=number, seconds=12),
        "started_by": "schedule:sync",
    }
    return Run(**{**known, **values})  # type: ignore[arg-type]


def store_with(folder: Path, *runs: Run):
    store = open_store(folder)
    with store.begin() as unit:
        for run in runs:
            unit.runs.start(run)
    return store


def found(store, after=None, **wanted) -> list[RunId]:
    return [run.id for run in insight.history(store, RunsWanted(**wanted), after=after).rows]


# --- the history -------------------------------------------------------------------------------


def test_the_history_says_what_each_run_did_and_how_long_it_took(desk):
    desk.world.leave(1, 2, 3)
    desk.world.change(4, title="boss")
    run = desk.world.run()
    page = desk.text("/report/runs", "vic")
    assert f'<a href="/report/runs/{run.id}">' in page
    assert "3 suspended, 1 queued, 1 succeeded" in page
    assert "0.0 s" in page
    assert "cli:tester" in page


def test_pages_of_the_history_follow_by_key_and_miss_nothing(tmp_path):
    runs = [some_run(number // 3) for number in range(insight.RUNS * 2 + 7)]
    store = store_with(tmp_path, *runs)
    seen: list[RunId] = []
    page = insight.history(store, RunsWanted())
    while True:
        seen += [run.id for run in page.rows]
        if page.next is None:
            break
        # what is new meanwhile moves nothing
        with store.begin() as unit:
            unit.runs.start(some_run(10_000))
        page = insight.history(store, RunsWanted(), after=page.next)
    assert len(seen) == len(set(seen)) == len(runs)
    assert set(seen) == {run.id for run in runs}


def test_the_history_is_filtered_by_what_runs_are_and_who_started_them(tmp_path):
    full = some_run(1, kind=RunKind.FULL)
    preview = some_run(2, mode=RunMode.PREVIEW)
    failed = some_run(3, state=RunState.FAILED, started_by="person:ann_ng")
    other = some_run(4, started_by="person:annXng")
    planning = some_run(5, state=RunState.PLANNING)
    store = store_with(tmp_path, full, preview, failed, other, planning)
    with store.begin() as unit:
        unit.runs.report_errors(failed.id, [RunError("r", None, "c", "m")])
    assert found(store) == [other.id, failed.id, preview.id, full.id]
    assert found(store, kind=RunKind.FULL) == [full.id]
    assert found(store, mode=RunMode.PREVIEW) == [preview.id]
    assert found(store, state=RunState.FAILED) == [failed.id]
    assert found(store, by="ann_ng") == [failed.id]
    assert found(store, by="PERSON:") == [other.id, failed.id]
    assert found(store, has_errors=True) == [failed.id]
    assert found(store, since=NOON + timedelta(minutes=3)) == [other.id, failed.id]
    assert found(store, after=RunId("unknown")) == []


def test_the_filters_of_the_history_stay_as_they_were_chosen(desk):
    desk.world.run(commit=False)
    page = desk.text("/report/runs?mode=preview&by=tester&days=7")
    assert '<option value="preview" selected>' in page
    assert 'value="tester"' in page
    assert "delta, preview" in page
    assert "full, commit" not in page
    assert "No run is like that." in desk.text("/report/runs?errors=yes")


@pytest.mark.parametrize(
    "query", ["kind=x", "mode=delta", "state=?", "days=8", "days=-1", "by=" + "x" * 201]
)
def test_a_filter_that_cannot_be_is_refused_with_a_sentence(desk, query):
    page = desk.get(f"/report/runs?{query}")
    assert page.status_code == 400
    assert "Traceback" not in page.text
    assert " is one of " in page.text or "too long" in page.text


# --- one run -----------------------------------------------------------------------------------


def test_a_run_shows_its_rules_its_actions_and_what_it_put_off(desk):
    desk.world.leave(1, 2, 3)
    desk.world.change(4, title="boss")
    for number in (5, 6):
        desk.world.change(number, country="FR")
    run = desk.world.run()
    page = desk.text(f"/report/runs/{run.id}", "vic")
    assert "3 actions, 2 allowed" in page
    assert '<a href="/report/rules/disable-leaver">' in page
    assert "1 limited by Count or Quota" in page
    assert "Looked at" in page
    assert 'clerk</span> <span aria-label="becomes">→</span> <span class="new">boss' in page
    assert f'href="/identities/{desk.world.identity(4)}"' in page
    put_off = desk.text(f"/report/runs/{run.id}/put-off", "vic")
    assert "limited by Count or Quota" in put_off
    assert "few" in put_off


def test_what_was_throttled_is_listed_with_the_reason(desk):
    desk.world.change(4, title="boss")
    desk.world.run()
    desk.world.change(4, title="chief")
    run = desk.world.run()
    assert run.counts.throttled == 1
    page = desk.text(f"/report/runs/{run.id}/put-off?verdict=throttled&rule=flow-title")
    assert str(desk.world.identity(4)) in page
    assert "Nothing of this kind." in desk.text(f"/report/runs/{run.id}/put-off?verdict=limited")


def test_a_run_says_how_long_it_planned_and_executed(desk):
    desk.world.change(4, title="boss")
    run = desk.world.run()
    one = insight.one_run(desk.world.app.store, NOTHING, run.id, ActionsWanted())
    assert one.first_start == one.last_end == desk.world.clock.time
    page = desk.text(f"/report/runs/{run.id}")
    assert "Planning" in page
    assert "Executing" in page
    preview = desk.world.run(commit=False)
    assert "Executing" not in desk.text(f"/report/runs/{preview.id}")


def shown(store, run, **wanted) -> list[str]:
    one = insight.one_run(store, NOTHING, run.id, ActionsWanted(**wanted))
    return [action.title for action in one.actions.rows]


def test_the_actions_of_a_run_are_found_by_rule_state_operation_and_text(desk):
    desk.world.leave(1, 2, 3)
    desk.world.change(4, title="boss")
    run = desk.world.run()
    page = desk.text(f"/report/runs/{run.id}?rule=flow-title")
    assert "boss" in page
    assert page.count('class="who"') == 1
    assert desk.text(f"/report/runs/{run.id}?state=suspended").count('class="who"') == 3
    assert desk.text(f"/report/runs/{run.id}?operation=disable").count('class="who"') == 3
    assert desk.text(f"/report/runs/{run.id}?q=U4").count('class="who"') == 1
    number = desk.world.identity(3)
    assert desk.text(f"/report/runs/{run.id}?q={number}").count('class="who"') >= 1
    assert "No action is like that." in desk.text(f"/report/runs/{run.id}?q=%25")
    assert desk.get(f"/report/runs/{run.id}?state=none").status_code == 400


def test_what_a_run_released_is_among_its_actions(desk):
    desk.world.leave(1, 2, 3)
    desk.world.run()
    waiting = desk.world.suspended()
    app = desk.world.app
    ballot = Ballot(answer=Answer.APPROVE, by="person:ann", proof="session", comment="fine")
    ids = tuple(action.id for action in waiting)
    decide(app.store, OfActions(ids), ballot, now=desk.world.clock.now(), settings=app.settings)
    run = desk.world.run()
    page = desk.text(f"/report/runs/{run.id}")
    assert page.count('class="who"') == 3
    assert "decided by person:ann on" in page


def test_pages_of_actions_follow_by_key_through_rules_and_released_ones(desk):
    count = insight.ACTIONS + 20
    for number in range(100, 100 + count):
        desk.world.person(number, title="clerk")
        desk.world.account(number, title="clerk")
    desk.world.run("full")
    for number in range(100, 100 + count):
        desk.world.change(number, title="boss")
    desk.world.leave(1, 2, 3)
    run = desk.world.run("full", commit=False)
    store = desk.world.app.store
    seen, after = [], None
    while True:
        page = insight.one_run(store, NOTHING, run.id, ActionsWanted(), after=after).actions
        seen += [(action.rule, action.id) for action in page.rows]
        after = page.next
        if after is None:
            break
    assert len(seen) == len(set(seen)) == count + 3
    assert [rule for rule, _ in seen] == sorted(rule for rule, _ in seen)
    assert f"after={page_key(desk, run)}" in desk.text(f"/report/runs/{run.id}")
    assert (
        insight.one_run(store, NOTHING, run.id, ActionsWanted(), after="made-up").actions.rows == []
    )  # type: ignore[arg-type]


def page_key(desk: Desk, run: Run) -> str:
    page = insight.one_run(desk.world.app.store, NOTHING, run.id, ActionsWanted()).actions
    assert page.next is not None
    return page.next


def test_the_errors_of_a_run_are_paged(desk):
    run = desk.world.run()
    errors = [
        RunError("flow-title", desk.world.identity(1), "c", f"mistake {number}")
        for number in range(insight.ROWS + 1)
    ]
    with desk.world.app.store.begin() as unit:
        unit.runs.report_errors(run.id, errors)
    assert "mistake 19" in desk.text(f"/report/runs/{run.id}")
    assert "mistake 20" not in desk.text(f"/report/runs/{run.id}")
    first = desk.text(f"/report/runs/{run.id}/errors")
    assert f"mistake {insight.ROWS - 1}<" in first
    more = re.search(r'rel="next" href="([^"]+)"', first)
    assert more is not None
    assert f"mistake {insight.ROWS}<" in desk.text(more[1])
    assert "Nothing went wrong." in desk.text(f"/report/runs/{run.id}/errors?rule=other")


@pytest.mark.parametrize(
    "address", ["unknown", "unknown/errors", "unknown/put-off", "%F0%9F%92%A5"]
)
def test_a_run_that_is_not_there_is_no_page(desk, address):
    assert desk.get(f"/report/runs/{address}").status_code == 404


@pytest.mark.parametrize("after", ["x", "-1", "9" * 20, "²"])
def test_half_a_page_key_is_refused(desk, after):
    run = desk.world.run()
    assert desk.get(f"/report/runs/{run.id}/errors?after={after}").status_code == 400


def test_S19_names_from_silos_are_text_on_the_pages_of_runs(tmp_path):
    desk = Desk(tmp_path, RULES)
    desk.world.person(1, name="<img src=x onerror=alert(1)>", title="\u202eboss")
    desk.world.account(1, title="clerk")
    desk.world.run("full", commit=False)
    preview = desk.world.run("full", commit=False)
    page = desk.text(f"/report/runs/{preview.id}")
    assert "<img" not in page
    assert "\u202e" not in page
    desk.close()


def test_what_is_hidden_of_objects_is_hidden_of_actions_too(tmp_path):
    desk = Desk(tmp_path, RULES, more="guards: {cause: {never: [title]}}\n")
    desk.world.person(1, title="fired soon")
    desk.world.account(1, title="clerk")
    a = desk.world.run("full", commit=False)
    desk.world.change(1, title="boss")
    b = desk.world.run("full", commit=False)
    for address in (a.id, f"compare?a={a.id}&b={b.id}&rule=flow-title&part=changed"):
        page = desk.text(f"/report/runs/{address}")
        assert "(not shown)" in page
        assert "fired" not in page
    desk.close()


def test_S03_the_pages_of_runs_show_nothing_to_nobody(desk):
    run = desk.world.run()
    for address in ("", "/compare", f"/{run.id}", f"/{run.id}/errors", f"/{run.id}/put-off"):
        answer = desk.get(f"/report/runs{address}", "")
        assert answer.status_code == 302
        assert "clerk" not in answer.text


# --- two runs ----------------------------------------------------------------------------------


def counts(found) -> dict[str, dict[Part, int]]:
    return {each.rule: each.counts for each in found.rules}


def test_two_runs_are_compared_by_what_they_wanted(desk):
    world = desk.world
    for number in (1, 2, 3):
        world.change(number, title="boss")
    a = world.run(commit=False)
    world.change(2, title="chief")
    world.change(3, title="clerk")
    world.change(4, title="boss")
    b = world.run(commit=False)
    found = compare(world.app.store, NOTHING, a.id, b.id)
    assert counts(found) == {
        "flow-title": {Part.BOTH: 1, Part.CHANGED: 1, Part.ONLY_A: 1, Part.ONLY_B: 1}
    }
    page = desk.text(f"/report/runs/compare?a={a.id}&b={b.id}")
    assert "Wanted by both" in page
    changed = desk.text(f"/report/runs/compare?a={a.id}&b={b.id}&rule=flow-title&part=changed")
    assert "flow-title: wanted differently" in changed
    assert changed.index("boss") < changed.index("chief")
    only = desk.text(f"/report/runs/compare?a={a.id}&b={b.id}&rule=flow-title&part=only_b")
    assert "not wanted" in only
    assert f'href="/identities/{world.identity(4)}"' in only


def test_the_same_change_under_another_text_of_the_rule_is_wanted_by_both(desk):
    world = desk.world
    world.change(1, title="boss")
    a = world.run(commit=False)
    world.rules(RULES.replace("set: {title: hr.title}", 'set: {title: "coalesce(hr.title, None)"}'))
    b = world.run(commit=False)
    (rule,) = compare(world.app.store, NOTHING, a.id, b.id).rules
    assert rule.counts[Part.BOTH] == 1
    first, second = (world.actions(run)[0] for run in (a, b))
    assert first.fingerprint != second.fingerprint


def test_what_a_guard_put_off_was_wanted_too(desk):
    world = desk.world
    world.change(1, title="boss")
    world.run()
    world.change(1, title="chief")
    a = world.run()
    assert a.counts.throttled == 1
    world.later(hours=2)
    b = world.run()
    assert b.counts.queued == 1
    (rule,) = compare(world.app.store, NOTHING, a.id, b.id).rules
    assert rule.counts == {Part.BOTH: 1, Part.CHANGED: 0, Part.ONLY_A: 0, Part.ONLY_B: 0}
    page = desk.text(f"/report/runs/compare?a={a.id}&b={b.id}&rule=flow-title&part=both")
    assert "throttled" in page


def test_what_is_open_since_the_first_run_is_said_to_be(desk):
    world = desk.world
    world.leave(1, 2, 3)
    a = world.run()
    b = world.run("full")
    found = compare(world.app.store, NOTHING, a.id, b.id)
    assert found.still_open == 3
    page = desk.text(f"/report/runs/compare?a={a.id}&b={b.id}")
    assert "3 changes wanted by one run only are still open" in page


def test_pages_of_a_comparison_follow_by_key(desk):
    world = desk.world
    for number in range(200, 200 + ROWS + 5):
        world.person(number, title="clerk")
        world.account(number, title="clerk")
    world.run("full")
    a = world.run(commit=False)
    for number in range(200, 200 + ROWS + 5):
        world.change(number, title="boss")
    b = world.run(commit=False)
    first = compare(
        world.app.store, NOTHING, a.id, b.id, Shown(part=Part.ONLY_B, rule="flow-title")
    )
    assert first.shown.next is not None
    rest = compare(
        world.app.store,
        NOTHING,
        a.id,
        b.id,
        Shown(part=Part.ONLY_B, rule="flow-title", after=first.shown.next),
    )
    seen = [row.pair.key for row in (*first.shown.rows, *rest.shown.rows)]
    assert len(set(seen)) == ROWS + 5
    assert rest.shown.next is None
    query = f"a={a.id}&b={b.id}&rule=flow-title&part=only_b"
    assert f"after={first.shown.next}" in desk.text(f"/report/runs/compare?{query}")


def test_without_two_runs_the_page_asks_which(desk):
    run = desk.world.run()
    page = desk.text(f"/report/runs/compare?b={run.id}")
    assert "First run" in page
    assert f'<option value="{run.id}" selected>' in page
    assert desk.get(f"/report/runs/compare?a={run.id}&b=unknown").status_code == 404
    bad = f"/report/runs/compare?a={run.id}&b={run.id}&rule=x&part=y"
    assert desk.get(bad).status_code == 400


# --- what it costs -----------------------------------------------------------------------------


def test_looking_at_runs_walks_through_no_table(desk):
    world = desk.world
    world.leave(1, 2, 3)
    a, b = world.run(), world.run("full")
    desk.client("vic")
    addresses = (
        "?errors=yes&by=x",
        f"/{a.id}?rule=disable-leaver&state=suspended",
        f"/{a.id}",
        f"/{a.id}/put-off?verdict=left",
        f"/{a.id}/errors",
        f"/compare?a={a.id}&b={b.id}&rule=disable-leaver&part=only_a",
    )
    with traced(world) as statements:
        for each in addresses:
            desk.text(f"/report/runs{each}", "vic")
    assert any("verdict_row" in each for each in statements)
    assert walks(world, statements) == set()


def test_a_page_of_runs_reads_no_more_than_it_shows(tmp_path):
    few = store_with(tmp_path, *(some_run(number) for number in range(insight.RUNS + 1)))
    report = RuleReport(counts=Counts(proposed=1))
    with few.begin() as unit:
        for number in range(500):
            unit.runs.start(some_run(number, rules={"r": report}))
    page = insight.history(few, RunsWanted())
    assert len(page.rows) == insight.RUNS
    assert all(run.rules == {} for run in page.rows)
