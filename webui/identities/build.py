"""Builds the views of the pages of identities. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from hypersync.insight.identities import Answer, Found
from hypersync.insight.portrait import (
    AttributeLine,
    ChangeLine,
    ObjectLines,
    Origin,
    Portrait,
)
from hypersync.insight.standing import Standing
from hypersync.insight.ties import Neighbour
from hypersync.messages import wording
from hypersync.messages.difference import difference
from hypersync.messages.pages.identities import (
    AttributeView,
    FoundView,
    GraphView,
    HistoryView,
    IdentityPage,
    ObjectView,
    SearchPage,
)
from hypersync.messages.rows import PAGE_VALUES, ChangeView
from hypersync.model.ids import ObjectId
from hypersync.ports.store.objects import StoredObject
from webui.identities import addresses
from webui.identities.graph import Inner, Outer, graph
from webui.identities.standing_view import about_view, rule_view, vip_view

ABSENT = {
    "gone": "deleted",
    "soft": "deleted, can be restored",
    "absent": "no longer found by scans",
    "out_of_scope": "out of the scope of the scans",
    "invalid": "there, and cannot be read",
}


# --- the search --------------------------------------------------------------------------------


def search_page(answer: Answer, *, total: int) -> SearchPage:
    """Return the search with what it found; ``total`` is how many objects there are."""
    is_asked = bool(answer.text)
    return SearchPage(
        title="Identities",
        typed=answer.text,
        is_asked=is_asked,
        found=[found_view(each) for each in answer.found],
        notes=[*_search_notes(answer, total)] if is_asked else [],
        more="" if answer.go_on is None else str(answer.go_on),
    )


def found_view(found: Found) -> FoundView:
    """Return one line of what was found."""
    return FoundView(
        name=wording.visible(found.name, 120),
        address=addresses.of_identity(found.identity),
        objects=[place_of(each) for each in found.objects],
        by=wording.visible(found.by, 60),
        text=wording.visible(found.text, 120),
    )


def _search_notes(answer: Answer, total: int) -> Iterator[str]:
    """Yield how far the search went: what is cut off is said, and so is what was not looked at."""
    if answer.is_cut:
        yield (
            "More anchors, join values or distinguished names begin like this than are shown; "
            "write more of it."
        )
    looked = wording.counted(answer.looked_at, "object")
    if answer.go_on is not None:
        yield (
            f"Names and other values are in no index. {looked} of about "
            f"{wording.number(max(total, answer.looked_at))} were read for them; "
            "the rest was not looked at yet."
        )
    elif answer.looked_at:
        yield f"Names and other values were looked for in {looked}: to the last one."


# --- one identity ------------------------------------------------------------------------------


def identity_page(
    seen: Portrait,
    standing: Standing,
    zone: str,
    now: datetime,
    *,
    may_sync: bool,
    sees_approvers: bool,
) -> IdentityPage:
    """Return one identity; times are in ``zone``. Who answers requests, not everybody may see."""
    return IdentityPage(
        title=wording.visible(seen.name, 120),
        address=addresses.of_identity(seen.identity),
        facts=[*_facts(seen)],
        notes=[f"No rule runs: {wording.visible(standing.waits, 300)}"] if standing.waits else [],
        graph=graph_view(seen),
        objects=[object_view(each, zone) for each in seen.objects],
        history=[history_view(seen, each, zone) for each in seen.changes],
        has_more_history=seen.has_more_changes,
        vips=[
            vip_view(each, zone)
            for each in standing.vips
            if each.answer is not None or sees_approvers
        ],
        rules=[rule_view(each, zone, now) for each in standing.rules],
        actions=[about_view(each, zone) for each in standing.actions],
        has_more_actions=standing.has_more_actions,
        sync=f"{addresses.of_identity(seen.identity)}/sync" if may_sync else "",
    )


def _facts(seen: Portrait) -> Iterator[tuple[str, str]]:
    yield "Identity", str(seen.identity)
    if seen.key:
        yield "Join value", wording.visible(seen.key, 120)
    there = sum(each.stored.absence is None for each in seen.objects)
    away = len(seen.objects) - there
    yield (
        "Objects",
        wording.number(there) + (f", {wording.number(away)} not there any more" if away else ""),
    )


def place_of(stored: StoredObject) -> str:
    """Return where an object is, as SILO/TYPE/ANCHOR."""
    return wording.visible(f"{stored.silo}/{stored.type}/{stored.anchor}", 160)


def absence_of(absence: str | None) -> str:
    """Return why an object is not there, empty when it is."""
    return "" if absence is None else ABSENT.get(absence, absence)


def object_view(lines: ObjectLines, zone: str) -> ObjectView:
    """Return one object with its attributes."""
    stored = lines.stored
    facts = [
        ("Slot", wording.visible(stored.slot, 60) if stored.slot else "none: no join takes it"),
        ("Here since", wording.moment(stored.created_at, zone)),
        ("Last change", wording.moment(stored.changed_at, zone)),
    ]
    notes = []
    if lines.is_past_cut:
        notes.append("It changed very often: who wrote what long ago was not looked up.")
    if lines.has_more_members:
        notes.append("It has more members than are listed.")
    return ObjectView(
        id=f"object-{stored.id}",
        title=place_of(stored),
        state=absence_of(stored.absence),
        facts=facts,
        attributes=[_attribute(each, zone) for each in lines.attributes],
        members=[
            (wording.visible(name, 60), wording.visible(target))
            for name, targets in lines.members.items()
            for target in targets
        ],
        notes=notes,
    )


def _attribute(line: AttributeLine, zone: str) -> AttributeView:
    return AttributeView(
        name=wording.visible(line.name, 80),
        value="" if line.is_hidden else wording.value(line.value),
        is_hidden=line.is_hidden,
        origin=origin_text(line.origin, zone),
        address=addresses.of_origin(line.origin),
    )


def origin_text(origin: Origin | None, zone: str) -> str:
    """Say who wrote something and when."""
    if origin is None:
        return "too long ago to be looked up"
    when = wording.moment(origin.at, zone)
    who = writer_text(origin)
    return f"{who}, {when}" if who else f"first seen {when}"


def writer_text(origin: Origin) -> str:
    """Say who wrote something; nothing when it is not known any more."""
    if origin.action is not None:
        return f"by our rule {wording.visible(origin.action.rule, 80)}"
    if origin.scan is not None:
        kind = origin.scan.kind.value
        return f"found by the {kind} scan of {wording.visible(origin.scan.silo, 60)}"
    return ""


def history_view(seen: Portrait, line: ChangeLine, zone: str) -> HistoryView:
    """Return one change of the past."""
    was, is_now = line.absence
    absence = ""
    if was != is_now:
        absence = "came back" if is_now is None else absence_of(is_now)
    return HistoryView(
        when=wording.moment(line.origin.at, zone),
        where=place_of(line.stored),
        origin=writer_text(line.origin) or "by whom is not known any more",
        address=addresses.of_origin(line.origin),
        then=addresses.of_past(seen.identity, line.origin.at),
        changes=[
            ChangeView(wording.visible(name, 80), *difference(before, after, values=PAGE_VALUES))
            for name, before, after in line.changes
        ],
        absence=absence,
    )


# --- the graph ---------------------------------------------------------------------------------


def graph_view(seen: Portrait) -> GraphView:
    """Return the identity with its objects and what they are tied to."""
    outer: dict[ObjectId, list[Outer]] = {}
    for each in _once(seen.neighbours):
        outer.setdefault(each.own.id, []).append(_outer(each))
    objects = [_inner(each.stored, outer) for each in seen.objects]
    count = wording.counted(len(objects), "object")
    ties = wording.counted(sum(len(each) for each in outer.values()), "tie")
    text = f"The identity in the middle, {count} by silo, {ties} to objects of others."
    drawn = graph(wording.visible(seen.name, 60), text, objects)
    if not seen.has_more_neighbours:
        return drawn
    more = f"There are more ties; the first {len(seen.neighbours)} were looked up."
    return replace(drawn, note=" ".join(filter(None, (drawn.note, more))))


def _once(neighbours: Sequence[Neighbour]) -> list[Neighbour]:
    """Leave out what is said already: the same tie found in two ways."""
    known = {(each.own.id, each.other.id, each.word): each for each in reversed(neighbours)}
    return list(reversed(known.values()))


def _inner(stored: StoredObject, outer: Mapping[ObjectId, Sequence[Outer]]) -> Inner:
    return Inner(
        silo=wording.visible(stored.silo, 40),
        name=wording.visible(stored.anchor, 60),
        text=wording.visible(stored.type, 40),
        address=f"#object-{stored.id}",
        is_there=stored.absence is None,
        outer=outer.get(stored.id, ()),
    )


def _outer(neighbour: Neighbour) -> Outer:
    other = neighbour.other
    return Outer(
        name=wording.visible(neighbour.name, 60),
        text=wording.visible(f"{other.type}/{other.anchor}", 80),
        word=wording.visible(neighbour.word, 40),
        address=addresses.of_identity(other.identity),
        is_from=neighbour.is_from,
    )
