"""A plot as coordinates, with everything it says as a table besides. Pure.

`webui.drawing` makes them of numbers, ``templates/web/_plots.html`` draws them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TickView:
    """A mark of an axis and what stands beside it."""

    at: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BarView:
    """A bar; ``kind`` is its place in the legend, ``text`` what is read on it."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkView:
    """A short line across a bar, for instance the limit that held then."""

    left: float
    right: float
    y: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DotView:
    """A point of a line and what is read on it."""

    x: float
    y: float
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class PathView:
    """A line or an area, as the ``d`` of a path."""

    kind: str
    path: str


@dataclass(frozen=True, slots=True)
class LegendView:
    """What a kind of bar, line or area stands for."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlotView:
    """A plot.

    ``id`` is unique on its page. ``title`` and ``text`` are what a screen reader says of it,
    ``columns`` and ``rows`` the same as a table. One without rows has nothing to draw. The
    axes stand outside of ``left``, ``right``, ``top`` and ``bottom``.
    """

    id: str
    title: str
    text: str
    width: int = 720
    height: int = 240
    left: float = 64.0
    right: float = 708.0
    top: float = 12.0
    bottom: float = 208.0
    across: Sequence[TickView] = ()
    up: Sequence[TickView] = ()
    bars: Sequence[BarView] = ()
    marks: Sequence[MarkView] = ()
    areas: Sequence[PathView] = ()
    lines: Sequence[PathView] = ()
    dots: Sequence[DotView] = ()
    legend: Sequence[LegendView] = ()
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
