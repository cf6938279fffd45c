"""Reads what somebody chose on the page of what waits out of its form. Pure.

Each thing chosen carries what it was shown as: an action its mark, a whole request or a cluster of
it the digest of its list. Without that nothing is decided.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from werkzeug.exceptions import BadRequest

from hypersync.approvals.decide import OfRequest, OfSeveral
from hypersync.model.ids import ActionId, RequestId

MOST = 1_000
"""How many things one form may choose one by one."""

_ACTION = re.compile(r"([A-Za-z0-9_-]{1,64})\.([0-9a-f]{16})")
_PART = re.compile(r"([A-Za-z0-9_-]{1,64})\.([0-9a-f]{32})(?:\.([A-Za-z0-9_-]{1,64}))?")
_NOT_WHOLE = "The page was not sent whole. Open it again and choose anew."


def choice_of(actions: Sequence[str], parts: Sequence[str]) -> OfSeveral:
    """Return what was chosen; raises `BadRequest` for nothing, too much and what is not whole."""
    if not actions and not parts:
        raise BadRequest("Nothing is chosen. Choose what you want to answer about.")
    if len(actions) + len(parts) > MOST:
        raise BadRequest(
            f"More than {MOST} are chosen one by one. Choose all of a request or of a cluster "
            "instead, or fewer."
        )
    matched = [_matched(_ACTION, each) for each in actions]
    named = {each[1]: each[2] for each in matched}
    return OfSeveral(
        actions=tuple(ActionId(each) for each in named),
        marks=tuple(named.values()),
        parts=tuple(_part(each) for each in dict.fromkeys(parts)),
    )


def _part(text: str) -> OfRequest:
    request, digest, cluster = _matched(_PART, text).groups()
    return OfRequest(RequestId(request), digest=digest, cluster=cluster)


def _matched(pattern: re.Pattern[str], text: str) -> re.Match[str]:
    found = pattern.fullmatch(text)
    if found is None:
        raise BadRequest(_NOT_WHOLE)
    return found
