"""A sample of the page of the audit trail. Pure."""

from __future__ import annotations

from hypersync.messages.pages.audit import AboutView, AuditPage, ChainView, EventView, FieldView
from hypersync.messages.samples.mails import RUN


def views() -> dict[str, object]:
    """Return a view for each template."""
    chain = ChainView(
        sentence="Sealed up to event 345 on Mon 2 Mar 2026, 13:00 CET; 1 event waits for a seal.",
        verdict="The chain is broken in 1 place: the first is at event 17.",
        verified="Verified up to event 345 on Mon 2 Mar 2026, 13:00 CET.",
        is_broken=True,
        faults=["Event 17 was changed: its seal does not fit what it says."],
        late=["Events 20 to 25 were sealed late, up to 2 days after."],
        verify="/audit?verify=all",
    )
    event = EventView(
        number="346",
        at="Mon 2 Mar 2026, 13:00 CET",
        kind="approve",
        by="Ann Ng",
        about=[AboutView("run", RUN, f"/report/runs/{RUN}"), AboutView("rule", "disable-leaver")],
        data=[("count", "300"), ("proof", "session")],
        is_sealed=False,
    )
    page = AuditPage(
        title="Audit trail",
        chain=chain,
        fields=[FieldView(name="kind", label="What happened", value="", choices=["approve"])],
        is_filtered=False,
        events=[event],
        older="/audit?before=346",
        error="",
    )
    return {"audit": page}
