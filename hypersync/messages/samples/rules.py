"""Samples of the pages of rules. Pure."""

from __future__ import annotations

from hypersync.messages.pages.plots import BarView, LegendView, MarkView, PlotView, TickView
from hypersync.messages.pages.rules import AdvicePage, RulePage, RuleRow, RulesPage, RunRef
from hypersync.messages.samples.mails import RUN

_TEXT = """- id: disable-leaver
  kind: deprovision
  target: ad
  when: "hr.status == 'left' and ad.enabled"
  do: disable"""


def views() -> dict[str, object]:
    """Return a view for each template."""
    return {"rules": _rules(), "rule": _rule(), "advice": _advice()}


def _rules() -> RulesPage:
    row = RuleRow(
        id="disable-leaver",
        kind="deprovision",
        what="disable ad",
        limit="100 (5% of 2 000)",
        throttle="1h",
        week="340 proposed, 40 executed, 300 stopped",
        changed="Mon 2 Mar 2026, 09:00 CET, Bob Ray",
        place="rules/leavers.yaml, line 4",
    )
    return RulesPage(title="Rules", rules=[row])


def _rule() -> RulePage:
    return RulePage(
        title="Rule disable-leaver",
        id="disable-leaver",
        facts=[("Kind", "deprovision"), ("Throttle", "1h")],
        warnings=["No committing run has worked with this text yet."],
        place="rules/leavers.yaml, line 4",
        text=_TEXT,
        scopes=[("known", "present(hr.id)")],
        limits=[("As written", "5%"), ("Allowed in one run now", "100 (5% of 2 000)")],
        vips=[("executives", "when hr.level == 'C'; about every change")],
        closeness=_plot(),
        month=PlotView(id="month", title="What it did in 30 days", text="Nothing."),
        raised=[RunRef(RUN, "Mon 2 Mar 2026, 13:00 CET", "a company was sold")],
        changes=["Mon 2 Mar 2026, 09:00 CET, Bob Ray"],
        errors=[RunRef(RUN, "Mon 2 Mar 2026, 13:00 CET", "comparing text with a number")],
    )


def _plot() -> PlotView:
    return PlotView(
        id="closeness",
        title="How close the last runs came to the limit",
        text="One run; it was stopped.",
        across=[TickView(386.0, "02.03.")],
        up=[TickView(208.0, "0"), TickView(12.0, "300")],
        bars=[BarView(x=362.0, y=12.0, width=48.0, height=196.0, kind="k0", text="300 asked for")],
        marks=[MarkView(left=64.0, right=708.0, y=142.7, text="limit 100")],
        legend=[LegendView("k0", "asked for"), LegendView("mark", "limit")],
        columns=("Run", "asked for", "limit"),
        rows=[("Mon 2 Mar 2026, 13:00 CET", "300", "100")],
    )


def _advice() -> AdvicePage:
    return AdvicePage(
        title="Advice for disable-leaver",
        id="disable-leaver",
        sentence="Advised: 1% (would have tripped once).",
        facts=[("Runs", "asked for something in 12 of 90 runs")],
        rows=[("1%", "once", "20", "")],
    )
