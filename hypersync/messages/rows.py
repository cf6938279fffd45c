"""What mails and pages show of single actions and of what actions share, worded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from hypersync.messages import wording
from hypersync.messages.difference import difference
from hypersync.messages.words import IN_ENGLISH, Words
from hypersync.model.actions import Action
from hypersync.model.causes import Cluster
from hypersync.ports.channel import RowLinks

PAGE_VALUES = 100
"""How many values of a list that a page shows are named."""


@dataclass(frozen=True, slots=True)
class ChangeView:
    """One attribute before and after."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RowView:
    """One action of a mail or a page; links are empty where nothing may be decided.

    ``heading`` names the cluster that begins with it, ``more`` says how many attributes change
    besides those that are shown; it is empty where all are, as on pages.
    """

    id: str
    who: str
    where: str
    operation: str
    changes: Sequence[ChangeView]
    why: str
    approve: str = ""
    reject: str = ""
    heading: str = ""
    more: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterView:
    """Some actions of a request that share something, with the links that decide about them."""

    text: str
    count: str
    approve: str = ""
    reject: str = ""


def row_view(
    action: Action,
    approve: str = "",
    reject: str = "",
    *,
    words: Words = IN_ENGLISH,
    book: object = None,
    is_short: bool = False,
    is_whole: bool = False,
) -> RowView:
    """Return one action as a row; ``is_short`` where there are many, ``is_whole`` on pages."""
    before, after = action.before or {}, action.after or {}
    names = sorted({*before, *after})
    most, longest = (6, 60) if is_short else (12, wording.MOST_CHARACTERS)
    values = PAGE_VALUES if is_whole else wording.MOST_VALUES
    shown = names if is_whole else names[:most]
    rest = len(names) - len(shown)
    return RowView(
        id=action.id,
        who=wording.who(action, words),
        where=wording.where(action),
        operation=wording.verb(action.operation, words),
        changes=[
            ChangeView(
                wording.visible(name, 60, words),
                *difference(before.get(name), after.get(name), longest, words, values=values),
            )
            for name in shown
        ],
        more=words.say_many("and {count} more attribute", "and {count} more attributes", rest)
        if rest > 0
        else "",
        why=wording.visible("; ".join(_why(action, words, book)), longest + 100, words),
        approve=approve,
        reject=reject,
    )


def in_common(rows: Sequence[RowView], said: str) -> tuple[str, list[RowView]]:
    """Take a reason that all rows share out of them; return it, unless it is ``said`` already.

    A sentence that says how many it is about has the reason without their number.
    """
    reasons = {row.why for row in rows}
    if len(rows) < 2 or len(reasons) > 1:
        return "", list(rows)
    common = reasons.pop()
    is_said = common in said or (common.partition(", ")[2] or common) in said
    return "" if is_said else common, [replace(row, why="") for row in rows]


def _why(action: Action, words: Words, book: object) -> list[str]:
    """Return why an action was stopped, and what it waits for besides a decision."""
    texts = [words.said(reason.text, book) for reason in action.reasons]
    return [*texts, words.say("waits: {what}", what=action.waits)] if action.waits else texts


def cluster_views(
    clusters: Sequence[Cluster],
    links: Mapping[str, RowLinks],
    words: Words = IN_ENGLISH,
    book: object = None,
) -> list[ClusterView]:
    """Return the clusters of what waits, in the order they are shown."""
    nothing = RowLinks(approve="", reject="")
    return [
        ClusterView(
            text=cluster_text(cluster, words, book),
            count=words.number(cluster.count),
            approve=links.get(cluster.key, nothing).approve,
            reject=links.get(cluster.key, nothing).reject,
        )
        for cluster in clusters
    ]


def cluster_text(cluster: Cluster, words: Words = IN_ENGLISH, book: object = None) -> str:
    """Return what the actions of a cluster share."""
    return wording.visible(words.said(cluster.text, book), 120, words)


def under_headings(
    rows: Sequence[RowView],
    keys: Sequence[str | None],
    clusters: Sequence[Cluster],
    words: Words = IN_ENGLISH,
    book: object = None,
) -> list[RowView]:
    """Name each cluster at its first row; the rows are in the order of the clusters."""
    texts = {
        each.key: f"{cluster_text(each, words, book)}: {words.number(each.count)}"
        for each in clusters
    }
    before = [None, *keys]
    return [
        replace(row, heading="" if key == last else texts.get(key or "", ""))
        for row, key, last in zip(rows, keys, before, strict=False)
    ]
