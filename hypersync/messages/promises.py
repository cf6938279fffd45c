"""What a mail must show, whoever wrote its template. Pure.

People who are asked have to be able to answer, and people who are told how it ended have to learn
it. `check` looks for this in a project's templates; a mail in which it is missing all the same is
sent in the shipped form.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import unescape
from typing import TypeAlias

from hypersync.messages.outcome import OutcomeView
from hypersync.messages.views import DigestView, QuestionView

MailView: TypeAlias = QuestionView | DigestView | OutcomeView


def left_out(view: MailView, rendered: str) -> list[str]:
    """Return what a filled template does not show of what it must."""
    shown = " ".join(unescape(rendered).split())
    found = [what for text, what in _promised(view).items() if " ".join(text.split()) not in shown]
    return list(dict.fromkeys(found))


def _promised(view: MailView) -> Mapping[str, str]:
    """Return what has to be shown, and what that is."""
    if isinstance(view, OutcomeView):
        answers = dict.fromkeys(view.answers, "who decided, when and how that is proven")
        return {view.title: "how it ended", **answers}
    questions = view.questions if isinstance(view, DigestView) else [view]
    promised = {}
    for each in questions:
        promised[each.approve_all] = "the link that approves all"
        promised[each.reject_all] = "the link that rejects all"
        promised[each.code] = "the confirmation code"
    return {text: what for text, what in promised.items() if text}
