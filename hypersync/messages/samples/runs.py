"""Samples of the pages of runs. Pure."""

from __future__ import annotations

from dataclasses import replace

from hypersync.messages.pages.runs import (
    ChoiceView,
    ComparedLine,
    ComparedRow,
    ComparePage,
    ConfirmView,
    FieldView,
    JobPage,
    LinkView,
    ListPage,
    RuleLine,
    RunActionView,
    RunLine,
    RunPage,
    RunsPage,
)
from hypersync.messages.samples.mails import RUN, question
from hypersync.messages.views import question_view

_LATER = "sample-run-a-day-later"
_FIELDS = [
    FieldView(
        "state", "State", "", [ChoiceView("", "any", True), ChoiceView("suspended", "suspended")]
    ),
    FieldView("q", "Name, anchor or identity"),
]


def views() -> dict[str, object]:
    """Return a view for each template."""
    run, actions = _run(), _actions()
    return {
        "runs": RunsPage(title="Runs", runs=[run], fields=_FIELDS, more="?after=x", may_run=True),
        "run": _run_page(run, actions),
        "run-list": ListPage(
            title=f"What run {RUN} put off",
            run=RUN,
            columns=("Rule", "Identity", "Put off", "Why"),
            rows=[("disable-leaver", "17", "throttled", "started 20 minutes ago, 1 hour apart")],
        ),
        "compare": _compare_page(run, actions[0]),
        "job": _job_page(),
    }


def _run() -> RunLine:
    asked = question_view(question())
    return RunLine(
        id=RUN,
        kind="full",
        mode="commit",
        state="done",
        started=dict(asked.facts)["Waiting since"],
        by="schedule:sync",
        counts="40 queued, 300 suspended",
        took="3 min 5 s",
        errors="1 error",
    )


def _actions() -> list[RunActionView]:
    asked = question_view(question())
    rows = [replace(row, approve="", reject="") for row in asked.rows]
    return [
        RunActionView(row=row, state="suspended", decided="", error="", rule="disable-leaver")
        for row in rows
    ]


def _run_page(run: RunLine, actions: list[RunActionView]) -> RunPage:
    return RunPage(
        title=f"Run {RUN}",
        run=run,
        facts=[("Took", "3 min 5 s"), ("Planning", "40 s"), ("Executing", "2 min 25 s")],
        rules=[
            RuleLine("disable-leaver", "300 suspended", "5%", "300 actions, 100 allowed"),
        ],
        errors=["flow-title: comparing text with a number"],
        more_errors="",
        put_off=[LinkView("3 throttled", f"/report/runs/{RUN}/put-off?verdict=throttled")],
        fields=_FIELDS,
        is_filtered=False,
        is_first=True,
        actions=actions,
        more="?after=x",
        others=[ChoiceView(_LATER, "a day later")],
        may_undo=True,
    )


def _compare_page(run: RunLine, action: RunActionView) -> ComparePage:
    return ComparePage(
        title="Two runs compared",
        choices_a=[ChoiceView(RUN, run.started, True)],
        choices_b=[ChoiceView(_LATER, "a day later", True)],
        a=run,
        b=replace(run, id=_LATER, started="a day later"),
        rules=[
            ComparedLine(
                rule="disable-leaver",
                both=LinkView("299", "?part=both"),
                changed=LinkView("0", ""),
                only_a=LinkView("1", "?part=only_a"),
                only_b=LinkView("0", ""),
                counts_a="300 suspended",
                counts_b="299 suspended",
            )
        ],
        heading="disable-leaver: wanted by the first only",
        rows=[ComparedRow(identity="17", a=action, b=None, note_b="not wanted")],
    )


def _job_page() -> JobPage:
    return JobPage(
        title="Preview of an undo",
        id="sample-job",
        sentence="Started by Ann Ng. Nothing was changed.",
        is_running=False,
        stage="",
        done=0,
        total=0,
        error="",
        run=RUN,
        counts="38 queued",
        leaves=True,
        notes=["2 changes would stay as they are: it cannot be taken back."],
        confirm=ConfirmView(
            button="Undo: make 38 changes", lines=["38 changes would be made."], stays=2
        ),
    )
