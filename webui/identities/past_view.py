"""Builds the view of the time machine. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from hypersync.insight.past import Compared, ObjectThen, Past
from hypersync.messages import wording
from hypersync.messages.difference import difference
from hypersync.messages.pages.identities import ObjectThenView, PastPage, ThenView
from webui.identities import addresses
from webui.identities.build import absence_of, place_of

_SECOND = timedelta(seconds=1)


def past_page(seen: Past, zone: str) -> PastPage:
    """Return an identity at a moment; times are in ``zone``."""
    objects = [_object(each) for each in seen.objects]
    name = wording.visible(seen.name, 120)
    earlier, later = seen.earlier, seen.later
    return PastPage(
        title=f"{name} as it was",
        address=addresses.of_past(seen.identity),
        identity=addresses.of_identity(seen.identity),
        when=exactly(seen.at, zone),
        at=for_field(seen.at, zone),
        zone=zone,
        moments=[exactly(each, zone) for each in seen.moments],
        place=max(seen.place, 0),
        earlier="" if earlier is None else addresses.of_past(seen.identity, earlier),
        later="" if later is None else addresses.of_past(seen.identity, later),
        summary=_summary(seen),
        objects=objects,
    )


def exactly(at: datetime, zone: str) -> str:
    """Return a time with its seconds: several things may change within a minute."""
    local = at.astimezone(ZoneInfo(zone))
    return f"{local:%a} {local.day} {local:%b %Y, %H:%M:%S %Z}"


def for_field(at: datetime, zone: str) -> str:
    """Return a time as a date field holds it: whole seconds, never before the time itself."""
    whole = at if at.microsecond == 0 else at.replace(microsecond=0) + _SECOND
    return whole.astimezone(ZoneInfo(zone)).replace(tzinfo=None).isoformat(timespec="seconds")


def _summary(seen: Past) -> str:
    """Say how much differed, in one sentence that is read out when it changes."""
    if all(each.then is None and each.is_known for each in seen.objects):
        return "Nothing was known of it then."
    count = sum(line.differs for each in seen.objects for line in each.lines if each.then)
    absent = sum(_is_there(each, then=True) != _is_there(each, then=False) for each in seen.objects)
    if not count and not absent:
        return "Nothing differed from now."
    said = [wording.counted(count, "attribute")] if count else []
    said += [wording.counted(absent, "object")] if absent else []
    return f"{' and '.join(said)} differed from now."


def _is_there(each: ObjectThen, *, then: bool) -> bool:
    stored = each.then if then else each.now
    return stored is not None and stored.absence is None


def _object(each: ObjectThen) -> ObjectThenView:
    was = each.then
    state, note = "", ""
    if not each.is_known:
        note = "It changed too often since to walk back so far; choose a later time."
    elif was is None:
        state = "not known yet"
    else:
        state = absence_of(was.absence)
    if not each.has_members:
        note = f"{note} Who its members were is not said: there are too many.".strip()
    return ObjectThenView(
        title=place_of(each.now),
        state=state,
        is_there=was is not None,
        differs=_is_there(each, then=True) != _is_there(each, then=False),
        lines=[] if was is None else [_line(line) for line in each.lines],
        note=note,
    )


def _line(line: Compared) -> ThenView:
    name = wording.visible(line.name, 80)
    if line.is_hidden:
        return ThenView(name=name, then="(not shown)", now="(not shown)", how="")
    how = ""
    if line.differs:
        how = "came later" if line.then is None else "is gone" if line.now is None else "changed"
    then, now = difference(line.then, line.now)
    if isinstance(line.then, tuple) and isinstance(line.now, tuple) and line.differs:
        then = wording.value(line.then)
        come = tuple(value for value in line.now if value not in line.then)
        gone = tuple(value for value in line.then if value not in line.now)
        now = "; ".join(
            part
            for part in (
                f"with {wording.value(come)}" if come else "",
                f"without {wording.value(gone)}" if gone else "",
            )
            if part
        )
    return ThenView(name=name, then=then, now=now, how=how)
