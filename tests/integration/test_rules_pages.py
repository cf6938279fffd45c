"""The rules: what each says, what it may do, how close it came, what it did, who changed it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from hypersync.insight import rules as insight
from hypersync.model.ids import RunId, new_public_id
from hypersync.model.runs import Counts, RuleReport, Run, RunError, RunKind, RunMode, RunState
from hypersync.model.secrecy import Hidden
from hypersync.ports.store.ledger import RuleInRun
from tests.integration.test_query_plans import traced, walks
from tests.operating import Desk
from webui.rules.build import closeness, month

RULES = """\
ruleset: leavers
scopes:
  known: "present(hr.id)"
rules:
  # who left may not sign in any more
  - id: disable-leaver
    kind: deprovision
    target: account
    scopes: [known]
    throttle: 1s
    when: "hr.status == 'left' and account.enabled"
    do: disable
    threshold: {limit: 2}

  # titles follow HR
  - {id: flow-title, kind: update, target: account, throttle: 1s, set: {title: hr.title}}
  - {id: welcome, kind: event, when: "account.exists and hr.title == 'new'", throttle: 1h,
     do: {webhook: "https://hooks.example.org/<welcome>"}}
"""
VIPS = "vip: [{name: executives, when: \"hr.level == 'C'\", expires: 72h}]\n"
NOW = datetime(2026, 3, 29, 12, 0, tzinfo=UTC)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path, RULES, more=VIPS)
    for number in range(20):
        made.world.person(number, title="clerk", level="E")
        made.world.account(number, title="clerk")
    made.world.run("full")
    yield made
    made.close()


def in_run(number: int = 0, at: datetime = NOW, **counts: int) -> RuleInRun:
    return RuleInRun(
        run=RunId(f"run{number}"),
        kind=RunKind.DELTA,
        at=at,
        rule="r",
        report=RuleReport(counts=Counts(**counts), limit=5, lookback=number),
        reason=None,
    )


# --- what it says ------------------------------------------------------------------------------


def test_the_rules_are_listed_with_their_limits_and_their_last_week(desk):
    desk.world.leave(1, 2, 3)
    desk.world.change(4, title="boss")
    desk.world.run()
    page = desk.text("/report/rules", "vic")
    assert '<a href="/report/rules/disable-leaver">' in page
    assert "deprovision: disable account" in page
    assert "3 proposed, 3 stopped" in page
    assert "1 (5% of 20)" in page
    assert "calls an address" in page
    assert "with the first rules of this database" in page


def test_a_rule_is_shown_as_it_stands_in_its_file(desk):
    page = desk.get("/report/rules/disable-leaver", "vic").text
    found = re.search(r"<pre[^>]*><code>(.*?)</code>", page, re.DOTALL)
    assert found is not None
    text = found[1].replace("&#39;", "'").replace("&#34;", '"')
    assert text.startswith("# who left may not sign in any more\n- id: disable-leaver\n  kind:")
    assert text.endswith("threshold: {limit: 2}")
    assert "rules/rules.yaml, line 6" in page
    assert "present(hr.id)" in page


def test_S19_the_text_of_a_rule_is_text(desk):
    page = desk.text("/report/rules/welcome")
    assert "<welcome>" not in page
    assert "&lt;welcome&gt;" in page


def test_a_rule_whose_file_went_is_still_shown(desk):
    (desk.world.folder / "rules" / "rules.yaml").unlink()
    assert "Its file cannot be read any more." in desk.text("/report/rules/flow-title")


def test_a_rule_that_is_not_there_is_no_page(desk):
    assert desk.get("/report/rules/unknown").status_code == 404
    assert desk.get("/report/rules/unknown/advice").status_code == 404


def test_S03_the_pages_of_rules_show_nothing_to_nobody(desk):
    for address in ("", "/disable-leaver", "/disable-leaver/advice"):
        assert desk.get(f"/report/rules{address}", "").status_code == 302


# --- what it may do ----------------------------------------------------------------------------


def test_the_limit_in_force_is_that_of_what_is_in_the_store_now(desk):
    page = desk.text("/report/rules/flow-title")
    assert "<dt>As written</dt><dd>5%</dd>" in page
    assert "<dt>Allowed in one run now</dt><dd>1 (5% of 20)</dd>" in page
    assert "20 live objects" in page
    for number in range(100, 180):
        desk.world.account(number)
    desk.world.scan()
    assert "<dd>5 (5% of 100)</dd>" in desk.text("/report/rules/flow-title")


def test_a_limit_above_the_ceiling_is_said_to_be_reduced(desk):
    desk.world.execute("UPDATE silo_type SET live = 20000 WHERE type = 'account'")
    desk.world.rules(RULES.replace("{limit: 2}", "{limit: 3000}"))
    desk.anew()
    page = desk.text("/report/rules/disable-leaver")
    assert "is above the ceiling of 5%" in page
    assert "reduced to 5% of 20 000" in page


def test_what_was_never_scanned_is_not_measured(tmp_path):
    desk = Desk(tmp_path, RULES)
    page = desk.text("/report/rules/flow-title")
    assert "not known: no scan was applied yet" in page
    assert "unknown: nothing is allowed" in page
    desk.close()


def test_the_vip_rules_of_a_rule_are_named(desk):
    page = desk.text("/report/rules/disable-leaver")
    assert "executives" in page
    assert "when hr.level == &#39;C&#39;; about every change; for all rules; 3d to answer" in page


def test_runs_in_which_limits_were_raised_are_listed(desk):
    run = Run(
        id=RunId(new_public_id()),
        kind=RunKind.FULL,
        mode=RunMode.COMMIT,
        state=RunState.DONE,
        config="r",
        started_at=desk.world.clock.time,
        counts=Counts(proposed=1, queued=1),
        rules={"flow-title": RuleReport(counts=Counts(proposed=1, queued=1))},
        reason="a company was <sold>",
    )
    with desk.world.app.store.begin() as unit:
        unit.runs.start(run)
    page = desk.text("/report/rules/flow-title")
    assert "Runs whose limits were raised" in page
    assert "a company was &lt;sold&gt;" in page


# --- what it did -------------------------------------------------------------------------------


def test_the_last_runs_stand_beside_their_limits(desk):
    desk.world.leave(1)
    desk.world.run()
    desk.world.leave(2, 3)
    desk.world.run()
    page = desk.text("/report/rules/disable-leaver")
    assert "How close the last runs came to the limit" in page
    assert 'role="img" aria-labelledby="closeness-title closeness-text"' in page
    assert "2 runs in which the rule asked for anything" in page
    assert "once it was stopped" in page
    assert "delta (stopped: 2 actions and 1 in the last hour, 2 allowed)" in page
    assert page.count('<rect class="bar k0"') >= 2


def test_closeness_draws_the_oldest_first_with_the_lookback_on_top():
    plot = closeness([in_run(2, proposed=9, queued=3, throttled=6), in_run(0, queued=1)], "UTC")
    assert [row[1:] for row in plot.rows] == [("1", "0", "5"), ("3", "2", "5")]
    assert [bar.kind for bar in plot.bars] == ["k0", "k0", "k1"]
    assert len(plot.marks) == 2


def test_a_month_has_every_day_of_the_readers_clocks():
    late = datetime(2026, 3, 28, 23, 30, tzinfo=UTC)
    runs = [in_run(1, late, proposed=3, queued=1, suspended=2, succeeded=1), in_run(2, queued=4)]
    found = insight.days(runs, NOW, "Europe/Paris")
    assert len(found) == 31
    assert found[-1].day == date(2026, 3, 29)
    assert found[-1].counts.queued == 5
    assert found[-2].counts.queued == 0
    in_utc = insight.days(runs, NOW, "UTC")
    assert (in_utc[-2].counts.suspended, in_utc[-1].counts.queued) == (2, 4)
    plot = month(found)
    assert plot.rows[-1] == ("Sun 29 Mar 2026", "5", "2", "0", "0", "1")


def test_a_month_of_nothing_is_said_to_be_nothing(desk):
    assert month(insight.days([], NOW, "UTC")).rows == []
    assert "Nothing to draw yet." in desk.text("/report/rules/welcome")


def test_what_happened_before_the_month_is_not_shown(desk):
    desk.world.leave(1)
    desk.world.run()
    assert "1 run in which" in desk.text("/report/rules/disable-leaver")
    desk.world.later(days=31)
    desk.anew()
    assert "Nothing to draw yet." in desk.text("/report/rules/disable-leaver")


def test_the_errors_of_a_rule_are_shown_with_their_runs(desk):
    desk.world.change(1, title="boss")
    run = desk.world.run()
    report = RuleReport(counts=Counts(errors=2))
    with desk.world.app.store.begin() as unit:
        stored = unit.runs.get(run.id)
        assert stored is not None
        stored.rules["disable-leaver"] = report  # type: ignore[index]
        unit.runs.save(stored)
        unit.runs.report_errors(
            run.id,
            [
                RunError("disable-leaver", desk.world.identity(1), "c", "cannot <compare>"),
                RunError("flow-title", None, "c", "of another rule"),
            ],
        )
    page = desk.text("/report/rules/disable-leaver")
    assert "cannot &lt;compare&gt;" in page
    assert "of another rule" not in page


# --- advice and changes ------------------------------------------------------------------------


def test_the_advice_of_the_command_line_stands_on_the_page(desk):
    page = desk.text("/report/rules/flow-title/advice")
    assert "too few to say; needs about 30 days" in page
    for day in range(40):
        desk.world.later(days=1)
        desk.world.change(day % 20, title=f"title {day}")
        desk.world.run("full")
    desk.anew()
    page = desk.text("/report/rules/flow-title/advice")
    assert "Advised: 0.1% (would have tripped 0 times) or 1 (would have tripped 0 times)." in page
    assert "asked for something in 40 of 41 runs" in page
    assert "Every limit that was tried" in page
    part = desk.get("/report/rules/flow-title/advice", **{"HX-Request": "true"}).text
    assert "<html" not in part
    assert "Advised:" in part


def test_who_changed_a_rule_last_is_said(desk):
    desk.world.later(hours=1)
    desk.world.rules(RULES.replace("{limit: 2}", "{limit: 3}"))
    desk.anew()
    page = desk.text("/report/rules/disable-leaver")
    assert "No committing run has worked with this text yet." in page
    desk.world.run(commit=False)
    tried = desk.text("/report/rules/disable-leaver")
    assert "somebody unknown (cli:tester) brought it at Mon 2 Mar 2026, 09:01 UTC." in tried
    desk.world.run()
    page = desk.text("/report/rules/disable-leaver")
    assert "No committing run" not in page
    found = re.search(r'<ol class="plain">(.*?)</ol>', page)
    assert found is not None
    newest, oldest = re.findall(r"<li>(.*?)</li>", found[1])
    assert newest == "Mon 2 Mar 2026, 09:01 UTC, somebody unknown (cli:tester)"
    assert "with the first rules of this database" in oldest


# --- what it costs -----------------------------------------------------------------------------


def test_looking_at_rules_walks_through_no_table(desk):
    world = desk.world
    world.leave(1, 2, 3)
    world.run()
    desk.client("vic")
    with traced(world) as statements:
        for each in ("", "/disable-leaver", "/disable-leaver/advice"):
            desk.text(f"/report/rules{each}", "vic")
    assert any("rule_publication" in each for each in statements)
    assert walks(world, statements) == set()


def test_idle_runs_cost_a_page_of_rules_nothing_more(desk):
    def reads() -> list[str]:
        with traced(desk.world) as statements:
            insight.one_rule(desk.world.app.engine, Hidden(), "disable-leaver", "UTC")
        return [each for each in statements if "SELECT" in each]

    desk.world.leave(1)
    desk.world.run()
    before = len(reads())
    idle = RuleReport(counts=Counts(identities=3))
    with desk.world.app.store.begin() as unit:
        for number in range(300):
            unit.runs.start(
                Run(
                    id=RunId(new_public_id()),
                    kind=RunKind.DELTA,
                    mode=RunMode.COMMIT,
                    state=RunState.DONE,
                    config="r",
                    started_at=desk.world.clock.time + timedelta(seconds=number),
                    counts=Counts(identities=3),
                    rules={"disable-leaver": idle},
                )
            )
    assert len(reads()) == before
