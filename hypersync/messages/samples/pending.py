"""A sample of the report of what waits. Pure."""

from __future__ import annotations

from dataclasses import replace

from hypersync.messages.pages.pending import (
    ChoiceView,
    FilterView,
    PendingPage,
    WaitingRow,
    WaitingView,
    WholeView,
)
from hypersync.messages.samples.mails import REQUEST, RUN, URL, question
from hypersync.messages.views import question_view


def views() -> dict[str, object]:
    """Return a view for each template."""
    asked = question_view(question())
    rows = [replace(row, approve="", reject="") for row in asked.rows]
    return {
        "pending": PendingPage(
            title="Waiting for a decision",
            summary="1 request with 300 actions",
            filters=[
                FilterView(
                    name="rule",
                    label="Rule",
                    choices=[
                        ChoiceView(value="", label="All", is_chosen=True),
                        ChoiceView(value="disable-leaver", label="disable-leaver"),
                    ],
                )
            ],
            flags=[ChoiceView(value="mine", label="Mine to decide")],
            exports=[("CSV", "/report/pending.csv"), ("JSON", "/report/pending.json")],
            news="/report/pending/news?base=300.300.0.1772440200000",
            can_choose=True,
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
                    rows=[
                        WaitingRow(row=row, value=f"sample{number}.{'0' * 16}")
                        for number, row in enumerate(rows)
                    ],
                    approve=f"{URL}/hypersync/approve?request={REQUEST}",
                    reject=f"{URL}/hypersync/reject?request={REQUEST}",
                    run=RUN,
                    wholes=[
                        WholeView(label="All 300 of this request", value=f"{REQUEST}.{'0' * 32}")
                    ],
                    place="1 to 3 of 300",
                    more=f"/report/pending?request={REQUEST}&page=2",
                )
            ],
            others=[],
        ),
    }
