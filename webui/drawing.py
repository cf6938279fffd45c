"""Turns numbers into the coordinates of plots, which are drawn on the server as SVG. Pure.

Two kinds, both with a legend and with the same numbers as a table:

* `bars`: one `Bar` a run or a day, its parts on top of each other, each with a mark across it where
  something such as a limit is to be compared::

      bars("closeness", "How close the last runs came", "What each run asked for.",
           parts=("let through", "stopped"), mark="limit", head="Run",
           all_bars=[Bar(label="2 Mar", text="Mon 2 Mar 2026, 12:00 UTC", values=(3, 0), mark=5)])

* `lines`: one `Line` for each thing that changes over time, and a `Band` where values are to stay
  between two others. The dates on the axis are those of a time zone::

      lines("objects", "Objects in hr", "How many live objects each scan left.", zone="UTC",
            all_lines=[Line("live", [(at, 120), (later, 118)])],
            band=Band("believed unasked", [(at, 114, 126), (later, 112, 124)]))

A page view keeps the `PlotView` that comes back, and its template draws it::

    {% from "web/_plots.html" import plot %}
    {{ plot(view.objects) }}

Values are whole numbers; a point of ``None`` is a gap. Nothing to draw gives a plot without rows,
of which the template says so. Texts come worded and made visible (`wording.visible`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from zoneinfo import ZoneInfo

from hypersync.messages import wording
from hypersync.messages.pages.plots import (
    BarView,
    DotView,
    LegendView,
    MarkView,
    PathView,
    PlotView,
    TickView,
)

_EMPTY = PlotView(id="", title="", text="")
LEFT, RIGHT, TOP, BOTTOM = _EMPTY.left, _EMPTY.right, _EMPTY.top, _EMPTY.bottom
MARK, BAND = "mark", "band"
MOST_LABELS = 8
MOST_DOTS = 60
"""Lines of more points are drawn without a dot on each."""
_GAP = 0.25
"""The share of a bar's place that is left free."""
_WIDEST = 48.0
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_STRIDES = (
    *(_HOUR * each for each in (1, 3, 6, 12)),
    *(_DAY * each for each in (1, 2, 7, 14, 28, 91, 182, 365, 3650)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar: a short label for the axis, the whole text, its parts from below, and its mark."""

    label: str
    text: str
    values: Sequence[int]
    mark: int | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """Something that changes over time, oldest first; ``None`` is not known."""

    name: str
    points: Sequence[tuple[datetime, int | None]]


@dataclass(frozen=True, slots=True)
class Band:
    """Between what values were to stay, oldest first: (when, lower, upper)."""

    name: str
    points: Sequence[tuple[datetime, int, int]]


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps values to coordinates; one value alone stands in the middle."""

    lowest: float
    highest: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Return the coordinate of a value, to a tenth."""
        span = self.highest - self.lowest
        share = (value - self.lowest) / span if span else 0.5
        return round(self.start + share * (self.end - self.start), 1)


# --- bars --------------------------------------------------------------------------------------


def bars(
    name: str,
    title: str,
    text: str,
    *,
    parts: Sequence[str],
    all_bars: Sequence[Bar],
    head: str,
    mark: str = "",
) -> PlotView:
    """Return bars side by side; ``parts`` name their values, ``mark`` what is marked on them."""
    heights = [max(sum(each.values), each.mark or 0) for each in all_bars]
    ticks = steps(0, max(heights, default=0))
    up = Scale(0, ticks[-1], BOTTOM, TOP)
    place = (RIGHT - LEFT) / max(len(all_bars), 1)
    wide = min(place * (1 - _GAP), _WIDEST)
    middles = [LEFT + place * (number + 0.5) for number in range(len(all_bars))]
    return PlotView(
        id=name,
        title=title,
        text=text,
        across=_labels(middles, [each.label for each in all_bars]),
        up=_heights(ticks, up),
        bars=[
            view
            for middle, each in zip(middles, all_bars, strict=True)
            for view in _stacked(each, parts, middle, wide, up)
        ],
        marks=[
            MarkView(
                left=round(middle - place / 2, 1),
                right=round(middle + place / 2, 1),
                y=up.at(each.mark),
                text=f"{each.text}: {mark} {wording.number(each.mark)}",
            )
            for middle, each in zip(middles, all_bars, strict=True)
            if mark and each.mark is not None
        ],
        legend=_legend(parts, MARK, mark),
        columns=(head, *parts, *([mark] if mark else [])),
        rows=[
            (
                each.text,
                *(wording.number(value) for value in each.values),
                *([_or_unknown(each.mark)] if mark else []),
            )
            for each in all_bars
        ],
    )


def _stacked(
    bar: Bar, parts: Sequence[str], middle: float, wide: float, up: Scale
) -> Iterator[BarView]:
    """Yield the parts of a bar from below; those of zero are not drawn."""
    below = 0
    for number, (part, value) in enumerate(zip(parts, bar.values, strict=True)):
        if not value:
            continue
        top = up.at(below + value)
        yield BarView(
            x=round(middle - wide / 2, 1),
            y=top,
            width=round(wide, 1),
            height=round(up.at(below) - top, 1),
            kind=kind(number),
            text=f"{bar.text}: {wording.number(value)} {part}",
        )
        below += value


def _labels(middles: Sequence[float], labels: Sequence[str]) -> list[TickView]:
    """Label as many bars as there is room for, the last one always."""
    every = -(-len(labels) // MOST_LABELS) or 1
    last = len(labels) - 1
    return [
        TickView(round(middles[number], 1), labels[number])
        for number in range(len(labels))
        if (last - number) % every == 0
    ]


# --- lines -------------------------------------------------------------------------------------


def lines(
    name: str,
    title: str,
    text: str,
    *,
    all_lines: Sequence[Line],
    zone: str,
    band: Band | None = None,
    from_zero: bool = False,
) -> PlotView:
    """Return lines over time; the axis begins where the values do unless ``from_zero``."""
    values = list(_values(all_lines, band))
    times = sorted(_times(all_lines, band))
    if not values:
        return PlotView(id=name, title=title, text=text)
    ticks = steps(0 if from_zero else min(values), max(values))
    up = Scale(ticks[0], ticks[-1], BOTTOM, TOP)
    across = Scale(times[0].timestamp(), times[-1].timestamp(), LEFT + 6, RIGHT - 6)
    names = [each.name for each in all_lines]
    return PlotView(
        id=name,
        title=title,
        text=text,
        across=dates(times[0], times[-1], zone, across),
        up=_heights(ticks, up),
        areas=[PathView(BAND, _area(band, across, up))] if band and band.points else [],
        lines=[
            PathView(kind(number), _path(each.points, across, up))
            for number, each in enumerate(all_lines)
        ],
        dots=list(_dots(all_lines, across, up, zone)),
        legend=_legend(names, BAND, band.name if band else ""),
        columns=("When", *names, *([f"{band.name}: from", "to"] if band else [])),
        rows=_rows(all_lines, band, times, zone),
    )


def _values(all_lines: Sequence[Line], band: Band | None) -> Iterator[int]:
    for line in all_lines:
        yield from (value for _, value in line.points if value is not None)
    for _, lower, upper in band.points if band else ():
        yield from (lower, upper)


def _times(all_lines: Sequence[Line], band: Band | None) -> set[datetime]:
    found = {at for line in all_lines for at, _ in line.points}
    return found | {at for at, _, _ in (band.points if band else ())}


def _path(points: Iterable[tuple[datetime, int | None]], across: Scale, up: Scale) -> str:
    """Return a line through the points; it begins anew after a gap."""
    drawn, is_drawing = [], False
    for at, value in points:
        if value is not None:
            pen = "L" if is_drawing else "M"
            drawn.append(f"{pen}{across.at(at.timestamp())} {up.at(value)}")
        is_drawing = value is not None
    return " ".join(drawn)


def _area(band: Band, across: Scale, up: Scale) -> str:
    """Return the outline of a band: along its upper edge, and back along the lower."""
    there = [(across.at(at.timestamp()), up.at(upper)) for at, _, upper in band.points]
    back = [(across.at(at.timestamp()), up.at(lower)) for at, lower, _ in reversed(band.points)]
    first, *rest = chain(there, back)
    return " ".join([f"M{first[0]} {first[1]}", *(f"L{x} {y}" for x, y in rest), "Z"])


def _dots(all_lines: Sequence[Line], across: Scale, up: Scale, zone: str) -> Iterator[DotView]:
    for number, line in enumerate(all_lines):
        if len(line.points) > MOST_DOTS:
            continue
        for at, value in line.points:
            if value is not None:
                yield DotView(
                    x=across.at(at.timestamp()),
                    y=up.at(value),
                    kind=kind(number),
                    text=f"{wording.moment(at, zone)}: {wording.number(value)} {line.name}",
                )


def _rows(
    all_lines: Sequence[Line], band: Band | None, times: Sequence[datetime], zone: str
) -> list[tuple[str, ...]]:
    """Return every time with what is known of each line, newest first."""
    known = [dict(line.points) for line in all_lines]
    edges = {at: (lower, upper) for at, lower, upper in (band.points if band else ())}
    return [
        (
            wording.moment(at, zone),
            *(_or_unknown(line.get(at)) for line in known),
            *(map(_or_unknown, edges.get(at, (None, None))) if band else ()),
        )
        for at in reversed(times)
    ]


# --- axes --------------------------------------------------------------------------------------


def steps(lowest: int, highest: int, about: int = 4) -> list[int]:
    """Return round numbers, about so many, from below the lowest to above the highest value."""
    step = 1
    while (highest - lowest) > step * about:
        step = _next_round(step)
    first = lowest // step * step
    last = max(-(-highest // step) * step, first + step)
    return list(range(first, last + step, step))


def _next_round(step: int) -> int:
    """Return the next of 1, 2, 5, 10, 20, 50 and so on."""
    return step * 5 // 2 if str(step).startswith("2") else step * 2


def dates(first: datetime, last: datetime, zone: str, across: Scale) -> list[TickView]:
    """Return ticks at round local times between two moments."""
    stride = next(
        (each for each in _STRIDES if (last - first) / each < MOST_LABELS - 1), _STRIDES[-1]
    )
    local = first.astimezone(ZoneInfo(zone))
    at = local.replace(hour=0, minute=0, second=0, microsecond=0)
    found = []
    while at <= last:
        if at >= first:
            found.append(TickView(across.at(at.timestamp()), _date(at, stride)))
        at += stride  # on the clocks of the zone, so that days stay days when those are set
    return found or [TickView(across.at(first.timestamp()), _date(local, stride))]


def _date(at: datetime, stride: timedelta) -> str:
    if stride < _DAY and (at.hour or at.minute):
        return f"{at:%H:%M}"
    return f"{at.day} {at:%b}" if stride < _DAY * 91 else f"{at:%b %Y}"


def _heights(ticks: Sequence[int], up: Scale) -> list[TickView]:
    return [TickView(up.at(each), short(each)) for each in ticks]


def short(value: int) -> str:
    """Return a number that has room beside an axis."""
    if value < 1_000_000:
        return wording.number(value)
    return f"{value / 1_000_000:g} M"


# --- what both have ----------------------------------------------------------------------------


def kind(number: int) -> str:
    """Return the name of the colour of the first, second, … part or line."""
    return f"k{number % 6}"


def _legend(names: Sequence[str], more: str, more_name: str) -> list[LegendView]:
    found = [LegendView(kind(number), name) for number, name in enumerate(names)]
    return [*found, LegendView(more, more_name)] if more_name else found


def _or_unknown(value: int | None) -> str:
    return "\N{EN DASH}" if value is None else wording.number(value)
