"""Samples of the pages of runs. Pure."""

from __future__ import annotations

from dataclasses import replace

from hypersync.messages.pages.runs import RuleLine, RunActionView, RunLine, RunPage, RunsPage
from hypersync.messages.samples.mails import RUN, question
from hypersync.messages.views import question_view


def views() -> dict[str, object]:
    """Return a view for each template."""
    asked = question_view(question())
    rows = [replace(row, approve="", reject="") for row in asked.rows]
    run = RunLine(
        id=RUN,
        kind="full",
        mode="commit",
        state="done",
        started=dict(asked.facts)["Waiting since"],
        by="schedule:sync",
        counts="40 queued, 300 suspended",
    )
    rule = RuleLine(
        rule="disable-leaver", counts="300 suspended", limit="5%", reason="300 actions, 100 allowed"
    )
    return {
        "runs": RunsPage(title="Runs", runs=[run]),
        "run": RunPage(
            title=f"Run {RUN}",
            run=run,
            rules=[rule],
            errors=["flow-title: comparing text with a number"],
            actions=[
                RunActionView(row=row, state="suspended", decided="", error="") for row in rows
            ],
            rest=297,
        ),
    }
