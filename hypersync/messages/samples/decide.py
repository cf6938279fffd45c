"""A sample of the page of the links that decide. Pure."""

from __future__ import annotations

from dataclasses import replace

from hypersync.messages.pages.decide import DecidePage
from hypersync.messages.samples.mails import TOKEN, question
from hypersync.messages.views import question_view


def views() -> dict[str, object]:
    """Return a view for each template."""
    asked = question_view(question())
    rows = [replace(row, approve="", reject="") for row in asked.rows]
    return {
        "decide": DecidePage(
            title="Approve 3 actions?",
            sentence=asked.sentence,
            cause=asked.cause,
            clusters=asked.clusters,
            facts=asked.facts,
            notes=["This is the 2nd time within 30 days."],
            rows=rows,
            decided=[],
            end=asked.end,
            answers=[("approve", "Approve 3 actions"), ("reject", "Reject 3 actions")],
            token=TOKEN,
            digest="sample-digest",
            invited="Ann Ng",
            why_not="",
            comment="optional",
        ),
    }
