"""What the report of everything that waits shows. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hypersync.messages.rows import ClusterView, RowView


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceView:
    """One thing to choose from a list; ``is_chosen`` marks what is chosen."""

    value: str
    label: str
    is_chosen: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterView:
    """One list that narrows down what is shown; its first choice is everything."""

    name: str
    label: str
    choices: Sequence[ChoiceView]


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingRow:
    """One action; ``value`` is what choosing it sends, bound to what is shown, empty for nobody."""

    row: RowView
    value: str = ""
    is_chosen: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeView:
    """Something to choose all of; ``value`` is bound to the list as it is now."""

    label: str
    value: str
    is_chosen: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingView:
    """One request of the report.

    ``found`` says how many of its actions are looked for, ``place`` which of them are shown, and
    ``more`` where the next ones are; ``rows_from`` is only their rows. ``why_not`` says why whoever
    looks may not decide, and ``wholes`` is empty for them.
    """

    id: str
    title: str
    sentence: str
    cause: str
    facts: Sequence[tuple[str, str]]
    notes: Sequence[str]
    end: str
    clusters: Sequence[ClusterView]
    rows: Sequence[WaitingRow]
    approve: str
    reject: str
    run: str
    wholes: Sequence[WholeView] = ()
    why_not: str = ""
    found: str = ""
    place: str = ""
    more: str = ""
    rows_from: str = ""
    earlier: str = ""
    alone: str = ""
    ends_soon: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsPart:
    """The next rows of a request, put behind those that are there."""

    request: WaitingView


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeNote:
    """What became of one action that a page shows."""

    id: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewsPart:
    """What happened since a page was opened.

    ``opened`` are requests that came, ``changed`` those of which something was decided, as they are
    now, ``closed`` the ids of those that ended; ``again`` is where to ask the next time.
    """

    text: str
    again: str
    opened: Sequence[WaitingView] = ()
    changed: Sequence[WaitingView] = ()
    closed: Sequence[str] = ()
    ended: Sequence[ChangeNote] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingPage:
    """Everything that waits, or what of it is looked for.

    ``news`` is where to ask what happened since, empty where nobody may. ``can_choose`` says that
    there is something to decide for whoever looks; ``how`` says how to decide where there is not.
    """

    title: str
    requests: Sequence[WaitingView]
    others: Sequence[RowView]
    summary: str = ""
    others_rest: int = 0
    filters: Sequence[FilterView] = ()
    flags: Sequence[ChoiceView] = ()
    words: str = ""
    is_narrowed: bool = False
    request: str = ""
    all: str = ""
    exports: Sequence[tuple[str, str]] = ()
    earlier: str = ""
    later: str = ""
    news: str = ""
    can_choose: bool = False
    wants_reason: bool = False
    how: str = ""
    comment: str = ""
    error: str = ""
    done: str = ""
    after: str = ""
    decided: Sequence[str] = ()
