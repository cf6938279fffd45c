"""A sample of the report of what waits. Pure."""

from __future__ import annotations

from dataclasses import replace

from hypersync.messages.pages.pending import PendingPage, WaitingView
from hypersync.messages.samples.mails import REQUEST, RUN, URL, question
from hypersync.messages.views import question_view


def views() -> dict[str, object]:
    """Return a view for each template."""
    asked = question_view(question())
    rows = [replace(row, approve="", reject="") for row in asked.rows]
    return {
        "pending": PendingPage(
            title="Waiting for a decision",
            requests=[
                WaitingView(
                    id=REQUEST,
                    title="300 actions",
                    sentence=asked.sentence,
                    cause=asked.cause,
                    clusters=asked.clusters,
                    facts=asked.facts,
                    notes=[],
                    end=asked.end,
                    rows=rows,
                    rest=297,
                    approve=f"{URL}/hypersync/approve?request={REQUEST}",
                    reject=f"{URL}/hypersync/reject?request={REQUEST}",
                    run=RUN,
                )
            ],
            others=[],
        ),
    }
