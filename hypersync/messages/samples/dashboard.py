"""A sample of the dashboard. Pure."""

from __future__ import annotations

from hypersync.messages.pages.dashboard import (
    AskedView,
    DashboardPage,
    DueView,
    NowView,
    RunShort,
    ScanView,
    SiloView,
)
from hypersync.messages.samples.mails import RUN

_WHEN = "Mon 2 Mar 2026, 08:30 UTC"


def views() -> dict[str, object]:
    """Return a view for each template."""
    now = NowView(
        title="Dashboard",
        daemon="A daemon runs: schedules are kept, mails go out.",
        is_led=True,
        waiting="1 request waits for a decision.",
        waiting_facts=[("Oldest", f"disable-leaver wants to disable 300 times, since {_WHEN}")],
        silos=[
            SiloView(
                name="hr",
                live="2 000 person",
                is_paused=True,
                paused_because="moving house",
                scans=[
                    ScanView(
                        stream="person",
                        state="full, suspended",
                        is_bad=True,
                        when=_WHEN,
                        took="took 4 s",
                        counts="800 seen",
                        reason="1 200 of 2 000 objects are missing, 100 allowed (5%)",
                        before=f"The last one that was applied began {_WHEN}.",
                    )
                ],
            )
        ],
        runs=[RunShort(id=RUN, text="full sync, commit, done", when=_WHEN, counts="40 queued")],
        due=[DueView(what="delta sync, every 5m", due=_WHEN, last=_WHEN)],
        at=_WHEN,
    )
    asked = AskedView(plan="iam-team", first="Ann Ng", entitled="Ann Ng, Bob Ray")
    page = DashboardPage(title="Dashboard", now=now, plots=[], asked=[asked], asked_note="")
    return {"dashboard": page}
