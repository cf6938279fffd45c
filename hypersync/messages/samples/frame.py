"""What stands around each sample page, and the page of one sentence. Pure."""

from __future__ import annotations

from hypersync.messages.pages.frame import FrameView, MessagePage, PlaceView

FRAME = FrameView(
    places=[
        PlaceView("Waiting", "/report/pending", True),
        PlaceView("Runs", "/report/runs"),
    ],
    visitor="Ann Ng",
    csrf="sample-csrf",
    can_sign_out=True,
)
"""What stands around each page."""


def views() -> dict[str, object]:
    """Return a view for each template."""
    return {"message": MessagePage(title="Nothing here", message="There is nothing here.")}
