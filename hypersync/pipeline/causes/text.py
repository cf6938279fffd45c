"""Says in words what stopped actions, or missing objects, share. Pure.

Values come from directories: they are cut, nothing in them is hidden, and whatever could be read as
a sentence of ours stands in quotation marks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from hypersync.model.causes import REST, Cause, Cluster
from hypersync.model.said import Said, say
from hypersync.model.visible import unhidden
from hypersync.pipeline.causes.choose import Clue, Kind, Part, companion, is_most, tested

MOST_CHARACTERS = 60

NOTABLE = 5
"""The least per cent by which a scan is called shorter or longer than the one before."""

_MOST = {
    Kind.ATTRIBUTE: say("{part} of {count} share {what}{news}{first}"),
    Kind.CONTAINER: say("{part} of {count} are {what}{news}{first}"),
    Kind.ANCHOR: say("{part} of {count} have {what}{news}{first}"),
    Kind.GROUP: say("{part} of {count} share {what}{news}{first}"),
    Kind.BECOMES: say("{part} of {count} share that {what}{news}{first}"),
    Kind.CHANGED: say("{part} of {count} share that {what}{news}{first}"),
    Kind.SCAN: say("{part} of {count} {what}{news}{first}"),
}
_DAY = timedelta(days=1)
_PLAIN = re.compile(r"[\w.@/+,=-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanFacts:
    """What is said of a scan: when it began, and how many objects it and the one before saw."""

    silo: str
    at: datetime
    is_file: bool = False
    seen: int | None = None
    seen_before: int | None = None


def cause_of(
    parts: Sequence[Part],
    clues: Sequence[Clue],
    count: int,
    scans: Mapping[str, ScanFacts],
    now: datetime,
) -> Cause:
    """Return the sentence about the largest part, and the clusters when there are at least two.

    ``scans`` has the facts of every scan that a clue names, by id.
    """
    words = _Words(clues, scans, now)
    text = words.sentence(parts[0], count) if parts and is_most(parts[0], count) else ""
    if len(parts) < 2:
        return Cause(text)
    return Cause(text, tuple(map(words.cluster, keys(parts), parts)))


def keys(parts: Sequence[Part]) -> Sequence[str]:
    """Return the keys of the clusters that the parts become."""
    return [REST if part.clue is None else str(index) for index, part in enumerate(parts, 1)]


def shown(value: object) -> str:
    """Return a value as a sentence may hold it."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    cut = unhidden(text[:MOST_CHARACTERS]) + ("…" if len(text) > MOST_CHARACTERS else "")
    return cut if _PLAIN.fullmatch(cut) else f"“{cut}”"


def scan_text(facts: ScanFacts, now: datetime) -> str:
    """Say which scan it was: its time is UTC, with the date when it is older than a day."""
    when = f"{facts.at:%H:%M} UTC" if now - facts.at <= _DAY else facts.at
    return say(
        "the scan of {silo} at {at}{length}", silo=facts.silo, at=when, length=_length(facts)
    )


def _length(facts: ScanFacts) -> str:
    """Say how much shorter or longer a scan was than the one before, when it is notable."""
    if facts.seen is None or not facts.seen_before:
        return ""
    lost = facts.seen_before - facts.seen
    percent = abs(lost) * 100 // facts.seen_before
    if percent < NOTABLE:
        return ""
    if facts.is_file:
        said = say(", file {percent}% shorter") if lost > 0 else say(", file {percent}% longer")
    else:
        said = say(", {percent}% shorter") if lost > 0 else say(", {percent}% longer")
    return say(said.message, percent=percent)


class _Words:
    """Words for features; they say whose attribute is meant where two types differ about it."""

    def __init__(
        self, clues: Sequence[Clue], scans: Mapping[str, ScanFacts], now: datetime
    ) -> None:
        self._clues = clues
        self._scans = scans
        self._now = now
        self._tested = tested(clues)

    def cluster(self, key: str, part: Part) -> Cluster:
        text = say("the rest") if part.clue is None else self._text(part.clue)
        return Cluster(key, text, part.actions.bit_count())

    def sentence(self, part: Part, count: int) -> str:
        assert part.clue is not None  # noqa: S101 - only what has one is told
        return say(
            _MOST[part.clue.feature.kind].message,
            part=part.actions.bit_count(),
            count=count,
            what=self._text(part.clue),
            news=self._news(part.clue, part),
            first=self._first_seen(part.clue, part),
        )

    def _news(self, clue: Clue, part: Part) -> str:
        """Say what the last scan changed about those who share an attribute."""
        changed = companion(self._clues, part.actions, Kind.CHANGED, self._tested)
        if changed is None or clue.feature.kind is not Kind.ATTRIBUTE:
            return ""
        if changed.feature[1:] == clue.feature[1:]:
            return say(", which is new")
        return say("; {what}", what=self._text(changed))

    def _first_seen(self, clue: Clue, part: Part) -> str:
        """Say by which scan they came."""
        scan = companion(self._clues, part.actions, Kind.SCAN, self._tested)
        if scan is None or clue.feature.kind is Kind.SCAN:
            return ""
        shared = (scan.actions & part.actions).bit_count()
        if shared == part.actions.bit_count():
            return say("; they {what}", what=self._text(scan))
        return say("; {count} of them {what}", count=shared, what=self._text(scan))

    def _text(self, clue: Clue) -> Said:
        feature = clue.feature
        name = shown(feature.name)
        value = say("empty") if feature.value is None else shown(feature.value)
        match feature.kind:
            case Kind.ATTRIBUTE:
                return say("{name}={value}{where}", name=name, value=value, where=self._where(clue))
            case Kind.CONTAINER:
                return say("in {value}", value=value)
            case Kind.ANCHOR:
                return say("an anchor that starts with {value}", value=value)
            case Kind.GROUP:
                return say("group={value}", value=value)
            case Kind.BECOMES:
                return say("{name} becomes {value}", name=name, value=value)
            case Kind.CHANGED:
                where = self._where(clue)
                return say("{name} became {value}{where}", name=name, value=value, where=where)
            case Kind.SCAN:
                facts = self._scans[str(feature.value)]
                return say("first appeared in {scan}", scan=scan_text(facts, self._now))

    def _where(self, clue: Clue) -> str:
        kind, source, name, value = clue.feature
        is_unclear = any(
            (other.feature.kind, other.feature.name) == (kind, name)
            and other.feature.source != source
            and other.feature.value != value
            and other.actions & clue.actions
            for other in self._clues
        )
        return say(" in {silo}", silo=shown(source)) if is_unclear else ""
